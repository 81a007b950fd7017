"""What happened in trainings: loss and accuracy against epoch, several runs and models, and how they ended.

Each takes a history with the columns of ``minidl.lab.training.train``: model, run, epoch, split, loss, accuracy. The lines and
bands are seaborn's. Where there are more epochs than a line can show, neighbouring ones are averaged, and the axis says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from minidl.lab.figures.style import BLUE, COLOURS, GREY, LINES, LOOKS, RED, in_style, new_axes, new_pair

POINTS = 80  # of a line: more cannot be told apart
TITLE_ROOM = 42  # points between a pair's title and its axes: the legend stands there
SHIFT = 0.14  # of a row: training data above its middle, validation data below
PALE = {
    "linewidth": 7,
    "alpha": 0.35,
    "linestyle": "-",
}  # a line on which another lies: a tube, and the other its thread


def _binned(history: pd.DataFrame, epochs: str) -> tuple[pd.DataFrame, str]:
    """Average neighbouring epochs until a line has about as many points as can be told apart; return the axis' words too."""
    last = int(history["epoch"].max())
    if last <= POINTS:
        return history, "epoch"
    epoch = history["epoch"]
    position = np.log(epoch) / math.log(last) if epochs == "log" else (epoch - 1) / last
    numbers = ["epoch", "loss", "accuracy", *history.columns[len(history.columns[:6]) :]]
    columns = [column for column in numbers if column in history and pd.api.types.is_numeric_dtype(history[column])]
    groups = history.assign(bin=(position * POINTS).round().astype(int)).groupby(
        ["model", "run", "split", "bin"], sort=False
    )
    size = int(groups["epoch"].size().max())
    return groups[columns].mean().reset_index(), f"epoch\n(a point is the mean of up to {size} epochs)"


def _spread(column: str) -> Callable[[pd.Series], tuple[float, float]]:
    """Return seaborn's function for a band of one standard deviation to each side, as far as the column's values can be."""

    def band(values: pd.Series) -> tuple[float, float]:
        mean, std = values.mean(), values.std()
        return max(mean - std, 0.0), mean + std if column == "loss" else min(mean + std, 1.0)

    return band


def _epochs(ax: Axes, epochs: str, last: int, words: str) -> None:
    """Set up the axis of the epochs: linear from 0, or logarithmic from 1."""
    if epochs not in ("linear", "log"):
        raise ValueError(f"expected epochs to be 'linear' or 'log', got {epochs!r}")
    ax.set(xlabel=words, xscale=epochs, xlim=(1, last) if epochs == "log" else (0, last))
    if epochs == "log":
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())


def _values(ax: Axes, column: str, limits: tuple[float, float] | None) -> None:
    """Set up the axis of a loss, logarithmic, of an accuracy, in percent, or of anything else."""
    if column == "loss":
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    elif column == "accuracy":
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.0f} %"))
    if limits:
        ax.set_ylim(limits)


def _words(column: str) -> str:
    return "mean loss per sample" if column == "loss" else column


@in_style
def curve(
    history: pd.DataFrame,
    column: str,
    *,
    epochs: str = "linear",
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one model's loss or accuracy against epoch: each run, the mean on validation data with its spread, and training.

    Every run on validation data is a thin line, their mean a bold one, with a band of ± one standard deviation; the mean on
    training data is thin and dashed.

    Parameters
    ----------
    history : DataFrame
        As ``train`` returns it.
    column : {"loss", "accuracy"}
        What to draw: the loss on a logarithmic axis, the accuracy in percent.
    epochs : {"linear", "log"}
        The axis of the epochs.
    limits : (float, float), optional
        Of the other axis.

    Raises
    ------
    ValueError
        For another axis of the epochs.
    """
    import seaborn as sns  # here: it takes a second, and not every notebook draws with it

    ax, last = new_axes(ax), int(history["epoch"].max())
    history, words = _binned(history, epochs)
    shown = {"x": "epoch", "y": column, "ax": ax, "legend": False}
    by_split = dict(list(history.groupby("split", sort=False)))
    runs = history["run"].nunique()
    if (validation := by_split.get("validation")) is not None:
        if runs > 1:
            single = {"units": "run", "estimator": None, "linewidth": 0.6, "alpha": 0.45}
            sns.lineplot(validation, **shown, **single, color=RED, label=f"each of {runs} runs")
        spread = (
            {"errorbar": _spread(column), "err_kws": {"alpha": 0.16, "linewidth": 0}}
            if runs > 1
            else {"errorbar": None}
        )
        label = "validation, mean ± 1 standard deviation" if runs > 1 else "validation"
        sns.lineplot(validation, **shown, **spread, color=RED, linewidth=2.6, label=label)
    if (training := by_split.get("training")) is not None:
        label = "training, mean" if runs > 1 else "training"
        sns.lineplot(training, **shown, errorbar=None, color="black", linestyle="--", linewidth=1.3, label=label)
    _epochs(ax, epochs, last, words)
    _values(ax, column, limits)
    ax.set_ylabel(_words(column))
    handles = _handles(ax)
    ax.legend(handles.values(), handles, fontsize="small")
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
    ax = new_pair(ax)
    for axes, column in zip(ax, ("loss", "accuracy"), strict=True):
        curve(history, column, epochs=epochs, limits=(limits or {}).get(column), ax=axes)
    above(ax, title)
    return ax


def _handles(ax: Axes) -> dict[str, Any]:
    """Return what a legend shows, each label once: single runs share theirs."""
    handles, labels = ax.get_legend_handles_labels()
    return dict(zip(labels, handles, strict=True))


def above(ax: Sequence[Axes], title: str) -> None:
    """Put a bold title and one legend, that of the first axes, above several; each of them keeps its own name at its top."""
    handles = _handles(ax[0])
    for axes in ax:
        if axes.get_legend():
            axes.get_legend().remove()
        axes.text(0, 1.03, axes.get_ylabel(), transform=axes.transAxes, fontsize="medium")
        axes.set_ylabel("")
    ax[0].set_title(title or " ", pad=TITLE_ROOM, fontweight="bold")
    legend = ax[0].legend(
        handles.values(), handles, loc="lower left", bbox_to_anchor=(-0.02, 1.09), ncols=len(handles), borderaxespad=0
    )
    legend.set_in_layout(False)  # it is wider than its axes, and the title has kept the room


@in_style
def means(history: pd.DataFrame, column: str, *, split: str = "validation", ax: Axes | None = None) -> Axes:
    """Draw loss or accuracy of several models against epoch, each as the mean over its runs, ± one standard deviation.

    ``history`` has the columns of ``train``; its ``model`` names the lines, at their ends. A line on which a later one lies is
    pale and wide, so that both are seen. A name that has colour and line style of its own keeps them everywhere.
    """
    import seaborn as sns

    ax = new_axes(ax, size=(7, 3.8))
    part = history[history["split"] == split]
    last = int(part["epoch"].max())
    part, words = _binned(part, "linear")
    curves = part.groupby(["model", "epoch"], sort=False)[column].mean().unstack("model")
    curves = curves[list(part["model"].unique())]
    same = 0.01 * float(curves.max().max() - curves.min().min())
    for number, (model, mean) in enumerate(curves.items()):
        colour, line = LOOKS[number % len(LOOKS)][:2]
        look = {"color": COLOURS.get(model, colour), "linestyle": LINES.get(model, line), "linewidth": 1.8}
        if any((mean - curves[later]).abs().max() <= same for later in curves.columns[number + 1 :]):
            look |= PALE
        rows = part[part["model"] == model]
        several = rows["run"].nunique() > 1
        spread = (
            {"errorbar": _spread(column), "err_kws": {"alpha": 0.1, "linewidth": 0}} if several else {"errorbar": None}
        )
        sns.lineplot(rows, x="epoch", y=column, ax=ax, legend=False, label=model, **spread, **look)
    _epochs(ax, "linear", last, words)
    ax.set(ylabel=f"mean {column}, {split} data")
    _name_ends(ax, last)
    return ax


def _name_ends(ax: Axes, last: int) -> None:
    """Write each line's name at its right end, moved apart where ends lie close together."""
    low, high = ax.get_ylim()
    height = -math.inf
    for line in sorted(ax.lines, key=lambda line: line.get_ydata()[-1]):
        end = line.get_ydata()[-1]
        height = max(float(end), height + 0.065 * (high - low))
        ax.annotate(
            line.get_label(),
            (last, end),
            (1.02 * last, height),
            va="center",
            color=line.get_color(),
            annotation_clip=False,
        )


@in_style
def final_errors(history: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of wrong answers that each run ended with, a row for each model, on a logarithmic scale.

    ``history`` has the columns of ``train``; its ``model`` names the rows, the first at the top. Circles are errors on training
    data, crosses on validation data, bars the means of the crosses. What is below 0.1 % is drawn at the left end.
    """
    import seaborn as sns

    names = list(history["model"].unique())
    ax = new_axes(ax, size=(6.5, 0.42 * len(names) + 1.1))
    last = history[history["epoch"] == history.groupby("model")["epoch"].transform("max")]
    row = last["model"].map({name: k for k, name in enumerate(names)})
    last = last.assign(error=(100 * (1 - last["accuracy"])).clip(lower=0.1), row=row)
    shown = {"x": "error", "y": "row", "ax": ax, "native_scale": True, "orient": "h", "jitter": False, "legend": False}
    for split, marker, shift in (("training", "$\\circ$", -SHIFT), ("validation", "x", SHIFT)):
        rows = last[last["split"] == split].assign(row=row + shift)
        look = {"marker": marker, "color": COLOURS[split], "linewidth": 1, "size": 6}
        sns.stripplot(rows, **shown, **look, label=f"{split} data, each run")
    mean = 100 * (1 - last[last["split"] == "validation"].groupby("model")["accuracy"].mean()[names])
    height = np.arange(len(names)) + SHIFT
    ax.plot(mean.clip(lower=0.1), height, "|", color="black", markersize=15, label="validation data, mean")
    ax.set(xscale="log", xlim=(0.09, 70), xlabel="error, %", ylabel="", ylim=(len(names) - 0.5, -0.5))
    ax.set_xticks([0.1, 0.3, 1, 3, 10, 30], ["less", "0.3", "1", "3", "10", "30"])
    ax.set_xticks([], minor=True)
    ax.set_yticks(range(len(names)), names)
    handles = _handles(ax)
    ax.legend(handles.values(), handles, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize="small")
    return ax


@in_style
def bands(history: pd.DataFrame, column: str, *, split: str = "validation", ax: Axes | None = None) -> Axes:
    """Draw the mean of one model's runs with two bands: ± one standard deviation, and the mean's 95 % confidence interval."""
    import seaborn as sns

    ax = new_axes(ax, size=(6.5, 4))
    part = history[history["split"] == split]
    last, runs = int(part["epoch"].max()), part["run"].nunique()
    part, words = _binned(part, "linear")
    shown = {"x": "epoch", "y": column, "ax": ax, "legend": False, "color": "black"}
    sd = {"facecolor": BLUE, "alpha": 0.22, "linewidth": 0, "label": "± 1 standard deviation"}
    sns.lineplot(part, **shown, errorbar=_spread(column), err_kws=sd, label=f"mean of {runs} runs")
    ci = {"facecolor": "none", "edgecolor": RED, "hatch": "////", "linewidth": 0.8, "alpha": 1}
    ci["label"] = "95 % confidence interval of the mean"
    sns.lineplot(part, **shown, errorbar=("ci", 95), seed=0, err_kws=ci, linewidth=0)
    _epochs(ax, "linear", last, words)
    ax.set(ylabel=_words(column))
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

    Means over the runs on validation data. Takes and returns two axes; ``names`` are the words for the three.
    """
    import seaborn as sns

    ax = new_pair(ax)
    last = int(history["epoch"].max())
    part, words = _binned(history[history["split"] == "validation"], epochs)
    looks = {
        beside: {"color": COLOURS["framework"], "linewidth": 1.6, "linestyle": ":"},
        tube: {"color": COLOURS["PyTorch"], **PALE},
        thread: {"color": COLOURS["minidl"], "linewidth": 1.8},
    }
    for axes, column in zip(ax, ("loss", "accuracy"), strict=True):
        for model, look in looks.items():
            rows = part[part["model"] == model]
            shown = {"x": "epoch", "y": column, "ax": axes, "legend": False, "errorbar": None}
            sns.lineplot(rows, **shown, **look, label=names[model])
        _epochs(axes, epochs, last, words)
        _values(axes, column, (limits or {}).get(column))
        axes.set_ylabel(_words(column))
    above(ax, title)
    return ax


@in_style
def differences(
    history: pd.DataFrame, pairs: dict[str, tuple[str, str]], *, epochs: str = "log", ax: Axes | None = None
) -> Axes:
    """Draw the largest difference so far between two models' validation losses, a line for each run, for each pair of models.

    ``pairs`` names the pairs; the names stand beside the lines.
    """
    import seaborn as sns

    ax, last = new_axes(ax), int(history["epoch"].max())
    part = history[history["split"] == "validation"]
    for (name, models), colour in zip(pairs.items(), (BLUE, GREY, RED, "black"), strict=False):
        one, other = (part[part["model"] == model].set_index(["run", "epoch"])["loss"] for model in models)
        apart = (one - other).abs().dropna().groupby("run").cummax().rename("difference").reset_index()
        apart = apart[apart["difference"] > 0]  # a logarithmic axis has no 0
        if apart.empty:
            continue
        single = {"units": "run", "estimator": None, "linewidth": 0.8, "color": colour, "legend": False}
        sns.lineplot(apart, x="epoch", y="difference", ax=ax, **single)
        first = apart.groupby("run")["difference"].first().median()
        ax.text(0.03, 3 * first, name, transform=ax.get_yaxis_transform(), va="bottom", color=colour)
    ax.set_yscale("log")
    _epochs(ax, epochs, last, "epoch")
    ax.set_title("largest difference so far, each run", fontsize="medium")
    ax.set_ylabel("")
    return ax
