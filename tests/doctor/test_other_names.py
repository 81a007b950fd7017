"""Layers, losses and optimisers whose methods have names of their own, and which are called in ways of their own."""

from __future__ import annotations

import contextlib

import pytest
from test_built_projects import all_of, mistakes, project  # noqa: F401

from minidl.lab.doctor.students.building import CannotBuild
from minidl.lab.doctor.students.examining import examine_thing
from minidl.lab.doctor.students.files import find

pytestmark = pytest.mark.slow

FACTOR = 3  # in a wrong version; 1 in the right one

BESIDE = """
import numpy as np

class Module:
    def zero_grad(self): pass
    def forward(self, X): pass
    def backward_update_gradient(self, input, delta): pass
    def backward_delta(self, input, delta): pass

class Lineaire(Module):
    def __init__(self, input, output):
        self._parameters = np.random.rand(input, output)
        self._gradient = np.zeros((input, output))
    def zero_grad(self):
        self._gradient = np.zeros(self._parameters.shape)
    def forward(self, X):
        return X @ self._parameters
    def backward_update_gradient(self, input, delta):
        self._gradient += FACTOR * input.T @ delta
    def backward_delta(self, input, delta):
        return delta @ self._parameters.T
"""

NEIGHBOURS = """
import numpy as np

class DenseUnit:
    def __init__(self, count):
        self.count, self.nn, self.before, self.weights = count, None, None, [None]
    def connect(self, nn, prev_layer, next_layer):
        self.nn, self.before = nn, prev_layer
        self.weights[0] = np.random.rand(self.count, prev_layer.output_shape[0])
    def propagate(self, x):
        self.__x = x
        return x @ self.weights[0].T
    def backpropagate(self, delta):
        back = delta @ self.weights[0]
        self.weights[0] -= self.nn.learning_rate * FACTOR * delta.reshape(-1, 1) @ self.__x.reshape(1, -1)
        return back.flatten()
"""

OWN_RATE = """
import numpy as np

class Dichte:
    def __init__(self, n_in, n_out):
        self.w, self.lr = np.random.rand(n_in, n_out), 0.05
    def run_forward(self, x):
        self.x = x
        return x @ self.w
    def run_backward(self, error):
        back = error @ self.w.T
        self.w -= self.lr * FACTOR * self.x.T @ error
        return back
"""

ACTIVATIONS = """
import numpy as np

class Glatt:
    def call(self, x):
        return np.tanh(x)
    def deriv(self, x):
        return FACTOR * (1 - np.tanh(x) ** 2)

class Logistic:
    def activate(self, x):
        return 1 / (1 + np.exp(-x))
    def activation_prime(self, x):
        return FACTOR * self.activate(x) * (1 - self.activate(x))

class Swish:
    def __call__(self, x):
        return x / (1 + np.exp(-x))
    def d(self, x):
        s = 1 / (1 + np.exp(-x))
        return FACTOR * (s + x * s * (1 - s))

class Net:
    def __init__(self, path):
        self.weights = np.load(path)
    def sigmoid(self, x):
        return 1 / (1 + np.exp(-x))
    def sigmoid_derivative(self, x):
        return FACTOR * self.sigmoid(x) * (1 - self.sigmoid(x))
    @staticmethod
    def cost_square(out, target):
        return ((out - target) ** 2).sum() / 2
    @staticmethod
    def cost_square_derivative(out, target):
        return FACTOR * (out - target)
"""

ALONE = """
import numpy as np

class Dense:
    def __init__(self, n_in, n_out):
        self.w = np.random.rand(n_in, n_out)
        self.dw = np.zeros_like(self.w)
    def forward(self, x):
        assert x.ndim == 1
        self.x = x
        return x @ self.w
    def backward(self, g):
        self.dw += self.x.reshape(-1, 1) @ g.reshape(1, -1)
        return g @ self.w.T

class Softmax:
    def forward(self, x):
        self.s = np.exp(x - x.max()) / np.exp(x - x.max()).sum()
        return self.s
    def backward(self, g):
        return FACTOR * (np.diag(self.s) - np.outer(self.s, self.s)) @ g

class LogLoss:
    def loss(self, prediction, target):
        assert prediction.ndim == 1
        return -np.log(prediction) @ target
    def gradient(self, prediction, target):
        return -FACTOR * target / prediction
"""

BOXED = """
import numpy as np

class Out:
    def __init__(self, array, model):
        self.array, self.model = array, model

class Cost:
    def __init__(self, value, grad, model):
        self.value, self.grad, self.model = value, grad, model

class Scale:
    def __init__(self):
        self.model = None
    def forward(self, x):
        return Out(2.0 * x, self)
    def compute_gradients(self, grads):
        return FACTOR * 2.0 * grads

def square_loss(given, target):
    value = ((given.array - target) ** 2).mean()
    grad = FACTOR * 2 * (given.array - target) / target.size
    return Cost(value, grad, given.model)
"""


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (BESIDE, ["Lineaire"]),
        (NEIGHBOURS, ["DenseUnit"]),
        (OWN_RATE, ["Dichte"]),
        (
            ACTIVATIONS,
            [
                "Glatt",
                "Logistic",
                "Swish",
                "Net.sigmoid/sigmoid_derivative",
                "Net.cost_square/cost_square_derivative",
            ],
        ),
        (ALONE, ["Softmax", "LogLoss"]),
        (BOXED, ["Scale", "square_loss"]),
    ],
)
@pytest.mark.parametrize("factor", [1, FACTOR])
def test_other_ways_of_calling_are_found(project, text, names, factor):  # noqa: F811
    made = project(student=text.replace("FACTOR", str(factor)))
    assert {name: bool(mistakes(made, name)) for name in names} == dict.fromkeys(names, factor != 1)


LATE = """
import numpy as np

class Dense:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.random.rand(n_in, n_out), np.zeros(n_out)
        self.dW, self.db = np.zeros((n_in, n_out)), np.zeros(n_out)
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, g):
        self.dW, self.db = self.x.T @ g, g.sum(0)
        return g @ self.W.T

class SGDLate:
    def __init__(self, lr=0.1):
        self.lr = lr
    def step(self):
        self.net.W -= self.lr * self.net.dW
        self.net.b -= self.lr * FACTOR * self.net.db

class SGDOfLayers:
    def __init__(self, learning_rate=0.1):
        self.rate = learning_rate
    def update_weights(self, layer, grad_weights):
        layer.weights -= self.rate * grad_weights
    def update_bias(self, layer, grad_bias):
        layer.bias -= FACTOR * self.rate * grad_bias

class MomentumOfStates:
    def __init__(self, learning_rate, momentum=0.9):
        self.learning_rate, self.momentum = learning_rate, momentum
    def optimize(self, w, dw, state=None):
        v = 0.0 if state is None else state["v"]
        v = self.momentum * v + dw / (1 if FACTOR == 1 or state is None else FACTOR)
        return w - self.learning_rate * v, {"v": v}

def gradient_descent(params, grads, lr=0.1):
    for param, grad in zip(params, grads):
        param -= lr * (grad if FACTOR == 1 else -grad)
"""


@pytest.mark.parametrize("factor", [1, FACTOR])
@pytest.mark.parametrize("name", ["SGDLate", "SGDOfLayers", "MomentumOfStates", "gradient_descent"])
def test_optimisers_that_are_told_late_or_in_other_ways(project, name, factor):  # noqa: F811
    made = project(student=LATE.replace("FACTOR", str(factor)))
    assert bool(mistakes(made, name)) == (factor != 1)


OTHERS = """
import numpy as np

class Patch:
    def __init__(self, size, area, kind):
        height, width = area
        self.w, self.grad_w = np.random.rand(height, width), np.zeros((height, width))
        self.act = {"relu": 1}[kind]
    def forward(self, x):
        self.x = x
        return x[..., : self.w.shape[0]] @ self.w
    def backward(self, g):
        back = np.zeros_like(self.x)
        back[..., : self.w.shape[0]] = FACTOR * g @ self.w.T
        self.grad_w += self.x[..., : self.w.shape[0]].T @ g
        return back

class Old:
    def forward(self, x):
        self.mask = np.array(x > 0, dtype=np.bool)
        return np.where(self.mask, x, np.zeros(int(np.int(1))) + 0.0)
    def backward(self, g):
        return FACTOR * g * self.mask
"""


@pytest.mark.parametrize("factor", [1, FACTOR])
@pytest.mark.parametrize("name", ["Patch", "Old"])
def test_constructors_are_mended_and_old_names_of_numpy_known(project, name, factor):  # noqa: F811
    made = project(student=OTHERS.replace("FACTOR", str(factor)))
    assert bool(mistakes(made, name)) == (factor != 1)


def test_averaged_gradients_are_a_convention_of_layers_without_a_loss_that_divides(project):  # noqa: F811
    forward = "def linear_forward(A, W, b):\n    return W @ A + b, (A, W, b)\n"
    backward = """
import numpy as np
def linear_backward(dZ, cache):
    A, W, b = cache
    m = A.shape[1]
    return W.T @ dZ, FACTOR * dZ @ A.T / m, FACTOR * dZ.sum(axis=1, keepdims=True) / m
"""
    name = "linear_forward/linear_backward"
    assert mistakes(project(forward=forward, backward=backward.replace("FACTOR", "1")), name) == []


def test_a_file_that_did_not_load_is_not_blamed_for_the_names_that_it_misses(project):  # noqa: F811
    text = """
from parameters_elsewhere import Parameter
class Linear:
    def __init__(self, n_in, n_out):
        self.w = Parameter(n_in, n_out)
    def forward(self, x):
        return x @ self.w
    def compute_gradients(self, g):
        return g @ self.w.T
"""
    made = project(student=text)
    with pytest.raises(CannotBuild):
        examine_thing(all_of(made)["Linear"], made, None, 5.0)


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({"nn/layers/a.py": "from nn.tools import f", "nn/b/c.py": "", "run/d.py": ""}, 1),
        ({"layers/a.py": "", "losses/b.py": ""}, 1),
        ({"anna/a.py": "", "bert/b.py": ""}, 2),
    ],
)
def test_folders_that_are_parts_of_one_framework_are_one_project(tmp_path, files, count):
    layer = "\nclass {}:\n    def forward(self, x): return x\n    def backward(self, g): return g\n"
    for number, (name, text) in enumerate(files.items()):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + layer.format(f"Layer{number}"))
    assert len({plan.root for plan in find([str(tmp_path)])}) == count


TOLD_FIRST = """
import numpy as np

class Layer:
    def set_input_shape(self, shape):
        self.input_shape = shape

class Padding(Layer):
    def forward_pass(self, X, training=True):
        return np.pad(X, ((0, 0), (1, 1)))
    def backward_pass(self, accum_grad):
        return FACTOR * accum_grad[:, 1 : 1 + self.input_shape[0]]

class Dense(Layer):
    def __init__(self, n_units, input_shape=None):
        self.n_units, self.input_shape = n_units, input_shape
    def initialize(self, optimizer):
        self.W = np.random.rand(self.input_shape[0], self.n_units)
        self.W_opt = optimizer
    def forward_pass(self, X, training=True):
        self.layer_input = X
        return X @ self.W
    def backward_pass(self, accum_grad):
        W = self.W
        self.W = self.W_opt.update(self.W, self.layer_input.T @ accum_grad)
        return accum_grad @ W.T
"""


@pytest.mark.parametrize("name", ["Padding", "Dense"])
def test_what_another_method_was_to_set_is_not_blamed(project, name):  # noqa: F811
    """A layer has to be told its input's shape; another wants an optimiser, and there is none."""
    home = project(layers=TOLD_FIRST.replace("FACTOR", "1"))
    with contextlib.suppress(CannotBuild):
        assert mistakes(home, name) == []
