"""What is tried where nobody has said how a thing is called: shapes, kinds of input and target; and what came of it."""

from __future__ import annotations

import dis
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from minidl.lab.doctor.diagnosis import Diagnosis, Finding
from minidl.lab.doctor.students.built import CannotBuild
from minidl.lab.doctor.students.guesses import FEATURES, IMAGES_NAME, SAMPLES, SIDE
from minidl.lab.doctor.subject.inside import attributes, contents
from minidl.lab.doctor.subject.parameters import slots_of
from minidl.lab.doctor.subject.paths import get
from minidl.lab.doctor.subject.roles import takes_probabilities
from minidl.lab.doctor.subject.values import as_tensor

CLASSES_NAME = re.compile("cross|nll|softmax|categorical|cce", re.IGNORECASE)
BINARY_NAME = re.compile("bce|binary", re.IGNORECASE)
INPUT_SHAPE_NAME = re.compile(r"^_?(in|input|inputs)_?(shape|size|dims?)$|^shape_?in(put)?$", re.IGNORECASE)
SEQUENCE_NAME = re.compile("rnn|lstm|gru|attention|recurrent|sequence", re.IGNORECASE)
OWN_ERRORS = (
    "NameError",
    "UnboundLocalError",
    "SyntaxError",
    "NotImplementedError",
)  # no argument is the reason of these
NO_ATTRIBUTE = re.compile(r"'(\w+)' object has no attribute '(\w+)'")
BUILT_IN = ("tuple", "list", "dict", "int", "float", "str", "bool", "function")
SHAPES = re.compile("broadcast|shape|size of tensor|out of bounds|dimension|too many indices")
GUESSED = re.compile(r"of a batch of shape \(\d+, \d+, \d+")
ALL_BY_ALL = re.compile(r"loss for every entry, of shape \((\d+), (\d+)\)")
SEVERAL = re.compile(r"returns a (tuple|dict)\b")
Shape = tuple[int, ...]
SECONDS = 1.5  # of the processor, for all the tries with one class


@dataclass
class Try:
    """One way in which a thing was examined."""

    said: str
    diagnosis: Diagnosis
    holds: bool = False  # whether there are layers inside, whose errors are theirs
    set_elsewhere: frozenset[str] = frozenset()  # attributes that methods set which were not called here

    @property
    def raised(self) -> Finding | None:
        return next((f for f in self.diagnosis.findings if f.mistake in ("raises", "hangs")), None)

    @property
    def hangs(self) -> bool:
        """Whether it does not come back: with no other batch will it be different."""
        return any(f.mistake == "hangs" for f in self.diagnosis.findings)

    @property
    def ran(self) -> bool:
        """Whether it showed something: it did not raise, and an optimiser moved something."""
        unmoved = any(f.evidence.get("nothing moves") or f.mistake == "no parameters" for f in self.diagnosis.findings)
        return self.raised is None and not unmoved and not self.empty

    @property
    def all_by_all(self) -> bool:
        """Whether it is a loss that multiplies every entry by every other: it is meant for one sample alone."""
        texts = [f.text for f in self.diagnosis.findings if f.mistake == "wrong shape" and f.where == "output"]
        return any((square := ALL_BY_ALL.search(text)) and square[1] == square[2] != "1" for text in texts)

    @property
    def empty(self) -> bool:
        """Whether nothing came of it, neither a value nor an error: it may want to be called in another way."""
        if any(f.mistake == "returns nothing" and 1 in f.evidence.get("of", ()) for f in self.diagnosis.findings):
            return True  # it has cut something off where there was but one
        if any(
            f.mistake == "wrong type" and f.where == "input" and SEVERAL.search(f.text) for f in self.diagnosis.findings
        ):
            return True  # which of these is the gradient is not known
        if self.all_by_all:
            return True
        kinds = {f.mistake for f in self.diagnosis.findings}
        return bool(kinds & {"returns nothing", "wrong type"}) and any(
            f.where == "output" and f.mistake in ("returns nothing", "wrong type") for f in self.diagnosis.findings
        )


def first_that_ran(tries: Iterator[Try]) -> Diagnosis:
    """Return the first in which it ran and showed something.

    Where none did, an error counts only if it cannot come from what was chosen here; else this is not examined.
    """
    started, seen = time.process_time(), []
    for one in tries:
        if one.ran or one.hangs:
            return one.diagnosis
        seen.append(one)
        if time.process_time() - started > SECONDS:
            break
    if not seen:
        raise CannotBuild("there was no way to call it")
    for one in seen:
        if one.raised is not None and own_error(one.raised, one.said, one.holds, one.set_elsewhere):
            return one.diagnosis
    unmoved = [t for t in seen if any(f.evidence.get("nothing moves") for f in t.diagnosis.findings)]
    if unmoved:
        return unmoved[0].diagnosis
    reason = seen[0].raised or next(iter(seen[0].diagnosis.findings))
    others = list(dict.fromkeys(t.said for t in seen[1:] if t.said != seen[0].said))
    more = f"; also tried: {', '.join(others[:3])}" if others else ""
    raise CannotBuild(f"{seen[0].said}: {reason.text.split(' (line')[0]}{more}")


def own_error(raised: Finding, said: str, holds: bool = False, set_elsewhere: frozenset[str] = frozenset()) -> bool:
    """Whether an error is the student's own, whatever was chosen here: a name that does not exist; or one in backward.

    When forward has taken the batch, backward gets what forward's output says. Where there are layers inside, or what was
    kept is taken apart otherwise than it was put together, the error comes of how things were put together here.
    """
    if (holds and raised.evidence.get("error") not in OWN_ERRORS) or "to unpack" in raised.text:
        return False
    if raised.evidence.get("error") == "UnboundLocalError" and ("()" not in said or raised.where.startswith("forward")):
        return False  # it may know no setting of the name that it was given, or wait for something that is not set
    if " with " in said and SHAPES.search(raised.text):
        return False  # of a loss whose target was to be another
    if GUESSED.search(said) and (SHAPES.search(raised.text) or "not aligned" in raised.text):
        return False  # of images or sequences, whose axes may be meant in another order
    if "cannot reshape" in raised.text and "()" not in said:
        return False  # it was built for another size
    if "0-dimensional" in raised.text or "0-d array" in raised.text:
        return False  # it was to be called otherwise
    if "positional argument" in raised.text or (raised.evidence.get("error") == "TypeError" and "()." not in said):
        return False  # it wants to be called otherwise, or to be built of another kind of value
    lacking = NO_ATTRIBUTE.search(raised.text)
    if lacking and (lacking[1] in BUILT_IN or lacking[2] in set_elsewhere):
        return False  # it was given something else than it wants, or has another method that was to be called first
    if "NoneType" in raised.text or ("has no attribute" in raised.text and "None" in raised.text):
        return False  # something was not set up
    return raised.evidence.get("error") in OWN_ERRORS or "backward" in raised.where or "grad" in raised.where


def set_elsewhere(made: Any, *called: str) -> frozenset[str]:
    """Return the attributes of an object that are set in methods other than those that are called and its constructor."""
    names: set[str] = set()
    for cls in type(made).__mro__:
        for name, method in vars(cls).items():
            code = getattr(method, "__code__", None)
            if code is not None and name not in ("__init__", *called):
                names |= {line.argval for line in dis.get_instructions(code) if line.opname == "STORE_ATTR"}
    return frozenset(names)


def shapes_for(layer: Any, cls: type) -> list[Shape]:
    """Return the shapes of a batch that a layer may take, the likelier first."""
    sizes: list[int] = []
    try:
        for slot in slots_of(layer):
            sizes += as_tensor(get(layer, slot.param)).shape
    except Exception:
        sizes = []
    sizes += [v for v in vars(layer).values() if type(v) is int and 1 < v < 65] if hasattr(layer, "__dict__") else []
    for value in contents(layer)[:8]:
        sizes += list(getattr(value, "shape", ()))
    others = [size for size in dict.fromkeys(sizes) if size not in (0, 1, FEATURES)][:3]
    rows = [(SAMPLES, m) for m in (FEATURES, *others)]
    images = [(2, FEATURES, SIDE, SIDE), (2, SIDE, SIDE, FEATURES), (2, FEATURES, 8)]
    images += [(2, channels, 8, 8) for channels in (FEATURES, 1, 2)]
    one_image = [(1, FEATURES, SIDE, SIDE), (1, SIDE, SIDE, FEATURES), (1, 6, 6)]
    sequences = [(SAMPLES, 5, FEATURES), (1, 5, FEATURES)]
    one = [(1, m) for m in (FEATURES, *others)]
    said = [(n, *shape) for shape in _own_shapes(layer) for n in (2, 1)]
    if "embed" in cls.__name__.lower():
        return [(SAMPLES, FEATURES), (SAMPLES, 1)]
    if said:
        return list(dict.fromkeys([*said, *rows, *images, *one, *one_image, *sequences]))
    if re.search("1_?d", cls.__name__, re.IGNORECASE):
        return [
            (2, FEATURES, 8),
            (2, 8, FEATURES),
            (2, 8, 2),
            (2, 2, 8),
            *sequences,
            *images[:2],
            *rows,
            *one_image,
            *one,
        ]
    if IMAGES_NAME.search(cls.__name__):
        return [*images, *one_image, *rows, *sequences, *one]
    if SEQUENCE_NAME.search(cls.__name__):
        return [*sequences, *rows, *images, *one]
    return [*rows, *one, *images, *sequences, *one_image]


def _own_shapes(layer: Any) -> list[Shape]:
    """Return the shapes of a sample that an object itself keeps as those of its input."""
    own = [value for name, value in attributes(layer).items() if INPUT_SHAPE_NAME.match(name)]
    shapes = [tuple(value) for value in own if isinstance(value, (tuple, list)) and 1 < len(value) < 5]
    return [shape for shape in shapes if all(type(size) is int and 0 < size < 65 for size in shape)]


def inputs_and_targets(loss: Any, cls: type, size: Shape) -> list[tuple[str, Any, Any]]:
    """Return the kinds of input and target that a loss may take: numbers, class numbers, one-hot rows, zeros and ones.

    The likely ones come first, and at the end probabilities, which some ask for.
    """
    likely = _likely_inputs_and_targets(loss, cls, size)
    if any("probabilities" in words for words, *_ in likely):
        return likely
    drawn = torch.Generator().manual_seed(4)
    chances, ones = (0.1 + 0.8 * torch.rand(size, generator=drawn) for _ in range(2))
    return [*likely, ("probabilities, and targets of zeros and ones", chances, (ones > 0.5).float())]


def _likely_inputs_and_targets(loss: Any, cls: type, size: Shape) -> list[tuple[str, Any, Any]]:
    """Return what its code and its name speak for."""
    drawn = torch.Generator().manual_seed(2)
    n, m = size[0], size[-1]
    numbers = torch.randn(size, generator=drawn)
    of_class = torch.arange(n) % m
    one_hot = torch.eye(m)[of_class]
    ones = (torch.rand(size, generator=drawn) > 0.5).float()
    likely = torch.randn(size, generator=drawn).softmax(-1) if m > 1 else torch.rand(size, generator=drawn)
    chances = 0.1 + 0.8 * torch.rand(size, generator=drawn)
    by_class = [("class numbers", of_class), ("one-hot targets", one_hot)] if len(size) == 2 and m > 1 else []
    if takes_probabilities(loss):
        if BINARY_NAME.search(cls.__name__):
            return [("probabilities", chances, ones)]
        tries = [(f"probabilities and {words}", likely, target) for words, target in by_class[::-1]]
        return [*tries, ("probabilities", chances, ones)]
    if CLASSES_NAME.search(cls.__name__):
        return [(words, numbers, target) for words, target in by_class]
    if BINARY_NAME.search(cls.__name__):
        return [("targets of zeros and ones", numbers, ones)]
    plain = [("targets of numbers", numbers, torch.randn(size, generator=drawn))]
    return plain + [(words, numbers, target) for words, target in by_class]
