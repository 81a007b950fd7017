"""Optimisers: which parameters move, along what, how far, and with which memory."""

# ruff: noqa: D205, D400 - the docstrings are for the student, and as long as they need to be

from __future__ import annotations

import functools

import torch

from minidl.lab.doctor.measure.formulas import adam, descent, nesterov, rmsprop
from minidl.lab.doctor.measure.steps import Steps
from minidl.lab.doctor.mistakes.reading import ADAM, MOMENTUM, NOWHERE, OPTIMISER, SGD, STEP
from minidl.lab.doctor.mistakes.rules import Seen, wrong_step
from minidl.lab.doctor.subject.paths import get
from minidl.lab.doctor.subject.values import as_tensor, same
from minidl.lab.doctor.wording import listed, number


@wrong_step("parameters not updated", read=SGD)
def parameters_not_updated(steps: Steps) -> Seen | None:
    """{method} does not change {what}. Does it reach modules inside modules, and weight and bias both? Does it write
    into the tensor (p -= ...), or only give the name p to a new one (p = p - ...)? Are these the model's own, or copies?
    """
    still = steps.still
    if not still:
        return None
    everything = len(still) == len(steps.slots)
    return {"method": steps.step_name, "where": still[0], "what": listed(still), "nothing moves": everything}


@wrong_step("uphill", read=STEP)
def uphill(steps: Steps) -> Seen | None:
    """{method} goes uphill: it moves {what} along the gradient, where the loss grows. Descent subtracts:
    p <- p - lr * grad.
    """
    ways = steps.steady
    names = [name for name, way in ways.items() if float((way * steps.gradients[0][name]).sum()) > 0]
    return {"method": steps.step_name, "where": names[0], "what": listed(names)} if names else None


@wrong_step("gradient unused", read=STEP, explains=("uphill",))
def gradient_unused(steps: Steps) -> Seen | None:
    """{method} does not use the gradient of {what}: with another gradient, the first step is the same."""
    ways, names = steps.first_step(steps.gradients[1]), list(steps.path[0])
    names = [n for n in names if same(ways[n], steps.path[0][n]) and bool((ways[n].isfinite() & (ways[n] != 0)).any())]
    signs = [n for n in names if not torch.equal(steps.gradients[0][n].sign(), steps.gradients[1][n].sign())]
    return {"method": steps.step_name, "where": signs[0], "what": listed(signs)} if signs else None


@wrong_step("gradient replaced", read=OPTIMISER)
def holds_old_gradients(steps: Steps) -> Seen | None:
    """After zero_grad, {method} still follows the old gradient of {what}: one of the two, model or optimiser, keeps a
    tensor that the other has replaced. Set gradients to zero in place, g.zero_().
    """
    ways = steps.after_zero_grad
    if ways is None:
        return None
    names = [n for n, way in ways.items() if n not in steps.still and float((way * steps.gradients[0][n]).sum()) <= 0]
    if any(float((way * steps.gradients[0][name]).sum()) > 0 for name, way in steps.steady.items()):
        return None  # uphill anyway
    return {"method": steps.step_name, "where": names[0], "what": listed(names)} if names else None


@wrong_step("writes gradient", read=OPTIMISER)
def writes_gradient(steps: Steps) -> Seen | None:
    """{method} changes the gradient of {what}, which belongs to the model: whoever looks at it next, or adds to it,
    has other numbers.
    """
    optimizer, model = steps.copies()
    for gradients in steps.gradients[:2]:  # a velocity is still zero in the first step
        steps.set(model, gradients)
        steps.step(optimizer, model)
    after = {slot.name: as_tensor(get(model, slot.grad)) for slot in steps.slots}
    names = [n for n, g in after.items() if g is not None and not same(g.double(), gradients[n]) and bool(g.any())]
    return {"method": steps.step_name, "where": names[0], "what": listed(names)} if names else None


@wrong_step("never zeroed", read=SGD)
def optimizer_never_zeroes(steps: Steps) -> Seen | None:
    """The optimiser's zero_grad leaves the gradient of {what} as it was."""
    optimizer, model = steps.copies()
    if not callable(getattr(optimizer, "zero_grad", None)):
        return None
    steps.set(model, steps.gradients[0])
    steps.watch.call("zero_grad", optimizer.zero_grad)
    after = {slot.name: as_tensor(get(model, slot.grad)) for slot in steps.slots}
    names = [name for name, grad in after.items() if grad is not None and bool(grad.any())]
    return {"where": names[0], "what": listed(names)} if names else None


@wrong_step("learning rate unused", read=STEP, explains=("step size",))
def rate_unused(steps: Steps) -> Seen | None:
    """{method} does not use the learning rate: with another {what}, the first step is the same."""
    if not steps.rate or steps.asks_for_rate or steps.used or steps.still or steps.right:
        return None
    if not any(bool(way.any()) for way in steps.path[0].values()):
        return None  # along a velocity that is still 0 no rate moves anything
    ways = steps.first_step(steps.gradients[0], **{steps.rate_name: 2 * steps.rate})
    if not all(same(way, steps.path[0][name]) and bool(way.isfinite().all()) for name, way in ways.items()):
        return None
    return {"method": steps.step_name, "where": "step", "what": steps.rate_name}


@wrong_step("learning rate unused", read=STEP, explains=("step size",))
def rate_thrown_away(steps: Steps) -> Seen | None:
    """{method} does not use the learning rate that the optimiser is built with: with a larger one, it moves as far."""
    faster = steps.faster_path
    if faster is None or steps.still or steps.used:
        return None
    ways = [(way[name], other[name]) for way, other in zip(steps.path, faster, strict=True) for name in way]
    if not all(same(way, other) and bool(way.isfinite().all()) for way, other in ways):
        return None
    return {"method": steps.step_name, "where": "step"}


@wrong_step("learning rate twice", read=STEP, explains=("step size",))
def rate_twice(steps: Steps) -> Seen | None:
    """{method} multiplies by the learning rate twice, as in velocity + lr * grad and then p - lr * velocity: with {rate}, the
    steps are {times} times too short. It belongs in one place.
    """
    if not steps.rate or steps.asks_for_rate or steps.rate == 1 or steps.used or steps.still:
        return None
    if not steps.all_move(steps.formulas(steps.rate**2)):
        return None
    twice = steps.first_step(steps.gradients[0], **{steps.rate_name: 2 * steps.rate})
    if not all(torch.allclose(way, 4 * steps.path[0][name], rtol=1e-3, atol=1e-9) for name, way in twice.items()):
        return None  # it is another number that it is multiplied by: 0.1 is 1 - 0.9 too
    return {"method": steps.step_name, "where": "step", "rate": f"lr = {steps.rate:g}", "times": number(1 / steps.rate)}


@wrong_step("step size", read=STEP)
def step_size(steps: Steps) -> Seen | None:
    """{method} moves by {ratio} times lr * grad, with lr = {rate}{hint}. Only the learning rate belongs there."""
    if steps.kind != "sgd" or not steps.rate or steps.used:
        return None
    ratios = {steps.size_of_first_step(slot.name) for slot in steps.slots if slot.name not in steps.still}
    if len(ratios) != 1 or None in ratios or not (ratio := ratios.pop()) > 0 or abs(ratio - 1) < 1e-3:
        return None
    hint = ": averaging, if that is what divides it, is for the loss to decide" if ratio < 1 else ""
    if ratio > 1 and abs(ratio - round(ratio)) < 1e-6:
        hint = f", as if every parameter were updated {round(ratio)} times"
    return {"method": steps.step_name, "where": "step", "ratio": number(ratio), "rate": steps.rate, "hint": hint}


@wrong_step("momentum forgotten", read=ADAM)
def averages_forgotten(steps: Steps) -> Seen | None:
    """The {what} not carried from step to step: nothing is left of earlier gradients. Does step write into the
    tensor that is kept (kept.mul_(...).add_(...)), or only give its name to a new one (kept = ...)?
    """
    if steps.kind != "adam" or not steps.rate or steps.used or steps.still or steps.right:
        return None
    options = {"averages are": (False, False), "average m is": (False, True), "average v is": (True, False)}
    rules = {what: adam(steps.rate, *steps.betas, carry=carry) for what, carry in options.items()}
    what = next((what for what, rule in rules.items() if steps.follows(rule)), None)
    return {"where": "step", "what": what} if what else None


@wrong_step("momentum forgotten", read=MOMENTUM)
def momentum_forgotten(steps: Steps) -> Seen | None:
    """The {what} not carried from step to step: nothing is left of earlier gradients. Does step write into the
    tensor that is kept (kept.mul_(...).add_(...)), or only give its name to a new one (kept = ...)?
    """
    if steps.kind in (None, "sgd", "adam") or not steps.rate or steps.used or steps.still or steps.right:
        return None
    if steps.kind not in ("momentum", "nesterov"):
        rules = [rmsprop(steps.rate, d, s, carry=False) for d, s in _shares(steps)]
        what = "average of the squares is" if steps.follows(*rules) else None
    else:
        decay = steps.momentum
        forgetful = steps.follows(descent(steps.rate), descent(steps.rate, share=1 - decay))
        what = "velocity is" if forgetful else None
    return {"where": "step", "what": what} if what else None


@wrong_step("momentum not lost", read=MOMENTUM)
def momentum_not_lost(steps: Steps) -> Seen | None:
    """Nothing of the velocity is lost from step to step: it grows by every gradient. The factor below 1 belongs to the old
    velocity, v <- momentum * v + grad.
    """
    if steps.kind != "momentum" or not steps.rate or steps.used or steps.still:
        return None
    decay = steps.momentum
    piled = any(steps.follows(descent(steps.rate, 1.0, share)) for share in (1.0, decay, 1 - decay))
    return {"where": "step"} if piled else None


@wrong_step("velocity started wrong", read=MOMENTUM)
def velocity_started_wrong(steps: Steps) -> Seen | None:
    """The velocity begins {what}, where it has to begin at zero: nothing has moved before the first step. Start with
    zeros_like(p).
    """
    if steps.kind != "momentum" or not steps.rate or steps.still or steps.right:
        return None
    decay, names = steps.momentum, list(steps.start)
    for share in (1.0, 1 - decay):
        first = {n: steps.gradients[0][n] + steps.decay * steps.start[n] for n in names}
        starts = {n: (-steps.path[0][n] / steps.rate - share * first[n]) / decay for n in names}
        rules = {n: descent(steps.rate, decay, share, starts[n]).decaying(steps.start[n], steps.decay) for n in names}
        if not all(steps.moves(n, [rules[n]], 1e-4) for n in names):
            continue
        values = torch.cat([starts[n].reshape(-1) for n in names])
        params = torch.cat([steps.start[n].reshape(-1) for n in names])
        grads = torch.cat([steps.gradients[0][n].reshape(-1) for n in names])
        for like, what in (
            (torch.ones_like(values), ""),
            (params, "at the parameter itself"),
            (grads, "at the gradient"),
        ):
            ratio = (values * like).sum() / (like * like).sum()
            if bool(ratio) and torch.allclose(values, ratio * like, rtol=1e-4, atol=1e-6):
                if what.endswith("gradient") and share != 1:
                    continue  # so that an average need not begin at zero: that is done on purpose
                return {"where": "step", "what": what or f"at {number(ratio)}"}
    return None


@wrong_step("decay with the wrong sign", read=NOWHERE, explains=("uphill",))
def decay_with_the_wrong_sign(steps: Steps) -> Seen | None:
    """Weight decay makes {what} larger: it stands there with the wrong sign. It belongs to the gradient with a plus,
    grad + decay * p, so that the step, which subtracts, makes p smaller.
    """
    decay = steps.decay
    places = ({"inside": -decay}, {"before": -(steps.rate or 0) * decay}, {"after": -(steps.rate or 0) * decay})
    return _decays(steps, *places)


@wrong_step("decay outside the step", read=NOWHERE)
def decay_outside_the_step(steps: Steps) -> Seen | None:
    """Weight decay takes its share of {what} without the learning rate, outside of the step, so that a smaller rate does not
    make it smaller. It belongs inside: p <- p - lr * (grad + decay * p).
    """
    return _decays(
        steps, {"before": steps.decay}, {"after": steps.decay}, {"before": -steps.decay}, {"after": -steps.decay}
    )


def _decays(steps: Steps, *places: dict[str, float]) -> Seen | None:
    """Look for parameters that decay in one of these wrong ways, where all others move as they should."""
    if not steps.decay or not steps.rate or steps.used or steps.still:
        return None
    rules, wrong = steps.formulas(), []
    for name in steps.start:
        if steps.moves(name, rules + steps.decaying(name, rules)):
            continue
        if not any(steps.moves(name, steps.decaying(name, rules, **place)) for place in places):
            return None
        wrong.append(name)
    return {"where": "step", "what": listed(wrong)} if wrong else None


@wrong_step("step count", read=ADAM)
def step_count(steps: Steps) -> Seen | None:
    """The step count of the bias correction {what}: it should be 1 in the first step, and grow by 1 with every step, once for
    all parameters.
    """
    if steps.kind != "adam" or not steps.rate or steps.used:
        return None
    rule, count = functools.partial(adam, steps.rate, *steps.betas), len(steps.slots)
    if not any(bool(way.isfinite().any()) for way in steps.path[0].values()):
        return {"where": "step", "what": "is 0 in the first step"}
    if steps.follows(rule(count=lambda t: 1)):
        return {"where": "step", "what": "stays 1"}
    if not steps.is_told_its_count and steps.follows(rule(count=lambda t: t + 1)):
        return {"where": "step", "what": "is 2 in the first step"}
    if count > 1 and steps.follows_each(lambda i: rule(count=lambda t: (t - 1) * count + i + 1)):
        return {"where": "step", "what": "grows with every parameter, as if it were counted inside the loop"}
    return None


@wrong_step("bias correction forgotten", read=ADAM)
def bias_correction_forgotten(steps: Steps) -> Seen | None:
    """{what} not corrected for starting at zero: Adam divides m by 1 - beta1^t and v by 1 - beta2^t, t counting the
    steps from 1. Without it the first steps have the wrong length.
    """
    if steps.kind != "adam" or not steps.rate or steps.used:
        return None
    betas = steps.betas
    options = {"m and v are": (False, False), "m is": (False, True), "v is": (True, False)}
    for what, (correct_m, correct_v) in options.items():
        if steps.follows(adam(steps.rate, *betas, correct_m, correct_v)):
            return {"where": "step", "what": what}
    return None


SQUARES = {
    "no root": "divides by v, where its square root belongs",
    "no square": "averages the gradient in v, where its square belongs",
    "absolute": "averages the size of the gradient in v, where its square belongs",
}
SLIPS = {
    "no root": SQUARES["no root"],
    "no square": SQUARES["no square"],
    "square in m": "averages the square of the gradient in m, where the gradient itself belongs",
    "share of m": "adds the whole gradient to m: the factor 1 - beta1 is missing",
    "share of v": "adds the whole square to v: the factor 1 - beta2 is missing",
    "m unused": "goes along the gradient itself, where m belongs",
    "m written back": "writes the corrected m back into the m that is kept, and corrects it again in the next step",
    "v written back": "writes the corrected v back into the v that is kept, and corrects it again in the next step",
    "written back": "writes the corrected m and v back into those that are kept, and corrects them again in the next step",
}


@wrong_step("wrong formula", read=NOWHERE, explains=("uphill", "learning rate unused"))
def wrong_average_of_squares(steps: Steps) -> Seen | None:
    """{method} {what}. Compare it with the formula: v <- {v}, p <- p - lr * grad / (sqrt(v) + eps)."""
    if steps.kind not in ("rmsprop", "adagrad") or not steps.rate or steps.used or steps.still or steps.right:
        return None
    slips = {slip: [rmsprop(steps.rate, d, s, slip=slip) for d, s in _shares(steps)] for slip in SQUARES}
    words = {**SQUARES}
    if steps.kind == "rmsprop":
        slips["share"] = [rmsprop(steps.rate, d, 1) for d in steps.forgetting]
        slips["exchanged"] = [rmsprop(steps.rate, 1 - d, d) for d in steps.forgetting]
        words["share"] = "adds the whole square to v: the factor 1 - decay is missing"
        words["exchanged"] = "exchanges decay and 1 - decay"
    slip = next((slip for slip, rules in slips.items() if steps.follows(*rules)), None)
    v = "v + grad^2" if steps.kind == "adagrad" else "decay * v + (1 - decay) * grad^2"
    return {"where": "step", "method": steps.step_name, "what": words[slip], "v": v} if slip else None


def _shares(steps: Steps) -> list[tuple[float, float]]:
    """Return by what the average of the squares is multiplied in a step, and with which share the new square is added."""
    return [(1, 1)] if steps.kind == "adagrad" else [(decay, 1 - decay) for decay in steps.forgetting]


@wrong_step("wrong formula", read=MOMENTUM)
def velocity_of_after_the_step(steps: Steps) -> Seen | None:
    """{method} takes the velocity when it has changed already: the formula with momentum^2 belongs to the velocity from before
    the step, p <- p - lr * ((1 + momentum) * grad + momentum^2 * v_old). Keep the old one, or change it afterwards.
    """
    if steps.kind != "nesterov" or not steps.rate or steps.used or steps.still or steps.right:
        return None
    late = steps.follows(nesterov(steps.rate, steps.momentum, slip="new velocity"))
    return {"where": "step", "method": steps.step_name} if late else None


@wrong_step("wrong formula", read=ADAM, explains=("uphill",))
def wrong_formula(steps: Steps) -> Seen | None:
    """{method} {what}. Compare it with the formula, part by part."""
    if steps.kind != "adam" or not steps.rate or steps.used or steps.still:
        return None
    beta1, beta2 = steps.betas
    found = {"where": "step", "method": steps.step_name}
    if steps.follows(adam(steps.rate, beta1, beta2)):
        return None
    if steps.follows(adam(steps.rate, beta2, beta1)):
        return {**found, "what": "exchanges beta1 and beta2"}
    slip = next((slip for slip in SLIPS if steps.follows(adam(steps.rate, beta1, beta2, slip=slip))), None)
    return {**found, "what": SLIPS[slip]} if slip else None


@wrong_step("unnamed", read=STEP, only_alone=True)
def not_the_rule(steps: Steps) -> Seen | None:
    """The steps are not those of {rule}, in a way that I know no name for. Measured: with the gradient {gradient}, the
    first step moves {what} by {moved}, where {due} belongs; the next ones by {others}.
    """
    rules = steps.formulas()
    if not rules or steps.used or steps.still or steps.right:
        return None
    name = steps.slots[0].name
    gradients = [g[name] for g in steps.gradients]
    expected = [p.reshape(-1)[0] for p in rules[0](gradients)]
    got = [way[name].reshape(-1)[0] for way in steps.path]
    later = ", ".join(
        f"{number(b - a)} ({number(d - c)})" for a, b, c, d in zip(got, got[1:], expected, expected[1:], strict=False)
    )
    numbers = {"gradient": gradients[0].reshape(-1)[0], "moved": got[0], "due": expected[0]}
    return {
        "where": "step",
        "rule": {
            "sgd": "plain descent",
            "momentum": "descent with momentum",
            "nesterov": "Nesterov's momentum",
            "adam": "Adam",
            "rmsprop": "RMSprop",
            "adagrad": "Adagrad",
        }[steps.kind],
        "what": f"the first entry of {name}",
        "others": later,
        **{key: number(value) for key, value in numbers.items()},
    }
