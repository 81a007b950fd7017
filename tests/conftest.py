"""What all tests share: seeded float64 batches, and three independent ways to judge a module.

Torch is imported where it is used: the process that only hands out tests does without, and begins to do so a second or two
sooner.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from pathlib import Path

import pytest

VISITS = "test_in_jupyterlab.py"


def pytest_configure(config):
    """Let torch compute on one thread in all processes that tests start, kernels included: tests run side by side.

    With ``-m fast``, no notebook is read.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    if config.option.markexpr == "fast":
        notebooks = [str(config.rootpath / name) for name in ("*.ipynb", "tests/notebooks")]
        config.option.ignore_glob = [*(config.option.ignore_glob or []), *notebooks]


@pytest.hookimpl(tryfirst=True)  # before those without the marker that is asked for are taken out
def pytest_collection_modifyitems(config, items):
    """Mark what is fast, and begin with what takes longest.

    Otherwise one worker would still be at it when the others have nothing left to do.
    """
    for item in items:
        of_notebooks = item.path.suffix == ".ipynb" or config.rootpath / "tests" / "notebooks" in item.path.parents
        if not of_notebooks and not item.get_closest_marker("slow"):
            item.add_marker("fast")
    slow = ("11_why", "10_disk", "13_digits", "mkplot")  # notebooks that train for a while
    long = ("test_marking", "test_answers", "test_specimens", "test_wall_attacks", "test_wheel", "test_mutants")

    def rank(item):
        file = item.nodeid.partition("::")[0]
        runs_notebook = item.path.suffix == ".ipynb" or runs_notebooks(item.nodeid)
        if "experiment" in file or (runs_notebook and any(name in item.nodeid for name in slow)):
            return 0
        if runs_notebooks(item.nodeid):
            return 1  # right after the slow ones: the page in a worker's browser stays while it has nothing else to do
        if "browser" in item.nodeid:
            return 2
        return 3 if runs_notebook or Path(file).stem in long else 4

    items.sort(key=rank)


def runs_notebooks(nodeid: str) -> bool:
    return nodeid.partition("::")[0].endswith((VISITS, "test_students.py"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Hand out tests file by file, as --dist=loadfile does.

    Where a test runs a whole notebook, or tries all answers to an exercise, one notebook or exercise is handed out at a time.
    Visits to notebooks are handed out in two lots: whoever pays visits has a JupyterLab and a browser started, which costs
    as much as two visits, and while one of the two waits for its kernel, others have work to do.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file, _, test = nodeid.partition("::")
            of = test.partition("[")[2]
            if file.endswith(VISITS):
                return f"{VISITS} {'even' if of[1:2] in '02468' else 'odd'}"  # 00, 02 ...; 01, 03 ... and mkplot
            if file.endswith(("test_cards.py", "test_playground.py")):
                return f"{VISITS} even"
            one_by_one = runs_notebooks(nodeid) or file.endswith("test_answers.py")
            return file + of if one_by_one else file

    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Return a function that returns a folder for all who share the tests: the first who asks for it fills it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def made_once(name, fill):
        folder, at_work = shared / name, shared / f"{name} is being made"
        end = time.monotonic() + 300
        while not folder.exists():
            assert time.monotonic() < end, f"{at_work}, but it does not come to an end"
            try:
                at_work.mkdir()
            except FileExistsError:
                time.sleep(0.1)
                continue
            try:
                if not folder.exists():  # it may have been made in between
                    unfinished = tmp_path_factory.mktemp(name)
                    fill(unfinished)
                    unfinished.rename(folder)
            finally:
                at_work.rmdir()
        return folder

    return made_once


@pytest.fixture(scope="session")
def pages(made_once):
    """Return the pages that are made of all notebooks, in their order."""
    from minidl.lab.course.pages import export

    def fill(folder):
        pages = export(folder, Path(__file__).parents[1])
        (folder / "in order").write_text("\n".join(str(page.relative_to(folder)) for page in pages))

    folder = made_once("html", fill)
    return [folder / page for page in (folder / "in order").read_text().splitlines()]


@pytest.fixture
def generator():
    """Return a generator that starts the same in every test."""
    import torch

    return torch.Generator().manual_seed(0)


@pytest.fixture
def randn(generator):
    """Return a function that draws a tensor of a given shape, no entry of it near 0, which is ReLU's kink."""
    import torch

    def draw(*shape, dtype=torch.float64):
        x = torch.randn(shape, generator=generator, dtype=dtype)
        return x + 0.1 * x.sign()

    return draw


@pytest.fixture(scope="session")
def close():
    """Return a function that fails unless two tensors agree to 1e-12, in shape, dtype and device."""
    import torch

    return functools.partial(torch.testing.assert_close, rtol=0, atol=1e-12)


@pytest.fixture(scope="session")
def central_differences():
    """Return a function that differentiates a scalar function of nothing in the entries of a tensor, one by one."""
    import torch

    def differentiate(function, tensor, step=1e-6):
        gradient, entries = torch.empty_like(tensor), tensor.view(-1)
        for i, entry in enumerate(entries.tolist()):
            entries[i] = entry + step
            above = function().item()
            entries[i] = entry - step
            below = function().item()
            entries[i] = entry
            gradient.view(-1)[i] = (above - below) / (2 * step)
        return gradient

    return differentiate


@pytest.fixture(scope="session")
def unchanged():
    """Return a context manager that fails if a tensor, or anything inside a module, is replaced or written to."""
    import torch

    @contextlib.contextmanager
    def watch(*things):
        before = [_state(thing) for thing in things]
        values = [
            {key: value.clone() for key, value in old.items() if isinstance(value, torch.Tensor)} for old in before
        ]
        yield
        for thing, old, copies in zip(things, before, values, strict=True):
            new = _state(thing)
            assert new.keys() == old.keys()
            for key, value in new.items():
                assert value is old[key], f"{thing}: {key} was replaced"
            for key, value in copies.items():
                assert torch.equal(new[key], value), f"{thing}: {key} was written to"

    return watch


def _state(thing):
    """Return everything that a tensor or a module holds, private attributes included."""
    import torch

    if isinstance(thing, torch.Tensor):
        return {"tensor": thing}
    return {
        (i, kind, name): value
        for i, module in enumerate(thing.modules())
        for kind, names in {"attribute": vars(module), "param": module.params, "grad": module.grad}.items()
        for name, value in names.items()
    }


@pytest.fixture
def agg(monkeypatch):
    """Draw without a screen, fail where something is shown, and close all figures in the end."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    mpl.use("Agg")
    monkeypatch.setattr(plt, "show", lambda *_, **__: pytest.fail("a figure was shown"))
    yield
    plt.close("all")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Compute on one thread: the matrices are small, and tests run side by side."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
