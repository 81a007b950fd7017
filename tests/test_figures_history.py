"""The figures of trainings: curves with bands, and the errors that runs end with, on histories that are known by heart."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from minidl.lab import figures

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


class TestCurve:
    @pytest.mark.parametrize(("column", "values"), [("loss", LOSS), ("accuracy", ACCURACY)])
    @pytest.mark.parametrize("runs", [1, 3])
    def test_a_line_for_each_split_the_mean_of_the_runs(self, column, values, runs):
        lines = figures.curve(history(runs), column).lines
        assert len(lines) == 2
        for line, (split, expected) in zip(lines, values.items(), strict=True):
            np.testing.assert_array_equal(line.get_xdata(), EPOCHS)
            np.testing.assert_allclose(line.get_ydata(), expected)
            assert line.get_label() == (split if runs == 1 else f"{split}, mean of {runs} runs")
            assert (line.get_color(), line.get_linestyle()) == (figures.COLOURS[split], figures.LINES[split])

    def test_the_bands_are_one_standard_deviation_to_each_side(self):
        runs = [0, 1, 2]
        band, _ = figures.curve(history(len(runs), spread=0.1), "loss").collections
        outline = pd.DataFrame(band.get_paths()[0].vertices).groupby(0)[1]
        np.testing.assert_allclose(outline.max(), LOSS["training"] + 0.1)  # of -0.1, 0 and 0.1
        np.testing.assert_allclose(outline.min(), LOSS["training"] - 0.1)
        assert "1 standard deviation" in band.get_label()

    def test_bands_stay_within_what_can_be(self):
        for column, low, high in (("loss", 0, np.inf), ("accuracy", 0, 1)):
            for band in figures.curve(history(3, spread=0.4), column).collections:
                heights = band.get_paths()[0].vertices[:, 1]
                assert low <= heights.min() < heights.max() <= high

    def test_one_run_has_no_band(self):
        assert not figures.curve(history(), "loss").collections

    def test_models_instead_of_splits(self):
        both = pd.concat([history(model="minidl"), history(model="PyTorch")])
        lines = figures.curve(both[both["split"] == "validation"], "loss", by="model").lines
        assert [line.get_label() for line in lines] == ["minidl", "PyTorch"]
        assert lines[0].get_linestyle() != lines[1].get_linestyle()

    def test_limits_and_labels(self):
        loss, accuracy = figures.training_history(history(), title="a title")
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
        assert figures.curve(low, "accuracy").get_ylim()[0] < low["accuracy"].min()


class TestFinalErrors:
    @pytest.fixture
    def both(self):
        """Return two models with 3 and 2 runs; the second was trained for half as many epochs."""
        second = history(2, model="second")
        return pd.concat([history(3, model="first"), second[second["epoch"] <= 3]])

    def test_a_row_for_each_model_with_every_run_and_the_mean(self, both):
        ax = figures.final_errors(both)
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
        circles, crosses, bars = figures.final_errors(both).lines
        assert len({line.get_marker() for line in (circles, crosses, bars)}) == 3
        assert {line.get_linestyle() for line in (circles, crosses, bars)} == {"None"}
        assert set(np.sign(circles.get_ydata() - np.rint(circles.get_ydata()))) == {-1}  # above the row's middle
        assert set(np.sign(crosses.get_ydata() - np.rint(crosses.get_ydata()))) == {1}

    def test_axes_and_legend(self, both):
        ax = figures.final_errors(both)
        assert ax.get_xscale() == "log"
        assert ax.get_xlabel() == "error, %"
        assert ax.get_xlim()[0] < 0.1
        assert ax.get_xlim()[1] > 50
        words = [text.get_text() for text in ax.get_legend().get_texts()]
        assert words == ["training data, each run", "validation data, each run", "validation data, mean"]

    def test_no_error_at_all_is_drawn_at_the_left_end(self, both):
        both["accuracy"] = 1.0
        ax = figures.final_errors(both)
        assert all((line.get_xdata() == 0.1).all() for line in ax.lines)
        assert ax.get_xticklabels()[0].get_text() == "≤ 0.1"

    def test_into_the_axes_given(self, both):
        _, (left, right) = plt.subplots(1, 2)
        assert figures.final_errors(both, ax=right) is right
        assert not left.lines


@pytest.mark.parametrize(("column", "label"), [("loss", "mean loss"), ("accuracy", "mean accuracy")])
def test_means_names_its_axes_and_its_split(column, label):
    ax = figures.means(pd.concat([history(model="a"), history(model="b")]), column, split="training")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", label)
    assert ax.get_xlim() == (0, 6)
    assert ax.get_legend().get_title().get_text() == "training data"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


@pytest.mark.parametrize(("column", "label"), [("loss", "mean loss per sample"), ("accuracy", "accuracy")])
def test_bands_name_their_axes(column, label):
    ax = figures.bands(history(4), column)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", label)
    assert ax.get_xlim() == (0, 6)
    assert (len(ax.lines), len(ax.collections)) == (1, 2)
