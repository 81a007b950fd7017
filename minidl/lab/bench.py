"""What a training step costs, against PyTorch and against NumPy alone: ``python -m minidl bench`` prints it.

A step is forward, loss, zero_grad, backward and update of 2-25-25-25-2 with ReLU and the sum of the squared errors, at batch
50 unless the line says otherwise. The steps of both are timed in turns, on one thread, and the ratio is the median over the
rounds of the two times of one round: only ratios carry over to another machine.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

import minidl
from minidl.lab.arguments import check_finite, check_whole, checked
from minidl.lab.network import network
from minidl.lab.stacked import stack
from minidl.lab.torch_twin import to_torch
from minidl.module import check_number

Step = Callable[[], None]
LR = 1e-6  # so small that a hundred thousand steps leave the numbers what they are: their size could change the time


@checked
def minidl_step(width: int, batch: int, runs: int = 0) -> Step:
    """Return one training step of minidl, of a stack where ``runs`` is not 0."""
    check_whole("minidl_step", "batch", batch)
    check_whole("minidl_step", "runs", runs, 0)
    widths = (2, width, width, width, 2)
    model = stack([network(widths) for _ in range(runs)]) if runs else network(widths)
    loss, optimizer = minidl.MSELoss(), minidl.SGD(model, lr=LR)
    input, target = (torch.rand(*([runs] if runs else []), batch, 2) for _ in range(2))

    def step() -> None:
        loss(model(input), target)
        model.zero_grad()
        model.backward(loss.backward())
        optimizer.step()

    return step


@checked
def torch_step(width: int, batch: int) -> Step:
    """Return the same step of torch.nn, autograd and torch.optim.SGD."""
    check_whole("torch_step", "batch", batch)
    model = to_torch(network((2, width, width, width, 2)))
    loss, optimizer = nn.MSELoss(reduction="sum"), torch.optim.SGD(model.parameters(), lr=LR)
    input, target = torch.rand(batch, 2), torch.rand(batch, 2)

    def step() -> None:
        optimizer.zero_grad()
        loss(model(input), target).backward()
        optimizer.step()

    return step


def numpy_step(width: int, batch: int) -> Step:
    """Return the same step in NumPy, written for this network alone: lists of weights and biases, no framework, in float32."""
    linears = [module for module in network((2, width, width, width, 2), dtype=torch.float32) if module.params]
    weights, biases = ([linear.params[name].numpy() for linear in linears] for name in ("weight", "bias"))
    input, target = (torch.rand(batch, 2, dtype=torch.float32).numpy() for _ in range(2))
    last = len(weights) - 1

    def step() -> None:
        X, inputs = input, []
        for i, (W, b) in enumerate(zip(weights, biases, strict=True)):
            inputs.append(X)
            X = X @ W + b
            if i < last:
                X = np.maximum(X, 0)
        error = X - target
        np.square(error).sum()  # the loss: the others compute it too
        G = 2 * error
        for i in reversed(range(last + 1)):
            X, W, b = inputs[i], weights[i], biases[i]
            grad_W, grad_b = X.T @ G, G.sum(axis=0)
            if i > 0:
                G = (G @ W.T) * (X > 0)  # what ReLU had set to zero passes nothing back
            W -= LR * grad_W
            b -= LR * grad_b

    return step


@checked
def compare(ours: Step, theirs: Step, *, budget: float = 6.0, per_round: float = 0.02) -> float:
    """Return the time of ``ours`` over that of ``theirs``: the median over 3 to 51 rounds.

    In a round each runs for ``per_round`` seconds, or once if that takes longer; all rounds together take about ``budget``
    seconds at most.
    """
    check_finite("compare", "budget", budget)
    seconds = "a number of seconds above 0 and at most 1"
    check_number("compare", "per_round", per_round, seconds, (int, float), lambda per_round: 0 < per_round <= 1)
    repeats = [_repeats(step, per_round) for step in (ours, theirs)]
    ratios: list[float] = []
    start = time.perf_counter()
    while len(ratios) < 3 or (len(ratios) < 51 and time.perf_counter() - start < budget):
        mine, other = (_time(step, n) / n for step, n in zip((ours, theirs), repeats, strict=True))
        ratios.append(mine / other)
    return statistics.median(ratios)


def _repeats(step: Step, seconds: float) -> int:
    """Return how often to call a step so that it takes about ``seconds``, warming it up on the way."""
    n = 1
    while (taken := _time(step, n)) < seconds / 4:
        n *= 2
    return max(1, round(n * seconds / taken))


def _time(step: Step, n: int) -> float:
    start = time.perf_counter()
    for _ in range(n):
        step()
    return time.perf_counter() - start


def measure(*, quick: bool = False) -> Iterator[tuple[str, float]]:
    """Yield (what is compared with what, ratio): minidl's time over the other's, that of a stack divided by its runs."""
    theirs = torch_step(25, 50)
    yield "one step against PyTorch", compare(minidl_step(25, 50), theirs)
    yield "one step against plain NumPy", compare(minidl_step(25, 50), numpy_step(25, 50))
    yield "ten stacked runs against one PyTorch run", compare(minidl_step(25, 50, runs=10), theirs)
    if quick:
        return
    for width in (25, 250, 2500):
        for batch in (50, 500, 5000):
            ratio = compare(minidl_step(width, batch), torch_step(width, batch))
            yield f"one step, width {width}, batch {batch}, against PyTorch", ratio
    for runs in (1, 10, 100):
        ratio = compare(minidl_step(25, 50, runs=runs), theirs) / runs
        yield f"one run out of a stack of {runs} against one PyTorch run", ratio


def main(*, quick: bool = False) -> None:
    """Measure, and print a line for each ratio as it comes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # NumPy takes one by itself for matrices as small as these
    try:
        print(f"time of minidl / time of the other, one thread (PyTorch {torch.__version__}, NumPy {np.__version__})")
        for what, ratio in measure(quick=quick):
            print(f"{ratio:8.3f}  {what}", flush=True)
    finally:
        torch.set_num_threads(threads)
