"""Sequential against torch.nn.Sequential, as a container, and as text."""

from __future__ import annotations

import textwrap
from functools import partial

import pytest
import torch
from torch import nn

from minidl import Linear, Module, ReLU, Sequential, Sigmoid, Tanh

Linear64 = partial(Linear, dtype=torch.float64)

# how each model is built, from minidl's classes or from torch's
ARCHITECTURES = {
    "one layer": lambda linear, chain, relu, tanh, sigmoid: chain(linear(3, 4)),
    "report": lambda linear, chain, relu, tanh, sigmoid: chain(
        linear(3, 25), relu(), linear(25, 25), relu(), linear(25, 25), relu(), linear(25, 2)
    ),
    "nested": lambda linear, chain, relu, tanh, sigmoid: chain(
        chain(linear(3, 5), tanh()), chain(chain(linear(5, 2), sigmoid()), chain()), linear(2, 6), relu()
    ),
    "no parameters": lambda linear, chain, relu, tanh, sigmoid: chain(tanh(), relu(), sigmoid()),
    "empty": lambda linear, chain, relu, tanh, sigmoid: chain(),
}
every = pytest.mark.parametrize("name", ARCHITECTURES)


def build(name, linear=Linear64):
    return ARCHITECTURES[name](linear, Sequential, ReLU, Tanh, Sigmoid)


def build_with_twin(name, generator):
    """Return a model and the torch.nn.Sequential that is equal to it."""
    model = build(name, partial(Linear64, generator=generator))
    linear = partial(nn.Linear, dtype=torch.float64)
    twin = ARCHITECTURES[name](linear, nn.Sequential, nn.ReLU, nn.Tanh, nn.Sigmoid)
    with torch.no_grad():
        for (param, _), theirs in zip(model.parameters(), twin.parameters(), strict=True):
            theirs.copy_(param.T if theirs.ndim == 2 else param[0])
    return model, twin


@every
@pytest.mark.parametrize("n", [1, 7])
def test_forward_and_backward_equal_torch_and_gradients_add_up(name, n, generator, randn, close):
    model, twin = build_with_twin(name, generator)
    for _ in range(2):
        x = randn(n, 3)
        expected_input = x.clone().requires_grad_()
        expected = twin(expected_input)
        grad_output = randn(*expected.shape)
        expected.backward(grad_output)
        close(model(x), expected.detach())
        close(model.backward(grad_output), expected_input.grad)
        for (_, grad), theirs in zip(model.parameters(), twin.parameters(), strict=True):
            close(grad, theirs.grad.T if theirs.ndim == 2 else theirs.grad[None])


def test_gradients_equal_central_differences(generator, randn, central_differences):
    model, x, grad_output = build("nested", partial(Linear64, generator=generator)), randn(4, 3), randn(4, 6)
    assert model[:-1](x).abs().min() > 1e-3  # what ReLU sees is not near its kink
    model(x)
    grad_input = model.backward(grad_output)
    pairs = [(param, grad.clone()) for param, grad in model.parameters()]
    for tensor, gradient in [(x, grad_input), *pairs]:
        numeric = central_differences(lambda: (model(x) * grad_output).sum(), tensor)
        torch.testing.assert_close(gradient, numeric, rtol=0, atol=1e-7)


def test_an_empty_one_passes_everything_through(randn):
    x, model = randn(5, 3), Sequential()
    assert torch.equal(model(x), x)
    assert torch.equal(model.backward(x), x)
    assert list(model.parameters()) == []
    assert len(model) == 0


def test_it_is_indexed_and_iterated_like_a_tuple():
    modules = [Linear64(3, 4), ReLU(), Sequential(Linear64(4, 2), Tanh()), Sigmoid()]
    model = Sequential(*modules)
    assert len(model) == 4
    assert list(model) == modules
    assert [model[i] for i in range(-4, 4)] == modules + modules
    assert model[2][0] is modules[2][0]
    for index in (4, -5):
        with pytest.raises(IndexError):
            model[index]


@pytest.mark.parametrize(
    "index", [slice(2), slice(1, None), slice(-2, None), slice(None, None, 2), slice(1, 1)], ids=str
)
def test_a_slice_is_a_sequential_that_shares_its_modules(index):
    modules = [Linear64(3, 4), ReLU(), Linear64(4, 2), Sigmoid()]
    part = Sequential(*modules)[index]
    assert type(part) is Sequential
    assert list(part) == modules[index]


def test_a_model_can_be_run_in_two_slices(randn, close):
    model, x = build("report"), randn(5, 3)
    grad_output = torch.ones_like(model(x))
    grad_input = model.backward(grad_output)
    hidden = model[:3](x)
    close(model[3:](hidden), model(x))
    close(model[:3].backward(model[3:].backward(grad_output)), grad_input)


@pytest.mark.parametrize("bad", [None, [], Tanh, torch.tanh, nn.Tanh(), "Tanh()"])
def test_what_is_not_a_module_is_refused(bad):
    with pytest.raises(TypeError, match=f"Sequential expected modules, got {type(bad).__name__}"):
        Sequential(Linear64(3, 4), bad)


def test_a_module_used_twice_is_refused_at_any_depth():
    shared = Linear64(3, 3)

    class Container(Module):
        def __init__(self):
            super().__init__()
            self.parts = [shared]

    for modules in [(shared, ReLU(), shared), (shared, Sequential(Tanh(), Sequential(shared))), (Container(), shared)]:
        with pytest.raises(ValueError, match=r"expected every module once, got Linear\(.*\) twice"):
            Sequential(*modules)


class Fragile(Module):
    """A student's layer, y = 2x, that fails when told to."""

    fails = False

    def forward(self, input):
        if self.fails:
            raise ArithmeticError("forward")
        return 2 * input

    def backward(self, grad_output):
        if self.fails:
            raise ArithmeticError("backward")
        return 2 * grad_output


def test_a_forward_that_the_third_module_refuses_changes_nothing(randn, close, unchanged):
    inner = Sequential(Linear64(3, 2), Sigmoid())
    model, x, grad_output = Sequential(Tanh(), ReLU(), inner, ReLU()), randn(5, 3), randn(5, 2)
    model(x)
    expected = model.backward(grad_output)
    expected_grads = [grad.clone() for _, grad in model.parameters()]
    model.zero_grad()
    model(x)
    with unchanged(model), pytest.raises(ValueError, match=r"Linear\(.*\) expected .* \(n, 3\), got \(6, 4\)"):
        model(randn(6, 4))
    # the backward of the last forward that went well
    close(model.backward(grad_output), expected)
    for (_, grad), theirs in zip(model.parameters(), expected_grads, strict=True):
        close(grad, theirs)
    with unchanged(model), pytest.raises(ValueError, match="got"):
        model(randn(6, 4))
    with pytest.raises(RuntimeError, match="before each backward"):
        model.backward(grad_output)


def test_a_forward_that_a_students_layer_breaks_changes_nothing(randn, close, unchanged):
    fragile, x, grad_output = Fragile(), randn(5, 3), randn(5, 2)
    model = Sequential(Linear64(3, 4), Sequential(Tanh(), fragile), Linear64(4, 2))
    model(x)
    expected = model.backward(grad_output)
    model(x)
    fragile.fails = True
    with unchanged(model), pytest.raises(ArithmeticError, match="forward"):
        model(randn(7, 3))
    fragile.fails = False
    close(model.backward(grad_output), expected)


def test_a_backward_refused_by_the_last_module_changes_nothing(randn, close, unchanged):
    model, x, grad_output = build("nested"), randn(5, 3), randn(5, 6)
    model(x)
    expected = model.backward(grad_output)
    model(x)
    for bad in (randn(5, 5), randn(4, 6), grad_output.float()):
        with unchanged(model), pytest.raises(ValueError, match=r"ReLU\(\) expected grad_output"):
            model.backward(bad)
    close(model.backward(grad_output), expected)


def test_a_backward_that_breaks_half_way_cannot_be_repeated_by_mistake(randn):
    fragile = Fragile()
    model, grad_output = Sequential(Linear64(3, 4), fragile, Linear64(4, 2)), randn(5, 2)
    model(randn(5, 3))
    fragile.fails = True
    with pytest.raises(ArithmeticError, match="backward"):
        model.backward(grad_output)
    fragile.fails = False
    # the last layer has added its gradients already: doing so again would be silently wrong
    with pytest.raises(RuntimeError, match="before each backward"):
        model.backward(grad_output)


@every
def test_repr_is_that_of_torch(name):
    twin = ARCHITECTURES[name](nn.Linear, nn.Sequential, nn.ReLU, nn.Tanh, nn.Sigmoid)
    assert repr(build(name)) == repr(twin).replace(", bias=True", "")


def test_repr_indents_what_spans_several_lines():
    class Ours(Module):
        def __repr__(self):
            return "Ours(\n  a\n)"

    class Theirs(nn.Module):
        __repr__ = Ours.__repr__

    ours, theirs = Sequential(Tanh(), Sequential(Ours())), nn.Sequential(nn.Tanh(), nn.Sequential(Theirs()))
    assert repr(ours) == repr(theirs)


def test_showing_a_model_changes_nothing(randn, unchanged):
    model = build("nested")
    for x in (randn(5, 3), randn(5, 3).requires_grad_()):
        output = model(x)
        with unchanged(model):
            repr(model)
        model.backward(torch.ones_like(output))


def test_a_model_is_saved_and_loaded_as_its_docstring_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, another = (Sequential(Linear(2, 3), ReLU(), Sequential(Linear(3, 2))) for _ in range(2))
    said = (Sequential.__doc__ or "").split("built in the same way:")[1].split("Raises")[0]
    exec(textwrap.dedent(said), {"torch": torch, "model": model, "another": another})
    batch = torch.ones(4, 2)
    assert torch.equal(model(batch), another(batch))
    another[0].params["bias"].add_(1)
    assert not torch.equal(model(batch), another(batch))
