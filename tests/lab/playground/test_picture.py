"""The playground's drawing: it is well-formed, says in words what it shows, and shows what is there."""

from __future__ import annotations

import base64
import io
import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from PIL import Image

from minidl.lab.figures.style import BLUE, GREY, ORANGE, REGIONS, SIGNS
from minidl.lab.playground.learner import Learner
from minidl.lab.playground.opened import opened
from minidl.lab.playground.picture import (
    BELOW,
    CURVE,
    HEIGHT,
    LEFT,
    NETWORK,
    SECOND,
    TALL,
    TOP,
    WIDTH,
    Still,
    description,
    picture,
)
from minidl.lab.playground.settings import Settings
from minidl.lab.playground.shades import border, shade, sheet
from minidl.lab.playground.units import columns

SVG = "{http://www.w3.org/2000/svg}"


def pixels(address):
    file = io.BytesIO(base64.b64decode(address.removeprefix("data:image/png;base64,")))
    return np.asarray(Image.open(file).convert("RGBA")) / 255


def learner(epochs=2, **settings):
    learner = Learner(Settings(**({"points": 60, "hidden": (6, 3)} | settings)))
    for _ in range(epochs):
        learner.advance(None)
    return learner


@pytest.mark.parametrize(
    "settings",
    [{}, {"epochs": 0}, {"hidden": ()}, {"hidden": (50,) * 6}, {"data": "spiral", "activation": "Tanh"}, {"gain": 0.0}],
)
def test_it_is_well_formed_and_described_and_within_its_frame(settings):
    look = learner(**settings).look()
    root = ET.fromstring(picture(look))
    assert root.get("role") == "img"
    assert root.get("aria-label") == description(look)
    assert len(root.findall(f".//{SVG}title")) == sum(look.settings.hidden) + 2
    assert ET.fromstring(picture(look, hints=False)).findall(f".//{SVG}title") == []
    for path in root.findall(f"./{SVG}path"):
        numbers = [tuple(map(float, pair)) for pair in re.findall(r"[ML]([\d.-]+) ([\d.-]+)", path.get("d"))]
        assert all(-6 <= x <= NETWORK + 1 and 0 <= y <= HEIGHT for x, y in numbers)
    for image in root.iter(f"{SVG}image"):
        assert pixels(image.get("href")).shape[-1] == 4


def test_the_words_say_how_far_it_is_and_what_is_dead():
    one = learner(3)
    one.model[0].params["bias"][0, :2] = -100.0
    one.advance(1)
    look = one.look()
    dead = int(sum(layer.sum() for layer in look.dead))
    words = description(look)
    assert words.startswith(
        f"A network 2-6-3-2 with ReLU learns the disk. Epoch 4, step 1 of 2: training loss {look.now[0, 0]:.3g}, "
    )
    assert f"{look.now[1, 1]:.1%} right" in words
    assert f"{dead} of 9 hidden units are dead" in words
    assert f"class 1 in {np.mean(look.answer > 0):.0%} of the square" in words or "everywhere" in words
    root = ET.fromstring(picture(look))
    crosses = [path for path in root.findall(f"./{SVG}path") if path.get("stroke") == "#1a1a1a"]
    assert sum(path.get("d").count("M") for path in crosses) == dead


def test_the_caption_names_what_is_there():
    disk, moons = (picture(learner(1, data=data).look()) for data in ("disk", "moons"))
    for words in ("which puts out 0 for every training point", "where the two answers are equal", "dashed: training"):
        assert words in disk
        assert words in moons
    assert "dotted ring: the true border" in disk
    assert "ring" not in moons


@pytest.mark.parametrize(("data", "negative"), [("disk", False), ("moons", True)])
def test_inputs_are_coloured_as_units_are_white_at_0(data, negative):
    """The disk's square begins at 0: nothing in the input's two pictures is blue."""
    root = ET.fromstring(picture(learner(1, data=data).look()))
    red, _, blue, seen = np.moveaxis(pixels(next(root.iter(f"{SVG}image")).get("href")), -1, 0)
    assert bool((blue > red)[seen > 0].any()) == negative
    assert (red > blue)[seen > 0].any()


def test_the_curves_have_no_colour_of_a_class():
    lines = ET.fromstring(picture(learner(3).look())).findall(f"./{SVG}polyline")
    assert [line.get("stroke") for line in lines] == 2 * [GREY, "#1a1a1a"]
    assert [line.get("stroke-dasharray") for line in lines] == 2 * ["5 3", "none"]  # training dashed, as in figures


def test_dotted_lines_mark_where_a_setting_was_changed():
    one = learner(2)
    before = picture(one.look())
    one.change(one.settings.changed(lr=0.01))
    one.change(one.settings.changed(lr=0.02))
    one.advance(None)
    one.advance(None)
    assert "dotted lines" in description(one.look())
    assert "dotted lines" not in before
    marks = [
        p.get("d") for p in ET.fromstring(picture(one.look())).findall(f"./{SVG}path") if p.get("d").endswith("v84")
    ]
    assert marks == [f"M{left + CURVE / 3:.1f} {BELOW:.1f}v84" for left in (LEFT, SECOND)]  # epoch 2 of epochs 1 to 4


def test_answers_that_are_no_longer_finite_are_drawn_and_told():
    one = learner(1)
    one.model[-1].params["weight"][:] = float("nan")
    look = one.look()
    assert "no longer finite" in description(look)
    ET.fromstring(picture(look))


def test_positive_and_negative_weights_differ_in_colour_and_in_dashes():
    one = learner(0, hidden=(2,))
    for linear in (one.model[0], one.model[2]):
        linear.params["weight"][:] = 0.0
        linear.params["weight"][0] = linear.params["weight"].new_tensor([2.0, -1.0])
    lines = [p for p in ET.fromstring(picture(one.look())).findall(f"./{SVG}path") if p.get("stroke") in (BLUE, ORANGE)]
    told = sorted(
        (p.get("stroke"), p.get("stroke-dasharray"), p.get("d").count("M"), float(p.get("stroke-width"))) for p in lines
    )
    assert told == [(BLUE, "5 3", 1, 1.6), (BLUE, "5 3", 1, 1.6), (ORANGE, "none", 1, 3.2), (ORANGE, "none", 1, 3.2)]


def test_shades_are_the_colours_of_the_numbers_with_the_first_row_below():
    drawn = pixels(shade(np.array([[-1.0, 0.0], [1.0, 5.0]])))[..., :3]
    expected = [[REGIONS(1.0), REGIONS(1.0)], [REGIONS(0.0), REGIONS(0.5)]]
    assert np.allclose(drawn, np.array(expected)[..., :3], atol=0.01)


def test_a_sheet_has_each_unit_scaled_by_its_largest_and_clear_gaps():
    units = np.zeros((3, 2, 2))
    units[0, 0, 0], units[1, 1, 1] = 0.01, -7.0  # the first below at the left, the second above at the right
    drawn = pixels(sheet(units, rows=2, gap=1))
    assert drawn.shape == (6, 6, 4)
    assert np.allclose(drawn[1, 0, :3], to_rgb(ORANGE), atol=0.01)
    assert np.allclose(drawn[3, 1, :3], to_rgb(BLUE), atol=0.01)
    assert np.allclose(drawn[0:2, 3:5, :3], SIGNS(0.5)[:3], atol=0.01)
    assert (drawn[2, :, 3] == 0).all()
    assert (drawn[:, 2, 3] == 0).all()


def test_the_border_is_where_the_sign_changes():
    x = (np.arange(10) + 0.5) / 10
    line = border(np.tile(x - 0.3, (10, 1)), size=100)
    assert {float(a) for a in re.findall(r"[ML]([\d.]+) ", line)} == {30.0}
    assert border(np.ones((10, 10)), 100) == ""
    assert border(np.full((10, 10), np.nan), 100) == ""


@pytest.mark.parametrize("counts", [[2, 2], [2, 25, 25, 25, 2], [2, 1, 50, 2], [2, *[50] * 6, 2]])
def test_units_stand_side_by_side_within_their_space(counts):
    places = columns(counts, NETWORK, TOP, TALL)
    corners = [place.corner(unit) for place in places for unit in range(place.units)]
    assert len(set(corners)) == sum(counts)
    assert all(0 <= x <= NETWORK and y >= TOP and y + places[0].size <= TOP + TALL for x, y in corners)
    assert all(a.x + a.width < b.x for a, b in itertools.pairwise(places))
    assert WIDTH > NETWORK


class TestOpened:
    def test_it_tells_the_sizes_that_are_there(self):
        one = learner(0, lr=0.25)
        one.step()
        told = re.sub(r"<[^>]+>", " ", opened(one.last))
        first = one.last.model[0]
        weight, gradient = (float(t.square().mean().sqrt()) for t in (first.params["weight"], first.grad["weight"]))
        assert "a mini-batch of 50 points, lr = 0.25" in told
        row = re.search(r"layer 1, Linear 2 → 6(.*?)layer 1, ReLU", told)[1].split()
        assert row[3:] == [
            f"{weight:.3g}",
            f"{gradient:.3g}",
            f"{0.25 * gradient:.3g}",
            f"{0.25 * gradient / weight:.2%}",
        ]
        assert re.findall(r"(layer \d|output), (\w+)", told)[2:] == [
            ("layer 2", "Linear"),
            ("layer 2", "ReLU"),
            ("output", "Linear"),
        ]
        after = (one.model[0].params["weight"] - first.params["weight"]).square().mean().sqrt()
        assert float(row[5]) == pytest.approx(float(after), rel=0.01)

    def test_a_small_network_shows_its_numbers(self):
        one = learner(0, hidden=(2,), batch_size=1)
        one.step()
        before = [(param.clone(), grad.clone()) for param, grad in one.last.model.parameters()]
        (alt,) = re.findall(r'<img alt="([^"]+)"', opened(one.last))
        values = [
            float(x) for x in re.findall(r"-?[\d.]+", alt.split("input to loss: ")[1].replace("−", "-").split(";")[0])
        ]
        assert values == pytest.approx(one.last.batch[0][0].tolist(), rel=0.01)
        for (param, grad), (as_was, was) in zip(one.last.model.parameters(), before, strict=True):
            assert torch.equal(param, as_was)
            assert torch.equal(grad, was)
        wide = learner(0)
        wide.step()
        assert "<img" not in opened(wide.last)


def test_a_still_picture_is_stored_with_its_words():
    one = learner()
    still = Still(one.look())
    drawn, about = still._repr_svg_()
    assert drawn == picture(one.look(), hints=False, width=840)
    assert about == {"alt": description(one.look())}
    assert repr(still) == about["alt"]
