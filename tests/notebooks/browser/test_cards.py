"""The doctor's and the checks' cards, and the pages, in a browser: they can be read in a light and in a dark theme."""

from __future__ import annotations

import nbformat
import pytest
import torch

from minidl import ReLU
from minidl.lab.course import pages
from minidl.lab.doctor import examine
from minidl.lab.exercises import reply

# the contrast of each text with what lies behind it, as WCAG 2 defines it; the smallest, and the words
CONTRAST = """() => {
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => {
        const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        const [r, g, b] = numbers(colour).map((c) => linear(c / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (node) => {
        for (; node; node = node.parentElement) {
            const colour = getComputedStyle(node).backgroundColor;
            if (numbers(colour)[3] !== 0) return colour;
        }
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
    const hidden = "script, style, .anchor-link, .skip, .prompt";
    while (walker.nextNode()) {
        const node = walker.currentNode.parentElement, words = walker.currentNode.textContent.trim();
        if (!words || node.closest(hidden)) continue;
        const [low, high] = [light(getComputedStyle(node).color), light(behind(node))].sort((one, other) => one - other);
        found.push([(high + 0.05) / (low + 0.05), words]);
    }
    return found.sort((one, other) => one[0] - other[0]);
}"""
THEMES = {"light": ("#fff", "#212121", "#1565c0"), "dark": ("#111", "#e0e0e0", "#64b5f6")}  # JupyterLab's


class MyReLU(ReLU):
    def backward(self, grad_output):
        return grad_output.clamp(min=0)


@pytest.fixture(scope="module")
def tab(browser):
    page = browser.new_page()
    yield page
    page.close()


@pytest.mark.parametrize("theme", THEMES)
def test_every_word_can_be_read(tab, theme):
    torch.manual_seed(0)
    shown = [
        examine(MyReLU(), (4, 3)),
        examine(ReLU(), (4, 3)),
        reply.not_done("a", "run it"),
        reply.right("a", "judged"),
        reply.wrong("a", "not that", "a hint"),
    ]
    background, text, link = THEMES[theme]
    body = "".join(one._repr_html_() for one in shown)
    style = f"body {{ background: {background}; color: {text} }} a {{ color: {link} }}"
    tab.set_content(f"<style>{style}</style>{body}")
    found = tab.evaluate(CONTRAST)
    assert len(found) > 40, "the cards are not shown"
    contrast, words = found[0]
    assert contrast >= 4.5, f"{words!r} has a contrast of {contrast:.1f}"


def test_a_faint_word_is_found(tab):
    tab.set_content('<body style="background: #fff; color: #000">clear <i style="color: #999">faint</i></body>')
    contrast, words = tab.evaluate(CONTRAST)[0]
    assert (round(contrast, 1), words) == (2.8, "faint")


def test_reading_on_is_a_link(tab):
    tab.set_content(examine(MyReLU(), (4, 3))._repr_html_())
    assert tab.locator("a").get_attribute("href") == "03_relu.ipynb#Mistakes"


@pytest.mark.parametrize("theme", THEMES)
def test_every_word_of_a_page_can_be_read(browser, theme, tmp_path):
    (tmp_path / "notebooks").mkdir()
    code = nbformat.v4.new_code_cell(
        'def half(x):\n    """Return x / 2."""\n    return f"{x / 2:.1f}"  # a string', execution_count=1
    )
    code.outputs = [nbformat.v4.new_output("stream", text="1.5\n")]
    table, folded = "| a | b |\n| - | - |\n| 1 | 2 |", "<details><summary>more</summary>here</details>"
    prose = f"# One\n\nA [link](one.ipynb), `code`, and\n\n{table}\n\n{folded}"
    cells = [nbformat.v4.new_markdown_cell(prose), code]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "one.ipynb")
    (page,) = pages.export(tmp_path / "html", tmp_path)
    context = browser.new_context(color_scheme=theme, viewport={"width": 390, "height": 800})
    tab = context.new_page()
    tab.goto(page.as_uri())
    found = tab.evaluate(CONTRAST)
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    context.close()
    assert dark == (theme == "dark")
    assert wide <= 0
    contrast, words = found[0]
    assert contrast >= 4.5, f"{words!r} has a contrast of {contrast:.1f}"
