import IPython.display
import pytest
import torch

from minidl import Linear, Sequential, Tanh
from minidl.lab.numeric import (
    agree,
    central_differences,
    compare_gradients,
    gradient_sizes,
    largest_difference,
    messages,
)


@pytest.mark.parametrize("shape", [(2, 3), (1, 1), (4,), (), (2, 3, 2), (0, 3)])
def test_central_differences_are_the_gradient_and_write_nothing(shape, randn, unchanged):
    tensor = randn(*shape)
    with unchanged(tensor):
        found = central_differences(lambda w: (w**3).sum(), tensor)
    assert found.shape == tensor.shape
    assert largest_difference(found, 3 * tensor**2) < 1e-8


def test_central_differences_take_the_step(randn):
    tensor = randn(2, 3)  # the error of a cubic is step^2 exactly
    found = central_differences(lambda w: (w**3).sum(), tensor, step=0.1)
    torch.testing.assert_close(found, 3 * tensor**2 + 0.01)


@pytest.mark.parametrize(
    ("tensor", "step", "error", "message"),
    [
        (torch.tensor([1, 2]), 1e-6, TypeError, "expected a floating-point tensor, got torch.int64"),
        ([1.0], 1e-6, TypeError, "expected tensor to be a Tensor, got "),
        (torch.ones(2), 0.0, ValueError, "expected step to be a finite number above 0, got 0.0"),
        (torch.ones(2), float("nan"), ValueError, "expected step to be a finite number above 0, got nan"),
    ],
)
def test_central_differences_name_what_does_not_fit(tensor, step, error, message):
    with pytest.raises(error, match=message):
        central_differences(lambda w: w.sum(), tensor, step)


def test_the_largest_difference():
    assert largest_difference(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.5, -2.0]])) == 4
    assert largest_difference(torch.zeros(0, 2), torch.zeros(0, 2)) == 0
    assert largest_difference(torch.tensor([float("nan")]), torch.zeros(1)) != 0
    with pytest.raises(ValueError, match=r"expected equal shapes, got \(3, 1\) and \(3,\)"):
        largest_difference(torch.zeros(3, 1), torch.zeros(3))


def test_tensors_that_agree_are_listed(capsys):
    agree({"dL/dW": (torch.zeros(2, 3), torch.zeros(2, 3)), "b": (torch.zeros(1), torch.full((1,), 0.5))}, below=1)
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert words == [
        ["dL/dW", "(2,", "3)", "largest", "difference", "below", "1"],
        ["b", "(1,)", "largest", "difference", "below", "1"],
    ]


def test_in_jupyter_they_are_a_table(monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: "a shell")
    monkeypatch.setattr(IPython.display, "display", shown.append)
    agree({"<b>": (torch.zeros(2, 3), torch.zeros(2, 3))}, below=1e-8)
    assert capsys.readouterr().out == ""
    table = shown[0]._repr_html_()
    assert "&lt;b&gt;" in table
    assert "2 × 3" in table
    assert "✓</b>below 10<sup>−8</sup>" in table
    agree({"a": (torch.zeros(1), torch.zeros(1))}, below=0.5)
    assert "below 0.5" in shown[1]._repr_html_()


@pytest.mark.parametrize("value", [0.1, float("nan")])
def test_tensors_that_do_not_agree_raise(value):
    with pytest.raises(AssertionError, match=r"dL/dW: largest difference (0.1|nan), expected below 1e-08"):
        agree({"dL/dW": (torch.zeros(2, 3), torch.full((2, 3), value))}, below=1e-8)


def test_gradients_are_compared_with_both_judges(randn, capsys):
    x, w = randn(2, 3), randn(3, 4)
    upstream = (x @ w).cos()
    gradients = {"dL/dX": (x, upstream @ w.T), "dL/dW": (w, x.T @ upstream)}
    compare_gradients(lambda x, w: (x @ w).sin().sum(), gradients)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["dL/dX", "dL/dW"]
    for line in lines:
        assert line.endswith("difference from central differences below 1e-08, difference from autograd below 1e-12")
    assert not x.requires_grad

    gradients["dL/dW"] = (w, x.T @ upstream / 2)
    with pytest.raises(AssertionError, match="dL/dW: largest difference"):
        compare_gradients(lambda x, w: (x @ w).sin().sum(), gradients)


def test_gradient_sizes_are_those_of_what_arrives(randn, generator):
    first, second = (Linear(*shape, generator=generator, dtype=torch.float64) for shape in [(3, 4), (4, 2)])
    model = Sequential(Sequential(first, Tanh()), second)
    input, grad_output = randn(5, 3), randn(5, 2)
    sizes = gradient_sizes(model, input, grad_output)
    arrived = (grad_output @ second.params["weight"].mT) * (1 - torch.tanh(first(input)) ** 2)
    assert sizes == pytest.approx([float(arrived.square().mean() ** 0.5), float(grad_output.square().mean() ** 0.5)])


def test_messages_are_what_each_layer_gets_and_passes_on(randn, generator):
    model = Sequential(Linear(3, 4, generator=generator, dtype=torch.float64), Tanh())
    output = model.forward(randn(5, 3))
    grad_output = randn(5, 4)
    (tanh, arrives, between), (linear, also_between, passed_on) = messages(model, grad_output)
    assert (linear, tanh) == tuple(model)
    assert arrives is grad_output
    assert also_between is between
    assert torch.allclose(between, grad_output * (1 - output**2))
    assert torch.equal(passed_on, between @ linear.params["weight"].mT)
    assert torch.equal(linear.grad["bias"], between.sum(0, keepdim=True))


def test_of_float32_it_is_said_that_float32_is_the_reason(capsys):
    x = torch.tensor([[0.3, -1.2]], dtype=torch.float32)
    with pytest.raises(AssertionError, match=r"float32.*float64"):
        compare_gradients(lambda x: (x**2).sum(), {"x": (x, 2 * x)})
    with pytest.raises(AssertionError) as raised:
        compare_gradients(lambda x: (x**2).sum(), {"x": (x.double(), 3 * x.double())})
    assert "float32" not in str(raised.value)
