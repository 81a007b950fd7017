"""What can be examined because the student's own project says, somewhere, how it is built, called or filled."""

from __future__ import annotations

import pytest

from minidl.lab.doctor.students.building import CannotBuild
from minidl.lab.doctor.students.examining import examine_thing, things
from minidl.lab.doctor.students.loading import classes
from minidl.lab.doctor.students.own_calls import OwnCalls
from minidl.lab.doctor.students.project import Project
from minidl.lab.doctor.subject.copies import copy_of


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A function that makes a project of the files given, and loads them."""
    monkeypatch.chdir(tmp_path)
    entered = []

    def made(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        found = Project(tmp_path)
        found.__enter__()
        entered.append(found)
        for name in files:
            found.load((tmp_path / f"{name}.py").relative_to(tmp_path))
        return found

    yield made
    for found in entered:
        found.__exit__(None, None, None)


def all_of(project):
    """Return everything that there is to examine, by its name."""
    found = {cls.__name__: cls for module in project.modules.values() for cls in classes(module)}
    return found | {name: thing for module in project.modules.values() for name, thing in things(module, project)}


def mistakes(project, name):
    limit = 30.0  # a busy machine takes its time
    return examine_thing(all_of(project)[name], project, None, limit).mistakes


SHAPED = """
import numpy as np

class Scale:
    def __init__(self, shape_in, kind):
        assert kind == "special" and len(shape_in) == 3
        self.shape_in = shape_in
        self.w, self.grad_w = np.full(shape_in, 0.5), np.zeros(shape_in)
    def forward(self, x):
        assert x.shape == self.shape_in
        self.x = x
        return self.w * x
    def backward(self, g):
        self.grad_w += GRAD
        return g * self.w
"""
CALLED = """
from layers import Scale
SIZE = (28, 28, 1)

def test_scale():
    kind = "special"
    layer = Scale(shape_in=SIZE, kind=kind)
"""


@pytest.mark.parametrize(("grad", "wrong"), [("g * self.x", False), ("g", True)])
def test_a_constructor_is_called_as_a_test_of_the_project_calls_it(project, grad, wrong):
    found = mistakes(project(layers=SHAPED.replace("GRAD", grad), tests=CALLED), "Scale")
    assert bool(found) == wrong


def test_calls_are_read_and_not_run_and_large_numbers_made_small(project):
    made = project(
        layers="class Layer:\n    def __init__(self, *a, **k): pass\n    def forward(self, x): return x\n"
        "    def backward(self, g): return g\n",
        script="import layers\nif __name__ == '__main__':\n    raise SystemExit\n"
        "    layers.Layer(784, 784, 10, 2, act='relu', shape=(28, 28, 1), f=open('x'))\n"
        "    layers.Layer(784, 784, 10, 2, act='relu', shape=(28, 28, 1))\n",
    )
    (told,) = OwnCalls.of(made).building(all_of(made)["Layer"], made)
    assert told.arguments == [3, 3, 4, 2]
    assert told.names == {"act": "relu", "shape": (8, 8, 1)}


SET_UP = """
import numpy as np

class Dense:
    def __init__(self, units):
        self.units, self.input_shape, self.W = units, None, None
    def initialize(self):
        self.W, self.dW = np.ones((self.input_shape[0], self.units)), np.zeros((self.input_shape[0], self.units))
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, g):
        self.dW[...] = self.x.T @ g
        return g @ BACK
"""


@pytest.mark.parametrize(("back", "wrong"), [("self.W.T", False), ("(2 * self.W.T)", True)])
def test_the_shape_of_the_input_is_written_where_it_is_missing(project, back, wrong):
    assert bool(mistakes(project(layers=SET_UP.replace("BACK", back)), "Dense")) == wrong


CHANGES = """
import numpy as np

class Momentum:
    def __init__(self, momentum=0.9):
        self.alpha, self.v = momentum, 0
    def update(self, lr, dw):
        self.v = KEPT - lr * dw
        return self.v
"""


@pytest.mark.parametrize(("kept", "wrong"), [("self.alpha * self.v", False), ("self.v", True)])
def test_an_optimiser_that_returns_the_change_needs_no_model(project, kept, wrong):
    assert bool(mistakes(project(optimizers=CHANGES.replace("KEPT", kept)), "Momentum")) == wrong


COUNTS = """
import numpy as np

class Adam:
    def __init__(self, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.beta1, self.beta2, self.epsilon, self.m, self.v = beta1, beta2, epsilon, [], []
    def add_initials(self, params):
        self.m.append([0 * p for p in params])
        self.v.append([0 * p for p in params])
    def update(self, params, grads, lr, layer_index, t):
        m, v = self.m[layer_index], self.v[layer_index]
        for i in range(len(params)):
            m[i] = self.beta1 * m[i] + (1 - self.beta1) * grads[i]
            v[i] = self.beta2 * v[i] + (1 - self.beta2) * grads[i] ** POWER
            a, b = m[i] / (1 - self.beta1**t), v[i] / (1 - self.beta2**t)
            params[i] = params[i] - lr * a / (np.sqrt(b) + self.epsilon)
        return params
"""


@pytest.mark.parametrize(("power", "wrong"), [("2", False), ("4", True)])
def test_an_optimiser_is_told_the_number_of_the_step(project, power, wrong):
    assert bool(mistakes(project(optimizers=COUNTS.replace("POWER", power)), "Adam")) == wrong


LISTED = """
import torch

class Linear:
    def __init__(self, n_in, n_out):
        self.w, self.b = torch.randn(n_in, n_out), torch.zeros(n_out)
        self.grad_w, self.grad_b = torch.zeros(n_in, n_out), torch.zeros(n_out)
    def forward(self, x):
        self.x = x
        return x @ self.w + self.b
    def backward(self, g):
        self.grad_w, self.grad_b = self.x.t() @ g, g.sum(0)
        return g @ self.w.t()

class SGD:
    def __init__(self, net, eta):
        self.net, self.eta = net, eta
    def update_weight(self):
        for layer in self.net.modules:
            layer.w = layer.w - self.eta * layer.grad_w
            layer.b = layer.b SIGN self.eta * layer.grad_b
"""


@pytest.mark.parametrize(("sign", "wrong"), [("-", False), ("+", True)])
def test_where_no_network_can_be_built_its_layers_stand_in_a_list(project, sign, wrong):
    assert bool(mistakes(project(all=LISTED.replace("SIGN", sign)), "SGD")) == wrong


FUNCTIONS = """
import numpy as np

def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    a = x @ Wx + prev_h @ Wh + b
    i, f, o, g = np.split(a, 4, 1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    c = f * prev_c + i * g
    return o * np.tanh(c), c, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, c)

def lstm_step_backward(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, c = cache
    dc = dnext_c + dnext_h * o * (1 - np.tanh(c) ** 2) * RIGHT
    da = np.hstack([dc * g * i * (1 - i), dc * prev_c * f * (1 - f), dnext_h * np.tanh(c) * o * (1 - o), dc * i * (1 - g**2)])
    return da @ Wx.T, da @ Wh.T, dc * f, x.T @ da, prev_h.T @ da, da.sum(0)

def norm_forward(x, gamma):
    return gamma * x, (x, gamma)
def norm_backward(dout, cache):
    return dout * cache[1], (dout * cache[0]).sum(0)
def norm_backward_alt(dout, cache):
    return dout * cache[1], RIGHT * (dout * cache[0]).sum(0)

def linear_forward(A, W, b):
    return W @ A + b, (A, W, b)
def linear_backward(dZ, cache):
    A, W, b = cache
    return W.T @ dZ, RIGHT * dZ @ A.T, dZ.sum(1, keepdims=True)

def svm_loss(W, X, y, reg):
    scores = X @ W
    loss, dW = (scores**2).sum() + reg * (W**2).sum(), 2 * X.T @ scores + 2 * RIGHT * reg * W
    return loss, dW

def Square(o, y): return np.sum((o - y) ** 2)
def SquarePrime(o, y): return 2 * RIGHT * (o - y)

def bend(x, derivative=False):
    return RIGHT / np.cosh(x) ** 2 if derivative else np.tanh(x)

def penal_loss(model, y_pred, y_train, lam=1e-3):
    return np.sum((y_pred - y_train) ** 2) + lam * sum(model.values())
def dpenal_loss(y_pred, y_train):
    return 2 * RIGHT * (y_pred - y_train)
"""
PAIRS = ("lstm_step_forward/lstm_step_backward", "norm_forward/norm_backward_alt", "linear_forward/linear_backward", "svm_loss",
         "Square/SquarePrime", "bend", "penal_loss/dpenal_loss")  # fmt: skip


@pytest.mark.parametrize("right", [True, False])
def test_functions_of_many_kinds_are_found_and_called(project, right):
    functions = project(functions=FUNCTIONS.replace("RIGHT", "1" if right else "3"))
    found = {name: mistakes(functions, name) for name in PAIRS}
    assert {name for name, wrong in found.items() if bool(wrong) == right} == set(), found


@pytest.mark.parametrize(("factor", "wrong"), [("1", False), ("2", True)])
def test_the_forward_of_a_backward_may_stand_in_another_file(project, factor, wrong):
    made = project(
        forward="def cube_forward(x): return x**3, x\n",
        backward=f"def cube_backward(dout, cache): return {factor} * dout * 3 * cache**2\n",
    )
    assert bool(mistakes(made, "cube_forward/cube_backward")) == wrong


LOSSES = """
import numpy as np

class BothLoss:
    def calculate(self, x, target):
        return ((x - target) ** 2).mean(), FACTOR * 2 * (x - target) / x.size

class SoftmaxCrossEntropy:
    def backward(self, probabilities, y):
        self.dinputs = probabilities.copy()
        self.dinputs[range(len(y)), y] -= 1
        self.dinputs = FACTOR * self.dinputs / len(y)

class Module:
    def forward(self, *x): raise NotImplementedError
    def backward(self, *g): raise NotImplementedError

class LossOfModule(Module):
    def loss_value(self, x, target): return ((x - target) ** 2).mean()
    def loss_grad(self, x, target): return FACTOR * 2 * (x - target) / x.size

class LossOfNetwork:
    def __init__(self, model): self.model = model
    def forward(self, x, target):
        self.d = x - target
        return (self.d ** 2).mean()
    def backward(self):
        self.model.backward(FACTOR * 2 * self.d / self.d.size)
"""


@pytest.mark.parametrize("name", ["BothLoss", "SoftmaxCrossEntropy", "LossOfModule", "LossOfNetwork"])
@pytest.mark.parametrize(("factor", "wrong"), [("1", False), ("3", True)])
def test_losses_without_a_backward_of_the_usual_kind(project, name, factor, wrong):
    text = LOSSES.replace("FACTOR", factor)
    assert bool(mistakes(project(losses=text), name)) == wrong


GRAPH = """
import numpy as np

class Value:
    def __init__(self, data, grad_fn=None):
        self.data, self.grad, self.grad_fn = data, np.zeros_like(data), grad_fn
    def __getitem__(self, i): return Value(self.data[i])
    def backward(self, grad=None):
        grad = np.ones_like(self.data) if grad is None else grad
        self.grad = self.grad + grad
        if self.grad_fn: self.grad_fn(grad)

class Linear:
    def __init__(self, n_in, n_out):
        self.w = Value(np.random.randn(n_in, n_out))
    def __call__(self, x):
        def back(g):
            self.w.backward(FACTOR * x.data.T @ g)
            x.backward(g @ self.w.data.T)
        return Value(x.data @ self.w.data, back)

class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = params, lr
    def step(self):
        for p in self.params: p.data -= FACTOR * self.lr * p.grad
"""


@pytest.mark.parametrize(("factor", "wrong"), [("1", False), ("2", True)])
def test_an_autograd_of_the_projects_own_is_examined_as_a_whole(project, factor, wrong):
    made = project(graph=GRAPH.replace("FACTOR", factor))
    assert [bool(mistakes(made, name)) for name in ("Linear", "SGD")] == [wrong, wrong]


def test_what_cannot_be_built_says_what_was_tried(project):
    made = project(layers="class Riddle:\n    def __init__(self, key): assert key is Riddle\n"
                          "    def forward(self, x): return x\n    def backward(self, g): return g\n")  # fmt: skip
    with pytest.raises(CannotBuild, match=r"Riddle\(.*raises AssertionError"):
        mistakes(made, "Riddle")


def test_a_stand_in_for_the_network_can_be_copied():
    from minidl.lab.doctor.subject.adapters import Listener

    listener = Listener()
    assert copy_of(listener).backward(3) == 3
    assert listener.dinputs is None
