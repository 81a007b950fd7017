"""The pictures of messages: every number in them is the model's own."""

import copy
import itertools
import math
import re

import pytest
import torch
from matplotlib.patches import Circle
from matplotlib.text import Text

from minidl import Linear, MSELoss, ReLU, Sequential, Tanh
from minidl.lab.figures import COLOURS, LINES, chain, network

pytestmark = pytest.mark.usefixtures("agg")


def build(*widths, activation=ReLU):
    generator = torch.Generator().manual_seed(1)
    modules = []
    for size in itertools.pairwise(widths):
        modules += [Linear(*size, generator=generator, dtype=torch.float64), activation()]
    return Sequential(*modules[:-1])


@pytest.fixture
def pencil():
    """Return the 2-2-2 network of the notebook, with a sample and its target; all numbers can be had with a pencil."""
    model = build(2, 2, 2)
    numbers = [[[1, 2], [3, -4]], [[-2, -1]], [[1, -1], [2, 3]], [[1, 0]]]
    for (param, _), values in zip(model.parameters(), numbers, strict=True):
        param.copy_(torch.tensor(values))
    return model, torch.tensor([[2.0, 1.0]]).double(), torch.tensor([[2.0, -2.0]]).double()


def texts(ax, colour):
    """Return what is written in the colour of one direction, words left out, sorted."""
    found = [text.get_text() for text in ax.texts if text.get_color() == COLOURS[colour]]
    return sorted(float(m[1].replace("−", "-")) for text in found if (m := re.fullmatch(r"\D*?(−?[\d.]+)", text)))


def overlaps(ax):
    """Return pairs of texts that stand on each other."""
    renderer = ax.figure.canvas.get_renderer()
    ax.figure.draw_without_rendering()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in ax.texts if text.get_text()]
    return [(a, b) for (a, one), (b, other) in itertools.combinations(boxes, 2) if one.overlaps(other)]


def across_circles(ax):
    """Return the texts that are neither wholly inside nor wholly outside each circle."""
    found = []
    for circle in (patch for patch in ax.patches if isinstance(patch, Circle)):
        (x, y), (edge, _) = ax.transData.transform(
            [circle.center, (circle.center[0] + circle.radius, circle.center[1])]
        )
        for text in filter(Text.get_text, ax.texts):
            box = text.get_window_extent()
            nearest = math.hypot(x - min(max(x, box.x0), box.x1), y - min(max(y, box.y0), box.y1))
            farthest = max(math.hypot(x - corner_x, y - corner_y) for corner_x, corner_y in box.corners())
            if nearest < edge - x < farthest:
                found.append(text.get_text())
    return found


def three_digits(*tensors):
    return sorted(float(f"{x:.3g}") for tensor in tensors for x in tensor.flatten().tolist())


def test_pencil_numbers(pencil):
    ax = network(*pencil, names="XHAY")
    values = [*(2, 1, 3, -1, 3, 0, 4, -3, 5), *(1, 2, 3, -4, -2, -1), *(1, -1, 2, 3, 1, 0)]
    slopes = [*(6, 18, 6, 0, 6, 2, 4, -2, 1), *(12, 0, 6, 0, 6, 0), *(12, -6, 0, 0, 4, -2)]
    assert texts(ax, "forward") == sorted(values)
    assert texts(ax, "backward") == sorted(slopes)


def test_value_and_gradient_of_the_same_thing_stand_together(pencil):
    ax = network(*pencil)
    below = {
        (round(t.get_position()[0], 6), round(t.get_position()[1], 6)): t.get_text()
        for t in ax.texts
        if t.get_color() == COLOURS["backward"]
    }
    pairs = []
    for text in ax.texts:
        x, y = text.get_position()
        partner = below.get((round(x, 6), round(y - 0.2, 6)))
        if text.get_color() == COLOURS["forward"] and partner:
            pairs.append((text.get_text(), partner))
    assert len(pairs) == 9 + 12
    for pair in [("2", "∂ 6"), ("1", "∂ 18"), ("bias −2", "∂ 6"), ("−4", "∂ 0"), ("−1", "∂ −6"), ("5", "∂ 1")]:
        assert pair in pairs


def test_weights_stand_on_their_lines(pencil):
    ax = network(*pencil, names="XHAY")
    at = {}
    for text in ax.texts:
        at.setdefault(text.get_text(), text.get_position())
    (x1, top), (_, bottom) = (at[f"$x_{k}$"] for k in (1, 2))
    (to, _), middle = at["$h_1$"], (top + bottom) / 2 - 0.56
    for weight, starts_above in {"2": True, "3": False}.items():  # from x_1 to h_2, from x_2 to h_1
        places = [
            t.get_position() for t in ax.texts if t.get_text() == weight and x1 + 0.5 < t.get_position()[0] < to - 0.5
        ]
        ((x, y),) = places
        assert x < (x1 + to) / 2
        assert (y > middle) == starts_above


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("widths", [(2, 2, 2), (2, 1, 2), (1, 2, 2, 1)])
def test_numbers_agree_with_autograd(widths, reduction):
    model = build(*widths, activation=Tanh)
    input = torch.tensor([[0.7, -0.4]]).double()[:, : widths[0]]
    target = torch.tensor([[0.3, -0.9]]).double()[:, : widths[-1]]
    ax = network(model, input, target, loss=MSELoss(reduction))

    leaves = [p.clone().requires_grad_() for p, _ in model.parameters()]
    nodes = [input.clone().requires_grad_()]
    for k in range(0, len(leaves), 2):
        nodes.append(nodes[-1] @ leaves[k] + leaves[k + 1])
        if k + 2 < len(leaves):
            nodes.append(nodes[-1].tanh())
    error = (nodes[-1] - target).square()
    nodes.append(error.sum() if reduction == "sum" else error.mean())
    gradients = torch.autograd.grad(nodes[-1], nodes + leaves)
    assert texts(ax, "forward") == three_digits(*nodes, *leaves)
    assert texts(ax, "backward") == three_digits(*gradients)


def test_model_and_loss_stay_as_they_are(pencil):
    model, input, target = pencil
    loss = MSELoss()
    loss.forward(model.forward(input), target)
    model.backward(loss.backward())
    before = copy.deepcopy([(param, grad) for param, grad in model.parameters()])
    network(model, input, target, loss=loss)
    for (param, grad), (old_param, old_grad) in zip(model.parameters(), before, strict=True):
        assert torch.equal(param, old_param)
        assert torch.equal(grad, old_grad)
    with pytest.raises(RuntimeError):
        loss.backward()


def test_gradients_left_in_the_model_are_not_shown(pencil):
    model, input, target = pencil
    clean = texts(network(model, input, target), "backward")
    for _, grad in model.parameters():
        grad.fill_(99)
    assert texts(network(model, input, target), "backward") == clean


def test_nested_is_drawn_as_flat(pencil):
    model, input, target = pencil
    nested = Sequential(Sequential(model[0], Sequential(model[1])), model[2])
    flat = network(model, input, target)
    assert [t.get_text() for t in network(nested, input, target).texts] == [t.get_text() for t in flat.texts]


def test_legible(pencil):
    ax = network(*pencil, names="XHAY")
    assert overlaps(ax) == []
    assert across_circles(ax) == []
    assert min(text.get_fontsize() for text in ax.texts) >= 9
    assert ax.figure.get_size_inches()[0] <= 10
    wide = ax.get_window_extent()
    for text in ax.texts:
        box = text.get_window_extent()
        assert wide.x0 - 1 <= box.x0
        assert box.x1 <= wide.x1 + 1


def test_gradients_are_told_apart_without_colour(pencil):
    for text in network(*pencil).texts:
        backward = text.get_color() == COLOURS["backward"]
        assert text.get_text().startswith("∂") == backward
        assert (text.get_style() == "italic") == backward


def test_draws_into_the_axes_given(pencil):
    import matplotlib.pyplot as plt

    _, ax = plt.subplots()
    assert network(*pencil, ax=ax) is ax
    assert chain([("f", "2")], {"x": 1, "L": 2}, [2, 1], ax=ax) is ax


@pytest.mark.parametrize(
    ("widths", "n", "names", "words"),
    [
        ((2, 2, 2), 3, None, r"expected one sample, an input of shape \(1, m\), got \(3, 2\)"),
        ((2, 3, 2), 1, None, "at most 2 features.*got 3"),
        ((2, 2, 2), 1, "XY", "expected 4 names.*got 2"),
    ],
)
def test_what_cannot_be_drawn(widths, n, names, words):
    with pytest.raises(ValueError, match=words):
        network(build(*widths), torch.ones(n, 2).double(), torch.ones(n, 2).double(), names=names)


class TestChain:
    steps = (("square", "6"), ("shift", "1"))

    def test_numbers(self):
        ax = chain(self.steps, {"x": 3, "u": 9, "L": -4.5}, [6, 1, 1])
        shown = [text.get_text() for text in ax.texts]
        for text in ("$x = 3$", "$u = 9$", "$L = −4.5$", "square", "6"):
            assert text in shown
        assert r"$\partial L/\partial x = 6$" in shown
        assert overlaps(ax) == []

    def test_messages_go_the_other_way_in_another_line_style(self):
        ax = chain(self.steps, {"x": 3, "u": 9, "L": 5}, [6, 1, 1])
        ways = {}
        for arrow in (text for text in ax.texts if getattr(text, "arrow_patch", None) is not None):
            (tip, _), (tail, _) = arrow.xy, arrow.get_position()
            ways.setdefault((arrow.arrow_patch.get_linestyle(), tip > tail), []).append(arrow)
        assert {key: len(arrows) for key, arrows in ways.items()} == {
            (LINES["forward"], True): 2,
            (LINES["backward"], False): 2,
        }

    def test_as_many_gradients_as_values(self):
        with pytest.raises(ValueError, match="shorter"):
            chain(self.steps, {"x": 3, "u": 9, "L": 5}, [6, 1])
