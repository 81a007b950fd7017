"""How a wrong value gets its name: the mistake, the factor, or both, that explain it in every batch."""

from __future__ import annotations

import math
import re
from itertools import product
from typing import Any

import torch
from torch import Tensor

from minidl.lab.doctor.diagnosis import Finding
from minidl.lab.doctor.measure.batches import Batches, Case
from minidl.lab.doctor.mistakes import FACTORS, WRONG_VALUES
from minidl.lab.doctor.mistakes.reading import DIVISORS, NOWHERE
from minidl.lab.doctor.mistakes.rules import Factor, Misbehaviour, Rule, WrongValue
from minidl.lab.doctor.subject.calls import StudentError
from minidl.lab.doctor.subject.inside import attributes
from minidl.lab.doctor.wording import words

SIDES = ("x < 0", "x > 0")
IN_COMPANY = "{Where} is {whole} times what it should be, several numbers in one. The {symbol} in it: {reason}"
ON_TOP = "On top of that, {where} has a factor of {whole}. {reason}"
FACTOR_OF_OUTPUT = "What forward returns is {factor} times what it should be."
UNNAMED = "{Where} is not what forward makes it, in a way that I know no name for. Measured: {measured}."
UNNAMED_OUTPUT = (
    "What forward returns is not what it should be, in a way that I know no name for. Measured: {measured}."
)


def wrong_values(batches: Batches, seen: list[Finding]) -> list[Finding]:
    """Return what is wrong with the values that forward and backward return and accumulate.

    ``seen`` is how the subject misbehaves otherwise: where that is enough to make a value wrong, it stays out.
    """
    seen_at = [(f.where, f.rule) for f in seen if isinstance(f.rule, Misbehaviour)]
    out = batches.subject.unsteady | {where for where, rule in seen_at if rule.makes_values_wrong}
    if any(rule.makes_output_wrong for _, rule in seen_at):
        out |= {"output"}
    findings: list[Finding] = []
    for what in sorted(batches.cases[0].truth, key=lambda what: what != "output"):  # forward first
        if what in out or all(case.truth[what] is None for case in batches.cases):
            continue
        wrong = [case for case in batches.cases if not case.close(_got(case, what), _due(case, what))]
        if wrong and not _forward_is_to_blame(batches, what, findings):
            findings += _explain(batches, what, wrong[0])
    return findings


def _due(case: Case, what: str) -> Tensor:
    """Return the truth; zeros where forward does not use the parameter in this batch."""
    truth = case.truth[what]
    return torch.zeros_like(case.parameter(what)) if truth is None else truth


def _got(case: Case, what: str) -> Tensor | None:
    return case.output if what == "output" else case.got[what]


def _forward_is_to_blame(batches: Batches, what: str, findings: list[Finding]) -> bool:
    """Whether a gradient is right for what forward should have returned."""
    if what == "output" or all(f.where != "output" for f in findings):
        return False
    return all(case.close(case.got[what], case.expected_gradients()[what]) for case in batches.cases)


def _explain(batches: Batches, what: str, worst: Case) -> list[Finding]:
    """Return the mistakes that explain a wrong value in every batch; where none does, what was measured."""
    kind = what if what in ("input", "output") else "param"
    known = [mistake for mistake in WRONG_VALUES if mistake.of in (kind, "any")]
    right = WrongValue(name="", says="", of="any", predict=_due)
    early, late = ([mistake for mistake in known if mistake.last == last] for last in (False, True))
    tries = [*product(early, [False]), (right, True), *product(early, [True]), *product(late, [False])]
    if all(_got(case, what) is not None for case in batches.cases):
        predicted: dict[int, list[Any] | None] = {}
        for side in dict.fromkeys(("", _wrong_side(batches, what))):
            for mistake, with_factor in tries:
                if id(mistake) not in predicted:  # asked for again with a factor, and on one side
                    predicted[id(mistake)] = _predictions(batches.cases, what, mistake)
                fit = _fit(batches.cases, what, mistake, with_factor, side, predicted[id(mistake)])
                if fit is not None:
                    return _named(batches, what, worst, mistake, *fit, side)
        several = _two_numbers(batches, what)
        if several is not None:
            constant = next(mistake for mistake in late if mistake.in_company)
            return _named(batches, what, worst, constant, *several)
    elif kind == "param":
        missing = next(mistake for mistake in known if mistake.also_where_none)
        return _named(batches, what, worst, missing, (), None)
    return [_measured(batches, what, worst)]


def _wrong_side(batches: Batches, what: str) -> str:
    """Return the side of zero, "x < 0" or "x > 0", on which alone a function of one number is wrong; "" if there is none."""
    if what not in ("input", "output") or not batches.entrywise:
        return ""
    if any(_got(case, what).shape != case.input.shape for case in batches.cases):
        return ""
    for side, other in (SIDES, SIDES[::-1]):
        if any(bool(_on(other, case, case.input).isfinite().any()) for case in batches.cases) and all(
            case.close(_on(other, case, _got(case, what)), _on(other, case, _due(case, what))) for case in batches.cases
        ):
            return side
    return ""


def _on(side: str, case: Case, values: Tensor) -> Tensor:
    """Return values, those of the other side of zero as NaN, which is not compared."""
    if not side:
        return values
    return values.masked_fill(case.input >= 0 if side == "x < 0" else case.input <= 0, math.nan)


def _predictions(cases: list[Case], what: str, mistake: WrongValue) -> list[Any] | None:
    """Return what a mistake would make of each batch; None where it cannot be made here."""
    try:
        return [mistake.predict(case, what) for case in cases]
    except (StudentError, RuntimeError, TypeError, AttributeError, IndexError):
        return None


def _fit(
    cases: list[Case], what: str, mistake: WrongValue, with_factor: bool, side: str, predictions: list[Any] | None
) -> tuple[tuple[Factor, ...], list[float] | None] | None:
    """Return the factors with which a mistake explains all batches, and their values; None where it does not."""
    if predictions is None:
        return None
    for options in zip(*(p if isinstance(p, list) else [p] for p in predictions), strict=False):
        trios = [(case, _got(case, what), option) for case, option in zip(cases, options, strict=True)]
        if any(option is None or option.shape != got.shape for _, got, option in trios):
            continue
        trios = [(case, got, _on(side, case, option)) for case, got, option in trios]
        if any(option.isnan().all() and not _on(side, c, _due(c, what)).isnan().all() for c, _, option in trios):
            continue  # it promises nothing, and would fit anything
        if with_factor and mistake.name and all(_proportional(c, o, _on(side, c, _due(c, what))) for c, _, o in trios):
            continue  # a number alone explains it
        if with_factor:
            ratios = [_ratio(*trio) for trio in trios]
            factors = () if None in ratios else _factors(cases, ratios)
            if factors:
                return factors, ratios
        elif all(case.close(got, option) for case, got, option in trios) and not all(
            case.close(option, _on(side, case, _due(case, what))) for case, _, option in trios
        ):
            return (), None
    return None


def _proportional(case: Case, prediction: Tensor, truth: Tensor) -> bool:
    return prediction.shape == truth.shape and _ratio(case, truth, prediction) is not None


def _ratio(case: Case, got: Tensor, prediction: Tensor) -> float | None:
    """Return the number by which a prediction has to be multiplied; None where no number will do, NaN where any will."""
    measured = prediction.isfinite()
    size = float((prediction[measured] ** 2).sum())
    if not bool(got.isfinite().all()):
        return None
    if not size:
        return None if bool(got[measured].any()) else math.nan
    ratio = float((got[measured] * prediction[measured]).sum()) / size
    return ratio if case.close(got, ratio * prediction) else None


def _factors(cases: list[Case], ratios: list[float]) -> tuple[Factor, ...]:
    """Return the fewest known factors whose product is the ratio in every batch."""
    told = [(case, ratio) for case, ratio in zip(cases, ratios, strict=True) if not math.isnan(ratio)]
    if not told:
        return ()
    with_all, with_sizes, sizes = ([f for f in FACTORS if f.goes_with == kind] for kind in ("all", "sizes", ""))
    telling = [f for f in sizes if len({f.value(case) for case, _ in told}) > 1]
    options: list[tuple[Factor, ...]] = [(f,) for f in FACTORS]
    options += [(f, other) for f in with_all for other in FACTORS if other not in with_all]
    options += [*product(with_sizes, telling), *product(with_all, with_sizes, telling)]
    options += [(f, other) for f, other in product(telling, telling) if other.symbol in f.pairs]
    slack = 20 * cases[0].subject.tolerance

    def value(factors: tuple[Factor, ...], case: Case) -> float:
        result = 1.0
        for factor in factors:
            result *= factor.value(case)
        return result

    for factors in options:
        if all(abs(ratio - value(factors, case)) <= slack * abs(value(factors, case)) for case, ratio in told):
            return factors
    return ()


def _two_numbers(batches: Batches, what: str) -> tuple[tuple[Factor, ...], list[float]] | None:
    """Return the size by which a value is wrong beside a number that is the same for every batch, and the ratios; or None."""
    pairs = [(case, _got(case, what), _due(case, what)) for case in batches.cases]
    ratios = [_ratio(*pair) if pair[1].shape == pair[2].shape else None for pair in pairs]
    if None in ratios:
        return None
    for factor in (f for f in FACTORS if not f.goes_with):
        sizes = [factor.value(case) for case in batches.cases]
        told = [ratio / size for ratio, size in zip(ratios, sizes, strict=True) if not math.isnan(ratio)]
        slack = 20 * batches.subject.tolerance
        if len(set(sizes)) > 1 and len(told) > 1 and all(abs(c - told[0]) <= slack * abs(told[0]) for c in told):
            return (factor,), ratios
    return None


def _named(
    batches: Batches,
    what: str,
    worst: Case,
    mistake: WrongValue,
    factors: tuple[Factor, ...],
    ratios: list[float] | None,
    side: str = "",
) -> list[Finding]:
    expected, got = _due(worst, what), _got(worst, what)
    shapes = {"expected_shape": tuple(expected.shape), "got_shape": tuple(got.shape) if got is not None else None}
    evidence = _evidence(expected, got)
    if ratios is not None:
        evidence["factor"] = {
            f"n = {c.n}, m = {c.m}": round(r, 6)
            for c, r in zip(batches.cases, ratios, strict=True)
            if not math.isnan(r)
        }

    number = worst.multiple(got, expected)
    whole = _product([factor.symbol for factor in factors])
    if mistake.in_company and factors:
        number /= factors[0].value(worst)
        whole = _product([f"{number:.4g}", whole])

    def finding(rule: Rule, says: str, read: tuple[str, str], factor: str = "") -> Finding:
        seen = {"factor": factor, "number": f"{number:.4g}", "setting": _setting(batches, number), **shapes}
        seen |= {"whole": whole, "symbol": factor or f"{number:.4g}"}
        text = says.format(**words(what, **seen))
        if side:
            text += f" That is so where {side}; where {SIDES[SIDES[0] == side]}, it is right."
        return Finding(rule.name, what, text, evidence, expected, got, read, rule=rule)

    findings = []
    if mistake.name:
        says = IN_COMPANY.replace("{reason}", mistake.in_company) if mistake.in_company and factors else mistake.says
        findings.append(finding(mistake, says, mistake.read))
    for factor in factors:
        says = factor.says_of_loss if batches.subject.is_loss else factor.says
        if what == "output":
            says = FACTOR_OF_OUTPUT
        elif mistake.name and not mistake.in_company:
            says = ON_TOP.replace("{reason}", _reason(says))
        elif len(factors) > 1 or mistake.name:
            says = IN_COMPANY.replace("{reason}", _reason(says))
        findings.append(finding(factor, says, _read(batches, factor, what), factor.symbol))
    for name in mistake.combined_with:
        other = next(m for m in WRONG_VALUES if m.name == name)
        findings.append(finding(other, other.says, other.read))
    return findings


def _product(symbols: list[str]) -> str:
    """Return a product as one would write it: 2/n for 2 and 1/n."""
    text = " * ".join(symbols)
    return text if text.startswith("1/") else text.replace(" * 1/", "/")


def _reason(says: str) -> str:
    """Return what comes after the first colon or full stop of a sentence: why there is such a factor."""
    reason = re.split(r"[:.] ", says, maxsplit=1)[1]
    return reason[0].upper() + reason[1:]


def _read(batches: Batches, factor: Factor, what: str) -> tuple[str, str]:
    """Return where a factor is treated: in a loss elsewhere than in a layer, in what forward returns for losses only."""
    if what == "output":
        return DIVISORS if batches.subject.is_loss else NOWHERE
    return factor.read_of_loss if batches.subject.is_loss else factor.read


def _setting(batches: Batches, number: float) -> str:
    """Say which setting of the subject a number comes from, if it is one, or 1 minus one, or the inverse of that."""
    settings = {
        k: v for k, v in attributes(batches.subject.original).items() if isinstance(v, float) and v not in (0.0, 1.0)
    }
    for name, value in settings.items():
        forms = {name: value, f"1 / {name}": 1 / value, f"1 - {name}": 1 - value, f"1 / (1 - {name})": 1 / (1 - value)}
        fitting = [form for form, expected in forms.items() if abs(number - expected) < 1e-4 * abs(expected)]
        if len(fitting) == 1:  # 0.5 is 1 - 0.5 too
            return f", which is {fitting[0]} with {name} = {value:g}"
    return ""


def _measured(batches: Batches, what: str, worst: Case) -> Finding:
    """Return a finding without a name: what was measured, and no guess."""
    expected, got = _due(worst, what), _got(worst, what)
    evidence, parts = _evidence(expected, got), []
    if got is None:
        parts.append("there is none")
    elif got.numel() == expected.numel() == 1:
        parts.append(f"it is {float(got):.4g}, and should be {float(expected):.4g}")
    elif got.shape != expected.shape:
        parts.append(f"its shape is {tuple(got.shape)}, and should be {tuple(expected.shape)}")
    else:
        right = (got - expected).abs() <= batches.subject.tolerance * max(
            1.0, float(expected.nan_to_num(0).abs().max())
        )
        if not bool(right.all()):
            parts.append(f"{int(right.sum())} of {got.numel()} entries are right")
        rows = (~right).reshape(len(right), -1).any(1).nonzero().reshape(-1).tolist()
        if right.ndim > 1 and 0 < len(rows) <= len(right) // 2:
            parts.append(f"all others are in row{'s' * (len(rows) > 1)} {', '.join(str(row + 1) for row in rows)}")
        ratio = _ratio(worst, got, expected)
        if ratio is not None and not math.isnan(ratio) and (ratio or not bool(got.any())):
            parts.append(f"in this batch, all are {ratio:.4g} times what they should be")
        elif not bool(got.isfinite().all()):
            parts.append(f"{int((~got.isfinite()).sum())} are not finite")
        else:
            parts.append(f"the largest difference is {evidence['largest difference']:.4g}")
    text = (UNNAMED_OUTPUT if what == "output" else UNNAMED).format(**words(what, measured=", ".join(parts)))
    return Finding("unnamed", what, text, evidence, expected, got)


def _evidence(expected: Tensor, got: Tensor | None) -> dict[str, Any]:
    """Return the shapes, and the entry that differs most."""
    evidence: dict[str, Any] = {"expected shape": tuple(expected.shape)}
    if got is None:
        return evidence
    evidence["got shape"] = tuple(got.shape)
    if got.shape == expected.shape and got.numel():
        difference = (got - expected).abs().nan_to_num(0, posinf=0)
        entry = tuple((difference == difference.max()).nonzero()[0].tolist())
        evidence |= {"entry": list(entry), "expected": float(expected[entry]), "got": float(got[entry])}
        evidence["largest difference"] = float(difference.max())
    return evidence
