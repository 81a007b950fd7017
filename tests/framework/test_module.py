"""The contract of Module, for every module there is."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from torch import nn

from minidl import SGD, Linear, Module, ReLU, Sequential, Sigmoid, Tanh

Linear64 = partial(Linear, dtype=torch.float64)


class Residual(Module):
    """A student's own container: y = x + inner(x), with modules in attributes, a list and a tuple."""

    def __init__(self, linear=Linear64):
        super().__init__()
        self.first = linear(3, 6)
        self.more = [Tanh(), Sequential(linear(6, 5), Sigmoid())]
        self.last = (linear(5, 3),)

    def chain(self):
        return [self.first, *self.more, *self.last]

    def forward(self, input):
        output = input
        for module in self.chain():
            output = module(output)
        return input + output

    def backward(self, grad_output):
        grad_input = grad_output
        for module in reversed(self.chain()):
            grad_input = module.backward(grad_input)
        return grad_output + grad_input


def nested(linear):
    return Sequential(linear(3, 5), ReLU(), Sequential(linear(5, 2), Tanh(), Sequential(linear(2, 4))), Sigmoid())


# every module takes 3 features here
MODULES = {
    "Linear": lambda linear: linear(3, 4),
    "ReLU": lambda linear: ReLU(),
    "Tanh": lambda linear: Tanh(),
    "Sigmoid": lambda linear: Sigmoid(),
    "Sequential": nested,
    "Residual": Residual,
}


@pytest.fixture
def linear(generator):
    return partial(Linear64, generator=generator)


@pytest.fixture(params=MODULES)
def module(request, linear):
    return MODULES[request.param](linear)


@pytest.fixture(params=["Linear", "Sequential", "Residual"])
def module_with_parameters(request, linear):
    return MODULES[request.param](linear)


def grads(module):
    return [grad.clone() for _, grad in module.parameters()]


class HandWritten(torch.autograd.Function):
    """A module as a function that autograd can differentiate, by the module's own backward."""

    @staticmethod
    def forward(ctx, module, input, *params):
        ctx.module = module
        ctx.save_for_backward(input)
        return module(input)

    @staticmethod
    def backward(ctx, grad_output):
        module, (input,) = ctx.module, ctx.saved_tensors
        module.zero_grad()
        module(input)
        return None, module.backward(grad_output), *grads(module)


def test_backward_passes_gradcheck_in_input_and_parameters(module, randn):
    params = [param.requires_grad_() for param, _ in module.parameters()]
    x = randn(4, 3).requires_grad_()
    assert torch.autograd.gradcheck(partial(HandWritten.apply, module), (x, *params))


def test_calling_a_module_is_its_forward(module, randn):
    x = randn(5, 3)
    assert torch.equal(module(x), module.forward(x))


def test_backward_before_forward_raises(module, randn, unchanged):
    grad_output = torch.ones_like(copy.deepcopy(module)(randn(5, 3)))
    with unchanged(module), pytest.raises(RuntimeError, match="expected one forward before each backward, got"):
        module.backward(grad_output)


def test_second_backward_without_forward_raises(module, randn, unchanged):
    grad_output = torch.ones_like(module(randn(5, 3)))
    module.backward(grad_output)
    with unchanged(module), pytest.raises(RuntimeError, match=r"expected .* got a backward without: call forward"):
        module.backward(grad_output)


def test_module_used_twice_by_hand_raises_at_the_second_backward(randn):
    shared = Linear64(3, 3)
    output = shared(shared(randn(5, 3)))
    grad_input = shared.backward(torch.ones_like(output))
    with pytest.raises(RuntimeError, match=r"Linear\(in_features=3, out_features=3\) expected .* two modules"):
        shared.backward(grad_input)


def test_backward_belongs_to_the_last_forward(module, randn, close):
    other = copy.deepcopy(module)
    x = randn(5, 3)
    grad_output = torch.ones_like(other(x))
    module(randn(4, 3))
    module(x)
    close(module.backward(grad_output), other.backward(grad_output))
    for (_, grad), (_, expected) in zip(module.parameters(), other.parameters(), strict=True):
        close(grad, expected)


def test_a_copy_has_had_no_forward_and_shares_nothing(module, randn):
    x = randn(5, 3)
    output = module(x)
    twin = copy.deepcopy(module)
    with pytest.raises(RuntimeError, match="before each backward"):
        twin.backward(torch.ones_like(output))
    assert torch.equal(twin(x), output)
    ours, theirs = ({id(t) for pair in m.parameters() for t in pair} for m in (module, twin))
    assert not ours & theirs


def test_gradients_of_two_passes_add_up(module_with_parameters, randn, close):
    module, single = module_with_parameters, []
    xs = randn(5, 3), randn(2, 3)
    for x in xs:
        module.zero_grad()
        module.backward(torch.ones_like(module(x)))
        single.append(grads(module))
    module.zero_grad()
    for x in xs:
        module.backward(torch.ones_like(module(x)))
    for grad, first, second in zip(grads(module), *single, strict=True):
        close(grad, first + second)
        assert first.abs().sum() > 0


def test_zero_grad_is_in_place_at_any_depth(module_with_parameters, randn):
    module = module_with_parameters
    module.backward(torch.ones_like(module(randn(5, 3))))
    before = [grad for _, grad in module.parameters()]
    assert all(grad.any() for grad in before)
    module.zero_grad()
    after = [grad for _, grad in module.parameters()]
    assert all(old is new for old, new in zip(before, after, strict=True))
    assert not any(grad.any() for grad in after)


def test_parameters_come_at_any_depth_in_the_order_of_torch(linear):
    class Twin(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(3, 6)
            self.more = nn.ModuleList([nn.Tanh(), nn.Sequential(nn.Linear(6, 5), nn.Sigmoid())])
            self.last = nn.ModuleList([nn.Linear(5, 3)])

    model = Sequential(Residual(linear), ReLU(), Sequential(linear(3, 2), Sequential(linear(2, 1))))
    twin = nn.Sequential(Twin(), nn.ReLU(), nn.Sequential(nn.Linear(3, 2), nn.Sequential(nn.Linear(2, 1))))
    # torch keeps weights transposed and biases as vectors
    expected = [tuple(param.shape[::-1]) if param.ndim == 2 else (1, *param.shape) for param in twin.parameters()]
    assert [tuple(param.shape) for param, _ in model.parameters()] == expected
    assert all(param.shape == grad.shape for param, grad in model.parameters())


def test_parameters_are_the_tensors_of_the_dictionaries():
    layer = Linear64(3, 4)
    pairs = list(layer.parameters())
    assert [param is layer.params[name] for (param, _), name in zip(pairs, layer.params, strict=True)] == [True, True]
    assert [grad is layer.grad[name] for (_, grad), name in zip(pairs, layer.params, strict=True)] == [True, True]


def test_modules_are_found_once_each():
    model = Residual()
    model.alias = model.first
    inner = model.more[1]
    expected = [model, model.first, model.more[0], inner, inner[0], inner[1], model.last[0]]
    assert model.modules() == expected
    assert list(model.children()) == [model.first, model.more[0], inner, model.last[0], model.first]
    assert len(list(model.parameters())) == 6


def test_a_students_container_trains(randn):
    x = randn(20, 3)
    target, model = x.roll(1, -1), Residual()
    optimizer, losses = SGD(model, lr=0.005), []
    for _ in range(100):
        error = model(x) - target
        losses.append((error * error).sum().item())
        model.zero_grad()
        model.backward(2 * error)
        optimizer.step()
    assert losses[-1] < losses[0] / 3


def test_the_callers_tensors_are_never_written_to(module, randn, unchanged):
    x, other = randn(5, 3), randn(5, 3)
    output = module(x)
    grad_output = randn(*output.shape)
    with unchanged(x, other, grad_output, output):
        grad_input = module.backward(grad_output)
        with unchanged(grad_input):
            module(other)
            module.zero_grad()
            module.backward(grad_output)
            for param, grad in module.parameters():
                param.sub_(grad, alpha=0.1)
            module(x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", MODULES)
def test_large_inputs_and_gradients_stay_finite(name, dtype, generator):
    module = MODULES[name](partial(Linear, generator=generator, dtype=dtype))
    x = torch.tensor([[1e4, -1e4, 1e4], [-1e4, -1e4, -1e4], [0.0, 1e4, 0.0]], dtype=dtype)
    output = module(x)
    for upstream in (1e4, -1e4):
        module(x)
        grad_input = module.backward(torch.full_like(output, upstream))
        tensors = [output, grad_input, *grads(module)]
        assert all(tensor.isfinite().all() for tensor in tensors)
        assert {tensor.dtype for tensor in tensors} == {dtype}


def test_autograd_leaves_no_trace(module, randn):
    x = randn(5, 3).requires_grad_()
    output = module(x)  # autograd may follow the forward pass, to check a gradient with it
    (expected,) = torch.autograd.grad(output.sum(), x, retain_graph=True)
    # a gradient with a graph behind it, all ones
    grad_input = module.backward(output - output.detach() + 1)
    torch.testing.assert_close(grad_input.detach(), expected, rtol=0, atol=1e-12)
    assert not any(tensor.requires_grad for pair in module.parameters() for tensor in pair)


def test_inputs_need_not_be_contiguous(module, randn, close):
    x = randn(3, 5).T
    output = module(x)
    grad_output = torch.ones(1, dtype=torch.float64).expand(output.shape)
    grad_input, first = module.backward(grad_output), grads(module)
    module.zero_grad()
    close(module(x.contiguous()), output)
    close(module.backward(grad_output.contiguous()), grad_input)
    for grad, expected in zip(grads(module), first, strict=True):
        close(grad, expected)


def test_an_empty_batch_goes_through_and_changes_no_gradient(module):
    output = module(torch.empty(0, 3, dtype=torch.float64))
    assert output.shape[0] == 0
    assert module.backward(output).shape == (0, 3)
    assert not any(grad.any() for grad in grads(module))


def test_a_module_without_formulas_says_so():
    class Nothing(Module):
        pass

    for call in (Nothing(), Nothing().backward):
        with pytest.raises(NotImplementedError, match="Nothing defines no"):
            call(torch.ones(1, 1))


def test_repr_shows_the_name_and_what_extra_repr_adds():
    class Scale(Module):
        def extra_repr(self):
            return "factor=2"

    assert [repr(module) for module in (Scale(), Module())] == ["Scale(factor=2)", "Module()"]
