"""The doctor: examines a hand-written layer, loss, optimiser or training loop and names its mistake.

    from minidl.lab.doctor import examine

    examine(MyReLU(), (4, 3))

The truth comes from the subject's own forward, so that it may be one that nobody has seen before. `examination` leads a
value through the folder:

1. `subject` is what is examined. Whatever touches the student's object stands there: calling it, copying it, finding its
   parameters. `time_limit` keeps watch meanwhile.
2. `measure` runs it on small batches, puts the true values beside those that came, and tries out how it behaves.
3. `mistakes` has a file for each family of mistakes that the doctor knows; `mistakes.rules` says how to teach it another.
4. `explanation` tries the mistakes on a wrong value until one fits in every batch: so it gets its name. `observations` are
   what the experiments see.
5. `diagnosis` tells it, as text, as HTML, a `card` with a `heat_map`, and as a dictionary; `wording` writes numbers and names.

A training loop is examined by `training_examination` in the same way: `measure` runs it with parts that write down every call;
what may be meant as it is becomes a note, in `training_notes`.
What else may stand in the way of a training, its numbers, is measured by `check_up`.
`students` does all that with the files of a whole course. Imports go from the later of these to the earlier; none of them
imports anything else of minidl, but for `measure.parts`, the network that a loop is given to train.
"""

from minidl.lab.doctor.card import card, paragraph
from minidl.lab.doctor.check_up import CheckUp, check_up
from minidl.lab.doctor.diagnosis import Diagnosis, Finding
from minidl.lab.doctor.examination import examine, examine_loss, examine_optimizer
from minidl.lab.doctor.training_examination import examine_training

__all__ = [
    "CheckUp",
    "Diagnosis",
    "Finding",
    "card",
    "check_up",
    "examine",
    "examine_loss",
    "examine_optimizer",
    "examine_training",
    "paragraph",
]
