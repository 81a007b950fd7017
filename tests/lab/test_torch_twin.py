"""Twins in PyTorch: copied both ways, on the same trajectory, stacked, and hand-written layers under autograd."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.autograd.gradcheck import GradcheckError

import minidl
from minidl import SGD, Linear, MSELoss, ReLU, Sequential, Sigmoid, Tanh
from minidl.lab.disk import disk
from minidl.lab.network import network
from minidl.lab.stacked import stack
from minidl.lab.torch_twin import as_autograd, from_torch, to_torch, torch_stack

F64 = torch.float64


def build(randn, dtype=F64):
    """Return a nested model with every activation, its biases not zero."""
    model = Sequential(
        Linear(3, 5), Tanh(), Sequential(Linear(5, 4), Sequential(ReLU()), Linear(4, 1)), Sigmoid(), Linear(1, 2)
    )
    for module in model.modules():
        module.params = {name: randn(*param.shape, dtype=dtype) for name, param in module.params.items()}
        module.grad = {name: torch.zeros_like(param) for name, param in module.params.items()}
    return model


def pairs(model, twin):
    """Yield every parameter of a model beside that of its twin, in PyTorch's shape, gradients too."""
    theirs = list(twin.parameters())
    ours = [(module, name) for module in model.modules() for name in module.params]
    for (module, name), param in zip(ours, theirs, strict=True):
        turn = (lambda t: t.T) if name == "weight" else (lambda t: t[0])
        yield (turn(module.params[name]), param.detach()), (turn(module.grad[name]), param.grad)


class TestCopies:
    @pytest.mark.parametrize("dtype", [torch.float32, F64])
    def test_to_torch_and_back(self, dtype, randn):
        model = build(randn, dtype)
        twin = to_torch(model)
        back = from_torch(twin)
        assert repr(back) == repr(model)
        assert repr(twin).replace(", bias=True", "") == repr(model)
        for (ours, theirs), _ in pairs(model, twin):
            assert theirs.dtype == dtype
            assert torch.equal(ours, theirs)
        for (param, _), (copy, grad) in zip(model.parameters(), back.parameters(), strict=True):
            assert torch.equal(param, copy)
            assert param.dtype == copy.dtype == grad.dtype
            assert not copy.requires_grad
            assert not grad.any()
        assert all(param.is_leaf and param.requires_grad and param.is_contiguous() for param in twin.parameters())

    def test_twins_compute_the_same(self, randn, close):
        model = build(randn)
        twin, x, grad_output = to_torch(model), randn(6, 3), randn(6, 2)
        input = x.clone().requires_grad_()
        output = twin(input)
        output.backward(grad_output)
        close(model(x), output.detach())
        close(model.backward(grad_output), input.grad)
        for _, (ours, theirs) in pairs(model, twin):
            close(ours, theirs)

    @pytest.mark.parametrize(("m", "k"), [(3, 2), (1, 4), (4, 1), (1, 1)])
    def test_copies_are_independent(self, m, k, randn):
        model = Linear(m, k, dtype=F64)
        twin = to_torch(model)
        back = from_torch(twin)
        before = [param.clone() for param in twin.parameters()]
        for copy in (model, back):
            for param, grad in copy.parameters():
                param.fill_(7)
                grad.fill_(7)
        assert all(torch.equal(param, old) for param, old in zip(twin.parameters(), before, strict=True))
        assert all(param.grad is None for param in twin.parameters())
        with torch.no_grad():
            for param in twin.parameters():
                param.fill_(8)
        assert all((param == 7).all() for copy in (model, back) for param, _ in copy.parameters())

    def test_copying_draws_no_random_numbers(self, randn):
        model = build(randn)
        before = torch.get_rng_state()
        from_torch(to_torch(model))
        assert torch.equal(torch.get_rng_state(), before)

    def test_a_stack_has_no_twin(self):
        with pytest.raises(
            ValueError, match=r"to_torch expected one model, got a stack with weights of shape \(2, 3, 4\)"
        ):
            to_torch(stack([Sequential(Linear(3, 4))] * 2))

    def test_a_linear_without_bias_has_no_twin(self):
        with pytest.raises(ValueError, match=r"from_torch expected a Linear with a bias, got Linear\(in.*bias=False\)"):
            from_torch(nn.Sequential(nn.Linear(3, 4, bias=False)))

    def test_what_has_no_twin_is_refused(self):
        class Residual(Sequential):
            def forward(self, input):
                return input + super().forward(input)

        class Scaled(nn.Linear):
            def forward(self, input):
                return 2 * super().forward(input)

        for module in (MSELoss(), Residual(Linear(2, 2)), nn.Tanh(), None):
            with pytest.raises(TypeError, match=f"to_torch expected a minidl .*, got {type(module).__name__}$"):
                to_torch(module)
        for module in (nn.GELU(), Scaled(2, 2), nn.MSELoss(), Tanh(), None):
            with pytest.raises(TypeError, match=f"from_torch expected nn.Sequential, .*, got {type(module).__name__}$"):
                from_torch(module)
        with pytest.raises(TypeError, match="got GELU"):
            from_torch(nn.Sequential(nn.Linear(2, 2), nn.GELU()))


def batches(steps, generator):
    """Yield mini-batches of 50 points of the disk."""
    points, targets = disk(1000, generator=generator, dtype=F64)
    for _ in range(steps):
        order = torch.randperm(1000, generator=generator)[:50]
        yield points[order], targets[order]


def torch_step(model, optimizer, input, target):
    loss = nn.functional.mse_loss(model(input), target, reduction="sum")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def test_minidl_and_torch_follow_the_same_trajectory(generator):
    model = network(generator=generator, dtype=F64)
    twin = to_torch(model)
    start = [param.clone() for param, _ in model.parameters()]
    loss, ours, theirs = MSELoss(), SGD(model, 0.001), torch.optim.SGD(twin.parameters(), 0.001)
    for input, target in batches(1000, generator):
        value = loss(model(input), target).item()
        model.zero_grad()
        model.backward(loss.backward())
        ours.step()
        assert value == pytest.approx(torch_step(twin, theirs, input, target), abs=1e-10)
    for (one, two), _ in pairs(model, twin):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-10)
    assert all((param - old).abs().max() > 0.01 for (param, _), old in zip(model.parameters(), start, strict=True))


class TestTorchStack:
    def test_forward_and_backward_equal_those_of_the_members(self, randn, close):
        members = [to_torch(build(randn)) for _ in range(3)]
        stacked, x, grad_output = torch_stack(members), randn(3, 6, 3), randn(3, 6, 2)
        output = stacked(x)
        output.backward(grad_output)
        for r, member in enumerate(members):
            expected = member(x[r])
            expected.backward(grad_output[r])
            close(output[r], expected)
            for param, one in zip(stacked.parameters(), member.parameters(), strict=True):
                close(param[r], one)
                close(param.grad[r], one.grad)

    def test_batches_of_other_sizes_with_and_without_gradients_take_turns(self, randn, close):
        members = [to_torch(build(randn)) for _ in range(3)]
        stacked = torch_stack(members)
        for n in (4, 7, 4):
            x = randn(3, n, 3)
            with torch.no_grad():
                output = stacked(x)
            assert not output.requires_grad
            stacked.zero_grad()
            stacked(x).square().sum().backward()
            for r, member in enumerate(members):
                member.zero_grad()
                expected = member(x[r])
                expected.square().sum().backward()
                close(output[r], expected.detach())
                for param, one in zip(stacked.parameters(), member.parameters(), strict=True):
                    close(param.grad[r], one.grad)

    def test_what_is_left_out_changes_nothing(self, randn):
        stacked, x = torch_stack([to_torch(build(randn)) for _ in range(3)]), randn(3, 6, 3)
        assert torch.equal(stacked(x), stacked.run_all(stacked.by_name, x))
        (traced,) = stacked.traced.values()
        left_out = {torch.ops.aten.expand.default, torch.ops.aten._unsafe_view.default, torch.ops.aten.mul.Scalar}
        assert not left_out & {node.target for node in traced.graph.nodes}

    def test_training_equals_that_of_the_members(self, generator, close):
        members = [to_torch(network(generator=generator, dtype=F64)) for _ in range(3)]
        before = [param.detach().clone() for param in members[0].parameters()]
        stacked = torch_stack(members)
        data = list(zip(*(batches(100, generator) for _ in members), strict=True))
        optimizer = torch.optim.SGD(stacked.parameters(), 0.01)
        for step in data:
            torch_step(stacked, optimizer, *map(torch.stack, zip(*step, strict=True)))
        untouched = zip(members[0].parameters(), before, strict=True)
        assert all(torch.equal(param, old) for param, old in untouched), "the stack shares memory with its members"
        for r, member in enumerate(members):
            optimizer = torch.optim.SGD(member.parameters(), 0.01)
            for step in data:
                torch_step(member, optimizer, *step[r])
            for param, one in zip(stacked.parameters(), member.parameters(), strict=True):
                close(param[r], one)
                assert not param[r].equal(param[r - 1])


class HandoutLinear:
    """A layer as the handout asks for it: forward, backward, and param(), a list of pairs; it replaces its gradients."""

    def __init__(self, m, k, randn):
        self.w, self.b = randn(m, k), randn(1, k)
        self.dw, self.db = torch.zeros_like(self.w), torch.zeros_like(self.b)

    def forward(self, *input):
        (self.x,) = input
        return self.x @ self.w + self.b

    def backward(self, *gradwrtoutput):
        (g,) = gradwrtoutput
        self.dw = self.dw + self.x.T @ g
        self.db = self.db + g.sum(0, keepdim=True)
        return g @ self.w.T

    def param(self):
        return [(self.w, self.dw), (self.b, self.db)]


class DictionaryLinear(HandoutLinear):
    """The same with dictionaries, and no method to list them."""

    param = None

    @property
    def params(self):
        return {"w": self.w, "b": self.b}

    @property
    def grad(self):
        return {"b": self.db, "w": self.dw}


class Square:
    """A layer without parameters that writes its output into the same tensor every time."""

    y = None

    def forward(self, input):
        self.x, y = input, input * input
        self.y = y if self.y is None else self.y.copy_(y)
        return self.y

    def backward(self, grad_output):
        return 2 * self.x * grad_output


class Loss:
    """A minidl loss as a module of its input."""

    def __init__(self, reduction, target):
        self.loss, self.target = MSELoss(reduction), target

    def forward(self, input):
        return self.loss(input, self.target)

    def backward(self, grad_output):
        return grad_output * self.loss.backward()


def judge(module, x):
    """Let gradcheck judge the gradients of the input and of every parameter."""
    wrapped = as_autograd(module)
    params = list(wrapped.parameters())
    return torch.autograd.gradcheck(lambda x, *_: wrapped(x), (x.requires_grad_(), *params))


class TestAsAutograd:
    @pytest.mark.parametrize("name", ["Linear", "ReLU", "Tanh", "Sigmoid", "Sequential"])
    @pytest.mark.parametrize("runs", [0, 2])
    def test_gradcheck_of_every_module(self, name, runs, randn):
        modules = {"Linear": lambda: Linear(3, 2, dtype=F64), "Sequential": lambda: build(randn)}
        members = [modules.get(name, getattr(minidl, name))() for _ in range(max(1, runs))]
        module = stack(members) if runs and name in modules else members[0]
        assert judge(module, randn(*[runs] * bool(runs), 4, 3))

    @pytest.mark.parametrize("reduction", ["sum", "batchmean", "mean"])
    def test_gradcheck_of_the_loss(self, reduction, randn):
        assert judge(Loss(reduction, randn(4, 3)), randn(4, 3))

    def test_gradcheck_of_other_peoples_modules(self, randn):
        for module in (HandoutLinear(3, 2, randn), DictionaryLinear(3, 2, randn), Square()):
            count = 0 if isinstance(module, Square) else 2
            assert len(list(as_autograd(module).parameters())) == count
            assert judge(module, randn(4, 3))

    @pytest.mark.parametrize("what", ["input", "weight", "bias"])
    def test_gradcheck_catches_a_wrong_backward(self, what, randn):
        class Wrong(Linear):
            def backward(self, grad_output):
                before = {name: grad.clone() for name, grad in self.grad.items()}
                grad_input = super().backward(grad_output)
                if what == "input":
                    return 2 * grad_input
                change = self.grad[what] - before[what]
                self.grad[what] -= change - change / len(grad_output)  # divided by the batch size
                return grad_input

        with pytest.raises(GradcheckError, match="Jacobian mismatch"):
            judge(Wrong(3, 2, dtype=F64), randn(4, 3))

    @pytest.mark.parametrize("kind", [HandoutLinear, DictionaryLinear, "minidl"])
    def test_a_hand_written_layer_inside_a_torch_model_learns(self, kind, randn):
        hand = from_torch(nn.Linear(5, 4, dtype=F64)) if kind == "minidl" else kind(5, 4, randn)
        pairs = hand.parameters() if kind == "minidl" else [(hand.w, hand.dw), (hand.b, hand.db)]
        params, grads = zip(*pairs, strict=True)
        start = [param.clone() for param in params]
        for grad in grads:
            grad.fill_(7)
        middle = nn.Linear(5, 4, dtype=F64)
        middle.load_state_dict({"weight": params[0].T, "bias": params[1][0]})
        first, last = nn.Linear(3, 5, dtype=F64), nn.Linear(4, 2, dtype=F64)
        twin = nn.Sequential(first, nn.Tanh(), middle, nn.Tanh(), last)
        model = nn.Sequential(to_torch(from_torch(first)), nn.Tanh(), as_autograd(hand), nn.Tanh())
        model.append(to_torch(from_torch(last)))
        optimizers = [torch.optim.SGD(net.parameters(), 0.005, momentum=0.9) for net in (model, twin)]
        for _ in range(100):
            input, target = randn(6, 3), randn(6, 2).tanh()
            ours, theirs = (
                torch_step(net, opt, input, target) for net, opt in zip((model, twin), optimizers, strict=True)
            )
            assert ours == pytest.approx(theirs, abs=1e-10)
        torch.testing.assert_close(params[0], middle.weight.detach().T, rtol=0, atol=1e-10)
        torch.testing.assert_close(params[1][0], middle.bias.detach(), rtol=0, atol=1e-10)
        assert all((param - old).abs().max() > 0.01 for param, old in zip(params, start, strict=True))
        now = [grad for _, grad in hand.parameters()] if kind == "minidl" else [hand.dw, hand.db]
        assert all((grad == 7).all() for grad in now), "the layer's own accumulators changed"

    def test_used_twice_in_one_graph(self, randn, close):
        layer = from_torch(nn.Linear(3, 3, dtype=F64))
        twin, wrapped = to_torch(layer), as_autograd(layer)
        inputs = [randn(4, 3).requires_grad_() for _ in range(2)]
        copies = [x.detach().clone().requires_grad_() for x in inputs]

        def loss(module, a, b):
            return (module(module(a).tanh()) * module(b)).sum()

        ours, theirs = loss(wrapped, *inputs), loss(twin, *copies)
        ours.backward()
        theirs.backward()
        close(ours, theirs)
        for x, copy in zip(inputs, copies, strict=True):
            close(x.grad, copy.grad)
        weight, bias = wrapped.parameters()
        close(weight.grad, twin.weight.grad.T)
        close(bias.grad[0], twin.bias.grad)

    def test_the_output_belongs_to_the_caller(self, randn):
        wrapped, x = as_autograd(Square()), randn(4, 3).requires_grad_()
        output = wrapped(x)
        wrapped(randn(4, 3))
        output.sum().backward()
        assert torch.equal(output, x * x)
        assert torch.equal(x.grad, 2 * x)

    def test_parameters_changed_before_backward_are_noticed(self, randn):
        wrapped = as_autograd(Linear(3, 2, dtype=F64))
        output = wrapped(randn(4, 3))
        torch.optim.SGD(wrapped.parameters(), 0.1).step()  # no gradient yet: nothing to do
        with torch.no_grad():
            next(wrapped.parameters()).add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            output.sum().backward()

    def test_a_backward_that_fails_leaves_the_accumulators(self, randn):
        class Broken(HandoutLinear):
            def backward(self, *gradwrtoutput):
                super().backward(*gradwrtoutput)
                raise ArithmeticError("on purpose")

        layer = Broken(3, 2, randn)
        layer.dw.fill_(7)
        with pytest.raises(ArithmeticError, match="on purpose"):
            as_autograd(layer)(randn(4, 3)).sum().backward()
        assert (layer.dw == 7).all()

    def test_repr_shows_the_layer(self):
        assert "Linear(in_features=3, out_features=2)" in repr(as_autograd(Linear(3, 2)))

    @pytest.mark.parametrize("missing", ["forward", "backward"])
    def test_an_object_without_both_passes_is_refused(self, missing):
        class Half:
            pass

        setattr(Half, {"forward": "backward", "backward": "forward"}[missing], lambda self, x: x)
        with pytest.raises(TypeError, match="as_autograd expected an object with forward and backward, got Half"):
            as_autograd(Half())
