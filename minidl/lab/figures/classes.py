"""Pictures and their classes: what stands on them, and what was read as what."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from torch import Tensor

from minidl.lab.arguments import as_numbers, check_whole
from minidl.lab.figures.style import ORANGE, RED, SIGNS, class_numbers, in_style, new_axes, without_axes


@in_style
def digit_images(
    images: Tensor,
    labels: Tensor | None = None,
    read: Tensor | None = None,
    *,
    columns: int = 10,
    ax: Axes | None = None,
) -> Axes:
    """Draw square pictures in a grid, row by row, in shades of grey: the darker, the larger the number.

    All have the same scale. White is 0 and black the largest number. Where there are negative ones, 0 is white, what is above
    orange, and what is below blue.

    Parameters
    ----------
    images : Tensor, shape (n, m)
        The m pixels of each picture row by row; m is a square number, 64 for ``minidl.lab.digits``.
    labels, read : Tensor, optional
        The class to write above each picture, and what a model has read: class numbers (n,), or one column for each class,
        (n, k). Where the two differ, the picture is framed, and both stand above it.
    columns : int
        Pictures in a row.
    """
    images = as_numbers("digit_images", "square images", images, "(n, m)")
    check_whole("digit_images", "columns", columns)
    n, side = len(images), math.isqrt(images.shape[1])
    if side**2 != images.shape[1]:
        raise ValueError(f"digit_images expected square images, of shape (n, 64) say, got {tuple(images.shape)}")
    if labels is None and read is not None:
        raise ValueError("digit_images expected labels to compare with what was read, got none")
    classes = {}
    for name, values in (("labels", labels), ("read", read)):
        classes[name] = None if values is None else class_numbers("digit_images", name, values).tolist()
        if values is not None and len(values) != n:
            raise ValueError(f"digit_images expected {name} for {n} images, got {len(values)}")
    labels, read = classes.values()
    columns, captions = min(columns, n), 0.3 if labels else 0  # room above each picture, in picture heights
    rows, largest = math.ceil(n / columns), float(images.abs().max())
    ax = new_axes(ax, size=(0.95 * columns, 0.95 * rows * (1 + captions)))
    shades = {"cmap": SIGNS, "vmin": -largest} if images.min() < 0 else {"cmap": "gray_r", "vmin": 0}
    for k, image in enumerate(images):
        x, y = 1.15 * (k % columns), (1.15 + captions) * (k // columns)
        ax.imshow(image.reshape(side, side).numpy(), extent=(x, x + 1, y + 1, y), vmax=largest, **shades)
        wrong = read is not None and read[k] != labels[k]
        frame = {"edgecolor": RED, "linewidth": 2} if wrong else {"edgecolor": "#cfcfcf", "linewidth": 0.8}
        ax.add_patch(plt.Rectangle((x, y), 1, 1, fill=False, **frame))
        if labels:
            words = f"{labels[k]}, read {read[k]}" if wrong else f"{labels[k]}"
            ax.text(x + 0.5, y - 0.06, words, ha="center", va="bottom", fontsize="small")
    above = "" if labels is None else f"; above them {', '.join(map(str, labels))}"
    words = f"{n} pictures of {side} x {side} pixels, in rows of {columns}{above}"
    bottom = (1.15 + captions) * rows - 0.05 - captions
    return without_axes(ax, words, xlim=(-0.1, 1.15 * columns - 0.05), ylim=(bottom, -0.1 - captions))


@in_style
def confusion_matrix(labels: Tensor, read: Tensor, *, ax: Axes | None = None) -> Axes:
    """Count how often each class was read as which: the true class gives the row, what was read the column.

    The diagonal, on grey, counts what was read right. The mistakes are shaded, the darker the more frequent; a field without
    a number is 0. Both are class numbers (n,), or have one column for each class, (n, k): one-hot labels, a model's outputs.
    """
    import seaborn as sns

    given = {"labels": labels, "read": read}
    labels, read = (class_numbers("confusion_matrix", name, values) for name, values in given.items())
    if labels.shape != read.shape:
        expected = f"what was read for {len(labels)} labels"
        raise ValueError(f"confusion_matrix expected {expected}, got {len(read)} classes instead")
    classes = int(max(labels.max(), read.max())) + 1
    counts = torch.bincount(labels * classes + read, minlength=classes**2).reshape(classes, classes)
    mistakes = counts - counts.diag().diag()
    most = int(mistakes.argmax())
    ax = new_axes(ax, size=(0.5 * classes + 1, 0.45 * classes + 1))
    shades = LinearSegmentedColormap.from_list("mistakes", ["white", ORANGE])
    words = np.vectorize(lambda count: f"{count:,}" if count else "")(counts.numpy())
    look = {"cmap": shades, "vmin": 0, "vmax": max(1, int(mistakes.max())), "cbar": False}
    sns.heatmap(mistakes.numpy(), annot=words, fmt="", annot_kws={"color": "black"}, ax=ax, **look)
    if counts.trace():
        right = counts.diag().diag().numpy()
        sns.heatmap(right, mask=right == 0, cmap=["#e4e4e4"], cbar=False, ax=ax)
    often = f", most often {most // classes} read as {most % classes}, {mistakes.max()} times" if mistakes.any() else ""
    ax.set_label(f"A confusion matrix, true digits down and what was read across: {mistakes.sum()} mistakes{often}")
    ax.set(xlabel="read as", ylabel="true digit", title=f"{int(counts.trace()):,} of {len(labels):,} read right")
    return ax
