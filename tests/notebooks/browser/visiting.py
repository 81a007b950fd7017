"""A JupyterLab of one's own, and a visit to a notebook in it, as a student pays one.

That is to open it, run it, move its sliders, save it, and spend the rest of a student's day in its kernel.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NoReturn

import nbformat
import pytest
from days_rest import SHORTENED, faults_of_the_rest

ROOT = Path(__file__).parents[3]
KEPT = ROOT / "build" / "browser"  # ignored by git
# JupyterLab's own, once in hundreds of visits: a message to a part of the page that is gone
RACE = "(reading 'processLuminoMessage')"
HOW_TO_GET_IT = (
    "no Chromium for the browser tests: `apt install chromium`, or `python -m playwright install --with-deps chromium`"
)
KINDS = ("opening", "running", "formulas", "width", "solutions", "sliders", "network", "console", "file", "day")
CHROMIUM = [
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
]  # Playwright's own ways to refuse switch the cache off
OPENING = 180  # seconds: for JupyterLab to start, and for it to open a notebook; a busy machine takes its time
PICTURES = 3  # of faults of a kind
NOT_YET = ["was not looked at"]
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},  # or a slow machine would save during the visit
}


@functools.cache
def chromium() -> str | None:
    """Return the path of the system's Chromium or Chrome, or else of Playwright's own; None where there is neither."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    return importlib.util.find_spec("playwright") and (
        next(filter(None, map(shutil.which, names)), None) or playwrights_own()
    )


def playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def unavailable() -> NoReturn:
    """Skip, or fail where the environment variable MINIDL_BROWSER is "required"."""
    if os.environ.get("MINIDL_BROWSER") == "required":
        pytest.fail(HOW_TO_GET_IT)
    pytest.skip(HOW_TO_GET_IT)


@dataclass
class Lab:
    """A running server: the folder that it shows, where it listens, and the folder that says where its kernels do."""

    folder: Path
    url: str
    token: str
    runtime: Path

    def address(self, notebook: str) -> str:
        """Return where a browser finds a notebook, in an empty workspace."""
        return f"{self.url}/lab/tree/{notebook}?token={self.token}&reset"


@contextlib.contextmanager
def jupyterlab(home: Path) -> Iterator[Lab]:
    """Serve a copy of the project from an empty folder, with no setting of the user's, and stop in the end."""
    folder = home / "minidl"
    nothing_made = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in ("minidl", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=nothing_made)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    shorten(folder / f"{SHORTENED}.ipynb")
    write(home / "config/labconfig/default_setting_overrides.json", json.dumps(SETTINGS))
    startup = home / "ipython/profile_default/startup"
    startup.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("kernel_startup.py"), startup)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # jsonschema does without this package, and JupyterLab without what it is for; to import it takes two thirds of the start.
    write(home / "quicker/rfc3987_syntax.py", 'raise ImportError("not needed")\n')
    python_path = os.pathsep.join(filter(None, [str(home / "quicker"), os.environ.get("PYTHONPATH")]))
    token = secrets.token_hex()
    lab = Lab(folder, f"http://127.0.0.1:{port}", token, home / "runtime")
    environment = os.environ | {
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(lab.runtime),
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONPATH": python_path,
    }
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    options += [f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
    log = home / "jupyterlab.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=output, stderr=output
        )
    try:
        if not within(OPENING, lambda: server.poll() is not None or answers(lab)) or server.poll() is not None:
            raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")
        yield lab
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def shorten(path: Path) -> None:
    """Let mkplot train few runs for few epochs: its first code cell is there to be changed."""
    text, changes = re.subn(r'"(RUNS|EPOCHS) = \d+', r'"\1 = 3', path.read_text(encoding="utf-8"))
    assert changes == 2
    path.write_text(text, encoding="utf-8")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def answers(lab: Lab) -> bool:
    try:
        with urllib.request.urlopen(f"{lab.url}/api?token={lab.token}", timeout=2):
            return True
    except OSError:
        return False


def within(seconds: float, condition: Callable[[], object], pause: Callable[[float], object] = time.sleep) -> bool:
    """Wait until a condition holds, and return whether it came to hold in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        pause(0.1)
    return True


@dataclass
class Evidence:
    """What a visit found: faults in words by kind, and how long things took."""

    faults: dict[str, list[str]] = field(default_factory=lambda: dict.fromkeys(KINDS, NOT_YET))
    seconds: dict[str, float] = field(default_factory=dict)
    milliseconds_per_move: list[int] = field(default_factory=list)


class Visit:
    """One notebook in one page, from opening to saving.

    Its cells have ``limit`` seconds to run; what takes an instant has ``patience`` seconds. With solutions, the visit goes
    on for the rest of a student's day; what is ``stored``, cells with their outputs, is to come out again.
    """

    def __init__(
        self, page, lab: Lab, notebook: str, limit: float, patience: float, solutions: list | None, stored: list
    ):
        self.page, self.lab, self.notebook, self.limit, self.patience = page, lab, notebook, limit, patience
        self.solutions, self.stored = solutions, stored
        self.path = lab.folder / notebook
        self.name = self.path.stem
        self.evidence = Evidence()
        self.outside: list[str] = []
        self.complaints: list[str] = []
        self.listeners = {
            "request": lambda request: self.note(request.url),
            "console": lambda message: message.type == "error" and self.complaints.append(message.text[:300]),
            "pageerror": lambda error: self.complaints.extend([str(error)[:300]] if RACE not in str(error) else []),
        }

    def note(self, url: str) -> None:
        """Note what is asked for from elsewhere. It is not to be had: see CHROMIUM."""
        if not url.startswith((self.lab.url, "data:", "blob:")):
            self.outside.append(url)

    def ask(self, question: str, *arguments):
        """Ask looking.js."""
        return self.page.evaluate(f"argument => looking.{question}(argument)", *arguments)

    def wait(self, seconds: float, condition: Callable[[], object]) -> bool:
        return within(seconds, condition, lambda pause: self.page.wait_for_timeout(1000 * pause))

    def record(self, kind: str, found: list[dict]) -> None:
        """Keep faults of a kind, the first ones each with a screenshot of its cell; an empty list says that there are none.

        A screenshot takes its time, and who has seen a few has seen what is wrong.
        """
        if self.evidence.faults[kind] == NOT_YET:
            self.evidence.faults[kind] = []
        for fault in found:
            cell = fault.get("cell")
            where = f"cell {cell}: " if cell else ""
            words = f"{where}{fault['words']}"
            if len(self.evidence.faults[kind]) < PICTURES:
                words += f" [{self.picture(kind, cell).relative_to(ROOT)}]"
            self.evidence.faults[kind].append(words)

    def picture(self, kind: str, cell: str | None) -> Path:
        """Take a screenshot of a cell, or of what is in view."""
        path = KEPT / f"{self.name}-{kind}-{cell or 'page'}.png"
        if cell:
            self.ask("show", cell)
            self.page.wait_for_timeout(200)
        self.page.screenshot(path=path)
        return path

    def pay(self) -> Evidence:
        """Open the notebook, run it, move its sliders, save it and spend the day with it; return what was found."""
        KEPT.mkdir(parents=True, exist_ok=True)
        for old in KEPT.glob(f"{self.name}-*.png"):
            old.unlink()
        before = self.path.read_bytes()
        for event, listener in self.listeners.items():
            self.page.on(event, listener)
        with self.timed("opening"):
            is_open = self.open()
        if is_open:
            self.look_at_solutions("on opening")
            with self.timed("running"):
                self.run()
            self.look()
            with self.timed("sliders"):
                self.move_sliders()
            self.record("running", [] if self.is_idle() else [{"words": "the kernel is not idle in the end"}])
            self.save(before)
            left = self.ask("leave")
            if self.solutions is not None and not self.evidence.faults["running"]:
                with self.timed("day"):
                    self.spend_the_day(left["kernel"])
            self.ask("shutDown", left["session"])
        for event, listener in self.listeners.items():
            self.page.remove_listener(event, listener)
        self.record("network", [{"words": f"asked for {url}"} for url in dict.fromkeys(self.outside)])
        self.record("console", [{"words": words} for words in dict.fromkeys(self.complaints)])
        write(KEPT / f"{self.name}.json", json.dumps(asdict(self.evidence), indent=1))
        return self.evidence

    @contextlib.contextmanager
    def timed(self, what: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.evidence.seconds[what] = round(time.monotonic() - start, 1)

    def is_idle(self) -> bool:
        return self.wait(self.patience, lambda: self.ask("isIdle"))

    def questions(self) -> list[dict]:
        words = self.ask("question")
        return [{"words": f"JupyterLab asks: {words!r}"}] if words else []

    def open(self) -> bool:
        """Open the notebook: with JupyterLab, or, where the page shows that already, from within."""
        if self.page.evaluate("window.looking?.isLab()"):
            self.ask("open", self.notebook)
        else:
            self.page.add_init_script(path=Path(__file__).with_name("looking.js"))
            self.page.goto(self.lab.address(self.notebook), timeout=1000 * OPENING)
        answered = self.wait(OPENING, lambda: self.ask("question") or self.ask("isOpen", self.notebook))
        faults = self.questions() if answered else [{"words": f"has not opened within {OPENING} s"}]
        self.record("opening", faults)
        return not faults

    def run(self) -> None:
        self.ask("watch")
        self.page.locator("#jp-MainMenu").get_by_text("Run", exact=True).click()
        self.page.get_by_role("menu").get_by_text("Run All Cells", exact=True).click()
        has_run = self.wait(self.limit, lambda: self.ask("question") or self.ask("hasRun"))
        self.record("opening", self.questions())
        self.record("running", self.ask("errors"))
        if not has_run:
            late = self.ask("running") or [{"words": "Run All Cells has not ended"}]
            self.record("running", [fault | {"words": f"{fault['words']} after {self.limit} s"} for fault in late])

    def look(self) -> None:
        # Formulas are set a while after the prose: a fault is one that stays.
        self.wait(self.patience, lambda: not self.ask("formulas"))
        self.record("formulas", self.ask("formulas"))
        self.look_at_solutions("after Run All")
        self.record("width", self.ask("tooWide"))

    def look_at_solutions(self, when: str) -> None:
        self.record("solutions", [fault | {"words": f"{fault['words']} {when}"} for fault in self.ask("solutions")])

    def move_sliders(self) -> None:
        self.wait(self.patience, lambda: not self.ask("deadWidgets"))
        self.record("sliders", self.ask("deadWidgets"))
        before = self.page.evaluate("looking.seen.moves.length")
        for handle in self.page.locator(".jp-Notebook .noUi-handle").all():
            handle.scroll_into_view_if_needed()
            for how, move in {"keyboard": self.press, "mouse": self.drag}.items():
                words = self.moved(handle, move)
                cell = handle.evaluate("handle => looking.cellOf(handle)")
                self.record("sliders", [{"cell": cell, "words": f"moved by {how}, {word}"} for word in words])
        self.evidence.milliseconds_per_move = self.page.evaluate("looking.seen.moves")[before:]

    def press(self, handle) -> None:
        handle.press("ArrowLeft" if self.fraction(handle) > 0.5 else "ArrowRight")

    def drag(self, handle) -> None:
        grip = handle.bounding_box()
        rail = handle.locator("xpath=ancestor::*[contains(@class, 'noUi-base')]").bounding_box()
        y = grip["y"] + grip["height"] / 2
        self.page.mouse.move(grip["x"] + grip["width"] / 2, y)
        self.page.mouse.down()
        self.page.mouse.move(rail["x"] + rail["width"] * (0.25 if self.fraction(handle) > 0.5 else 0.75), y, steps=5)
        self.page.mouse.up()

    def fraction(self, handle) -> float:
        """Return where on its rail a slider stands, from 0 to 1."""
        low, high, now = (float(handle.get_attribute(f"aria-value{name}")) for name in ("min", "max", "now"))
        return (now - low) / (high - low)

    def moved(self, handle, move: Callable) -> list[str]:
        """Move a slider and return what goes wrong."""

        def pictures():
            return handle.evaluate("handle => looking.pictures(handle)")

        position, picture = handle.get_attribute("aria-valuetext"), pictures()  # aria-valuenow is rounded
        raised = self.page.evaluate("looking.seen.raised.length")
        move(handle)
        faults = []
        if not self.wait(self.patience, lambda: handle.get_attribute("aria-valuetext") != position):
            faults.append("it stays where it is")
        elif picture == "":
            faults.append("there is no picture to follow it")
        elif not self.wait(self.patience, lambda: pictures() not in (picture, None)):
            faults.append("its picture does not follow")
        self.page.wait_for_timeout(200)
        self.is_idle()
        return faults + [f"it raises {error}" for error in self.page.evaluate("looking.seen.raised")[raised:]]

    def save(self, before: bytes) -> None:
        self.record("file", [])
        if self.path.read_bytes() != before:
            self.record("file", [{"words": "the file was written to before it was saved"}])
        self.page.locator("#jp-MainMenu").get_by_text("File", exact=True).click()
        self.page.get_by_role("menu").get_by_text("Save Notebook", exact=True).click()
        if not self.wait(20, lambda: self.ask("question") or self.ask("isSaved")) or self.questions():
            self.record("file", self.questions() or [{"words": "the notebook can't be saved"}])
        old, new = nbformat.reads(before.decode(), 4), nbformat.read(self.path, 4)
        own = ("id", "cell_type", "source", "metadata")
        changed = [
            cell.id
            for cell, now in zip(old.cells, new.cells, strict=True)
            if [cell[key] for key in own] != [now[key] for key in own]
        ]
        self.record("file", [{"cell": cell, "words": "saved, it is no longer the same"} for cell in changed])

    def spend_the_day(self, kernel: str) -> None:
        """Go on in the kernel that ran the notebook, without the page: there, it would only cost time."""
        cells = nbformat.read(self.path, 4).cells  # the file that was saved, with Run All's outputs
        connection_file = self.lab.runtime / f"kernel-{kernel}.json"
        self.evidence.faults["day"] = faults_of_the_rest(cells, self.solutions, self.stored, connection_file)
