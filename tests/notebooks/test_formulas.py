"""Every formula that a notebook claims is proven in the same notebook, and a proof fails if its claim is changed."""

import ast
import copy
import dataclasses
import functools
import itertools
import json
import re
import sys
from pathlib import Path

import pytest
import sympy
from latex_reader import SLOPE, UnreadableError, name_of, read, symbol, with_slopes

from minidl.lab import proof
from minidl.lab.exercises import exercise
from minidl.lab.exercises.kinds import Claim
from minidl.lab.proof import ProofError, matrices
from minidl.lab.proof.formula import as_formula, inside, latex, name_latex, new_indices

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("0[1-9]_*.ipynb"))
SLOPE_OF_A_FUNCTION = re.compile(r"\\(?:tanh|sigma)'\(x\)|\\frac\{d\}\{dx\} .*")

RULES = {  # what the proofs rest on, in the words of the notebooks: the chain rule, deltas, and the product of two matrices
    r"\frac{dL}{dx} = \frac{dL}{dv} \cdot \frac{dv}{du} \cdot \frac{du}{dx}",
    r"\frac{\partial L}{\partial x_q} = \sum_p g_p \, \frac{\partial y_p}{\partial x_q}",
    r"\frac{\partial L}{\partial x_q} = \sum_p g_p \, J_{pq}",
    r"\text{grad\_input} = g \, J",
    r"\frac{\partial w_{k'j'}}{\partial w_{kj}} = \delta_{k'k} \, \delta_{j'j}",
    r"\sum_{k'} x_{ik'} \, \delta_{k'k} = x_{ik}",
    r"(AB)_{kj} = \sum_i a_{ki} \, b_{ij}",
    r"dL/dx = g \, f'(x)",
    r"\partial L/\partial x_{ij} = g_{ij} \, f'(x_{ij})",
    r"\frac{\partial L}{\partial X} = G \odot f'(X)",
    r"\partial L/\partial X = G \odot f'(X)",
    r"dL/dL = 1",
}


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def text_of(cell):
    return "".join(cell["source"])


def value(side):
    """Return what a side of an equation says, or None where it cannot be read."""
    try:
        return read(side)
    except UnreadableError:
        return None


def subject(side):
    """Return what a left side is about: for a derivative its name, however it is written, or the formula itself."""
    if SLOPE_OF_A_FUNCTION.fullmatch(side):
        return "d/dx"
    return with_slopes(side) if SLOPE.fullmatch(side) else value(side)


# --- what is proven --------------------------------------------------------------------------------------------------


class Proofs:
    """The cells of a notebook that prove something, executed one after the other, and what they have proven.

    Where a student claims a formula, the claim in the solution is proven as the check would.

    ``cells`` holds for each of them its code and the names that it finds, ``statements`` the pairs of what has been proven
    equal, ``known`` what the names in the proofs stand for, ``asked`` for each check of a claim what that claim states and
    what had been proven before.
    """

    def __init__(self, notebook):
        self.cells, self.statements, self.known, self.asked = {}, set(), {}, {}
        names = {name: getattr(proof, name) for name in proof.__all__}
        names |= {"display": lambda *_: None, "print": lambda *_, **__: None, "exercise": exercise}
        names |= {"prove_gradient": self.gradient, "prove_equal": self.equal}
        for cell, source in proving(notebook):
            used = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
            before = set(self.statements)
            if used & {"prove_gradient", "prove_equal"}:
                self.cells[cell["id"]] = source, dict(names)
            if used & set(proof.__all__):
                exec(source, names)
            if "check" in cell["metadata"].get("tags", []):
                self.asked[cell["id"]] = self.latest, before

    def gradient(self, forward, *, wrt, claim, upstream=None, **options):
        proven = proof.prove_gradient(forward, wrt=wrt, claim=claim, upstream=upstream, **options)
        claim, at = as_formula(claim), new_indices(wrt.shape)
        matrix = latex(wrt), latex(claim)
        entry, *special = special_cases(latex(wrt, at), latex(claim, at))
        stated = [self.state(rf"\partial L/\partial {left}", right) for left, right in (matrix, entry, *special)]
        self.latest = set(stated[:2])
        if upstream is not None:
            self.known[symbol(f"∂[L/{forward.args[0] if forward.op == 'name' else 'Y'}]")] = read(latex(upstream))
        return self.define(proven, forward, claim)

    def equal(self, left, right):
        proven = proof.prove_equal(left, right)
        self.state(latex(as_formula(left)), latex(as_formula(right)))
        return self.define(proven, as_formula(left), as_formula(right))

    def state(self, left, right):
        statement = subject(left), read(right)
        self.statements.add(statement)
        return statement

    def define(self, proven, *formulas):
        for part in inside(*formulas):
            if part.op == "name" and value(latex(part.args[1])) is not None:
                self.known[symbol(name_of(name_latex(part.args[0])))] = read(latex(part.args[1]))
        return proven


def proving(notebook):
    """Yield the code cells of a notebook that may prove something, with their code."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for cell in cells:
        tags = cell["metadata"].get("tags", [])
        if "check" in tags:
            source = with_the_claim(text_of(cell))
            if source is not None:
                yield cell, source
        elif "raises-exception" not in tags:
            yield cell, text_of(cell)


def with_the_claim(check):
    """Return the code that proves what a check of a claim wants to hear: the claim of the solution; None for other checks."""
    asked = exercise(re.search(r'check\("(.+?)"\)', check)[1])
    if asked.kind != "claim":
        return None
    *before, answer = ast.parse(asked.solution).body
    given = [line for line in ast.parse(asked.given).body if not isinstance(line, (ast.Import, ast.ImportFrom))]
    start = ast.unparse(ast.Module([*given, *before], []))
    return f"{start}\nprove_gradient(**exercise({asked.id!r}).statement(), claim={ast.unparse(answer.value)})"


def special_cases(left, right):
    """Return a statement about entries, and what is left of it where some sizes are 1: no index, no sum over it."""
    indices = sorted(set(re.findall(r"[a-z]'*", " ".join(re.findall(r"_\{([a-z',]*)\}", left + right)))))

    def without(gone, text):
        def rest(found):
            kept = [index for index in re.findall(r"[a-z]'*", found[1]) if index not in gone]
            return f"_{{{(',' if ',' in found[1] else '').join(kept)}}}" if kept else ""

        return re.sub(r"_\{([a-z',]*)\}", rest, text).replace(r"\sum ", "")

    subsets = itertools.chain.from_iterable(itertools.combinations(indices, k) for k in range(len(indices) + 1))
    return [(without(gone, left), without(gone, right)) for gone in subsets]


@functools.cache
def proofs_of(path):
    return Proofs(load(path))


# --- what is claimed -------------------------------------------------------------------------------------------------


def equations(cell):
    """Return the equations in a cell of text: whether each is on a line of its own, and its sides."""
    text = re.sub(r"```.*?```|`[^`]*`", "", text_of(cell), flags=re.DOTALL)
    found = []
    for display, inline in re.findall(r"\$\$(.+?)\$\$|\$(.+?)\$", text, flags=re.DOTALL):
        for part in re.split(r"\\q?quad|\\text\{(?:or|with)[^}]*\}", " ".join((display or inline).split())):
            sides = [side.strip(" ,.;") for side in part.split("=")]
            if len(sides) > 1 and not re.search(r"\\dots|\\approx|pmatrix", part):  # a formula, and an exact one
                found.append((bool(display), sides))
    return found


def claims(cell):
    """Return the equations that claim something: all about derivatives, and all others that have a line of their own."""
    found = []
    for display, sides in equations(cell):
        slope = isinstance(subject(sides[0]), str)
        name = bool(re.fullmatch(r"[A-Za-z]", sides[0]))  # is not claimed, but defined, to be what comes next
        if slope or (display and len(sides) > 1 + name):
            found.append(sides[name:])
    return found


def unproven(cell, proofs):
    """Return the equations that a cell claims and that its notebook does not prove.

    Each right side has to be a number, a rule, proven as it stands (with messages in it replaced by what the cell says that
    they are), or, as a step on the way, equal to one that is.
    """
    found = [(subject(sides[0]), *sides) for sides in claims(cell)]
    messages = {symbol(about): value(right) for about, _, right, *_ in found if isinstance(about, str)}
    messages |= {name: what for name, what in proofs.known.items() if str(name).startswith("∂")}
    named = {name: what for name, what in proofs.known.items() if name.is_commutative}
    named |= {
        symbol(sides[0]): value(sides[1]) for _, sides in equations(cell) if re.fullmatch(r"[A-Za-z]'?", sides[0])
    }
    missing = []
    for about, left, *rights in found:
        read_rights = [value(right) for right in rights]
        proven = [right for right in read_rights if (about, replaced(right, messages)) in proofs.statements]
        for text, right in zip(rights, read_rights, strict=True):
            given = f"{left} = {text}" in RULES or (right is not None and right.is_number)
            if not given and not any(same(right, other, named) for other in proven):
                missing.append(f"{left} = {text}")
    return missing


def replaced(formula, values):
    """Put in for names what they stand for, and for the names in that; None where that is not known or never ends."""
    for _ in range(len(values) + 1):
        names = set() if formula is None else formula.free_symbols & values.keys()
        if not names:
            return formula
        formula = None if None in map(values.get, names) else formula.subs({name: values[name] for name in names})
    return None


def same(a, b, values):
    """Whether two formulas are equal: as they stand, or of numbers that have a name or are worked out."""
    if a is None or a == b:
        return a == b
    a, b = replaced(a, values), replaced(b, values)
    return None not in (a, b) and (a - b).is_commutative and sympy.simplify((a - b).rewrite(sympy.exp)) == 0


# --- the notebooks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_claimed_is_proven(path):
    """A cell may argue in words, and name in its metadata the proof of what matters."""
    proofs = proofs_of(path)
    for cell in load(path)["cells"]:
        if cell["cell_type"] == "markdown":
            missing, named = unproven(cell, proofs), cell["metadata"].get("minidl", {}).get("proof")
            assert bool(missing) == bool(named), f"{cell['id']}: {missing}"
            assert named is None or named in proofs.cells


def changed(claim):
    """Yield a claim changed in one place: twice as large, of the other sign, a transpose, a sign or a number in it."""
    yield ast.BinOp(ast.Constant(2), ast.Mult(), claim)
    yield ast.UnaryOp(ast.USub(), claim)
    for k in range(len(list(ast.walk(claim)))):
        other = copy.deepcopy(claim)
        match list(ast.walk(other))[k]:
            case ast.Attribute(value=matrix, attr="T") as transpose:
                transpose.value = ast.Attribute(matrix, "T", ast.Load())  # twice is not at all
            case ast.BinOp(op=ast.Add()) as added:
                added.op = ast.Sub()
            case ast.BinOp(op=ast.Sub()) as subtracted:
                subtracted.op = ast.Add()
            case ast.Constant(value=int()) as number:
                number.value += 1
            case _:
                continue
        yield other


def is_proof(node):
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("prove_gradient", "prove_equal")


def with_changed_claims(source):
    """Yield the code of a cell with one claim in it changed, in all ways, and without its other proofs."""
    for k, node in enumerate(ast.walk(ast.parse(source))):
        if is_proof(node):
            keyword = next((n for n, keyword in enumerate(node.keywords) if keyword.arg == "claim"), None)
            for claim in changed(node.args[1] if keyword is None else node.keywords[keyword].value):
                code = ast.parse(source)
                call = list(ast.walk(code))[k]
                if keyword is None:
                    call.args[1] = claim
                else:
                    call.keywords[keyword].value = claim
                inside = [list(ast.walk(statement)) for statement in code.body]
                kept = [nodes[0] for nodes in inside if call in nodes or not any(map(is_proof, nodes))]
                yield ast.unparse(ast.Module(kept, []))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_changed_claim_makes_its_notebook_fail(path):
    for name, (source, names) in proofs_of(path).cells.items():
        codes = list(with_changed_claims(source))
        assert codes, f"{name} claims nothing"
        for code in codes:
            try:
                exec(code, dict(names))
            except (ProofError, ValueError):  # wrong, or the shapes do not fit
                continue
            pytest.fail(f"{name}: nothing noticed in\n{code}")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_claim_in_the_text_changed_on_purpose_is_noticed(path):
    for cell in load(path)["cells"]:
        for *before, last in claims(cell) if cell["cell_type"] == "markdown" else ():
            wrong = {**cell, "source": f"{text_of(cell)} $${' = '.join(before)} = 2 ({last}) + g$$"}
            assert len(unproven(wrong, proofs_of(path))) > len(unproven(cell, proofs_of(path))), (cell["id"], last)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_proof_is_on_the_page(path):
    """Except for those that a student brings about: a check shows them when the claim is right."""
    cells = {cell["id"]: cell for cell in load(path)["cells"]}
    for name in proofs_of(path).cells.keys() - proofs_of(path).asked.keys():
        assert "proven" in json.dumps(cells[name]["outputs"]), name


def given_away(notebook, proofs):
    """Return the checks of claims above which the claim stands already, written in the text or proven."""
    found, written = [], set()
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            written |= {(subject(left), value(right)) for left, *rights in claims(cell) for right in rights}
        elif cell["id"] in proofs.asked:
            claim, proven = proofs.asked[cell["id"]]
            if claim & (written | proven):
                found.append(cell["id"])
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_student_is_to_claim_stands_nowhere_above(path):
    assert given_away(load(path), proofs_of(path)) == []


PROVEN = {  # what each notebook has to prove: of a layer, the gradient of its input and of each of its parameters
    "01_module": {"∂[L/x]", "∂[L/s]", "∂[L/X]"},
    "02_linear": {"∂[L/X]", "∂[L/W]", "∂[L/b]"},
    "03_relu": {"∂[L/X]", "d/dx"},
    "04_tanh": {"∂[L/X]", "d/dx", read(r"\tanh(x)")},
    "05_sigmoid": {"∂[L/X]", "d/dx", read(r"\sigma(x)")},
    "06_mse": {"∂[L/Y]"},
    "07_sequential": {f"∂[L/{name}]" for name in ("Y", "W_2", "b_2", "A", "H", "W_1", "b_1", "X")},
    "08_sgd": {"∂[L/w]", "∂[L/b]"},
    "09_initialisation": {"∂[L/W_1]", "∂[L/W_2]"},
}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_is_about_is_proven(path):
    assert PROVEN[path.stem] <= {about for about, _ in proofs_of(path).statements}


def test_every_proof_holds_for_every_size():
    """What has rows and columns is proven for every number of them; a size that is only an example does not say so."""
    shown = [
        line
        for path in NOTEBOOKS[0].parent.glob("*.ipynb")
        for cell in load(path)["cells"]
        for output in cell.get("outputs", [])
        for line in "".join(output.get("data", {}).get("text/plain", output.get("text", []))).splitlines()
        if "(proven" in line
    ]
    of_matrices = [line for line in shown if re.match(r"dL/d[A-Z]|.*(@|\.sum\(\)|ones)", line)]
    assert len(shown) >= 50
    assert len(of_matrices) >= 25
    assert [line for line in of_matrices if "(proven for every " not in line] == []


@functools.cache
def linear():
    source = (
        'X, W, b, G = matrices("X (n x in), W (in x out), b (1 x out), G (n x out)")\n'
        "prove_gradient(X @ W + b, upstream=G, wrt=W, claim=X.T @ G)\n"
        "prove_gradient(X @ W + b, upstream=G, wrt=X, claim=G @ W.T)\n"
    )
    return Proofs({"cells": [{"cell_type": "code", "id": "proof", "source": source, "metadata": {}}]})


class TestTheChecksThemselves:
    @pytest.mark.parametrize(
        "text",
        [
            r"$\partial L/\partial W = X^\top G$",
            r"$$\frac{\partial L}{\partial W} = X^{\top} \, G.$$",
            r"$\partial L / \partial w_{kj} = \sum_i x_{ik} \cdot g_{ij}$",
            r"$\partial L/\partial w_{kj} = \sum_i g_{ij} x_{ik} = 7$",
            r"one sample, $\partial L/\partial w_{kj} = g_j x_k$, one number, $dL/dw = g\,x$ and $\frac{dL}{dx} = g w$",
            r"$\partial L/\partial X = \partial L/\partial Y \, W^\top$",
            r"$dL/dx = 6$, $Y = XW$, `$dL/dx = x$`, $$x = \begin{pmatrix} 1 & 2 \end{pmatrix}$$",
        ],
    )
    def test_proven(self, text):
        assert unproven({"source": text}, linear()) == []

    @pytest.mark.parametrize(
        "text",
        [
            r"$\partial L/\partial W = X G$",
            r"$\partial L/\partial W = G X^\top$",
            r"$\partial L/\partial X = X^\top G$",
            r"$\partial L/\partial W = X^\top G / n$",
            r"$\partial L/\partial b = \mathbf{1}^\top G$",
            r"$\partial L/\partial w_{kj} = \sum_k x_{ik} g_{ij}$",
            r"$\partial L/\partial w_{kj} = x_{ik} g_{ij}$",
            r"$dL/dw = 2 g x$",
            r"$dL/dw = \text{the message}$",
            r"$\partial L/\partial X = \partial L/\partial X \, W^\top$",
            r"$$(X W)^\top = X^\top W^\top$$",
            r"$$y = x w = w + x$$",
        ],
    )
    def test_unproven(self, text):
        assert len(unproven({"source": text}, linear())) == 1


X, W, G = matrices("X (n x in), W (in x out), G (n x out)")
WEIGHT = Claim(
    id="00 weight",
    name="claim_weight",
    asks="dL/dW.",
    statement=lambda: {"forward": X @ W, "wrt": W, "upstream": G},
    given='from minidl.lab.proof import matrices\nX, W, G = matrices("X (n x in), W (in x out), G (n x out)")',
    solution="claim_weight = X.T @ G",
)


class TestAClaimThatAStudentMakes:
    CELLS = (
        ("code", [], 'X, W, G = matrices("X (n x in), W (in x out), G (n x out)")'),
        ("code", ["exercise"], "claim_weight = ..."),
        ("code", ["check"], 'from minidl.lab.exercises import check\n\ncheck("00 weight")'),
        ("code", ["solution"], "# Solution\nclaim_weight = X.T @ G"),
    )

    @pytest.fixture(autouse=True)
    def known(self, monkeypatch):
        monkeypatch.setattr(sys.modules[__name__], "exercise", {"00 weight": WEIGHT}.get)

    def notebook(self, *before):
        cells = [*before, *self.CELLS]
        return {
            "cells": [
                {"cell_type": kind, "id": f"{k}", "source": source, "metadata": {"tags": tags}}
                for k, (kind, tags, source) in enumerate(cells)
            ]
        }

    def test_is_proven(self):
        proofs = Proofs(self.notebook())
        assert (subject(r"\partial L/\partial W"), read(r"X^\top G")) in proofs.statements
        assert list(proofs.cells) == list(proofs.asked) == ["2"]
        assert "claim=2 * (X.T @ G)" in "".join(with_changed_claims(proofs.cells["2"][0]))

    def test_is_not_proven_where_it_is_wrong(self, monkeypatch):
        wrong = dataclasses.replace(WEIGHT, solution="claim_weight = 2 * X.T @ G")
        monkeypatch.setattr(sys.modules[__name__], "exercise", {"00 weight": wrong}.get)
        with pytest.raises(ProofError):
            Proofs(self.notebook())

    @pytest.mark.parametrize(
        ("before", "found"),
        [
            ([], []),
            ([("markdown", [], r"$\partial L/\partial w_{kj} = g_j \, x_k$ for one sample, and $Y = XW$")], []),
            ([("markdown", [], r"$$\frac{\partial L}{\partial W} = X^\top G$$")], ["3"]),
            ([("markdown", [], r"$\partial L/\partial w_{kj} = \sum_i g_{ij} x_{ik}$")], ["3"]),
            ([CELLS[0], ("code", [], "prove_gradient(X @ W, upstream=G, wrt=W, claim=X.T @ G)")], ["4"]),
        ],
    )
    def test_that_is_given_away_is_noticed(self, before, found):
        notebook = self.notebook(*before)
        assert given_away(notebook, Proofs(notebook)) == found
