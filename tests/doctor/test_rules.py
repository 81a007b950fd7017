"""What the doctor knows: every rule stands in its place, says what it has to, and knows only names that there are."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import nbformat
import pytest
import specimens

from minidl.lab.doctor import diagnosis, examination, explanation, mistakes
from minidl.lab.doctor.mistakes import (
    FACTORS,
    FAMILIES,
    MISBEHAVIOURS,
    WRONG_LOOPS,
    WRONG_SETTINGS,
    WRONG_STEPS,
    WRONG_VALUES,
    reading,
)
from minidl.lab.doctor.mistakes.rules import Rule

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
OBSERVATIONS = [*MISBEHAVIOURS, *WRONG_STEPS, *WRONG_LOOPS, *WRONG_SETTINGS]
SENTENCES = [*WRONG_VALUES, *OBSERVATIONS]
RULES = [*FACTORS, *SENTENCES]
NAMES = {rule.name for rule in RULES}


def modules():
    """Return every module in the folder of the mistakes."""
    return [
        importlib.import_module(f"{mistakes.__name__}.{found.name}")
        for found in pkgutil.iter_modules(mistakes.__path__)
    ]


def function_of(rule):
    return next(vars(rule)[name] for name in ("value", "predict", "observe") if name in vars(rule))


def test_every_file_with_rules_stands_in_the_order():
    with_rules = [m for m in modules() if any(isinstance(v, Rule) and v.family == m.__name__ for v in vars(m).values())]
    assert Counter(m.__name__ for m in with_rules) == Counter(m.__name__ for m in FAMILIES)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__.rpartition(".")[2])
def test_every_function_under_a_decorator_is_a_rule_once_in_the_order_of_definition(family):
    tree = ast.parse(Path(family.__file__).read_text(encoding="utf-8"))
    decorated = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list]
    names = [function_of(rule).__name__ for rule in RULES if rule.family == family.__name__]
    assert sorted(names) == sorted(decorated)
    for rules in (FACTORS, WRONG_VALUES, MISBEHAVIOURS, WRONG_STEPS, WRONG_LOOPS, WRONG_SETTINGS):
        in_order = [function_of(rule).__name__ for rule in rules if rule.family == family.__name__]
        assert in_order == [name for name in decorated if name in in_order]


def test_rules_speak_only_of_mistakes_that_there_are():
    for rule in OBSERVATIONS:
        assert set(rule.explains) <= NAMES - {rule.name}, rule
    for rule in WRONG_VALUES:
        assert set(rule.combined_with) <= {other.name for other in WRONG_VALUES} - {rule.name}, rule
        assert rule.of in ("input", "param", "output", "any")
    for factor in FACTORS:
        assert set(factor.pairs) <= {other.symbol for other in FACTORS if not other.goes_with}, factor
        assert factor.goes_with in ("all", "sizes", "")
    assert sum(rule.also_where_none for rule in WRONG_VALUES) == 1


@pytest.mark.parametrize("module", [diagnosis, examination, explanation], ids=lambda m: m.__name__.rpartition(".")[2])
def test_only_rules_know_a_mistake_by_its_name(module):
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    said = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert said & NAMES <= {"raises", "not finite", "unnamed"}  # which the examination comes upon itself


def test_every_sentence_can_be_read_and_is_planted_in_the_collection():
    planted = set().union(*(s.mistakes for s in specimens.SPECIMENS))
    assert planted >= NAMES, "no specimen with these mistakes"
    for rule in SENTENCES:
        assert rule.says.endswith((".", "?", ")")), rule.says
        assert 30 < len(rule.says) < 330, rule.says


READ = {value for value in vars(reading).values() if isinstance(value, tuple)} - {reading.NOWHERE}


def test_what_a_rule_sends_to_read_is_in_the_list():
    assert {rule.read for rule in RULES} <= {*READ, reading.NOWHERE}


@pytest.mark.parametrize(("name", "heading"), sorted(READ))
def test_every_section_to_read_exists(name, heading):
    cells = nbformat.read(NOTEBOOKS / name, 4)["cells"]
    prose = "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
    assert heading in re.findall(r"^#+ (.*)$", prose, re.MULTILINE)


# A word that the section has to say which a rule of this name sends its reader to
SPOKEN_OF = {
    "data not finite|one class only|classes very|validation|targets do not|output cannot": "points|target|class",
    "inputs (all|are)": "inputs",
    "activation before|log-softmax": "softmax",
    "softmax before|shuffled apart": "the loss",
    "inputs too|targets too": "times|larger",
    "inputs of": "valley|curvature",
    "steps too large|loss (jumps|diverges)": "valley",
    "loss flat": "not learn",
    "no activation between": "Two Linear layers",
    "falls on": "layers",
    "best parameters|wrong number of epochs": "epoch",
    "batch size": "batch",
    "gradients wrong|answers the mean": "step",
    "units all equal": "equal|same",
    "dead units|saturated units|signal|start far": "variance|gain|dead|weights",
    "rate for|steps too small": "sum|mean",
    "learns by heart|ten samples": "points|layers",
    "gradients never zeroed|zeroed too rarely": "zero_grad",
    "gradients (thrown|changed)|backward of|two steps|mean divided|parameters never": "step",
    "optimiser (built|not)|learning rate (not|falls)": "step",
    "begins anew|ends where|the worst|model given|schedule|loops inside|history begins": "epoch",
    "evaluation leaves|loss of the wrong": "epoch",
    "batches drawn": "batch",
    "accuracy (against|that)": "epoch",
    "epoch loss divided": "mean",
    "samples|never shuffled|same order": "batch",
    "accuracy (of|over|along)|model returned|data changed|epoch loss|history|graph|evaluated|trained": "epoch",
    "column against": "epoch|broadcast",
    "softmax before|targets of|shuffled": "epoch",
    "zeroed|step before|backward|step missing|step once|loss|optimiser of": "step",
    "stops when|mean of unequal": "epoch",
    "a new pass": "pass through all",
    "means added": "mean",
    "clipped|gradients switched": "step",
    "all samples in": "batch",
    "class numbers": "class",
    "goes uphill": "[Mm]inus",
    "sigmoid missing": "probabilities",
    "sign": "sign|multiply by your own slope",
    "factor": "Divide by the batch size|divides the gradient by|two different losses|multiply by your own slope",
    "input gradient summed": "Over which index|comes in",
    "bias to scalar|parameter to scalar": "One number for the whole bias|What comes back from all of",
    "wrong axis": "added up|probabilit|softmax|whole column",
    "sample|no batch sum": "sum|row",
    "wrong shape": "shape of what it belongs to|one term only",
    "transposed|product for entrywise": "transpose|entry by entry",
    "reshaped": "Reshape instead of transpose",
    "output for input|parameter unused|gradient missing": "keeps its input",
    "upstream forgotten": "message is forgotten",
    "upstream as mask": "slope of the wrong tensor",
    "derivative at upstream": "function of what arrives",
    "derivative at output|formula for the output": "twice",
    "derivative|function for|signs lost|always zero|scale forgotten|other gradient|outer derivative": "slope|softmax",
    "path forgotten|diagonal only|product rule|overlaps|repeated rows|statistics|mean as|variance as": "several paths",
    "softmax over everything|target forgotten|shift forgotten": "softmax|several paths",
    "returns|parameter not listed|writes parameters|wrong type|raises": "returns|adds",
    "overwritten|never zeroed|nested not zeroed": "zero",
    "stale|shared|drawn|module used twice|mask|gradient to": "last",
    "writes": "Writing into what you were given|in place|hold",
    "kink": "0",
    "not finite": "overflow|inf|e\\^",
    "broadcast": "silent broadcast",
    "nested parameters": "at any depth",
    "message not passed on|wrong order": "not passed on",
    "module|first|last": "formula",
    "parameters not updated": "A new tensor instead of the old one",
    "uphill|gradient unused|learning rate|step size|unnamed": "step",
    "gradient replaced": "in place",
    "momentum|velocity|wrong formula": "velocity|averages",
    "step count|bias correction": "t",
}


def section(name, heading):
    """Return a section of a notebook, its code too, as far as the next heading of its rank or above."""
    lines, inside = [], 0
    for cell in nbformat.read(NOTEBOOKS / name, 4)["cells"]:
        for line in cell["source"].splitlines():
            rank = len(line) - len(line.lstrip("#")) if cell["cell_type"] == "markdown" and line.startswith("#") else 0
            if rank and (not inside or rank <= inside):
                inside = rank if line.lstrip("# ") == heading else 0
            lines += [line] if inside else []
    return "\n".join(lines)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.read != reading.NOWHERE], ids=lambda rule: rule.name)
def test_the_section_to_read_treats_the_mistake(rule):
    places = {rule.read, getattr(rule, "read_of_loss", rule.read)}
    words = next(said for names, said in SPOKEN_OF.items() if re.match(names, rule.name))
    for place in places:
        assert re.search(words, section(*place), re.IGNORECASE), f"{rule.name}: nothing about it in {place}"


@pytest.mark.slow
def test_without_docstrings_a_sentence_says_what_is_missing():
    code = (
        "import torch; from minidl import Linear; from minidl.lab.doctor import examine\n"
        "class Half(Linear):\n"
        "    def backward(self, grad_output): return super().backward(grad_output / 2)\n"
        "print(examine(Half(3, 2), (4, 3)))"
    )
    said = subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, text=True, check=True).stdout
    assert "factor 1/2: " in said
    assert "python -OO takes them away: run it without -OO" in said
