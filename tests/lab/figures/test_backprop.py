"""Values and gradients on their way: every number that is drawn is the right one, and can be read."""

from __future__ import annotations

import copy
import itertools
import math
import re

import numpy as np
import pytest
import torch
from matplotlib.collections import PathCollection
from matplotlib.patches import Circle
from matplotlib.text import Text

from minidl import Linear, MSELoss, ReLU, Sequential, Sigmoid, Tanh
from minidl.lab.figures import (
    activation,
    chain,
    descent,
    entries,
    flow,
    gradient_flow,
    matrix_product,
    network,
    squares,
)
from minidl.lab.figures.style import COLOURS, LINES

pytestmark = pytest.mark.usefixtures("agg")

LEFT, RIGHT = torch.tensor([[1.0, 2.0, 0.0], [-1.0, 0.5, -0.0]]), torch.tensor([[1.0], [3.0], [2.0]])


class TestMatrixProduct:
    @pytest.fixture
    def axes(self):
        return matrix_product(LEFT, RIGHT, names=(r"$X^\top$", "$G$", "product"), entry=(2, 1))

    def test_rows_meet_columns_in_their_product(self, axes):
        at = {tuple(text.get_position()): text.get_text() for text in axes.texts}
        left, above, product = (
            {place: text for place, text in at.items() if inside(*place)}
            for inside in (
                lambda x, y: x < 3 and 4 < y < 6,
                lambda x, y: x > 4 and 0 < y < 3,
                lambda x, y: x > 4 and 4 < y < 6,
            )
        )
        assert list(left.values()) == ["1.00", "2.00", "0.00", "−1.00", "0.50", "0.00"]
        assert list(above.values()) == ["1.00", "3.00", "2.00"]
        assert product == {(4.5, 4.5): "7.00", (4.5, 5.5): "0.50"}
        assert {y for _, y in left} == {y for _, y in product}
        assert {x for x, _ in above} == {x for x, _ in product}
        assert {r"$X^\top$", "$G$", "product"} < set(at.values())

    def test_the_row_the_column_and_their_entry_are_framed(self, axes):
        frames = [(*frame.get_xy(), frame.get_width(), frame.get_height()) for frame in axes.patches[3:]]
        assert frames == [(0, 5, 3, 1), (4, 0, 1, 3), (4, 5, 1, 1)]

    def test_everything_lies_inside_the_axes(self, axes):
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert all(left < x < right and top < y < bottom for x, y in (text.get_position() for text in axes.texts))

    def test_zeros_can_be_drawn(self):
        axes = matrix_product(torch.zeros(2, 3), torch.zeros(3, 1))
        assert {text.get_text() for text in axes.texts} == {"0.00", "A", "B", "AB"}

    @pytest.mark.parametrize("entry", [(0, 1), (1, 0), (3, 1), (1, 2)])
    def test_an_entry_that_the_product_does_not_have_is_named(self, entry):
        with pytest.raises(ValueError, match=r"counted from 1, within 2 x 1, got \(\d, \d\)"):
            matrix_product(LEFT, RIGHT, entry=entry)


SLOPES = {
    ReLU: lambda x: (x > 0).double(),
    Tanh: lambda x: 1 / x.cosh() ** 2,
    Sigmoid: lambda x: 1 / (2 * (x / 2).cosh()) ** 2,
}
FUNCTIONS = {ReLU: torch.relu, Tanh: torch.tanh, Sigmoid: torch.sigmoid}


class TestActivation:
    @pytest.mark.parametrize("module", SLOPES)
    @pytest.mark.parametrize("g", [1.0, -2.5])
    def test_draws_the_function_and_g_times_its_slope(self, module, g):
        left, right = activation(module(), grad_output=g, span=3)
        x, y = (torch.from_numpy(np.array(part)) for part in left.lines[0].get_data())
        torch.testing.assert_close(y, FUNCTIONS[module](x))
        assert (x[0], x[-1]) == (-3, 3)
        _, passed_on = (torch.from_numpy(np.array(part)) for part in right.lines[0].get_data())
        drawn = ~passed_on.isnan()
        torch.testing.assert_close(passed_on[drawn], g * SLOPES[module](x)[drawn])
        assert drawn.sum() == (len(x) - 1 if module is ReLU else len(x))  # only ReLU's slope jumps

    @pytest.mark.parametrize("module", SLOPES)
    def test_marks_a_point(self, module):
        left, right = activation(module(), at=0.7, grad_output=-2.0)
        x = torch.tensor(0.7, dtype=torch.float64)
        y, slope = FUNCTIONS[module](x), SLOPES[module](x)
        tangent, point = left.lines[-2:]
        assert tangent.get_slope() == pytest.approx(float(slope))
        assert np.ravel(point.get_data()) == pytest.approx([0.7, float(y)])
        assert np.ravel(right.lines[-1].get_data()) == pytest.approx([0.7, -2 * float(slope)])
        assert f"{float(y):.2f}" in left.get_title(loc="left")
        assert f"{-2 * float(slope):.2f} is passed on".replace("-", "−") in right.get_title(loc="left")

    @pytest.mark.parametrize(("g", "label"), [(1.0, "$f'(x)$"), (2.0, "$g \\, f'(x)$")])
    def test_names_its_axes(self, g, label):
        left, right = activation(Sigmoid(), grad_output=g, span=5)
        assert [ax.get_xlabel() for ax in (left, right)] == ["$x$", "$x$"]
        assert (left.get_ylabel(), right.get_ylabel()) == ("$y = f(x)$", label)
        assert left.get_xlim() == right.get_xlim() == (-5, 5)
        assert [ax.get_title(loc="left") for ax in (left, right)] == ["forward", "backward"]
        assert left.lines[0].get_linestyle() != right.lines[0].get_linestyle()


class TestGradientFlow:
    def test_draws_a_line_for_each_network(self):
        ax = gradient_flow({"one": [1e-3, 1e-2, 1.0], "two": [0.5, 0.7]})
        one, two = ax.lines
        assert list(one.get_xdata()) == [1, 2, 3]
        assert list(two.get_ydata()) == [0.5, 0.7]
        assert ax.get_yscale() == "log"
        assert one.get_marker() != two.get_marker()
        assert one.get_linestyle() != two.get_linestyle()
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "two"]

    def test_names_its_axes(self):
        ax = gradient_flow({"one": [1e-3, 1e-2, 1.0]})
        assert "layer" in ax.get_xlabel()
        assert ax.get_ylabel() == "size of the gradient"
        assert list(ax.get_xticks()) == [1, 2, 3]

    def test_forward_and_backward_on_equal_axes_with_one_legend(self):
        left, right = flow({"one": ([1, 2, 4], [3, 2, 1]), "two": ([1, 1, 1], [1, 1, 1])}, limits=(0.1, 10))
        assert [list(ax.lines[0].get_ydata()) for ax in (left, right)] == [[1, 2, 4], [3, 2, 1]]
        assert left.get_ylim() == right.get_ylim() == (0.1, 10)
        assert left.get_legend() is None
        assert [text.get_text() for text in right.get_legend().get_texts()] == ["one", "two"]


def overlaps(ax):
    """Return pairs of texts that stand on each other."""
    renderer = ax.figure.canvas.get_renderer()
    ax.figure.draw_without_rendering()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in ax.texts if text.get_text()]
    return [(a, b) for (a, one), (b, other) in itertools.combinations(boxes, 2) if one.overlaps(other)]


STEPS = {"square": 6, "shift": 1}


class TestChain:
    def test_numbers(self):
        ax = chain(STEPS, {"x": 3, "u": 9, "L": -4.5})
        shown = [text.get_text() for text in ax.texts]
        for text in ("$x = 3$", "$u = 9$", "$L = −4.5$", "square", r"$\cdot\ 6$"):
            assert text in shown
        assert r"$\partial L/\partial x = 6$" in shown
        assert overlaps(ax) == []

    def test_messages_go_the_other_way_in_another_line_style(self):
        ax = chain(STEPS, {"x": 3, "u": 9, "L": 5})
        ways = {}
        for arrow in (text for text in ax.texts if getattr(text, "arrow_patch", None) is not None):
            (tip, _), (tail, _) = arrow.xy, arrow.get_position()
            ways.setdefault((arrow.arrow_patch.get_linestyle(), tip > tail), []).append(arrow)
        assert {key: len(arrows) for key, arrows in ways.items()} == {
            (LINES["forward"], True): 2,
            (LINES["backward"], False): 2,
        }

    def test_messages_are_multiplied_on_their_way_back(self):
        shown = [text.get_text() for text in chain({"a": 2, "b": -3}, {"x": 1, "u": 2, "L": -6}).texts]
        for name, gradient in {"x": "−6", "u": "−3", "L": "1"}.items():
            assert rf"$\partial L/\partial {name} = {gradient}$" in shown

    def test_a_step_between_each_two_values(self):
        with pytest.raises(ValueError, match="chain expected 3 values for 2 steps, got 2"):
            chain(STEPS, {"x": 3, "L": 5})


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


class TestNetwork:
    def test_pencil_numbers(self, pencil):
        ax = network(*pencil, names="XHAY")
        values = [*(2, 1, 3, -1, 3, 0, 4, -3, 5), *(1, 2, 3, -4, -2, -1), *(1, -1, 2, 3, 1, 0)]
        slopes = [*(6, 18, 6, 0, 6, 2, 4, -2, 1), *(12, 0, 6, 0, 6, 0), *(12, -6, 0, 0, 4, -2)]
        assert texts(ax, "forward") == sorted(values)
        assert texts(ax, "backward") == sorted(slopes)

    def test_value_and_gradient_of_the_same_thing_stand_together(self, pencil):
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

    def test_weights_stand_on_their_lines(self, pencil):
        ax = network(*pencil, names="XHAY")
        at = {}
        for text in ax.texts:
            at.setdefault(text.get_text(), text.get_position())
        (x1, top), (_, bottom) = (at[f"$x_{k}$"] for k in (1, 2))
        (to, _), middle = at["$h_1$"], (top + bottom) / 2 - 0.56
        for weight, starts_above in {"2": True, "3": False}.items():  # from x_1 to h_2, from x_2 to h_1
            places = [
                t.get_position()
                for t in ax.texts
                if t.get_text() == weight and x1 + 0.5 < t.get_position()[0] < to - 0.5
            ]
            ((x, y),) = places
            assert x < (x1 + to) / 2
            assert (y > middle) == starts_above

    @pytest.mark.parametrize("reduction", ["sum", "mean"])
    @pytest.mark.parametrize("widths", [(2, 2, 2), (2, 1, 2), (1, 2, 2, 1)])
    def test_numbers_agree_with_autograd(self, widths, reduction):
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

    def test_model_and_loss_stay_as_they_are(self, pencil):
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

    def test_gradients_left_in_the_model_are_not_shown(self, pencil):
        model, input, target = pencil
        clean = texts(network(model, input, target), "backward")
        for _, grad in model.parameters():
            grad.fill_(99)
        assert texts(network(model, input, target), "backward") == clean

    def test_nested_is_drawn_as_flat(self, pencil):
        model, input, target = pencil
        nested = Sequential(Sequential(model[0], Sequential(model[1])), model[2])
        flat = network(model, input, target)
        assert [t.get_text() for t in network(nested, input, target).texts] == [t.get_text() for t in flat.texts]

    def test_legible(self, pencil):
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

    def test_gradients_are_told_apart_without_colour(self, pencil):
        for text in network(*pencil).texts:
            backward = text.get_color() == COLOURS["backward"]
            assert text.get_text().startswith("∂") == backward
            assert (text.get_style() == "italic") == backward

    @pytest.mark.parametrize(
        ("widths", "n", "names", "words"),
        [
            ((2, 2, 2), 3, None, r"expected one sample, an input of shape \(1, m\), got \(3, 2\)"),
            ((2, 3, 2), 1, None, "at most 2 features.*got 3"),
            ((2, 2, 2), 1, "XY", "expected 4 names.*got 2"),
        ],
    )
    def test_what_cannot_be_drawn(self, widths, n, names, words):
        with pytest.raises(ValueError, match=words):
            network(build(*widths), torch.ones(n, 2).double(), torch.ones(n, 2).double(), names=names)


def valley(u, v):
    return u**2 + 10 * (v - 1) ** 2


PATHS = {
    "first": torch.tensor([[3.0, 0.0], [2.0, 0.5], [1.0, 1.0]], dtype=torch.float64),
    "second": torch.tensor([[-3.0, 2.0], [0.0, 1.0]], dtype=torch.float64),
}


def down_the_valley():
    return descent(valley, PATHS, x=(-4, 4), y=(-1, 3))


class TestDescent:
    def test_draws_every_path_point_by_point(self):
        lines = down_the_valley().get_lines()
        assert [line.get_label() for line in lines] == list(PATHS)
        for line, path in zip(lines, PATHS.values(), strict=True):
            torch.testing.assert_close(torch.tensor(line.get_xydata()), path)

    def test_paths_differ_in_more_than_colour(self):
        first, second = down_the_valley().get_lines()
        assert first.get_color() != second.get_color()
        assert (first.get_linestyle(), first.get_marker()) != (second.get_linestyle(), second.get_marker())

    def test_contours_are_lines_of_equal_loss_about_the_lowest_point(self):
        contours = down_the_valley().collections[1]  # the first one fills what is between them
        outlines = [path.vertices for path in contours.get_paths() if len(path.vertices)]
        assert len(outlines) > 5
        for outline in outlines:
            losses = valley(*torch.tensor(outline).T)
            assert losses.max() - losses.min() < 0.3 + 0.05 * losses.mean()

    def test_a_star_is_where_it_is_lowest_and_arrows_lead_away_from_the_starts(self):
        ax = descent(lambda u, v: (u - 1) ** 2 + (v - 2) ** 2, PATHS, x=(-4, 4), y=(-1, 3))
        star, *starts = (c.get_offsets()[0] for c in ax.collections if isinstance(c, PathCollection))
        assert star.tolist() == pytest.approx([1, 2], abs=0.04)
        firsts = {tuple(path[0].tolist()) for path in PATHS.values()}
        assert {tuple(start) for start in starts} == firsts
        assert len(ax.texts) == len(firsts) + len(PATHS)

    def test_stays_within_its_ranges_and_names_its_axes(self):
        far = {"far": torch.tensor([[0.0, 0.0], [100.0, -50.0]])}
        ax = descent(valley, far, x=(-4, 4), y=(-1, 3))
        assert (ax.get_xlim(), ax.get_ylim()) == ((-4, 4), (-1, 3))
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("$w$", "$b$")

    def test_a_single_path_is_named_above_and_several_in_a_legend(self):
        several = down_the_valley()
        alone = descent(valley, {"alone": PATHS["first"]}, x=(-4, 4), y=(-1, 3))
        assert (alone.get_title(loc="left"), alone.get_legend()) == ("alone", None)
        assert (several.get_title(loc="left"), len(several.get_legend().get_texts())) == ("", 2)

    def test_a_path_of_another_shape_is_refused(self):
        with pytest.raises(ValueError, match=r"expected a path of shape \(steps, 2\), got \(3,\)"):
            descent(valley, {"flat": torch.zeros(3)}, x=(-1, 1), y=(-1, 1))


class TestEntries:
    def test_every_entry_is_written_on_the_colour_of_its_sign(self):
        ax = entries({"X": torch.tensor([[1.5, -2.0, 0.0]]), "Y": torch.tensor([[0.25]])})
        assert [text.get_text() for text in ax.texts] == ["X", "Y", "1.5", "−2", "0", "0.25"]
        above, below, zero, gap, _ = ax.collections[0].get_facecolors()
        assert above[0] > above[2], "what is above zero is not orange"
        assert below[2] > below[0], "what is below zero is not blue"
        assert zero[:3].tolist() == pytest.approx([1, 1, 1])
        assert gap[3] == 0, "something is drawn between the matrices"
        assert ax.collections[0].get_clim() == (-2, 2)

    def test_colours_alone(self):
        ax = entries({"X": torch.tensor([[1.5, -2.0, 0.0]])}, numbers=False)
        assert [text.get_text() for text in ax.texts] == ["X"]

    def test_no_matrix(self):
        with pytest.raises(ValueError, match="expected at least one matrix, got none"):
            entries({})


class TestSquares:
    def test_areas_are_squared_errors(self):
        ax = squares(torch.tensor([2.0, -1.0]))
        large, small = ax.patches
        assert large.get_width() == large.get_height() == 2 * small.get_width()
        assert [text.get_text() for text in ax.texts] == ["error 2\narea 4", "error −1\narea 1"]
        assert small.get_hatch()
        assert not large.get_hatch()


def test_without_numbers_a_network_is_circles_lines_and_names():
    ax = network(Sequential(Linear(2, 2), ReLU()), torch.ones(1, 2), torch.ones(1, 2), names="XHA", numbers=False)
    words = {text.get_text() for text in ax.texts}
    assert words == {"$x_1$", "$x_2$", "$h_1$", "$h_2$", "$a_1$", "$a_2$", "$L$", "Linear", "ReLU", "MSELoss"}
