"""The figures that compare models and bands, on histories whose means and deviations are known."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import seaborn as sns
from matplotlib.colors import to_hex

from minidl.lab import figures

EPOCHS = 12


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def history():
    """Return two models' histories, 8 runs each: model "b" is model "a" plus 0.1, validation is training plus 1."""
    random = np.random.default_rng(1)
    base = random.normal(0.5, 0.1, size=(8, EPOCHS))
    rows = [
        {"model": model, "run": run, "epoch": epoch + 1, "split": split, "loss": value, "accuracy": value / 4}
        for model, shift in (("a", 0.0), ("b", 0.1))
        for split, more in (("training", 0.0), ("validation", 1.0))
        for run in range(8)
        for epoch, value in enumerate(base[run] + shift + more)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("column", ["loss", "accuracy"])
@pytest.mark.parametrize("split", ["training", "validation"])
def test_means_draws_the_mean_of_each_model(history, column, split):
    ax = figures.means(history, column, split=split)
    lines = {line.get_label(): line for line in ax.lines}
    assert list(lines) == ["a", "b"]
    for model, line in lines.items():
        rows = history[(history["model"] == model) & (history["split"] == split)]
        np.testing.assert_allclose(line.get_xdata(), np.arange(1, EPOCHS + 1))
        np.testing.assert_allclose(line.get_ydata(), rows.groupby("epoch")[column].mean())


def test_means_never_tells_lines_apart_by_colour_alone(history):
    models = [history[history["model"] == "a"].assign(model=str(number)) for number in range(len(figures.LOOKS))]
    lines = figures.means(pd.concat(models), "loss").lines
    assert len({to_hex(line.get_color()) for line in lines}) == len(lines)
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == len(lines)


def test_a_program_looks_the_same_in_every_figure(history):
    models = [history[history["model"] == "a"].assign(model=name) for name in ("x", "PyTorch", "framework")]
    looks = [
        {line.get_label().split(",")[0]: (line.get_color(), line.get_linestyle()) for line in lines}
        for lines in (
            figures.means(pd.concat(models), "loss").lines,
            figures.means(pd.concat(models[::-1]), "loss").lines,
            figures.curve(pd.concat(models), "loss", by="model").lines,
        )
    ]
    for name in ("PyTorch", "framework"):
        assert len({look[name] for look in looks}) == 1
    assert len(set(looks[0].values())) == 3


@pytest.mark.parametrize("draw", [figures.means, figures.bands])
def test_draws_into_the_axes_it_is_given(history, draw):
    _, (left, right) = plt.subplots(1, 2)
    assert draw(history[history["model"] == "a"], "loss", ax=right) is right
    assert right.lines
    assert not left.lines


def edges(collection):
    """Return lower and upper edge of a band, by epoch."""
    points = pd.DataFrame(collection.get_paths()[0].vertices, columns=["epoch", "value"]).groupby("epoch")["value"]
    return points.min().to_numpy(), points.max().to_numpy()


def test_bands_are_those_of_seaborn(history):
    one = history[(history["model"] == "a") & (history["split"] == "validation")]
    ax = figures.bands(one, "loss")
    _, reference = plt.subplots()
    for errorbar in ("sd", ("ci", 95)):
        sns.lineplot(one, x="epoch", y="loss", errorbar=errorbar, seed=0, ax=reference)
    (std, interval), (their_std, their_interval) = ax.collections, reference.collections
    np.testing.assert_allclose(edges(std), edges(their_std))
    np.testing.assert_allclose(edges(interval), edges(their_interval), atol=0.02)  # both are drawn at random
    np.testing.assert_allclose(ax.lines[0].get_ydata(), reference.lines[0].get_ydata())


def test_bands_of_accuracies_stay_between_0_and_1(history):
    one = history[history["model"] == "a"].copy()
    one["accuracy"] = np.where(one["run"] == 0, 0.0, 1.0)
    low, high = edges(figures.bands(one, "accuracy").collections[0])
    assert (low > 0).all()
    assert (high == 1).all()


def test_bands_say_what_they_are(history):
    legend = figures.bands(history[history["model"] == "a"], "loss").get_legend()
    texts = " ".join(text.get_text() for text in legend.get_texts())
    assert "standard deviation" in texts
    assert "95 % confidence interval of the mean" in texts
    assert "8 runs" in texts


class TestMeanInterval:
    @pytest.mark.parametrize("runs", [10, 100, 1000])
    def test_is_about_two_standard_errors_to_each_side(self, runs):
        values = np.random.default_rng(runs).normal(size=runs)
        low, high = figures.mean_interval(values, resamples=4000)
        assert low < values.mean() < high
        expected = 2 * 1.96 * values.std() / np.sqrt(runs)  # the bootstrap's standard deviation has ddof = 0
        assert high - low == pytest.approx(expected, rel=0.1)

    def test_takes_every_epoch_by_itself(self):
        values = np.random.default_rng(0).normal(size=(10, 3))
        low, high = figures.mean_interval(values)
        for i in range(3):
            np.testing.assert_allclose((low[i], high[i]), figures.mean_interval(values[:, i]))

    def test_has_no_width_where_all_runs_agree(self):
        low, high = figures.mean_interval(np.full((5, 2), 0.25))
        np.testing.assert_allclose([low, high], 0.25)

    def test_is_the_same_every_time(self):
        values = np.random.default_rng(0).normal(size=10)
        assert figures.mean_interval(values) == figures.mean_interval(values)
        assert figures.mean_interval(values) != figures.mean_interval(values, seed=1)
