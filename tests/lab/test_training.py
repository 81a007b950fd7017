"""The training loop: what it visits, what it records, how it stops."""

from __future__ import annotations

import copy
import itertools
import sys
import time

import pandas as pd
import pytest
import torch
from torch import nn

from minidl import SGD, Linear, Module, MSELoss, ReLU, Sequential, Tanh
from minidl.lab.disk import disk
from minidl.lab.stacked import stack, unstack
from minidl.lab.torch_twin import to_torch
from minidl.lab.training import Trainer, train

F64 = torch.float64


def build(generator):
    linears = [Linear(*size, generator=generator, dtype=F64) for size in ((2, 5), (5, 2))]
    return Sequential(linears[0], Tanh(), linears[1])


def params(model):
    return [param for param, _ in model.parameters()]


@pytest.fixture
def model(generator):
    return build(generator)


@pytest.fixture
def data(generator):
    """Return 23 training and 17 validation points of the disk."""
    return disk(23, generator=generator, dtype=F64), disk(17, generator=generator, dtype=F64)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def column(history, name, split="training"):
    return history.loc[history["split"] == split, name].tolist()


class Recorder(MSELoss):
    """A loss that notes the batches of all training steps: inputs of the loss, and targets."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def forward(self, input, target):
        self.last = (input.clone(), target.clone())
        return super().forward(input, target)

    def backward(self):
        self.batches.append(self.last)
        return super().backward()


def record(n, epochs, seed, batch_size=10):
    """Return, for every step of a training that changes nothing, which samples it had."""
    model, ids = Linear(1, 1, dtype=F64), torch.arange(n, dtype=F64)[:, None]
    model.params["weight"].fill_(1)
    loss = Recorder()
    options = {"batch_size": batch_size, "lr": 1e-300, "loss": loss, "generator": seeded(seed), "progress": False}
    train(model, (ids, ids), epochs=epochs, **options)
    for input, target in loss.batches:
        assert torch.equal(input, target), "an input came with the target of another sample"
    return [target.flatten().long().tolist() for _, target in loss.batches]


class TestBatches:
    @pytest.mark.parametrize(
        ("n", "batch_size", "sizes"), [(23, 10, [10, 10, 3]), (20, 10, [10, 10]), (4, 10, [4]), (3, 1, [1, 1, 1])]
    )
    def test_every_sample_comes_once_in_an_epoch(self, n, batch_size, sizes):
        batches = record(n, 2, seed=0, batch_size=batch_size)
        assert [len(batch) for batch in batches] == sizes * 2
        for epoch in (batches[: len(sizes)], batches[len(sizes) :]):
            assert sorted(itertools.chain(*epoch)) == list(range(n))

    def test_the_order_is_random_new_in_every_epoch_and_seeded(self):
        first, again, other = (record(23, 2, seed) for seed in (1, 1, 2))
        assert first == again
        assert first != other
        assert first[:3] != first[3:]
        assert list(itertools.chain(*first[:3])) != list(range(23))

    def test_without_a_generator_the_global_one_orders(self, model, data):
        def once():
            return train(copy.deepcopy(model), *data, epochs=2, batch_size=5, lr=0.1, progress=False)

        with torch.random.fork_rng():
            torch.manual_seed(5)
            first = once()
            assert not once().equals(first)
            torch.manual_seed(5)
            assert once().equals(first)

    def test_the_callers_data_are_not_touched(self, model, data, unchanged):
        with unchanged(*data[0], *data[1]):
            train(model, *data, epochs=2, batch_size=5, lr=0.1, progress=False)


class TestHistory:
    def test_columns_order_and_types(self, model, data):
        history = train(model, *data, epochs=3, batch_size=10, progress=False)
        assert list(history.columns) == ["model", "run", "epoch", "split", "loss", "accuracy"]
        assert history[["model", "run", "epoch", "split"]].to_numpy().tolist() == [
            ["minidl", 0, epoch, split] for epoch in (1, 2, 3) for split in ("training", "validation")
        ]
        assert history[["loss", "accuracy"]].dtypes.tolist() == ["float64"] * 2
        assert list(history.index) == list(range(6))

    @pytest.mark.parametrize("framework", ["minidl", "PyTorch"])
    @pytest.mark.parametrize("reduction", ["sum", "batchmean", "mean"])
    def test_values_by_hand(self, model, data, framework, reduction):
        """The loss is the mean loss per sample, whatever the training divides by; every epoch is judged at its end."""
        twin, loss = copy.deepcopy(model), MSELoss(reduction)
        if framework == "PyTorch":
            twin = to_torch(model)
            loss = nn.MSELoss(reduction="sum")
            if reduction != "sum":
                loss = nn.MSELoss() if reduction == "mean" else BatchMean()
        options = {"batch_size": 10, "lr": 0.02, "progress": False}
        history = train(twin, *data, epochs=3, loss=loss, generator=seeded(3), **options)
        order = seeded(3)
        for epoch in (1, 2, 3):
            for batch in torch.randperm(23, generator=order).split(10):
                x, t = data[0][0][batch], data[0][1][batch]
                divisor = {"sum": 1, "batchmean": len(batch), "mean": 2 * len(batch)}[reduction]
                error = model(x) - t
                model.zero_grad()
                model.backward(2 * error / divisor)
                for param, grad in model.parameters():
                    param -= 0.02 * grad
            for split, (x, t) in zip(("training", "validation"), data, strict=True):
                row = history[(history["epoch"] == epoch) & (history["split"] == split)].iloc[0]
                outputs, targets = model(x).tolist(), t.tolist()
                pairs = list(zip(outputs, targets, strict=True))
                loss = sum((y[0] - t[0]) ** 2 + (y[1] - t[1]) ** 2 for y, t in pairs) / len(pairs)
                right = sum((y[1] > y[0]) == (t[1] > t[0]) for y, t in pairs) / len(pairs)
                assert row["loss"] == pytest.approx(loss, abs=1e-12)
                assert row["accuracy"] == pytest.approx(right, abs=1e-12)
        assert history["loss"].nunique() == 6

    def test_without_validation_there_is_one_split(self, model, data):
        with_it = train(copy.deepcopy(model), *data, epochs=2, generator=seeded(3), progress=False)
        history = train(model, data[0], epochs=2, generator=seeded(3), progress=False)
        assert set(history["split"]) == {"training"}
        pd.testing.assert_frame_equal(history, with_it[with_it["split"] == "training"].reset_index(drop=True))

    def test_a_name_of_your_own(self, model, data):
        assert set(train(model, data[0], epochs=1, name="mine", progress=False)["model"]) == {"mine"}

    def test_no_epochs_leave_the_model_as_it_was(self, model, data):
        before = [param.clone() for param in params(model)]
        history = train(model, *data, epochs=0, progress=False)
        assert list(history.columns) == ["model", "run", "epoch", "split", "loss", "accuracy"]
        assert len(history) == 0
        assert all(torch.equal(param, old) for param, old in zip(params(model), before, strict=True))

    def test_a_single_output_names_no_class(self, data):
        inputs, targets = data[0]
        history = train(Linear(2, 1, dtype=F64), (inputs, targets[:, :1]), epochs=2, progress=False)
        assert history["accuracy"].isna().all()
        assert history["loss"].notna().all()

    def test_many_samples_are_evaluated_like_few(self, model, generator):
        inputs, targets = disk(6001, generator=generator, dtype=F64)
        history = train(model, (inputs, targets), epochs=1, lr=1e-4, progress=False)
        output = model(inputs)
        assert history["loss"][0] == pytest.approx(((output - targets) ** 2).sum().item() / 6001, abs=1e-12)
        assert history["accuracy"][0] == ((output[:, 1] > output[:, 0]) == (targets[:, 1] == 1)).double().mean()


class BatchMean(nn.Module):
    """The mean loss per sample, as a PyTorch loss that says so."""

    reduction = "batchmean"

    def forward(self, input, target):
        return ((input - target) ** 2).sum() / len(input)


@pytest.mark.parametrize("stacked_shape", [(3,), (3, 1)])
def test_a_run_is_the_same_alone_and_in_a_stack(stacked_shape, generator, close):
    models = [build(generator) for _ in range(3)]
    data = [[disk(n, generator=generator, dtype=F64) for n in (23, 17)] for _ in models]
    options = {"epochs": 20, "batch_size": 10, "lr": 0.01, "progress": False}
    stacked = stack([stack([model]) for model in models] if len(stacked_shape) == 2 else models)
    together = [
        tuple(torch.stack(parts).reshape(*stacked_shape, -1, 2) for parts in zip(*split, strict=True))
        for split in zip(*data, strict=True)
    ]
    history = train(stacked, *together, generator=[seeded(r) for r in range(3)], **options)
    assert sorted(history["run"].unique()) == [0, 1, 2]
    members = unstack(stacked)
    if len(stacked_shape) == 2:
        members = [unstack(member)[0] for member in members]
    for r, (model, member) in enumerate(zip(models, members, strict=True)):
        alone = train(model, *data[r], generator=seeded(r), **options)
        part = history[history["run"] == r].reset_index(drop=True).assign(run=0)
        pd.testing.assert_frame_equal(part, alone, rtol=0, atol=1e-12)
        for one, two in zip(params(model), params(member), strict=True):
            close(one, two)


class TestMistakes:
    @pytest.mark.parametrize("count", [1, 2, 4])
    def test_a_generator_for_every_run(self, count, generator):
        stacked = stack([build(generator) for _ in range(3)])
        data = tuple(torch.stack([tensor] * 3) for tensor in disk(23, dtype=F64))
        with pytest.raises(ValueError, match=f"expected one generator for each of 3 runs, got {count}"):
            train(stacked, data, epochs=1, generator=[seeded(r) for r in range(count)], progress=False)

    @pytest.mark.parametrize("which", ["training", "validation"])
    @pytest.mark.parametrize(
        ("targets", "got"), [((22, 2), r"\(23, 2\) and \(22, 2\)"), ((23,), r"\(23, 2\) and \(23,\)")]
    )
    def test_as_many_targets_as_inputs(self, model, data, which, targets, got):
        good, bad = data[0], (data[0][0], torch.zeros(targets, dtype=F64))
        both = (bad, good) if which == "training" else (good, bad)
        with pytest.raises(ValueError, match=f"expected as many {which} targets .* as inputs .*, got {got}"):
            train(model, *both, epochs=1, progress=False)

    @pytest.mark.parametrize("batch_size", [0, -5, 2.0])
    def test_a_batch_has_samples(self, model, data, batch_size):
        words = f"expected batch_size to be an integer of at least 1, got {batch_size!r}"
        with pytest.raises((TypeError, ValueError), match=words):
            train(model, *data, epochs=1, batch_size=batch_size, progress=False)

    @pytest.mark.parametrize("framework", ["minidl", "PyTorch"])
    def test_a_loss_that_is_not_finite_stops_with_advice(self, model, data, framework):
        model = to_torch(model) if framework == "PyTorch" else model
        epochs = []
        with pytest.raises(
            FloatingPointError, match=r"no longer finite after epoch \d.*learning rate.*\(lr\)"
        ) as caught:
            train(model, *data, epochs=500, lr=10.0, callback=epochs.append, progress=False)
        assert "after epoch 500" not in str(caught.value)
        assert f"after epoch {epochs[-1] + 1}:" in str(caught.value)

    def test_in_a_stack_it_names_the_run(self, generator):
        models = [build(generator) for _ in range(3)]
        params(models[1])[-1].fill_(torch.inf)
        data = tuple(torch.stack([tensor] * 3) for tensor in disk(23, dtype=F64))
        with pytest.raises(FloatingPointError, match=r"after epoch 1 \(model 1 of the stack\):"):
            train(stack(models), data, epochs=2, progress=False)


class TestStopping:
    def test_the_model_and_the_history_are_kept(self, model, data, capsys):
        twin, states = copy.deepcopy(model), []

        def stop(epoch):
            states.append([param.clone() for param in params(model)])
            if epoch == 3:
                raise KeyboardInterrupt

        options = {"lr": 0.05, "progress": False}
        history = train(model, *data, epochs=10, generator=seeded(3), callback=stop, **options)
        assert "Stopped after 3 of 10 epochs" in capsys.readouterr().out
        pd.testing.assert_frame_equal(history, train(twin, *data, epochs=3, generator=seeded(3), **options))
        assert len(states) == 4
        for param, last, expected in zip(params(model), states[-1], params(twin), strict=True):
            assert torch.equal(param, last)
            assert torch.equal(param, expected)

    def test_before_the_first_epoch(self, model, data, capsys):
        def stop(epoch):
            raise KeyboardInterrupt

        assert len(train(model, *data, epochs=10, callback=stop, progress=False)) == 0
        assert "Stopped after 0 of 10 epochs" in capsys.readouterr().out

    @pytest.mark.parametrize("call", range(1, 13))
    def test_at_any_forward_pass(self, model, data, call, capsys):
        """An epoch is three steps and one evaluation; stopped in either, it does not count."""

        class Interrupted(ReLU):
            calls = 0

            def forward(self, input):
                self.calls += 1
                if self.calls == call:
                    raise KeyboardInterrupt
                return super().forward(input)

        model = Sequential(model, Interrupted())
        history = train(model, *data, epochs=10, batch_size=10, progress=False)
        done = (call - 1) // 4
        assert len(history) == 2 * done
        assert f"Stopped after {done} of 10 epochs" in capsys.readouterr().out


def test_callbacks_come_before_the_first_and_after_every_epoch(model, data):
    seen = []
    train(model, *data, epochs=3, progress=False, callback=lambda epoch: seen.append((epoch, params(model)[0].clone())))
    assert [epoch for epoch, _ in seen] == [0, 1, 2, 3]
    assert not any(torch.equal(one, two) for (_, one), (_, two) in itertools.pairwise(seen))


def test_the_progress_bar_goes_to_stderr_and_can_be_left_out(model, data, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    train(model, *data, epochs=3)
    shown = capsys.readouterr()
    assert "training" in shown.err
    assert "/3" in shown.err
    assert shown.out == ""
    train(model, *data, epochs=3, progress=False)
    assert capsys.readouterr() == ("", "")


class Absolute:
    """A hand-written loss that is not of minidl: the sum of the absolute errors; ``forward`` and ``backward`` alone."""

    def forward(self, input, target):
        self.error = input - target
        return self.error.abs().sum((-2, -1))

    def backward(self):
        return self.error.sign()


class MeanAbsolute(Absolute):
    """The same over all entries."""

    reduction = "mean"

    def forward(self, input, target):
        return super().forward(input, target) / input[0].numel() / len(input)

    def backward(self):
        return super().backward() / self.error.numel()


class Momentum:
    """A hand-written optimiser that is not of minidl."""

    def __init__(self, model):
        self.model, self.speed, self.steps = model, [torch.zeros_like(param) for param in params(model)], 0

    def step(self):
        self.steps += 1
        for (param, grad), speed in zip(self.model.parameters(), self.speed, strict=True):
            speed.mul_(0.9).add_(grad)
            param.sub_(0.002 * speed)


class TestOtherPeoplesParts:
    @pytest.mark.parametrize("loss", [Absolute, MeanAbsolute])
    def test_losses_and_optimisers(self, model, data, loss):
        twin = to_torch(model)
        optimizer, theirs = Momentum(model), torch.optim.SGD(twin.parameters(), 0.002, momentum=0.9)
        options = {"epochs": 5, "batch_size": 10, "progress": False}
        ours = train(model, *data, loss=loss(), optimizer=optimizer, generator=seeded(3), **options)
        expected = nn.L1Loss(reduction="mean" if loss is MeanAbsolute else "sum")
        other = train(twin, *data, loss=expected, optimizer=theirs, generator=seeded(3), **options)
        assert optimizer.steps == 15
        pd.testing.assert_frame_equal(ours.assign(model="PyTorch"), other, rtol=0, atol=1e-12)
        output = model(data[0][0])
        assert column(ours, "loss")[-1] == pytest.approx((output - data[0][1]).abs().sum().item() / 23, abs=1e-12)

    def test_a_hand_written_loss_in_a_stack(self, generator):
        models = [build(generator) for _ in range(2)]
        data = disk(23, generator=generator, dtype=F64)
        both = tuple(torch.stack([tensor] * 2) for tensor in data)
        options = {"epochs": 3, "loss": Absolute(), "progress": False}
        together = train(stack(models), both, generator=[seeded(0), seeded(1)], **options)
        for r, model in enumerate(models):
            alone = train(model, data, generator=seeded(r), **options)
            assert together.loc[together["run"] == r, "loss"].tolist() == pytest.approx(
                column(alone, "loss"), abs=1e-12
            )

    def test_an_object_with_forward_and_backward_is_a_model(self, model, data):
        class Wrapper:
            """No Module of minidl."""

            def forward(self, input):
                return model.forward(input)

            def backward(self, grad_output):
                return model.backward(grad_output)

            def zero_grad(self):
                model.zero_grad()

        twin = copy.deepcopy(model)
        history = train(Wrapper(), *data, epochs=2, optimizer=SGD(model, 0.01), generator=seeded(3), progress=False)
        assert history.equals(train(twin, *data, epochs=2, lr=0.01, generator=seeded(3), progress=False))

    def test_a_torch_loss_may_be_a_function(self, model, data):
        def loss(input, target):
            return ((input - target) ** 2).sum()

        twins = [to_torch(model) for _ in range(2)]
        options = {"epochs": 3, "lr": 0.01, "progress": False}
        by_function = train(twins[0], *data, loss=loss, generator=seeded(3), **options)
        assert set(by_function["model"]) == {"PyTorch"}
        by_default = train(twins[1], *data, generator=seeded(3), **options)
        pd.testing.assert_frame_equal(by_function, by_default, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("reduction", ["mean", "sum"])
    def test_cross_entropy_is_recorded_per_sample(self, model, data, reduction):
        twin = to_torch(model)
        history = train(twin, *data, epochs=2, loss=nn.CrossEntropyLoss(reduction=reduction), progress=False)
        inputs, targets = data[1]
        expected = -(twin(inputs).log_softmax(-1) * targets).sum().item() / 17
        assert column(history, "loss", "validation")[-1] == pytest.approx(expected, abs=1e-12)

    def test_minidl_trains_without_autograd(self, model, data):
        class Spy(Module):
            def forward(self, input):
                assert not torch.is_grad_enabled()
                return input

            def backward(self, grad_output):
                assert not torch.is_grad_enabled()
                return grad_output

        train(Sequential(Spy(), model), *data, epochs=1, progress=False)
        assert torch.is_grad_enabled()


def test_only_training_steps_are_timed(model, data):
    class Slow(ReLU):
        def forward(self, input):
            time.sleep(0.3 if len(input) > 10 else 0.01)  # an evaluation has all 40 samples at once
            return super().forward(input)

    trainer = Trainer(Sequential(model, Slow()), *data, batch_size=10)
    trainer.run_epoch()
    once = trainer.seconds
    assert 0.03 <= once < 0.3
    trainer.run_epoch()
    assert trainer.seconds >= once + 0.03
    assert trainer.epoch == 2


class TestWhatCannotBeTrained:
    """One sentence that names what was expected and what came, before anything is trained."""

    NAN = torch.tensor([[0.0, 1.0], [float("nan"), 1.0]], dtype=F64)
    GOOD = torch.ones(2, 2, dtype=F64)

    @pytest.mark.parametrize(
        ("data", "error", "words"),
        [
            ((GOOD.numpy(), GOOD), TypeError, "training inputs to be a torch.Tensor, got ndarray"),
            ((GOOD, [[0.0, 1.0]]), TypeError, "training targets to be a torch.Tensor, got list"),
            (GOOD[0, 0], TypeError, "training data as a pair of inputs and targets, got Tensor"),
            ((GOOD, GOOD, GOOD), TypeError, "a pair of inputs and targets, got tuple"),
            ((GOOD[:0], GOOD[:0]), ValueError, r"with at least one sample, got \(0, 2\)"),
            ((GOOD[0], GOOD[0]), ValueError, r"training inputs of shape \(..., n, m\), .* got \(2,\)"),
            ((NAN, GOOD), ValueError, "training inputs that are finite, got nan in row 2"),
            ((GOOD, NAN / 0), ValueError, "training targets that are finite, got nan in row 1"),
            ((GOOD.to("meta"), GOOD), ValueError, "got a tensor on device meta, which holds none"),
        ],
    )
    def test_data(self, model, data, error, words):
        with pytest.raises(error, match=f"train expected .*{words}"):
            train(model, data, epochs=1, progress=False)

    @pytest.mark.parametrize("columns", [1, 3])
    def test_validation_of_another_width(self, model, data, columns):
        wide = torch.ones(4, columns, dtype=F64), torch.ones(4, 2, dtype=F64)
        with pytest.raises(ValueError, match=f"validation inputs of 2 columns, as in training, got {columns}"):
            train(model, data[0], wide, epochs=1, progress=False)

    def test_a_loss_of_the_other_framework(self, model, data):
        with pytest.raises(TypeError, match="a loss with forward and backward for this model, got MSELoss"):
            train(model, data[0], loss=nn.MSELoss(), epochs=1, progress=False)

    def test_an_optimiser_of_the_other_framework(self, model, data):
        twin = to_torch(model)
        with pytest.raises(TypeError, match=r"minidl\.SGD, or your own, got SGD"):
            train(model, data[0], optimizer=torch.optim.SGD(twin.parameters(), 0.1), epochs=1, progress=False)
        with pytest.raises(TypeError, match=r"one of torch\.optim, got SGD"):
            train(twin, data[0], optimizer=SGD(model, 0.1), epochs=1, progress=False)

    def test_an_optimiser_of_another_model(self, model, data):
        words = "an optimiser of this model, got one that holds the parameters of another"
        with pytest.raises(ValueError, match=words):
            train(model, data[0], optimizer=SGD(copy.deepcopy(model), 0.1), epochs=1, progress=False)
        twin, other = to_torch(model), to_torch(model)
        with pytest.raises(ValueError, match=words):
            train(twin, data[0], optimizer=torch.optim.SGD(other.parameters(), 0.1), epochs=1, progress=False)

    def test_an_optimiser_of_a_part_of_the_model_trains_that_part(self, model, data):
        before = copy.deepcopy(params(model))
        train(model, data[0], optimizer=SGD(Sequential(model[2]), 0.1), epochs=1, progress=False)
        assert [torch.equal(a, b) for a, b in zip(before, params(model), strict=True)] == [True, True, False, False]

    def test_no_optimiser(self, model, data):
        with pytest.raises(TypeError, match=r"an optimiser with step\(\), got float"):
            train(model, data[0], optimizer=0.1, epochs=1, progress=False)

    def test_a_model_made_in_inference_mode(self, data):
        with torch.inference_mode():
            model = build(seeded(0))
            train(model, data[0], epochs=1, progress=False)  # there it can be trained
        with pytest.raises(ValueError, match="got one made in inference mode"):
            train(model, data[0], epochs=1, progress=False)


class TestDeadUnits:
    def network(self, bias, framework="minidl"):
        model = Sequential(*(Linear(2, 5, dtype=F64), ReLU(), Linear(5, 2, dtype=F64)))
        model[0].params["bias"].fill_(bias)
        return model if framework == "minidl" else to_torch(model)

    @pytest.mark.parametrize("framework", ["minidl", "PyTorch"])
    def test_they_are_named_once(self, data, framework, capsys):
        train(self.network(-100.0, framework), data[0], epochs=3, progress=False)
        said = capsys.readouterr().out
        assert said.startswith("After epoch 1 all samples get the same output:\nno unit of some ReLU layer is awake")
        assert said.count("After epoch") == 1

    def test_in_a_stack_they_are_counted(self, data, capsys):
        stacked = [torch.stack([tensor, tensor]) for tensor in data[0]]
        train(stack([self.network(0.5), self.network(-100.0)]), stacked, epochs=2, progress=False)
        assert "the same output in 1 of 2 models:\n" in capsys.readouterr().out

    def test_a_network_that_is_awake_is_left_in_peace(self, data, capsys):
        train(self.network(0.5), data[0], epochs=3, progress=False)
        assert capsys.readouterr().out == ""


def test_the_order_of_samples_may_be_drawn_on_another_device_than_the_history_is_kept_on(model, data, monkeypatch):
    """What a GPU needs, tried on a machine without one: nothing goes through NumPy that is not on the CPU before."""
    asked = []
    monkeypatch.setattr(torch, "randperm", lambda n, **options: asked.append(options["device"]) or torch.arange(n))
    history = train(model, data[0], epochs=1, generator=seeded(0), progress=False)
    assert asked == [torch.device("cpu")]
    assert history["loss"].notna().all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu_it_trains_as_on_a_cpu(generator):
    on_cpu, on_gpu = ([], [])
    for device, curve in (("cpu", on_cpu), ("cuda", on_gpu)):
        layers = [Linear(*size, generator=seeded(1), dtype=F64) for size in ((2, 5), (5, 2))]
        model = Sequential(layers[0], Tanh(), layers[1])
        for module in model.modules():
            for tensors in (module.params, module.grad):
                tensors.update({name: tensor.to(device) for name, tensor in tensors.items()})
        points = disk(40, generator=seeded(2), device=device, dtype=F64)
        curve += column(train(model, points, epochs=5, generator=seeded(3), progress=False), "loss")
    assert on_gpu == pytest.approx(on_cpu)


def test_an_epoch_in_pieces_is_an_epoch():
    data = torch.arange(40.0).reshape(20, 2) / 40, torch.eye(2)[torch.arange(20) % 2]
    ends, trained = {}, {}
    for pieces in ([None], [3, 1, None], [1] * 7, [5, 5]):
        drawn = torch.Generator().manual_seed(1)
        trainer = Trainer(Sequential(Linear(2, 2, generator=drawn)), data, batch_size=3, lr=0.01, generator=drawn)
        ends[len(pieces)] = [trainer.advance(steps) for steps in pieces]
        trained[len(pieces)] = trainer.model[0].params["weight"]
        assert trainer.epoch == 1
        assert trainer.waiting == []
    assert ends == {1: [True], 3: [False, False, True], 7: [False] * 6 + [True], 2: [False, True]}
    assert all(torch.equal(weight, trained[1]) for weight in trained.values())
