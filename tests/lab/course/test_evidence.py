"""Evidence: right answers give the solution's numbers, and what crosses between processes is what it was, or nothing."""

from __future__ import annotations

import json
import math
import re

import pytest
import torch

from minidl import Linear, ReLU, Sequential
from minidl.lab.course.marking.crossing import Other, Unreadable, packed, unpacked
from minidl.lab.course.marking.evidence import expected, is_data, script
from minidl.lab.course.marking.playing import play
from minidl.lab.course.marking.verdicts import TOLERANCE
from minidl.lab.exercises import exercises
from minidl.lab.exercises.answer import Answer, run
from minidl.lab.exercises.comparing import difference
from minidl.lab.exercises.kinds.calling import precision
from minidl.lab.proof import matrices

pytestmark = pytest.mark.slow

DOING = [each for each in exercises() if not is_data(each)]
GIVEN = [each for each in exercises() if is_data(each) and each.kind != "network"]


def crossed(value, trusted: bool = False):
    return unpacked(json.loads(json.dumps(packed(value))), trusted)


def numbers(exercise, code: str, steps):
    with precision(torch.float64):
        return crossed(play(crossed(steps, trusted=True), run(exercise.name, code, exercise.given).value))


@pytest.mark.parametrize("exercise", DOING, ids=lambda each: each.id)
def test_every_right_answer_gives_the_numbers_of_the_solution_and_some_mistake_does_not(exercise):
    steps = script(exercise, 7)
    due = crossed(expected(exercise, crossed(steps, trusted=True)))
    for code in exercise.right:
        assert difference(numbers(exercise, code, steps), due, TOLERANCE) == ""
    assert not exercise.slips or any(other(exercise, code, steps, due) for code in [*exercise.slips][-3:])


def other(exercise, code: str, steps, due) -> bool:
    """Whether an answer gives other numbers, or none: some mistakes show elsewhere, as in the slope at a kink."""
    try:
        return bool(difference(numbers(exercise, code, steps), due, TOLERANCE))
    except RuntimeError:  # of a shape that does not fit
        return True


def test_a_loop_with_a_mistake_gives_other_numbers():
    loop = next(each for each in DOING if each.kind == "loop")
    steps = script(loop, 7)
    due = crossed(expected(loop, crossed(steps, trusted=True)))
    named = [code for code, words in loop.wrong.items() if re.search("never zeroed|left out|divided wrongly", words)]
    assert len(named) >= 5
    assert all(other(loop, code, steps, due) for code in named)


@pytest.mark.parametrize("exercise", DOING, ids=lambda each: each.id)
def test_every_marking_draws_other_numbers(exercise):
    if exercise.kind != "function":
        assert packed(script(exercise, 1)) != packed(script(exercise, 2))
    assert packed(script(exercise, 1)) == packed(script(exercise, 1))


@pytest.mark.parametrize("exercise", GIVEN, ids=lambda each: each.id)
def test_an_answer_that_has_crossed_gets_the_same_reply(exercise):
    for code in (exercise.solution, *exercise.right[:1], *[*exercise.slips][:1]):
        answer = run(exercise.name, code, exercise.given)
        there = Answer(exercise.name, crossed(answer.value), code)
        assert exercise.reply(there).text == exercise.reply(answer).text


@pytest.mark.parametrize(
    "value",
    [None, True, 3, -2.5, "text", ..., [1, [2.5]], (1, 2), {"a": (1,), 2: "b"}, math.inf],
    ids=str,
)
def test_plain_values_cross(value):
    assert crossed(value) == value


def test_tensors_generators_and_modules_cross():
    for tensor in (torch.rand(2, 3), torch.tensor([1, 2]), torch.tensor([True]), torch.zeros(0, 2), torch.tensor(1.5)):
        there = crossed(tensor)
        assert there.dtype == tensor.dtype
        assert torch.equal(there, tensor)
    generator = torch.Generator().manual_seed(3)
    torch.rand(5, generator=generator)
    there = crossed(generator)
    assert torch.equal(torch.rand(5, generator=there), torch.rand(5, generator=generator))
    model = Sequential(Linear(3, 2), ReLU())
    assert torch.equal(crossed(model).forward(torch.ones(1, 3)), model.forward(torch.ones(1, 3)))


def test_of_anything_else_only_its_looks_cross():
    class Thing:
        def __repr__(self):
            return "a thing"

    assert isinstance(crossed(Thing()), Other)
    assert repr(crossed([Thing()])) == "[a thing]"
    assert repr(crossed(Thing)) == "the class Thing"
    assert repr(crossed(print)) == "a function"


X, W = matrices("X (n x in), W (in x out)")


@pytest.mark.parametrize(
    "message",
    [
        {"tensor": ["torch.float64", [10**9], ""]},
        {"tensor": ["torch.float64", [2], "AAAA"]},
        {"tensor": ["__import__", [1], "AAAA"]},
        {"formula": ["eval", ["1"], ["1", "1"]]},
        {"formula": ["symbol", ["X (a x b), Y"], ["n", "m"]]},
        {"formula": ["@", [packed(W), packed(X)], ["n", "out"]]},
        {"formula": ["T", [3], ["1", "1"]]},
        {"module": ["class Layer(Linear):\n    pass", [{}, {}]]},
        {"module": ["Linear", [{"weight": packed(torch.ones(2, 3))}, {}]]},
        {"generator": [1, packed(torch.ones(3))]},
        {"unknown": 1},
        {"dots": True, "more": 1},
    ],
    ids=lambda message: str(message)[:40],
)
def test_what_is_not_as_it_has_to_be_is_refused(message):
    with pytest.raises(Unreadable):
        unpacked(message)


def test_a_formula_s_shape_is_not_taken_from_what_is_said():
    message = packed(X @ W)
    message["formula"][2] = ["n", "in"]
    assert unpacked(message).shape == ("n", "out")


def test_lists_without_an_end_are_refused():
    deep: list = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(Unreadable):
        unpacked(deep)
    assert "very deep" in json.dumps(packed(deep))
