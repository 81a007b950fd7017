"""What a mistake is: a sentence for the student, and a small function that recognises it.

The sentence is the function's docstring. There are three kinds, and the optimisers':

- A *factor* is a number that may stand in front of what is right, or of another mistake. (Its second sentence is for a
  loss, which forgets its factors in another way.)
- A *wrong value* is a prediction: given a batch, the function returns what somebody who makes this mistake would have
  computed. The doctor compares, allows for a factor on top, and believes it only if it fits every batch.
- A *misbehaviour* is an experiment: the function tries something on fresh copies of the subject and returns what it saw,
  or None.
- A *wrong step* is the same for the steps of an optimiser, a *wrong loop* for what a training loop has done, and a *wrong
  setting* for what a check-up measures.

To add a mistake, write one more function in its family's file, under one of the decorators below, and for the tests two
specimens that make the mistake, in the family's file of specimens. In the sentence, {where} and {Where} are what is wrong
("the gradient of weight"), and other names in braces are what a misbehaviour has seen.

The function becomes a rule, an object that knows everything about itself: also what follows from it, and when it is asked.
That stands beside the name, and each keyword is explained here, at the rule that takes it. No other file knows a mistake by
its name, except rules of which it is a consequence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from minidl.lab.doctor.measure.batches import Case
from minidl.lab.doctor.measure.behaviour import Behaviour
from minidl.lab.doctor.measure.steps import Steps
from minidl.lab.doctor.measure.trainings import Training
from minidl.lab.doctor.measure.vitals import Vitals
from minidl.lab.doctor.mistakes.reading import LINEAR, MSE

Seen = dict[str, Any]  # "where" it was seen, "expected" and "got" where there are such, and what the sentence needs


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What all rules have.

    Attributes
    ----------
    name : str
        Of the mistake. Several rules may recognise the same one.
    says : str
        The sentence for the student.
    read : tuple of two str
        Notebook and section that explain it.
    family : str
        The module in which it is written.
    """

    name: str
    says: str
    read: tuple[str, str] = ("", "")
    family: str = ""


@dataclass(frozen=True, kw_only=True)
class Factor(Rule):
    """A number in front of what is right.

    Attributes
    ----------
    symbol : str
        How the number is written, "1/n".
    says_of_loss, read_of_loss : str, and a tuple of two str
        The sentence where the subject is a loss, and where to read on about that.
    value : function of a case
        The number, for one batch.
    goes_with : {"all", "sizes", ""}
        Before which other factors it may stand: all of them, those that depend on the batch's sizes, or those of ``pairs``
        alone. One that goes with nothing in general is itself a size; it counts in a product only where it differs from
        batch to batch, for 10 may be 2 k, or just 10.
    pairs : tuple of str
        The symbols of further factors with which it makes a product that students write.
    """

    symbol: str
    says_of_loss: str
    read_of_loss: tuple[str, str] = MSE
    value: Callable[[Case], float]
    goes_with: str = ""
    pairs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class WrongValue(Rule):
    """What somebody with this mistake would have computed.

    Attributes
    ----------
    of : {"input", "param", "output", "any"}
        What it is a value of: what backward returns; a parameter's gradient; what forward returns; any of them.
    predict : function of a case and of the name of the value
        Returns the wrong value, None where the mistake cannot be made, or several that it may be.
    combined_with : tuple of str
        Names of mistakes with which this one is made together: they are reported too.
    in_company : str
        For a number that is no known factor: what is said where it stands beside one that is.
    last : bool
        Whether it is tried only where no other fits, not even with a factor on top.
    also_where_none : bool
        Whether it is what is said where there is no gradient at all.
    """

    of: str
    predict: Callable[[Case, str], Tensor | Iterable[Tensor | None] | None]
    combined_with: tuple[str, ...] = ()
    in_company: str = ""
    last: bool = False
    also_where_none: bool = False


@dataclass(frozen=True, kw_only=True)
class Observation(Rule):
    """What is seen in an experiment.

    Attributes
    ----------
    observe : function
        Makes the experiment; returns what it has seen, or None.
    explains : tuple of str
        Names of mistakes that follow from this one: they are left out where it is seen.
    only_alone : bool
        Whether it counts only where nothing else is seen.
    """

    observe: Callable[[Any], Seen | None]
    explains: tuple[str, ...] = ()
    only_alone: bool = False


@dataclass(frozen=True, kw_only=True)
class Misbehaviour(Observation):
    """What is seen in an experiment on a layer, a container or a loss.

    Attributes
    ----------
    observe : function of a Behaviour
    asked_if_it_raises : bool
        Whether it is asked even where the subject raises for every batch, because it may be why. All others need batches.
    asked_without_output : bool
        Whether it is asked even where forward returns nothing that has values.
    second_use : bool
        Whether the experiment uses one copy a second time, so that an error in it is one that comes with the second use.
    misleads : bool
        Whether every value is wrong then, and no single one is explained.
    makes_values_wrong : bool
        Whether the value at which it is seen is wrong for that reason, and needs no other explanation.
    makes_output_wrong : bool
        Whether what forward returns is wrong for that reason.
    follows_from_inside : bool
        Whether it is left out where a module inside has a mistake of its own: it follows from that.
    only_if_input_right : bool
        Whether it is left out where what backward returns is wrong anyway.
    """

    asked_if_it_raises: bool = False
    asked_without_output: bool = False
    second_use: bool = False
    misleads: bool = False
    makes_values_wrong: bool = False
    makes_output_wrong: bool = False
    follows_from_inside: bool = False
    only_if_input_right: bool = False


@dataclass(frozen=True, kw_only=True)
class WrongStep(Observation):
    """What is seen in the steps of an optimiser.

    Attributes
    ----------
    observe : function of Steps
    """


@dataclass(frozen=True, kw_only=True)
class WrongLoop(Observation):
    """What is seen in what a training loop has done.

    Attributes
    ----------
    observe : function of a Training
    """


@dataclass(frozen=True, kw_only=True)
class WrongSetting(Observation):
    """What is seen in the numbers of a training.

    Attributes
    ----------
    observe : function of Vitals
    tries : str
        What to try, in a few words.
    stops : bool
        Whether nothing else can be measured then.
    """

    tries: str
    stops: bool = False


# ---------------------------------------------------------------------------------------------------------------------
# Decorators: what stands under them becomes a rule. Further keywords are the attributes of the rule's class.


def factor(symbol: str, *, name: str = "", **keywords: Any) -> Callable[[Callable[[Case], float]], Factor]:
    """Make a factor; its mistake is called "factor " and the symbol, unless there is another name for it."""

    def made(value: Callable[[Case], float]) -> Factor:
        says, *of_loss = _sentences(value)
        common = {"read": LINEAR, **_common(value, name or f"factor {symbol}", says), **keywords}
        return Factor(**common, symbol=symbol, says_of_loss=(of_loss or [says])[0], value=value)

    return made


def wrong_value(name: str, *, of: str, read: tuple[str, str], **keywords: Any) -> Callable[[Callable], WrongValue]:
    """Make a wrong value of a function that returns what somebody with this mistake would have computed."""

    def made(predict: Callable) -> WrongValue:
        return WrongValue(
            **_common(predict, name, _sentences(predict)[0]), of=of, read=read, predict=predict, **keywords
        )

    return made


def misbehaviour(
    name: str, *, read: tuple[str, str], **keywords: Any
) -> Callable[[Callable[[Behaviour], Seen | None]], Misbehaviour]:
    """Make a misbehaviour of a function that tries something on copies of the subject."""

    def made(observe: Callable[[Behaviour], Seen | None]) -> Misbehaviour:
        return Misbehaviour(**_common(observe, name, _sentences(observe)[0]), read=read, observe=observe, **keywords)

    return made


def wrong_step(
    name: str, *, read: tuple[str, str], **keywords: Any
) -> Callable[[Callable[[Steps], Seen | None]], WrongStep]:
    """Make a wrong step of a function that looks at the steps of an optimiser, or lets it make others."""

    def made(observe: Callable[[Steps], Seen | None]) -> WrongStep:
        return WrongStep(**_common(observe, name, _sentences(observe)[0]), read=read, observe=observe, **keywords)

    return made


def wrong_loop(
    name: str, *, read: tuple[str, str], **keywords: Any
) -> Callable[[Callable[[Training], Seen | None]], WrongLoop]:
    """Make a wrong loop of a function that looks at what a training loop has done with its parts."""

    def made(observe: Callable[[Training], Seen | None]) -> WrongLoop:
        return WrongLoop(**_common(observe, name, _sentences(observe)[0]), read=read, observe=observe, **keywords)

    return made


def wrong_setting(
    name: str, *, read: tuple[str, str], tries: str, **keywords: Any
) -> Callable[[Callable[[Vitals], Seen | None]], WrongSetting]:
    """Make a wrong setting of a function that looks at the measurements of a check-up."""

    def made(observe: Callable[[Vitals], Seen | None]) -> WrongSetting:
        common = _common(observe, name, _sentences(observe)[0])
        return WrongSetting(**common, read=read, observe=observe, tries=tries, **keywords)

    return made


def _common(function: Callable, name: str, says: str) -> dict[str, str]:
    return {"name": name, "says": says, "family": function.__module__}


def _no_docstring(function: Callable[..., Any]) -> str:
    """Return what is said in place of a sentence that Python has thrown away."""
    name = function.__name__.replace("_", " ")
    return f"{name} (the sentences of the doctor are docstrings, and python -OO takes them away: run it without -OO)."


def _sentences(function: Callable) -> list[str]:
    """Return the paragraphs of a docstring, each as one line."""
    return [" ".join(paragraph.split()) for paragraph in (function.__doc__ or _no_docstring(function)).split("\n\n")]
