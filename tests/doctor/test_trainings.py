"""Examining training loops: what it takes, what it leaves alone, and what it says."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
import torch
from diagnosing import finding
from specimens import right_loops
from specimens.right_containers import HandoutSequential
from specimens.right_optimisers import PairsSGD

from minidl import SGD, Linear, MSELoss, ReLU, Sequential
from minidl.lab.doctor import examine_training
from minidl.lab.training import train

pytestmark = pytest.mark.slow


def step(model, loss, optimizer, X, T):
    value = loss.forward(model.forward(X), T)
    model.zero_grad()
    model.backward(loss.backward())
    optimizer.step()
    return value


def forgetful_step(model, loss, optimizer, X, T):
    loss.forward(model.forward(X), T)
    model.backward(loss.backward())
    optimizer.step()


def small(n=12):
    drawn = torch.Generator().manual_seed(1)
    model = Sequential(Linear(3, 5, generator=drawn), ReLU(), Linear(5, 2, generator=drawn))
    return model, torch.randn(n, 3, generator=drawn), torch.randn(n, 2, generator=drawn)


def test_the_course_s_own_training_is_well():
    assert examine_training(train)


def test_parts_of_one_s_own_are_examined_and_left_as_they_were():
    model, X, T = small()
    loss, optimizer = MSELoss("batchmean"), SGD(model, 0.01)
    before = [tensor.clone() for pair in model.parameters() for tensor in pair]
    given = {"model": model, "loss": loss, "optimizer": optimizer, "data": (X, T)}
    kept = X.clone(), T.clone()
    assert examine_training(step, **given)
    assert examine_training(forgetful_step, **given).mistakes == ["gradients never zeroed"]
    after = [tensor for pair in model.parameters() for tensor in pair]
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))
    assert torch.equal(X, kept[0])
    assert torch.equal(T, kept[1])
    assert (type(model), type(loss), type(optimizer)) == (Sequential, MSELoss, SGD)


def test_parts_that_are_nobody_s_are_examined():
    model = HandoutSequential()
    X = torch.randn(9, 3, generator=torch.Generator().manual_seed(3))
    T = model.forward(X) + 1

    def own_step(model, loss, optimizer, X, T):
        for _, grad in model.param():
            grad.zero_()
        loss.forward(model.forward(X), T)
        model.backward(loss.backward())
        optimizer.step()

    def forgetful(model, loss, optimizer, X, T):
        loss.forward(model.forward(X), T)
        model.backward(loss.backward())
        optimizer.step()

    given = {"model": model, "optimizer": PairsSGD(model.param(), 0.01), "data": (X, T)}
    assert examine_training(own_step, **given)
    assert examine_training(forgetful, **given).mistakes == ["gradients never zeroed"]


def test_nothing_is_changed_for_everybody_else():
    def everything():
        return [
            torch.randperm, torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist(),  # noqa: NPY002
            torch.nn.functional.cross_entropy, torch.optim.Optimizer.zero_grad, SGD.step, MSELoss.forward,
            Sequential.forward, torch.nn.Sequential.forward, torch.is_grad_enabled(),
        ]  # fmt: skip

    before = everything()
    for loop in (right_loops.torch_loader, right_loops.index_batches):
        examine_training(loop)
    assert everything() == before


def shuffled_once(model, loss, optimizer, X, T, epochs, batch_size):
    order = torch.randperm(len(X))
    for _ in range(epochs):
        for rows in order.split(batch_size):
            step(model, loss, optimizer, X[rows], T[rows])


def lowered_after_each_batch(model, loss, optimizer, X, T, epochs, batch_size):
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            step(model, loss, optimizer, X[rows], T[rows])
            optimizer.lr *= 0.6


def targets_made_floats(model, criterion, optimizer, X, y):
    optimizer.zero_grad()
    criterion(model(X), y.float()).backward()
    optimizer.step()


def an_epoch_in_order(model, loss, optimizer, X, T, batch_size):
    for x, t in zip(X.split(batch_size), T.split(batch_size), strict=True):
        step(model, loss, optimizer, x, t)


def trains_the_last_layer(model, criterion, X, y, epochs, batch_size, lr):
    optimizer = torch.optim.SGD(model[-1].parameters(), lr)
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            optimizer.step()


def freezes_the_first_layer(model, criterion, optimizer, X, y, epochs, batch_size):
    model[0].requires_grad_(False)
    for _ in range(epochs):
        for idx in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            criterion(model(X[idx]), y[idx]).backward()
            optimizer.step()


@pytest.mark.parametrize(
    ("loop", "said"),
    [
        (freezes_the_first_layer, "2 of the 4 parameters are frozen in the loop"),
        (right_loops.torch_drops_the_last, "3 of 23 samples are left out in each epoch, others each time"),
        (right_loops.torch_loader, "the mean of the batches' means, 2.0"),
        (an_epoch_in_order, "taken in the order in which they are given"),
        (trains_the_last_layer, "2 of the 4 parameters have gradients, and no step moves them"),
        (shuffled_once, "in the same order in every epoch"),
        (lowered_after_each_batch, "falls from 0.001 to 7.776e-05"),
        (right_loops.stops_when_small_enough, "of 3 epochs the loop makes one"),
        (targets_made_floats, "CrossEntropyLoss and class numbers were tried first"),
        (right_loops.index_batches, None),
    ],
)
def test_what_may_be_meant_is_a_note(loop, said):
    diagnosis = examine_training(loop)
    assert diagnosis
    assert len(diagnosis.notes) == (said is not None)
    assert said is None or said in diagnosis.notes[0]
    assert diagnosis.verdict.endswith(": no mistake found; one thing to look at." if said else ": all is well.")


@pytest.mark.parametrize("loop", [right_loops.torch_with_validation, right_loops.reports_accuracy])
def test_it_takes_less_than_two_seconds(loop):
    started = time.process_time()
    examine_training(loop)
    assert time.process_time() - started < 2


def test_a_loop_that_never_ends_is_given_up():
    def endless(model, loss, optimizer, X, T, epochs, batch_size):
        while True:
            pass

    assert examine_training(endless, time_limit=0.2).mistakes == ["hangs"]


def test_what_a_loop_raises_is_quoted_with_its_line():
    def broken(model, loss, optimizer, X, T, epochs, batch_size):
        return model.forwards(X)

    diagnosis = examine_training(broken)
    assert diagnosis.mistakes == ["raises"]
    assert "return model.forwards(X)" in str(diagnosis)


@pytest.mark.parametrize(
    ("loop", "error", "word"),
    [
        (3, TypeError, "a function train"),
        (Sequential, TypeError, "a function train"),
        (lambda model, loss, optimizer: None, TypeError, "X, T"),
        (lambda model, X, T, banana: None, TypeError, "'banana'"),
    ],
)
def test_what_is_no_loop_is_refused(loop, error, word):
    with pytest.raises(error, match=word):
        examine_training(loop)


def test_another_framework_is_refused():
    with pytest.raises(ValueError, match="'minidl' or 'torch', got 'jax'"):
        examine_training(step, framework="jax")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sum_over_batches", "divided by the number of batches, and the losses of the batches were sums"),
        (
            "torch_mean_over_samples",
            "divided by the number of samples, and the losses of the batches were means already",
        ),
        ("last_batch_left_out", "In every epoch 3 of 23 training samples are left out."),
        ("torch_learns_once_for_all", "So only the last batch of all is learned from"),
        ("learns_from_the_last_batch", "18 forwards with their losses, 3 backwards"),
        ("steps_once_more_after_each_batch", "18 times without a new backward before it: 36 steps, 18 backwards"),
        ("group_of_two_too_few", "3 of 15 batches are computed and go into no step, with batches of 5"),
        ("torch_mean_over_the_batch_size", "each gradient is 1/4 of that of the loss"),
        ("validation_loss_over_training_samples", "divided by the number of training samples"),
        ("torch_one_batch_only", "Look at where the loop of the batches begins and ends"),
        ("steps_after_the_loop", "All batches but the last are lost."),
        ("torch_steps_after_the_loop", "All batches but the last are lost."),
        ("zeroes_the_optimizer", "zero_grad is called on the SGD, which has none"),
        ("torch_zeroes_the_criterion", "zero_grad is called on the loss"),
        ("torch_right_over_training_samples", "divided by 23 training samples"),
        ("torch_column_against_row", "an output of shape (4, 1) with targets of shape (4,)"),
        ("seeds_in_the_loop", "Seed once, before the first epoch."),
        ("torch_zeroed_once_for_all", "set to zero only once, before there are any: in 17 of the 17 steps"),
        ("own_means_over_samples", "and the losses of the batches were means already"),
        ("holds_back_and_trains_on_all", "All 6 samples that are held back are trained on as well"),
        ("splits_in_every_epoch", "held back in one epoch are trained on as well, in another"),
        ("stops_at_the_best", "ends after one, by if total < best"),
        ("torch_goes_back_through_all_so_far", "in batch 2 PyTorch refuses (a variable needed"),
        ("torch_switched_off_for_the_evaluation", "since set_grad_enabled(False) was called before"),
        ("means_of_three_batches", "Divide each of these losses by 3 before its backward."),
        ("torch_clips_before_backward", "So PyTorch raises an error."),
        ("limits_gradients_after_the_step", "The gradients are changed after the step"),
        ("torch_asks_the_last_batch_again", "on 3 of 23 samples, those of the last batch, alone"),
        ("torch_adds_the_gradient", "are moved along the gradient, in 18 of 18 steps"),
        ("torch_loss_with_a_minus", "has its sign turned"),
        ("looks_at_the_first_rows_in_between", "In 18 of 18 backwards, what goes back is the derivative"),
        ("torch_loss_is_overwritten", "of the loss of validation data: model and loss are called with them"),
        ("zeroes_the_first_layer", "Only 2 of the 4 parameters (in their order: 1 and 2) have their gradients set"),
        ("torch_zeroes_one_of_two_optimizers", "Only 2 of the 4 parameters (in their order: 3 and 4)"),
        ("gives_the_name_to_a_new_tensor", "The update, w = w - lr * g, makes a new tensor"),
        ("torch_difference_thrown_away", "The update, param.sub(lr * param.grad), makes a new tensor"),
        ("torch_shares_over_samples", "divided by the samples: as measured, 0.5714 of the validation samples"),
        ("shares_added_up", "added up and not divided: as measured, 0.6008 of the samples"),
    ],
)
def test_a_sentence_says_what_was_measured(name, said):
    assert said in finding(name).text
