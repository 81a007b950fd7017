"""What happened in trainings: loss and accuracy against epoch, several runs and models, and how they ended.

Each takes a history with the columns of ``minidl.lab.training.train``: model, run, epoch, split, loss, accuracy. The lines and
bands are seaborn's. Beyond MANY epochs, neighbouring ones are averaged, and the axis says so.

seaborn takes a second to import, and not every notebook draws with it: the functions that do import it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.markers import MarkerStyle

from minidl.lab.arguments import check_choice
from minidl.lab.figures.style import (
    BLUE,
    LOOK_OF,
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
SINGLE = {"units": "run", "estimator": None, "linewidth": 0.6}  # for seaborn: a line for each run


def check_table(owner: str, table: pd.DataFrame, *columns: str) -> None:
    """Raise TypeError or ValueError unless a table has these columns, with something in them, and numbers where needed."""
    missing = [column for column in columns if column not in table.columns]
    if missing or not len(table):
        got = f"no {missing[0]}" if missing else "no rows"
        raise ValueError(f"{owner} expected a table with rows and the columns {', '.join(columns)}, got {got}")
    for column in {"epoch", *VALUES} & {*columns}:
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise TypeError(f"{owner} expected numbers in the column {column}, got {table[column].dtype}")


def _judged(owner: str, history: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return what a history holds of the one split besides training, to draw one column of it."""
    check_choice(owner, "column", column, VALUES)
    check_table(owner, history, "model", "run", "epoch", "split", column)
    splits = list(history["split"].unique())
    if len({*splits} - {"training"}) != 1:
        raise ValueError(f"{owner} expected one split besides training, got {splits}")
    return history[history["split"] != "training"]


def _binned(history: pd.DataFrame, column: str, epochs: str) -> tuple[pd.DataFrame, str]:
    """Average neighbouring epochs where there are too many to be told apart; return the words for the axis too."""
    epoch, last = history["epoch"], int(history["epoch"].max())
    if last <= MANY:
        return history, "epoch"
    position = np.log(epoch) / math.log(last) if epochs == "log" else epoch / last
    bins = history.assign(bin=(position * POINTS).round()).groupby(["model", "run", "split", "bin"], sort=False)
    words = f"epoch\n(a point is the mean of up to {bins.size().max()} epochs)"
    return bins[["epoch", column]].mean().reset_index(), words


def _lines(
    history: pd.DataFrame,
    column: str,
    by: str,
    lines: Iterable[tuple[str, dict[str, Any]]],
    *,
    epochs: str = "linear",
    limits: Sequence[float] | None = None,
    ax: Axes,
) -> None:
    """Draw means of the runs against epoch. A line is what its rows have in the column ``by``, and seaborn's options."""
    import seaborn as sns

    check_choice("a figure", "epochs", epochs, ("linear", "log"))
    if limits and not -math.inf < limits[0] < limits[1] < math.inf:
        raise ValueError(f"a figure expected limits to be two finite numbers, the smaller one first, got {limits}")
    start, last, share = int(epochs == "log"), max(int(history["epoch"].max()), 2), column not in WORDS
    history, words = _binned(history, column, epochs)
    for value, options in lines:
        look = {"errorbar": None, "legend": False} | options
        sns.lineplot(history[history[by] == value], x="epoch", y=column, ax=ax, **look)
    ax.set(xlabel=words, xscale=epochs, xlim=(start, last), ylabel=WORDS.get(column, column))
    ax.set(yscale="linear" if share else "log", ylim=limits)
    if share:
        low, high = ax.get_ylim()
        ax.set_ylim(max(low, 0), min(high, 1.01))  # a band ends where no share can be
        ax.yaxis.set_major_formatter(lambda y, _: f"{100 * y:.4g} %")
    plain_logarithm(ax)


@in_style
def training_history(
    history: pd.DataFrame,
    *,
    looks: dict[str, dict[str, Any]] | None = None,
    title: str = "",
    epochs: str = "linear",
    limits: dict[str, tuple[float, float]] | None = None,
    ax: Sequence[Axes] | None = None,
) -> Sequence[Axes]:
    """Draw loss (left, logarithmic) and accuracy (right) against epoch. Takes and returns two axes.

    Of one model: on validation data, or whatever else it was judged by, every run is a thin line, and their mean a bold one
    with a band of ± one standard deviation; the mean on training data is thin and dashed. Of several models: their ``means``,
    but without bands where some are given ``looks``, options of their lines.

    ``epochs`` is "linear" or "log"; ``limits`` are those of the two axes, by column. One legend stands above both, below the
    title.
    """
    check_table("training_history", history, "model", "run", "epoch", "split", "loss", "accuracy")
    ax = new_row(2, ax)
    for axes, column in zip(ax, ("loss", "accuracy"), strict=True):
        asked = {"epochs": epochs, "limits": (limits or {}).get(column), "ax": axes}
        if history["model"].nunique() == 1:
            _runs(history, column, **asked)
        else:
            _means(_judged("training_history", history, column), column, looks, **asked)
        _name_at_top(axes)
    handles, labels = _handles(ax[0])
    ax[0].set_title(title or " ", pad=TITLE_ROOM * (1 if title else 0.65), fontweight="bold")
    corner = {"loc": "lower left", "bbox_to_anchor": (-0.02, 1.09), "borderaxespad": 0}
    legend = ax[0].legend(handles, labels, ncols=max(len(labels), 1), **corner)
    legend.set_in_layout(False)  # it is wider than its axes, and the title has kept the room
    return ax


def _runs(history: pd.DataFrame, column: str, **asked: Any) -> None:
    """Draw every run of one model, their mean with its spread, and training's mean."""
    runs, lines = history["run"].nunique(), []
    for split in sorted(history["split"].unique(), key="training".__eq__):
        look = {"label": f"{split}, mean" if runs > 1 else split, "color": RED, "linewidth": 2.6}
        lines.append((split, look))
        if split == "training":
            look |= {"color": "black", "linestyle": "--", "linewidth": 1.3, "zorder": 3}
        elif runs > 1:
            look["label"] += " ± 1 standard deviation"
            look |= {"errorbar": "sd", "err_kws": {"alpha": 0.16, "linewidth": 0}}
            lines.append((split, {"label": f"each of {runs} runs", "color": RED, "alpha": 0.45, **SINGLE}))
    _lines(history, column, "split", lines, **asked)


def _handles(ax: Axes) -> tuple[Sequence[Any], Sequence[str]]:
    """Return what a legend shows, and its labels, each label once: single runs share theirs."""
    handles, labels = ax.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    return list(once.values()), list(once)


def _name_at_top(ax: Axes) -> None:
    """Write what an axes shows above it instead of beside it."""
    ax.text(0, 1.03, ax.get_ylabel(), transform=ax.transAxes)
    ax.yaxis.label.set_visible(False)


@in_style
def means(history: pd.DataFrame, column: str, *, ax: Axes | None = None) -> Axes:
    """Draw loss, accuracy or error of several models against epoch, each as the mean of its runs, ± one standard deviation.

    ``history`` has the columns of ``train``; its ``model`` names the lines, at their ends. A line on which a later one lies is
    pale and wide, so that both are seen. A name that has colour and line style of its own keeps them everywhere.
    """
    part, ax = _judged("means", history, column), new_axes(ax)
    _means(part, column, ax=ax)
    ax.set_ylabel(f"{ax.get_ylabel()}, {part['split'].iloc[0]} data")
    _name_ends(ax)
    return ax


def _means(history: pd.DataFrame, column: str, looks: dict | None = None, **asked: Any) -> None:
    """Draw the lines of ``means``; where some have looks of their own, without bands."""
    curves, lines = history.pivot_table(column, "epoch", "model", sort=False, dropna=False), []
    same = 0.01 * np.ptp(curves.to_numpy())  # as far apart as nobody sees
    for k, (model, mean) in enumerate(curves.items()):
        look = {"linewidth": 1.8, "label": f"{model}"} | LOOK_OF.get(f"{model}".split(",")[0], LOOKS[k % len(LOOKS)])
        if any((mean - curves[later]).abs().max() <= same for later in curves.columns[k + 1 :]):
            look |= PALE
        if looks:
            look |= looks.get(model, {})
        elif history[history["model"] == model]["run"].nunique() > 1:
            look |= {"errorbar": "sd", "err_kws": {"alpha": 0.32 / max(2, curves.shape[1]), "linewidth": 0}}
        lines.append((model, look))
    _lines(history, column, "model", lines, **asked)


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

    other, names = _judged("final_errors", history, "accuracy")["split"].iloc[0], list(history["model"].unique())
    ax = new_axes(ax, size=(NARROW, 0.5 * len(names) + 1.1))
    last = history[history["epoch"] == history.groupby("model")["epoch"].transform("max")]
    run = last.groupby(["model", "split"])["run"].rank(method="dense", pct=True)  # above 0, and up to 1
    last = last.assign(error=100 * (1 - last["accuracy"]), row=last["model"].map(names.index) + 0.32 * (run - 0.5))
    circle = MarkerStyle("o", fillstyle="none")  # circles that overlap are all seen
    for split, marker, colour, shift in (("training", circle, BLUE, -0.22), (other, "x", RED, 0.22)):
        part = last[last["split"] == split]
        shown = {"x": part["error"].clip(lower=0.1), "y": part["row"] + shift, "label": f"{split} data, each run"}
        look = {"marker": marker, "color": colour, "linewidth": 1, "size": 5, "native_scale": True, "orient": "h"}
        sns.stripplot(**shown, **look, jitter=False, legend=False, ax=ax)
    ends = last[last["split"] == other].groupby("model")["error"].agg(["mean", "std"]).reindex(names)
    look = {"color": "black", "markersize": 15, "label": f"{other} data, mean"}
    ax.plot(ends["mean"].clip(lower=0.1), np.arange(len(names)) + 0.22, "|", **look)
    spread = ends["std"].map(" ± {:.1f}".format, na_action="ignore").fillna("")
    words = [f"{name}\n{mean:.1f} %{std}" for name, mean, std in zip(names, ends["mean"], spread, strict=True)]
    ax.set(xscale="log", xlim=(0.09, 70), xlabel="error, %", ylabel="", ylim=(len(names) - 0.5, -0.5))
    ax.set_xticks([0.1, 0.3, 1, 3, 10, 30], ["≤ 0.1", "0.3", "1", "3", "10", "30"])
    ax.set_xticks([], minor=True)
    ax.set_yticks(range(len(names)), words)
    ax.set_label(f"Errors at the end, a mark for each run, and their mean and standard deviation: {'; '.join(words)}")
    ax.legend(*_handles(ax), loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize="small")
    return ax


@in_style
def comparison(history: pd.DataFrame, *, ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw how several models ended, and the way there: ``final_errors``, and ``means`` of the error, on two axes."""
    check_table("comparison", history, "model", "accuracy")
    ax = new_row(2, ax, size=(WIDE, 0.5 * history["model"].nunique() + 1.7))
    final_errors(history, ax=ax[0])
    means(history.assign(error=1 - history["accuracy"]), "error", ax=ax[1])
    return ax


@in_style
def bands(history: pd.DataFrame, column: str, *, ax: Axes | None = None) -> Axes:
    """Draw the mean of one model's runs with two bands: ± one standard deviation, and the mean's 95 % confidence interval.

    Both are seaborn's: ``errorbar="sd"``, and its default, ``errorbar=("ci", 95)``.
    """
    part, ax = _judged("bands", history, column), new_axes(ax)
    if part.duplicated(["epoch", "run"]).any():
        raise ValueError(f"bands expected the runs of one model, got {part['model'].nunique()} models")
    sd = {"facecolor": BLUE, "alpha": 0.22, "linewidth": 0, "label": "± 1 standard deviation"}
    ci = {"facecolor": "none", "edgecolor": RED, "hatch": "////", "linewidth": 0.8, "alpha": 1}
    mean = {"color": "black", "errorbar": "sd", "err_kws": sd, "label": f"mean of {part['run'].nunique()} runs"}
    ci["label"] = "95 % confidence interval of the mean"
    interval = {"color": "black", "linewidth": 0, "errorbar": ("ci", 95), "seed": 0, "err_kws": ci}
    name = part["split"].iloc[0]
    _lines(part, column, "split", [(name, mean), (name, interval)], ax=ax)
    ax.legend(loc="best", fontsize="small")
    return ax


@in_style
def differences(
    history: pd.DataFrame, pairs: dict[str, tuple[str, str]], *, epochs: str = "log", ax: Axes | None = None
) -> Axes:
    """Draw the largest difference so far between two models in loss, a line for each run, for each pair of models.

    ``pairs`` names the pairs; the names stand beside the lines. A line begins where the two first differ.
    """
    ax, loss = new_axes(ax), _judged("differences", history, "loss").set_index(["model", "run", "epoch"])["loss"]
    for model in (model for pair in pairs.values() for model in pair):
        check_choice("differences", "pairs", model, list(history["model"].unique()))
    apart = {name: (loss[one] - loss[other]).abs().groupby("run").cummax() for name, (one, other) in pairs.items()}
    table = pd.concat(apart, names=["model"]).rename("difference").reset_index().assign(split="")
    table["difference"] = table["difference"].where(table["difference"] > 0)  # a logarithmic axis has no 0
    first = table.groupby(["model", "run"])["difference"].first().groupby("model").median().dropna()
    looks = {name: look for name, look in zip(pairs, LOOKS, strict=False) if name in first}
    lines = [(name, {**look, **SINGLE, "linewidth": 0.9}) for name, look in looks.items()]
    _lines(table, "difference", "model", lines, epochs=epochs, ax=ax)
    for name, look in looks.items():
        ax.text(0.03, 4 * first[name], name, transform=ax.get_yaxis_transform(), va="bottom", color=look["color"])
    _name_at_top(ax)
    return ax
