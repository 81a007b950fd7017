"""What an examination takes, and what it leaves alone."""

from __future__ import annotations

import random
import sys
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
import specimens
import torch
from diagnosing import specimen_named

from minidl import Linear, MSELoss, Sequential, Tanh
from minidl.lab.doctor import examine, examine_loss, examine_optimizer

# ---------------------------------------------------------------------------------------------------------------------
# What it leaves alone


@pytest.mark.parametrize(
    "name", ["PlainLinearNoisy", "HangsInForward", "ReLUUninitialised", "minidl_network", "NumpyTanhNoisyBackward"]
)
def test_nothing_is_changed_for_everybody_else(name):
    specimen = specimen_named(name)
    module = specimen.build()
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002 - it is the global state that is looked at
    expected = torch.rand(2), random.random(), np.random.rand()  # noqa: NPY002
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    examine(module, specimen.input, time_limit=0.3)
    assert torch.equal(torch.rand(2), expected[0])
    assert (random.random(), np.random.rand()) == expected[1:]  # noqa: NPY002
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()
    assert not torch.are_deterministic_algorithms_enabled()


def test_the_module_itself_is_not_touched():
    layer = Linear(3, 2)
    layer.grad["weight"].fill_(7.0)
    before = {k: v.clone() for k, v in layer.params.items()}
    input = torch.randn(4, 3)
    kept = input.clone()
    assert examine(layer, input)
    assert all(torch.equal(layer.params[k], before[k]) for k in before)
    assert bool((layer.grad["weight"] == 7).all())
    assert layer._kept is None
    assert torch.equal(input, kept)


@pytest.mark.parametrize("enabled", [True, False])
def test_it_works_with_autograd_on_and_off(enabled):
    with torch.set_grad_enabled(enabled):
        assert examine(specimen_named("TorchParameters").build(), (4, 3))
        assert examine(specimen_named("PlainTanhTwice").build(), (4, 3)).mistakes == ["derivative at output"]
        assert torch.is_grad_enabled() == enabled


def test_a_module_that_has_been_used_is_examined_as_well():
    layer = Linear(3, 2)
    batch = torch.randn(6, 3)
    layer.backward(layer(batch))
    layer(batch)
    assert examine(layer, batch)
    assert layer._kept is not None


def test_what_a_module_prints_is_kept_from_the_screen(capsys):
    assert examine(specimen_named("Talkative").build(), (4, 3)).notes
    assert capsys.readouterr().out == ""


def test_a_module_that_sleeps_is_given_up_in_time():
    started = time.monotonic()
    diagnosis = examine(specimen_named("SleepsInBackward").build(), (4, 3), time_limit=0.2)
    assert diagnosis.mistakes == ["hangs"]
    assert time.monotonic() - started < 5
    assert diagnosis.findings[0].where == "backward"


def test_a_list_of_parameters_that_never_ends_is_given_up():
    class Endless(specimens.HandoutLinear):
        def param(self):
            while True:
                pass

    diagnosis = examine(Endless(), (4, 3), time_limit=0.2)
    assert diagnosis.mistakes == ["hangs"]
    assert diagnosis.findings[0].where == "param"


def test_what_belongs_to_the_class_is_not_touched():
    before = specimens.ClassTensors.w.clone()
    assert examine(specimens.ClassTensors(), (4, 3)).mistakes == ["shared parameters"]
    assert torch.equal(specimens.ClassTensors.w, before)
    assert not specimens.ClassTensors.w.requires_grad
    assert not specimens.ClassTensors.dw.any()


def test_what_has_no_copy_does_not_keep_the_rest_from_being_copied():
    class KeepsBoth(specimens.PairsSGD):
        def __init__(self, pairs, eta):
            self.given = pairs  # a generator, used up by the next line
            super().__init__(pairs, eta)

    model = Linear(3, 2)
    before = model.params["weight"].clone()
    assert examine_optimizer(KeepsBoth(model.parameters(), 0.1), model)
    assert torch.equal(model.params["weight"], before)


@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_settings_that_cannot_be_changed_can_be_tried(rate):
    @dataclass(frozen=True)
    class FrozenSGD:
        model: Linear
        lr: float

        def step(self):
            for p, g in self.model.parameters():
                p -= 0.1 * g

    model = Linear(3, 2)
    found = examine_optimizer(FrozenSGD(model, rate), model).mistakes
    assert found == ([] if rate == 0.1 else ["learning rate unused"])


# ---------------------------------------------------------------------------------------------------------------------
# What it is given


@pytest.mark.parametrize(
    ("call", "error", "word"),
    [
        (lambda: examine(Tanh, (4, 3)), TypeError, "build one first"),
        (lambda: examine(3, (4, 3)), TypeError, "forward"),
        (lambda: examine(Tanh(), "abc"), TypeError, "str"),
        (lambda: examine(Tanh(), torch.ones(3)), ValueError, r"\(n, m\), got \(3,\)"),
        (lambda: examine(Tanh(), (0, 3)), ValueError, "empty"),
        (lambda: examine(Tanh(), (4, 3), reference="no such function"), ValueError, "no such function"),
        (lambda: examine(Tanh(), (4, 3), reference=lambda x: x @ x), ValueError, "reference"),
        (lambda: examine_loss(MSELoss(), (4, 3), (5, 3)), ValueError, "each of 4 samples, got 5"),
        (lambda: examine_loss(MSELoss, (4, 3), (4, 3)), TypeError, "build one first"),
        (lambda: examine_optimizer(Tanh(), Linear(3, 2)), TypeError, "step"),
    ],
)
def test_what_cannot_be_examined_is_refused(call, error, word):
    with pytest.raises(error, match=word):
        call()


@pytest.mark.parametrize(
    "input",
    [
        (4, 3),
        [4, 3],
        torch.randn(4, 3),
        np.ones((4, 3)),
        [[1.0, 2.0], [3.0, -4.0]],
        torch.ones(4, 3, dtype=torch.int64),
    ],
)
def test_the_input_may_be_a_shape_a_tensor_an_array_or_lists(input):
    assert examine(Tanh(), input)
    assert examine(specimen_named("NumpyTanh").build(), input)


@pytest.mark.parametrize(
    "reference",
    ["softplus", torch.nn.functional.softplus, torch.nn.Softplus(), torch.nn.Softplus, lambda x: torch.log1p(x.exp())],
)
def test_the_reference_may_be_a_function_a_module_or_a_name(reference):
    assert examine(specimens.Softplus(), (4, 3), reference=reference)
    assert examine(specimens.ELU(), (4, 3), reference=reference).findings[0].where == "output"


@pytest.mark.parametrize("sizes", [(3, 5), (3, 3), (1, 4)])
def test_a_reference_with_parameters_gets_the_students_own(sizes):
    reference = torch.nn.Linear(*sizes)
    assert examine(Linear(*sizes), (4, sizes[0]), reference=reference)
    assert examine(specimens.HandoutLinear(*sizes), (4, sizes[0]), reference=reference)
    assert not examine(specimens.PlainLinearBiasUnused(*sizes), (4, sizes[0]), reference=reference)


def test_a_network_is_compared_with_its_twin():
    model = Sequential(Linear(3, 4), Tanh(), Linear(4, 2))
    twin = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    other = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Sigmoid(), torch.nn.Linear(4, 2))
    assert examine(model, (5, 3), reference=twin)
    assert examine(model, (5, 3), reference=other).findings[0].where == "output"


@pytest.mark.parametrize(
    "name", ["LeakyReLU", "HardTanh", "LogSigmoid", "ReLU6Layer", "SoftReLU", "PReLU", "LinearReLU", "BilinearThing"]
)
def test_a_name_that_only_resembles_a_known_one_promises_nothing(name):
    assert examine(type(name, (specimens.Square,), {})(), (4, 3))


@pytest.mark.parametrize("name", ["ReLU", "MyReLU", "StudentTanh", "sigmoid_layer", "RELU", "Tanh2"])
def test_a_known_name_is_a_promise(name):
    diagnosis = examine(type(name, (specimens.Square,), {})(), (4, 3))
    assert [f.where for f in diagnosis.findings] == ["output"]


def test_a_parameter_may_be_used_for_some_batches_only():
    class Choosy(specimens.PlainLinear):
        def forward(self, x):
            self.x = x
            product = x @ self.params["weight"]
            return product + self.params["bias"] if len(x) > 1 else product

        def backward(self, grad):
            self.grads["weight"] += self.x.T @ grad
            if len(grad) > 1:
                self.grads["bias"] += grad.sum(0, keepdim=True)
            return grad @ self.params["weight"].T

    assert examine(Choosy(), (4, 3))


def test_without_parameters_it_says_how_to_show_them():
    class Hidden:
        def __init__(self):
            self.matrix, self.collected = specimens.fill(3, 2), []

        def forward(self, input):
            self.input = input
            return input @ self.matrix

        def backward(self, grad_output):
            self.collected.append(self.input.T @ grad_output)
            return grad_output @ self.matrix.T

    (note,) = examine(Hidden(), (4, 3)).notes
    assert "params" in note
    assert "param()" in note
    assert "grad_weight" in note


# ---------------------------------------------------------------------------------------------------------------------
# What it comes through


class Lookup:
    """Looks up in itself what it does not have, and so runs in circles where it has nothing yet, as in a copy."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)


class OwnLookup:
    """Finds its parameters in a dictionary, and raises KeyError for everything else."""

    def __init__(self):
        self.params, self.grads = {"w": specimens.fill(3, 2)}, {"w": torch.zeros(3, 2)}

    def __getattr__(self, name):
        return self.params[name]

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, g):
        self.grads["w"] += self.x.T @ g
        return g @ self.w.T


@pytest.mark.parametrize("build", [lambda: Lookup(Tanh()), lambda: Lookup(Linear(3, 2)), OwnLookup])
def test_a_lookup_of_the_students_own_is_no_obstacle(build):
    assert examine(build(), (4, 3))


@pytest.mark.parametrize("reference", [None, "mse_loss", "mse"])
def test_a_loss_for_every_entry_gets_a_diagnosis(reference):
    class MSELoss(specimens.SquaredErrorOfEachEntry):
        pass

    assert examine_loss(MSELoss(), (4, 3), (4, 3), reference=reference).mistakes == ["wrong shape"]


def test_examinations_in_several_threads_leave_the_world_as_it_was():
    class Slow(Tanh):
        def forward(self, input):
            time.sleep(0.001)
            return super().forward(input)

    before, found = sys.stdout, []
    threads = [threading.Thread(target=lambda: found.append(examine(Slow(), (4, 3)))) for _ in range(3)]
    for thread in threads:
        thread.start()
        time.sleep(0.01)  # so that they overlap
    for thread in threads:
        thread.join()
    assert sys.stdout is before
    assert torch.get_default_dtype() is torch.float32
    assert len(found) == 3
    assert all(found)


def test_an_examination_may_be_begun_inside_another():
    found = []

    class Examines(Tanh):
        def backward(self, grad_output):
            if not found:
                found.append(examine(Tanh(), (2, 2)))
            return super().backward(grad_output)

    assert examine(Examines(), (4, 3))
    assert all(found)
    assert torch.get_default_dtype() is torch.float32
