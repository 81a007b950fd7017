"""The exercises' check: each kind of answer three ways."""

from __future__ import annotations

import re

import pytest
import torch

from minidl import Linear, Module, MSELoss
from minidl.lab.exercises import check

# ---------------------------------------------------------------------------------------------------------------------
# Each kind of answer: how it is checked, the untouched stub, a right answer, and a wrong one with a word of the reply

LAYER = """
class Bent(Module):
    def forward(self, input):
        {forward}
    def backward(self, grad_output):
        {backward}
"""
LOSS = """
class Error:
    def forward(self, input, target):
        {forward}
    def backward(self):
        {backward}
"""
STEP = """
class Steps:
    def __init__(self, model, lr):
        self.model, self.lr = model, lr
    def step(self):
        {step}
"""
RAISE = "raise NotImplementedError"
BENT = "self.x = input; return torch.where(input > 0, input, 0.2 * input)"
MOMENTUM = """
class Momentum:
    def __init__(self, model, lr):
        self.model, self.lr, self.momentum = model, lr, 0.9
        self.velocities = [torch.zeros_like(p) for p, _ in model.parameters()]
    def step(self):
        for (p, g), v in zip(self.model.parameters(), self.velocities):
            {step}
            p -= self.lr * v
"""
ADAM = """
class Adam:
    def __init__(self, model, lr):
        self.model, self.lr, self.betas, self.t = model, lr, (0.9, 0.999), 0
        self.averages = [(torch.zeros_like(p), torch.zeros_like(p)) for p, _ in model.parameters()]
    def step(self):
        self.t, (beta1, beta2) = {t}, self.betas
        for (p, g), (m, v) in zip(self.model.parameters(), self.averages):
            {averages}
            p -= self.lr * {step}
"""
IN_PLACE = "m.mul_(beta1).add_((1 - beta1) * g); v.mul_(beta2).add_((1 - beta2) * g * g)"
ANEW = "m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g * g"
CORRECTED = "m / (1 - beta1 ** self.t) / (v / (1 - beta2 ** self.t)).sqrt()"
ENTROPY = """
class Entropy:
    def forward(self, input, target):
        {forward}
    def backward(self):
        {backward}
"""
ONE_HOT = "self.p, self.t = input.softmax(1), target; return -(self.t * input.log_softmax(1)).sum()"
CLASSES = ONE_HOT.replace("target;", "torch.eye(input.shape[1])[target];")
NAIVE = ONE_HOT.replace("input.log_softmax(1)", "(input.exp() / input.exp().sum(1, keepdim=True)).log()")
SUMMED = "reference=lambda *both: torch.nn.functional.cross_entropy(*both, reduction='sum'))"
LOSS_FORWARD = "assert input.shape == target.shape; self.e = input - target; return (self.e ** 2).mean()"
KINDS = {
    "number": ('check("a", lambda: 2 + 1.5)', "a = ...", "a = 3.5", "a = -3.5", "sign"),
    "number that is not near": ('check("a", 3.5)', "a = None", "a = 3.5004", "a = 3.51", "not it"),
    "bool": ('check("a", True)', "a = ...", "a = True", "a = False", "not it"),
    "bool of torch": ('check("a", True)', "a = ...", "a = (X == X).all()", "a = (X < X).any()", "not it"),
    "word": ('check("a", "Transposed")', "a = ...", 'a = " transposed"', 'a = "reshaped"', "not it"),
    "shape": ('check("a", (3, 2))', "a = ...", "a = torch.Size([3, 2])", "a = (2, 3)", "numbers are right"),
    "tensor": (
        'check("a", lambda: X.T @ X[:, :2])',
        "a = ...",
        "a = (X.T @ X[:, :2]).tolist()",
        "a = X[:, :2].T @ X",
        "transposed",
    ),
    "tensor with one wrong entry": (
        'check("a", [[1, 2], [3, 4]])',
        "a = [[1, 2], [..., 4]]",
        "a = [[1, 2], [3, 4]]",
        "a = torch.tensor([[1.0, 2.0], [5.0, 4.0]])",
        r"3 of 4 .*\[1, 0\]",
    ),
    "tensor with a factor": ('check("a", lambda: X)', "a = ...", "a = X.clone()", "a = X / 4", "0.25 times"),
    "numbers by name": (
        'check("a", {"n": 4, "m": 3})',
        "a = {'n': ..., 'm': 3}",
        "a = {'n': 4, 'm': 3}",
        "a = {'n': 3, 'm': 3}",
        "n: ",
    ),
    "several of different shapes": (
        'check("a", [(4, 3), (3, 2, 1)])',
        "a = ...",
        "a = [(4, 3), (3, 2, 1)]",
        "a = [(4, 3), (3, 2, 2)]",
        "number 2",
    ),
    "function": (
        'check("slope", lambda y: 1 - y * y, on=lambda: [(X,), (2 * X,)])',
        "def slope(y):\n    ...",
        "def slope(y):\n    return 1 - y**2",
        "def slope(y):\n    return y**2 - 1",
        "sign",
    ),
    "function that forgets to return": (
        'check("slope", lambda y: 1 - y * y, on=(0.5,))',
        "def slope(y):\n    raise NotImplementedError",
        "slope = lambda y: 1 - y**2",
        "def slope(y):\n    y = 1 - y**2",
        "return missing",
    ),
    "function that writes into its argument": (
        'check("double", lambda y: 2 * y, on=lambda: [(X,)] * 2)',
        'def double(y):\n    """Return 2 y."""',
        "def double(y):\n    return y.mul_(2)",
        "def double(y):\n    return y / 0",
        "not",
    ),
    "layer": (
        'check("Bent", input=(4, 3), reference=lambda x: torch.nn.functional.leaky_relu(x, 0.2))',
        LAYER.format(forward=RAISE, backward=RAISE),
        LAYER.format(forward=BENT, backward="return torch.where(self.x > 0, grad_output, 0.2 * grad_output)"),
        LAYER.format(forward=BENT, backward="return torch.where(grad_output > 0, grad_output, 0.2 * grad_output)"),
        "upstream as mask",
    ),
    "layer, half done": (
        'check("Bent", input=(4, 3))',
        LAYER.format(forward=BENT, backward=RAISE),
        LAYER.format(forward=BENT, backward="return torch.where(self.x > 0, grad_output, 0.2 * grad_output)"),
        LAYER.format(forward=BENT, backward="self.x = torch.where(self.x > 0, grad_output, 0.2 * grad_output)"),
        "returns nothing",
    ),
    "layer with parameters": (
        'check("Mine", input=(5, 3), build=lambda cls: cls(3, 2))',
        "class Mine(Linear):\n    def backward(self, grad_output):\n        ...",
        "class Mine(Linear):\n    pass",
        "class Mine(Linear):\n    def backward(self, grad_output):\n        return super().backward(grad_output / 2)",
        "factor 1/2",
    ),
    "object": ('check("a", input=(5, 3))', "a = ...", "a = Linear(3, 2)", "a = 3", "forward"),
    "loss": (
        'check("Error", input=(4, 3), target=(4, 3), reference="mse_loss")',
        LOSS.format(forward="...", backward="..."),
        LOSS.format(forward=LOSS_FORWARD, backward="return 2 * self.e / self.e.numel()"),
        LOSS.format(forward=LOSS_FORWARD, backward="return 2 * self.e"),
        r"factor n\*m",
    ),
    "loss with class numbers": (
        'check("Entropy", input=(5, 3), target=lambda: torch.tensor([0, 2, 1, 1, 0]), ' + SUMMED,
        ENTROPY.format(forward=RAISE, backward="return self.p - self.t"),
        ENTROPY.format(forward=CLASSES, backward="return self.p - self.t"),
        ENTROPY.format(forward=CLASSES, backward="return self.p"),
        "target forgotten",
    ),
    "loss with one-hot targets": (
        'check("Entropy", input=(4, 3), target=lambda: torch.eye(3)[[2, 0, 1, 2]], ' + SUMMED,
        ENTROPY.format(forward=RAISE, backward=RAISE),
        ENTROPY.format(forward=ONE_HOT, backward="return self.p - self.t"),
        ENTROPY.format(forward=NAIVE, backward="return self.p - self.t"),
        "not finite",
    ),
    "loss of another reduction": (
        'check("Entropy", input=(4, 3), target=lambda: torch.eye(3)[[2, 0, 1, 2]], ' + SUMMED,
        ENTROPY.format(forward=RAISE, backward=RAISE),
        ENTROPY.format(forward=ONE_HOT, backward="return self.p - self.t"),
        ENTROPY.format(forward=ONE_HOT, backward="return (self.p - self.t) / len(self.t)"),
        "factor 1/n",
    ),
    "layer with the batch size written into it": (
        'check("Bent", input=(4, 3))',
        LAYER.format(forward=BENT, backward=RAISE),
        LAYER.format(forward=BENT, backward="return torch.where(self.x > 0, 1, 0.2) * grad_output"),
        LAYER.format(forward=BENT, backward="return torch.where(self.x > 0, 1, 0.2).reshape(4, 3) * grad_output"),
        r"with 3 samples[^$]*raises",
    ),
    "loss with the batch size written into it": (
        'check("Error", input=lambda: X[:, :2], target=lambda: X[:, 1:])',
        LOSS.format(forward=RAISE, backward=RAISE),
        LOSS.format(forward=LOSS_FORWARD, backward="return 2 * self.e / self.e.numel()"),
        LOSS.format(forward="self.e = input.reshape(2, 2) - target; return (self.e ** 2).sum()", backward="return 2 * self.e"),
        r"with 3 samples[^$]*raises",
    ),
    "optimiser with momentum": (
        'check("Momentum", model=lambda: Linear(3, 2), build=lambda cls, model: cls(model, lr=0.05))',
        MOMENTUM.format(step=RAISE),
        MOMENTUM.format(step="v.mul_(self.momentum).add_(g)"),
        MOMENTUM.format(step="v = self.momentum * v + g"),
        "momentum forgotten",
    ),
    "Adam": (
        'check("Adam", model=lambda: Linear(3, 2), build=lambda cls, model: cls(model, lr=0.05))',
        ADAM.format(averages=RAISE, t=0, step=0),
        ADAM.format(averages=IN_PLACE, t="self.t + 1", step=CORRECTED),
        ADAM.format(averages=IN_PLACE, t="self.t + 1", step="m / v.sqrt()"),
        "bias correction forgotten",
    ),
    "Adam, its averages lost": (
        'check("Adam", model=lambda: Linear(3, 2), build=lambda cls, model: cls(model, lr=0.05))',
        ADAM.format(averages=RAISE, t=0, step=0),
        ADAM.format(averages=IN_PLACE, t="self.t + 1", step=CORRECTED),
        ADAM.format(averages=ANEW, t="self.t + 1", step=CORRECTED),
        "momentum forgotten",
    ),
    "Adam, its step count standing still": (
        'check("Adam", model=lambda: Linear(3, 2), build=lambda cls, model: cls(model, lr=0.05))',
        ADAM.format(averages=RAISE, t=0, step=0),
        ADAM.format(averages=IN_PLACE, t="self.t + 1", step=CORRECTED),
        ADAM.format(averages=IN_PLACE, t=1, step=CORRECTED),
        "step count",
    ),
    "optimiser": (
        'check("Steps", model=lambda: Linear(3, 2), build=lambda cls, model: cls(model, lr=0.1))',
        STEP.format(step=RAISE),
        STEP.format(step="for p, g in self.model.parameters(): p -= self.lr * g"),
        STEP.format(step="for p, g in self.model.parameters(): p += self.lr * g"),
        "uphill",
    ),
}  # fmt: skip


def ask(call: str, answer: str):
    """Run an answer, then the check, as two cells would."""
    names = {"torch": torch, "Module": Module, "Linear": Linear, "MSELoss": MSELoss, "check": check}
    names["X"] = torch.tensor([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])
    exec(answer, names)
    return eval(call, names)


@pytest.mark.parametrize("kind", KINDS)
def test_an_untouched_stub_is_not_done_yet(kind):
    call, stub, *_ = KINDS[kind]
    reply = ask(call, stub)
    assert reply.status == "not done"
    assert str(reply).startswith("Not done yet")
    assert not reply


@pytest.mark.parametrize("kind", KINDS)
def test_a_right_answer_gets_a_warm_line(kind):
    call, _, right, *_ = KINDS[kind]
    reply = ask(call, right)
    assert reply.status == "right", reply
    assert str(reply).startswith("Right!")
    assert reply


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_answer_gets_the_reason(kind):
    call, _, _, wrong, word = KINDS[kind]
    reply = ask(call, wrong)
    assert reply.status == "wrong", reply
    assert str(reply).startswith("Not right yet")
    assert re.search(word, str(reply)), reply
    assert not reply


@pytest.mark.parametrize("kind", KINDS)
def test_a_check_before_anything_else_has_run_gives_a_sentence(kind):
    reply = eval(KINDS[kind][0].replace("lambda: X", "lambda: unknown"), {"check": check, "torch": torch})
    assert reply.status == "not done"
    assert "run the exercise's cell first" in str(reply)


@pytest.mark.parametrize(
    ("forward", "backward", "words"),
    [
        (RAISE, RAISE, "write forward and backward in"),
        (BENT, RAISE, "write backward in"),
        (RAISE, "return grad_output", "write forward in"),
        (BENT, "self.slope = 0.2; raise NotImplementedError", "write backward in"),  # found by running it
    ],
)
def test_what_is_asked_for_is_what_is_missing(forward, backward, words):
    reply = ask('check("Bent", input=(4, 3))', LAYER.format(forward=forward, backward=backward))
    assert reply.status == "not done"
    assert words in str(reply)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("pass", "Not done yet"),
        ("...", "Not done yet"),
        ('"""Later."""', "Not done yet"),
        ("return True", "Not right yet"),  # a short answer, but one
        ("return 2", "Not right yet"),
    ],
)
def test_an_empty_function_is_not_done_and_a_constant_one_is(body, words):
    call = 'check("agrees", lambda n: n == 1, on=[(1,), (7,)])'
    assert str(ask(call, f"def agrees(n):\n    {body}")).startswith(words)


def test_a_constructor_that_is_still_to_be_written_is_not_done():
    stub = "class Mine(Linear):\n    def __init__(self):\n        raise NotImplementedError"
    reply = ask('check("Mine", input=(4, 3))', stub)
    assert reply.status == "not done"
    assert "write __init__ in" in str(reply)


def test_what_a_constructor_raises_is_quoted():
    reply = ask('check("Mine", input=(4, 3))', "class Mine(Linear):\n    pass")
    assert reply.status == "wrong"
    assert "TypeError" in str(reply)


@pytest.mark.parametrize(
    "call",
    [
        'check("a", lambda: Y + Z)',
        'check("Linear", input=lambda: Y)',
        'check("Linear", input=(4, 3), build=lambda cls: cls(Y, Z))',
        'check("Linear", model=lambda: Y)',
    ],
)
def test_a_check_that_needs_other_cells_says_so(call):
    reply = ask(call, "a = 1.0")
    assert reply.status == "not done"
    assert "run them first" in str(reply)


def test_a_hint_is_added_to_a_wrong_answer_only():
    assert "Sum." in str(ask('check("a", 3, hint="Sum.")', "a = 2"))
    assert "Sum." not in str(ask('check("a", 3, hint="Sum.")', "a = 3"))
    assert "Sum." not in str(ask('check("a", 3, hint="Sum.")', "a = ..."))


def test_a_wrong_number_is_not_given_away():
    reply = ask('check("a", lambda: 7.25)', "a = 7.5")
    assert "7.25" not in str(reply) + reply._repr_html_()


def test_a_function_that_never_returns_is_given_up(monkeypatch):
    monkeypatch.setattr("minidl.lab.exercises.functions.TIME_LIMIT", 0.2)
    reply = ask('check("f", lambda x: x, on=(1,))', "def f(x):\n    while True:\n        pass")
    assert reply.status == "wrong"
    assert "does not come back" in str(reply)


def test_what_it_is_compared_with_may_take_its_time(monkeypatch):
    monkeypatch.setattr("minidl.lab.exercises.functions.TIME_LIMIT", 0.1)
    slow = 'check("f", lambda x: time.sleep(0.3) or x, on=(1,))'.replace("time", "__import__('time')")
    assert ask(slow, "def f(x):\n    return x").status == "right"


def test_jupyter_shows_the_reply_and_what_was_measured():
    call, _, _, wrong, _ = KINDS["layer"]
    shown = ask(call, wrong)._repr_html_()
    assert "Not right yet" in shown
    assert "expected (4, 3)" in shown.partition("<details>")[2]
    assert "&lt;" in ask('check("a", "b")', 'a = "<b>"')._repr_html_()
