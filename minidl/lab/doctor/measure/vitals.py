"""What is measured in a check-up: of the data, of the start, of trial steps, and of what a network can learn at all.

Everything happens on copies. Each measurement is made once, when it is first asked for.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from torch import Tensor, nn

from minidl.lab.doctor.measure.curves import Curves
from minidl.lab.doctor.measure.layers import update_ratio
from minidl.lab.doctor.measure.nets import Layer, Net

SAMPLES, TEN = 1000, 10  # looked at in layers and in neighbours; learned by heart
TRIAL_STEPS, HEART_STEPS = 200, 300


class Vitals:
    """The measurements.

    Parameters
    ----------
    model, loss : object
    data, validation : (Tensor, Tensor)
        The second may be None.
    lr : float or None
    batch_size : int
    curves : Curves or None
        The losses of a training that there was.
    """

    def __init__(
        self,
        model: Any,
        data: tuple[Tensor, Tensor],
        validation: tuple[Tensor, Tensor] | None,
        loss: Any,
        lr: float | None,
        batch_size: int,
        curves: Curves | None = None,
    ) -> None:
        self.net = Net(model, loss)
        self.X, self.T = data
        self.curves = curves
        self.validation, self.lr, self.batch_size = validation, lr, min(batch_size, len(self.X))
        self.drawn = torch.Generator().manual_seed(1)
        order = torch.randperm(len(self.X), generator=self.drawn)
        self.batches = [rows for rows in order.split(self.batch_size) if len(rows) == self.batch_size] or [order]
        self.some = order[:SAMPLES]

    # The data -------------------------------------------------------------------------------------------------------

    @functools.cached_property
    def not_finite(self) -> tuple[str, int, float, int] | None:
        """Which data are not finite, in which row first (from 1), what stands there, and how many such rows there are."""
        parts = {"inputs": self.X, "targets": self.T}
        if self.validation is not None:
            parts |= {"validation inputs": self.validation[0], "validation targets": self.validation[1]}
        for name, data in parts.items():
            if data.is_floating_point() and not bool(data.isfinite().all()):
                rows = (~data.isfinite()).reshape(len(data), -1).any(1).nonzero()
                row = int(rows[0])
                flat = data[row].reshape(-1)
                return name, row + 1, float(flat[~flat.isfinite()][0]), len(rows)
        return None

    @functools.cached_property
    def columns(self) -> Tensor:
        """The inputs, one row for each sample."""
        return self.X.reshape(len(self.X), -1).double()

    @functools.cached_property
    def labels(self) -> Tensor | None:
        """The classes of the samples, where the targets are such."""
        return classes(self.T)

    @functools.cached_property
    def neighbours(self) -> tuple[float, float, float] | None:
        """How many have the class of their nearest neighbour (for numbers: how much of the variance it explains), how many
        would by chance, and the standard error of that. None where there are too few samples to tell.
        """  # noqa: D205
        inputs = self.columns[self.some]
        scale = inputs.std(0)
        inputs = (inputs - inputs.mean(0)) / torch.where(scale > 0, scale, 1.0)
        n = len(inputs)
        if n < 60:
            return None
        distances = torch.cdist(inputs, inputs)
        distances.fill_diagonal_(math.inf)
        if self.labels is not None:
            labels = self.labels[self.some]
            nearest = distances.topk(5, largest=False).indices
            same = (labels[nearest] == labels[:, None]).double().mean()
            shares = labels.unique(return_counts=True)[1].double() / n
            chance = float((shares**2).sum())
            return float(same), chance, math.sqrt(chance * (1 - chance) / n)
        targets = self.T[self.some].reshape(n, -1).double()
        guess = targets[distances.topk(5, largest=False).indices].mean(1)
        total = (targets - targets.mean(0)).square().sum()
        return (float(1 - (guess - targets).square().sum() / total), 0.0, 2 / math.sqrt(n)) if total > 0 else None

    # The start ------------------------------------------------------------------------------------------------------

    @functools.cached_property
    def layers(self) -> list[Layer]:
        return self.net.copy().layers(self.X[self.some], self.T[self.some])

    @functools.cached_property
    def output(self) -> Tensor:
        return self.net.answer(self.X[self.some])

    @functools.cached_property
    def unrest(self) -> float:
        """How far two answers to the same samples are apart, in evaluation, against the spread of the answers."""
        other = self.net.answer(self.X[self.some])
        scale = float(self.output.double().std()) if self.output.numel() > 1 else 0.0
        return float((other - self.output).double().square().mean().sqrt()) / scale if scale else 0.0

    @functools.cached_property
    def loss(self) -> float:
        """The loss of a sample on average, at the start."""
        return self.per_sample(self.net, self.some)

    @functools.cached_property
    def guess(self) -> float:
        """The loss, for each sample, of an answer that is the same for all samples, and the best such one."""
        return best_guess(self.net.loss, self.T[self.some], self.output) * self.factor(len(self.some))

    @property
    def summed(self) -> bool:
        """Whether the loss is a sum over samples."""
        return getattr(self.net.loss, "reduction", "sum" if not self.net.of_torch else "mean") == "sum"

    def factor(self, n: int) -> float:
        """Return what the loss of n samples is multiplied by to be one for each sample, in the loss's own measure."""
        return 1 / n if self.summed else 1.0

    def per_sample(self, net: Net, rows: Tensor) -> float:
        return net.value(self.X[rows], self.T[rows]) * self.factor(len(rows))

    @functools.cached_property
    def gradient_error(self) -> tuple[float, float] | None:
        """How fast the loss changes along a direction, by the gradients and by two values of it, or None."""
        try:
            net = self.net.copy(torch.float64)
            rows = self.some[:20]
            X, T = self.X[rows], self.T[rows]
            net.differentiate(X, T)
            way = [g.clone() for g in net.grads]
            size = math.sqrt(sum(float((w * w).sum()) for w in way))
            if not size or not math.isfinite(size):
                return None
            drawn = torch.Generator().manual_seed(3)
            noise = [torch.randn(w.shape, generator=drawn, dtype=w.dtype) for w in way]
            far = math.sqrt(sum(float((m * m).sum()) for m in noise))
            way = [w / size + 0.5 * m / far for w, m in zip(way, noise, strict=True)]
            told = sum(float((g * w).sum()) for g, w in zip(net.grads, way, strict=True))
            slopes, here = [], net.value(X, T)
            for step in (1e-6, 1e-5):
                net.step(-step, way)
                above = net.value(X, T)
                net.step(2 * step, way)
                slopes.append((above - net.value(X, T)) / (2 * step))
                net.step(-step, way)
            unsure = max(abs(slopes[0] - slopes[1]), 1e-8 * abs(here))  # a kink between, or nothing left but rounding
            return (told, slopes[0]) if unsure <= 0.01 * max(abs(told), abs(slopes[0])) else None
        except Exception:
            return None

    # The steps ------------------------------------------------------------------------------------------------------

    def trial(self, lr: float, steps: int, rows: list[Tensor] | None = None) -> list[float]:
        """Return the losses per sample, batch by batch, of a training that begins here."""
        net, values = self.net.copy(), []
        batches = rows or self.batches
        for k in range(steps):
            batch = batches[k % len(batches)]
            values.append(net.differentiate(self.X[batch], self.T[batch]) * self.factor(len(batch)))
            if not math.isfinite(values[-1]):
                break
            net.step(lr)
        return values

    def after(self, lr: float) -> float:
        """Return the mean loss over the first batches, each after one trial step on itself from here, over that before."""
        ratios = []
        for batch in self.batches[:5]:
            net = self.net.copy()
            before = net.differentiate(self.X[batch], self.T[batch])
            net.step(lr)
            after = net.value(self.X[batch], self.T[batch])
            ratios.append(after / before if before > 0 else 1.0)
        ratios = [r if math.isfinite(r) else math.inf for r in ratios]
        return sum(ratios) / len(ratios)

    @functools.cached_property
    def traveller(self) -> Net | None:
        """The network after a trial training with the learning rate given; None where its loss was no longer finite."""
        net = self.net.copy()
        for k in range(max(len(self.batches), TRIAL_STEPS)):
            batch = self.batches[k % len(self.batches)]
            if not math.isfinite(net.differentiate(self.X[batch], self.T[batch])):
                return None
            net.step(self.lr)
        return net

    @functools.cached_property
    def travel(self) -> float:
        """The loss for each sample, after the trial training."""
        value = self.per_sample(self.traveller, self.some) if self.traveller else math.inf
        return value if math.isfinite(value) else math.inf

    def learns(self) -> bool:
        """Whether the trial training, if there is a learning rate for it, comes to less than a guess's loss."""
        return bool(self.lr) and self.travel < 0.7 * self.guess

    @functools.cached_property
    def of_a_batch(self) -> list[Layer]:
        """The layers with the gradients of one batch, as a step has them."""
        return self.net.copy().layers(self.X[self.batches[0]], self.T[self.batches[0]])

    @functools.cached_property
    def ratios(self) -> list[float]:
        """How far one step moves each layer's weights, against their size; for the layers that have some."""
        return [update_ratio(layer, self.lr or 0.0) for layer in self.of_a_batch if layer.params]

    # What it can learn ----------------------------------------------------------------------------------------------

    @functools.cached_property
    def ten(self) -> Tensor:
        """Ten samples, of different classes where there are such, and not all alike."""
        rows, picked, seen = self.some.tolist(), [], []
        for row in rows:
            if all(not torch.equal(self.columns[row], other) for other in seen):
                picked.append(row)
                seen.append(self.columns[row])
            if len(picked) == 2 * TEN:
                break
        if self.labels is not None:
            labels = self.labels[picked].tolist()
            before = [labels[:k].count(label) for k, label in enumerate(labels)]
            picked = [row for _, row in sorted(zip(before, picked, strict=True))]
        return torch.tensor(picked[:TEN])

    @functools.cached_property
    def by_heart(self) -> tuple[float, float]:
        """What share of a guess's loss is left when ten samples are learned by heart, and how many are answered rightly (NaN
        where there are no classes). The steps are Adam's, which find their own size.
        """  # noqa: D205
        X, T = self.X[self.ten], self.T[self.ten]
        factor = self.factor(len(X))
        guess = best_guess(self.net.loss, T, self.net.answer(X)) * factor
        best, right = math.inf, math.nan
        for rate in (0.05, 0.01, 0.002):
            net = self.net.copy()
            adam, last = Adam(net, rate), math.inf
            for t in range(HEART_STEPS):
                value = net.differentiate(X, T) * factor
                if not math.isfinite(value):
                    break
                if value < best:
                    best, right = value, self._right(net.answer(X), T)
                if best < 0.02 * guess:
                    break
                if t % 100 == 99:
                    if value > 0.98 * last:  # it goes no further
                        break
                    last = value
                adam.step()
            if best < 0.1 * guess:
                break
        return (best / guess if guess > 0 else math.nan if math.isnan(guess) else 0.0), right

    def _right(self, output: Tensor, T: Tensor) -> float:
        labels = classes(T)
        if labels is None or output.ndim != 2 or output.shape[1] < 2:
            return math.nan
        return float((output.argmax(1) == labels).double().mean())

    @functools.cached_property
    def held_out(self) -> float | None:
        """The loss per sample on validation data."""
        return None if self.validation is None else self.on_validation(self.net)

    def on_validation(self, net: Net) -> float:
        """Return the loss per sample that a net has on validation data."""
        X, T = self.validation[0][:SAMPLES], self.validation[1][:SAMPLES]
        return net.value(X, T) * self.factor(len(X))

    def right_of(self, net: Net, X: Tensor, T: Tensor) -> float:
        """Return which share of the samples a net answers rightly; 0 where that cannot be said."""
        share = self._right(net.answer(X[:SAMPLES]), T[:SAMPLES])
        return 0.0 if math.isnan(share) else share

    def right_of_class(self, net: Net, label: int) -> float:
        """Return how many samples of a class are answered rightly; NaN where that cannot be said."""
        rows = (self.labels == label).nonzero().reshape(-1)[:SAMPLES]
        output = net.answer(self.X[rows])
        if output.ndim == 2 and output.shape[1] > 1:
            return float((output.argmax(1) == label).double().mean())
        limit = 0.0 if isinstance(self.net.loss, nn.BCEWithLogitsLoss) else 0.5
        return float(((output.reshape(-1) > limit) == bool(label)).double().mean())


class Adam:
    """Steps that find their own size, made for all parameters of a net at once."""

    def __init__(self, net: Net, rate: float) -> None:
        self.net, self.rate, self.t = net, rate, 0
        self.means = [torch.zeros_like(p) for p in net.params]
        self.squares = [torch.zeros_like(p) for p in net.params]

    def step(self) -> None:
        self.t += 1
        grads = self.net.grads
        with torch.no_grad():
            torch._foreach_lerp_(self.means, grads, 0.1)
            torch._foreach_mul_(self.squares, 0.99)
            torch._foreach_addcmul_(self.squares, grads, grads, 0.01)
            below = torch._foreach_sqrt(self.squares)
            torch._foreach_div_(below, math.sqrt(1 - 0.99**self.t))
            torch._foreach_add_(below, 1e-10)
            torch._foreach_addcdiv_(self.net.params, self.means, below, -self.rate / (1 - 0.9**self.t))


def classes(T: Tensor) -> Tensor | None:
    """Return class numbers, where targets are such, or one-hot rows, or a column of 0 and 1."""
    if T.ndim == 1 or (T.ndim == 2 and T.shape[1] == 1):
        whole = not T.is_floating_point() or (bool(T.isfinite().all()) and bool(((T == 0) | (T == 1)).all()))
        return T.reshape(-1).long() if whole else None
    if T.ndim == 2 and bool(((T == 0) | (T == 1)).all()) and bool((T.sum(1) == 1).all()):
        return T.argmax(1)
    return None


def best_guess(loss: Any, T: Tensor, output: Tensor) -> float:
    """Return the loss where every sample gets the same answer, the best there is; NaN where that is not known."""
    with torch.no_grad():
        if isinstance(loss, nn.CrossEntropyLoss) and not T.is_floating_point():
            if int(T.min()) < 0 or int(T.max()) >= output.shape[1]:
                return math.nan  # there is no output for such a class
            shares = torch.bincount(T, minlength=output.shape[1]).double() / len(T)
            answer = shares.clamp_min(1e-9).log().to(output.dtype)
        elif isinstance(loss, nn.BCEWithLogitsLoss):
            answer = T.double().mean(0).clamp(1e-6, 1 - 1e-6).logit().to(output.dtype)
        elif T.shape == output.shape:
            answer = T.double().mean(0).to(output.dtype)
        else:
            return math.nan
        answers = answer.expand_as(output).contiguous()
        try:
            return float(loss(answers, T))
        except Exception:
            return math.nan
