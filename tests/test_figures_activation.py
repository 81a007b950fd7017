import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from minidl import Linear, ReLU, Sequential, Sigmoid, Tanh
from minidl.lab.figures import activation, gradient_flow
from minidl.lab.numeric import gradient_sizes

SLOPES = {
    ReLU: lambda x: (x > 0).double(),
    Tanh: lambda x: 1 / x.cosh() ** 2,
    Sigmoid: lambda x: 1 / (2 * (x / 2).cosh()) ** 2,
}
FUNCTIONS = {ReLU: torch.relu, Tanh: torch.tanh, Sigmoid: torch.sigmoid}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("module", SLOPES)
@pytest.mark.parametrize("g", [1.0, -2.5])
def test_activation_draws_the_function_and_g_times_its_slope(module, g):
    left, right = activation(module(), grad_output=g, span=3)
    x, y = (torch.from_numpy(np.array(part)) for part in left.lines[0].get_data())
    torch.testing.assert_close(y, FUNCTIONS[module](x))
    assert (x[0], x[-1]) == (-3, 3)
    _, passed_on = (torch.from_numpy(np.array(part)) for part in right.lines[0].get_data())
    drawn = ~passed_on.isnan()
    torch.testing.assert_close(passed_on[drawn], g * SLOPES[module](x)[drawn])
    assert drawn.sum() == (len(x) - 1 if module is ReLU else len(x))  # only ReLU's slope jumps


@pytest.mark.parametrize("module", SLOPES)
def test_activation_marks_a_point(module):
    left, right = activation(module(), at=0.7, grad_output=-2.0)
    x = torch.tensor(0.7, dtype=torch.float64)
    y, slope = FUNCTIONS[module](x), SLOPES[module](x)
    tangent, point = left.lines[-2:]
    assert tangent.get_slope() == pytest.approx(float(slope))
    assert np.ravel(point.get_data()) == pytest.approx([0.7, float(y)])
    assert np.ravel(right.lines[-1].get_data()) == pytest.approx([0.7, -2 * float(slope)])
    assert f"{float(y):.2f}" in left.get_title(loc="left")
    assert f"{-2 * float(slope):.2f} is passed on" in right.get_title(loc="left")


def test_activation_draws_into_given_axes():
    _, pair = plt.subplots(1, 2)
    assert activation(Tanh(), ax=pair) is pair


def test_gradient_flow_draws_a_line_for_each_network():
    ax = gradient_flow({"one": [1e-3, 1e-2, 1.0], "two": [0.5, 0.7]})
    one, two = ax.lines
    assert list(one.get_xdata()) == [1, 2, 3]
    assert list(two.get_ydata()) == [0.5, 0.7]
    assert ax.get_yscale() == "log"
    assert one.get_marker() != two.get_marker()
    assert one.get_linestyle() != two.get_linestyle()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "two"]


def test_gradient_sizes_are_those_of_what_arrives(randn, generator):
    first, second = (Linear(*shape, generator=generator, dtype=torch.float64) for shape in [(3, 4), (4, 2)])
    model = Sequential(Sequential(first, Tanh()), second)
    input, grad_output = randn(5, 3), randn(5, 2)
    sizes = gradient_sizes(model, input, grad_output)
    arrived = (grad_output @ second.params["weight"].mT) * (1 - torch.tanh(first(input)) ** 2)
    assert sizes == pytest.approx([float(arrived.square().mean() ** 0.5), float(grad_output.square().mean() ** 0.5)])


@pytest.mark.parametrize(("g", "label"), [(1.0, "$f'(x)$"), (2.0, "$g \\, f'(x)$")])
def test_activation_names_its_axes(g, label):
    left, right = activation(Sigmoid(), grad_output=g, span=5)
    assert [ax.get_xlabel() for ax in (left, right)] == ["$x$", "$x$"]
    assert (left.get_ylabel(), right.get_ylabel()) == ("$y = f(x)$", label)
    assert left.get_xlim() == right.get_xlim() == (-5, 5)
    assert [ax.get_title(loc="left") for ax in (left, right)] == ["forward", "backward"]
    assert left.lines[0].get_linestyle() != right.lines[0].get_linestyle()


def test_gradient_flow_names_its_axes():
    ax = gradient_flow({"one": [1e-3, 1e-2, 1.0]})
    assert "layer" in ax.get_xlabel()
    assert ax.get_ylabel() == "size of the gradient"
    assert list(ax.get_xticks()) == [1, 2, 3]
