"""What holds for every figure: it draws into new axes or yours, takes them by keyword, and has the project's style."""

from __future__ import annotations

import inspect
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from minidl import Linear, ReLU, Sequential, Tanh
from minidl.lab import figures
from minidl.lab.disk import disk
from minidl.lab.figures.style import WHOLE_STYLE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("agg")]

SHARED = {"save", "use_style"}  # public functions that draw nothing
HISTORY = pd.DataFrame(
    [
        {"model": "minidl", "run": run, "epoch": epoch, "split": split, "loss": 1 / epoch + run, "accuracy": 0.5}
        for run in (0, 1)
        for epoch in (1, 2, 3)
        for split in ("training", "validation")
    ]
)
TWINS = pd.concat([HISTORY.assign(model=name, loss=HISTORY["loss"] + k) for k, name in enumerate("ab")])
GENERATOR = torch.Generator().manual_seed(0)
POINTS = disk(40, generator=GENERATOR)
MODEL = Sequential(Linear(2, 2, generator=GENERATOR), ReLU(), Linear(2, 2, generator=GENERATOR))
DEEP = Sequential(Linear(2, 2, generator=GENERATOR), ReLU(), MODEL)
PATH = torch.tensor([[3.0, 0.0], [1.0, 1.0]])
IMAGES = torch.rand(2, 64, generator=GENERATOR)

DRAW = {  # each draws into ``ax``, or into new axes, and returns what it has drawn into
    "new_axes": figures.new_axes,
    "new_row": lambda ax=None: figures.new_row(2, ax),
    "differences": lambda ax=None: figures.differences(TWINS, {"both": ("a", "b")}, ax=ax),
    "points": lambda ax=None: figures.points(*POINTS, ax=ax),
    "decision_regions": lambda ax=None: figures.decision_regions(MODEL, ax=ax),
    "film": lambda ax=None: figures.film({0: MODEL, 7: MODEL}, POINTS, ax=ax),
    "zero_lines": lambda ax=None: figures.zero_lines({"trained": DEEP}, ax=ax),
    "training_history": lambda ax=None: figures.training_history(HISTORY, ax=ax),
    "means": lambda ax=None: figures.means(HISTORY, "loss", ax=ax),
    "bands": lambda ax=None: figures.bands(HISTORY, "loss", ax=ax),
    "comparison": lambda ax=None: figures.comparison(HISTORY, ax=ax),
    "final_errors": lambda ax=None: figures.final_errors(HISTORY, ax=ax),
    "matrix_product": lambda ax=None: figures.matrix_product(PATH, PATH, ax=ax),
    "activation": lambda ax=None: figures.activation(Tanh(), at=1.0, ax=ax),
    "lines": lambda ax=None: figures.lines({"a": PATH[0]}, PATH[1], ax=ax, xlabel="x", title="two"),
    "gradient_flow": lambda ax=None: figures.gradient_flow({"one": [0.1, 1.0]}, ax=ax),
    "chain": lambda ax=None: figures.chain({"square": 6}, {"x": 3, "L": 9}, ax=ax),
    "flow": lambda ax=None: figures.flow({"one": ([0.1, 1.0], [2.0, 0.5])}, ax=ax),
    "network": lambda ax=None: figures.network(MODEL, PATH[:1], PATH[1:], names="XHAY", ax=ax),
    "descent": lambda ax=None: figures.descent(lambda u, v: u**2 + v**2, {"p": PATH}, x=(-4, 4), y=(-4, 4), ax=ax),
    "entries": lambda ax=None: figures.entries({"X": PATH, "Y": -PATH}, ax=ax),
    "squares": lambda ax=None: figures.squares(torch.tensor([2.0, -1.0]), ax=ax),
    "digit_images": lambda ax=None: figures.digit_images(IMAGES, torch.tensor([3, 5]), ax=ax),
    "confusion_matrix": lambda ax=None: figures.confusion_matrix(torch.tensor([0, 1]), torch.tensor([1, 1]), ax=ax),
}
every = pytest.mark.parametrize("name", DRAW)


def test_every_public_figure_is_drawn_here():
    functions = {name for name, value in vars(figures).items() if inspect.isfunction(value)}
    assert functions - SHARED == DRAW.keys()


@pytest.mark.parametrize("file", [figures.history, figures.square, figures.backprop, figures.classes])
def test_every_figure_is_handed_on_and_stands_in_the_table(file):
    drawn = {name for name, value in vars(file).items() if hasattr(value, "__wrapped__")}
    drawn = {name for name in drawn if getattr(file, name).__module__ == file.__name__} - SHARED
    assert drawn
    assert drawn <= vars(figures).keys()
    row = re.search(rf"``{file.__name__.rpartition('.')[2]}``(.*?)(?=\n``|\n=)", figures.__doc__, re.DOTALL)[1]
    assert drawn <= set(re.findall(r"``(\w+)``", row))


@every
def test_new_axes_or_your_own(name):
    drawn = DRAW[name]()
    several = not isinstance(drawn, plt.Axes)
    assert len(plt.get_fignums()) == 1
    _, own = plt.subplots(1, 2)
    given = own if several else own[1]
    again = DRAW[name](ax=given)
    assert list(again) == list(given) if several else again is given
    assert len(plt.get_fignums()) == 2, "a figure was opened though axes were given"
    if not several:
        assert not own[0].has_data(), "other axes were drawn into"


@every
def test_figures_look_the_same_in_every_setting(name):
    """The style is that of the project, whatever has been set, and what has been set stays set."""

    def pixels():
        drawn = DRAW[name]()
        figure = drawn.figure if isinstance(drawn, plt.Axes) else drawn[0].figure
        figure.set_dpi(0.6 * figure.dpi)  # fewer pixels take less time
        with plt.style.context(WHOLE_STYLE):  # as where it is saved: some ticks are made when they are drawn
            figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba()).copy()

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.use("Agg")
        before = pixels()
        other = {"lines.linewidth": 9, "axes.grid": False, "legend.frameon": False, "axes.titlelocation": "right"}
        other |= {"figure.dpi": 60, "font.size": 17}
        mpl.rcParams.update(other)
        np.testing.assert_array_equal(pixels(), before)
        assert {key: mpl.rcParams[key] for key in other} == other


@every
def test_axes_are_taken_by_keyword_and_figures_drawn_in_style(name):
    function = getattr(figures, name)
    assert inspect.signature(function).parameters["ax"].default is None
    assert hasattr(function, "__wrapped__"), f"{name} is not decorated with in_style"
