"""The notebooks as web pages that need no network: ``minidl html``.

One folder holds everything: pages with their pictures inside, MathJax for the formulas, and the files that the pages link to.
Formulas are drawn as SVG, because a page that is opened from a disk may load no fonts, and come with MathML for screen readers.
"""

from __future__ import annotations

import base64
import html
import importlib.util
import os
import re
import shutil
from pathlib import Path
from string import Template
from typing import Any

import nbformat

from minidl.lab.course import strips
from minidl.lab.course.strips import strip

SCRIPT = "tex-svg-full.js"
WIDGET = "application/vnd.jupyter.widget-view+json"
WIDGETS = "application/vnd.jupyter.widget-state+json"
STATIC = (
    "<p><em>Here the notebook has something to move and to press. It needs Python: open the notebook itself.</em></p>"
)
FIGURE = '<img alt="{}"{} src="data:image/png;base64,{}">'
DRAWING = '<img alt="{}" src="data:image/svg+xml;base64,{}">'
NO_WORDS = "Figure, described in the text next to it"
CELLS = f"""{{%- extends 'basic/index.html.j2' -%}}
{{%- block codecell -%}}
{{%- if cell.metadata.get('jupyter', {{}}).get('source_hidden') and 'solution' in cell.metadata.get('tags', []) -%}}
<details><summary>Solution</summary>{{{{ super() }}}}</details>
{{%- else -%}}{{{{ super() }}}}{{%- endif -%}}
{{%- endblock -%}}
{{%- block input_group -%}}
{{%- if cell.metadata.get('jupyter', {{}}).get('source_hidden') and 'solution' not in cell.metadata.get('tags', []) -%}}
<details><summary>Code</summary>{{{{ super() }}}}</details>
{{%- else -%}}{{{{ super() }}}}{{%- endif -%}}
{{%- endblock -%}}
{{%- block data_png -%}}
{FIGURE.format("{{ output.metadata.alt | escape_html }}", "{{ output.metadata.size }}", "{{ output.data['image/png'] }}")}
{{%- endblock -%}}
"""
PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>$style</style>
<script>
MathJax = {
  tex: {inlineMath: [["$$", "$$"], ["\\\\(", "\\\\)"]], processEscapes: true},
  options: {enableMenu: false}
};
</script>
<script src="$mathjax" async></script>
</head>
<body>
<a class="skip" href="#text">Skip to the text</a>
<main id="text">
$body
</main>
</body>
</html>
""")
STYLE = """
:root { color-scheme: light dark; --text: #1a1a1a; --page: #fff; --code: #f5f5f5; --line: #c3c3c3; --link: #0b57a4 }
@media screen and (prefers-color-scheme: dark) {
  :root { --text: #e4e4e4; --page: #16181c; --code: #24272d; --line: #5a5f68; --link: #8ab8f0 }
}
body { margin: 0; font: 16px/1.55 system-ui, sans-serif; color: var(--text); background: var(--page) }
p, li { max-width: 46em }
main { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1, h2, h3 { line-height: 1.25; margin: 1.6em 0 0.5em }
a { color: var(--link) }
.anchor-link, .prompt { display: none }
pre, code { font: 13px/1.45 ui-monospace, Menlo, Consolas, monospace }
pre { overflow-x: auto }
.input_area pre { margin: 0.4em 0; padding: 0.6em 0.8em; background: var(--code); border-left: 3px solid var(--line) }
:not(pre) > code { background: var(--code); border-radius: 3px; padding: 0.1em 0.3em; overflow-wrap: anywhere }
.output pre { margin: 0; padding: 0 0.8em; overflow-x: auto }
.output_subarea, mjx-container[display="true"] { overflow-x: auto; overflow-y: hidden }
mjx-container:not([display]) > svg { max-width: 100% }
img { max-width: 100%; height: auto; background: #fff; border-radius: 6px }
.table { margin: 0.8em 0; overflow-x: auto }
table { border-collapse: collapse }
th, td { padding: 0.3em 0.7em; border-bottom: 1px solid var(--line); text-align: left }
details { margin: 0.9em 0 }
details[open] { padding-left: 1em; border-left: 2px solid var(--line) }
summary { cursor: pointer; color: var(--link) }
p, li, summary, h1, h2, h3 { overflow-wrap: break-word }
.skip { position: absolute; left: -99rem }
.skip:focus { left: 1rem; top: 0.5rem; padding: 0.3rem 0.6rem; background: var(--page) }
@media print {
  main { max-width: none; margin: 0 }
  pre { white-space: pre-wrap !important; overflow-wrap: anywhere }
  mjx-container > svg { max-width: 100% }
  mjx-container > mjx-assistive-mml { display: none !important }
  .input_area pre, .output pre, .output_subarea, .table { overflow: visible }
  img, tr, mjx-container[display="true"] { break-inside: avoid }
  h1, h2, h3 { break-after: avoid }
}
"""
SHOWS = re.compile(r"\b(picture|figure|map)s? (\w+ )?(shows?|has|compares|draws)\b|\bin the figure\b", re.IGNORECASE)
FIGURES = re.compile(r"\b(pictures?|figures?|maps?)\b", re.IGNORECASE)
MARKS = re.compile(r"\b(left|right|solid|dashed|dotted|crosses|lines?|curves?)\b", re.IGNORECASE)
ASKED = re.compile(r"predict|guess|you may skip|is folded|^in \S+ to|\?$", re.IGNORECASE)
LONGEST = 400  # characters of a description
LETTERS = {
    r"\pm": "±",
    r"\partial": "∂",
    r"\le": "≤",
    r"\ge": "≥",
    r"\times": "×",
    r"\cdot": "·",
    r"\top": "T",
    r"\varepsilon": "ε",
}


def export(out: str | Path, project: str | Path = ".") -> list[Path]:
    """Write all notebooks of the project's folder as web pages into the folder ``out``, and return the pages.

    Links between notebooks lead from page to page; other files that are linked to are copied.

    Raises
    ------
    FileNotFoundError
        Where the project's folder holds no notebooks.
    ModuleNotFoundError
        Where MathJax is not installed.
    """
    from nbconvert import HTMLExporter  # here: importing it takes a while

    out, project = Path(out), Path(project)
    notebooks = [*sorted(project.glob("notebooks/*.ipynb")), *sorted(project.glob("*.ipynb"))]
    if not notebooks:
        raise FileNotFoundError(f"no notebooks in {project.resolve()}: run this in the folder that holds notebooks/")
    mathjax = _copy_mathjax(out / "mathjax")
    exporter = HTMLExporter(raw_template=CELLS)  # one for all pages: it compiles its templates once
    exporter.register_filter("clean_html", lambda html: html)  # highlighted code is clean, and checking it is slow
    pages = []
    for path in notebooks:
        page = out / path.relative_to(project).with_suffix(".html")
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(_page(exporter, path, Path(os.path.relpath(mathjax, page.parent)).as_posix()), encoding="utf-8")
        for target in _linked_files(page):
            source = path.parent / target
            copied = page.parent / target
            if source.is_file() and not copied.exists():
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, copied)
        pages.append(page)
    return pages


def _page(exporter: Any, path: Path, mathjax: str) -> str:
    """Return a notebook as a page."""
    from pygments.formatters import HtmlFormatter

    notebook = nbformat.read(path, 4)
    widgets = notebook["metadata"].pop("widgets", {}).get(WIDGETS, {}).get("state", {})
    for number, cell in enumerate(notebook["cells"]):
        for output in cell.get("outputs", []):
            data, metadata = output.get("data", {}), output.get("metadata", {})
            if "image/svg+xml" in data:
                drawn = base64.b64encode(data["image/svg+xml"].encode()).decode()
                words = metadata.get("image/svg+xml", {}).get("alt") or _description(notebook["cells"], number)
                output["data"] = {"text/html": DRAWING.format(html.escape(words), drawn)}
            if "image/png" in data or WIDGET in data:
                own = metadata.get("alt") or metadata.get("image/png", {}).get("alt")
                metadata["alt"] = own or _description(notebook["cells"], number)
                metadata["size"] = _size(metadata.get("image/png", {}).get("width"))
            if moved := WIDGET in data and strip(path, cell, metadata["alt"]):
                output["data"] = {"text/html": moved}
            elif WIDGET in data:
                picture, width = _picture(widgets, data[WIDGET]["model_id"])
                shown = FIGURE.format(html.escape(metadata["alt"]), _size(width), picture) if picture else ""
                output["data"] = {"text/html": shown + STATIC}
    body, _ = exporter.from_notebook_node(notebook)
    body = re.sub(r'(href="(?![a-z]+:)[^"#]+)\.ipynb', r"\1.html", body)
    body = _with_tables(body)
    if 'class="strip"' in body:
        body += strips.SCRIPT
    title = re.search(r"^# (.*)", notebook["cells"][0]["source"])
    light, dark = (HtmlFormatter(style=name).get_style_defs(".highlight pre") for name in ("default", "github-dark"))
    style = f"{STYLE}{strips.STYLE}{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}"
    return PAGE.substitute(title=title[1] if title else path.stem, style=style, mathjax=mathjax, body=body)


def _description(cells: list, number: int) -> str:
    """Return what the prose before a figure's cell, or else after it, says is to be seen."""
    before = [cell["source"] for cell in cells[:number] if cell["cell_type"] == "markdown"][-1:]
    after = [cell["source"] for cell in cells[number + 1 :] if cell["cell_type"] == "markdown"][:1]
    for source in before + after:
        for words in (SHOWS, FIGURES, MARKS):
            for paragraph in reversed(re.split(r"\n\s*\n", source)):
                if said := _said_in(paragraph, words):
                    return said
    return NO_WORDS


def _said_in(paragraph: str, words: re.Pattern[str]) -> str:
    """Return the sentences of a paragraph from the first with one of these words on, but for questions, and not too many."""
    if paragraph.startswith(("#", "|", "$$", "<", "- ", "1. ")):
        return ""
    text = re.sub(r"[*`]|\[(?=[^\]]*\]\()|\]\([^)]*\)", "", paragraph)
    sentences = [
        one for one in re.split(r"(?:(?<=[.!?])|(?<=[.!?]\)))\s+", " ".join(text.split())) if not ASKED.search(one)
    ]
    first = next((at for at, one in enumerate(sentences) if words.search(one)), len(sentences))
    said = ""
    for one in sentences[first:]:
        if said and len(said) + len(one) > LONGEST:
            break
        said = f"{said} {one}".strip()
    return _without_formulas(said)


def _without_formulas(text: str) -> str:
    """Return a text whose formulas can be read aloud as they are, as far as they are short."""
    text = re.sub(r"\\frac(\d)(\d)|\\frac\{(\d+)\}\{(\d+)\}", lambda of: f"{of[1] or of[3]}/{of[2] or of[4]}", text)
    text = re.sub(r"\\[a-z]+", lambda command: LETTERS.get(command[0], f" {command[0][1:]} "), text)
    return " ".join(re.sub(r"[${}]|\\[,;!]", "", text).split())


def _with_tables(body: str) -> str:
    """Return a page's body with each table in a box of its own that can be wide, and headers that say what they head."""
    parts = re.split(r"(<thead.*?</thead>)", body, flags=re.DOTALL)
    for number, part in enumerate(parts):
        scope = "col" if number % 2 else "row"
        parts[number] = re.sub(r"<th(?=[ >])(?![^>]*\bscope=)", f'<th scope="{scope}"', part)
    return re.sub(r"(?s)(<table\b.*?</table>)", r'<div class="table">\1</div>', "".join(parts))


def _picture(widgets: dict, name: str) -> tuple[str, str]:
    """Return the picture inside a widget as it was stored, in base64, and its width in pixels; nothing where there is none."""
    widget = widgets.get(name, {})
    state = widget.get("state", {})
    if widget.get("model_name") == "ImageModel":
        layout = widgets.get(str(state.get("layout")).removeprefix("IPY_MODEL_"), {}).get("state", {})
        data = "".join(buffer["data"] for buffer in widget.get("buffers", []) if buffer["path"] == ["value"])
        return data, str(layout.get("width") or "").removesuffix("px")
    found = (_picture(widgets, child.removeprefix("IPY_MODEL_")) for child in state.get("children", []))
    return next((picture for picture in found if picture[0]), ("", ""))


def _size(width: object) -> str:
    """Return what gives a picture its width: there are more pixels in it than are to be seen."""
    return f' width="{width}"' if str(width).isdigit() else ""


def _linked_files(page: Path) -> list[str]:
    """Return what a page links to beside pages and headings."""
    targets = re.findall(r'(?:href|src)="(?![a-z]+:)([^"#]+)', page.read_text(encoding="utf-8"))
    return [target for target in targets if not target.endswith((".html", SCRIPT))]


def _copy_mathjax(folder: Path) -> Path:
    """Copy MathJax, one file, and its licence; return where it is."""
    package = importlib.util.find_spec("mathjax")
    static = Path(package.submodule_search_locations[0]) / "static" / "mathjax" if package else Path()
    if not (static / "es5" / SCRIPT).is_file():
        raise ModuleNotFoundError("the pages need MathJax: python -m pip install django-static-mathjax")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(static / "LICENSE", folder / "LICENSE")
    return Path(shutil.copyfile(static / "es5" / SCRIPT, folder / SCRIPT))
