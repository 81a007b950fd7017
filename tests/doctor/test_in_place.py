"""Layers that only their own network, or a call with all that they want, shows: examined there, by traces of their calls."""

from __future__ import annotations

import pytest
from test_built_projects import mistakes, project  # noqa: F401

from minidl.lab.doctor.students.files import find
from minidl.lab.doctor.students.processes import Settings
from minidl.lab.doctor.students.visits import examine_projects

pytestmark = pytest.mark.slow

SET_UP = """
import copy
import numpy as np

class Descent:
    def __init__(self, rate=0.01): self.rate = rate
    def step(self, w, g): return w - self.rate * g
class Squared:
    def value(self, y, p): return 0.5 * (y - p) ** 2
    def gradient(self, y, p): return p - y
class Part:
    def told(self, shape): self.input_shape = shape
class Slab(Part):
    def __init__(self, units, input_shape=None): self.units, self.input_shape = units, input_shape
    def ready(self, rule):
        self.W = np.random.randn(self.input_shape[0], self.units)
        self.rule = copy.copy(rule)
    def shape(self): return (self.units,)
    def forward_pass(self, X, training=True):
        self.kept = X
        return X @ self.W
    def backward_pass(self, grad):
        W = self.W
        self.W = self.rule.step(self.W, self.kept.T @ grad FACTOR)
        return grad @ W.T BACK
class Squash(Part):
    def shape(self): return self.input_shape
    def forward_pass(self, X, training=True):
        self.out = np.tanh(X)
        return self.out
    def backward_pass(self, grad): return grad * (1 - self.out**2)
class Stack:
    def __init__(self, optimizer, loss): self.rule, self.loss, self.layers = optimizer, loss(), []
    def add(self, layer):
        if self.layers: layer.told(self.layers[-1].shape())
        if hasattr(layer, "ready"): layer.ready(self.rule)
        self.layers.append(layer)
    def predict(self, X):
        for layer in self.layers: X = layer.forward_pass(X)
        return X
    def train_on_batch(self, X, y):
        grad = self.loss.gradient(y, self.predict(X))
        for layer in self.layers[::-1]: grad = layer.backward_pass(grad)
"""
MADE_IN_TRAINING = """
import numpy as np

class Bend:
    def f(self, v, out): np.maximum(v, 0, out=out)
    def df(self, v, out): out[:] = v > 0
class Slab:
    def __init__(self, inputs, outputs): self.inputs, self.outputs, self.bend = inputs, outputs, Bend()
    def prepare(self, size):
        self.w, self.b = np.random.randn(self.inputs, self.outputs), np.zeros((1, self.outputs))
        self.grad_w, self.grad_b = np.zeros_like(self.w), np.zeros_like(self.b)
        self.v, self.a, self.slope = (np.zeros((size, self.outputs)) for _ in range(3))
    def forward(self, below):
        self.below = below
        self.v[:] = below @ self.w + self.b
        self.bend.f(self.v, self.a)
        return self.a
    def backward(self, upstream):
        self.bend.df(self.v, self.slope)
        back = self.slope * upstream
        self.grad_w += self.below.T @ back
        self.grad_b += back.sum(axis=0)
        return HANDED @ self.w.T
class Classifier:
    def __init__(self, layers, cost): self.layers, self.cost = layers, cost
    def forward_pass(self, x):
        for layer in self.layers: x = layer.forward(x)
        return x
    def train(self, x, y, iterations=100, rate=0.1, batch_size=60):
        for layer in self.layers: layer.prepare(batch_size)
        for _ in range(iterations):
            _, back = self.cost(self.forward_pass(x), y)
            for layer in self.layers[::-1]: back = layer.backward(back)
"""
STEPS = """
import numpy as np

class Cell:
    def __init__(self, n_in, n_hidden):
        self.wx, self.wh = np.random.randn(n_in, n_hidden), np.random.randn(n_hidden, n_hidden)
        self.b = np.zeros(n_hidden)
    def forward(self, x, h_prev):
        self.h = np.tanh(x @ self.wx + h_prev @ self.wh + self.b)
        return self.h
    def backward(self, dh, x, h_prev):
        back = dh * (1 - self.h**2)
        return back @ self.wx.T, back @ self.wh.T, x.T @ back, STATE.T @ back, back.sum(0)
"""
SEQUENCE = """
import numpy as np

class Chain:
    def __init__(self, n_in, n_hidden, n_out):
        self.wx, self.wh = np.random.randn(n_in, n_hidden) * 0.5, np.random.randn(n_hidden, n_hidden) * 0.5
        self.wy = np.random.randn(n_hidden, n_out)
    def forward(self, inputs, hprev):
        self.hs = {-1: hprev}
        for t in range(len(inputs)):
            self.hs[t] = np.tanh(inputs[t] @ self.wx + self.hs[t - 1] @ self.wh)
        return self.hs[len(inputs) - 1] @ self.wy, self.hs[len(inputs) - 1]
    def backward(self, dout, inputs):
        dwx, dwh = np.zeros_like(self.wx), np.zeros_like(self.wh)
        dwy, dh = self.hs[len(inputs) - 1].T @ dout, dout @ self.wy.T
        for t in reversed(range(len(inputs))):
            back = dh * (1 - self.hs[t]**2)
            dwx += inputs[t].T @ back
            dwh += self.hs[t - 1].T @ back
            dh = NEXT
        return dwx, dwh, dwy
"""
HANDED = """
import numpy as np

class Slab:
    def __init__(self, n_in, n_out): self.w, self.b = np.random.randn(n_in, n_out), np.zeros((1, n_out))
    def compile(self, rate, penalty): self.config = {"rate": rate, "penalty": penalty}
    def forward(self, a, training=False):
        self.a = a
        return a @ self.w + self.b
    def backward(self, dz, y):
        back = dz @ self.w.T
        self.w = self.w - self.config["rate"] * (self.a.T @ dz FACTOR)
        self.b = self.b - self.config["rate"] * dz.sum(0, keepdims=True)
        return back
class Model:
    def __init__(self): self.layers = []
    def add(self, layer): self.layers.append(layer)
    def train(self, x, y, epochs=3, rate=0.01, penalty=0.0):
        for layer in self.layers: layer.compile(rate, penalty)
        for _ in range(epochs):
            a = x
            for layer in self.layers: a = layer.forward(a, training=True)
            back = a - y
            for layer in self.layers[::-1]: back = layer.backward(back, y)
"""
LINKED = """
import numpy as np

class Slab:
    def __init__(self, n_in, n_out): self.W, self.prev, self.next = np.random.randn(n_in, n_out), None, None
    def forward_pass(self):
        self.out = self.prev.out @ self.W
    def backward_pass(self):
        self.dW = self.prev.out.T @ self.next.delta FACTOR
        self.delta = self.next.delta @ self.W.T
class End:
    pass
class Net:
    def __init__(self, layers):
        self.layers, self.first, self.last = layers, End(), End()
        for before, layer in zip([self.first, *layers], layers): layer.prev = before
        for layer, after in zip(layers, [*layers[1:], self.last]): layer.next = after
    def forward(self, x):
        self.first.out = x
        for layer in self.layers: layer.forward_pass()
        return self.layers[-1].out
    def backward(self, y):
        self.last.delta = self.layers[-1].out - y
        for layer in self.layers[::-1]: layer.backward_pass()
"""


@pytest.mark.parametrize(
    ("text", "name", "right", "wrong"),
    [
        (SET_UP.replace("BACK", ""), "Slab", ("FACTOR", ""), ("FACTOR", "* np.arange(1, 1 + self.units)")),
        (SET_UP.replace("FACTOR", ""), "Slab", ("BACK", ""), ("BACK", "* self.kept")),
        (MADE_IN_TRAINING, "Slab", ("HANDED", "back"), ("HANDED", "upstream")),
        (STEPS, "Cell", ("STATE", "h_prev"), ("STATE", "self.h")),
        (SEQUENCE, "Chain", ("NEXT", "back @ self.wh.T"), ("NEXT", "dh @ self.wh.T")),
        (HANDED, "Slab", ("FACTOR", ""), ("FACTOR", "* np.arange(1, 1 + len(dz.T))")),
        (LINKED, "Slab", ("FACTOR", ""), ("FACTOR", "* 2")),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_each_kind_is_examined_and_told_apart_from_a_wrong_one(project, text, name, right, wrong):  # noqa: F811
    assert not mistakes(project(right=text.replace(*right)), name)
    assert mistakes(project(wrong=text.replace(*wrong)), name)


ENDS = """
import os
import traceback

class Ends:
    def __init__(self, n_in, n_hidden, n_out): self.w = np.zeros((n_in, n_hidden))
    def forward(self, inputs, hprev):
        if any(frame.filename.endswith("in_place.py") for frame in traceback.extract_stack()):
            DOES
        raise ValueError("it wants another batch")
    def backward(self, dout, inputs): return dout
class Bend:
    def forward(self, x):
        self.x = x
        return x * (x > 0)
    def backward(self, g): return g * (self.x > 0)
"""


@pytest.mark.parametrize("does", ["os._exit(3)", "while True: pass"])
def test_each_class_keeps_its_row_whatever_becomes_of_one_that_is_called_in_place(tmp_path, does):
    first, last = (SEQUENCE.replace("Chain", name).replace("NEXT", "dh @ self.wh.T") for name in ("First", "Last"))
    (tmp_path / "cells.py").write_text(first + ENDS.replace("DOES", does) + last, encoding="utf-8")
    rows = examine_projects(find([str(tmp_path / "cells.py")]), Settings(seconds=6.0, wall="none"))
    # For the last one nothing is left: no process, or no time
    verdicts = [("First", "wrong"), ("Ends", "not examined"), ("Bend", "well"), ("Last", "not examined")]
    assert [(row.name, row.verdict) for row in rows] == verdicts
