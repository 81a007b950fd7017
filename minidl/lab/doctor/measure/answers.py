"""What a check-up looks at in a network's answers, class by class, and in the columns that may tell them."""

from __future__ import annotations

from dataclasses import dataclass

from minidl.lab.doctor.measure.vitals import SAMPLES, Vitals, classes

RARELY, FEW = 0.1, 10  # the share of a class that is answered rightly, and the samples from which that can be said


@dataclass
class Confusion:
    """A class that is hardly ever answered rightly, and what is said in its place."""

    label: int
    right: int
    of: int
    read_as: int
    times: int
    data: str


def confusion(vitals: Vitals) -> Confusion | None:
    """Return the class that a network confuses most, where it is right about most of the samples; None where there is none."""
    data = "training" if vitals.validation is None else "validation"
    X, T = (vitals.X, vitals.T) if vitals.validation is None else vitals.validation
    labels = classes(T[:SAMPLES])
    if labels is None or len(labels.unique()) < 3 or not vitals.loss < 0.7 * vitals.guess:
        return None  # before it has learned something, that is chance
    output = vitals.net.answer(X[:SAMPLES])
    if output.ndim != 2 or output.shape[1] < 3 or int(labels.max()) >= output.shape[1]:
        return None
    said = output.argmax(1)
    if float((said == labels).double().mean()) < 0.5:  # it knows too little to confuse anything
        return None
    found = []
    for label in labels.unique().tolist():
        own = said[labels == label]
        wrong = own[own != label]
        right = len(own) - len(wrong)
        if len(own) >= FEW and right < RARELY * len(own):
            other = int(wrong.mode().values)
            found.append(Confusion(label, right, len(own), other, int((own == other).sum()), data))
    return min(found, key=lambda one: one.right / one.of, default=None)


def telling_column(vitals: Vitals) -> int | None:
    """Return the column of the inputs, counted from 1, that is the label itself or another writing of it; None without one."""
    columns, targets = vitals.columns[vitals.some], vitals.T[vitals.some]
    labels = None if vitals.labels is None else vitals.labels[vitals.some]
    if columns.shape[1] < 2 or len(columns) < 20:
        return None
    if labels is None:
        if targets.numel() != len(targets) or bool((targets == targets[0]).all()):  # several may be the inputs again
            return None
        same = (columns == targets.reshape(-1, 1)).all(0).nonzero().reshape(-1).tolist()
        return same[0] + 1 if same else None
    count = len(labels.unique())
    for k in range(columns.shape[1] if count > 1 else 0):
        values, places = columns[:, k].unique(return_inverse=True)
        if len(values) == count and len({*zip(places.tolist(), labels.tolist(), strict=True)}) == count:
            return k + 1
    return None
