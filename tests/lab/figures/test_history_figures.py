"""The figures of trainings, on histories that are known by heart: lines, bands, and the errors that runs end with."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from minidl.lab.figures import bands, curve, final_errors, mean_interval, means, training_history
from minidl.lab.figures.style import COLOURS, LINES, LOOKS

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


class TestCurve:
    @pytest.mark.parametrize(("column", "values"), [("loss", LOSS), ("accuracy", ACCURACY)])
    @pytest.mark.parametrize("runs", [1, 3])
    def test_a_line_for_each_split_the_mean_of_the_runs(self, column, values, runs):
        lines = curve(history(runs), column).lines
        assert len(lines) == 2
        for line, (split, expected) in zip(lines, values.items(), strict=True):
            np.testing.assert_array_equal(line.get_xdata(), EPOCHS)
            np.testing.assert_allclose(line.get_ydata(), expected)
            assert line.get_label() == (split if runs == 1 else f"{split}, mean of {runs} runs")
            assert (line.get_color(), line.get_linestyle()) == (COLOURS[split], LINES[split])

    def test_the_bands_are_one_standard_deviation_to_each_side(self):
        runs = [0, 1, 2]
        band, _ = curve(history(len(runs), spread=0.1), "loss").collections
        outline = pd.DataFrame(band.get_paths()[0].vertices).groupby(0)[1]
        np.testing.assert_allclose(outline.max(), LOSS["training"] + 0.1)  # of -0.1, 0 and 0.1
        np.testing.assert_allclose(outline.min(), LOSS["training"] - 0.1)
        assert "1 standard deviation" in band.get_label()

    def test_bands_stay_within_what_can_be(self):
        for column, low, high in (("loss", 0, np.inf), ("accuracy", 0, 1)):
            for band in curve(history(3, spread=0.4), column).collections:
                heights = band.get_paths()[0].vertices[:, 1]
                assert low <= heights.min() < heights.max() <= high

    def test_one_run_has_no_band(self):
        assert not curve(history(), "loss").collections

    def test_models_instead_of_splits(self):
        both = pd.concat([history(model="minidl"), history(model="PyTorch")])
        lines = curve(both[both["split"] == "validation"], "loss", by="model").lines
        assert [line.get_label() for line in lines] == ["minidl", "PyTorch"]
        assert lines[0].get_linestyle() != lines[1].get_linestyle()

    def test_limits_and_labels(self):
        loss, accuracy = training_history(history(), title="a title")
        assert (loss.get_xlabel(), loss.get_ylabel()) == ("epoch", "mean loss per sample")
        assert (accuracy.get_xlabel(), accuracy.get_ylabel()) == ("epoch", "accuracy")
        assert loss.get_xlim() == accuracy.get_xlim() == (0, 6)
        assert loss.get_ylim()[0] == 0
        assert accuracy.get_ylim() == (0.4, 1.005)
        assert (loss.get_title(loc="left"), accuracy.get_title(loc="left")) == ("a title", "")
        np.testing.assert_allclose(accuracy.lines[1].get_ydata(), ACCURACY["validation"])
        np.testing.assert_allclose(loss.lines[1].get_ydata(), LOSS["validation"])
        for axes in (loss, accuracy):
            assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training", "validation"]

    def test_an_accuracy_below_the_usual_is_shown(self):
        low = history()
        low["accuracy"] -= 0.5
        assert curve(low, "accuracy").get_ylim()[0] < low["accuracy"].min()


class TestFinalErrors:
    @pytest.fixture
    def both(self):
        """Return two models with 3 and 2 runs; the second was trained for half as many epochs."""
        second = history(2, model="second")
        return pd.concat([history(3, model="first"), second[second["epoch"] <= 3]])

    def test_a_row_for_each_model_with_every_run_and_the_mean(self, both):
        ax = final_errors(both)
        assert [text.get_text() for text in ax.get_yticklabels()] == ["first", "second"]
        top, bottom = sorted(ax.get_yticks(), key=lambda y: ax.transData.transform((1, y))[1], reverse=True)
        assert (top, bottom) == (0, 1), "the first model is not at the top"
        circles, crosses, bars = ax.lines
        ends = {0: (5, [-0.02, 0, 0.02]), 1: (2, [-0.01, 0.01])}
        for marks, split in ((circles, "training"), (crosses, "validation")):
            drawn = {row: marks.get_xdata()[np.rint(marks.get_ydata()) == row] for row in ends}
            for row, (epoch, shifts) in ends.items():
                np.testing.assert_allclose(
                    sorted(drawn[row]), 100 * (1 - ACCURACY[split][epoch] - np.array(shifts)[::-1])
                )
        np.testing.assert_allclose(bars.get_xdata(), [15, 20])
        np.testing.assert_array_equal(np.rint(bars.get_ydata()), [0, 1])

    def test_training_and_validation_differ_in_more_than_colour(self, both):
        circles, crosses, bars = final_errors(both).lines
        assert len({line.get_marker() for line in (circles, crosses, bars)}) == 3
        assert {line.get_linestyle() for line in (circles, crosses, bars)} == {"None"}
        assert set(np.sign(circles.get_ydata() - np.rint(circles.get_ydata()))) == {-1}  # above the row's middle
        assert set(np.sign(crosses.get_ydata() - np.rint(crosses.get_ydata()))) == {1}

    def test_axes_and_legend(self, both):
        ax = final_errors(both)
        assert ax.get_xscale() == "log"
        assert ax.get_xlabel() == "error, %"
        assert ax.get_xlim()[0] < 0.1
        assert ax.get_xlim()[1] > 50
        words = [text.get_text() for text in ax.get_legend().get_texts()]
        assert words == ["training data, each run", "validation data, each run", "validation data, mean"]

    def test_no_error_at_all_is_drawn_at_the_left_end(self, both):
        both["accuracy"] = 1.0
        ax = final_errors(both)
        assert all((line.get_xdata() == 0.1).all() for line in ax.lines)
        assert ax.get_xticklabels()[0].get_text() == "≤ 0.1"


class TestMeans:
    @pytest.mark.parametrize("column", ["loss", "accuracy"])
    @pytest.mark.parametrize("split", ["training", "validation"])
    def test_a_line_for_each_model_the_mean_of_its_runs(self, two_models, column, split):
        ax = means(two_models, column, split=split)
        lines = {line.get_label(): line for line in ax.lines}
        assert list(lines) == ["a", "b"]
        for model, line in lines.items():
            rows = two_models[(two_models["model"] == model) & (two_models["split"] == split)]
            np.testing.assert_allclose(line.get_xdata(), np.arange(1, 12 + 1))
            np.testing.assert_allclose(line.get_ydata(), rows.groupby("epoch")[column].mean())

    def test_never_tells_lines_apart_by_colour_alone(self, two_models):
        models = [two_models[two_models["model"] == "a"].assign(model=str(number)) for number in range(len(LOOKS))]
        lines = means(pd.concat(models), "loss").lines
        assert len({to_hex(line.get_color()) for line in lines}) == len(lines)
        assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == len(lines)

    def test_a_program_looks_the_same_in_every_figure(self, two_models):
        models = [two_models[two_models["model"] == "a"].assign(model=name) for name in ("x", "PyTorch", "framework")]
        looks = [
            {line.get_label().split(",")[0]: (line.get_color(), line.get_linestyle()) for line in lines}
            for lines in (
                means(pd.concat(models), "loss").lines,
                means(pd.concat(models[::-1]), "loss").lines,
                curve(pd.concat(models), "loss", by="model").lines,
            )
        ]
        for name in ("PyTorch", "framework"):
            assert len({look[name] for look in looks}) == 1
        assert len(set(looks[0].values())) == 3

    @pytest.mark.parametrize(("column", "label"), [("loss", "mean loss"), ("accuracy", "mean accuracy")])
    def test_names_its_axes_and_its_split(self, column, label):
        ax = means(pd.concat([history(model="a"), history(model="b")]), column, split="training")
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", label)
        assert ax.get_xlim() == (0, 6)
        assert ax.get_legend().get_title().get_text() == "training data"
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


def edges(collection):
    """Return lower and upper edge of a band, by epoch."""
    points = pd.DataFrame(collection.get_paths()[0].vertices, columns=["epoch", "value"]).groupby("epoch")["value"]
    return points.min().to_numpy(), points.max().to_numpy()


class TestBands:
    @pytest.mark.slow
    def test_they_are_those_of_seaborn(self, two_models):
        import seaborn as sns  # here: it takes a second

        one = two_models[(two_models["model"] == "a") & (two_models["split"] == "validation")]
        ax = bands(one, "loss")
        _, reference = plt.subplots()
        for errorbar in ("sd", ("ci", 95)):
            sns.lineplot(one, x="epoch", y="loss", errorbar=errorbar, seed=0, ax=reference)
        (std, interval), (their_std, their_interval) = ax.collections, reference.collections
        np.testing.assert_allclose(edges(std), edges(their_std))
        np.testing.assert_allclose(edges(interval), edges(their_interval), atol=0.02)  # both are drawn at random
        np.testing.assert_allclose(ax.lines[0].get_ydata(), reference.lines[0].get_ydata())

    def test_accuracies_stay_between_0_and_1(self, two_models):
        one = two_models[two_models["model"] == "a"].copy()
        one["accuracy"] = np.where(one["run"] == 0, 0.0, 1.0)
        low, high = edges(bands(one, "accuracy").collections[0])
        assert (low > 0).all()
        assert (high == 1).all()

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
        assert (len(ax.lines), len(ax.collections)) == (1, 2)


class TestMeanInterval:
    @pytest.mark.parametrize("runs", [10, 100, 1000])
    def test_is_about_two_standard_errors_to_each_side(self, runs):
        values = np.random.default_rng(runs).normal(size=runs)
        low, high = mean_interval(values, resamples=4000)
        assert low < values.mean() < high
        expected = 2 * 1.96 * values.std() / np.sqrt(runs)  # the bootstrap's standard deviation has ddof = 0
        assert high - low == pytest.approx(expected, rel=0.1)

    def test_takes_every_epoch_by_itself(self):
        values = np.random.default_rng(0).normal(size=(10, 3))
        low, high = mean_interval(values)
        for i in range(3):
            np.testing.assert_allclose((low[i], high[i]), mean_interval(values[:, i]))

    def test_has_no_width_where_all_runs_agree(self):
        low, high = mean_interval(np.full((5, 2), 0.25))
        np.testing.assert_allclose([low, high], 0.25)

    def test_is_the_same_every_time(self):
        values = np.random.default_rng(0).normal(size=10)
        assert mean_interval(values) == mean_interval(values)
        assert mean_interval(values) != mean_interval(values, seed=1)
