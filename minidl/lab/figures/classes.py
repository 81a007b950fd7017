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
    """Draw square pictures, (n, m), in a grid, row by row, in shades of grey: white is 0 and black the largest number of all.

    Where there are negative numbers, 0 is white, what is above orange, and what is below blue. The m pixels of a picture are a
    square number, row by row: 64 for ``minidl.lab.digits``. Above each stands its class from ``labels``, and where ``read``,
    what a model has read, differs, both, and a frame; these are class numbers (n,), or have a column for each class, (n, k).
    """
    images = as_numbers("digit_images", "square images", images, "(n, m)")
    check_whole("digit_images", "columns", columns)
    n, side = len(images), math.isqrt(images.shape[1])
    if side**2 != images.shape[1]:
        raise ValueError(f"digit_images expected square images, of shape (n, 64) say, got {tuple(images.shape)}")
    if labels is None and read is not None:
        raise ValueError("digit_images expected labels to compare with what was read, got none")
    classes = {"labels": labels, "read": labels if read is None else read}
    for name, values in classes.items() if labels is not None else ():
        classes[name] = class_numbers("digit_images", name, values).tolist()
        if len(values) != n:
            raise ValueError(f"digit_images expected {name} for {n} images, got {len(values)}")
    columns, captions = min(columns, n), 0 if labels is None else 0.3  # room above each picture, in picture heights
    rows, largest = math.ceil(n / columns), float(images.abs().max())
    ax = new_axes(ax, size=(0.95 * columns, 0.95 * rows * (1 + captions)))
    shades = {"cmap": SIGNS, "vmin": -largest} if images.min() < 0 else {"cmap": "gray_r", "vmin": 0}
    for k, image in enumerate(images):
        x, y = 1.15 * (k % columns), (1.15 + captions) * (k // columns)
        ax.imshow(image.reshape(side, side).numpy(), extent=(x, x + 1, y + 1, y), vmax=largest, **shades)
        label, seen = (values and values[k] for values in classes.values())
        frame = {"edgecolor": "#cfcfcf", "linewidth": 0.8} if seen == label else {"edgecolor": RED, "linewidth": 2}
        ax.add_patch(plt.Rectangle((x, y), 1, 1, fill=False, **frame))
        if captions:
            words = f"{label}" if seen == label else f"{label}, read {seen}"
            ax.text(x + 0.5, y - 0.06, words, ha="center", va="bottom", fontsize="small")
    above = f"; above them {', '.join(map(str, classes['labels']))}" if captions else ""
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

    labels, read = (class_numbers("confusion_matrix", *given) for given in (("labels", labels), ("read", read)))
    if labels.shape != read.shape:
        expected = f"what was read for {len(labels)} labels"
        raise ValueError(f"confusion_matrix expected {expected}, got {len(read)} classes instead")
    classes = int(max(labels.max(), read.max())) + 1
    counts = torch.bincount(labels * classes + read, minlength=classes**2).reshape(classes, classes)
    mistakes = counts - counts.diag().diag()
    most = int(mistakes.argmax())
    ax = new_axes(ax, size=(0.5 * classes + 1, 0.45 * classes + 1))
    shades = LinearSegmentedColormap.from_list("mistakes", ["white", ORANGE]).with_extremes(under="#e4e4e4")
    words = np.vectorize(lambda count: f"{count:,}" if count else "")(counts.numpy())
    look = {"cmap": shades, "vmin": 0, "vmax": max(1, int(mistakes.max())), "cbar": False}
    shaded = mistakes - counts.diag().sign().diag()  # below 0 is what was read right
    sns.heatmap(shaded.numpy(), annot=words, fmt="", annot_kws={"color": "black"}, ax=ax, **look)
    often = f", most often {most // classes} read as {most % classes}, {mistakes.max()} times" if mistakes.any() else ""
    ax.set_label(f"A confusion matrix, true digits down and what was read across: {mistakes.sum()} mistakes{often}")
    ax.set(xlabel="read as", ylabel="true digit", title=f"{int(counts.trace()):,} of {len(labels):,} read right")
    return ax
