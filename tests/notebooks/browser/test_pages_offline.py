"""The notebooks as web pages, in a browser without a network: formulas are drawn, and nothing is asked for from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from visiting import ROOT

from minidl.lab.course import pages as html

LOOK = """async () => {
    await MathJax.startup.promise;
    const texts = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode;
        if (node.parentElement.closest("pre, code, script, style")) continue;
        if (node.textContent.includes("$")) texts.push(node.textContent);
    }
    const all = (selector) => [...document.querySelectorAll(selector)];
    return {
        drawn: all("mjx-container > svg").length,
        spoken: all("mjx-container mjx-assistive-mml math").length,
        broken: all("mjx-container [data-mml-node=merror], mjx-container [fill=red]").map((e) => e.textContent),
        raw: texts.map((text) => text.trim()),
        pictures: all("img").filter((e) => !e.naturalWidth).length,
        wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        silent: all("img").filter((e) => !e.alt || e.alt.startsWith("No description")).length,
        headless: all("th:not([scope])").length,
        cut: all("pre").filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent),
    };
}"""
DESK, PHONE, PAPER = (1280, 1000), (375, 800), (700, 1000)  # pixels, paper in portrait


@pytest.fixture(scope="module")
def tab(browser):
    """Return a tab without a network. It shows all pages: a new one for each would take twice the time."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, offline=True)
    yield context.new_page()
    context.close()


def look_at(tab, page: Path) -> tuple[dict, list[str]]:
    """Open a page of the disk; return what is seen, and what is wrong."""
    asked, said = [], []
    listeners = {
        "request": lambda request: asked.append(request.url),
        "console": lambda message: said.append(message.text),
        "pageerror": lambda error: said.append(str(error)),
    }
    for event, listener in listeners.items():
        tab.on(event, listener)
    tab.emulate_media(media="screen")
    tab.set_viewport_size(dict(zip(("width", "height"), DESK, strict=True)))
    tab.goto(page.as_uri())
    seen = tab.evaluate(LOOK)
    tab.set_viewport_size(dict(zip(("width", "height"), PHONE, strict=True)))
    on_a_phone = tab.evaluate(LOOK)["wide"]
    tab.set_viewport_size(dict(zip(("width", "height"), PAPER, strict=True)))
    tab.emulate_media(media="print")
    on_paper = tab.evaluate(LOOK)
    tab.keyboard.press("Tab")
    first = tab.evaluate("document.activeElement.getAttribute('href')")
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)
    faults = [f"asks for {url}" for url in asked if not url.startswith(("file:", "data:"))]
    faults += [f"says {text}" for text in said]
    faults += [f"a broken formula: {text}" for text in seen["broken"]]
    faults += [f"a raw $: {text}" for text in seen["raw"]]
    faults += [f"{seen['pictures']} pictures are not shown"] * (seen["pictures"] > 0)
    faults += [f"{seen['wide']} pixels wider than the window"] * (seen["wide"] > 0)
    faults += [f"{on_a_phone} pixels wider than a phone"] * (on_a_phone > 0)
    faults += [f"{on_paper['wide']} pixels wider than paper"] * (on_paper["wide"] > 0)
    faults += [f"code cut on paper: {text[:60]}" for text in on_paper["cut"]]
    faults += [f"{seen['silent']} pictures without words"] * (seen["silent"] > 0)
    faults += [f"{seen['headless']} headers of no row and no column"] * (seen["headless"] > 0)
    faults += [f"the first link leads to {first}"] * (first != "#text")
    faults += ["formulas that cannot be read aloud"] * (seen["spoken"] < seen["drawn"])
    return seen, faults


def test_every_page_is_whole_without_a_network(tab, pages):
    found = {}
    for page in pages:
        seen, faults = look_at(tab, page)
        source = ROOT / page.relative_to(pages[-1].parent).with_suffix(".ipynb")
        prose = "\n".join(c["source"] for c in nbformat.read(source, 4)["cells"] if c["cell_type"] == "markdown")
        formulas = re.findall(r"\$\$.+?\$\$|\$[^$]+\$", re.sub(r"(?s)```.*?```|`[^`]*`", "", prose), re.DOTALL)
        if seen["drawn"] < len(formulas):  # proofs are formulas too
            faults.append(f"{seen['drawn']} formulas are drawn, {len(formulas)} written")
        if faults:
            found[page.name] = faults
    assert found == {}


def test_a_stored_slider_moves_its_pictures_by_mouse_and_by_keyboard(tab, pages):
    tab.set_viewport_size({"width": 1280, "height": 1000})
    tab.goto(next(page for page in pages if page.stem == "03_relu").as_uri())
    slider, said, picture = (tab.locator(f".strip {part}") for part in ("input", "output", "img"))
    values = slider.get_attribute("data-values").split()
    seen = set()
    for move, due in (("End", values[-1]), ("Home", values[0]), ("ArrowRight", values[1])):
        slider.press(move)
        assert said.inner_text() == slider.get_attribute("aria-valuetext") == due
        seen.add(
            picture.evaluate(
                "image => image.getBoundingClientRect().top - image.parentElement.getBoundingClientRect().top"
            )
        )
    assert len(seen) == 3
    box = slider.bounding_box()
    tab.mouse.click(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
    assert said.inner_text() == values[-1]
    last = picture.evaluate(
        "image => image.getBoundingClientRect().bottom - image.parentElement.getBoundingClientRect().bottom"
    )
    assert abs(last) < 1


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("# One\n\n$x^2$ and `$HOME`", ""),
        ("# One\n\n$\\nosuchmacro$", "a broken formula"),
        ("# One\n\n$\\frac{1}{2$", "a raw $"),
        ("# One\n\n$x$ and $y", "a raw $"),
        ("# One\n\n![lost](lost.png)", "pictures are not shown"),
        ('# One\n\n<div style="width: 2000px">wide</div>', "wider than the window"),
        ('# One\n\n<div style="width: 500px">wide</div>', "wider than a phone"),
        ('# One\n\n<pre style="overflow-wrap: normal">' + "x" * 500 + "</pre>", "code cut on paper: xxx"),
        ('# One\n\n<img src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=">', "pictures without words"),
        ("# One\n\n" + "x" * 500 + "\n\n| a |\n| - |\n| b |\n\n```\n" + "x" * 500 + "\n```", ""),
        ('# One\n\n<img src="https://example.org/a.png" alt="a">', "asks for https://example.org/a.png"),
    ],
)
def test_a_page_with_a_fault_is_found(tab, text, word, tmp_path):
    (tmp_path / "notebooks").mkdir()
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)]), tmp_path / "notebooks" / "one.ipynb"
    )
    (page,) = html.export(tmp_path / "html", tmp_path)
    _, faults = look_at(tab, page)
    assert word in "; ".join(faults)
    assert bool(faults) == bool(word)
