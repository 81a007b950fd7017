"""The data of patient 9: right up to a row, and from there the answers of the next point."""

from __future__ import annotations

import math

import torch

from minidl.lab.clinic import LOST, N, points_and_answers


def inside(points: torch.Tensor) -> torch.Tensor:
    return math.pi * (points - 0.5).square().sum(1) < 0.5


def test_answers_are_right_and_from_the_lost_one_on_those_of_the_next_point():
    points, answers = points_and_answers()
    truth = inside(points)
    assert points.shape == answers.shape == (N, 2)
    assert torch.equal(answers.sum(1), torch.ones(N))
    answers = answers.argmax(1).bool()
    assert torch.equal(answers[:LOST], truth[:LOST])
    assert torch.equal(answers[LOST:-1], truth[LOST + 1 :])
    assert 0.4 < (answers[LOST:] == truth[LOST:]).double().mean() < 0.6  # as by chance


def test_every_call_gives_the_same_and_leaves_the_random_numbers_alone():
    before = torch.get_rng_state()
    first, second = points_and_answers(), points_and_answers()
    assert all(map(torch.equal, first, second))
    assert torch.equal(before, torch.get_rng_state())
