"""Exercises of 14_when_it_does_not_learn: a loop to repair, a learning rate from trial steps, and a leak."""

import torch
from torch import Tensor

from minidl.lab.exercises.kinds import Function, Loop

BACK = "            model.backward(loss.backward())\n"
STEP = "            optimizer.step()\n"
ZERO = "            model.zero_grad()\n"
HEAD = "def repaired(model, loss, optimizer, X, T, epochs, batch_size):\n"


def _loop(
    zero: str = ZERO,
    end: str = "len(X)",
    mean: str = "total / len(order)",
    order: str = "torch.randperm(len(X))",
    step: str = BACK + STEP,
    targets: str = "T[rows]",
) -> str:
    return (
        f"{HEAD}    means = []\n    for _ in range(epochs):\n        total, order = 0.0, {order}\n"
        f"        for start in range(0, {end}, batch_size):\n            rows = order[start : start + batch_size]\n"
        f"            total += loss(model(X[rows]), {targets}).item()\n{zero}{step}"
        f"        means.append({mean})\n    return means"
    )


BROKEN = _loop("", "len(X) - batch_size", "total / len(order.split(batch_size))")


def _choose(rates: Tensor, before: float, after: Tensor, slope: float) -> float:
    good = before - after >= rates * slope / 2
    return float(rates[good].max())


def _trials() -> list[tuple[Tensor, float, Tensor, float]]:
    rates = torch.tensor([0.001, 0.01, 0.1, 1.0])
    valley = [(3.0, 2.0, 1.7), (1.0, 0.5, 0.04), (10.0, 8.0, 12.0), (2.0, 4.0, 90.0), (1.0, 1.9, 1.85)]
    valley += [(4.0, 1.0, -0.8), (4.0, 1.0, -2.5)]  # where the curve bends down, a step brings more than it promises
    found = [(rates, b, b - rates * s + rates**2 * s * c / 2, s) for b, s, c in valley]
    found.append((torch.tensor([0.4, 0.05, 0.2]), 5.0, torch.tensor([4.9, 4.85, 4.2]), 4.0))
    found.append((torch.tensor([0.2, 0.05, 0.4]), 5.0, torch.tensor([4.2, 4.85, 4.9]), 4.0))
    return found


def _leaks(training: Tensor, test: Tensor) -> int:
    return sum(bool((training == row).all(1).any()) for row in test)


def _splits() -> list[tuple[Tensor, Tensor]]:
    drawn = torch.Generator().manual_seed(2)
    X = torch.rand(30, 2, generator=drawn)
    other = torch.rand(6, 2, generator=drawn)
    half = torch.stack([X[:4, 0], other[:4, 1]], 1)  # one number in common is no leak
    return [
        (X, torch.cat([other, X[3:5]])),
        (X, other),
        (X[:20], X[12:]),
        (X, torch.cat([half, X[7:8], X[7:8]])),
        (torch.cat([X, X[:5]]), torch.cat([other, X[:3]])),
        (X[:6], torch.cat([X[:1], other[:2], X[3:4], X[1:2]])),  # two stand at their own place
        (X, torch.cat([X[9:10], X[3:6] + 1e-6])),  # close is not equal
        (X[:9], X[4:6] + 1e-9),
    ]


def _chosen(body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"def choose(rates, before, after, slope):\n{lines}"


def _leaked(body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"def leaked(X, X_test):\n{lines}"


EXERCISES = [
    Loop(
        id="14 loop",
        name="repaired",
        asks="A training loop with three mistakes, repaired.",
        points=2,
        broken=BROKEN,
        hint="Which gradients go into a step? How many samples does an epoch meet? And what is the total a sum of?",
        given="import torch\nfrom minidl import SGD, MSELoss",
        solution=_loop(),
        right=(
            _loop(mean="total / len(X)"),
            _loop(
                zero="",
                step=ZERO + BACK + STEP,
            ),
            _loop(
                zero="",
                step=BACK + STEP + ZERO,
            ),
            HEAD + "    means = []\n    for epoch in range(epochs):\n        total = 0.0\n"
            "        for rows in torch.randperm(len(X)).split(batch_size):\n"
            "            model.zero_grad()\n            total += loss(model(X[rows]), T[rows]).item()\n"
            + BACK
            + STEP
            + "        means.append(total / len(X))\n    return means",
            HEAD + "    history = []\n    for _ in range(epochs):\n        order, total = torch.randperm(len(X)), 0\n"
            "        for k in range(-(-len(X) // batch_size)):\n"
            "            rows = order[k * batch_size : (k + 1) * batch_size]\n"
            "            output = model.forward(X[rows])\n            total += float(loss.forward(output, T[rows]))\n"
            "            for _, grad in model.parameters():\n                grad.zero_()\n"
            + BACK
            + STEP
            + "        history.append(total / len(X))\n    return history",
        ),
        wrong={
            _loop(zero=""): "gradients never zeroed",
            _loop(end="len(X) - batch_size"): "samples left out",
            _loop(end="len(X) - batch_size + 1"): "samples left out",
            _loop(mean="total / len(order.split(batch_size))"): "epoch loss divided wrongly",
            _loop(mean="total / batch_size"): "epoch loss divided wrongly",
            _loop(mean="total / len(order.split(batch_size))").replace(".item()", ".item() / len(rows)"): (
                "is the mean of the batches' means"
            ),
            _loop(zero="", end="len(X) - batch_size"): "gradients never zeroed",
            _loop(
                zero="",
                step=BACK + ZERO + STEP,
            ): ("zeroed before the step"),
            _loop(zero="            optimizer.zero_grad()\n"): "zeroed on another object",
            _loop(zero="            loss.zero_grad()\n"): "zeroed on another object",
            _loop(
                zero="        model.zero_grad()\n",
                step="        model.backward(loss.backward())\n        optimizer.step()\n",
            ): ("step once an epoch"),
            _loop(order="torch.arange(len(X))"): "never shuffled",
            _loop(targets="T[start : start + batch_size]"): "shuffled apart",
            "repaired = 3": "it should be a function",
            "def repaired(model, loss):\n    return model": "X, T",
            HEAD + "    return model.train(X, T)": "has no attribute 'train'",
        },
    ),
    Function(
        id="14 learning rate",
        name="choose",
        asks="The largest learning rate whose trial step brings at least half of what the gradient promises.",
        reference=_choose,
        cases=_trials,
        hint="The step promises rate * slope; compare half of that with what the loss has really fallen by.",
        given="import torch\nrates = torch.tensor([0.01, 0.1])",
        solution=_chosen(
            "kept = [r for r, a in zip(rates, after, strict=True) if before - a >= r * slope / 2]\nreturn max(kept, default=0)"
        ),
        right=(
            _chosen("good = before - after >= rates * slope / 2\nreturn rates[good].max()"),
            _chosen("return rates[(before - after) / (rates * slope) >= 0.5].max().item()"),
            _chosen(
                "best = 0.0\nfor rate, loss in zip(rates.tolist(), after.tolist()):\n"
                "    if before - loss >= 0.5 * rate * slope and rate > best:\n        best = rate\nreturn best"
            ),
            _chosen("fallen = before - after\nreturn torch.where(fallen >= rates * slope / 2, rates, 0).max()"),
            _chosen(
                "for rate, loss in sorted(zip(rates.tolist(), after.tolist()), reverse=True):\n"
                "    if loss <= before - rate * slope / 2:\n        return rate"
            ),
        ),
        slips={
            _chosen("return rates[after < before].max()"): (
                "every rate counts with which the loss falls at all; at least half of what was promised is asked for."
            ),
            _chosen("return rates[after.argmin()]"): (
                "that is the rate with the smallest loss; the largest one is asked for that brings half of what it promises."
            ),
            _chosen(
                "return rates[before - after >= rates * slope / 2].min()"
            ): "that is the smallest such rate, not the largest.",
            _chosen("return rates[before - after >= rates * slope].max()"): (
                "the whole promise is asked of a step; a half is enough. For some inputs no rate is left."
            ),
            _chosen("return rates[after - before >= rates * slope / 2].max()"): (
                "after - before is negative where the loss falls, so that hardly a rate is left: by how much has it fallen?"
            ),
            _chosen("return rates[before - after <= rates * slope / 2].max()"): (
                "it is the wrong way round: those are the rates that bring less than half of what they promise."
            ),
            _chosen("return rates[before - after >= slope / 2].max()"): (
                "the promise is the slope times the rate: the longer the step, the more it promises."
            ),
            _chosen("return rates[before - after >= rates / 2].max()"): (
                "the promise is the rate times the slope: the slope does not occur in it."
            ),
            _chosen("return rates[before - after >= 2 * rates * slope].max()"): (
                "twice the promise is asked of a step; a half is enough. For some inputs no rate is left."
            ),
            _chosen("return rates[after >= rates * slope / 2].max()"): (
                "the loss after the step is compared with the promise; it should be how far it has fallen."
            ),
            _chosen("return rates[before - after >= rates * slope / 2]"): (
                "that is every rate that brings half of its promise; the largest of them is asked for."
            ),
            _chosen("good = before - after >= rates * slope / 2\nreturn rates[good].argmax()"): (
                "that is a place among the rates that are good, counted from 0; the rate itself is asked for."
            ),
            _chosen("good = before - after >= rates * slope / 2\nreturn after[good].min()"): (
                "that is a loss after a step; the rate of the step is asked for."
            ),
            _chosen("good = before - after >= rates * slope / 2\nreturn rates[good][-1]"): (
                "that is the last of the good rates; they need not stand in order."
            ),
            _chosen("return (before - after) / (rates * slope)"): (
                "that is which share of its promise each rate brings; the largest rate is asked for that brings a half."
            ),
            _chosen("return before - after >= rates * slope / 2"): (
                "that says of each rate whether it brings half of its promise; the largest such rate is asked for."
            ),
            _chosen("return rates[((before - after) / (rates * slope)).argmax()]"): (
                "that rate brings the largest share of its promise; the largest rate is asked for that brings a half."
            ),
            _chosen("return rates.max()"): "the largest rate of all is returned, whatever its step did.",
        },
        wrong={
            _chosen("return rates[after - before >= -rates * slope / 2].max()"): "the wrong way round",
            _chosen("return rates[before - after > rates * slope].max()"): "the whole promise is asked of a step",
            _chosen("return rates[before - after >= 99 * rates * slope].max()"): "nothing has met the condition",
            _chosen("return 0.1"): "It returns that for each of the 9 inputs that were tried.",
            _chosen(
                "best = 0\nfor k in range(len(rates)):\n"
                "    if before - after[k] >= 0.5 * rates[k] * slope and rates[k] >= rates[best]:\n        best = k\nreturn best"
            ): "2 is the place of it in argument 1, counted from 0; the number itself is asked for.",
            _chosen("good = before - after >= 0.5 * rates * slope\nreturn good.nonzero().max()"): (
                "2 is the place of it in argument 1"
            ),
            "choose = 0.1": "it should be a function",
        },
    ),
    Function(
        id="14 leak",
        name="leaked",
        asks="How many test samples stand in the training data as well.",
        reference=_leaks,
        cases=_splits,
        hint="A sample is a whole row; and a test row counts once, however often it stands in the training data.",
        given="import torch\nX, X_test = torch.rand(5, 2), torch.rand(3, 2)",
        solution=_leaked(
            "known = {tuple(row) for row in X.tolist()}\nreturn sum(tuple(row) in known for row in X_test.tolist())"
        ),
        right=(
            _leaked("return sum(bool((X == row).all(1).any()) for row in X_test)"),
            _leaked("return int((X_test[:, None] == X[None]).all(-1).any(1).sum())"),
            _leaked("rows = X.tolist()\nreturn sum(row in rows for row in X_test.tolist())"),
            _leaked(
                "count = 0\nfor row in X_test:\n    for other in X:\n        if torch.equal(row, other):\n"
                "            count += 1\n            break\nreturn count"
            ),
            _leaked("return int((torch.cdist(X_test, X) == 0).any(1).sum())"),
        ),
        slips={
            _leaked("return sum(any(torch.allclose(row, other) for other in X) for row in X_test)"): (
                "rows that are only close are counted, too: what differs in the seventh digit is another sample. Equal to the "
                "last digit is asked for."
            ),
            _leaked("return int((torch.cdist(X_test, X) < 1e-8).any(1).sum())"): (
                "rows that are only close, to eight digits, are counted, too. Equal to the last digit is asked for."
            ),
            _leaked("k = min(len(X), len(X_test))\nreturn int((X[:k] == X_test[:k]).all(1).sum())"): (
                "row k is compared with row k only. A test row may stand anywhere in the training data."
            ),
            _leaked("return len(X_test)"): "that is how many test samples there are. How many of them stand in X?",
            _leaked("return int((X_test[:, None] == X[None]).all(-1).sum())"): (
                "a test row that stands in the training data twice is counted twice."
            ),
            _leaked("return int((X_test[:, None] == X[None]).any(-1).any(1).sum())"): (
                "one equal number makes no equal sample: the whole row has to be the same."
            ),
            _leaked("return int((X_test[:, None] == X[None]).all(-1).any(0).sum())"): (
                "that counts the training samples that stand in the test data; it is asked the other way round."
            ),
            _leaked("return len({tuple(r) for r in X.tolist()} & {tuple(r) for r in X_test.tolist()})"): (
                "a sample that stands in the test data twice is two test samples."
            ),
            _leaked("return sum(bool((X == row).all(1).any()) for row in X_test) / len(X_test)"): (
                "that is the share of the test samples; their number is asked for."
            ),
            _leaked(
                "return sum(not bool((X == row).all(1).any()) for row in X_test)"
            ): "those are the samples that do not leak.",
            _leaked(
                "return bool((X_test[:, None] == X[None]).all(-1).any())"
            ): "whether there is a leak is not how many there are.",
        },
        wrong={
            _leaked("return int((X == X_test).all(1).sum())"): "do not fit",
            _leaked("return sum(row in X for row in X_test)"): "one equal number makes no equal sample",
            _leaked("return int((X == X_test[0]).all(1).sum())"): "is not it",
            _leaked("return 0"): "It returns that for each of the 8 inputs that were tried.",
            "leaked = 3": "it should be a function",
        },
    ),
]
