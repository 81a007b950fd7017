"""Layers that are well with the settings tried first, and wrong with others: strides, paddings, activations by name."""

from __future__ import annotations

import pytest
from test_built_projects import mistakes, project  # noqa: F401 - a fixture

POOLING = """
import numpy as np

class MaxPool2D:
    def __init__(self, pool_size=2, stride=2):
        self.size, self.stride = pool_size, stride
    def places(self, n):
        return range(0, n - self.size + 1, self.stride)
    def forward(self, x):
        self.x = x
        rows, columns = self.places(x.shape[2]), self.places(x.shape[3])
        out = np.zeros((*x.shape[:2], len(rows), len(columns)))
        for i, r in enumerate(rows):
            for j, c in enumerate(columns):
                out[:, :, i, j] = x[:, :, r : r + self.size, c : c + self.size].max((2, 3))
        return out
    def backward(self, g):
        back = np.zeros_like(self.x)
        for i, r in enumerate(self.places(self.x.shape[2])):
            for j, c in enumerate(self.places(self.x.shape[3])):
                window = self.x[:, :, r : r + self.size, c : c + self.size]
                mask = window == window.max((2, 3), keepdims=True)
                back[:, :, r : r + self.size, c : c + self.size] ADDS mask * g[:, :, i, j][:, :, None, None]
        return back
"""


@pytest.mark.parametrize(("adds", "wrong"), [("+=", False), ("=", True)])
def test_windows_that_overlap_are_tried(project, adds, wrong):  # noqa: F811
    assert bool(mistakes(project(layers=POOLING.replace("ADDS", adds)), "MaxPool2D")) == wrong


AVERAGE = """
import numpy as np

class AveragePool1D:
    def __init__(self, kernel_size=2, padding=0):
        self.size, self.pad = kernel_size, padding
    def forward(self, x):
        self.length = x.shape[2]
        x = np.pad(x, ((0, 0), (0, 0), (self.pad, self.pad)))
        return sum(x[:, :, i : x.shape[2] - self.size + 1 + i] for i in range(self.size)) / self.size
    def backward(self, g):
        back = np.zeros((*g.shape[:2], self.length + 2 * self.pad))
        for i in range(self.size):
            back[:, :, i : i + g.shape[2]] += g / self.size
        return back[:, :, START : self.length + START]
"""


@pytest.mark.parametrize(("start", "wrong"), [("self.pad", False), ("0", True)])
def test_a_padding_is_tried(project, start, wrong):  # noqa: F811
    assert bool(mistakes(project(layers=AVERAGE.replace("START", start)), "AveragePool1D")) == wrong


NAMED = """
import numpy as np

def sigmoid(x): return 1 / (1 + np.exp(-x))

KINDS = {
    "relu": (lambda x: np.maximum(x, 0), lambda x: 1.0 * (x > 0)),
    "sigmoid": (sigmoid, lambda x: SLOPE),
}

class ActivationLayer:
    def __init__(self, name):
        self.f, self.df = KINDS[name]
    def forward(self, x):
        self.x = x
        return self.f(x)
    def backward(self, g):
        return g * self.df(self.x)
"""


@pytest.mark.parametrize(("slope", "wrong"), [("sigmoid(x) * (1 - sigmoid(x))", False), ("sigmoid(x)", True)])
def test_an_activation_is_tried_by_all_names_that_it_knows(project, slope, wrong):  # noqa: F811
    assert bool(mistakes(project(layers=NAMED.replace("SLOPE", slope)), "ActivationLayer")) == wrong
