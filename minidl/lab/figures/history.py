"""What happened in trainings: loss and accuracy against epoch, several runs and models, and how they ended.

Each takes a history with the columns of ``minidl.lab.training.train``: model, run, epoch, split, loss, accuracy. The lines and
bands are seaborn's. Beyond MANY epochs, neighbouring ones are averaged, and the axis says so.

seaborn takes a second to import, and not every notebook draws with it: the functions that do import it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from minidl.lab.arguments import check_choice
from minidl.lab.figures.style import (
    BLUE,
    COLOURS,
    LINES,
    LOOKS,
    RED,
    WIDE,
    in_style,
    new_axes,
    new_pair,
    plain_logarithm,
)

VALUES = ("loss", "accuracy", "error")  # an error is 1 - accuracy, where a table has it
MANY, POINTS = 300, 80  # epochs that a figure can show one by one; points of a line that has more
TITLE_ROOM = 42  # points between a pair's title and its axes: the legend stands there
PALE = {"linewidth": 7, "alpha": 0.35, "linestyle": "-"}  # a tube: the line that lies inside is seen as well


def check_table(owner: str, table: pd.DataFrame, *columns: str) -> None:
    """Raise TypeError or ValueError unless a table has these columns, with something in them, and numbers where needed."""
    missing = [column for column in columns if column not in table.columns]
    if missing or not len(table):
        got = f"no {missing[0]}" if missing else "no rows"
        raise ValueError(f"{owner} expected a table with rows and the columns {', '.join(columns)}, got {got}")
    for column in {"epoch", *VALUES} & {*columns}:
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise TypeError(f"{owner} expected numbers in the column {column}, got {table[column].dtype}")


def _of_split(owner: str, history: pd.DataFrame, column: str, split: str | None) -> pd.DataFrame:
    """Return what a history holds of one split, by default the one besides training, to draw one column of it."""
    check_choice(owner, "column", column, VALUES)
    check_table(owner, history, "model", "run", "epoch", "split", column)
    splits = list(history["split"].unique())
    if split is None:
        others = [name for name in splits if name != "training"]
        if len(others) != 1:
            raise ValueError(f"{owner} expected one split besides training, or split to name one, got {splits}")
        (split,) = others
    check_choice(owner, "split", split, splits)
    return history[history["split"] == split]


def _binned(history: pd.DataFrame, epochs: str) -> tuple[pd.DataFrame, str]:
    """Average neighbouring epochs where there are too many to be told apart; return the words for the axis too."""
    epoch, last = history["epoch"], int(history["epoch"].max())
    if last <= MANY:
        return history, "epoch"
    position = np.log(epoch) / math.log(last) if epochs == "log" else epoch / last
    bins = history.assign(bin=(position * POINTS).round()).groupby(["model", "run", "split", "bin"], sort=False)
    columns = [column for column in ("epoch", *VALUES) if column in history]
    words = f"epoch\n(a point is the mean of up to {bins.size().max()} epochs)"
    return bins[columns].mean().reset_index(), words


def _spread(column: str, runs: int, alpha: float = 0.16) -> dict[str, Any]:
    """Return what makes seaborn draw ± one standard deviation, as far as the column's values can be; of one run nothing."""
    most = math.inf if column == "loss" else 1.0

    def band(values: pd.Series) -> tuple[float, float]:
        mean, std = values.mean(), values.std()  # ddof = 1, as seaborn's "sd"
        return max(mean - std, 0.0), min(mean + std, most)

    return {"errorbar": band if runs > 1 else None, "err_kws": {"alpha": alpha, "linewidth": 0}}


def _axes(ax: Axes, column: str, epochs: str, words: str, last: int, limits: Sequence[float] | None = None) -> None:
    """Set up the axis of the epochs, linear from 0 or logarithmic from 1, and that of the values."""
    ax.set(xlabel=words, xscale=epochs, xlim=(1, max(last, 2)) if epochs == "log" else (0, last))
    if limits:
        ax.set_ylim(limits)
    if epochs == "log":
        plain_logarithm(ax.xaxis)
    if column == "loss":
        ax.set_yscale("log")
        plain_logarithm(ax.yaxis)
        ax.set_ylabel("mean loss per sample")
    else:
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.4g} %"))
        ax.set_ylabel(column)


def _check_limits(owner: str, limits: Sequence[float] | None) -> None:
    if limits and not -math.inf < limits[0] < limits[1] < math.inf:
        raise ValueError(f"{owner} expected limits to be two finite numbers, the smaller one first, got {limits}")


@in_style
def curve(
    history: pd.DataFrame,
    column: str,
    *,
    epochs: str = "linear",
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one model's loss or accuracy against epoch: each run, the mean with its spread, and training's mean.

    On validation data, or whatever else it was judged by, every run is a thin line, and their mean a bold one with a band of
    ± one standard deviation, which never leaves what can be. The mean on training data is thin and dashed.

    Parameters
    ----------
    history : DataFrame
        As ``train`` returns it.
    column : {"loss", "accuracy", "error"}
        What to draw: the loss on a logarithmic axis, the others in percent.
    epochs : {"linear", "log"}
        The axis of the epochs.
    limits : (float, float), optional
        Of the other axis.
    """
    import seaborn as sns

    check_choice("curve", "column", column, VALUES)
    check_choice("curve", "epochs", epochs, ("linear", "log"))
    check_table("curve", history, "model", "run", "epoch", "split", column)
    _check_limits("curve", limits)
    ax, last, runs = new_axes(ax), int(history["epoch"].max()), history["run"].nunique()
    history, words = _binned(history, epochs)
    shown = {"x": "epoch", "y": column, "ax": ax, "legend": False}
    for split in sorted(history["split"].unique(), key=lambda split: split == "training"):
        part = history[history["split"] == split]
        if split == "training":
            look = {"color": "black", "linestyle": "--", "linewidth": 1.3, "zorder": 3}
            sns.lineplot(part, **shown, **look, errorbar=None, label="training, mean" if runs > 1 else "training")
            continue
        label = f"{split}, mean ± 1 standard deviation" if runs > 1 else split
        sns.lineplot(part, **shown, **_spread(column, runs), color=RED, linewidth=2.6, label=label)
        if runs > 1:
            single = {"units": "run", "estimator": None, "linewidth": 0.6, "alpha": 0.45}
            sns.lineplot(part, **shown, **single, color=RED, label=f"each of {runs} runs")
    _axes(ax, column, epochs, words, last, limits)
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
    ax = new_pair(ax)
    for axes, column in zip(ax, ("loss", "accuracy"), strict=True):
        curve(history, column, epochs=epochs, limits=(limits or {}).get(column), ax=axes)
    _above(ax, title)
    return ax


def _handles(ax: Axes) -> tuple[Sequence[Any], Sequence[str]]:
    """Return what a legend shows, and its labels, each label once: single runs share theirs."""
    handles, labels = ax.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    return list(once.values()), list(once)


def _above(ax: Sequence[Axes], title: str) -> None:
    """Put a bold title and one legend, that of the first axes, above several; each of them keeps its own name at its top."""
    handles, labels = _handles(ax[0])
    for axes in ax:
        if axes.get_legend():
            axes.get_legend().remove()
        axes.text(0, 1.03, axes.get_ylabel(), transform=axes.transAxes)
        axes.yaxis.label.set_visible(False)
    ax[0].set_title(title or " ", pad=TITLE_ROOM if title else TITLE_ROOM / 2, fontweight="bold")
    corner = {"loc": "lower left", "bbox_to_anchor": (-0.02, 1.09), "borderaxespad": 0}
    legend = ax[0].legend(handles, labels, ncols=max(len(labels), 1), **corner)
    legend.set_in_layout(False)  # it is wider than its axes, and the title has kept the room


@in_style
def means(history: pd.DataFrame, column: str, *, split: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw loss, accuracy or error of several models against epoch, each as the mean of its runs, ± one standard deviation.

    ``history`` has the columns of ``train``; its ``model`` names the lines, at their ends. A line on which a later one lies is
    pale and wide, so that both are seen. A name that has colour and line style of its own keeps them everywhere.
    """
    import seaborn as sns

    part = _of_split("means", history, column, split)
    ax, last = new_axes(ax, size=(7, 3.8)), int(part["epoch"].max())
    (split,) = part["split"].unique()
    part, words = _binned(part, "linear")
    curves = part.pivot_table(column, "epoch", "model", sort=False, dropna=False)
    same = 0.01 * np.ptp(curves.to_numpy())  # as far apart as nobody sees
    for number, (model, mean) in enumerate(curves.items()):
        colour, line, _ = LOOKS[number % len(LOOKS)]
        look = {"color": COLOURS.get(model, colour), "linestyle": LINES.get(model, line), "linewidth": 1.8}
        if any((mean - curves[later]).abs().max() <= same for later in curves.columns[number + 1 :]):
            look |= PALE
        rows = part[part["model"] == model]
        spread = _spread(column, rows["run"].nunique(), alpha=0.32 / max(2, curves.shape[1]))
        sns.lineplot(rows, x="epoch", y=column, ax=ax, legend=False, label=f"{model}", **spread, **look)
    _axes(ax, column, "linear", words, last)
    ax.set_ylabel(f"{ax.get_ylabel()}, {split} data")
    _name_ends(ax)
    return ax


def _name_ends(ax: Axes) -> None:
    """Write each line's name at its right end, moved apart where ends lie close together."""
    axes_height = ax.transData + ax.transAxes.inverted()
    lines = [line for line in ax.lines if np.isfinite(line.get_ydata()[-1:]).any()]
    ends = {line: axes_height.transform((line.get_xdata()[-1], line.get_ydata()[-1]))[1] for line in lines}
    gap = 0.21 / ax.figure.get_figheight()  # a line of text
    height = -math.inf
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
    ax, rows, words = (
        new_axes(ax, size=(6.5, 0.5 * len(names) + 1.1)),
        np.arange(len(names)),
        [f"{name}" for name in names],
    )
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
        if split != "training":
            ends = part.groupby("model")["error"].agg(["mean", "std"]).reindex(names)
            bar = {"color": "black", "markersize": 15, "label": f"{split} data, mean"}
            ax.plot(ends["mean"].clip(lower=0.1), rows + shift, "|", **bar)
            words = [
                f"{name}\n{mean:.1f} %" + ("" if np.isnan(std) else f" ± {std:.1f}")
                for name, mean, std in ends.itertuples()
            ]
    ax.set(xscale="log", xlim=(0.09, 70), xlabel="error, %", ylabel="", ylim=(len(names) - 0.5, -0.5))
    ax.set_xticks([0.1, 0.3, 1, 3, 10, 30], ["≤ 0.1", "0.3", "1", "3", "10", "30"])
    ax.set_xticks([], minor=True)
    ax.set_yticks(rows, words)
    ax.set_label(f"Errors at the end, a mark for each run, and their mean and standard deviation: {'; '.join(words)}")
    ax.legend(*_handles(ax), loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize="small")
    return ax


@in_style
def comparison(history: pd.DataFrame, *, ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw how several models ended, each run, and the way there: ``final_errors``, and ``means`` of the error.

    Takes and returns two axes.
    """
    check_table("comparison", history, "model", "accuracy")
    if ax is None:
        _, ax = plt.subplots(1, 2, figsize=(WIDE, 0.5 * history["model"].nunique() + 1.7))
    ax = new_pair(ax)
    final_errors(history, ax=ax[0])
    means(history.assign(error=1 - history["accuracy"]), "error", ax=ax[1])
    return ax


@in_style
def bands(history: pd.DataFrame, column: str, *, split: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the mean of one model's runs with two bands: ± one standard deviation, and the mean's 95 % confidence interval.

    Both are seaborn's: ``errorbar="sd"`` within what the values can be, and its default, ``errorbar=("ci", 95)``.
    """
    import seaborn as sns

    part = _of_split("bands", history, column, split)
    if part.duplicated(["epoch", "run"]).any():
        raise ValueError(f"bands expected the runs of one model, got {part['model'].nunique()} models")
    ax, last, runs = new_axes(ax, size=(6.5, 4)), int(part["epoch"].max()), part["run"].nunique()
    part, words = _binned(part, "linear")
    shown = {"x": "epoch", "y": column, "ax": ax, "legend": False, "color": "black"}
    sd = {"facecolor": BLUE, "alpha": 0.22, "linewidth": 0, "label": "± 1 standard deviation"}
    sns.lineplot(part, **shown, errorbar=_spread(column, runs)["errorbar"], err_kws=sd, label=f"mean of {runs} runs")
    ci = {"facecolor": "none", "edgecolor": RED, "hatch": "////", "linewidth": 0.8, "alpha": 1}
    ci["label"] = "95 % confidence interval of the mean"
    sns.lineplot(part, **shown, errorbar=("ci", 95), seed=0, err_kws=ci, linewidth=0)
    _axes(ax, column, "linear", words, last)
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
    import seaborn as sns

    owner = "tube_and_thread"
    check_choice(owner, "epochs", epochs, ("linear", "log"))
    part = _of_split(owner, history, "loss", None)
    check_table(owner, history, "accuracy")
    for role, model in (("tube", tube), ("thread", thread), ("beside", beside)):
        check_choice(owner, role, model, list(names))
    ax, last = new_pair(ax), int(history["epoch"].max())
    part, words = _binned(part, epochs)
    looks = {
        beside: {"color": COLOURS["framework"], "linewidth": 1.8, "linestyle": "--"},
        tube: {"color": COLOURS["PyTorch"], **PALE},
        thread: {"color": COLOURS["minidl"], "linewidth": 1.8},
    }
    for axes, column in zip(ax, ("loss", "accuracy"), strict=True):
        _check_limits(owner, (limits or {}).get(column))
        shown = {"x": "epoch", "y": column, "ax": axes, "legend": False, "errorbar": None}
        for model, look in looks.items():
            sns.lineplot(part[part["model"] == model], **shown, **look, label=names[model])
        _axes(axes, column, epochs, words, last, (limits or {}).get(column))
    _above(ax, title)
    return ax


@in_style
def differences(
    history: pd.DataFrame, pairs: dict[str, tuple[str, str]], *, epochs: str = "log", ax: Axes | None = None
) -> Axes:
    """Draw the largest difference so far between two models in loss, a line for each run, for each pair of models.

    ``pairs`` names the pairs; the names stand beside the lines. A line begins where the two first differ.
    """
    import seaborn as sns

    check_choice("differences", "epochs", epochs, ("linear", "log"))
    part = _of_split("differences", history, "loss", None)
    for pair in pairs.values():
        for model in pair:
            check_choice("differences", "pairs", model, list(history["model"].unique()))
    ax, last = new_axes(ax), int(part["epoch"].max())
    for (name, pair), (colour, line, _) in zip(pairs.items(), LOOKS, strict=False):
        one, other = (part[part["model"] == model].set_index(["run", "epoch"])["loss"] for model in pair)
        apart = (one - other).abs().groupby("run").cummax().rename("difference").reset_index()
        apart = apart[apart["difference"] > 0]  # a logarithmic axis has no 0
        if len(apart):
            single = {"units": "run", "estimator": None, "linewidth": 0.9, "color": colour, "linestyle": line}
            sns.lineplot(apart, x="epoch", y="difference", ax=ax, legend=False, **single)
            first = apart.groupby("run")["difference"].first().median()
            ax.text(0.03, 4 * first, name, transform=ax.get_yaxis_transform(), va="bottom", color=colour)
    ax.set(yscale="log", xscale=epochs, xlim=(1 if epochs == "log" else 0, max(last, 2)), xlabel="epoch")
    ax.set_ylabel("largest difference in loss so far, each run", visible=False)
    if epochs == "log":
        plain_logarithm(ax.xaxis)
    ax.text(0, 1.03, ax.get_ylabel(), transform=ax.transAxes)
    return ax
