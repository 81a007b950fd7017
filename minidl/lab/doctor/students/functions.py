"""Examining what is written as functions: a forward with its backward, a function with its derivative, a step of parameters."""

from __future__ import annotations

from collections.abc import Iterator

from minidl.lab.doctor.diagnosis import Diagnosis
from minidl.lab.doctor.examination import examine, examine_loss, examine_optimizer
from minidl.lab.doctor.students.tries import Shape, Try, first_that_ran
from minidl.lab.doctor.students.variants import OBLONG, oblong
from minidl.lab.doctor.subject.functions import FunctionPair
from minidl.lab.doctor.subject.roles import parameters
from minidl.lab.doctor.subject.step_functions import StepFunctionFound


def examine_pair(pair: FunctionPair, shape: Shape | None, time_limit: float) -> Diagnosis:
    """Examine two functions that belong together."""

    def tries() -> Iterator[Try]:
        at_input = None
        for words, made, *given in pair.ways(shape):
            one_number = words.endswith("of one number at a time") and at_input is not None and at_input.raised
            if one_number and "backward" in at_input.raised.where:
                return  # the function itself takes arrays
            found = (
                examine(made, *given, reference=_promised(pair), time_limit=time_limit)
                if len(given) == 1
                else examine_loss(made, *given, time_limit=time_limit)
            )
            one = Try(f"{pair.__name__} with {words}", found)
            if words.startswith("the derivative at the input"):
                at_input = one
                if "formula for the output" in found.mistakes:
                    continue  # it may be meant to be given that
            elif words.startswith("the derivative") and at_input is not None and at_input.ran:
                one.diagnosis.notes.append("the derivative is meant to be given the output, as it is written here.")
                yield one if one.ran and not one.diagnosis.findings else at_input
                return
            if one.ran and found and shape is None and len(given) == 1 and (stretched := oblong(tuple(given[0]))):
                other = Try(one.said, examine(next(pair.ways(stretched))[1], stretched, time_limit=time_limit))
                if not other.diagnosis and (other.raised is None or other.raised.where == "backward"):
                    other.diagnosis.notes.append(OBLONG)
                    yield other
                    return
            yield one

    return first_that_ran(tries())


def _promised(pair: FunctionPair) -> str | None:
    """Return what a function is by its name alone; None where it has another, or arguments that may change it."""
    name = pair.forward.__name__.lower().strip("_")
    plain = pair.is_derivative and name in ("relu", "tanh", "sigmoid") and len(parameters(pair.forward)) == 1
    return name if plain else None


def examine_step_function(found: StepFunctionFound, time_limit: float) -> Diagnosis:
    """Examine a function that makes a step of parameters."""
    tries = []
    for words, optimizer, model in found.ways():
        diagnosis = examine_optimizer(optimizer, model, time_limit=time_limit)
        one = Try(f"{found.__name__} with {words}", diagnosis)
        if one.ran or (found.fills_in_itself and one.raised and one.raised.evidence.get("error") == "KeyError"):
            return diagnosis
        tries.append(one)
    return first_that_ran(iter(tries))
