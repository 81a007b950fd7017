"""The notebooks and the README for all readers: an outline, figures in words, links that say where they lead, spelling.

Every check takes text and returns what is wrong with it, in words; at the end each is shown a fault that it must find.
"""

from __future__ import annotations

import ast
import functools
import io
import itertools
import json
import re
import tokenize
from pathlib import Path

import pytest
from spellchecker import SpellChecker

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb")) + sorted(ROOT.glob("*.ipynb"))
PAGES = [*NOTEBOOKS, ROOT / "README.md"]
LINKED = [*PAGES, *sorted((ROOT / ".github").glob("*.md"))]  # what the README leads to
SOURCES = sorted((ROOT / "minidl").rglob("*.py"))
LINK = re.compile(r"(!?)\[((?:[^][]|\[[^]]*\])*)\]\(([^)\s]+)\)")
CODE = re.compile(r"(?ms)^```.*?^```$|(`+)(?!`)(.*?)(?<!`)\1(?!`)")


def cells(path: Path) -> list[tuple[str, str]]:
    """Return the name and text of every markdown cell of a notebook, or of a Markdown file as one cell."""
    if path.suffix != ".ipynb":
        return [(path.name, path.read_text(encoding="utf-8"))]
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [(cell["id"], "".join(cell["source"])) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]


def without_code(text: str) -> str:
    """Return Markdown without its code, fenced or in the line."""
    return CODE.sub("", text)


# ---------------------------------------------------------------------------------------------------------------------
# Headings


def headings(text: str) -> list[tuple[int, str]]:
    """Return level and words of every heading."""
    found = re.findall(r"^(#{1,6})\s+(.*?)\s*$", re.sub(r"(?ms)^```.*?^```$", "", text), re.MULTILINE)
    return [(len(marks), words) for marks, words in found]


def anchor(words: str) -> str:
    """Return what JupyterLab, and nbconvert with it, make of a heading so that links can lead to it."""
    return re.sub(r"[`*]", "", words).replace(" ", "-")


def faults_of_outline(text: str) -> list[str]:
    found = headings(text)
    faults = [] if found and found[0][0] == 1 else ["the first heading is not the title"]
    faults += [f"a second title: {words}" for level, words in found[1:] if level == 1]
    for (above, _), (level, words) in itertools.pairwise(found):
        if level > above + 1:
            faults.append(f"level {level} follows level {above}: {words}")
    names = [anchor(words) for _, words in found]
    return faults + [f"twice the same heading: {name}" for name in sorted(set(names)) if names.count(name) > 1]


@pytest.mark.parametrize("path", LINKED, ids=lambda path: path.stem)
def test_headings_form_an_outline(path):
    assert faults_of_outline("\n\n".join(text for _, text in cells(path))) == []


# ---------------------------------------------------------------------------------------------------------------------
# Links, and images in prose

VAGUE = {"here", "this", "that", "link", "more", "there", "click", "page", "read", "see", "file", "notebook", "the"}


def words_of(text: str) -> set[str]:
    """Return the words that tell one place from another, in small letters."""
    return {word[:7] for word in set(re.findall(r"[a-z]{2,}", text.lower())) - VAGUE}  # contribute, contributing


def title(path: Path) -> str:
    """Return what a file is called: its name, and its title where it has one."""
    found = headings("\n\n".join(text for _, text in cells(path))) if path.suffix in (".ipynb", ".md") else []
    return f"{path.name} {found[0][1] if found else ''}"


def faults_of_links(text: str, folder: Path, own: str) -> list[str]:
    """Return what is wrong with the links and images of a page in ``folder``, whose whole text is ``own``."""
    faults = []
    text = CODE.sub(lambda code: re.sub(r"[][()!<>]", " ", code[2] or ""), text)  # a link's words may be code
    for image, words, target in LINK.findall(text):
        if image:
            if len(words_of(words)) < 4:
                faults.append(f"the image {target} is not described")
            if "://" in target or not (folder / target).is_file():
                faults.append(f"the image {target} is not here")
            continue
        if "://" in target:
            if "://" in words or not words_of(words):
                faults.append(f"the words of the link to {target} do not say where it leads: {words!r}")
            continue
        name, _, part = target.partition("#")
        place = (folder / name).resolve() if name else None
        if place and not place.exists():
            faults.append(f"the link {words!r} leads to {name}, which is not there")
            continue
        there = own
        if place and place.suffix in (".ipynb", ".md"):
            there = "\n\n".join(text for _, text in cells(place))
        if part and part not in [anchor(heading) for _, heading in headings(there)]:
            faults.append(f"the link {words!r} leads to a heading that is not there: {target}")
        about = re.sub(r"[-_]", " ", part) + (f" {title(place)}" if place else "")
        telling = [word for word in words_of(words) if len(word) > 4]
        if not words_of(words) & words_of(about) and len(telling) < 2:
            faults.append(f"the words of the link to {target} do not say where it leads: {words!r}")
    rest = LINK.sub("", text)
    faults += [f"a bare address: {address}" for address in re.findall(r"https?://\S+", rest)]
    faults += [f"an image without a description: {tag}" for tag in re.findall(r"<img(?![^>]*\balt=\"\w)[^>]*>", rest)]
    faults += [
        f"a link to nothing: {words}" for words in re.findall(r"\[[^][\n]+\]\(\s*\)|\[[^][\n]+\]\[[^][]*\]", rest)
    ]
    return faults


@pytest.mark.parametrize("path", LINKED, ids=lambda path: path.stem)
def test_links_lead_where_they_say(path):
    own = "\n\n".join(text for _, text in cells(path))
    faults = [f"{name}: {fault}" for name, text in cells(path) for fault in faults_of_links(text, path.parent, own)]
    assert faults == []


# ---------------------------------------------------------------------------------------------------------------------
# Tables


def faults_of_tables(text: str) -> list[str]:
    """Return the tables of a Markdown text whose columns have no names; the first column may do without."""
    faults = []
    for head in re.findall(r"^(\|.*\|)[ \t]*\n\|[ :|-]+\|[ \t]*$", text, re.MULTILINE):
        if not all(cell.strip() for cell in head.strip("|").split("|")[1:]):
            faults.append(f"a table without headers: {head}")
    return faults + faults_of_html_tables(text)


def faults_of_html_tables(text: str) -> list[str]:
    """Return the tables without headers. A matrix of numbers has none, nor a single row that puts two of them side by side."""
    faults = []
    while tables := re.findall(r"<table(?:(?!<table).)*?</table>", text, re.DOTALL):  # the innermost first
        for table in tables:
            entries = re.findall(r"<td[^>]*>(.*?)</td>", table, re.DOTALL)
            matrix = all(re.fullmatch(r"[\s\d.,e+−-]*|nan|inf|…", entry) for entry in entries)
            if not (re.search(r"<th[ >]", table) or (entries and matrix) or table.count("<tr") == 1):
                faults.append(f"a table without headers: {table[:60]}")
            text = text.replace(table, "")
    return faults


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_tables_have_headers(path):
    faults = [fault for _, text in cells(path) for fault in faults_of_tables(text)]
    if path.suffix == ".ipynb":
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                faults += faults_of_html_tables("".join(output.get("data", {}).get("text/html", "")))
                faults += faults_of_tables("".join(output.get("data", {}).get("text/markdown", "")))
    assert faults == []


# ---------------------------------------------------------------------------------------------------------------------
# Figures in words

NAMED = re.compile(r"\b(picture|figure|map|plot|curve|drawn|drawing|graph|histogram)s?\b", re.IGNORECASE)
SEEN = re.compile(
    r"\b(left|right|above|below|top|bottom|middle|solid|dashed|dotted|dash-dotted|filled|hatched|dots?|circles?|cross(?:es)?"
    r"|squares?|diamonds?|triangles?|marks?|arrows?|lines?|curves?|bands?|clouds?|boxe?s?|bars?|rows?|columns?|blocks?|ellipses"
    r"|paths?|dark|bright|blurred|strokes?|parabola|tangent|hill|valley|border|edge|scales?|axis|axes|flat|level|steep|rises?|rising|falls?|shrinks?|grows?"
    r"|climbs?|straight|curved|wide|narrow(?:er)?|thin|orange|blue|grey|white|pale|framed|diagonal|against|slope|stairs?|V|S)\b"
)
PICTURES = ("image/png", "image/svg+xml", "image/jpeg", "application/vnd.jupyter.widget-view+json")


def describes(before: str, after: str) -> bool:
    """Whether the words around a figure name it and say, in 25 words or more, at least two things that are seen in it.

    Only what stands next to it counts: the two paragraphs before and the one after.
    """
    near = "\n\n".join(re.split(r"\n\s*\n", before.strip())[-2:] + re.split(r"\n\s*\n", after.strip())[:1])
    near = without_code(near)
    seen = {word.lower() for word in SEEN.findall(near)}
    return bool(NAMED.search(near)) and len(near.split()) >= 25 and len(seen) >= 2


def faults_of_figures(notebook: dict) -> list[str]:
    """Return the cells that show a figure while the markdown just before and just after does not describe it.

    A picture and the slider that moves it may share their words: cells with figures are looked past. So is one cell that
    computes what the next one draws.
    """

    def shows(cell: dict) -> bool:
        return any(kind in PICTURES for output in cell.get("outputs", []) for kind in output.get("data", {}))

    def words(way: list[dict], between: int = 0) -> str:
        nearest = next(itertools.islice((c for c in way if not shows(c)), between, None), None)
        return "".join(nearest["source"]) if nearest and nearest["cell_type"] == "markdown" else ""

    sequence = notebook["cells"]
    return [
        f"the words next to cell {cell['id']} do not say what its figure shows"
        for i, cell in enumerate(sequence)
        if shows(cell)
        and not any(describes(words(sequence[:i][::-1], between), words(sequence[i + 1 :])) for between in (0, 1))
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_figures_are_described_next_to_them(path):
    assert faults_of_figures(json.loads(path.read_text(encoding="utf-8"))) == []


# ---------------------------------------------------------------------------------------------------------------------
# Formulas


def formulas(text: str) -> tuple[list[str], str]:
    """Return the formulas of a Markdown text, and what is left of the text."""
    text, found = without_code(text).replace(r"\$", ""), []
    for pattern in (r"\$\$(.+?)\$\$", r"\$((?:[^$\n]|\n(?!\s*\n))+?)\$"):
        found += re.findall(pattern, text, re.DOTALL)
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    return found, text


def faults_of_formulas(text: str) -> list[str]:
    found, rest = formulas(text)
    faults = [f"an unbalanced $ near {rest[max(0, i - 20) : i + 20]!r}" for i in range(len(rest)) if rest[i] == "$"]
    for formula in found:
        bare = re.sub(r"\\[{}\\]", "", formula)
        depth = list(itertools.accumulate((c == "{") - (c == "}") for c in bare))
        if min(depth, default=0) < 0 or (depth and depth[-1]):
            faults.append(f"unbalanced braces in {formula!r}")
        for one, other in (("begin", "end"), ("left", "right")):
            if len(re.findall(rf"\\{one}\b", formula)) != len(re.findall(rf"\\{other}\b", formula)):
                faults.append(f"\\{one} without \\{other} in {formula!r}")
        if re.search(r"\\(?:(?:re|provide)?newcommand|def|let)\b", formula):
            faults.append(f"a macro, which other notebooks in the same JupyterLab would know too, in {formula!r}")
        if formula != formula.strip() and not formula.startswith("\n") and f"$${formula}$$" not in text:
            faults.append(f"a space next to the $ of {formula!r}")
    return faults


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_formulas_are_whole(path):
    assert [f"{name}: {fault}" for name, text in cells(path) for fault in faults_of_formulas(text)] == []


# ---------------------------------------------------------------------------------------------------------------------
# Spelling

OURS = Path(__file__).with_name("words.txt").read_text(encoding="utf-8").split()
DICTIONARY = SpellChecker(distance=1)
AMERICAN = re.compile(
    r"(?i)\b(?!(?:re|over|down|up)?siz|priz|seiz|capsiz|quiz)([a-z]{2,}i[sz]?z(?:e[sdr]?|ers|ing|ations?)"
    r"|\w*(?:analyz|paralyz)\w*|(?:colo|neighbo|behavio|favo|flavo|labo|hono)r(?:s|ed|ing|ful|hood|ite)?"
    r"|centers?|centered|grays?|label(?:ed|ing)|model(?:ed|ing)|travel(?:ed|ing|er)|cancel(?:ed|ing)|catalog|math)\b"
)


SENTENCE = re.compile(r"^\W*[A-Z]\w* [\w`]+ \w+|[a-z]+, [a-z]+ [a-z]+|[a-z]\. [A-Z]|: [a-z]+ [a-z]+ [a-z]+")


def prose_of_markdown(text: str) -> str:
    """Return the words of a Markdown text: no code, formulas, addresses or tags."""
    _, text = formulas(text)
    return re.sub(r"<!--.*?-->|<[^>]+>|&\w+;|https?://\S+", " ", LINK.sub(r" \2 ", text), flags=re.DOTALL)


def prose_of_python(source: str) -> str:
    """Return the words of Python code: docstrings, comments, and text that is a sentence or several."""
    comments = [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and "noqa" not in token.string
    ]
    strings = [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SENTENCE.search(node.value)
    ]
    text = "\n".join(strings + comments)
    return re.sub(r"``.*?``|`[^`]*`|:\w+:|https?://\S+|<[^>]+>|&\w+;|%\(\w+\)\w", " ", text, flags=re.DOTALL)


def words_to_check(prose: str) -> set[str]:
    """Return the words of prose in small letters; names of code, formulas and single letters stay out."""
    found = set()
    for piece in re.split(r"[\s—–/…|]+|(?<=[a-z])-(?=[a-z])", prose):
        piece = piece.strip(".,;:!?()[]{}\"'“”‘’*_#>-+=~←→").replace("’", "'")
        piece = re.sub(r"'s?$|s'$", "", piece)
        if re.fullmatch(r"[A-Z]?[a-zà-ÿ']{2,}", piece):  # MyReLU, n_in, W1 and f(x) are no words
            found.add(piece.lower())
    return found


def misspelt(prose: str) -> list[str]:
    unknown = DICTIONARY.unknown(words_to_check(prose)) - set(OURS)
    return sorted(unknown | {found[0].lower() for found in AMERICAN.finditer(prose)} - set(OURS))


@functools.cache
def prose(path: Path) -> str:
    if path.suffix == ".py":
        return prose_of_python(path.read_text(encoding="utf-8"))
    if path.suffix == ".md":
        return prose_of_markdown(path.read_text(encoding="utf-8"))
    found = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        found.append(prose_of_markdown(source) if cell["cell_type"] == "markdown" else prose_of_python(source))
    return "\n".join(found)


@pytest.mark.parametrize("path", [*PAGES, *SOURCES], ids=lambda path: path.stem)
def test_spelling(path):
    assert misspelt(prose(path)) == []


def test_our_own_words_are_sorted_and_used():
    assert sorted(set(OURS)) == OURS
    used = set().union(*(words_to_check(prose(path)) for path in [*PAGES, *SOURCES]))
    american = {found[0].lower() for path in [*PAGES, *SOURCES] for found in AMERICAN.finditer(prose(path))}
    assert set(OURS) - used - american == set()
    assert DICTIONARY.unknown(set(OURS) - american) == set(OURS) - american, "a word that the dictionary has already"


# ---------------------------------------------------------------------------------------------------------------------
# The checks themselves: each fault is found, and what is as it should be passes


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("# One\n\n## Two\n\n### Three\n\n## Four\n\n```\n# a comment\n```", None),
        ("## Two", "the first heading is not the title"),
        ("no heading", "the first heading is not the title"),
        ("# One\n\n# Two", "a second title: Two"),
        ("# One\n\n### Three", "level 3 follows level 1: Three"),
        ("# One\n\n## Two\n\n### Three\n\n## Two", "twice the same heading: Two"),
    ],
)
def test_an_outline_with_a_gap_is_found(text, fault):
    assert faults_of_outline(text) == ([fault] if fault else [])


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a notebook, a source file and a picture to link to."""
    cell = {"cell_type": "markdown", "id": "a", "source": ["# 02 Linear: Y = XW\n", "\n", "## The `batch`: a sum\n"]}
    (tmp_path / "02_linear.ipynb").write_text(json.dumps({"cells": [cell]}))
    (tmp_path / "module.py").write_text("")
    (tmp_path / "net.png").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[02 Linear](02_linear.ipynb), [the batch](02_linear.ipynb#The-batch:-a-sum), [`module.py`](module.py)", ""),
        ("[PyTorch](https://pytorch.org) and [Part two](#Part-two) and `[x](y)`\n\n## Part two", ""),
        ("![Three layers, joined by arrows from left to right](net.png)", ""),
        ("[03 ReLU](03_relu.ipynb)", "which is not there"),
        ("[the loss](02_linear.ipynb#The-loss)", "a heading that is not there"),
        ("[Part two](#Part-two)", "a heading that is not there"),
        ("[here](02_linear.ipynb)", "do not say where it leads"),
        ("[this notebook](02_linear.ipynb)", "do not say where it leads"),
        ("[02](02_linear.ipynb)", "do not say where it leads"),
        ("[click here](https://pytorch.org)", "do not say where it leads"),
        ("[https://pytorch.org](https://pytorch.org)", "do not say where it leads"),
        ("see https://pytorch.org", "a bare address"),
        ("[Linear]()", "a link to nothing"),
        ("[Linear][layer]", "a link to nothing"),
        ("![](net.png)", "is not described"),
        ("![a picture](net.png)", "is not described"),
        ("![Three layers, joined by arrows from left to right](lost.png)", "is not here"),
        ("![Three layers, joined by arrows from left to right](https://example.org/a.png)", "is not here"),
        ('<img src="net.png">', "without a description"),
    ],
)
def test_a_link_that_does_not_say_where_it_leads_is_found(text, word, folder):
    faults = faults_of_links(text, folder, text)
    assert len(faults) == bool(word)
    assert word in " ".join(faults)


def test_a_deleted_notebook_that_another_links_to_is_found(folder):
    text = "[02 Linear](02_linear.ipynb)"
    assert faults_of_links(text, folder, text) == []
    (folder / "02_linear.ipynb").unlink()
    assert "02_linear.ipynb, which is not there" in faults_of_links(text, folder, text)[0]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("| formula | code |\n|:--|--:|\n| X | `input` |", 0),
        ("| | code |\n| --- | --- |\n| X | `input` |", 0),
        ("| | |\n| --- | --- |\n| X | `input` |", 1),
        ("| formula | |\n|---|---|\n| X | `input` |", 1),
        ("<table><thead><tr><th>X</th></tr></thead></table>", 0),
        ("<table><tr><td>a</td><td>1</td></tr><tr><td>b</td><td>2</td></tr></table>", 1),
        ("<table><thead><tr><td>a</td></tr></thead><tr><td>1</td></tr></table>", 1),
        ("<table><tr><td>1</td></tr><tr><td>-2.5e-3</td></tr></table>", 0),
        ("<table><tr><td>got <table><tr><td>1</td></tr><tr><td>2</td></tr></table></td></tr></table>", 0),
        ("<table><tr><td>got</td></tr><tr><td><table><tr><td>1</td></tr></table></td></tr></table>", 1),
    ],
)
def test_a_table_without_headers_is_found(text, faults):
    assert len(faults_of_tables(text)) == faults


GOOD = (
    "The picture shows the loss against the step. The solid line falls and then rises again; the dashed line, without "
    "momentum, stays flat from beginning to end."
)


@pytest.mark.parametrize(
    ("before", "after", "faults"),
    [
        (GOOD, "", 0),
        ("Now look.", GOOD, 0),
        (
            "The figure shows the loss of the two networks in every epoch.",
            "For both of them it falls: solid is ours, dashed is theirs, as before.",
            0,
        ),
        ("", "", 1),
        ("Here is the figure.", "So much for that.", 1),
        (GOOD.replace("picture", "cell"), "", 1),
        (
            "The picture shows what happens if you train the network again and again with other numbers, and why it does.",
            "",
            1,
        ),
        (f"{GOOD}\n\nSomething else.\n\nAnd something else again.\n\nAnd so on.", "", 1),
        ("Now look.", f"Something else.\n\n{GOOD}", 1),
    ],
)
def test_a_figure_without_description_is_found(before, after, faults):
    figure = {"cell_type": "code", "id": "f", "source": "", "outputs": [{"data": {"image/png": ""}}]}
    slider = figure | {"id": "s", "outputs": [{"data": {"application/vnd.jupyter.widget-view+json": {}}}]}
    words = [{"cell_type": "markdown", "id": name, "source": text} for name, text in (("b", before), ("a", after))]
    code = {"cell_type": "code", "id": "c", "source": "", "outputs": []}
    assert len(faults_of_figures({"cells": [words[0], figure, words[1]]})) == faults
    assert len(faults_of_figures({"cells": [words[0], figure, slider, words[1]]})) == 2 * faults
    assert len(faults_of_figures({"cells": [words[0], code, code, figure, code, words[1]]})) == 1


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("$x$ and $$\\frac{a}{b}$$, `$x`, \\$5 and\n\n$$\n\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}\n$$", ""),
        ("$\\left(x\\right)$ and $\\{1\\}$ and $a\nb$", ""),
        ("$x and y", "unbalanced $"),
        ("$x$ and y$", "unbalanced $"),
        ("$x\n\ny$", "unbalanced $"),
        ("$$x$", "unbalanced $"),
        ("$\\frac{a}{b$", "unbalanced braces"),
        ("$}{$", "unbalanced braces"),
        ("$\\left(x$", "\\left without \\right"),
        ("$$\\begin{pmatrix} 1$$", "\\begin without \\end"),
        ("$ x$", "a space next to the $"),
        ("$\\newcommand{\\grad}{\\nabla}$", "a macro"),
        ("$\\left( 1 \\right) \\leq x$", ""),
    ],
)
def test_a_broken_formula_is_found(text, word):
    faults = faults_of_formulas(text)
    assert bool(faults) == bool(word)
    assert word in " ".join(faults)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("The gradient of the loss, `gradeint`, and $gradeint$: the layer's own colour. Don't recognise MyReLU.", []),
        ("The gradeint of teh loss", ["gradeint", "teh"]),
        ("*Recieve* the **mesage**: [the botom](x.md)", ["botom", "mesage", "recieve"]),
        ("The color of the neighbor, initialized in the center", ["center", "color", "initialized", "neighbor"]),
        ("a prize of that size, seized by four-fold suprise", ["suprise"]),
    ],
)
def test_a_misspelling_in_markdown_is_found(text, wrong):
    assert misspelt(prose_of_markdown(text)) == wrong


def test_a_misspelling_in_python_is_found():
    source = '''
"""Return the gradeint of ``gradeint``."""
lenght = "lenght"  # the lenghts of gradient steps
print("a value that is to larg, by far", f"{lenght} epochs, and then it wil stop")
'''
    assert misspelt(prose_of_python(source)) == ["gradeint", "larg", "lenghts", "wil"]
