"""Training loops: what they report at the end, and whether it is what it is called."""

# ruff: noqa: D205 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import ast
import re
import textwrap

import torch
from torch import Tensor

from minidl.lab.doctor.measure.recording import pairs
from minidl.lab.doctor.measure.returned import Candidate, candidates, leaves, series
from minidl.lab.doctor.measure.trainings import Training
from minidl.lab.doctor.mistakes.reading import BATCHES, FOUR_LOOPS, LOOP, MEANS
from minidl.lab.doctor.mistakes.rules import Seen, wrong_loop
from minidl.lab.doctor.mistakes.samples import HELD_BACK, assigned
from minidl.lab.doctor.wording import number

COLUMNWISE = (
    r"\bargmax\((?:[^()]*, *)?(?:dim *= *|axis *= *)?(?:0|-2)\)|\bmax\((?:[^()]*, *)?(?:dim *= *|axis *= *)?(?:0|-2)\)"
)


def reported(training: Training, mistake: str) -> tuple[str, list[float], Candidate] | None:
    """Return the first of the returned numbers that is no right one, and that this mistake gives."""
    if training.raised or (not training.moved and training.kind != "evaluation"):
        return None
    known = candidates(training)
    for name, values in series(training.result):
        fitting = next((candidate for candidate in known if candidate.fits(values)), None)
        if fitting is not None and fitting.mistake == mistake:
            return name or "what is returned", values, fitting
    return None


def last(values: list[float]) -> str:
    """Return the last of the numbers reported."""
    return number(values[-1])


@wrong_loop("history of one tensor", read=LOOP, explains=("graph kept", "epoch loss never reset"))
def history_of_one_tensor(training: Training) -> Seen | None:
    """The history holds {thing} {count} times, and each epoch writes into it, so that every entry is what the last
    epoch left. Keep a number, .item(), or a copy, .clone().
    """
    places: dict[int, list[Tensor]] = {}
    for _, value in leaves(training.result):
        if isinstance(value, Tensor) and value.numel():
            places.setdefault(value.data_ptr(), []).append(value)
    same = max(map(len, places.values()), default=0)
    if training.kind not in ("training", "epoch", "step") or same < 2:
        return None
    return {"where": "the same tensor", "count": same}


@wrong_loop("graph kept", read=LOOP)
def graph_kept(training: Training) -> Seen | None:
    """{thing} with the graph that it was computed by: the memory of every step so far stays in use, more with each.
    Keep the number alone: loss.item().
    """
    if training.task.words != "torch" or training.kind == "evaluation":
        return None
    values = [value for _, value in leaves(training.result) if isinstance(value, Tensor)]
    if any(value.grad_fn is not None for value in values):
        return {"where": "A loss is kept"}
    if max(training.log.kept, default=0) >= 3:
        return {"where": "Losses are added up"}
    return None


@wrong_loop("epoch loss divided wrongly", read=MEANS)
def epoch_loss_divided_wrongly(training: Training) -> Seen | None:
    """The loss reported is divided by the number of {divisor}, and the losses of the batches were {kind}: so it is {value},
    and no mean loss. Divide a sum by the samples, and means by the batches.
    """
    found = reported(training, "divided")
    if found is None:
        return None
    divisor = found[2].what.removeprefix("the ").replace("size of a batch", "samples in a batch")
    kind = "means already" if found[2].mean else "sums"
    return {"where": "loss", "divisor": divisor, "kind": kind, "value": last(found[1])}


@wrong_loop("loss of the last batch", read=BATCHES)
def loss_of_the_last_batch(training: Training) -> Seen | None:
    """{thing}, {value} in the end, is that of the last batch alone: what the other batches had is overwritten. So it
    jumps with the few samples that chance put there. Add up the losses of all batches, and divide by the samples.
    """
    found = reported(training, "loss of the last batch")
    return {"where": "The loss reported", "value": last(found[1])} if found else None


@wrong_loop("loss of one batch", read=BATCHES)
def loss_of_one_batch(training: Training) -> Seen | None:
    """{thing}, {value} in the end, is measured after the epoch on {what} alone: it jumps with the few samples that chance put
    there. Measure it on all of them, or add up the losses of all batches.
    """
    found = reported(training, "loss of one batch")
    return {"where": "The loss reported", "value": last(found[1]), "what": found[2].what} if found else None


@wrong_loop("epoch loss never reset", read=LOOP)
def epoch_loss_never_reset(training: Training) -> Seen | None:
    """The total from which {thing} is computed is not set back to 0 for a new epoch: each entry holds all epochs
    before it, and grows although the loss falls. Put total = 0 inside the loop of the epochs.
    """
    found = reported(training, "never reset")
    return {"where": "the epoch's loss"} if found else None


@wrong_loop("accuracy of the wrong data", read=LOOP)
def accuracy_of_the_wrong_data(training: Training) -> Seen | None:
    """{thing}, {value}, is the share of right answers on the training data; the other data are never given to the
    model for it. It tells how well the network remembers, and not how well it does on what is new.
    """
    held = {"validation inputs", "validation loader", "validation pair"} & set(training.roles)
    if training.raised or not held or training.kind == "evaluation":
        return None
    looked = any(e.rows and set(e.rows) & training.sets["validation"] for e in training.evaluated)
    known = candidates(training)
    for name, values in series(training.result):
        fitting = [c for c in known if not c.mistake and c.fits(values) and "share" in c.what]
        if not fitting or any(c.data != "training" for c in fitting):
            continue
        claims = re.search(r"test|val", name, re.IGNORECASE)
        if claims or (not looked and not re.search(r"train", name, re.IGNORECASE)):
            return {"where": f"The accuracy ({name})" if name else "The accuracy", "value": last(values)}
    return None


@wrong_loop("accuracy of the wrong data", read=LOOP)
def accuracy_of_held_back_data(training: Training) -> Seen | None:
    """{thing}, {value}, is called that of the training data, and it is the share of right answers on the data that are
    held back. Ask the model for the training samples as well, or call it what it is.
    """
    for name, values in series(training.result):
        fitting = [c for c in candidates(training) if not c.mistake and c.fits(values) and "share" in c.what]
        if re.search(r"train", name, re.IGNORECASE) and fitting and all(c.data == "validation" for c in fitting):
            return {"where": f"The accuracy ({name})", "value": last(values)}
    return None


@wrong_loop("loss of the wrong data", read=LOOP)
def loss_of_the_wrong_data(training: Training) -> Seen | None:
    """{thing}, {value}, is the loss on the {data} data, and its name says another. Measure it on the data that it is called
    after: only the loss on samples that were never trained on tells of overfitting.
    """
    if training.raised or not {"validation inputs", "validation loader", "validation pair"} & set(training.roles):
        return None
    claims = {"training": r"(?<![a-z])(val(?!ue)|test|held|dev(?!ia))", "validation": r"train"}
    for name, values in series(training.result):
        fitting = [c for c in candidates(training) if not c.mistake and c.fits(values)]
        for data, claim in claims.items():
            claimed = re.search(claim, name, re.IGNORECASE) and "loss" in name.lower()
            if claimed and fitting and all(c.data == data for c in fitting):
                return {"where": name, "value": last(values), "data": data}
    return None


@wrong_loop("history begins anew", read=LOOP)
def history_begins_anew(training: Training) -> Seen | None:
    """{thing} is made anew inside the loop of the epochs: what is returned, {count} of it, is of the last epoch alone.
    Make it once, before the first epoch.
    """
    try:
        tree = ast.parse(textwrap.dedent(training.source))
    except SyntaxError:
        return None
    if training.kind != "training" or training.raised or not tree.body or not training.moved:
        return None
    top = tree.body[0]
    loops = [node for node in getattr(top, "body", []) if isinstance(node, (ast.For, ast.While))]
    given = [pair for loop in loops for node in loop.body if isinstance(node, ast.Assign) for pair in assigned(node)]
    fresh = {name for name, value in given if ast.unparse(value) in ("[]", "list()", "{}", "dict()")}
    returns = [node for node in getattr(top, "body", []) if isinstance(node, ast.Return) and node.value is not None]
    for name in sorted(fresh):
        if any(isinstance(n, ast.Name) and n.id == name for node in returns for n in ast.walk(node)):
            known = max((len(v) for _, v in series(training.result)), default=0)
            return {"where": name, "count": f"{known} number{'s' * (known != 1)}"} if known else None
    return None


@wrong_loop("accuracy along the wrong axis", read=FOUR_LOOPS, explains=("raises",))
def accuracy_along_the_wrong_axis(training: Training) -> Seen | None:
    """{thing}, {value}, comes from the largest entry of each column: which sample has most of a class. The answer to
    a sample is the largest entry of its row, argmax(1) or argmax(-1).
    """
    found = reported(training, "wrong axis")
    if found:
        return {"where": "The accuracy", "value": last(found[1])}
    if training.kind == "step" or not re.search(COLUMNWISE, training.source):
        return None
    if training.raised:
        fits = re.search("shape|size|broadcast", str(training.raised.error))
        return (
            {"where": "The accuracy", "value": "which raises an error"}
            if fits and training.kind == "evaluation"
            else None
        )
    known = [c for c in candidates(training) if not c.mistake]
    meant = [v for name, v in series(training.result) if training.kind == "evaluation" or "acc" in name.lower()]
    unknown = [v for v in meant if len(v) in (1, training.epochs) and not any(c.fits(v) for c in known)]
    return {"where": "The accuracy", "value": last(unknown[0])} if unknown else None


@wrong_loop("accuracy of the last batch", read=LOOP)
def accuracy_of_the_last_batch(training: Training) -> Seen | None:
    """{thing}, {value}, is that of the last batch alone: it is overwritten by each batch. Count the right answers of
    all batches, and divide by all samples.
    """
    found = reported(training, "last batch")
    return {"where": "The accuracy", "value": last(found[1])} if found else None


@wrong_loop("accuracy of one batch", read=LOOP)
def accuracy_of_one_batch(training: Training) -> Seen | None:
    """{thing}, {value}, is measured after the epoch on {what} alone: few samples tell little of the others. Count the right
    answers of all of them.
    """
    found = reported(training, "accuracy of one batch")
    return {"where": "The accuracy", "value": last(found[1]), "what": found[2].what} if found else None


@wrong_loop("mean of unequal batches", read=LOOP)
def mean_of_unequal_batches(training: Training) -> Seen | None:
    """{thing}, {value}, is the mean of the batches' shares, and the last batch is smaller: each of its samples counts
    more than the others. Count the right answers of all batches, and divide by all samples.
    """
    found = reported(training, "mean of unequal batches")
    return {"where": "The accuracy", "value": last(found[1])} if found else None


@wrong_loop("accuracy over the wrong count", read=LOOP)
def accuracy_over_the_wrong_count(training: Training) -> Seen | None:
    """{thing}, {value}, is the number of right answers divided by {what}. A share is of the samples that were asked:
    divide by their number.
    """
    found = reported(training, "wrong count")
    return {"where": "The accuracy", "value": last(found[1]), "what": found[2].what} if found else None


@wrong_loop("accuracy over the wrong count", read=LOOP)
def shares_added_up(training: Training) -> Seen | None:
    """{thing}, {value}, is made of the batches' shares of right answers, which are added up and {divided}: as measured,
    {true} of the {samples} were answered rightly. Add up the right answers, and divide them by the samples.
    """
    found = reported(training, "shares added up")
    if not found:
        return None
    data = found[2].data
    true = next(c.values[-1] for c in candidates(training) if c.what == "share" and c.data == data)
    samples = "samples" if training.kind == "evaluation" else f"{data} samples"
    told = {"divided": found[2].what or "not divided", "true": number(true), "samples": samples}
    return {"where": "The accuracy", "value": last(found[1]), **told}


@wrong_loop("accuracy against other targets", read=LOOP)
def accuracy_against_other_targets(training: Training) -> Seen | None:
    """{thing}, {value}, compares the answers with targets in another order: the samples were asked in a shuffled one, and
    the targets are in that of the data. Take the rows of both with the same order.
    """
    found = reported(training, "other targets")
    return {"where": "The accuracy", "value": last(found[1])} if found else None


@wrong_loop("accuracy of single entries", read=LOOP)
def accuracy_of_single_entries(training: Training) -> Seen | None:
    """{thing}, {value}, is the share of right entries: of ten outputs, nine should be near 0, and are, however wrong the
    answer is. An answer is one class for each sample, the largest entry of its row: argmax(1).
    """
    found = reported(training, "entries")
    return {"where": "The accuracy", "value": last(found[1])} if found else None


@wrong_loop("evaluation leaves samples out", read=LOOP, only_alone=False)
def evaluation_leaves_out(training: Training) -> Seen | None:
    """Only {thing} of {of} samples are asked, and what is returned is called that of all. Go through all batches before
    anything is returned.
    """
    if training.kind != "evaluation" or training.raised or any(e.rows is None for e in training.forwards):
        return None
    asked = {row for e in training.forwards for row in e.rows} & training.sets["validation"]
    count = len(training.sets["validation"])
    return {"where": str(len(asked)), "of": count} if 0 < len(asked) < count else None


@wrong_loop("accuracy that was not measured", read=LOOP, only_alone=True)
def accuracy_not_measured(training: Training) -> Seen | None:
    """{thing}, {value}, is no share of right answers: as measured, {known}. Count the samples whose largest output is that
    of their class, and divide by all that were asked.
    """
    if training.raised or any(e.rows is None for e in training.forwards) or training.kind == "step":
        return None
    known = [c for c in candidates(training) if c.what == "share"]
    for name, values in series(training.result):
        said = f"{training.name if training.kind == 'evaluation' else ''} {name}".lower()
        if all(value > 1 and value == int(value) for value in values):
            continue  # a count
        if "acc" not in said or re.search("top|balanc|ema|smooth|class|run|mov", said) or not known:
            continue
        if len(values) in (1, training.epochs) and not any(c.fits(values) for c in candidates(training)):
            held = HELD_BACK.search(said) is not None
            like = next((c for c in known if (c.data == "validation") == held), known[0])
            told = f"{number(like.values[-1])} of the {like.data} samples were answered rightly"
            return {"where": f"The accuracy ({name})" if name else "The accuracy", "value": last(values), "known": told}
    return None


@wrong_loop("best parameters not copied", read=LOOP)
def best_not_copied(training: Training) -> Seen | None:
    """{thing} is given to load_state_dict as it comes from the model: a dictionary of the model's own tensors, which
    every step went on changing. What was best is gone, and the last ones are loaded into themselves. Keep a copy,
    copy.deepcopy(model.state_dict()).
    """
    return {"where": "A state_dict"} if training.of_kind("loaded itself") else None


@wrong_loop("model returned is another", read=LOOP, explains=("model given is not trained",))
def model_returned_is_another(training: Training) -> Seen | None:
    """The model that is returned is {thing}: one was trained, and its parameters have changed; those of the one
    returned have not.
    """
    if not training.moved or training.kind == "step":
        return None
    start = [param.detach() for param, _ in pairs(training.task.model)]
    found = training.result if isinstance(training.result, (list, tuple)) else [training.result]
    for thing in found:
        if type(thing).__mro__[1:2] != type(training.ran.model).__mro__[1:2] or thing is training.model:
            continue
        now = [param.detach() for param, _ in pairs(thing)]
        if now and len(now) == len(start) and all(torch.equal(a, b) for a, b in zip(now, start, strict=True)):
            return {"where": "a copy from before the training"}
    return None
