"""The playground in a real JupyterLab: it plays and stops, and a mouse and a keyboard can do all of it."""

from __future__ import annotations

import itertools
import re

import nbformat
import pytest
from visiting import OPENING, Path, within

NOTEBOOK = "playground.ipynb"
CELLS = [
    "from minidl.lab.playground import playground\n\nplay = playground()\nplay",
    "play.settings, len(play.history)",
]
WATCH = """() => {
    window.pictures = 0;
    const count = () => { window.pictures += 1; };
    new MutationObserver(count).observe(document.querySelector("svg.playground").parentElement, { childList: true });
}"""
HEIGHT = """() => {
    const top = (selector) => document.querySelector(selector).getBoundingClientRect().top;
    return top("svg.playground") - top(".jp-OutputArea-output");
}"""
# in the order in which Tab reaches them: what to type, and what holds then
TYPED = {
    "points": ("60", "points=60"),
    "noise": ("0.02", "noise=0.02"),
    "seed": ("3", "seed=3"),
    "hidden layers": ("6-5", "hidden=(6, 5)"),
    "learning rate": ("0.002", "lr=0.002"),
    "batch size": ("20", "batch_size=20"),
}
CHOSEN = {
    "data": ("two moons", "data='moons'"),
    "activation": ("Tanh", "activation='Tanh'"),
    "initial weights": ("Xavier (gain 1)", "gain=1.0"),
    "loss": ("mean per point (batchmean)", "reduction='batchmean'"),
    "picture every": ("1 step", ""),
}


class Tab:
    """JupyterLab with a notebook of two cells, of which the first shows a playground."""

    def __init__(self, page, lab) -> None:
        self.page, self.lab = page, lab
        self.outside, self.complaints = [], []
        page.on("request", lambda request: self.outside.append(request.url))
        page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.add_init_script(path=Path(__file__).with_name("looking.js"))
        page.goto(lab.address(NOTEBOOK), timeout=1000 * OPENING)
        self.until(
            lambda: page.evaluate("window.looking?.isLab()") and page.evaluate(f"looking.isOpen('{NOTEBOOK}')"), OPENING
        )
        page.evaluate("looking.watch()")
        self.run("Run All Cells")
        page.locator("svg.playground").wait_for()
        page.evaluate(WATCH)

    def until(self, condition, seconds=30) -> None:
        assert within(seconds, condition, lambda pause: self.page.wait_for_timeout(1000 * pause))

    def run(self, what: str) -> None:
        self.page.locator("#jp-MainMenu").get_by_text("Run", exact=True).click()
        self.page.get_by_role("menu").get_by_text(what, exact=True).click()

    def button(self, name: str):
        return self.page.get_by_role("button", name=name)

    def field(self, name: str):
        return self.page.get_by_label(name, exact=True)

    def pictures(self) -> int:
        return self.page.evaluate("pictures")

    def told(self) -> str:
        return self.page.locator("svg.playground").get_attribute("aria-label")

    def shows(self, words: str) -> None:
        self.until(lambda: words in self.told())

    def settings(self) -> str:
        """Run the second cell, while the first one's widget is there, and return what it prints."""
        cell = self.page.locator(".jp-Notebook .jp-Cell").nth(1)
        cell.locator(".cm-content").click()
        before = cell.locator(".jp-OutputPrompt").inner_text()
        self.page.keyboard.press("Control+Enter")
        self.until(lambda: cell.locator(".jp-OutputPrompt").inner_text() not in (before, "[*]:"))
        return " ".join(cell.locator(".jp-OutputArea-output").inner_text().split())


@pytest.fixture(scope="module")
def tab(browser, lab):
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), lab.folder / NOTEBOOK)
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, service_workers="block")
    tab = Tab(context.new_page(), lab)
    yield tab
    tab.page.evaluate("looking.shutDown(looking.leave().session)")
    context.close()
    (lab.folder / NOTEBOOK).unlink()


def test_it_plays_at_a_good_pace_and_stops_at_once(tab):
    tab.shows("A network 2-25-25-25-2 with ReLU learns the disk. Epoch 0.")
    tab.button("Play").click()
    counts = [tab.pictures()]
    for _ in range(5):
        tab.page.wait_for_timeout(1000)
        counts.append(tab.pictures())
    tab.button("Pause").click()
    tab.button("Play").wait_for()
    stopped = tab.pictures()
    a_second = [after - before for before, after in itertools.pairwise(counts)]
    assert max(a_second) >= 5, a_second  # on a machine that has all of the tests to do; ten on an idle one
    tab.page.wait_for_timeout(500)
    assert tab.pictures() <= stopped + 2  # the one under way, and the one with its hints
    assert int(re.search(r"Epoch (\d+)", tab.told())[1]) >= 10


def test_another_cell_runs_while_it_plays(tab):
    tab.button("Play").click()
    assert "data='disk'" in tab.settings()
    tab.button("Pause").click()
    tab.button("Play").wait_for()


def test_its_buttons_by_mouse_and_by_keyboard(tab):
    tab.button("Start again").click()
    tab.shows("Epoch 0.")
    tab.button("One epoch").click()
    tab.shows("Epoch 1:")
    tab.button("One step").click()
    tab.shows("Epoch 2, step 1 of 10")
    tab.page.get_by_role("heading", name="Step 1 of epoch 2: a mini-batch of 50 points").wait_for()
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Enter")  # One epoch
    tab.shows("Epoch 2:")
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Space")  # Start again
    tab.shows("Epoch 0.")
    for _ in range(3):
        tab.page.keyboard.press("Shift+Tab")
    tab.page.keyboard.press("Space")
    tab.button("Pause").wait_for()
    tab.page.keyboard.press("Space")
    tab.button("Play").wait_for()


def test_its_fields_by_mouse_and_by_keyboard(tab):
    for name, (words, _) in CHOSEN.items():
        tab.field(name).select_option(words)
    tab.field("data").focus()
    for name, (words, _) in TYPED.items():
        while tab.page.evaluate("document.activeElement.labels?.[0]?.textContent") != name:
            tab.page.keyboard.press("Tab")
        tab.page.keyboard.press("Control+A")
        tab.page.keyboard.type(words)
    tab.page.keyboard.press("Tab")
    tab.shows("A network 2-6-5-2 with Tanh learns two moons. Epoch 0.")
    held = tab.settings()
    assert [holds for _, holds in (*TYPED.values(), *CHOSEN.values()) if holds not in held] == []
    tab.field("seed").click(click_count=3)
    tab.page.keyboard.type("many\n")
    tab.page.get_by_role("alert").get_by_text("expected a whole number, got 'many'").wait_for()
    tab.field("activation").focus()
    for key in (
        "Space",
        "ArrowDown",
        "Enter",
    ):  # while the list is closed, arrows are JupyterLab's own: they change the cell
        tab.page.keyboard.press(key)
        tab.page.wait_for_timeout(200)
    tab.shows("with Sigmoid")


def test_a_learning_rate_that_is_too_large_stops_it_and_a_smaller_one_is_offered(tab):
    tab.field("activation").select_option("ReLU")
    tab.field("learning rate").fill("1e9")
    tab.page.keyboard.press("Enter")
    height = tab.page.evaluate(HEIGHT)
    tab.button("Play").click()
    tab.page.get_by_role("alert").get_by_text("smaller learning rate").wait_for()
    tab.button("Play").wait_for()
    assert tab.page.evaluate(HEIGHT) == height  # the picture does not jump
    tab.button("Start again with learning rate 1e+08").click()
    tab.shows("Epoch 0.")
    assert tab.field("learning rate").input_value() == "1e+08"


def test_nothing_is_too_wide_or_complains_or_leaves_the_machine(tab):
    assert tab.page.evaluate("looking.tooWide()") == []
    assert tab.page.evaluate("looking.seen.raised") == []
    assert tab.complaints == []
    assert [url for url in tab.outside if not url.startswith((tab.lab.url, "data:", "blob:"))] == []
