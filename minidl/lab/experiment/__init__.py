"""Repeated runs of a named setting, recorded run by run.

Run r of a setting has its own data and its own initial weights, drawn from the setting's seed and r alone: it is the same run
whether it is trained alone, in a stack, first or last. Runs can be trained one after the other, which times each, or all in
one pass (``stacked=True``), which takes a fraction of the time.

``setting`` says what is trained and which random numbers a run draws from, ``runs`` trains, and ``record`` keeps on disk what
came out. ``repeated`` is for a quick look: any network, a few times over on the disk, nothing recorded.
"""

from minidl.lab.experiment.record import Record, RecordError, versions
from minidl.lab.experiment.repeated import repeat
from minidl.lab.experiment.runs import Result, run_experiments
from minidl.lab.experiment.setting import Setting

__all__ = ["Record", "RecordError", "Result", "Setting", "repeat", "run_experiments", "versions"]
