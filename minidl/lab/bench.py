"""What a training step costs, against PyTorch: ``python -m minidl bench`` prints it.

A step is forward, loss, zero_grad, backward and update of 2-25-25-25-2 with ReLU and the sum of the squared errors, at batch
50 unless the line says otherwise. The steps of both are timed in turns, on one thread, and the ratio is the median over the
rounds of the two times of one round: only ratios carry over to another machine.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn

import minidl
from minidl.lab.stacked import stack
from minidl.lab.torch_twin import to_torch

Step = Callable[[], None]


def network(width: int) -> minidl.Sequential:
    """Return the report's network with hidden layers of another width."""
    linears = [
        minidl.Linear(2, width),
        minidl.Linear(width, width),
        minidl.Linear(width, width),
        minidl.Linear(width, 2),
    ]
    modules = [module for linear in linears for module in (linear, minidl.ReLU())]
    return minidl.Sequential(*modules[:-1])


def minidl_step(width: int, batch: int, runs: int = 0) -> Step:
    """Return one training step of minidl, of a stack where ``runs`` is not 0."""
    model = stack([network(width) for _ in range(runs)]) if runs else network(width)
    loss, optimizer = minidl.MSELoss(), minidl.SGD(model, lr=1e-6)
    input, target = (torch.rand(*([runs] if runs else []), batch, 2) for _ in range(2))

    def step() -> None:
        loss(model(input), target)
        model.zero_grad()
        model.backward(loss.backward())
        optimizer.step()

    return step


def torch_step(width: int, batch: int) -> Step:
    """Return the same step of torch.nn, autograd and torch.optim.SGD."""
    model = to_torch(network(width))
    loss, optimizer = nn.MSELoss(reduction="sum"), torch.optim.SGD(model.parameters(), lr=1e-6)
    input, target = torch.rand(batch, 2), torch.rand(batch, 2)

    def step() -> None:
        optimizer.zero_grad()
        loss(model(input), target).backward()
        optimizer.step()

    return step


def compare(ours: Step, theirs: Step, *, budget: float = 6.0, per_round: float = 0.02) -> float:
    """Return the time of ``ours`` over that of ``theirs``: the median over 3 to 51 rounds.

    In a round each runs for ``per_round`` seconds, or once if that takes longer; all rounds together take about ``budget``
    seconds at most.
    """
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
    """Yield (what is compared, ratio): minidl's time over PyTorch's. The number of runs divides the time of a stack."""
    theirs = torch_step(25, 50)
    yield "one step", compare(minidl_step(25, 50), theirs)
    yield "ten stacked runs against one PyTorch run", compare(minidl_step(25, 50, runs=10), theirs)
    if quick:
        return
    for width in (25, 250, 2500):
        for batch in (50, 500, 5000):
            yield (
                f"one step, width {width}, batch {batch}",
                compare(minidl_step(width, batch), torch_step(width, batch)),
            )
    for runs in (1, 10, 100):
        yield f"one run out of a stack of {runs}", compare(minidl_step(25, 50, runs=runs), theirs) / runs


def main(*, quick: bool = False) -> None:
    """Measure, and print a line for each ratio as it comes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        print(f"time of minidl / time of PyTorch {torch.__version__}, one thread")
        for what, ratio in measure(quick=quick):
            print(f"{ratio:8.3f}  {what}", flush=True)
    finally:
        torch.set_num_threads(threads)
