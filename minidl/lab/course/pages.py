"""The notebooks as web pages that need no network: ``python -m minidl html``.

One folder holds everything: pages with their pictures inside, MathJax for the formulas, and the files that the pages link to.
Formulas are drawn as SVG, because a page that is opened from a disk may load no fonts, and come with MathML for screen readers.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from pathlib import Path
from string import Template
from typing import Any

import nbformat

SCRIPT = "tex-svg-full.js"
WIDGET = "application/vnd.jupyter.widget-view+json"
WIDGETS = "application/vnd.jupyter.widget-state+json"
STATIC = (
    "<p><em>Here the notebook has sliders that move the picture. They need Python: open the notebook itself.</em></p>"
)
FIGURE = '<img alt="Figure, described in the text next to it" src="data:image/png;base64,{}">'
CELLS = f"""{{%- extends 'basic/index.html.j2' -%}}
{{%- block codecell -%}}
{{%- if cell.metadata.get('jupyter', {{}}).get('source_hidden') -%}}
{{%- set tags = cell.metadata.get('tags', []) -%}}
{{%- set summary = 'Solution' if 'solution' in tags else 'Code' -%}}
<details><summary>{{{{ summary }}}}</summary>{{{{ super() }}}}</details>
{{%- else -%}}{{{{ super() }}}}{{%- endif -%}}
{{%- endblock -%}}
{{%- block data_png -%}}{FIGURE.format("{{ output.data['image/png'] }}")}{{%- endblock -%}}
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
<main>
$body
</main>
</body>
</html>
""")
STYLE = """
body { margin: 0; font: 16px/1.55 system-ui, sans-serif; color: #1a1a1a; background: #fff }
main { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1, h2, h3 { line-height: 1.25; margin: 1.6em 0 0.5em }
a { color: #0b57a4 }
.anchor-link, .prompt { display: none }
pre, code { font: 13px/1.45 ui-monospace, Menlo, Consolas, monospace }
.input_area pre { margin: 0.4em 0; padding: 0.6em 0.8em; background: #f5f5f5; border-left: 3px solid #c3c3c3; overflow-x: auto }
.output pre { margin: 0.4em 0; padding: 0 0.8em; overflow-x: auto }
.output_subarea, mjx-container[display="true"] { overflow-x: auto; overflow-y: hidden }
img { max-width: 100% }
table { border-collapse: collapse; margin: 0.8em 0; display: block; overflow-x: auto }
th, td { padding: 0.3em 0.7em; border-bottom: 1px solid #ddd; text-align: left }
details { margin: 0.6em 0 }
summary { cursor: pointer; color: #0b57a4 }
"""


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
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if WIDGET in output.get("data", {}):
                picture = _picture(widgets, output["data"][WIDGET]["model_id"])
                output["data"] = {"text/html": FIGURE.format(picture) + STATIC if picture else STATIC}
    body, _ = exporter.from_notebook_node(notebook)
    body = re.sub(r'(href="(?![a-z]+:)[^"#]+)\.ipynb', r"\1.html", body)
    title = re.search(r"^# (.*)", notebook["cells"][0]["source"])
    style = STYLE + HtmlFormatter(style="default").get_style_defs(".highlight pre")
    return PAGE.substitute(title=title[1] if title else path.stem, style=style, mathjax=mathjax, body=body)


def _picture(widgets: dict, name: str) -> str:
    """Return the picture inside a widget as it was stored, in base64; nothing where there is none."""
    widget = widgets.get(name, {})
    if widget.get("model_name") == "ImageModel":
        return "".join(buffer["data"] for buffer in widget.get("buffers", []) if buffer["path"] == ["value"])
    children = widget.get("state", {}).get("children", [])
    return "".join(_picture(widgets, child.removeprefix("IPY_MODEL_")) for child in children)


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
