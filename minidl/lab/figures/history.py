"""What happened in trainings: loss and accuracy against epoch, several runs and models, and how they ended.

Each takes a history with the columns of ``minidl.lab.training.train``: model, run, epoch, split, loss, accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from minidl.lab.arguments import check_choice, check_whole, checked
from minidl.lab.figures.style import BLUE, COLOURS, GREY, LINES, LOOKS, RED, in_style, new_axes, new_pair

VALUES = ("loss", "accuracy", "error")  # an error is 1 - accuracy, where a table has it


def check_table(owner: str, table: pd.DataFrame, *columns: str) -> None:
    """Raise TypeError or ValueError unless a table has these columns, with something in them, and numbers where needed."""
    missing = [column for column in columns if column not in table.columns]
    if missing or not len(table):
        got = f"no {missing[0]}" if missing else "no rows"
        raise ValueError(f"{owner} expected a table with rows and the columns {', '.join(columns)}, got {got}")
    for column in {"epoch", *VALUES} & {*columns}:
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise TypeError(f"{owner} expected numbers in the column {column}, got {table[column].dtype}")


def _of_split(owner: str, history: pd.DataFrame, column: str, split: str) -> pd.DataFrame:
    """Return what a history holds of one split, if a figure of one column can be drawn from it."""
    check_choice(owner, "column", column, VALUES)
    check_table(owner, history, "model", "run", "epoch", "split", column)
    check_choice(owner, "split", split, list(history["split"].unique()))
    return history[history["split"] == split]


@in_style
def curve(history: pd.DataFrame, column: str, *, by: str = "split", ax: Axes | None = None) -> Axes:
    """Draw loss or accuracy against epoch: the mean over the runs as a line, ± one standard deviation as a band.

    Parameters
    ----------
    history : DataFrame
        As ``train`` returns it.
    column : {"loss", "accuracy"}
        What to draw. A band never leaves what can be: no loss is below 0, no accuracy outside [0, 1].
    by : {"split", "model"}
        What makes a line: colour and line style tell them apart. The other column should hold one value.
    """
    check_choice("curve", "column", column, VALUES)
    check_choice("curve", "by", by, ("split", "model"))
    check_table("curve", history, "run", "epoch", by, column)
    ax = new_axes(ax)
    runs = history["run"].nunique()
    for value, part in history.groupby(by, sort=False):
        summary = part.groupby("epoch")[column].agg(["mean", "std"])  # pandas' std has ddof = 1, as seaborn's "sd"
        style = {"color": COLOURS.get(value, GREY), "linestyle": LINES.get(value, ":")}
        ax.plot(summary.index, summary["mean"], label=f"{value}, mean of {runs} runs" if runs > 1 else value, **style)
        if runs > 1:
            label = f"{value}, ± 1 standard deviation"
            _deviation(ax, summary["mean"], summary["std"], column, color=style["color"], label=label)
    ax.set(xlabel="epoch", ylabel=_words(column))
    ax.set_xlim(0, history["epoch"].max())
    ax.set_ylim(bottom=0)
    if column == "accuracy":
        ax.set_ylim(min(0.4, 0.95 * history["accuracy"].min()), 1.005)
    ax.legend(fontsize="small")
    return ax


def _deviation(ax: Axes, mean: pd.Series, std: pd.Series, column: str, **look: str) -> None:
    """Shade one standard deviation to each side of a mean, as far as the column's values can be."""
    low, high = ((mean + side * std).clip(0, 1 if column == "accuracy" else None) for side in (-1, 1))
    ax.fill_between(mean.index, low, high, alpha=0.22, linewidth=0, **look)


def _words(column: str) -> str:
    return "mean loss per sample" if column == "loss" else column


@in_style
def training_history(
    history: pd.DataFrame, *, by: str = "split", title: str = "", ax: Sequence[Axes] | None = None
) -> Sequence[Axes]:
    """Draw a training's loss (left) and accuracy (right) against epoch; see ``curve``. Takes and returns two axes."""
    ax = new_pair(ax)
    for axes, column in zip(ax, ("loss", "accuracy"), strict=True):
        curve(history, column, by=by, ax=axes)
    ax[0].set_title(title)
    return ax


@in_style
def means(history: pd.DataFrame, column: str, *, split: str = "validation", ax: Axes | None = None) -> Axes:
    """Draw loss, accuracy or error of several models against epoch, each as the mean over its runs; no bands.

    ``history`` has the columns of ``train``; its ``model`` names the lines. Each line is thinner than those before it, so that
    of equal lines all can be seen. A name that has colour and line style of its own in ``curve`` keeps them.
    """
    part = _of_split("means", history, column, split)
    ax = new_axes(ax, size=(7, 3.8))
    models = part.groupby("model", sort=False)
    for number, (model, rows) in enumerate(models):
        mean = rows.groupby("epoch")[column].mean()
        colour, line, marker = LOOKS[number % len(LOOKS)]
        colour, line = COLOURS.get(model, colour), LINES.get(model, line)
        every = max(1, len(mean) // 10)
        look = {"color": colour, "linestyle": line, "linewidth": 1.2 + 0.9 * (len(models) - 1 - number)}
        ax.plot(mean.index, mean, marker=marker, markevery=(number * every // len(LOOKS), every), label=model, **look)
    ax.set(xlabel="epoch", ylabel=f"mean {column}", xlim=(0, part["epoch"].max()))
    ax.legend(title=f"{split} data", loc="upper left", bbox_to_anchor=(1, 1))
    return ax


@in_style
def final_errors(history: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of wrong answers that each run ended with, a row for each model, on a logarithmic scale.

    ``history`` has the columns of ``train``; its ``model`` names the rows, the first at the top. Circles are errors on training
    data, crosses on validation data, bars the means of the crosses. The runs of a model stand one below the other, so that
    equal errors do not hide each other. What is below 0.1 % is drawn there.
    """
    check_table("final_errors", history, "model", "epoch", "split", "accuracy")
    names = list(history["model"].unique())
    ax = new_axes(ax, size=(6.5, 0.5 * len(names) + 1.1))
    last = history[history["epoch"] == history.groupby("model")["epoch"].transform("max")]
    percent = (100 * (1 - last["accuracy"])).clip(lower=0.1)
    run = last.groupby(["model", "split"])["run"].rank(method="dense", pct=True)  # above 0, and up to 1
    row = last["model"].map({name: k for k, name in enumerate(names)}) + 0.32 * (run - 0.5)
    for split, marker, shift in (("training", "o", -0.22), ("validation", "x", 0.22)):
        shown, look = last["split"] == split, {"color": COLOURS[split], "fillstyle": "none", "markersize": 4}
        ax.plot(percent[shown], row[shown] + shift, marker, label=f"{split} data, each run", **look)
    means = 100 * (1 - last[last["split"] == "validation"].groupby("model")["accuracy"].mean().reindex(names))
    height = np.arange(len(names)) + 0.22
    ax.plot(means.clip(lower=0.1), height, "|", color="black", markersize=15, label="validation data, mean")
    ax.set(xscale="log", xlim=(0.09, 70), xlabel="error, %", ylim=(len(names) - 0.5, -0.5))
    ax.set_xticks([0.1, 0.3, 1, 3, 10, 30], ["≤ 0.1", "0.3", "1", "3", "10", "30"])
    ax.set_xticks([], minor=True)
    ax.set_yticks(range(len(names)), names)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize="small")
    return ax


@checked
def mean_interval(values: np.ndarray, *, resamples: int = 1000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper end of a 95 % confidence interval of the mean, found by bootstrapping.

    Parameters
    ----------
    values : array, shape (runs, ...)
        The first dimension is averaged over.
    resamples : int
        How often to draw as many runs as there are, with replacement, and take their mean. The interval leaves out the
        lowest and the highest 2.5 % of these means. This is seaborn's default band.

    Returns
    -------
    low, high : arrays of the shape of one run
    """
    if not values.size or values.dtype.kind not in "fiu":
        raise ValueError(
            f"mean_interval expected numbers of at least one run, got {values.dtype} of shape {values.shape}"
        )
    check_whole("mean_interval", "resamples", resamples)
    check_whole("mean_interval", "seed", seed, 0)
    runs = len(values)
    counts = np.random.default_rng(seed).multinomial(runs, np.full(runs, 1 / runs), size=resamples)
    low, high = np.percentile(np.tensordot(counts / runs, values, axes=1), [2.5, 97.5], axis=0)
    return low, high


@in_style
def bands(history: pd.DataFrame, column: str, *, split: str = "validation", ax: Axes | None = None) -> Axes:
    """Draw the mean of one model's runs with two bands: ± one standard deviation, and the mean's 95 % confidence interval."""
    part = _of_split("bands", history, column, split)
    if part.duplicated(["epoch", "run"]).any():
        raise ValueError(f"bands expected the runs of one model, got {part['model'].nunique()} models")
    ax = new_axes(ax, size=(6.5, 4))
    table = part.pivot(index="epoch", columns="run", values=column)
    mean, std, runs = table.mean(axis=1), table.std(axis=1), table.shape[1]
    _deviation(ax, mean, std, column, color=BLUE, label="± 1 standard deviation")
    look = {"facecolor": "none", "edgecolor": RED, "hatch": "////", "linewidth": 0.8}
    ax.fill_between(
        mean.index, *mean_interval(table.T.to_numpy()), **look, label="95 % confidence interval of the mean"
    )
    ax.plot(mean.index, mean, color="black", label=f"mean of {runs} runs")
    ax.set(xlabel="epoch", ylabel=_words(column), xlim=(0, mean.index.max()))
    ax.legend(loc="best", fontsize="small")
    return ax
