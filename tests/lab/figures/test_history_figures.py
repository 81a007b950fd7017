"""The figures of trainings, on histories that are known by heart: lines, bands, and the errors that runs end with."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from minidl.lab.figures import (
    bands,
    comparison,
    differences,
    final_errors,
    means,
    training_history,
)
from minidl.lab.figures.style import COLOURS, LINES, LOOKS, PALE

pytestmark = pytest.mark.usefixtures("agg")

EPOCHS = np.arange(1, 7)
LOSS = {"training": 1 / EPOCHS, "validation": 1 / EPOCHS + 0.5}
ACCURACY = {"training": 1 - 0.3 / EPOCHS, "validation": 0.9 - 0.3 / EPOCHS}


def history(runs=1, spread=0.02, model="minidl"):
    """Return a history whose runs lie evenly around LOSS and ACCURACY: two of them one spread below and above."""
    shifts = spread * (np.arange(runs) - (runs - 1) / 2)
    rows = [
        {"model": model, "run": run, "epoch": epoch, "split": split, "loss": loss + shift, "accuracy": accuracy + shift}
        for split in LOSS
        for run, shift in enumerate(shifts)
        for epoch, loss, accuracy in zip(EPOCHS, LOSS[split], ACCURACY[split], strict=True)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def two_models():
    """Return two models' histories, 8 runs each: model "b" is model "a" plus 0.1, validation is training plus 1."""
    random = np.random.default_rng(1)
    base = random.normal(0.5, 0.1, size=(8, 12))
    rows = [
        {"model": model, "run": run, "epoch": epoch + 1, "split": split, "loss": value, "accuracy": value / 4}
        for model, shift in (("a", 0.0), ("b", 0.1))
        for split, more in (("training", 0.0), ("validation", 1.0))
        for run in range(8)
        for epoch, value in enumerate(base[run] + shift + more)
    ]
    return pd.DataFrame(rows)


def curve(history, column, **asked):
    """Return the axes of one column of a training's figure."""
    return training_history(history, **asked)[("loss", "accuracy").index(column)]


def by_label(ax):
    """Return the lines of axes by their labels; of single runs, which share theirs, the last."""
    return {line.get_label(): line for line in ax.lines}


class TestCurve:
    @pytest.mark.parametrize(("column", "values"), [("loss", LOSS), ("accuracy", ACCURACY)])
    @pytest.mark.parametrize("runs", [1, 3])
    def test_the_mean_of_each_split(self, column, values, runs):
        lines = by_label(curve(history(runs), column))
        labels = (
            ("training, mean", "validation, mean ± 1 standard deviation") if runs > 1 else ("training", "validation")
        )
        for label, expected in zip(labels, (values["training"], values["validation"]), strict=True):
            np.testing.assert_array_equal(lines[label].get_xdata(), EPOCHS)
            np.testing.assert_allclose(lines[label].get_ydata(), expected)
        training, validation = (lines[label] for label in labels)
        assert training.get_linestyle() != validation.get_linestyle()
        assert validation.get_linewidth() > training.get_linewidth()

    def test_every_run_is_a_thin_line(self):
        lines = [line for line in curve(history(3, spread=0.1), "loss").lines if line.get_label() == "each of 3 runs"]
        drawn = sorted((line.get_ydata() for line in lines), key=lambda values: values[0])
        assert len(drawn) == 3
        for values, shift in zip(drawn, (-0.1, 0, 0.1), strict=True):
            np.testing.assert_allclose(values, LOSS["validation"] + shift)

    def test_the_band_is_one_standard_deviation_to_each_side(self):
        (band,) = curve(history(3, spread=0.1), "loss").collections
        low, high = edges(band)
        np.testing.assert_allclose(high, LOSS["validation"] + 0.1)  # of -0.1, 0 and 0.1
        np.testing.assert_allclose(low, LOSS["validation"] - 0.1)

    def test_bands_end_where_nothing_can_be(self):
        low, high = curve(history(3, spread=0.6), "accuracy").get_ylim()
        assert low == 0
        assert 1 < high < 1.02

    def test_one_run_has_no_band(self):
        assert not curve(history(), "loss").collections

    @pytest.mark.parametrize("epochs", ["linear", "log"])
    def test_many_epochs_are_averaged_and_the_axis_says_so(self, epochs):
        numbers = np.arange(1, 1001)
        rows = pd.DataFrame({"model": "a", "run": 0, "epoch": numbers, "split": "validation", "loss": 1.0 / numbers})
        ax = curve(rows.assign(accuracy=0.5), "loss", epochs=epochs)
        (line,) = ax.lines
        assert 40 < len(line.get_xdata()) < 100
        assert "a point is the mean of up to " in ax.get_xlabel()
        first, last = (rows["epoch"] - line.get_xdata()[k] for k in (0, -1))
        assert first.abs().min() < 0.6
        assert last.abs().min() < 0.6

    def test_few_epochs_are_left_alone(self):
        assert curve(history(), "loss").get_xlabel() == "epoch"

    def test_limits_and_labels(self):
        loss, accuracy = training_history(history(2), title="a title", limits={"accuracy": (0.4, 1)})
        assert loss.get_xlabel() == accuracy.get_xlabel() == "epoch"
        assert loss.get_xlim() == accuracy.get_xlim() == (0, 6)
        assert loss.get_yscale() == "log"
        assert accuracy.get_ylim() == (0.4, 1)
        assert accuracy.yaxis.get_major_formatter()(0.5) == "50 %"
        assert (loss.get_title(loc="left"), accuracy.get_title(loc="left")) == ("a title", "")
        assert [axes.texts[0].get_text() for axes in (loss, accuracy)] == ["mean loss per sample", "accuracy"]

    def test_one_legend_stands_above_both_and_names_each_thing_once(self):
        loss, accuracy = training_history(history(3))
        assert accuracy.get_legend() is None
        words = [text.get_text() for text in loss.get_legend().get_texts()]
        assert words == ["validation, mean ± 1 standard deviation", "each of 3 runs", "training, mean"]

    def test_epochs_on_a_logarithmic_axis(self):
        loss, _ = training_history(history(), epochs="log")
        assert (loss.get_xscale(), loss.get_xlim()) == ("log", (1, 6))
        with pytest.raises(ValueError, match="expected epochs to be one of 'linear', 'log', got 'square'"):
            training_history(history(), epochs="square")


class TestFinalErrors:
    @pytest.fixture
    def both(self):
        """Return two models with 3 and 2 runs; the second was trained for half as many epochs."""
        second = history(2, model="second")
        return pd.concat([history(3, model="first"), second[second["epoch"] <= 3]])

    def test_a_row_for_each_model_with_every_run_and_the_mean(self, both):
        ax = final_errors(both)
        assert [text.get_text() for text in ax.get_yticklabels()] == ["first\n15.0 % ± 2.0", "second\n20.0 % ± 1.4"]
        top, bottom = sorted(ax.get_yticks(), key=lambda y: ax.transData.transform((1, y))[1], reverse=True)
        assert (top, bottom) == (0, 1), "the first model is not at the top"
        circles, crosses = marks(ax)
        ends = {0: (5, [-0.02, 0, 0.02]), 1: (2, [-0.01, 0.01])}
        for drawn, split in ((circles, "training"), (crosses, "validation")):
            for row, (epoch, shifts) in ends.items():
                np.testing.assert_allclose(
                    sorted(drawn[np.rint(drawn[:, 1]) == row, 0]),
                    100 * (1 - ACCURACY[split][epoch] - np.array(shifts)[::-1]),
                )
        np.testing.assert_allclose(ax.lines[-1].get_xdata(), [15, 20])
        np.testing.assert_array_equal(np.rint(ax.lines[-1].get_ydata()), [0, 1])

    def test_the_way_there_stands_beside_them(self, both):
        left, right = comparison(both.replace("validation", "test"))
        assert left.get_xlabel() == "error, %"
        assert right.get_ylabel() == "error, test data"
        np.testing.assert_allclose(by_label(right)["second"].get_ydata(), 0.1 + 0.3 / EPOCHS[:3])

    def test_training_and_validation_differ_in_more_than_colour(self, both):
        shapes = [collection.get_paths()[0].vertices.shape for collection in final_errors(both).collections]
        assert len(set(shapes)) == 2

    def test_axes_and_legend(self, both):
        ax = final_errors(both)
        assert ax.get_xscale() == "log"
        assert ax.get_xlabel() == "error, %"
        assert ax.get_xlim()[0] < 0.1
        assert ax.get_xlim()[1] > 50
        words = [text.get_text() for text in ax.get_legend().get_texts()]
        assert sorted(words) == ["training data, each run", "validation data, each run", "validation data, mean"]

    def test_no_error_at_all_is_drawn_at_the_left_end(self, both):
        both["accuracy"] = 1.0
        ax = final_errors(both)
        assert all((drawn[:, 0] == 0.1).all() for drawn in marks(ax))
        assert ax.get_xticklabels()[0].get_text() == "≤ 0.1"


def marks(ax):
    """Return where the circles are, and the crosses: one array of points for each."""
    found = {}
    for collection in ax.collections:
        if len(collection.get_offsets()):
            shape = collection.get_paths()[0].vertices.shape
            found.setdefault(shape, []).append(np.asarray(collection.get_offsets()))
    return [np.concatenate(parts) for parts in found.values()]


class TestMeans:
    @pytest.mark.parametrize("column", ["loss", "accuracy"])
    def test_a_line_for_each_model_the_mean_of_its_runs(self, two_models, column):
        ax = means(two_models, column)
        lines = {line.get_label(): line for line in ax.lines}
        assert list(lines) == ["a", "b"]
        for model, line in lines.items():
            rows = two_models[(two_models["model"] == model) & (two_models["split"] == "validation")]
            np.testing.assert_allclose(line.get_xdata(), np.arange(1, 12 + 1))
            np.testing.assert_allclose(line.get_ydata(), rows.groupby("epoch")[column].mean())

    def test_never_tells_lines_apart_by_colour_alone(self, two_models):
        models = [two_models[two_models["model"] == "a"].assign(model=f"{k}", loss=k) for k in range(len(LOOKS))]
        ax = means(pd.concat(models), "loss")
        assert len({to_hex(line.get_color()) for line in ax.lines}) == len(ax.lines)
        assert [text.get_text() for text in ax.texts] == ["0", "1", "2", "3", "4", "5"]  # names stand at the ends

    def test_names_at_the_ends_do_not_lie_on_each_other(self, two_models):
        models = [two_models[two_models["model"] == "a"].assign(model=f"{k}") for k in range(4)]
        ax = means(pd.concat(models), "loss")
        ax.figure.canvas.draw()
        boxes = [Text.get_window_extent(text) for text in ax.texts]  # without their leaders
        assert not [1 for k, box in enumerate(boxes) for other in boxes[k + 1 :] if box.overlaps(other)]

    def test_of_equal_lines_the_first_is_a_tube(self, two_models):
        one = two_models[two_models["model"] == "a"]
        lines = means(pd.concat([one, one.assign(model="same")]), "loss").lines
        assert lines[0].get_linewidth() > 3 * lines[1].get_linewidth()
        assert lines[0].get_alpha() < 0.5

    def test_a_program_looks_the_same_in_every_figure(self, two_models):
        models = [two_models[two_models["model"] == "a"].assign(model=name, loss=k) for k, name in enumerate(COLOURS)]
        looks = []
        for order in (models, models[::-1]):
            lines = by_label(means(pd.concat(order), "loss"))
            looks.append(
                {name: (lines[name].get_color(), lines[name].get_linestyle()) for name in ("PyTorch", "framework")}
            )
        assert looks[0] == looks[1]
        assert looks[0]["PyTorch"] == (COLOURS["PyTorch"], LINES["PyTorch"])

    def test_which_split_it_is_has_to_be_clear(self):
        three = pd.concat([history(), history().assign(split="test")])
        with pytest.raises(ValueError, match=r"one split besides training, got .*'test'"):
            means(three, "loss")

    def test_names_its_axes_and_its_split(self):
        ax = means(pd.concat([history(model="a"), history(model="b")]), "loss")
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "mean loss per sample, validation data")
        assert ax.get_xlim() == (0, 6)


class TestSeveralModels:
    def test_of_several_models_their_means_with_one_legend(self):
        names = ("outer", "minidl, in words", "third")
        models = pd.concat(
            [history(2, model=name).assign(loss=lambda h, k=k: h["loss"] + k) for k, name in enumerate(names)]
        )
        ax = training_history(models, looks={"outer": PALE})
        lines = by_label(ax[0])
        assert lines["outer"].get_linewidth() > 3 * lines["third"].get_linewidth()
        np.testing.assert_allclose(lines["outer"].get_ydata(), LOSS["validation"])
        assert lines["minidl, in words"].get_color() == COLOURS["minidl"]
        assert [text.get_text() for text in ax[0].get_legend().get_texts()] == list(names)

    def test_differences_only_grow(self):
        other = history(2, model="b")
        other["loss"] += 0.1 / other["epoch"]
        ax = differences(pd.concat([history(2, model="a"), other]), {"both": ("a", "b")}, epochs="linear")
        for line in ax.lines:
            np.testing.assert_allclose(line.get_ydata(), 0.1)  # it was largest at the first epoch
        assert [text.get_text() for text in ax.texts] == ["both", "largest difference in loss so far, each run"]

    def test_no_difference_draws_nothing(self):
        both = pd.concat([history(model="a"), history(model="b")])
        assert not differences(both, {"both": ("a", "b")}).lines


def edges(collection):
    """Return lower and upper edge of a band, by epoch."""
    points = pd.DataFrame(collection.get_paths()[0].vertices, columns=["epoch", "value"]).groupby("epoch")["value"]
    return points.min().to_numpy(), points.max().to_numpy()


class TestBands:
    def test_one_standard_deviation_and_the_interval_of_the_mean(self, two_models):
        one = two_models[(two_models["model"] == "a") & (two_models["split"] == "validation")]
        std, interval = bands(one, "loss").collections
        by_epoch = one.groupby("epoch")["loss"]
        low, high = edges(std)
        np.testing.assert_allclose(high - low, 2 * by_epoch.std())
        low, high = edges(interval)
        np.testing.assert_allclose(high - low, 2 * 1.96 * by_epoch.std() / np.sqrt(8), rtol=0.5)  # drawn at random
        assert (low < by_epoch.mean()).all()

    def test_they_say_what_they_are(self, two_models):
        legend = bands(two_models[two_models["model"] == "a"], "loss").get_legend()
        texts = " ".join(text.get_text() for text in legend.get_texts())
        assert "standard deviation" in texts
        assert "95 % confidence interval of the mean" in texts
        assert "8 runs" in texts

    @pytest.mark.parametrize(("column", "label"), [("loss", "mean loss per sample"), ("accuracy", "accuracy")])
    def test_they_name_their_axes(self, column, label):
        ax = bands(history(4), column)
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", label)
        assert ax.get_xlim() == (0, 6)
        assert len(ax.collections) == 2
