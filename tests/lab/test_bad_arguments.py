"""Whatever a notebook's functions are given, they answer, or say in one sentence what they expected and what they got.

Each try puts one value that need not fit into one argument of a call that works otherwise. ``MINIDL_TRIES=10000`` makes as
many of them, and ``-s`` shows how they ended.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import io
import os
import re
import reprlib
import traceback
import warnings

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minidl import SGD, Linear, Module, MSELoss, ReLU, Sequential, Sigmoid, Tanh
from minidl.lab import bench, figures, numeric, proof, report, show
from minidl.lab.digits import digits
from minidl.lab.disk import disk
from minidl.lab.doctor import examine, examine_loss, examine_optimizer
from minidl.lab.experiment import Result, Setting, run_experiments
from minidl.lab.interactive import explore
from minidl.lab.network import network
from minidl.lab.stacked import stack, unstack
from minidl.lab.torch_twin import as_autograd, from_torch, to_torch
from minidl.lab.training import train

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("agg")]

TRIES = int(os.environ.get("MINIDL_TRIES", "400"))
PROMISED = (  # what else their docstrings name
    proof.ProofError,  # a wrong claim
    FloatingPointError,  # a training whose loss is no longer finite
    AssertionError,  # what `agree` and `compare_gradients` raise for numbers that do not agree
)
GOOD_ENDS = ("an answer", "a sentence", "an error of what was given")
OURS = r"(?s)expected .*(got|found no) "
PYTHONS = (
    r"takes .* but .* given|missing .* argument|unexpected keyword argument"  # for a function that takes other things
)


def model() -> Sequential:
    return Sequential(Linear(2, 2), ReLU(), Linear(2, 2))


def after_forward(module: Module, *inputs: torch.Tensor) -> Module:
    module.forward(*inputs)
    return module


def history(names: tuple[str, ...] = ("minidl",)) -> pd.DataFrame:
    rows = [
        {"model": name, "run": run, "epoch": epoch, "split": split, "loss": 1 / epoch + run, "accuracy": 0.5}
        for name in names
        for run in (0, 1)
        for epoch in (1, 2)
        for split in ("training", "validation")
    ]
    return pd.DataFrame(rows)


def result() -> Result:
    names = (*report.LABELS, *report.EXACT)
    runs = [
        {"model": name, "run": run, "training_accuracy": 0.9, "validation_accuracy": 0.8, "seconds": 1.0}
        for name in names
        for run in (0, 1)
    ]
    return Result(history(names), pd.DataFrame(runs))


def square(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.square().sum()


@functools.cache
def calls() -> dict[str, tuple]:
    """Return calls that work, by name: a function, and its arguments."""
    X, T = torch.rand(6, 2), torch.eye(2)[[0, 1, 0, 1, 0, 1]]
    D, H, names = X.double(), history(), (*report.LABELS, *report.EXACT)
    A, G, W = proof.matrices("A (n x k), G (n x m), W (k x m)")
    (x,) = proof.scalars("x")
    generator, setting = torch.Generator(), Setting("tiny", epochs=1, training_points=10, validation_points=10)
    drawn = {"generator": generator, "dtype": torch.float32}
    few = {"runs": 1, "epochs": 1, "seed": 0, "progress": False}
    return {
        # the framework
        "Linear": (Linear, {"in_features": 2, "out_features": 3, "gain": 1.0, "device": "cpu", **drawn}),
        "Linear.forward": (Linear(2, 2).forward, {"input": X}),
        "Linear.backward": (
            lambda grad_output: after_forward(Linear(2, 2), X).backward(grad_output),
            {"grad_output": X},
        ),
        "ReLU.forward": (ReLU().forward, {"input": X}),
        "Tanh.forward": (Tanh().forward, {"input": X}),
        "Sigmoid.backward": (lambda grad_output: after_forward(Sigmoid(), X).backward(grad_output), {"grad_output": X}),
        "Sequential": (lambda one, two: Sequential(one, two), {"one": ReLU(), "two": Tanh()}),
        "Sequential.forward": (model().forward, {"input": X}),
        "MSELoss": (MSELoss, {"reduction": "sum"}),
        "MSELoss.forward": (MSELoss("mean").forward, {"input": X, "target": T}),
        "SGD": (SGD, {"model": model(), "lr": 0.1}),
        # data and models
        "disk": (disk, {"n": 10, "device": "cpu", **drawn}),
        "digits": (digits, {"test": 397, **drawn}),
        "network": (network, {"widths": (2, 3, 2), "gain": 1.0, **drawn}),
        "stack": (stack, {"models": [model(), model()]}),
        "unstack": (unstack, {"model": stack([model(), model()])}),
        "to_torch": (to_torch, {"model": model()}),
        "from_torch": (from_torch, {"model": to_torch(model())}),
        "as_autograd": (as_autograd, {"module": model()}),
        # training
        "train": (
            lambda model_, **more: train(model() if model_ is None else model_, **more),
            {"model_": None, "training": (X, T), "validation": (X, T), "epochs": 1, "batch_size": 3, "lr": 0.01}
            | {"loss": MSELoss(), "optimizer": None, "generator": generator, "name": "a", "progress": False},
        ),
        "Setting": (
            Setting,
            {
                "name": "a",
                "framework": "minidl",
                "initial_weights": "Xavier",
                "reduction": "sum",
                "lr": 0.1,
                "epochs": 1,
            }
            | {"batch_size": 5, "seed": 0, "training_points": 10, "validation_points": 10, "dtype": "float32"},
        ),
        "run_experiments": (
            run_experiments,
            {"settings": [setting], "runs": 1, "stacked": False, "folder": None, "progress": False},
        ),
        # numbers, and what Jupyter shows
        "central_differences": (numeric.central_differences, {"function": square, "tensor": D, "step": 1e-5}),
        "largest_difference": (numeric.largest_difference, {"a": X, "b": X}),
        "agree": (numeric.agree, {"pairs": {"a": (X, X)}, "below": 1.0}),
        "compare_gradients": (numeric.compare_gradients, {"loss": square, "gradients": {"a": (D, 2 * D)}}),
        "gradient_sizes": (numeric.gradient_sizes, {"model": model(), "input": X, "grad_output": T}),
        "messages": (numeric.messages, {"model": after_forward(model(), X), "grad_output": T}),
        "model_table": (show.model_table, {"model": model()}),
        "side_by_side": (
            lambda one, methods: show.side_by_side(one, Linear, methods=methods),
            {"one": ReLU, "methods": ("forward", "backward")},
        ),
        "explore": (
            lambda figure, update, a: explore(figure, update, a=a),
            {"figure": plt.Figure(figsize=(1, 1)), "update": lambda a: None, "a": widgets.FloatSlider(0.5)},
        ),
        "minidl_step": (bench.minidl_step, {"width": 2, "batch": 3, "runs": 2}),
        "torch_step": (bench.torch_step, {"width": 2, "batch": 3}),
        "compare": (
            bench.compare,
            {"ours": int, "theirs": int, "budget": 0.001, "per_round": 1e-5},
        ),
        # the doctor
        "examine": (examine, {"module": ReLU(), "input": (4, 2), "reference": None, "time_limit": 5.0}),
        "examine_loss": (
            examine_loss,
            {"loss": MSELoss(), "input": (4, 2), "target": (4, 2), "reference": None, "time_limit": 5.0},
        ),
        "examine_optimizer": (
            examine_optimizer,
            {"optimizer": SGD(examined := model(), 0.1), "model": examined, "faster": None, "time_limit": 5.0},
        ),
        # figures
        "new_axes": (figures.new_axes, {"ax": None, "size": (3, 3)}),
        "points": (figures.points, {"inputs": X, "labels": T, "ax": None}),
        "decision_regions": (figures.decision_regions, {"model": model(), "ax": None}),
        "film": (figures.film, {"models": {0: model()}, "data": (X, T), "ax": None}),
        "zero_lines": (figures.zero_lines, {"models": {"a": model()}, "ax": None}),
        "activation": (
            figures.activation,
            {"module": Tanh(), "at": 1.0, "grad_output": 1.0, "span": 4.0, "ax": None},
        ),
        "matrix_product": (
            figures.matrix_product,
            {"left": X, "right": X.T, "names": ("A", "B", "C"), "entry": (1, 1), "ax": None},
        ),
        "lines": (figures.lines, {"curves": {"a": X[0]}, "x": X[1], "ax": None}),
        "gradient_flow": (figures.gradient_flow, {"sizes": {"a": [1.0, 2.0]}, "ax": None}),
        "chain": (figures.chain, {"steps": {"a": 2.0}, "values": {"x": 1.0, "L": 3.0}, "ax": None}),
        "flow": (figures.flow, {"sizes": {"a": ([1.0, 2.0], [3.0, 4.0])}, "limits": (0.1, 10.0), "ax": None}),
        "figures.network": (
            figures.network,
            {"model": model(), "input": X[:1], "target": T[:1], "loss": MSELoss(), "names": "XHAY"}
            | {"numbers": True, "ax": None},
        ),
        "descent": (
            figures.descent,
            {"loss": lambda u, v: u**2 + v**2, "paths": {"a": X}, "x": (-1, 1), "y": (-1, 1)}
            | {"arrows": True, "ax": None},
        ),
        "entries": (figures.entries, {"matrices": {"X": X, "T": T}, "numbers": True, "ax": None}),
        "squares": (figures.squares, {"errors": X[0], "ax": None}),
        "digit_images": (
            figures.digit_images,
            {"images": torch.rand(2, 4), "labels": T[:2], "read": T[1:3], "columns": 2, "ax": None},
        ),
        "confusion_matrix": (figures.confusion_matrix, {"labels": T, "read": T, "ax": None}),
        "training_history": (
            figures.training_history,
            {
                "history": H,
                "looks": {"a": {}},
                "title": "",
                "epochs": "log",
                "limits": {"loss": (0.1, 2.0)},
                "mark": (3, "here"),
                "ax": None,
            },
        ),
        "differences": (
            figures.differences,
            {"history": history(("a", "b")), "pairs": {"both": ("a", "b")}, "epochs": "log", "ax": None},
        ),
        "new_row": (figures.new_row, {"columns": 2, "ax": None, "size": (9, 3), "sharey": False}),
        "means": (figures.means, {"history": H, "column": "loss", "ax": None}),
        "bands": (figures.bands, {"history": H, "column": "loss", "ax": None}),
        "comparison": (figures.comparison, {"history": H, "ax": None}),
        "final_errors": (figures.final_errors, {"history": H, "ax": None}),
        # the prover
        "matrices": (proof.matrices, {"text": "X (n x m)"}),
        "scalars": (proof.scalars, {"text": "a, b"}),
        "ones": (proof.ones, {"size": "n"}),
        "define": (proof.define, {"name": "Y", "formula": A @ W}),
        "derivative": (proof.derivative, {"formula": x**2, "x": x}),
        "prove_gradient": (
            proof.prove_gradient,
            {"forward": A @ W, "upstream": G, "wrt": W, "claim": A.T @ G, "steps": False, "entry": None},
        ),
        "prove_equal": (proof.prove_equal, {"left": A, "right": A}),
        # the report
        "report.settings": (report.settings, {"epochs": 1, "seed": 0}),
        "run": (report.run, {**few, "timed": (), "folder": None}),
        "load_or_train": (report.load_or_train, {"folder": "recorded", **few}),
        "table_1": (report.table_1, {"result": result()}),
        "readable": (report.readable, {"table": report.table_1(result())}),
        "difference_of_curves": (
            report.difference_of_curves,
            {"history": history(names), "first": names[0], "second": names[1], "of_means": False},
        ),
        "same_curves": (report.same_curves, {"history": history(names)}),
        "figure_1": (report.figure_1, {"history": history(names), "epochs": "log", "ax": None}),
        "figure_2": (report.figure_2, {"history": history(names), "epochs": "log", "ax": None}),
        "figure_3": (report.figure_3, {"history": history(names), "epochs": "log", "ax": None}),
        "write": (report.write, {"result": result(), "folder": None}),
    }


@functools.cache
def places() -> list[tuple[str, str]]:
    return [(name, argument) for name, (_, arguments) in calls().items() for argument in arguments]


JUNK = {  # made anew for each try: what was given may be changed
    "None": lambda: None,
    "True": lambda: True,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "no text": lambda: "",
    "bytes": lambda: b"x",
    "no list": lambda: [],
    "no tuple": lambda: (),
    "no dict": lambda: {},
    "mixed list": lambda: [1.0, "a", None],
    "dict": lambda: {"a": 1},
    "dict of tensors": lambda: {"a": torch.rand(6, 2)},
    "dict of layers": lambda: {0: ReLU()},
    "object": object,
    "function that gives nothing": lambda: lambda *args, **kwargs: None,
    "function that gives text": lambda: lambda *args, **kwargs: "x",
    "function that gives what it got": lambda: lambda *args: args[0] if args else None,
    "class of layers": lambda: ReLU,
    "tensor that wants a gradient": lambda: torch.rand(6, 2, requires_grad=True),
    "tensor without numbers": lambda: torch.empty(6, 2, device="meta"),
    "pair of tensors": lambda: (torch.rand(6, 2), torch.rand(6, 2)),
    "pair of unequal tensors": lambda: (torch.rand(5, 3), torch.rand(6)),
    "pair without numbers": lambda: (torch.empty(6, 2, device="meta"), torch.full((6, 2), float("nan"))),
    "array": lambda: np.ones((6, 2)),
    "array without dimensions": lambda: np.array(1.0),
    "array of objects": lambda: np.array([None, "a"], dtype=object),
    "NumPy's number": lambda: np.float64(2),
    "NumPy's integer": lambda: np.int64(2),
    "table": lambda: pd.DataFrame({"a": [1]}),
    "history": history,
    "history without rows": lambda: history().iloc[:0],
    "history of words": lambda: history().astype({"epoch": str, "loss": str, "accuracy": str}),
    "history without numbers": lambda: history().assign(loss=np.nan, accuracy=np.nan),
    "history of training data": lambda: history().query("split == 'training'"),
    "result": result,
    "result of other settings": lambda: Result(history(), pd.DataFrame({"model": ["other"], "seconds": [1.0]})),
    "model": model,
    "other model": lambda: Sequential(Linear(3, 4), Tanh()),
    "no model": Sequential,
    "model in float64": lambda: Linear(2, 2, dtype=torch.float64),
    "stack": lambda: stack([model(), model()]),
    "layer": ReLU,
    "module": Module,
    "loss": MSELoss,
    "optimiser": lambda: SGD(model(), 0.1),
    "layer of PyTorch": lambda: torch.nn.Linear(2, 2),
    "other layer of PyTorch": lambda: torch.nn.Linear(5, 3),
    "loss of PyTorch": torch.nn.MSELoss,
    "generator": torch.Generator,
    "dtype": lambda: torch.int64,
    "device": lambda: torch.device("meta"),
    "formula": lambda: proof.matrices("Z (n x m)")[0],
    "number of the prover": lambda: proof.scalars("z")[0],
    "range": lambda: range(3),
    "complex number": lambda: 1 + 2j,
    "axes": lambda: plt.subplots()[1],
    "three axes": lambda: plt.subplots(1, 3)[1],
    "slider": lambda: widgets.IntSlider(1),
    "setting": lambda: Setting("other", epochs=1, training_points=10, validation_points=10),
}
DTYPES = [torch.float32, torch.float64, torch.float16, torch.int64, torch.uint8, torch.bool, torch.complex64]
NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 0.3, 3.0, 1e30, float("nan"), float("inf")])


@st.composite
def tensors(draw):
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    return torch.full(shape, draw(NUMBERS)).to(draw(st.sampled_from(DTYPES)))


simple = (
    st.integers(-2, 9)
    | NUMBERS
    | st.text("aX0 _$\\{}^-(),é", max_size=8)  # nothing that leads out of a folder
    | tensors()
)
values = (
    st.sampled_from(sorted(JUNK)).map(lambda name: JUNK[name]())
    | simple
    | st.lists(simple, max_size=3)
    | st.lists(simple, max_size=3).map(tuple)
    | st.dictionaries(st.integers(0, 3) | st.text("ab", max_size=1), simple, max_size=2)
)


def outcome(name: str, argument: str, value: object) -> str:
    """Return how a call ends with this value in the place of one argument: an answer, a sentence, or anything else."""
    function, arguments = calls()[name]
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of NumPy and matplotlib, about numbers that are not finite
            function(**arguments | {argument: value})
    except PROMISED:
        return "a sentence"
    except Exception as error:
        if any(frame.f_locals.get("self") is value for frame, _ in traceback.walk_tb(error.__traceback__)):
            return "an error of what was given"  # a layer of PyTorch, say, that was called and raised it
        if isinstance(error, (TypeError, ValueError)) and re.search(f"{OURS}|{PYTHONS}", str(error)):
            return "a sentence"
        return f"{type(error).__name__}: {error}"
    finally:
        plt.close("all")
    return "an answer"


@pytest.mark.slow
def test_an_answer_or_a_sentence_and_never_anything_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some are told where to write
    ends, wrong = collections.Counter(), []

    @settings(
        max_examples=TRIES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(st.data())
    def one_try(data):
        name, argument = data.draw(st.sampled_from(places()))
        value = data.draw(values)
        end = outcome(name, argument, value)
        if end not in GOOD_ENDS:  # counted here, not raised: all of them are of interest
            wrong.append(f"{name}, {argument} = {reprlib.repr(value)}: {end}")
            end = "anything else"
        ends[end] += 1

    one_try()
    print(f"{ends.total()} tries:", dict(ends))
    assert not wrong, "\n".join(wrong)
    assert ends.total() >= TRIES
    assert min(ends["an answer"], ends["a sentence"]) > 0.01 * TRIES


def test_without_junk_all_of_them_answer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, argument in dict(places()).items():
        assert outcome(name, argument, calls()[name][1][argument]) == "an answer", name
