"""What people answer: every exercise lists right and wrong answers, and gets each of them right."""

from __future__ import annotations

import functools
import re

import pytest

from minidl.lab.exercises import exercise, exercises
from minidl.lab.exercises.answer import may_differ, run
from minidl.lab.exercises.comparing import as_numbers
from minidl.lab.exercises.kinds import Value
from minidl.lab.exercises.kinds.writing import layer

pytestmark = pytest.mark.slow
EXERCISES = exercises()
BACK = "return grad_output * (1 - self.x.tanh() ** 2)"
WHERE = "e = input.exp()\nself.y = torch.where(input < 0, e / (1 + e), 1 / (1 + 1 / e))\nreturn self.y"
SLOPE = "return grad_output * self.y * (1 - self.y)"
each = pytest.mark.parametrize("asked", EXERCISES, ids=lambda asked: asked.id)


def reply(asked, code):
    return reply_to(asked.id, code)


@functools.cache  # several tests ask for the same one
def reply_to(id, code):
    asked = exercise(id)
    return asked.reply(run(asked.name, code, asked.given))


@each
def test_right_answers_are_right_however_they_are_written(asked):
    assert len({asked.solution, *asked.right}) >= 5
    refused = {code: str(said) for code in (asked.solution, *asked.right) if not (said := reply(asked, code))}
    assert refused == {}


@each
def test_a_copied_solution_is_told_so_where_others_would_write_another(asked):
    told = "the solution's own code" in str(reply(asked, "# mine\n" + asked.solution))
    assert told == may_differ(asked.solution)
    assert not any("the solution's own code" in str(reply(asked, code)) for code in asked.right[:1])


@each
def test_wrong_answers_get_the_words_that_belong_to_them(asked):
    listed = {**asked.slips, **asked.wrong}
    assert len(listed) >= 5
    said = {code: reply(asked, code) for code in listed}
    accepted = [code for code, heard in said.items() if heard.status != "wrong"]
    assert accepted == []
    missing = {code: str(heard) for code, heard in said.items() if listed[code] not in str(heard)}
    assert missing == {}


@each
def test_a_slip_is_known_by_what_it_does_and_not_by_how_it_is_written(asked):
    """A slip that no right answer makes; two slips do not do the same."""
    assert not [code for code in (asked.solution, *asked.right) if asked.slip(run(asked.name, code, asked.given))]
    assert len(set(asked.slips.values())) == len(asked.slips)


@pytest.mark.parametrize(
    ("id", "code", "words"),
    [
        ("04 claim", "claim_tanh = G * (1 - X.tanh() ** 2)", "backward would have to keep the input too"),
        ("04 layer", layer("MyTanh", "self.x = input\nreturn input.tanh()", BACK), "the output alone would do"),
        ("05 layer", layer("MySigmoid", WHERE, SLOPE), "torch.where works out both pieces"),
    ],
)
def test_a_right_answer_that_could_be_plainer_is_told_so(id, code, words):
    said = reply_to(id, code)
    assert said
    assert words in str(said)
    assert words not in str(reply_to(id, exercise(id).solution))


def test_a_network_that_was_not_trained_gets_no_hint_about_trainings():
    asked = exercise("10 challenge")
    said = [str(reply(asked, code)) for code in asked.wrong]
    assert [asked.hint in text for text in said] == ["mean test error" in text or "explodes" in text for text in said]


@each
def test_a_reply_to_a_wrong_answer_does_not_give_the_right_one_away(asked):
    if isinstance(asked, Value) and (due := as_numbers(asked.expected())) is not None and due.numel() == 1:
        number = re.escape(f"{float(due):g}")
        for code in {**asked.slips, **asked.wrong}:
            assert not re.search(rf"(?<![\d.]){number}(?![\d.]*\d)", str(reply(asked, code)).partition(": ")[2]), code


@each
def test_an_exercise_says_what_it_is(asked):
    assert re.fullmatch(r"(0[1-9]|1\d) [a-zA-Z0-9]+( [a-zA-Z0-9]+)*", asked.id)
    assert asked.name.isidentifier()
    assert asked.asks.endswith(".")
    assert asked.points in (1, 2, 3)
    assert asked.notebook == asked.id[:2]


def test_ids_and_the_names_within_a_notebook_are_different():
    assert len({asked.id for asked in EXERCISES}) == len(EXERCISES)
    assert len({(asked.notebook, asked.name) for asked in EXERCISES}) == len(EXERCISES)


def test_exercises_are_found_by_notebook_and_by_id():
    assert {asked.notebook for asked in exercises("01")} == {"01"}
    assert exercise(EXERCISES[0].id) is EXERCISES[0]


@pytest.mark.parametrize(
    ("misspelt", "near"), [("01 mesages", "01 messages"), ("cube", "01 cube"), ("", "01 messages")]
)
def test_a_misspelt_id_gets_the_nearest(misspelt, near):
    with pytest.raises(ValueError, match=near):
        exercise(misspelt)


def test_a_value_or_a_few_lines_may_be_written_alike():
    assert not any(may_differ(exercise(id).solution) for id in ("07 first weight gradient", "08 sgd", "12 clinic"))
    assert all(may_differ(exercise(id).solution) for id in ("02 linear layer", "07 sequential", "12 adam"))
