"""The kinds of exercises: a value, a function, a layer, a chain, a loss, an optimiser, a network, a loop, a claim and others.

`exercise` is what they have in common; each of `value`, `function`, `layer`, `chain`, `loss`, `optimizer`, `network`, `loop`,
`claim`, `diagnosis` and `played` (of the playground) is one class, with its own few parameters, that knows how to judge
such an answer. `calling` runs the student's code, `measuring` tells what is wrong with a layer that the doctor has no name for,
and `writing` shortens the code of answers that an exercise lists.
"""

from minidl.lab.exercises.kinds.chain import Chain
from minidl.lab.exercises.kinds.claim import Claim
from minidl.lab.exercises.kinds.diagnosis import Diagnoses
from minidl.lab.exercises.kinds.exercise import Exercise
from minidl.lab.exercises.kinds.function import Function
from minidl.lab.exercises.kinds.layer import Layer
from minidl.lab.exercises.kinds.loop import Loop
from minidl.lab.exercises.kinds.loss import Loss
from minidl.lab.exercises.kinds.network import Network
from minidl.lab.exercises.kinds.optimizer import Optimizer
from minidl.lab.exercises.kinds.played import Played
from minidl.lab.exercises.kinds.value import Value

__all__ = [
    "Chain",
    "Claim",
    "Diagnoses",
    "Exercise",
    "Function",
    "Layer",
    "Loop",
    "Loss",
    "Network",
    "Optimizer",
    "Played",
    "Value",
]
