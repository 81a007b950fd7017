"""Networks in one piece, and layers that only their own framework calls in that way, as a project's command sees them."""

from __future__ import annotations

import pytest
from test_built_projects import mistakes, project  # noqa: F401 - a fixture

from minidl.lab.doctor.students.building import CannotBuild

SQUASH = """
import numpy as np
def squash(z): return 1 / (1 + np.exp(-z))
"""
PERCEPTRON = (
    SQUASH
    + """
class Perceptron:
    def __init__(self, n_inputs, n_hidden, n_outputs):
        self.W1, self.b1 = np.random.randn(n_inputs, n_hidden) * 0.01, np.zeros((1, n_hidden))
        self.W2, self.b2 = np.random.randn(n_hidden, n_outputs) * 0.01, np.zeros((1, n_outputs))
    def forward(self, X):
        self.h = np.tanh(X @ self.W1 + self.b1)
        e = np.exp(self.h @ self.W2 + self.b2)
        return e / e.sum(1, keepdims=True)
    def backward(self, X, y, output):
        back = output - y
        self.dW2, self.db2 = self.h.T @ back / len(X), back.sum(0, keepdims=True) / len(X)
        back = back @ self.W2.T * SLOPE
        self.dW1, self.db1 = X.T @ back / len(X), back.sum(0, keepdims=True) / len(X)
"""
)
FROM_DATA = (
    SQUASH
    + """
class FromData:
    def __init__(self, x, y):
        self.input, self.y = x, y
        self.first, self.second = np.random.rand(x.shape[1], 4), np.random.rand(4, 1)
        self.output = np.zeros(y.shape)
    def feedforward(self):
        self.hidden = squash(self.input @ self.first)
        self.output = squash(self.hidden @ self.second)
    def backprop(self):
        back = 2 * (self.y - self.output) * self.output * (1 - self.output)
        self.second += self.hidden.T @ back
        self.first SIGN self.input.T @ (back @ old(self).T * self.hidden * (1 - self.hidden))
def old(net): return net.second - net.hidden.T @ (2 * (net.y - net.output) * net.output * (1 - net.output))
"""
)
LISTS = (
    SQUASH
    + """
class Lists:
    def __init__(self, sizes):
        self.biases = [np.random.randn(k, 1) for k in sizes[1:]]
        self.weights = [np.random.randn(k, m) for m, k in zip(sizes[:-1], sizes[1:])]
    def feedforward(self, a):
        for w, b in zip(self.weights, self.biases): a = squash(w @ a + b)
        return a
    def backprop(self, x, y):
        seen = [x]
        for w, b in zip(self.weights, self.biases): seen.append(squash(w @ seen[-1] + b))
        back, to_w, to_b = seen[-1] - y, [], []
        for i in (1, 0):
            back = back * seen[i + 1] * FACTOR
            to_w.insert(0, back @ seen[i].T)
            to_b.insert(0, back)
            back = self.weights[i].T @ back
        return to_b, to_w
"""
)
OWN_LOSS = """
import numpy as np
class TwoSlabs:
    def __init__(self, input_dim=3072, hidden_dim=100, num_classes=10, reg=0.0):
        drawn = lambda *shape: 0.01 * np.random.randn(*shape)
        self.params = {"W1": drawn(input_dim, hidden_dim), "W2": drawn(hidden_dim, num_classes)}
    def loss(self, X, y=None):
        hidden = np.maximum(0, X @ self.params["W1"])
        scores = hidden @ self.params["W2"]
        if y is None: return scores
        p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        rows = np.arange(len(y))
        value = -np.log(p[rows, y]).mean()
        p[rows, y] -= 1
        p /= len(y)
        return value, {"W1": X.T @ (p @ self.params["W2"].T MASK), "W2": hidden.T @ p}
"""
PLUGGED = """
import numpy as np
class Full:
    def __init__(self, units): self.units = units
    def plug(self, inputlayer):
        self.input_unit = inputlayer
        self.output_shape = [self.units]
        self.w = np.random.randn(inputlayer.output_shape[0], self.units)
    def forward(self, X):
        self.x = self.input_unit.forward(X)
        return self.x @ self.w
    def backprop(self, delta):
        self.dw = self.x.T @ delta FACTOR
        return delta @ self.w.T
"""
COLLECTED = """
import numpy as np
class Scaling:
    def __init__(self): self.scale = np.array([0.5, 1.5, -2.0])
    def forward(self, x): return self.scale * x, {}
    def backward(self, x, cache, back_gradient, gradients):
        gradients["scale"] = (x * back_gradient).sum(0) FACTOR
        return self.scale * back_gradient
"""
OPERATOR = """
import numpy as np
class Affine:
    @staticmethod
    def forward(x, w, b): return x @ w + b, (x, w)
    @staticmethod
    def backward(dout, cache):
        x, w = cache
        return dout @ w.T, x.T @ dout, dout.sum(0) FACTOR
class Shift:
    def forward(self, input, bias): return input + bias
    def backward(self, out_grad, input, bias): return out_grad, out_grad.sum(0)
"""
RULE = """
import numpy as np
class DescentRule:
    def __init__(self, learning_rate=0.1): self.learning_rate = learning_rate
    def initialise(self, params): self.params = params
    def update_params(self, grads_wrt_params):
        for param, grad in zip(self.params, grads_wrt_params): param += SIGN self.learning_rate * grad
class Dense:
    def __init__(self, n_in, n_out):
        self.w, self.dw = np.random.randn(n_in, n_out), np.zeros((n_in, n_out))
    def forward(self, x):
        self.x = x
        return x @ self.w
    def backward(self, g):
        self.dw = self.x.T @ g
        return g @ self.w.T
"""
LEAKY = """
import numpy as np
class Leak:
    def __init__(self, a=0.1): self.a = a
    def f(self, X): return np.where(X > 0, X, self.a * X)
    def deriv(self, X): return np.where(X > 0, 1, WRONG self.a)
"""
EACH = """
import numpy as np
class SoftCrossEntropy:
    def forward(self, x, y):
        e = np.exp(x - x.max(1)[:, None])
        self.p, self.y = e / e.sum(1)[:, None], y
        return -np.log((self.p * y).sum(1))
    def derivative(self): return WRONG self.p - self.y
"""


@pytest.mark.parametrize(
    ("text", "name", "right", "wrong"),
    [
        (PERCEPTRON, "Perceptron", ("SLOPE", "(1 - self.h**2)"), ("SLOPE", "(1 - np.tanh(self.h)**2)")),
        (FROM_DATA, "FromData", ("SIGN", "+="), ("SIGN", "-=")),
        (LISTS, "Lists", ("FACTOR", "(1 - seen[i + 1])"), ("FACTOR", "(1 - seen[i + 1]) ** (2 - i)")),
        (OWN_LOSS, "TwoSlabs", ("MASK", "* (hidden > 0)"), ("MASK", "")),
        (PLUGGED, "Full", ("FACTOR", ""), ("FACTOR", "* 2")),
        (COLLECTED, "Scaling", ("FACTOR", ""), ("FACTOR", "* 2")),
        (OPERATOR, "Affine", ("FACTOR", ""), ("FACTOR", "* 2")),
        (RULE, "DescentRule", ("SIGN", "-"), ("SIGN", "")),
        (LEAKY, "Leak", ("WRONG", ""), ("WRONG", "2 *")),
        (EACH, "SoftCrossEntropy", ("WRONG", ""), ("WRONG", "2 *")),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)  # fmt: skip
def test_each_kind_is_examined_and_told_apart_from_a_wrong_one(project, text, name, right, wrong):  # noqa: F811
    made = project(right=text.replace(*right), wrong=text.replace(*wrong))
    found = {}
    for path, module in made.modules.items():
        found[path.stem] = mistakes_of(made, getattr(module, name))
    assert not found["right"]
    assert found["wrong"]


def mistakes_of(made, cls):
    from minidl.lab.doctor.students.examining import examine_thing

    return examine_thing(cls, made, None, 5.0).mistakes


def test_what_is_added_to_the_input_has_its_size(project):  # noqa: F811
    assert not mistakes(project(operators=OPERATOR.replace("FACTOR", "")), "Shift")


def test_gradients_of_no_loss_are_not_blamed(project):  # noqa: F811
    from minidl.lab.doctor.students.building import CannotBuild

    text = PERCEPTRON.replace("output - y", "np.sin(3 * output) * y").replace("SLOPE", "(1 - self.h**2)")
    with pytest.raises(CannotBuild):
        mistakes(project(net=text), "Perceptron")


CAMEL = """
import numpy as np

class Perceptron:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1, self.W2 = np.random.rand(n_hidden, n_in), np.random.rand(n_out, n_hidden)
    def feedForward(self, x):
        self.h = np.tanh(self.W1 @ x)
        return self.W2 @ self.h
    def backPropagate(self, x, target, learningRate):
        error = self.feedForward(x) - target
        back = SLOPE * (self.W2.T @ error)
        self.W2 -= learningRate * error @ self.h.T
        self.W1 -= learningRate * back @ x.T
"""


@pytest.mark.parametrize(("slope", "wrong"), [("(1 - self.h**2)", False), ("(1 - self.h)", True)])
def test_methods_may_be_written_in_camel_case(project, slope, wrong):  # noqa: F811
    assert bool(mistakes(project(student=CAMEL.replace("SLOPE", slope)), "Perceptron")) == wrong


DROPS = """
import numpy as np

class DropNet:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1, self.W2 = np.random.randn(n_in, n_hidden), np.random.randn(n_hidden, n_out)
    def forward(self, X, mask=1.0):
        self.mask = mask
        self.h = np.tanh(X @ self.W1) * mask
        return self.h @ self.W2
    def backward(self, X, y):
        output = self.forward(X, MASK)
        back = (output - y) @ self.W2.T * self.mask * (1 - np.tanh(X @ self.W1) ** 2) * FACTOR
        self.dW2, self.dW1 = self.h.T @ (output - y), X.T @ back
"""


@pytest.mark.parametrize(("factor", "wrong"), [("1", False), ("(X[:, :1] > 0)", True)])
def test_a_network_that_goes_back_without_drawing_is_judged(project, factor, wrong):  # noqa: F811
    assert bool(mistakes(project(student=DROPS.replace("MASK", "1.0").replace("FACTOR", factor)), "DropNet")) == wrong


def test_a_network_that_draws_only_where_it_goes_back_is_not_judged(project):  # noqa: F811
    text = DROPS.replace("MASK", "(np.random.rand(*self.h.shape) > 0.6)").replace("FACTOR", "1")
    text = text.replace("output = self.forward(X, ", "self.forward(X); output = self.forward(X, ")
    with pytest.raises(CannotBuild):
        mistakes(project(student=text), "DropNet")
