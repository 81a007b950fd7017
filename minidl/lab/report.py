"""The course report's Table 1 and its Figures 1 and 2, measured anew, and Figure 3, which answers its question.

The report compared a hand-written framework with PyTorch and found that PyTorch needs far fewer epochs. ``settings`` lists
the two trainings that it ran, and the two that tell why: the framework on the sum of the squared errors, as PyTorch had it,
and the framework from PyTorch's own initial weights.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from matplotlib.axes import Axes

from minidl.lab import figures
from minidl.lab.arguments import check_choice, check_whole, checked
from minidl.lab.experiment import Record, RecordError, Result, Setting, run_experiments, versions
from minidl.lab.figures.history import check_table
from minidl.lab.figures.style import PALE
from minidl.lab.folder import why_not_writable
from minidl.lab.training import COLUMNS

FRAMEWORK, PYTORCH, WITH_SUM, SAME_START = "framework", "pytorch", "framework-sum", "framework-same-start"
EXACT = ("pytorch-float64", "framework-float64")  # the same start once more, without float32's rounding
EXACT_EPOCHS = 50
LABELS = {
    FRAMEWORK: "Framework, as published",
    PYTORCH: "PyTorch, as published",
    WITH_SUM: "Framework, trained on the sum",
    SAME_START: "Framework, sum, PyTorch's initial weights",
}
PUBLISHED = {  # the report's Table 1: mean and standard deviation over 10 runs; seconds on its authors' machine
    FRAMEWORK: {"accuracy": (0.9699, 0.0093), "seconds": (13.16, 0.75)},
    PYTORCH: {"accuracy": (0.9717, 0.0072), "seconds": (12.87, 0.92)},
}
SHARE = 0.95  # "epochs to 95 %": until the validation accuracy first reaches this share of its final value


def settings(epochs: int = 1000, seed: int = 0) -> list[Setting]:
    """Return the four settings of Table 1; see the module's text.

    The rest is the report's: lr 0.001, batches of 50, 1000 + 1000 points.

    The report's framework divided the gradients by the batch size, which is what "batchmean" does, and started every layer
    Xavier-normal with gain sqrt(2).
    """
    common = {"epochs": epochs, "seed": seed}
    return [
        Setting(FRAMEWORK, "minidl", "Xavier sqrt 2", "batchmean", **common),
        Setting(PYTORCH, "PyTorch", "PyTorch default", "sum", **common),
        Setting(WITH_SUM, "minidl", "Xavier sqrt 2", "sum", **common),
        Setting(SAME_START, "minidl", "PyTorch default", "sum", **common),
    ]


def exact_settings(epochs: int = 1000, seed: int = 0) -> list[Setting]:
    """Return PyTorch as published and the framework from the same start, in float64 and for at most 50 epochs.

    In float32 the two part by rounding: once a hidden unit is on in one and off in the other, single runs go their own ways.
    """
    common = {"epochs": min(epochs, EXACT_EPOCHS), "seed": seed, "dtype": "float64"}
    weights = "PyTorch default"
    return [Setting(name, kind, weights, **common) for name, kind in zip(EXACT, ("PyTorch", "minidl"), strict=True)]


@checked
def run(
    *,
    runs: int = 10,
    epochs: int = 1000,
    seed: int = 0,
    timed: Sequence[str] = (FRAMEWORK, PYTORCH),
    folder: str | Path | None = None,
    progress: bool = True,
) -> Result:
    """Train all settings, or load what ``folder`` has of them, and return histories and final results.

    The settings named in ``timed``, by default the two published ones, are trained run by run, taking turns, on one thread,
    and timed; all others in as few passes as possible, after them on two threads.
    """
    if unknown := set(timed) - set(LABELS):
        raise ValueError(f"run expected timed to name settings among {list(LABELS)}, got {sorted(unknown)}")
    everything = settings(epochs, seed) + exact_settings(epochs, seed)
    one_by_one = [setting for setting in everything if setting.name in timed]
    stacked = [setting for setting in everything if setting.name not in timed]
    threads = torch.get_num_threads()
    parts = []
    try:
        torch.set_num_threads(1)  # the matrices are small: more threads only wait for each other, and times would vary
        if one_by_one:
            parts.append(run_experiments(one_by_one, runs, folder=folder, progress=progress))
            # who measures times leaves the machine alone, and a stack is large enough for two threads
            torch.set_num_threads(min(2, threads))
        parts.append(run_experiments(stacked, runs, stacked=True, folder=folder, progress=progress))
    finally:
        torch.set_num_threads(threads)
    order = {setting.name: i for i, setting in enumerate(everything)}
    return Result(
        *(
            pd.concat(tables).sort_values("model", key=lambda names: names.map(order), kind="stable", ignore_index=True)
            for tables in zip(*parts, strict=True)
        )
    )


class Found(NamedTuple):
    """What ``load_or_train`` gives: the result, the folder that records it if one does, and in words where it came from."""

    result: Result
    folder: Path | None
    words: str


@checked
def load_or_train(
    folder: str | Path = "report", *, runs: int = 10, epochs: int = 1000, seed: int = 0, progress: bool = True
) -> Found:
    """Load what ``folder`` records of all settings; train what is missing in one pass per setting, and record it there.

    A complete record of a setting run by run, as ``python -m minidl report`` leaves it of the published ones, goes before one
    of runs trained in one pass, because it has times. Where ``folder`` records other epochs or another seed, it is left
    alone and a folder inside it is used; where it cannot be written, none is. ``words`` then says why.

    Raises
    ------
    RecordError
        If the record of a run is damaged.
    """
    check_whole("load_or_train", "runs", runs)
    folder, words = Path(folder), []
    compared, exact = settings(epochs, seed), exact_settings(epochs, seed)
    if why := why_not_writable(folder):
        result = run(runs=runs, epochs=epochs, seed=seed, timed=(), progress=progress)
        return Found(
            result,
            None,
            f"Trained just now, and not recorded: {why} cannot be written. Choose another folder to keep it.",
        )
    ways = [(setting, stacked) for setting in compared for stacked in (False, True)] + [(s, True) for s in exact]
    try:
        for way in ways:
            Record(*way, folder).load(0)
    except RecordError as error:
        folder = folder / f"epochs-{epochs}-seed-{seed}"
        words.append(f"{error} Until then, this experiment has a folder of its own.")
    recorded = {way: len(Record(*way, folder).load(runs)) for way in ways}
    timed = [setting.name for setting in compared if recorded[setting, False] == runs]
    missing = any(recorded[setting, setting.name not in timed] < runs for setting in compared + exact)
    result = run(runs=runs, epochs=epochs, seed=seed, timed=timed, folder=folder, progress=progress)
    words.append(f"Trained just now, recorded in {folder}." if missing else f"Loaded from {folder}.")
    words.append(
        f"Trained run by run, and timed: {', '.join(LABELS[name] for name in timed)}."
        if timed
        else "All runs of a setting were trained in one pass, which gives no training times."
    )
    return Found(result, folder, " ".join(words))


@checked
def epochs_to_share(history: pd.DataFrame, share: float = SHARE) -> pd.Series:
    """Return, for every model and run, the first epoch whose validation accuracy reaches ``share`` of the final one."""
    validation = history[history["split"] == "validation"]
    final = validation.groupby(["model", "run"])["accuracy"].transform("last")
    reached = validation[validation["accuracy"] >= share * final]
    return reached.groupby(["model", "run"], sort=False)["epoch"].min()


@checked
def table_1(result: Result) -> pd.DataFrame:
    """Return Table 1, the report's own numbers beside the measured ones.

    One row per setting, with mean and standard deviation (ddof = 1) over the runs of the validation accuracy, which the report
    calls test accuracy, and of the training time in seconds; the time's ratio to PyTorch's; and the median, smallest and
    largest number of epochs to 95 % of the final accuracy. NaN where nothing was measured or published.
    """
    check_table("table_1", result.history, *COLUMNS)
    check_table("table_1", result.runs, "model", "validation_accuracy", "seconds")
    result = Result(*(part[part["model"].isin(list(LABELS))] for part in result))
    by_model = result.runs.groupby("model", sort=False)
    accuracy, seconds = by_model["validation_accuracy"], by_model["seconds"]
    epochs = epochs_to_share(result.history).groupby("model", sort=False)
    table = pd.DataFrame(
        {
            "runs": by_model.size(),
            "accuracy_mean": accuracy.mean(),
            "accuracy_std": accuracy.std(),
            "seconds_mean": seconds.mean(),
            "seconds_std": seconds.std(),
            "time_ratio": seconds.mean() / seconds.mean().get(PYTORCH, float("nan")),
            "epochs_median": epochs.median(),
            "epochs_min": epochs.min(),
            "epochs_max": epochs.max(),
        }
    )
    for column in ("accuracy", "seconds"):
        for i, statistic in enumerate(("mean", "std")):
            published = {model: values[column][i] for model, values in PUBLISHED.items()}
            table[f"published_{column}_{statistic}"] = table.index.map(published)
    ratio = PUBLISHED[FRAMEWORK]["seconds"][0] / PUBLISHED[PYTORCH]["seconds"][0]
    table["published_time_ratio"] = table.index.map({FRAMEWORK: ratio, PYTORCH: 1.0})
    table.index = table.index.map(LABELS).rename("model")
    return table.reset_index()


@checked
def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return Table 1 as people print it: "mean ± std" in one column, a dash where there is nothing."""
    needed = [f"{who}{name}_mean" for who in ("", "published_") for name in ("accuracy", "seconds")]
    check_table("readable", table, "model", *needed, "time_ratio", "epochs_median")

    def pair(row: pd.Series, name: str, digits: int) -> str:
        mean, std = row[f"{name}_mean"], row[f"{name}_std"]
        if pd.isna(mean):
            return "–"
        return f"{mean:.{digits}f}" + ("" if pd.isna(std) else f" ± {std:.{digits}f}")

    def number(value: float) -> str:
        return "–" if pd.isna(value) else f"{value:.2f}"

    rows = [
        {
            "model": row["model"],
            "test accuracy": pair(row, "accuracy", 4),
            "in the report": pair(row, "published_accuracy", 4),
            "training time (s)": pair(row, "seconds", 2),
            "in the report (s)": pair(row, "published_seconds", 2),
            "times PyTorch's": number(row["time_ratio"]),
            "times PyTorch's, in the report": number(row["published_time_ratio"]),
            "epochs to 95 %": f"{row['epochs_median']:.0f} [{row['epochs_min']:.0f}, {row['epochs_max']:.0f}]",
        }
        for _, row in table.iterrows()
    ]
    return pd.DataFrame(rows)


@checked
def markdown(table: pd.DataFrame) -> str:
    """Return a table of strings as Markdown, its columns aligned."""
    return table.to_markdown(index=False, disable_numparse=True)  # strings stay as they are: 1.00 would become 1


@checked
def difference_of_curves(history: pd.DataFrame, first: str, second: str, *, of_means: bool = False) -> pd.Series:
    """Return the largest difference of two settings' curves, in the loss and in the accuracy.

    Of every run, epoch and split; or, with ``of_means``, of the means over the runs, the lines of a figure.
    """
    check_table("difference_of_curves", history, *COLUMNS)
    for name, model in (("first", first), ("second", second)):
        check_choice("difference_of_curves", name, model, list(history["model"].unique()))
    keys = ["epoch", "split"] if of_means else ["run", "epoch", "split"]
    one, other = (
        history[history["model"] == name].groupby(keys)[["loss", "accuracy"]].mean() for name in (first, second)
    )
    return (one - other).abs().max()


@checked
def same_curves(history: pd.DataFrame) -> str:
    """Say in words how close minidl and PyTorch are from the same initial weights."""
    exact = difference_of_curves(history, *EXACT)["loss"]
    epochs = history[history["model"] == EXACT[0]]["epoch"].max()
    means = difference_of_curves(history, PYTORCH, SAME_START, of_means=True)
    return (
        f"From the same initial weights and on the same loss, PyTorch and minidl draw the same curve: in float64 the losses "
        f"of all runs differ by at most {exact:.0e} through {epochs} epochs; in float32, where rounding sets single runs "
        f"apart, the mean curves of Figure 3 differ by at most {means['loss']:.3f} in the loss and {means['accuracy']:.3f} in "
        f"the accuracy."
    )


@checked
def figure_1(history: pd.DataFrame, *, epochs: str = "log", ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw the report's Figure 1, the training history of the framework as published; ``epochs`` is "log" or "linear"."""
    why = f"each step is divided by {settings()[0].batch_size}"
    return _history_of(history, FRAMEWORK, f"Figure 1  The framework needs {{}} epochs: {why}", epochs, ax)


@checked
def figure_2(history: pd.DataFrame, *, epochs: str = "log", ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw the report's Figure 2, the training history of the PyTorch model as published, on the axes of Figure 1."""
    return _history_of(history, PYTORCH, "Figure 2  PyTorch, which divides nothing, needs {} epochs", epochs, ax)


@checked
def figure_3(history: pd.DataFrame, *, epochs: str = "log", ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw PyTorch and minidl on the same loss from the same initial weights, and how far they are apart: three axes."""
    check_table("figure_3", history, *COLUMNS)
    ax = figures.new_row(3, ax)
    names = {FRAMEWORK: "framework, as in Figure 1", PYTORCH: "PyTorch", SAME_START: "minidl, same loss, same start"}
    shown = pd.concat(history[history["model"] == model].assign(model=name) for model, name in names.items())
    title = "Figure 3  The same loss and the same start: the same curve"
    looks = {"PyTorch": PALE, names[FRAMEWORK]: {"linestyle": "--"}}
    asked = {"epochs": epochs, "limits": _limits(history), "ax": ax[:2]}
    figures.training_history(shown, looks=looks, title=title, **asked)
    recorded = set(history["model"])  # 64 bits are not in every record
    pairs = {"32 bits": (PYTORCH, SAME_START)} | ({"64 bits": EXACT} if recorded.issuperset(EXACT) else {})
    figures.differences(history, pairs, epochs=epochs, ax=ax[2])
    return ax


def _history_of(
    history: pd.DataFrame, model: str, title: str, epochs: str, ax: Sequence[Axes] | None
) -> Sequence[Axes]:
    """Draw one model's history, its title completed by the epochs to SHARE of the end: the median of its runs."""
    check_table("a figure of the report", history, *COLUMNS)
    part = history[history["model"] == model]
    title = title.format(f"{epochs_to_share(part).median():.0f}")
    return figures.training_history(part, title=title, epochs=epochs, limits=_limits(history), ax=ax)


def _limits(history: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Return the limits that hold the mean curves of all models, so that Figures 1 to 3 can be compared by eye."""
    compared = history[history["model"].isin(list(LABELS))]
    curves = compared.groupby(["model", "split", "epoch"])[["loss", "accuracy"]].mean()
    (low, least), (high, _) = curves.min(), curves.max()
    return {"loss": (0.8 * float(low), 1.3 * float(high)), "accuracy": (0.9 * float(least), 1.0)}


@checked
def write(result: Result, folder: str | Path | None) -> list[Path]:
    """Write history, Table 1 (CSV, Markdown), Figures 1 to 3 (PNG, PDF, SVG) and the environment; return the paths.

    Every file is there as a whole or not at all, even if somebody else writes to the same folder. Without a folder, nothing is
    written.
    """
    if folder is None:
        return []
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".report-", dir=folder) as made:
        return [path.replace(folder / path.name) for path in _write(result, Path(made))]


def _write(result: Result, folder: Path) -> list[Path]:
    import matplotlib.pyplot as plt

    table = table_1(result)
    texts = {
        "history.csv": result.history.to_csv(index=False, lineterminator="\n"),
        "runs.csv": result.runs.to_csv(index=False, lineterminator="\n"),
        "table_1.csv": table.to_csv(index=False, lineterminator="\n"),
        "table_1.md": markdown(readable(table)) + "\n",
        "environment.json": json.dumps(versions(), indent=2) + "\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    paths = [folder / name for name in texts]
    for number, draw in enumerate((figure_1, figure_2, figure_3), 1):
        axes = draw(result.history)
        paths += figures.save(axes[0].figure, folder / f"figure_{number}")
        plt.close(axes[0].figure)
    return paths
