"""`python -m minidl examine` on whole frameworks: what is meant so there, and what shows with other settings only."""

from __future__ import annotations

import pytest

from minidl.lab.doctor.students.files import find
from minidl.lab.doctor.students.processes import Settings
from minidl.lab.doctor.students.visits import examine_projects

LINEAR = """
import torch

class Linear:
    def __init__(self, n_in, n_out):
        self.weight, self.bias = torch.randn(n_out, n_in), torch.randn(n_out)
        self.dw, self.db = torch.zeros(n_out, n_in), torch.zeros(n_out)
    def forward(self, x):
        self.x = x
        return x @ self.weight.T + self.bias
    def backward(self, g):
        self.dw {by} g.T @ self.x
        self.db {also} g.sum(0)
        return g @ self.weight
    def zero_grad(self):
        self.dw.zero_(), self.db.zero_()
    {property}
    def param(self):
        return [(self.weight, self.dw), (self.bias, self.db)]
"""
ADDS = LINEAR.format(by="+=", also="+=", property="")
ASSIGNS = LINEAR.format(by="=", also="=", property="")
MIXES = LINEAR.format(by="+=", also="=", property="")
LISTS = LINEAR.format(by="+=", also="+=", property="@property")
SCALE = """
class Scale:
    def __init__(self):
        self.gamma, self.dgamma = torch.rand(3) + 0.5, torch.zeros(3)
    def forward(self, x):
        self.x = x
        return self.gamma * x
    def backward(self, g):
        self.dgamma += (g * self.x).sum(0)
        return g * self.gamma
"""
POOL = """
import numpy as np

class MaxPool2d:
    def forward(self, x):
        n, c, h, w = x.shape
        self.x = x
        self.y = x.reshape(n, c, h // 2, 2, w // 2, 2).max((3, 5))
        return self.y
    def backward(self, g):
        h, w = self.x.shape[{sides}]
        up = lambda a: a.repeat(2, 2).repeat(2, 3)
        back = up(g) * (self.x == up(self.y))
        return back.reshape(*back.shape[:2], h, w)
"""
LOSS = """
class MSE:
    def __init__(self, reduction="mean"):
        self.reduction = reduction
    def forward(self, input, target):
        self.e = input - target
        return (self.e ** 2).mean() if self.reduction == "mean" else (self.e ** 2).sum()
    def backward(self):
        return 2 * self.e / {divisor}
"""
SGD = """
class SGD:
    def __init__(self, params, lr=0.1, momentum=0.0, weight_decay=0.0):
        self.params, self.lr, self.momentum, self.weight_decay = params, lr, momentum, weight_decay
        self.v = [torch.zeros_like(p) for p, _ in params]
    def step(self):
        for i, (p, g) in enumerate(self.params):
            g = g {sign} self.weight_decay * p
            v = self.momentum * self.v[i] + g
            {keep}
            p.sub_(self.lr * v)
"""
OPTIMISER = """
class Sgd:
    def __init__(self, learning_rate=0.1):
        self.learning_rate = learning_rate
    def calculate_update(self, weight, gradient):
        return weight - self.learning_rate * gradient

class FullyConnected:
    def __init__(self, n_in, n_out):
        self.weights, self.gradient_weights, self.optimizer = torch.randn(n_in, n_out), None, None
    def forward(self, x):
        self.x = x
        return x @ self.weights
    def backward(self, g):
        self.gradient_weights = self.x.T @ g
        back = g @ self.weights.T
        if self.optimizer:
            self.weights = self.optimizer.calculate_update(self.weights, self.gradient_weights)
        return {back}
"""
NETWORK = """
class Network:
    def __init__(self):
        self.layers = []
    def add(self, layer):
        self.layers.append(layer)
    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x
    def backward(self, g):
        for layer in self.layers[::-1]:
            g = layer.backward(g)
"""
SWITCH = """
class Bend:
    def __init__(self, kind):
        self.kind = kind
    def forward(self, x):
        self.x = x
        if self.kind == "Bent":
            self.y = x.tanh()
        return self.y if self.kind == "Bent" else x
    def backward(self, g):
        if self.kind == "Bent":
            back = g * (1 - self.y ** 2)
        return back
"""
DROPOUT = """
class Dropout:
    def __init__(self, p=0.3):
        self.p, self.training = p, False
    def forward(self, x):
        self.mask = (torch.rand_like(x) > self.p) / (1 - self.p) if self.training else torch.ones_like(x)
        return x * self.mask
    def backward(self, g):
        return g{back}
"""


def verdicts(folder, text):
    """Return verdict and mistakes of each class."""
    (folder / "net.py").write_text(text, encoding="utf-8")
    rows = examine_projects(find([str(folder)]), Settings(wall="none"))
    return {row.name: (row.verdict, *row.mistakes) for row in rows}


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        (ADDS, "Linear", ("well",)),
        (ASSIGNS, "Linear", ("well",)),  # and nothing here adds up
        (MIXES, "Linear", ("wrong", "overwritten")),
        (ASSIGNS + SCALE, "Linear", ("wrong", "overwritten")),
        (SCALE.replace("class", "import torch\nclass", 1), "Scale", ("well",)),
        (POOL.format(sides="2:"), "MaxPool2d", ("well",)),  # equal entries all get the gradient
        (POOL.format(sides="3:1:-1"), "MaxPool2d", ("wrong", "wrong shape")),
        (LOSS.format(divisor="(self.e.numel() if self.reduction == 'mean' else 1)"), "MSE", ("well",)),
        (LOSS.format(divisor="self.e.numel()"), "MSE", ("wrong", "factor 1/(n*m)")),
        (ADDS + SGD.format(sign="+", keep="self.v[i] = v"), "SGD", ("well",)),
        (ADDS + SGD.format(sign="+", keep="pass"), "SGD", ("wrong", "momentum forgotten")),
        (ADDS + SGD.format(sign="-", keep="self.v[i] = v"), "SGD", ("wrong", "decay with the wrong sign")),
        (LISTS + SGD.format(sign="+", keep="self.v[i] = v"), "SGD", ("well",)),
        ("import torch\n" + OPTIMISER.format(back="back"), "FullyConnected", ("well",)),
        ("import torch\n" + OPTIMISER.format(back="g @ self.weights.T"), "FullyConnected", ("wrong", "updated too early")),
        (ADDS + NETWORK, "Network", ("well",)),
        (SWITCH, "Bend", ("not examined",)),
        ("import torch\n" + DROPOUT.format(back=" * self.mask"), "Dropout", ("well",)),
        ("import torch\n" + DROPOUT.format(back=""), "Dropout", ("wrong", "derivative forgotten")),
    ],
)  # fmt: skip
def test_what_is_meant_so_is_no_mistake(tmp_path, text, name, expected):
    assert verdicts(tmp_path, text)[name] == expected
