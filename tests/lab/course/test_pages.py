"""The notebooks as web pages: nothing in them asks for a network, and every link between them leads somewhere."""

from __future__ import annotations

import base64
import io
import re
import runpy
import sys
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from minidl.lab.cli import main
from minidl.lab.course import files
from minidl.lab.course.pages import NO_WORDS, STATIC, WIDGET, WIDGETS, export
from minidl.lab.course.strips import digest, strip_of

ROOT = Path(__file__).parents[3]
NOTEBOOKS = [*sorted(ROOT.glob("notebooks/*.ipynb")), *sorted(ROOT.glob("*.ipynb"))]
LOADED = re.compile(
    r"""(?:<(?:script|link|img|iframe|source|video|audio|object|embed)\b[^>]*?(?:src|href|data)\s*=\s*["']?
    |url\(\s*["']?|@import\s*["']?|import\(\s*["'])((?:https?:)?//[^"'\s)>]+)""",
    re.VERBOSE,
)
PICTURE, STILL = (base64.b64encode(text).decode() for text in (b"not really a picture", b"nor this"))
STORED = {
    "a": {"model_name": "VBoxModel", "state": {"children": ["IPY_MODEL_slider", "IPY_MODEL_image"]}},
    "slider": {"model_name": "FloatSliderModel", "state": {"value": 1}},
    "image": {
        "model_name": "ImageModel",
        "state": {},
        "buffers": [{"path": ["value"], "data": STILL, "encoding": "base64"}],
    },
}


def widget(name):
    return {WIDGET: {"model_id": name, "version_major": 2, "version_minor": 0}, "text/plain": "VBox()"}


def faults_of_page(page: Path) -> list[str]:
    """Return what a page loads from a network, and where its links and pictures lead to nothing."""
    text = page.read_text(encoding="utf-8")
    faults = [f"loads {address}" for address in LOADED.findall(text)]
    for kind, target in re.findall(r'\b(href|src)="([^"]*)"', text):
        if re.match(r"[a-z]+:|//", target):
            continue
        name, _, part = target.partition("#")
        there = page.parent / name if name else page
        if not there.is_file():
            faults.append(f"{kind} to {target}, which is not there")
        elif part and f'id="{part}"' not in there.read_text(encoding="utf-8"):
            faults.append(f"{kind} to a part that is not there: {target}")
    return faults


def project(folder: Path, *cells) -> Path:
    """Write a project of one notebook and return its folder."""
    (folder / "notebooks").mkdir(parents=True)
    notebook = nbformat.v4.new_notebook(cells=list(cells), metadata={"widgets": {WIDGETS: {"state": STORED}}})
    nbformat.write(notebook, folder / "notebooks" / "one.ipynb")
    return folder


@pytest.mark.slow
def test_every_notebook_becomes_a_page(pages):
    assert [page.stem for page in pages] == [path.stem for path in NOTEBOOKS]
    for page, path in zip(pages, NOTEBOOKS, strict=True):
        text = page.read_text(encoding="utf-8")
        title = nbformat.read(path, 4)["cells"][0]["source"].splitlines()[0].removeprefix("# ")
        assert f"<title>{title}</title>" in text
        assert text.count("<h1") == 1
        shown = [o["data"] for c in nbformat.read(path, 4)["cells"] for o in c.get("outputs", []) if "data" in o]
        assert text.count('src="data:image/png;base64,') >= sum("image/png" in data for data in shown)
        alts = re.findall(r'<img alt="([^"]+)" src="data:image/(?:png;base64,iVBOR|svg.xml;base64,PHN2)', text)
        assert text.count("<img ") == len(alts)
        assert [alt for alt in alts if alt == NO_WORDS or "$" in alt or len(alt) < 20] == []
        moved = sum("\nexplore(" in c["source"] for c in nbformat.read(path, 4)["cells"] if c["cell_type"] == "code")
        assert text.count('<figure class="strip"') == moved  # python .github/strips.py stores what is missing
        assert text.count(STATIC) == sum(WIDGET in data for data in shown) - moved
        assert page.stat().st_size < 3_000_000
        assert "application/vnd.jupyter" not in text


@pytest.mark.slow
def test_no_page_needs_a_network_and_every_link_leads_somewhere(pages):
    faults = {page.name: found for page in pages if (found := faults_of_page(page))}
    assert faults == {}


@pytest.mark.slow
def test_solutions_are_folded_away(pages):
    for page, path in zip(pages, NOTEBOOKS, strict=True):
        text = page.read_text(encoding="utf-8")
        hidden = [c for c in nbformat.read(path, 4)["cells"] if c["metadata"].get("jupyter", {}).get("source_hidden")]
        solutions = [cell for cell in hidden if "solution" in cell["metadata"].get("tags", [])]
        folded = re.findall(r"<details><summary>(Solution|Code)</summary>(.*?)</details>", text, re.DOTALL)
        assert len(folded) == len(hidden)
        assert [summary for summary, _ in folded].count("Solution") == len(solutions)
        assert all(part.count("celltag_solution") == 1 for summary, part in folded if summary == "Solution")


def test_a_page_holds_what_the_notebook_shows(tmp_path):
    cells = [
        nbformat.v4.new_markdown_cell(
            "# $x < 1$ & more\n\n[to it](#Part-two) [itself](one.ipynb#Part-two) [file](../data.txt)"
        ),
        nbformat.v4.new_markdown_cell("## Part two\n\n$a_1 * b * c_1$ and [out](https://example.org/a.ipynb)"),
        nbformat.v4.new_code_cell("1 < 2", outputs=[nbformat.v4.new_output("display_data", {"image/png": PICTURE})]),
        nbformat.v4.new_code_cell("s", outputs=[nbformat.v4.new_output("display_data", widget(name)) for name in "ab"]),
        nbformat.v4.new_code_cell(
            "p", outputs=[nbformat.v4.new_output("display_data", {"text/latex": "$$\\frac{1}{2}$$"})]
        ),
    ]
    (project(tmp_path, *cells) / "data.txt").write_text("data")
    (page,) = export(tmp_path / "out", tmp_path)
    text = page.read_text(encoding="utf-8")
    assert faults_of_page(page) == []
    assert (tmp_path / "out" / "data.txt").read_text() == "data"
    assert "$a_1 * b * c_1$" in text  # as it was: not made italic
    assert "$$\\frac{1}{2}$$" in text
    assert 'href="one.html#Part-two"' in text
    assert 'href="https://example.org/a.ipynb"' in text
    assert text.count(f'src="data:image/png;base64,{PICTURE}"') == 1
    assert text.count(f'src="data:image/png;base64,{STILL}"') == 1  # of the widget whose state is stored
    assert text.count(STATIC) == 2
    assert "VBox" not in text
    assert (tmp_path / "out" / "mathjax" / "LICENSE").is_file()


def test_a_slider_moves_what_is_stored_of_it(tmp_path):
    cell = nbformat.v4.new_code_cell(
        "explore(1)", id="moves", outputs=[nbformat.v4.new_output("display_data", widget("a"))]
    )
    folder = project(tmp_path, cell)
    save = runpy.run_path(str(ROOT / ".github" / "strips.py"))["save"]
    drawn = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(drawn, "png")
    frames = [base64.b64encode(drawn.getvalue()).decode()] * 3
    record = {"name": "x_2", "width": 10, "values": ["-1", "0", "1"], "frames": frames}
    kept = save(strip_of(folder / "notebooks" / "one.ipynb", cell), record, digest(cell))
    with Image.open(kept) as board:
        assert board.size == (10, 15)
    (page,) = export(tmp_path / "out", folder)
    text = page.read_text(encoding="utf-8")
    assert faults_of_page(page) == []
    assert text.count(f'<img alt="{NO_WORDS}" src="data:image/png;base64,') == 1
    assert all(part in text for part in ('max="2"', 'value="1"', 'data-values="-1 0 1"'))
    assert text.count("<script>\nfor (const strip") == 1
    assert STATIC not in text
    notebook = nbformat.read(folder / "notebooks" / "one.ipynb", 4)
    notebook["cells"][0]["source"] = "explore(2)"  # what is stored is of the cell as it was
    nbformat.write(notebook, folder / "notebooks" / "one.ipynb")
    (page,) = export(tmp_path / "out", folder)
    assert STATIC in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ('<script src="https://cdn.example/x.js"></script>', "loads https://cdn.example/x.js"),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', "loads //cdn.example/x.css"),
        ("<style>p { background: url(http://cdn.example/x.png) }</style>", "loads http://cdn.example/x.png"),
        ('<script type="module">import("https://cdn.example/m.js")</script>', "loads https://cdn.example/m.js"),
        ('<a href="gone.html">gone</a>', "href to gone.html, which is not there"),
        ('<a href="#gone">gone</a>', "href to a part that is not there: #gone"),
        ('<img src="gone.png">', "src to gone.png, which is not there"),
        ('<a href="https://example.org">may lead out</a><a href="#here" id="here">here</a>', None),
    ],
)
def test_a_page_with_a_fault_is_found(source, fault, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(source, encoding="utf-8")
    assert faults_of_page(page) == ([fault] if fault else [])


def test_a_link_to_a_deleted_notebook_is_found(tmp_path):
    cell = nbformat.v4.new_markdown_cell("# One\n\n[Two](two.ipynb)")
    (page,) = export(tmp_path / "out", project(tmp_path, cell))
    assert faults_of_page(page) == ["href to two.html, which is not there"]


class TestCommand:
    def test_it_says_where_to_begin(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(project(tmp_path, nbformat.v4.new_markdown_cell("# One")))
        assert main(["html"]) == 0
        page = Path("html") / "notebooks" / "one.html"
        assert capsys.readouterr().out == f"Written to html: 1 pages. Begin with {page}\n"
        assert page.is_file()

    def test_elsewhere_it_takes_those_that_minidl_was_installed_with(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        installed = project(tmp_path / "carried", nbformat.v4.new_markdown_cell("# One"))
        monkeypatch.setattr(files, "checkout", lambda: None)
        monkeypatch.setattr(files, "CARRIED", installed)
        assert main(["html", "--out", "out"]) == 0
        assert Path("out", "notebooks", "one.html").is_file()

    def test_it_needs_notebooks(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(files, "checkout", lambda: None)
        monkeypatch.setattr(files, "CARRIED", tmp_path)
        assert main(["html", "--out", "out"]) == 1
        assert "html: minidl was installed without its notebooks" in capsys.readouterr().err

    def test_it_needs_mathjax(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(project(tmp_path, nbformat.v4.new_markdown_cell("# One")))
        monkeypatch.setattr(sys.modules["importlib.util"], "find_spec", lambda name: None)
        assert main(["html"]) == 1
        assert "pip install django-static-mathjax" in capsys.readouterr().err
