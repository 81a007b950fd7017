"""Stacks against their members, one by one."""

from __future__ import annotations

import pytest
import torch

from minidl import SGD, Linear, MSELoss, ReLU, Sequential, Sigmoid, Tanh
from minidl.lab.stacked import stack, unstack


@pytest.fixture
def build(generator):
    """Return a function that makes a model of fixed structure with new weights and gradients."""

    def make():
        def linear(m, k):
            return Linear(m, k, generator=generator, dtype=torch.float64)

        model = Sequential(linear(3, 5), Sequential(Tanh(), linear(5, 4)), ReLU(), linear(4, 2), Sigmoid())
        for param, grad in model.parameters():
            param += 0.1 * torch.randn(param.shape, generator=generator, dtype=torch.float64)
            grad += torch.randn(grad.shape, generator=generator, dtype=torch.float64)
        return model

    return make


def tensors(model):
    """Return all parameters and gradients."""
    return [tensor for pair in model.parameters() for tensor in pair]


def assert_equal(model, other):
    assert repr(model) == repr(other)
    assert len(tensors(model)) == len(tensors(other)) > 0
    for one, two in zip(tensors(model), tensors(other), strict=True):
        assert one.shape == two.shape
        assert torch.equal(one, two)


@pytest.mark.parametrize("runs", [1, 4])
def test_unstack_undoes_stack(build, runs):
    models = [build() for _ in range(runs)]
    stacked = stack(models)
    assert repr(stacked) == repr(models[0])
    for parts in zip(tensors(stacked), *map(tensors, models), strict=True):
        assert torch.equal(parts[0], torch.stack(parts[1:]))
    members = unstack(stacked)
    assert len(members) == runs
    for model, member in zip(models, members, strict=True):
        assert_equal(model, member)


def test_stacks_of_stacks(build, randn, close):
    models = [[build() for _ in range(3)] for _ in range(2)]
    stacked = stack([stack(row) for row in models])
    x, grad_output = randn(2, 3, 6, 3), randn(2, 3, 6, 2)
    output, grad_input = stacked(x), stacked.backward(grad_output)
    rows = unstack(stacked)
    assert len(rows) == 2
    for i, row in enumerate(rows):
        members = unstack(row)
        assert len(members) == 3
        for j, member in enumerate(members):
            model = models[i][j]
            close(model(x[i, j]), output[i, j])
            close(model.backward(grad_output[i, j]), grad_input[i, j])
            for one, two in zip(tensors(model), tensors(member), strict=True):
                close(one, two)


def test_stacks_and_members_are_independent_copies(build, randn):
    models = [build(), build()]
    before = [[tensor.clone() for tensor in tensors(model)] for model in models]
    stacked = stack(models)
    for tensor in tensors(stacked):
        tensor.zero_()
    for model, copies in zip(models, before, strict=True):
        assert all(torch.equal(tensor, old) for tensor, old in zip(tensors(model), copies, strict=True))
    members = unstack(stacked)
    for tensor in tensors(members[0]):
        tensor.fill_(7)
    assert not any(tensor.any() for model in (stacked, members[1]) for tensor in tensors(model))


def test_a_stack_has_had_no_forward_yet(build, randn):
    model = build()
    model(randn(6, 3))
    with pytest.raises(RuntimeError, match="forward"):
        stack([model]).backward(randn(1, 6, 2))


@pytest.mark.parametrize("reduction", ["sum", "batchmean", "mean"])
@pytest.mark.parametrize("nested", [False, True])
def test_training_a_stack_equals_training_its_members(build, randn, close, reduction, nested):
    models = [build() for _ in range(4)]
    stacked = stack([stack(models[:2]), stack(models[2:])]) if nested else stack(models)
    shape = (2, 2) if nested else (4,)
    inputs, targets = randn(200, 4, 6, 3), randn(200, 4, 6, 2).sigmoid()
    start = [tensor.clone() for tensor in tensors(models[0])]

    def train(model, batches, count):
        loss, optimizer = MSELoss(reduction), SGD(model, 0.05)
        losses = []
        for input, target in batches:
            losses.append(loss(model(input), target).reshape(count))
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()
        return torch.stack(losses)

    together = train(stacked, zip(*(t.reshape(200, *shape, 6, -1) for t in (inputs, targets)), strict=True), 4)
    members = [member for row in unstack(stacked) for member in unstack(row)] if nested else unstack(stacked)
    for r, (model, member) in enumerate(zip(models, members, strict=True)):
        close(train(model, zip(inputs[:, r], targets[:, r], strict=True), 1)[:, 0], together[:, r])
        for one, two in zip(tensors(model), tensors(member), strict=True):
            close(one, two)
    assert all((tensor - old).abs().max() > 1e-3 for tensor, old in zip(tensors(models[0]), start, strict=True))


def linear(m, k, **options):
    return Sequential(Linear(m, k, **options))


def namesake(kind):
    """Return another class of the same name, as after a cell that was changed and run again."""
    return type(kind.__name__, (kind,), {})


@pytest.mark.parametrize(
    "make",
    [
        lambda: linear(3, 5),
        lambda: Sequential(Linear(3, 4), ReLU()),
        lambda: Linear(3, 4),
        lambda: Sequential(linear(3, 4)),
        lambda: linear(3, 4, dtype=torch.float64),
        lambda: linear(3, 4, device="meta"),  # made in the test: for this one, torch imports a lot
        lambda: stack([linear(3, 4)]),
        lambda: Sequential(namesake(Linear)(3, 4)),
    ],
    ids=["width", "length", "layer", "nesting", "dtype", "device", "stack", "class"],
)
def test_models_that_differ_cannot_be_stacked(make):
    other = make()
    with pytest.raises(
        ValueError, match=r"stack expected models of equal structure, got (.|\n)* as model 1, "
    ) as caught:
        stack([linear(3, 4), other])
    assert str(caught.value).endswith(str(other))


def test_the_class_counts_for_layers_without_parameters_too():
    with pytest.raises(ValueError, match="models of equal structure"):
        stack([Sequential(Linear(3, 4), kind()) for kind in (ReLU, namesake(ReLU))])


def test_other_mistakes_are_refused():
    with pytest.raises(ValueError, match="stack expected at least one model, got none"):
        stack([])
    with pytest.raises(TypeError, match="stack expected models to be a sequence, each a Module, got "):
        stack([torch.nn.Linear(3, 4)])
    with pytest.raises(TypeError, match="unstack expected model to be a Module, got "):
        unstack([linear(3, 4)])
    with pytest.raises(ValueError, match=r"unstack expected a stack, .* got shapes \[\(3, 4\), \(1, 4\)\]"):
        unstack(linear(3, 4))
    with pytest.raises(ValueError, match=r"unstack expected a stack, .* got shapes \[\]"):
        unstack(Sequential(ReLU()))
    with pytest.raises(ValueError, match=r"unstack expected a stack, .* got shapes \[\(2, 3, 4\)"):
        unstack(Sequential(stack([Linear(3, 4)] * 2), stack([Linear(4, 2)] * 3)))
