"""Optimisers and pairs of functions in further ways of writing them; what a project means by a gradient that looks wrong."""

from __future__ import annotations

import pytest
from test_built_projects import mistakes, project  # noqa: F401 - a fixture

from minidl.lab.doctor.students.building import CannotBuild
from minidl.lab.doctor.students.examining import examine_thing, things
from minidl.lab.doctor.students.outlines import read

FUNCTIONS = """
import numpy as np

def update_parameters(parameters, grads, learning_rate):
    for number in range(1, len(parameters) // 2 + 1):
        parameters["W" + str(number)] = parameters["W" + str(number)] - learning_rate * grads["dW" + str(number)]
        parameters["b" + str(number)] = parameters["b" + str(number)] - SIGN * learning_rate * grads["db" + str(number)]
    return parameters

def momentum_of_both(b, w, db, dw, config):
    config["m_w"] = config["m_w"] * config["beta1"] + config["learning_rate"] * dw
    config["m_b"] = config["m_b"] * config["beta1"] + config["learning_rate"] * SIGN * db
    return w - config["m_w"], b - config["m_b"], config

def adam_of_changes(dW, db, v, s, t, beta1=0.9, beta2=0.999, epsilon=1e-8):
    changes = []
    for key, grad in (("dW", dW), ("db", db)):
        v[key] = beta1 * v[key] + (1 - beta1) * grad
        s[key] = beta2 * s[key] + (1 - beta2) * grad**2
        m_hat = v[key] / (1 - beta1 ** (t if SIGN == 1 else 1))
        changes.append(m_hat / (np.sqrt(s[key] / (1 - beta2**t)) + epsilon))
    return changes[0], changes[1], v, s

def sgd_momentum(variables, gradients, config, state):
    state.setdefault("old", {})
    place = 0
    for layer, layer_gradients in zip(variables, gradients):
        for value, gradient in zip(layer, layer_gradients):
            old = state["old"].setdefault(place, np.zeros_like(gradient))
            old[...] = config["momentum"] * old + config["learning_rate"] * SIGN * gradient
            value -= old
            place += 1

def rmsprop(w, dw, config=None):
    config = config or {}
    config.setdefault("decay_rate", 0.99)
    config.setdefault("cache", np.zeros_like(w))
    decay = config["decay_rate" if SIGN == 1 else "decay_raet"]
    config["cache"] = decay * config["cache"] + (1 - decay) * dw**2
    return w - config["learning_rate"] * dw / np.sqrt(config["cache"] + 1e-8), config

class Momentum:
    def minimize(self, w, b, dW, dB, vW, vB, learning_rate=0.01, beta=0.9):
        vW, vB = beta * vW + (1 - beta) * dW, beta * vB + (1 - beta) * SIGN * dB
        return w - learning_rate * vW, b - learning_rate * vB, vW, vB

class SGDOfLists:
    def __init__(self, lr, beta=0.9):
        self.lr, self.beta = lr, beta
    def optim(self, weights, gradients, velocities=None):
        velocities = velocities or [0 for _ in weights]
        velocities = [self.beta * v - self.lr * SIGN * g for v, g in zip(velocities, gradients)]
        return [w + v for w, v in zip(weights, velocities)], velocities

class SGDOfTheNet:
    def __init__(self, lr=0.1):
        self.lr = lr
    def step(self, local_step):
        for param, grad in zip(self.net.params(), self.net.param_grads()):
            param -= SIGN * self.lr * grad

class AdamOfTheLayers:
    def __init__(self, model):
        self.layers, self.t = model.layers, 0
        self.m = [np.zeros_like(layer.weights) for layer in self.layers]
        self.v = [np.zeros_like(layer.weights) for layer in self.layers]
        self.learning_rate = 0.1
    def backward(self, loss):
        for layer in self.layers[::-1]:
            loss = layer.backward(loss)
    def update(self):
        self.t += 1
        for i, layer in enumerate(self.layers):
            self.m[i] = 0.9 * self.m[i] + 0.1 * layer.dweights
            self.v[i] = 0.999 * self.v[i] + 0.001 * layer.dweights ** 2
            m_hat, v_hat = self.m[i] / (1 - 0.9 ** (self.t if SIGN == 1 else 1)), self.v[i] / (1 - 0.999**self.t)
            layer.weights -= self.learning_rate * m_hat / (np.sqrt(v_hat) + 1e-8)
            layer.biases -= self.learning_rate * np.sign(layer.dbiases)
"""
STEPS = ("update_parameters", "momentum_of_both", "adam_of_changes", "sgd_momentum", "rmsprop", "Momentum", "SGDOfLists",
         "SGDOfTheNet")  # fmt: skip


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", STEPS)
def test_optimisers_are_given_what_the_names_of_their_arguments_say(project, name, sign):  # noqa: F811
    made = project(student=FUNCTIONS.replace("SIGN", str(sign)))
    assert bool(mistakes(made, name)) == (sign != 1)


def test_an_optimiser_that_calls_backward_too_is_one(project):  # noqa: F811
    assert not set(mistakes(project(student=FUNCTIONS.replace("SIGN", "1")), "AdamOfTheLayers")) - {"unnamed"}


PAIRS = """
import math
import numpy as np

sigma = lambda x: 1 / (1 + np.exp(-x))
dsigma = lambda x: sigma(x) * (1 - FACTOR * sigma(x))

def logistic(x):
    return 1 / (1 + np.exp(-x))
def logisticDerivative(y):
    return y * (FACTOR - y)

def relu_of_one(x):
    return x if x > 0 else 0.0
def relu_of_one_derivative(x):
    return FACTOR if x > 0 else 0.0

def ActivationSwish(x):
    return x / (1 + np.exp(-x))
def DerivativeSwish(x):
    s = 1 / (1 + np.exp(-x))
    return s + FACTOR * x * s * (1 - s)

def mse_loss(prediction, label):
    return np.sum((prediction - label) ** 2) / len(label)
def delta_mse(prediction, label):
    return 2 * FACTOR * (prediction - label) / len(label)

class Utils:
    @staticmethod
    def cost(prediction, label):
        error = prediction - label
        return np.sum(error ** 2) / 2, FACTOR * error

class Net:
    def __init__(self, sizes, steep=1.0):
        self.sizes, self.steep = sizes, steep
    def sigmoid(self, x, isPrime=False):
        y = 1 / (1 + np.exp(-self.steep * x))
        return FACTOR * self.steep * y * (1 - y) if isPrime else y
"""
NAMES = ("sigma/dsigma", "logistic/logisticDerivative", "relu_of_one/relu_of_one_derivative",
         "ActivationSwish/DerivativeSwish", "mse_loss/delta_mse", "Utils.cost", "Net.sigmoid")  # fmt: skip


def of_module(made, name):
    found = {name: thing for module in made.modules.values() for name, thing in things(module, made)}
    return examine_thing(found[name], made, None, 5.0)


@pytest.mark.parametrize("factor", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_functions_that_belong_together_are_found_by_their_names(project, name, factor):  # noqa: F811
    made = project(student=PAIRS.replace("FACTOR", str(factor)))
    assert bool(of_module(made, name).findings) == (factor != 1)


def test_a_function_that_returns_another_number_is_no_loss_with_its_gradient(project):  # noqa: F811
    made = project(student="def loss_and_score(p, y):\n    return ((p - y) ** 2).mean(), (p > y).mean()\n")
    with pytest.raises(CannotBuild):
        of_module(made, "loss_and_score")


def test_a_tanh_that_is_none_is_told_by_its_name(project):  # noqa: F811
    text = "import numpy as np\ndef tanh(x):\n    return 0 * x + 1\ndef dtanh(x):\n    return 0 * x\n"
    assert of_module(project(student=text), "tanh/dtanh").findings


def test_the_outline_names_functions_without_def(tmp_path):
    file = tmp_path / "utils.py"
    file.write_text(
        "g = lambda x: x * x\ndg = lambda x: 2 * x\nclass Utils:\n    def cost(self, p, y):\n        return 0\n"
    )
    assert {"g", "Utils"} <= read(file).layers


MEANT = """
import numpy as np

class Softmax:
    def forward(self, x):
        e = np.exp(x - x.max(1, keepdims=True))
        self.y = e / e.sum(1, keepdims=True)
        return self.y
    def backward(self, target):
        return self.y - target

class SquaredLoss:
    def __call__(self, target, prediction):
        d = target - prediction
        return d.T @ d / 2
    def derivative(self, target, prediction):
        return FACTOR * (prediction - target)

class Dense:
    def __init__(self, n_in, n_out, l1, l2):
        self.weights, self.l1, self.l2 = np.random.rand(n_in, n_out), l1, l2
    def forward(self, x):
        self.x = x
        return x @ self.weights
    def backward(self, g):
        self.dweights = FACTOR * self.x.T @ g + self.l1 * np.sign(self.weights) + 2 * self.l2 * self.weights
        return g @ self.weights.T
"""


@pytest.mark.parametrize(("name", "factor", "wrong"), [("Softmax", 1, False), ("SquaredLoss", 1, False), ("Dense", 1, False),
                                                       ("SquaredLoss", 3, True), ("Dense", 3, True)])  # fmt: skip
def test_what_a_framework_means_is_no_mistake(project, name, factor, wrong):  # noqa: F811
    assert bool(mistakes(project(student=MEANT.replace("FACTOR", str(factor))), name)) == wrong


def test_a_type_that_is_not_imported_stands_in_the_way_of_nothing(project):  # noqa: F811
    made = project(
        student="class Scale:\n    def forward(self, x: Tensor): return 2 * x\n    def backward(self, g): return 2 * g\n"
    )
    assert not mistakes(made, "Scale")


def test_a_name_that_another_file_failed_to_import_is_no_mistake_of_a_layer(project):  # noqa: F811
    made = project(
        parts="from no_such_package import slope\ndef scaled(x): return slope(x)\n",
        student="from parts import scaled\nclass Scale:\n    def forward(self, x): return scaled(x)\n"
        "    def backward(self, g): return g\n",
    )
    with pytest.raises(CannotBuild):
        mistakes(made, "Scale")


BEHIND = """
import numpy as np

class QuadraticCost:
    @staticmethod
    def fn(a, y):
        return 0.5 * np.linalg.norm(a - y) ** 2
    @staticmethod
    def delta(z, a, y):
        return (a - y) * SLOPE
"""


@pytest.mark.parametrize(("slope", "wrong"), [("a * (1 - a)", False), ("z * (1 - z)", True)])
def test_the_gradient_of_a_loss_may_be_that_before_the_sigmoid(project, slope, wrong):  # noqa: F811
    assert bool(mistakes(project(student=BEHIND.replace("SLOPE", slope)), "QuadraticCost")) == wrong


CELL = """
import numpy as np

def cell_step(x, h_prev, Wx, Wh, b):
    h = np.tanh(x @ Wx + h_prev @ Wh + b)
    return h, (x, h_prev, Wx, Wh, h)

def cell_step_backward(dh, cache):
    x, h_prev, Wx, Wh, h = cache
    d = (1 - h**2) * dh
    return d @ Wx.T, d @ Wh.T, x.T @ d, h_prev.T @ d, FACTOR * d.sum(0)
"""


@pytest.mark.parametrize(("factor", "wrong"), [("1", False), ("3", True)])
def test_the_state_before_has_a_row_for_each_sample(project, factor, wrong):  # noqa: F811
    made = project(student=CELL.replace("FACTOR", factor))
    assert bool(of_module(made, "cell_step/cell_step_backward").findings) == wrong


def test_a_derivative_of_one_number_does_not_go_with_a_function_of_arrays(project):  # noqa: F811
    text = (
        "import numpy as np\ndef relu(x):\n    return np.maximum(x, 0)\ndef drelu(x):\n    return 1 if x > 0 else 0\n"
    )
    assert of_module(project(student=text), "relu/drelu").findings
