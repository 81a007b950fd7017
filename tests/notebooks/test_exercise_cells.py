"""The exercises of every notebook: three cells each, that agree with the exercise's object and give nothing away."""

from __future__ import annotations

import ast
import html
import re
from pathlib import Path

import nbformat
import pytest
from code_alike import blocks, holds, size
from students_day import tags

from minidl.lab.exercises import exercise, exercises
from minidl.lab.exercises.answer import run, same_code

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb")) + sorted(ROOT.glob("*.ipynb"))
CHECK = re.compile(r'from minidl\.lab\.exercises import check\n\ncheck\("(.+)"\)')
SOLUTION = "# Solution"
LONG = 20  # characters; what is shorter stands in many places
LARGE = 8  # names, numbers and operations: shorter formulas, such as 2 * (Y - T), are what later notebooks build on


def trios(notebook):
    """Return the (stub, check, solution) cells of a notebook; ValueError where one of the three is missing.

    More cells of the solution may follow: what is to be seen only beside it.
    """
    found, open_ones = [], []
    for cell in notebook["cells"]:
        kinds = {"exercise", "check", "solution"} & set(tags(cell))
        if cell["cell_type"] == "code" and kinds:
            order = ["exercise", "check", "solution"][len(open_ones)]
            if kinds == {"solution"} and found and not open_ones:
                continue
            if kinds != {order}:
                raise ValueError(f"cell {cell['id']} is tagged {sorted(kinds)} where {order} was to come")
            open_ones.append(cell)
            if order == "solution":
                found.append(tuple(open_ones))
                open_ones = []
    if open_ones:
        raise ValueError(f"the exercise in cell {open_ones[0]['id']} has no check or no solution")
    return found


def ids(notebook):
    """Return the ids that the checks of a notebook ask for."""
    return [match[1] for _, check, _ in trios(notebook) if (match := CHECK.fullmatch(check["source"]))]


def problems(notebook) -> list[str]:
    """Return what is wrong with a notebook's exercises, as far as it can be seen without running the notebook."""
    try:
        found = [problem for trio in trios(notebook) for problem in problems_of(*trio)]
    except ValueError as error:
        return [str(error)]
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and "solution" in tags(cell):
            if cell["metadata"].get("jupyter", {}).get("source_hidden") is not True:
                found.append(f"cell {cell['id']} shows its solution")
            if cell["source"].splitlines()[0] != SOLUTION:  # what JupyterLab shows of a collapsed cell
                found.append(f"cell {cell['id']} does not begin with {SOLUTION!r}")
    return found


def problems_of(stub, check, solution):
    """Yield what is wrong with the three cells of one exercise."""
    match = CHECK.fullmatch(check["source"])
    if not match:
        yield f"cell {check['id']} is more or less than an import and a check"
        return
    try:
        asked = exercise(match[1])
    except ValueError as error:
        yield f"cell {check['id']}: {error}"
        return
    if "jupyter" in check["metadata"]:
        yield f"cell {check['id']} is folded"
    if not same_code(asked.name, solution["source"], asked.solution):
        yield f"cell {solution['id']} is not the solution of {asked.id!r}"
    try:
        reply = asked.reply(run(asked.name, stub["source"], asked.given))
    except Exception as error:
        yield f"cell {stub['id']} does not run: {type(error).__name__}: {error}"
        return
    if reply.status != "not done":
        yield f"cell {stub['id']} is judged as it is: {reply}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_exercise_has_stub_check_and_collapsed_solution(path):
    assert problems(nbformat.read(path, 4)) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_exercise_is_in_its_notebook_in_the_order_of_its_file(path):
    number = path.stem[:2]
    assert ids(nbformat.read(path, 4)) == [asked.id for asked in exercises(number) if number.isdigit()]


def test_every_derivation_notebook_has_a_prediction_and_something_to_code():
    for number in map("{:02}".format, range(1, 13)):
        kinds = {asked.kind for asked in exercises(number)}
        assert kinds & {"value", "claim"}, f"{number} has nothing to predict"
        assert kinds - {"value", "claim", "diagnosis"}, f"{number} has nothing to code"


# ---------------------------------------------------------------------------------------------------------------------
# Nothing gives an answer away


def lines(code: str) -> set[str]:
    """Return the statements of some code that are long enough to be known again, as Python writes them."""
    nodes = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.stmt) and not hasattr(node, "body"))
    return {text for node in nodes if len(text := ast.unparse(node)) >= LONG}


def shown(cell) -> str:
    """Return all that a cell shows, its outputs too."""
    texts = [cell["source"]]
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        texts += [
            output.get("text", ""),
            data.get("text/plain", ""),
            data.get("text/html", ""),
            data.get("text/markdown", ""),
        ]
    return "\n".join(texts)


def plain(text: str) -> str:
    """Return text without spaces, marks of strings, and what HTML makes of code."""
    text = (
        re.sub(r"<[^>]+>", "", text)
        .replace("&quot;", "")
        .replace("&#39;", "")
        .replace("&gt;", ">")
        .replace("&lt;", "<")
    )
    return re.sub(r"[\s'\"]", "", text)


def given_away(notebooks) -> list[str]:
    """Return the lines of solutions that stand elsewhere in the notebooks' cells or outputs, in copies without solutions.

    What the stub or a cell of code before it shows of the same exercise is no answer.
    """
    found = []
    pages = [
        (nb, [(cell["id"], plain(shown(cell))) for cell in nb["cells"] if "solution" not in tags(cell)])
        for nb in notebooks
    ]
    for notebook, _ in pages:
        for stub, _, solution in trios(notebook):
            answers = lines(solution["source"]) - lines(stub["source"])
            for _, cells in pages:
                for id, text in cells:
                    if id != stub["id"]:
                        found += [f"cell {id} shows {line!r}" for line in sorted(answers) if plain(line) in text]
    return found


def statements(cell) -> list[ast.stmt]:
    """Return all code that a cell shows: as its source, in its outputs, and in its prose."""
    text = shown(cell)
    without_marks = html.unescape(re.sub(r"<[^>]+>", "", text))
    return [
        *blocks(text),
        *blocks(without_marks),
        *(part for code in re.findall(r"`([^`\n]+)`", cell["source"]) for part in blocks(code)),
    ]


def written_otherwise(notebooks) -> list[str]:
    """Return the loops and larger statements of solutions that stand elsewhere under other names, in copies without solutions.

    A loop may stand nowhere, a statement not in other notebooks and not after its exercise: before it, in the same notebook,
    stands what the exercise is to be built of.
    """
    found = []
    pages = [
        [(cell["id"], statements(cell)) for cell in notebook["cells"] if "solution" not in tags(cell)]
        for notebook in notebooks
    ]
    for own, notebook in zip(pages, notebooks, strict=True):
        for stub, _, solution in trios(notebook):
            given = list(blocks(stub["source"]))
            before = {id for id, _ in own[: [id for id, _ in own].index(stub["id"])]}
            for answer in ast.walk(ast.parse(solution["source"])):
                is_loop = isinstance(answer, (ast.For, ast.While))
                is_plain = isinstance(answer, ast.stmt) and not hasattr(answer, "body") and size(answer) >= LARGE
                if not (is_loop or is_plain) or any(holds(part, answer) for part in given):
                    continue
                for cells in pages:
                    allowed = {stub["id"]} | (before if is_plain and cells is own else set())
                    for id, parts in cells:
                        if id not in allowed and any(holds(part, answer) for part in parts):
                            found.append(f"cell {id} does as {ast.unparse(answer)!r}")
    return found


def test_no_cell_and_no_output_shows_the_line_of_a_solution():
    assert given_away([nbformat.read(path, 4) for path in NOTEBOOKS]) == []


def test_no_cell_and_no_output_does_under_other_names_what_a_solution_does():
    assert written_otherwise([nbformat.read(path, 4) for path in NOTEBOOKS]) == []


# ---------------------------------------------------------------------------------------------------------------------
# The checks of the notebooks, checked


SOLVED = exercise("01 messages").solution


def trio(*more, **changes):
    """Return a notebook with one exercise, something about it changed."""
    hidden = {"tags": ["solution"], "jupyter": {"source_hidden": True}}
    cells = [
        nbformat.v4.new_code_cell("messages = ...", metadata={"tags": ["exercise"]}, id="stub"),
        nbformat.v4.new_code_cell(
            'from minidl.lab.exercises import check\n\ncheck("01 messages")', metadata={"tags": ["check"]}, id="check"
        ),
        nbformat.v4.new_code_cell(f"{SOLUTION}\n{SOLVED}", metadata=hidden, id="solution"),
        nbformat.v4.new_code_cell(f"{SOLUTION}\nmessages", metadata=hidden, id="beside"),
        *more,
    ]
    for cell in cells:
        cell.update(changes.get(cell["id"], {}))
    return nbformat.v4.new_notebook(cells=cells)


def test_an_exercise_as_it_should_be_has_no_problems():
    assert problems(trio()) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"check": {"metadata": {}}}, "solution"),
        ({"solution": {"metadata": {}}, "beside": {"metadata": {}}}, "has no check or no solution"),
        ({"stub": {"metadata": {}}}, "exercise"),
        ({"solution": {"metadata": {"tags": ["solution"]}}}, "shows its solution"),
        ({"beside": {"metadata": {"tags": ["solution"]}}}, "cell beside shows its solution"),
        ({"check": {"metadata": {"tags": ["check"], "jupyter": {"source_hidden": True}}}}, "check is folded"),
        ({"solution": {"source": SOLVED}}, "does not begin with '# Solution'"),
        ({"solution": {"source": "# Solution\nmessages = 3"}}, "is not the solution of '01 messages'"),
        ({"check": {"source": 'from minidl.lab.exercises import check\n\ncheck("01 letters")'}}, "01 messages"),
        ({"check": {"source": 'check("01 messages")'}}, "more or less"),
        ({"stub": {"source": "b = ..."}}, "cell stub does not run: KeyError"),
        ({"stub": {"source": "messages = [1, 2, 3, 4]"}}, "cell stub is judged as it is"),
    ],
)
def test_a_broken_exercise_is_noticed(changes, word):
    assert word in " ".join(problems(trio(**changes)))


@pytest.mark.parametrize(
    "cell",
    [
        nbformat.v4.new_markdown_cell(f"It is `{SOLVED}`."),
        nbformat.v4.new_code_cell(SOLVED.replace(" ", "")),
        nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("stream", text=SOLVED)]),
        nbformat.v4.new_code_cell(
            "1", outputs=[nbformat.v4.new_output("display_data", data={"text/html": SOLVED.replace("=", "<b>=</b>")})]
        ),
    ],
)
def test_an_answer_given_away_is_noticed(cell):
    assert given_away([trio()]) == []
    assert given_away([trio(), nbformat.v4.new_notebook(cells=[cell])]) == [f"cell {cell['id']} shows {SOLVED!r}"]


LOOP = """\
# Solution
class Chain:
    def backward(self, grad_output):
        for layer in reversed(self.chain):
            grad_output = layer.backward(grad_output)
        return grad_output
"""


@pytest.mark.parametrize(
    ("source", "is_seen"),
    [
        ("for m in reversed(modules):\n    g = m.backward(g)", True),
        ("def back(modules, g):\n    for m in reversed(modules):\n        print(m)\n        g = m.backward(g)\n", True),
        ("for m in modules:\n    g = m.backward(g)", False),
        ("for m in reversed(modules):\n    h = m.backward(g)", False),  # every module gets the same
        ("for m in reversed(modules):\n    g = m.forward(g)", False),
        ("g = first.backward(second.backward(g))", False),
    ],
)
@pytest.mark.parametrize("where", ["code", "prose", "output", "printed source"])
def test_a_loop_under_other_names_is_noticed(source, is_seen, where):
    page = f"It is\n\n```python\n{source}\n```\n"
    cell = {
        "code": nbformat.v4.new_code_cell(source),
        "prose": nbformat.v4.new_markdown_cell(page),
        "output": nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("stream", text=f"yours:\n{source}")]),
        "printed source": nbformat.v4.new_code_cell(
            "1",
            outputs=[nbformat.v4.new_output("display_data", data={"text/html": f"<pre><b>{source}</b></pre>"})],
        ),
    }[where]
    asked = trio(solution={"source": LOOP}, stub={"source": "class Chain:\n    pass"})
    assert bool(written_otherwise([asked, nbformat.v4.new_notebook(cells=[cell])])) == is_seen


def test_a_statement_under_other_names_is_noticed_unless_it_was_built_up_before():
    asked = trio(solution={"source": "# Solution\ntotal = scores.exp().sum(1, keepdim=True).log()"})
    cell = nbformat.v4.new_code_cell("z = y.exp().sum(1, keepdim=True).log()")
    assert written_otherwise([asked]) == []
    assert written_otherwise([asked, nbformat.v4.new_notebook(cells=[cell])]) != []
    assert written_otherwise([nbformat.v4.new_notebook(cells=[*asked["cells"], cell])]) != []
    assert written_otherwise([nbformat.v4.new_notebook(cells=[cell, *asked["cells"]])]) == []
