"""Bad input: one clear error, and the module as it was before. First case by case, then by the thousand."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from minidl import Linear, MSELoss, ReLU, Sequential, Sigmoid, Tanh

Linear64 = partial(Linear, dtype=torch.float64)
REDUCTIONS = ["sum", "batchmean", "mean"]

# every module takes (5, 3) here; with it, the module inside that meets the input first, and the one that meets the gradient
MODULES = {
    "Linear": (
        lambda: Linear64(3, 4),
        "Linear(in_features=3, out_features=4)",
        "Linear(in_features=3, out_features=4)",
    ),
    "ReLU": (ReLU, "ReLU()", "ReLU()"),
    "Tanh": (Tanh, "Tanh()", "Tanh()"),
    "Sigmoid": (Sigmoid, "Sigmoid()", "Sigmoid()"),
    "Sequential": (
        lambda: Sequential(Sequential(Linear64(3, 2), Tanh()), Sequential(Linear64(2, 4))),
        "Linear(in_features=3, out_features=2)",
        "Linear(in_features=2, out_features=4)",
    ),
}

NOT_TENSORS = {
    "list": [[1.0, 2.0, 3.0]],
    "tuple": (1.0, 2.0, 3.0),
    "array": np.ones((5, 3)),
    "None": None,
    "number": 1.0,
    "string": "input",
}
NOT_REAL = [torch.int64, torch.int32, torch.uint8, torch.bool, torch.complex64, torch.complex128]


@pytest.fixture
def refuses(unchanged):
    """Return a function that fails unless a call raises the named error, in full, and changes nothing in the module."""

    def check(module, call, error, owner, name, *got):
        with unchanged(module), pytest.raises(error) as caught:
            call()
        assert type(caught.value) is error
        message = str(caught.value)
        assert re.fullmatch(rf"{re.escape(owner)} expected .*{name}.*, got .+", message)
        for word in got:
            assert str(word) in message

    return check


@pytest.fixture(params=MODULES)
def case(request):
    """Return a module that has seen one good forward, that forward's gradient, and the modules that meet bad input."""
    make, first, last = MODULES[request.param]
    module = make()
    x = torch.linspace(-2, 2, 15, dtype=torch.float64).view(5, 3)
    grad_output = module(x) + 1
    expected = module.backward(grad_output)
    grads = [grad.clone() for _, grad in module.parameters()]
    module.zero_grad()
    module(x)
    yield module, grad_output, first, last
    # whatever the test did: a backward still gives the gradient of the last good forward
    assert torch.equal(module.backward(grad_output), expected)
    assert all(torch.equal(new, old) for (_, new), old in zip(module.parameters(), grads, strict=True))


@pytest.mark.parametrize("bad", NOT_TENSORS.values(), ids=NOT_TENSORS)
def test_what_is_not_a_tensor(case, bad, refuses):
    module, _, first, last = case
    refuses(module, lambda: module(bad), TypeError, first, "input", "torch.Tensor", type(bad).__name__)
    refuses(module, lambda: module.backward(bad), TypeError, last, "grad_output", "torch.Tensor", type(bad).__name__)


@pytest.mark.parametrize("dtype", NOT_REAL)
def test_what_is_no_real_number(case, dtype, refuses):
    module, grad_output, first, last = case
    x = torch.ones(5, 3).to(dtype)
    refuses(module, lambda: module(x), TypeError, first, "input", "floating-point", dtype)
    bad = grad_output.to(dtype)
    refuses(module, lambda: module.backward(bad), TypeError, last, "grad_output", "floating-point", dtype)


@pytest.mark.parametrize("shape", [(), (3,), (15,)])
def test_input_of_too_few_dimensions(case, shape, refuses):
    module, _, first, _ = case
    bad = torch.ones(shape, dtype=torch.float64)
    refuses(module, lambda: module(bad), ValueError, first, "input", "(n, ", shape)


@pytest.mark.parametrize("shape", [(5, 4), (3, 5), (5, 1), (5, 0), (1, 5, 3), (2, 1, 5, 3)])
@pytest.mark.parametrize("name", ["Linear", "Sequential"])
def test_input_of_wrong_width_or_with_a_stack_that_the_weights_have_not(name, shape, refuses):
    make, first, _ = MODULES[name]
    module, bad = make(), torch.ones(shape, dtype=torch.float64)
    refuses(module, lambda: module(bad), ValueError, first, "input", "(n, 3)", shape)


@pytest.mark.parametrize("shape", [(5, 3), (2, 3), (4, 5, 3), (2, 4, 5, 3), (2, 5, 4), (0, 5, 3)])
def test_input_of_a_stack_that_the_weights_have_not(shape, refuses):
    linear = Linear64(3, 4)
    for tensors in (linear.params, linear.grad):
        tensors.update({name: tensor.expand(2, *tensor.shape).clone() for name, tensor in tensors.items()})
    bad = torch.ones(shape, dtype=torch.float64)
    refuses(linear, lambda: linear(bad), ValueError, repr(linear), "input", "(2, n, 3)", shape)
    linear(torch.ones(2, 6, 3, dtype=torch.float64))
    refuses(linear, lambda: linear.backward(bad), ValueError, repr(linear), "grad_output", "(2, 6, 4)", shape)


@pytest.mark.parametrize(
    "change",
    [
        lambda g: g[:, :-1],
        lambda g: g[:-1],
        lambda g: g[:1],
        lambda g: g[:, :1],
        lambda g: g[0],
        lambda g: g.T,
        lambda g: g[None],
        lambda g: g.sum(),
        lambda g: g[:0],
    ],
    ids=["narrow", "short", "one sample", "one column", "vector", "transposed", "stacked", "number", "empty"],
)
def test_gradient_of_wrong_shape(case, change, refuses):
    module, grad_output, _, last = case
    bad, expected = change(grad_output), tuple(grad_output.shape)
    refuses(module, lambda: module.backward(bad), ValueError, last, "grad_output", expected, tuple(bad.shape))


@pytest.mark.parametrize("name", ["Linear", "Sequential"])
@pytest.mark.parametrize(
    ("own", "other"), [(torch.float32, torch.float64), (torch.float64, torch.float32), (torch.float32, torch.float16)]
)
def test_input_of_another_precision(name, own, other, refuses):
    make, first, _ = MODULES[name]
    module = make()
    for inner in module.modules():
        for tensors in (inner.params, inner.grad):
            tensors.update({key: tensor.to(own) for key, tensor in tensors.items()})
    bad = torch.ones(5, 3, dtype=other)
    refuses(module, lambda: module(bad), ValueError, first, "input", own, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_gradient_of_another_precision(case, dtype, refuses):
    module, grad_output, _, last = case
    bad = grad_output.to(dtype)
    refuses(module, lambda: module.backward(bad), ValueError, last, "grad_output", torch.float64, dtype)


def test_gradient_on_another_device(case, refuses):
    module, grad_output, _, last = case
    bad = grad_output.to("meta")
    refuses(module, lambda: module.backward(bad), ValueError, last, "grad_output", "device cpu", "meta")


@pytest.mark.parametrize("name", ["Linear", "Sequential"])
def test_input_on_another_device(name, refuses):
    make, first, _ = MODULES[name]
    module, bad = make(), torch.ones(5, 3, dtype=torch.float64, device="meta")
    refuses(module, lambda: module(bad), ValueError, first, "input", "device cpu", "meta")


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("grad_output", [torch.ones(5, 4, dtype=torch.float64), torch.ones(5), None], ids=type)
def test_backward_before_forward(name, grad_output, refuses):
    make, _, last = MODULES[name]
    module = make()
    refuses(module, lambda: module.backward(grad_output), RuntimeError, last, "one forward", "backward without")


ONES = torch.ones(5, 1, dtype=torch.float64)
BAD_PAIRS = {  # input, target, error, the argument that is wrong, what came
    "column against vector": (ONES, ONES[:, 0], ValueError, "target", "(5, 1)", "(5,)"),
    "vector against column": (ONES[:, 0], ONES, ValueError, "input", "(n, m)", "(5,)"),
    "two vectors": (ONES[:, 0], ONES[:, 0], ValueError, "input", "(n, m)", "(5,)"),
    "two numbers": (ONES.sum(), ONES.sum(), ValueError, "input", "(n, m)", "()"),
    "column against row": (ONES, ONES.T, ValueError, "target", "(5, 1)", "(1, 5)"),
    "one target for all": (ONES, ONES[:1], ValueError, "target", "(5, 1)", "(1, 1)"),
    "a column for two": (ONES.expand(5, 2), ONES, ValueError, "target", "(5, 2)", "(5, 1)"),
    "no stack": (ONES[None], ONES, ValueError, "target", "(1, 5, 1)", "(5, 1)"),
    "stack of one": (ONES, ONES[None], ValueError, "target", "(5, 1)", "(1, 5, 1)"),
    "less precise": (ONES, ONES.float(), ValueError, "target", torch.float64, torch.float32),
    "more precise": (ONES.float(), ONES, ValueError, "target", torch.float32, torch.float64),
    "other device": (ONES, ONES.to("meta"), ValueError, "target", "cpu", "meta"),
    "labels": (ONES, ONES[:, 0].long(), TypeError, "target", "floating-point", torch.int64),
    "integer target": (ONES, ONES.int(), TypeError, "target", "floating-point", torch.int32),
    "boolean target": (ONES, ONES > 0, TypeError, "target", "floating-point", torch.bool),
    "two of integers": (ONES.long(), ONES.long(), TypeError, "input", "floating-point", torch.int64),
    "two of complex": (ONES.cfloat(), ONES.cfloat(), TypeError, "input", "floating-point", torch.complex64),
    **{f"target {name}": (ONES, bad, TypeError, "target", type(bad).__name__) for name, bad in NOT_TENSORS.items()},
    **{f"input {name}": (bad, ONES, TypeError, "input", type(bad).__name__) for name, bad in NOT_TENSORS.items()},
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("input", "target", "error", "name", "got"), [(*p[:4], p[4:]) for p in BAD_PAIRS.values()], ids=BAD_PAIRS
)
def test_losses_broadcast_nothing_and_convert_nothing(reduction, input, target, error, name, got, refuses):
    loss = MSELoss(reduction)
    refuses(loss, lambda: loss(input, target), error, repr(loss), name, *got)
    loss(2 * ONES, ONES)
    refuses(loss, lambda: loss(input, target), error, repr(loss), name, *got)
    expected = {"sum": 2, "batchmean": 2 / 5, "mean": 2 / 5}[reduction]
    torch.testing.assert_close(loss.backward(), expected * ONES, rtol=0, atol=1e-15)


# From here on, hypothesis draws the cases. What has to happen is written down once more, in its own words, as a rule.

many = partial(settings, deadline=None, derandomize=True, database=None)
DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.uint8,
    torch.bool,
    torch.complex64,
]
sizes = st.integers(1, 4)
stacks = st.lists(st.integers(1, 3), max_size=2).map(tuple)
floats = st.sampled_from([torch.float32, torch.float64])


@st.composite
def numbers(draw, shape, dtype=torch.float64, device="cpu"):
    """Draw a tensor with entries between -2 and 2, as far as its dtype has them."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    return (4 * torch.rand(shape, generator=generator, dtype=torch.float64) - 2).to(device, dtype)


@st.composite
def shapes_near(draw, shape):
    """Draw a shape that differs from a given one in one way, or in no way at all, or in every way."""
    shape, i = list(shape), draw(st.integers(0, len(shape) - 1))
    way = draw(st.sampled_from(["same", "same", "same", "size", "drop", "add", "swap", "any"]))
    if way == "size":
        shape[i] = draw(st.integers(0, 5))
    elif way == "drop":
        del shape[i]
    elif way == "add":
        shape.insert(i, draw(st.integers(0, 3)))
    elif way == "swap":
        shape[-2:] = reversed(shape[-2:])
    elif way == "any":
        shape = draw(st.lists(st.integers(0, 4), max_size=4))
    return tuple(shape)


@st.composite
def things_near(draw, shape, dtype):
    """Draw what a student may hand over where a tensor of a given shape and dtype belongs: right, or wrong in some way."""
    way = draw(st.sampled_from(["right"] * 7 + ["no tensor", "dtype", "device"]))
    if way == "no tensor":
        return draw(st.sampled_from(list(NOT_TENSORS.values())))
    dtype = draw(st.sampled_from(DTYPES)) if way == "dtype" else dtype
    device = "meta" if way == "device" else "cpu"
    return draw(numbers(draw(shapes_near(shape)), dtype, device))


@st.composite
def linears(draw, stack, in_features, out_features, dtype):
    """Draw the parameters of a Linear, or of a stack of them."""
    layer = Linear(in_features, out_features, dtype=dtype)
    layer.params = {
        "weight": draw(numbers((*stack, in_features, out_features), dtype)),
        "bias": draw(numbers((*stack, 1, out_features), dtype)),
    }
    layer.grad = {name: torch.zeros_like(param) for name, param in layer.params.items()}
    return layer


@st.composite
def layers(draw):
    """Draw a layer and an input for it."""
    stack, n, m, dtype = draw(stacks), draw(sizes), draw(sizes), draw(floats)
    make = draw(st.sampled_from([Linear, Linear, ReLU, Tanh, Sigmoid]))
    layer = draw(linears(stack, m, draw(sizes), dtype)) if make is Linear else make()
    return layer, draw(numbers((*stack, n, m), dtype))


FORMULAS = {Linear: lambda X, W, b: X @ W + b, ReLU: torch.relu, Tanh: torch.tanh, Sigmoid: torch.sigmoid}


def autograd(layers, x, loss):
    """Return output, loss, and the loss's gradients in input and parameters, by the formulas and PyTorch's autograd."""
    x = output = x.clone().requires_grad_()
    leaves = [x]
    for layer in layers:
        params = [param.clone().requires_grad_() for param in layer.params.values()]
        output = FORMULAS[type(layer)](output, *params)
        leaves += params
    value = loss(output)
    return output.detach(), value.detach(), torch.autograd.grad(value.sum(), leaves)


def fault(thing, shape=None, dtype=None, device=None):
    """Return the error that a thing deserves, and what of it the message has to name; (None, ...) if it is good.

    A dimension of the shape may be None: any size will do there. A shape that is None is any batch.
    """
    if not isinstance(thing, Tensor):
        return TypeError, type(thing).__name__
    if not thing.dtype.is_floating_point:
        return TypeError, thing.dtype
    if shape is None:
        fits = thing.ndim >= 2
    else:
        fits = thing.ndim == len(shape) and all(b in (None, a) for a, b in zip(thing.shape, shape, strict=True))
    if not fits:
        return ValueError, tuple(thing.shape)
    if dtype not in (None, thing.dtype):
        return ValueError, thing.dtype
    if device not in (None, thing.device.type):
        return ValueError, thing.device
    return None, None


def assert_close(actual, expected):
    """Compare to 1e-12 in float64, and to 32 roundings in lower precision."""
    tolerance = 1e-12 if actual.dtype is torch.float64 else 32 * torch.finfo(actual.dtype).eps
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def judge(unchanged, owner, call, error, got, name):
    """Expect the error, or, if there is none, return what the call returns."""
    if error is None:
        return call()
    with unchanged(owner), pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    assert re.fullmatch(rf"{re.escape(repr(owner))} expected {name} .*got {re.escape(str(got))}", str(caught.value))
    return None


@pytest.mark.slow
@many(max_examples=300)
@given(data=st.data())
def test_any_input(data, unchanged):
    layer, good = data.draw(layers())
    grad_output = torch.ones_like(layer(good))
    thing = data.draw(things_near(good.shape, good.dtype))
    if isinstance(layer, Linear):
        error, got = fault(thing, (*good.shape[:-2], None, good.shape[-1]), good.dtype, "cpu")
    else:
        error, got = fault(thing)
    output = judge(unchanged, layer, lambda: layer(thing), error, got, "input")
    if error is None and thing.device.type == "meta":
        assert (output.shape, output.dtype, output.device) == (thing.shape, thing.dtype, thing.device)
        return
    if error is None:
        good, grad_output = thing, torch.ones_like(output)
        assert_close(output, FORMULAS[type(layer)](thing, *layer.params.values()))
    # after an error, this is the backward of the forward before
    grads = [layer.backward(grad_output), *layer.grad.values()]
    for ours, theirs in zip(grads, autograd([layer], good, torch.sum)[-1], strict=True):
        assert_close(ours, theirs)


@pytest.mark.slow
@many(max_examples=300)
@given(data=st.data())
def test_any_gradient(data, unchanged):
    layer, x = data.draw(layers())
    output = layer(x)
    thing = data.draw(things_near(output.shape, x.dtype))
    error, got = fault(thing, output.shape, x.dtype, "cpu")
    grad_input = judge(unchanged, layer, lambda: layer.backward(thing), error, got, "grad_output")
    if error:
        thing = data.draw(numbers(output.shape, x.dtype))
        grad_input = layer.backward(thing)
    expected = autograd([layer], x, lambda output: output * thing)[-1]
    for ours, theirs in zip([grad_input, *layer.grad.values()], expected, strict=True):
        assert_close(ours, theirs)


@pytest.mark.slow
@many(max_examples=300)
@given(data=st.data(), reduction=st.sampled_from(REDUCTIONS))
def test_any_input_and_target_of_a_loss(data, reduction, unchanged):
    loss, dtype = MSELoss(reduction), data.draw(floats)
    shape = (*data.draw(stacks), data.draw(st.integers(0, 3)), data.draw(sizes))
    good = data.draw(numbers((2, 3)))
    loss(good, -good)
    input = data.draw(things_near(shape, dtype))
    target = data.draw(things_near(input.shape if isinstance(input, Tensor) and input.ndim else shape, dtype))
    error, got = fault(input)
    name = "input"
    if error is None:
        error, got = fault(target, input.shape, input.dtype, input.device.type)
        name = "target"
    if error is None and reduction != "sum" and input.numel() == 0:
        error, got, name = ValueError, str(tuple(input.shape)), "at least one entry,"
    value = judge(unchanged, loss, lambda: loss(input, target), error, got, name)
    if error:  # this is the backward of the forward before
        input, target = good, -good
    grad_input = loss.backward()
    assert (grad_input.shape, grad_input.dtype, grad_input.device) == (input.shape, input.dtype, input.device)
    if input.device.type == "cpu":
        n, m = input.shape[-2:]
        count = {"sum": 1, "batchmean": n, "mean": n * m}[reduction]
        assert_close(grad_input, 2 * (input - target) / count)
        if not error:
            assert_close(value, (input - target).square().sum((-2, -1)) / count)


@pytest.mark.slow
@many(max_examples=300)
@given(data=st.data(), reduction=st.sampled_from(REDUCTIONS), stack=stacks, n=sizes)
def test_any_network_on_any_batch_equals_autograd(data, reduction, stack, n, unchanged):
    network, features = [], 3
    for make in data.draw(st.lists(st.sampled_from([Linear, Linear, ReLU, Tanh, Sigmoid]), max_size=5)):
        if make is Linear:
            network.append(data.draw(linears(stack, features, data.draw(sizes), torch.float64)))
            features = network[-1].out_features
        else:
            network.append(make())
    i, j = sorted(data.draw(st.tuples(*[st.integers(0, len(network))] * 2)))
    model = Sequential(*network[:i], Sequential(*network[i:j]), *network[j:])
    x, target = data.draw(numbers((*stack, n, 3))), data.draw(numbers((*stack, n, features)))
    loss = MSELoss(reduction)
    output = model(x)
    with unchanged(x, target, output):
        value = loss(output, target)
        grads = [model.backward(loss.backward()), *(grad for _, grad in model.parameters())]

    count = {"sum": 1, "batchmean": n, "mean": n * features}[reduction]
    expected = autograd(network, x, lambda output: (output - target).square().sum((-2, -1)) / count)
    for ours, theirs in zip([output, value, *grads], [*expected[:2], *expected[2]], strict=True):
        assert_close(ours, theirs)
