"""What happened in trainings: loss and accuracy against epoch, several runs and models, and how they ended.

Each takes a history with the columns of ``minidl.lab.training.train``: model, run, epoch, split, loss, accuracy. The lines and
bands are seaborn's. Beyond MANY epochs, neighbouring ones are averaged, and the axis says so.

seaborn takes a second to import, and not every notebook draws with it: the functions that do import it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from minidl.lab.arguments import check_choice
from minidl.lab.figures.style import (
    BLUE,
    COLOURS,
    LINES,
    LOOKS,
    NARROW,
    PALE,
    RED,
    WIDE,
    in_style,
    new_axes,
    new_row,
    plain_logarithm,
)

VALUES = ("loss", "accuracy", "error")  # an error is 1 - accuracy, where a table has it
WORDS = {"loss": "mean loss per sample", "difference": "largest difference in loss so far, each run"}
MANY, POINTS = 300, 80  # epochs that a figure can show one by one; points of a line that has more
TITLE_ROOM = 42  # points between a pair's title and its axes: the legend stands there
SINGLE = {"units": "run", "estimator": None}  # for seaborn: a line for each run


def check_table(owner: str, table: pd.DataFrame, *columns: str) -> None:
    """Raise TypeError or ValueError unless a table has these columns, with something in them, and numbers where needed."""
    missing = [column for column in columns if column not in table.columns]
    if missing or not len(table):
        got = f"no {missing[0]}" if missing else "no rows"
        raise ValueError(f"{owner} expected a table with rows and the columns {', '.join(columns)}, got {got}")
    for column in {"epoch", *VALUES} & {*columns}:
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise TypeError(f"{owner} expected numbers in the column {column}, got {table[column].dtype}")


def _of_split(owner: str, history: pd.DataFrame, column: str, split: str | None = None) -> pd.DataFrame:
    """Return what a history holds of one split, by default the one besides training, to draw one column of it."""
    check_choice(owner, "column", column, VALUES)
    check_table(owner, history, "model", "run", "epoch", "split", column)
    splits = list(history["split"].unique())
    others = [name for name in splits if name != "training"] if split is None else [split]
    if len(others) != 1:
        raise ValueError(f"{owner} expected one split besides training, or split to name one, got {splits}")
    check_choice(owner, "split", others[0], splits)
    return history[history["split"] == others[0]]


def _binned(history: pd.DataFrame, epochs: str) -> tuple[pd.DataFrame, str]:
    """Average neighbouring epochs where there are too many to be told apart; return the words for the axis too."""
    epoch, last = history["epoch"], int(history["epoch"].max())
    if last <= MANY:
        return history, "epoch"
    position = np.log(epoch) / math.log(last) if epochs == "log" else epoch / last
    bins = history.assign(bin=(position * POINTS).round()).groupby(["model", "run", "split", "bin"], sort=False)
    words = f"epoch\n(a point is the mean of up to {bins.size().max()} epochs)"
    return bins[
        [column for column in ("epoch", *VALUES, "difference") if column in history]
    ].mean().reset_index(), words


def _sd(values: pd.Series, most: float) -> tuple[float, float]:
    """Return mean ± standard deviation (ddof = 1, as seaborn's "sd"), but no less than 0 and no more than can be."""
    mean, std = values.mean(), values.std()
    return max(mean - std, 0.0), min(mean + std, most)


def _lines(
    owner: str,
    ax: Axes,
    history: pd.DataFrame,
    column: str,
    lines: Iterable[tuple[str, str, dict[str, Any]]],
    epochs: str = "linear",
    limits: Sequence[float] | None = None,
) -> Axes:
    """Draw means of the runs against epoch. A line is a column to choose rows by, what stands there, and seaborn's options."""
    import seaborn as sns

    check_choice(owner, "epochs", epochs, ("linear", "log"))
    if limits and not -math.inf < limits[0] < limits[1] < math.inf:
        raise ValueError(f"{owner} expected limits to be two finite numbers, the smaller one first, got {limits}")
    last, start = max(int(history["epoch"].max()), 2), 1 if epochs == "log" else 0
    history, words = _binned(history, epochs)
    for by, value, options in lines:
        options = {"errorbar": None, "legend": False} | options
        if options["errorbar"] == "sd":
            options["errorbar"] = partial(_sd, most=math.inf if column in WORDS else 1.0)
        sns.lineplot(history[history[by] == value], x="epoch", y=column, ax=ax, **options)
    ax.set(xlabel=words, xscale=epochs, xlim=(start, last), ylabel=WORDS.get(column, column))
    if column in WORDS:
        ax.set_yscale("log")
    else:
        ax.yaxis.set_major_formatter(lambda y, _: f"{100 * y:.4g} %")
    if limits:
        ax.set_ylim(limits)
    plain_logarithm(*(axis for axis in (ax.xaxis, ax.yaxis) if axis.get_scale() == "log"))
    return ax


@in_style
def curve(
    history: pd.DataFrame,
    column: str,
    *,
    epochs: str = "linear",
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one model's loss, accuracy or error against epoch: each run, the mean with its spread, and training's mean.

    On validation data, or whatever else it was judged by, every run is a thin line, and their mean a bold one with a band of
    ± one standard deviation, which never leaves what can be. The mean on training data is thin and dashed. Losses have a
    logarithmic axis, the others percent; ``epochs`` is "linear" or "log", and ``limits`` are those of the values.
    """
    check_choice("curve", "column", column, VALUES)
    check_table("curve", history, "model", "run", "epoch", "split", column)
    runs, lines = history["run"].nunique(), []
    for split in sorted(history["split"].unique(), key=lambda split: split == "training"):
        mean = f"{split}, mean" if runs > 1 else split
        if split == "training":
            look = {"color": "black", "linestyle": "--", "linewidth": 1.3, "zorder": 3}
            lines.append(("split", split, {**look, "label": mean}))
            continue
        spread = {
            "errorbar": "sd",
            "err_kws": {"alpha": 0.16, "linewidth": 0},
            "label": f"{mean} ± 1 standard deviation",
        }
        lines.append(("split", split, {"color": RED, "linewidth": 2.6, "label": mean} | (spread if runs > 1 else {})))
        if runs > 1:
            look = {"color": RED, "linewidth": 0.6, "alpha": 0.45, "label": f"each of {runs} runs"}
            lines.append(("split", split, SINGLE | look))
    ax = _lines("curve", new_axes(ax), history, column, lines, epochs, limits)
    ax.legend(*_handles(ax), fontsize="small")
    return ax


@in_style
def training_history(
    history: pd.DataFrame,
    *,
    title: str = "",
    epochs: str = "linear",
    limits: dict[str, tuple[float, float]] | None = None,
    ax: Sequence[Axes] | None = None,
) -> Sequence[Axes]:
    """Draw a training's loss (left) and accuracy (right) against epoch; see ``curve``. Takes and returns two axes.

    One legend stands above both, and the title above that. ``limits`` are those of the two axes, by column.
    """
    check_table("training_history", history, "model", "run", "epoch", "split", "loss", "accuracy")
    ax = new_row(2, ax)
    for axes, column in zip(ax, ("loss", "accuracy"), strict=True):
        curve(history, column, epochs=epochs, limits=(limits or {}).get(column), ax=axes)
    return _above(ax, title)


def _handles(ax: Axes) -> tuple[Sequence[Any], Sequence[str]]:
    """Return what a legend shows, and its labels, each label once: single runs share theirs."""
    handles, labels = ax.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    return list(once.values()), list(once)


def _name_at_top(ax: Axes) -> None:
    """Write what an axes shows above it instead of beside it."""
    ax.text(0, 1.03, ax.get_ylabel(), transform=ax.transAxes)
    ax.yaxis.label.set_visible(False)


def _above(ax: Sequence[Axes], title: str) -> Sequence[Axes]:
    """Put a bold title and one legend, that of the first axes, above several; each of them keeps its own name at its top."""
    handles, labels = _handles(ax[0])
    for axes in ax:
        _name_at_top(axes)
        if axes.get_legend():
            axes.get_legend().remove()
    ax[0].set_title(title or " ", pad=TITLE_ROOM if title else TITLE_ROOM / 2, fontweight="bold")
    corner = {"loc": "lower left", "bbox_to_anchor": (-0.02, 1.09), "borderaxespad": 0}
    legend = ax[0].legend(handles, labels, ncols=max(len(labels), 1), **corner)
    legend.set_in_layout(False)  # it is wider than its axes, and the title has kept the room
    return ax


@in_style
def means(history: pd.DataFrame, column: str, *, split: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw loss, accuracy or error of several models against epoch, each as the mean of its runs, ± one standard deviation.

    ``history`` has the columns of ``train``; its ``model`` names the lines, at their ends. A line on which a later one lies is
    pale and wide, so that both are seen. A name that has colour and line style of its own keeps them everywhere.
    """
    part = _of_split("means", history, column, split)
    curves, lines = part.pivot_table(column, "epoch", "model", sort=False, dropna=False), []
    same = 0.01 * np.ptp(curves.to_numpy())  # as far apart as nobody sees
    for k, (model, mean) in enumerate(curves.items()):
        look = dict(LOOKS[k % len(LOOKS)])
        if model in COLOURS:
            look = {"color": COLOURS[model], "linestyle": LINES[model]}
        if any((mean - curves[later]).abs().max() <= same for later in curves.columns[k + 1 :]):
            look |= PALE
        look["err_kws"] = {"alpha": 0.32 / max(2, curves.shape[1]), "linewidth": 0}
        band = "sd" if part[part["model"] == model]["run"].nunique() > 1 else None
        lines.append(("model", model, {"linewidth": 1.8, **look, "errorbar": band, "label": f"{model}"}))
    ax = _lines("means", new_axes(ax), part, column, lines)
    ax.set_ylabel(f"{ax.get_ylabel()}, {part['split'].iloc[0]} data")
    _name_ends(ax)
    return ax


def _name_ends(ax: Axes) -> None:
    """Write each line's name at its right end, moved apart where ends lie close together."""
    axes_height = ax.transData + ax.transAxes.inverted()
    lines = [line for line in ax.lines if np.isfinite(line.get_ydata()[-1:]).any()]
    ends = {line: axes_height.transform((line.get_xdata()[-1], line.get_ydata()[-1]))[1] for line in lines}
    gap, height = 0.21 / ax.figure.get_figheight(), -math.inf  # a line of text
    for line in sorted(ends, key=ends.get):
        height = max(ends[line], height + gap)
        leader = {"arrowstyle": "-", "color": line.get_color(), "shrinkA": 1, "shrinkB": 0, "relpos": (0, 0.5)}
        look = {"xycoords": "axes fraction", "va": "center", "annotation_clip": False, "arrowprops": leader}
        ax.annotate(line.get_label(), (1, ends[line]), (1.05, height), **look)


@in_style
def final_errors(history: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of wrong answers that each run ended with, a row for each model, on a logarithmic scale.

    ``history`` has the columns of ``train``; its ``model`` names the rows, the first at the top. Circles are errors on training
    data, crosses on the other data, bars the means of the crosses; their mean ± standard deviation stands under the name. The
    runs of a model stand one below the other, so that equal errors do not hide each other. What is below 0.1 % is drawn there.
    """
    import seaborn as sns

    check_table("final_errors", history, "model", "run", "epoch", "split", "accuracy")
    names = list(history["model"].unique())
    words = [f"{name}" for name in names]
    ax = new_axes(ax, size=(NARROW, 0.5 * len(names) + 1.1))
    last = history[history["epoch"] == history.groupby("model")["epoch"].transform("max")]
    run = last.groupby(["model", "split"])["run"].rank(method="dense", pct=True)  # above 0, and up to 1
    last = last.assign(error=100 * (1 - last["accuracy"]), row=last["model"].map(names.index) + 0.32 * (run - 0.5))
    shown = {"x": "error", "y": "row", "ax": ax, "native_scale": True, "orient": "h", "jitter": False, "legend": False}
    for split in sorted(last["split"].unique(), key=lambda split: split != "training"):
        part = last[last["split"] == split]
        marker, colour, shift = ("o", BLUE, -0.22) if split == "training" else ("x", RED, 0.22)
        look = {"marker": marker, "color": colour, "linewidth": 1, "size": 5, "label": f"{split} data, each run"}
        sns.stripplot(part.assign(error=part["error"].clip(lower=0.1), row=part["row"] + shift), **shown, **look)
        if split == "training":
            plt.setp(ax.collections, facecolor="none", edgecolor=colour)  # circles that overlap are all seen
            continue
        ends = part.groupby("model")["error"].agg(["mean", "std"]).reindex(names)
        bars, rows = ends["mean"].clip(lower=0.1), np.arange(len(names)) + shift
        ax.plot(bars, rows, "|", color="black", markersize=15, label=f"{split} data, mean")
        spreads = ["" if np.isnan(std) else f" ± {std:.1f}" for std in ends["std"]]
        words = [f"{k}\n{mean:.1f} %{spread}" for k, mean, spread in zip(names, ends["mean"], spreads, strict=True)]
    ax.set(xscale="log", xlim=(0.09, 70), xlabel="error, %", ylabel="", ylim=(len(names) - 0.5, -0.5))
    ax.set_xticks([0.1, 0.3, 1, 3, 10, 30], ["≤ 0.1", "0.3", "1", "3", "10", "30"])
    ax.set_xticks([], minor=True)
    ax.set_yticks(range(len(names)), words)
    ax.set_label(f"Errors at the end, a mark for each run, and their mean and standard deviation: {'; '.join(words)}")
    ax.legend(*_handles(ax), loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize="small")
    return ax


@in_style
def comparison(history: pd.DataFrame, *, ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw how several models ended, each run, and the way there: ``final_errors``, and ``means`` of the error.

    Takes and returns two axes.
    """
    check_table("comparison", history, "model", "accuracy")
    ax = new_row(2, ax, size=(WIDE, 0.5 * history["model"].nunique() + 1.7))
    final_errors(history, ax=ax[0])
    means(history.assign(error=1 - history["accuracy"]), "error", ax=ax[1])
    return ax


@in_style
def bands(history: pd.DataFrame, column: str, *, split: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the mean of one model's runs with two bands: ± one standard deviation, and the mean's 95 % confidence interval.

    Both are seaborn's: ``errorbar="sd"`` within what the values can be, and its default, ``errorbar=("ci", 95)``.
    """
    part = _of_split("bands", history, column, split)
    if part.duplicated(["epoch", "run"]).any():
        raise ValueError(f"bands expected the runs of one model, got {part['model'].nunique()} models")
    runs = part["run"].nunique()
    sd = {"facecolor": BLUE, "alpha": 0.22, "linewidth": 0, "label": "± 1 standard deviation"}
    ci = {"facecolor": "none", "edgecolor": RED, "hatch": "////", "linewidth": 0.8, "alpha": 1}
    ci["label"] = "95 % confidence interval of the mean"
    mean = {"errorbar": "sd" if runs > 1 else None, "err_kws": sd, "color": "black", "label": f"mean of {runs} runs"}
    interval = {"errorbar": ("ci", 95), "seed": 0, "err_kws": ci, "color": "black", "linewidth": 0}
    both = [("model", part["model"].iloc[0], options) for options in (mean, interval)]
    ax = _lines("bands", new_axes(ax), part, column, both)
    ax.legend(loc="best", fontsize="small")
    return ax


@in_style
def tube_and_thread(
    history: pd.DataFrame,
    tube: str,
    thread: str,
    beside: str,
    *,
    names: dict[str, str],
    title: str = "",
    epochs: str = "log",
    limits: dict[str, tuple[float, float]] | None = None,
    ax: Sequence[Axes] | None = None,
) -> Sequence[Axes]:
    """Draw loss and accuracy of two models that should be the same, one inside the other, and a third beside them.

    Means over the runs, on the data that are not trained on. Takes and returns two axes; ``names`` are the words for the three.
    """
    for role, model in (("tube", tube), ("thread", thread), ("beside", beside)):
        check_choice("tube_and_thread", role, model, list(names))
    looks = {
        beside: {"color": COLOURS["framework"], "linestyle": "--"},
        tube: {"color": COLOURS["PyTorch"], **PALE},
        thread: {"color": COLOURS["minidl"]},
    }
    lines = [("model", model, {"linewidth": 1.8, **look, "label": names[model]}) for model, look in looks.items()]
    parts = [_of_split("tube_and_thread", history, column) for column in ("loss", "accuracy")]
    ax = new_row(2, ax)
    for axes, part, column in zip(ax, parts, ("loss", "accuracy"), strict=True):
        _lines("tube_and_thread", axes, part, column, lines, epochs, (limits or {}).get(column))
    return _above(ax, title)


@in_style
def differences(
    history: pd.DataFrame, pairs: dict[str, tuple[str, str]], *, epochs: str = "log", ax: Axes | None = None
) -> Axes:
    """Draw the largest difference so far between two models in loss, a line for each run, for each pair of models.

    ``pairs`` names the pairs; the names stand beside the lines. A line begins where the two first differ.
    """
    loss = _of_split("differences", history, "loss").set_index(["model", "run", "epoch"])["loss"]
    for model in (model for pair in pairs.values() for model in pair):
        check_choice("differences", "pairs", model, list(history["model"].unique()))
    apart = {name: (loss[one] - loss[other]).abs().groupby("run").cummax() for name, (one, other) in pairs.items()}
    table = pd.concat(apart, names=["model"]).rename("difference").reset_index().assign(split="")
    table["difference"] = table["difference"].where(table["difference"] > 0)  # a logarithmic axis has no 0
    first = table.groupby(["model", "run"])["difference"].first().groupby("model").median().dropna()
    looks = {name: look for name, look in zip(pairs, LOOKS, strict=False) if name in first}
    lines = [("model", name, {"linewidth": 0.9, **look, **SINGLE}) for name, look in looks.items()]
    ax = _lines("differences", new_axes(ax), table, "difference", lines, epochs)
    for name, look in looks.items():
        ax.text(0.03, 4 * first[name], name, transform=ax.get_yaxis_transform(), va="bottom", color=look["color"])
    _name_at_top(ax)
    return ax
