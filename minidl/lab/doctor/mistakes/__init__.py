"""The mistakes that the doctor knows, a file for each family; how to add one is said in `rules`.

`reading` has the notebooks and sections to which their sentences send. `windows` finds out what a convolution or a pooling
does, for the family that is about these.

Adding a mistake touches one file, its family's: the lists below are read from the families. Their order is that of
`FAMILIES`, and inside a family that of definition. It matters twice: wrong values are tried in this order, the likelier
first, until one fits; and what is seen is told in this order. A rule that has to be tried after all others says so itself
(``last=True``).

A new family is one more file, and one more name in `FAMILIES`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from minidl.lab.doctor.mistakes import (
    accumulators,
    batch_sum,
    chain_rule,
    containers,
    contract,
    convolution,
    curves,
    directions,
    endings,
    factors,
    gradients,
    graphs,
    loops,
    losses,
    matrices,
    memory,
    normalisation,
    numbers,
    optimisers,
    orders,
    rates,
    reports,
    samples,
    settings,
    starts,
    weights,
)
from minidl.lab.doctor.mistakes.rules import Factor, Misbehaviour, Rule, WrongLoop, WrongSetting, WrongStep, WrongValue

FAMILIES = (
    factors,  # a number in front of what is right
    matrices,  # a transpose is the first slip of all
    chain_rule,
    normalisation,
    convolution,
    batch_sum,  # after the chain rule: of a batch whose other samples give nothing, the last alone is a forgotten gradient
    losses,
    contract,  # what is returned at all: nothing further can be right where that is not
    accumulators,
    memory,
    numbers,
    containers,
    optimisers,
    loops,  # what a loop calls, and then where it goes, which samples it visits, and what it says in the end
    gradients,
    graphs,
    weights,
    directions,
    samples,
    orders,
    reports,
    settings,  # what stands in the way of a training, in the order in which one looks
    endings,
    starts,
    rates,
    curves,
)

Kind = TypeVar("Kind", bound=Rule)


def _rules(kind: type[Kind]) -> Iterator[Kind]:
    for family in FAMILIES:
        for value in vars(family).values():
            if isinstance(value, kind) and value.family == family.__name__:
                yield value


FACTORS = tuple(_rules(Factor))
WRONG_VALUES = tuple(_rules(WrongValue))
MISBEHAVIOURS = tuple(_rules(Misbehaviour))
WRONG_STEPS = tuple(_rules(WrongStep))
WRONG_LOOPS = tuple(_rules(WrongLoop))
WRONG_SETTINGS = tuple(_rules(WrongSetting))
