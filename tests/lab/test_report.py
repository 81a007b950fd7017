"""Table 1 and Figures 1 to 3, from results made by hand."""

from __future__ import annotations

import json
import math
import statistics
import time
import xml.etree.ElementTree as ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from minidl.lab import report
from minidl.lab.experiment import Result, Setting
from minidl.lab.figures import save

NAMES = {
    report.FRAMEWORK: "Framework, as published",
    report.PYTORCH: "PyTorch, as published",
    report.WITH_SUM: "Framework, trained on the sum",
    report.SAME_START: "Framework, sum, PyTorch's initial weights",
}
MODELS = [*NAMES, *report.EXACT]
assert_equal = pd.testing.assert_frame_equal

pytestmark = pytest.mark.usefixtures("agg")


def make(runs=3, epochs=4, models=MODELS, seed=0):
    """Return a result of random numbers; only the first two settings were timed."""
    numbers = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [models, range(runs), range(1, epochs + 1), ["training", "validation"]],
        names=["model", "run", "epoch", "split"],
    )
    history = index.to_frame(index=False)
    growth = 1 - 0.5 * np.exp(-4 * history["epoch"] / epochs)
    for column in ("loss", "accuracy"):  # mean and standard deviation alike: many a band would leave what can be
        history[column] = (1 - growth) * numbers.exponential(0.7, len(history)).clip(0, 2)
    history["accuracy"] = 1 - history["accuracy"]
    last = history[history["epoch"] == epochs].pivot(index=["model", "run"], columns="split", values="accuracy")
    rows = last.loc[models].reset_index()
    rows.columns = ["model", "run", "training_accuracy", "validation_accuracy"]
    timed = rows["model"].isin(models[:2])
    rows["seconds"] = np.where(timed, numbers.uniform(5, 9, len(rows)), math.nan)
    return Result(history, rows)


def test_the_settings_are_those_of_the_report_and_the_two_that_explain_it():
    settings = report.settings()
    rest = {"lr": 0.001, "epochs": 1000, "batch_size": 50, "training_points": 1000, "validation_points": 1000}
    assert settings == [
        Setting("framework", "minidl", "Xavier sqrt 2", "batchmean", **rest),
        Setting("pytorch", "PyTorch", "PyTorch default", "sum", **rest),
        Setting("framework-sum", "minidl", "Xavier sqrt 2", "sum", **rest),
        Setting("framework-same-start", "minidl", "PyTorch default", "sum", **rest),
    ]
    assert {(s.epochs, s.seed) for s in report.settings(7, 3)} == {(7, 3)}
    theirs, ours = report.exact_settings(1000, 3)
    assert (theirs.framework, ours.framework) == ("PyTorch", "minidl")
    for setting in (theirs, ours):
        assert (setting.epochs, setting.seed, setting.dtype) == (50, 3, "float64")
        assert (setting.initial_weights, setting.reduction) == ("PyTorch default", "sum")
    assert {setting.epochs for setting in report.exact_settings(7)} == {7}


def validation(curves):
    """Return the history of these validation accuracies, {(model, run): [per epoch]}; those of training are all 1."""
    return pd.DataFrame(
        [
            {"model": model, "run": run, "epoch": epoch, "split": split, "loss": 0.0, "accuracy": value}
            for (model, run), values in curves.items()
            for epoch, accuracy in enumerate(values, 1)
            for split, value in (("training", 1.0), ("validation", accuracy))
        ]
    )


def test_epochs_to_share_of_the_final_accuracy():
    history = validation(
        {
            ("b", 0): [0.5, 0.92, 0.931, 0.97, 0.98],  # reaches exactly the share
            ("b", 1): [0.5, 0.96, 0.5, 0.5, 1.0],  # the first time counts
            ("a", 0): [0.1, 0.6, 0.9, 0.1, 0.5],  # the final accuracy counts, not the best
            ("a", 1): [0.1, 0.2, 0.3, 0.4, 0.5],  # never before the end
            ("a", 2): [0.0, 0.0, 0.0, 0.0, 0.0],
        }
    )
    assert report.epochs_to_share(history).to_dict() == {
        ("b", 0): 3,
        ("b", 1): 2,
        ("a", 0): 2,
        ("a", 1): 5,
        ("a", 2): 1,
    }
    assert report.epochs_to_share(history, 0.5)["b", 0] == 1
    assert report.epochs_to_share(history, 0.5)["a", 1] == 3


def test_table_1_against_arithmetic_by_hand():
    result = make()
    table = report.table_1(result).set_index("model")
    assert list(table.index) == list(NAMES.values())
    rows = result.runs.to_dict("records")
    means = {}
    for model, label in NAMES.items():
        accuracies = [row["validation_accuracy"] for row in rows if row["model"] == model]
        seconds = [row["seconds"] for row in rows if row["model"] == model]
        epochs = []
        for run in range(3):
            values = [
                row["accuracy"]
                for row in result.history.to_dict("records")
                if (row["model"], row["run"], row["split"]) == (model, run, "validation")
            ]
            epochs.append(next(i for i, value in enumerate(values, 1) if value >= 0.95 * values[-1]))
        row = table.loc[label]
        means[model] = statistics.mean(seconds)
        assert row["runs"] == 3
        assert row["accuracy_mean"] == pytest.approx(statistics.mean(accuracies), abs=1e-12)
        assert row["accuracy_std"] == pytest.approx(statistics.stdev(accuracies), abs=1e-12)
        assert row["seconds_mean"] == pytest.approx(means[model], abs=1e-12, nan_ok=True)
        assert (row["epochs_median"], row["epochs_min"], row["epochs_max"]) == (
            statistics.median(epochs),
            min(epochs),
            max(epochs),
        )
    ratios = [means["framework"] / means["pytorch"], 1, math.nan, math.nan]
    assert table["time_ratio"].tolist() == pytest.approx(ratios, abs=1e-12, nan_ok=True)


def test_table_1_has_the_published_numbers_beside_the_measured():
    table = report.table_1(make()).set_index("model")
    published = table.filter(like="published")
    ours, theirs, *others = published.to_numpy().tolist()
    assert list(published.columns) == [
        "published_accuracy_mean",
        "published_accuracy_std",
        "published_seconds_mean",
        "published_seconds_std",
        "published_time_ratio",
    ]
    assert ours == [0.9699, 0.0093, 13.16, 0.75, 13.16 / 12.87]
    assert theirs == [0.9717, 0.0072, 12.87, 0.92, 1]
    assert all(math.isnan(value) for row in others for value in row)


def test_table_1_of_runs_trained_in_one_pass_has_no_times():
    result = make()
    result.runs["seconds"] = math.nan
    table = report.table_1(result)
    assert table[["seconds_mean", "seconds_std", "time_ratio"]].isna().all(axis=None)
    assert (report.readable(table)["training time (s)"] == "–").all()


def test_the_readable_table_and_its_markdown():
    result = make()
    table = report.table_1(result)
    readable = report.readable(table)
    assert list(readable["model"]) == list(NAMES.values())
    first, third = readable.iloc[0], readable.iloc[2]
    numbers = table.iloc[0]
    assert first["test accuracy"] == f"{numbers['accuracy_mean']:.4f} ± {numbers['accuracy_std']:.4f}"
    assert first["in the report"] == "0.9699 ± 0.0093"
    assert first["training time (s)"] == f"{numbers['seconds_mean']:.2f} ± {numbers['seconds_std']:.2f}"
    assert first["in the report (s)"] == "13.16 ± 0.75"
    assert first["times PyTorch's"] == f"{numbers['time_ratio']:.2f}"
    assert first["times PyTorch's, in the report"] == "1.02"
    assert first["epochs to 95 %"] == "{epochs_median:.0f} [{epochs_min}, {epochs_max}]".format(**numbers)
    assert third[["in the report", "training time (s)", "in the report (s)", "times PyTorch's"]].tolist() == ["–"] * 4
    lines = report.markdown(readable).split("\n")
    assert len(lines) == 2 + 4
    assert len({len(line) for line in lines}) == 1
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == list(readable.columns)
    assert {cell.rstrip("-") for cell in cells[1]} == {":"}  # to the left
    assert cells[2:] == readable.to_numpy().tolist()


def test_a_single_run_has_no_deviation():
    readable = report.readable(report.table_1(make(runs=1)))
    assert not [cell for cell in readable["test accuracy"] if "±" in cell or "nan" in cell]


def test_the_difference_of_curves():
    one = make(models=["a"]).history
    other = one.assign(model="b", loss=one["loss"] + 0.01)
    place = (other["run"] == 1) & (other["epoch"] == 3) & (other["split"] == "training")
    other.loc[place, "loss"] -= 0.31
    other.loc[(other["run"] == 0) & (other["epoch"] == 2), "accuracy"] += 0.6
    other.loc[(other["run"] == 1) & (other["epoch"] == 2), "accuracy"] -= 0.3
    history = pd.concat([other, one], ignore_index=True)
    singly = report.difference_of_curves(history, "a", "b")
    assert singly.to_dict() == pytest.approx({"loss": 0.3, "accuracy": 0.6}, abs=1e-12)
    of_means = report.difference_of_curves(history, "a", "b", of_means=True)
    assert of_means.to_dict() == pytest.approx({"loss": 0.31 / 3 - 0.01, "accuracy": 0.1}, abs=1e-12)
    assert report.difference_of_curves(history, "b", "b").tolist() == [0, 0]


def test_the_sentence_about_the_same_curves():
    history = make().history
    theirs = history[history["model"] == report.EXACT[0]]
    history = history[history["model"] != report.EXACT[1]]
    history = pd.concat([history, theirs.assign(model=report.EXACT[1], loss=theirs["loss"] + 3e-13)])
    means = report.difference_of_curves(history, report.PYTORCH, report.SAME_START, of_means=True)
    words = report.same_curves(history)
    assert "3e-13 through 4 epochs" in words
    assert f"{means['loss']:.3f} in the loss and {means['accuracy']:.3f} in the accuracy" in words


@pytest.mark.slow
def test_everything_is_written_and_can_be_read(tmp_path):
    result = make()
    paths = report.write(result, tmp_path / "new" / "report")
    figures = [f"figure_{number}.{ending}" for number in (1, 2, 3) for ending in ("png", "pdf", "svg")]
    tables = ["history.csv", "runs.csv", "table_1.csv", "table_1.md", "environment.json"]
    assert [path.name for path in paths] == tables + figures
    assert sorted(path for path in (tmp_path / "new" / "report").iterdir()) == sorted(paths)
    files = {path.name: path for path in paths}
    for name, table in {"history": result.history, "runs": result.runs, "table_1": report.table_1(result)}.items():
        floats = dict.fromkeys(table.select_dtypes("float").columns, lambda text: float(text or "nan"))
        read = pd.read_csv(files[f"{name}.csv"], converters=floats)  # pandas' own reader rounds, in older versions
        assert_equal(read, table, check_dtype=False, rtol=0, atol=0)
    assert files["table_1.md"].read_text(encoding="utf-8").startswith("| model ")
    assert {"minidl", "torch", "python", "machine"} <= json.loads(files["environment.json"].read_text()).keys()
    for name in figures:
        content = files[name].read_bytes()
        if name.endswith("png"):
            height, width, _ = plt.imread(files[name]).shape
            assert width > 2 * height > 1000
            assert len(content) < 150_000
        elif name.endswith("pdf"):
            assert content.startswith(b"%PDF")
        else:
            assert ElementTree.fromstring(content).tag.endswith("svg")
        assert b"\r\n" not in content or not name.endswith("svg")
    assert not plt.get_fignums(), "figures were left open"
    left, _ = report.figure_1(make().history)
    (again,) = save(left.figure, tmp_path / "figure_1", ["svg"])
    assert again.read_bytes() == files[again.name].read_bytes(), "a figure differs the second time"


FIGURES = {1: report.figure_1, 2: report.figure_2, 3: report.figure_3}


@pytest.fixture(scope="module")
def full():
    """Return the history of a full report: 10 runs of 1000 epochs of four settings, 80,000 rows."""
    history = make(runs=10, epochs=1000, models=list(NAMES)).history
    assert len(history) == 80_000
    return history


class TestFigures:
    @pytest.mark.parametrize("number", FIGURES)
    def test_one_title_one_legend_and_equal_axes(self, number):
        history = make().history
        axes = FIGURES[number](history, epochs="linear")
        left, right = axes[:2]
        assert left.get_title(loc="left").startswith(f"Figure {number}  ")
        judged_on = ", validation" if number == 3 else ""
        shown = [one.texts[0].get_text() for one in axes[:2]]
        assert shown == [f"mean loss per sample{judged_on}", f"accuracy{judged_on}"]
        assert {one.get_xlim() for one in axes} == {(0, 4)}
        assert [bool(one.get_legend()) for one in axes] == [True] + [False] * (len(axes) - 1)
        first_left, first_right = report.figure_1(history)
        assert left.get_ylim() == pytest.approx(first_left.get_ylim())
        assert right.get_ylim() == pytest.approx(first_right.get_ylim())
        assert left.get_xscale() == right.get_xscale() == "linear"
        assert first_left.get_xscale() == "log"

    def test_the_numbers_in_the_titles_are_computed(self):
        history = make().history
        epochs = report.epochs_to_share(history)
        for draw, model in ((report.figure_1, report.FRAMEWORK), (report.figure_2, report.PYTORCH)):
            title = draw(history)[0].get_title(loc="left")
            assert f" {epochs[model].median():.0f} epochs" in title
            marked = draw(history)[1]
            assert marked.lines[-1].get_xdata() == [round(epochs[model].median())] * 2
            assert f"epoch {epochs[model].median():.0f}: 95 % of the" in marked.texts[-1].get_text()
        assert f"divided by {report.settings()[0].batch_size}" in report.figure_1(history)[0].get_title(loc="left")

    @pytest.mark.parametrize("number", FIGURES)
    def test_lines_are_means_and_everything_is_within_view(self, number):
        history = make().history
        model = {1: report.FRAMEWORK, 2: report.PYTORCH, 3: report.SAME_START}[number]
        label = "framework, PyTorch's loss and start" if number == 3 else "validation, mean ± 1 standard deviation"
        for axes, column in zip(FIGURES[number](history)[:2], ("loss", "accuracy"), strict=True):
            (line,) = (line for line in axes.lines if line.get_label() == label)
            rows = [row for row in history.to_dict("records") if (row["model"], row["split"]) == (model, "validation")]
            means = [statistics.mean(row[column] for row in rows if row["epoch"] == e) for e in range(1, 5)]
            assert line.get_xdata().tolist() == [1, 2, 3, 4]
            assert line.get_ydata().tolist() == pytest.approx(means, abs=1e-12)
            low, high = axes.get_ylim()
            assert low < min(means)
            assert max(means) < high

    def test_in_grey_the_programs_of_figure_3_are_told_apart(self):
        lines = report.figure_3(make().history)[0].lines
        assert len({(line.get_linewidth(), line.get_linestyle()) for line in lines}) == 3

    def test_a_single_run_has_lines_and_no_band(self):
        loss, accuracy = report.figure_1(make(runs=1).history)
        assert (len(loss.lines), len(accuracy.lines)) == (2, 3), "in the accuracy, an epoch is marked"
        assert not loss.collections
        assert not accuracy.collections
        words = [text.get_text() for text in report.figure_1(make(runs=1).history)[0].get_legend().get_texts()]
        assert words == ["validation", "training"]

    @pytest.mark.parametrize("number", FIGURES)
    def test_axes_of_your_own(self, number):
        figure, own = plt.subplots(3 if number == 3 else 2, 1)
        drawn = FIGURES[number](make().history, ax=own)
        assert list(drawn) == list(own)
        assert plt.get_fignums() == [figure.number]

    @pytest.mark.slow
    def test_eighty_thousand_rows_take_less_than_two_seconds(self, full):
        report.figure_1(full)  # the first figure loads fonts, and seaborn
        for draw in FIGURES.values():
            for _ in range(3):  # the best of three: other programs slow this one down
                start = time.process_time()
                axes = draw(full)
                axes[0].figure.canvas.draw()
                if (seconds := time.process_time() - start) < 2:
                    break
            assert seconds < 2
