"""Networks that train themselves, and those that others train: what a short training does to them is examined."""

from __future__ import annotations

import pytest
from test_built_projects import mistakes, project  # noqa: F401

IN_ONE_PIECE = """
import numpy as np

class TinyNetwork:
    def __init__(self, n_in, n_hidden, n_out):
        self.w1, self.w2 = np.random.randn(n_in, n_hidden), np.random.randn(n_hidden, n_out)
    def predict(self, x):
        self.h = np.tanh(x @ self.w1)
        return self.h @ self.w2
    def fit(self, x, y, epochs=100, learning_rate=0.1):
        for _ in range(epochs):
            error = self.predict(x) - y
            hidden = error @ self.w2.T * SLOPE
            self.w2 -= learning_rate * self.h.T @ error
            self.w1 -= learning_rate * x.T @ hidden
"""

SAMPLES = """
import numpy as np

class SlowNet:
    def __init__(self, sizes, lr=0.5):
        self.weights = [np.random.randn(b, a) for a, b in zip(sizes, sizes[1:])]
        self.lr = lr
    def feedforward(self, x):
        self.kept = [x]
        for w in self.weights:
            self.kept.append(np.tanh(w @ self.kept[-1]))
        return self.kept[-1]
    def output(self, xs):
        return [self.feedforward(x) for x in xs]
    def learn(self, training_data, epochs):
        for _ in range(epochs):
            for x, y in training_data:
                error = self.feedforward(x) - y
                for i in reversed(range(len(self.weights))):
                    error = error * (1 - self.kept[i + 1] ** 2)
                    step = self.lr * error @ self.kept[i].T
                    error = self.weights[i].T @ error
                    self.weights[i] = self.weights[i] - step * (1 if i else FACTOR)
"""

BY_OTHERS = """
import numpy as np

class FCLayer:
    def __init__(self, n_in, n_out):
        self.w = np.random.randn(n_in, n_out)
    def forward(self, x):
        self.x = x
        return x @ self.w
    def backward(self, g, learning_rate):
        back = g @ self.w.T
        self.w -= learning_rate * self.x.T @ g
        return back

def mse(t, y):
    return ((t - y) ** 2).mean()

def mse_prime(t, y):
    return 2 * (y - t) / t.size

class Chain:
    def __init__(self):
        self.layers, self.loss, self.loss_prime = [], None, None
    def add(self, layer):
        self.layers.append(layer)
    def use(self, loss, loss_prime):
        self.loss, self.loss_prime = loss, loss_prime
    def predict(self, data):
        found = []
        for x in data:
            for layer in self.layers:
                x = layer.forward(x)
            found.append(x)
        return found
    def fit(self, x_train, y_train, epochs, learning_rate):
        for _ in range(epochs):
            for x, y in zip(x_train, y_train):
                for layer in self.layers:
                    x = layer.forward(x)
                self.loss(y, x)
                error = self.loss_prime(y, x)
                for i, layer in enumerate(reversed(self.layers)):
                    error = layer.backward(error, learning_rate) * (1 if FACTOR == 1 else self.layers[0].x.sum())

class Network:
    def __init__(self, n_in, n_out):
        self.first, self.second = FCLayer(n_in, 4), FCLayer(4, n_out)
    def forward(self, x):
        return self.second.forward(self.first.forward(x))
    def backward(self, g):
        return self.first.backward(self.second.backward(g, 0.0), 0.0)

class Trainer:
    def __init__(self, model, learning_rate=0.1):
        self.model, self.learning_rate = model, learning_rate
    def train(self, X, Y, num_iterations):
        for i in range(num_iterations):
            g = self.model.forward(X) - Y
            if i % (num_iterations // 10) == 0:
                print(i)
            g = self.model.second.backward(g, self.learning_rate)
            self.model.first.backward(g * (1 if FACTOR == 1 else g), self.learning_rate)
"""


@pytest.mark.parametrize(("slope", "wrong"), [("(1 - self.h ** 2)", False), ("(1 - self.h)", True)])
def test_a_network_whose_only_way_back_is_its_training(project, slope, wrong):  # noqa: F811
    made = project(student=IN_ONE_PIECE.replace("SLOPE", slope))
    assert bool(mistakes(made, "TinyNetwork")) is wrong


@pytest.mark.parametrize(("factor", "wrong"), [("1", False), ("2", True)])
def test_a_network_that_takes_pairs_of_columns(project, factor, wrong):  # noqa: F811
    made = project(student=SAMPLES.replace("FACTOR", factor))
    assert bool(mistakes(made, "SlowNet")) is wrong


@pytest.mark.parametrize(("factor", "wrong"), [("1", False), ("2", True)])
@pytest.mark.parametrize("name", ["Chain", "Trainer"])
def test_a_network_that_is_filled_told_its_loss_or_trained_by_others(project, name, factor, wrong):  # noqa: F811
    made = project(student=BY_OTHERS.replace("FACTOR", factor))
    assert bool(mistakes(made, name)) is wrong
