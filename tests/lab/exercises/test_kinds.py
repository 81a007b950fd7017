"""Each kind of exercise, judged with small ones that no notebook has."""

from __future__ import annotations

import dataclasses
import linecache
import warnings

import pytest
import torch

from minidl.lab.exercises import check
from minidl.lab.exercises.answer import run
from minidl.lab.exercises.errors import explain
from minidl.lab.exercises.kinds import Claim, Diagnoses, Function, Layer, Loss, Optimizer, Played, Value
from minidl.lab.exercises.kinds.calling import precision
from minidl.lab.exercises.kinds.writing import layer, loss, method, optimizer
from minidl.lab.playground import playground
from minidl.lab.proof import matrices

RAISE = "raise NotImplementedError"
COMMON = {
    "id": "00 a",
    "asks": "Something.",
    "solution": "",
    "given": "import torch\nfrom minidl import Linear, Module",
}


def value(expected, **options):
    return Value(name="a", expected=lambda: expected, **COMMON, **options)


def slope(reference=lambda y: 1 - y * y, cases=((0.5,), (2.0,)), **options):
    return Function(name="slope", reference=reference, cases=lambda: list(cases), **COMMON, **options)


def leaky(x):
    return torch.nn.functional.leaky_relu(x, 0.2)


KEEP = "self.x = input\nreturn torch.where(input > 0, input, 0.2 * input)"
BACK = "return torch.where(self.x > 0, 1, 0.2) * grad_output"
BENT = Layer(name="Bent", reference=leaky, hint="Two slopes.", **COMMON)
MINE = Layer(
    name="Mine",
    builds={"two features": lambda cls: cls(3, 2), "one feature": lambda cls: cls(3, 1)},
    shapes=((4, 3), (1, 3)),
    **COMMON,
)
MINE_INIT = method(
    "__init__(self, n_in, n_out)",
    'super().__init__()\nself.params = {"weight": torch.linspace(-1, 1, n_in * n_out).reshape(n_in, n_out)}\n'
    'self.grad = {"weight": torch.zeros(n_in, n_out)}',
)
MINE_FORWARD = "self.x = input\nreturn input @ self.params['weight']"
MINE_BACK = "self.grad['weight'] += self.x.T @ grad_output\nreturn grad_output @ self.params['weight'].T"


def squared(input, target):
    return ((input - target) ** 2).sum()


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape) + shape[0]), dtype=torch.float64)


SQUARE = Loss(
    name="Square",
    builds={"": (lambda cls: cls(), squared)},
    pairs=lambda: [(drawn(4, 3), drawn(4, 3) + 1), (drawn(1, 3), drawn(1, 3) + 1)],
    ends=lambda: [(torch.tensor([[100.0, -100.0]]), torch.tensor([[-30.0, 0.0]]))],
    refused=(((4, 3), (4, 1)), ((4, 3), (12,))),
    **COMMON,
)
FITS = "if input.shape != target.shape:\n    raise ValueError('shapes')\n"
ERROR = FITS + "self.e = input - target\nreturn (self.e**2).sum()"
DOWN = Optimizer(
    name="Down",
    settings={"lr = 0.1": {"lr": 0.1}, "lr = 0.02": {"lr": 0.02}},
    reference=lambda leaves, lr: torch.optim.SGD(leaves, lr),
    **COMMON,
)
DOWN_INIT = method("__init__(self, model, lr)", "self.model, self.lr = model, lr")
X, W, G = matrices("X (n x in), W (in x out), G (n x out)")
WEIGHT = Claim(
    name="claim",
    statement=lambda: {"forward": X @ W, "wrt": W, "upstream": G},
    slips={"claim = G.T @ X": "rows and columns are exchanged."},
    **{
        **COMMON,
        "given": 'from minidl.lab.proof import matrices\nX, W, G = matrices("X (n x in), W (in x out), G (n x out)")',
    },
)
WARD = Diagnoses(
    name="found",
    expected={"Gate": "upstream as mask", "Fresh": "overwritten"},
    look={"Gate": "Look at its mask."},
    **COMMON,
)

UNTOUCHED = [
    (value(2), "a = ..."),
    (value([[1, 2], [3, 4]]), "a = [[1, 2], [..., 4]]"),
    (value({"n": 4}), "a = {'n': ...}"),
    (slope(), "def slope(y):\n    raise NotImplementedError"),
    (slope(), 'def slope(y):\n    """Return it."""'),
    (slope(), "def slope(y):\n    ..."),
    (BENT, layer("Bent", RAISE, RAISE)),
    (BENT, layer("Bent", '"""Later."""', "pass")),
    (MINE, layer("Mine", RAISE, RAISE, init=MINE_INIT)),
    (SQUARE, loss("Square", RAISE, RAISE)),
    (DOWN, optimizer("Down", DOWN_INIT, RAISE)),
    (WEIGHT, "claim = ..."),
    (WARD, "found = {'Gate': ..., 'Fresh': ...}"),
]

RIGHT = [
    (value(3.5), "a = 7 / 2"),
    (value(3.5), "a = 3.5004"),
    (value(3.5), "from fractions import Fraction\na = Fraction(7, 2)"),
    (value(3.5), "import sympy\na = sympy.Rational(7, 2)"),
    (value(True), "a = (torch.ones(3) == torch.ones(3)).all()"),
    (value(True), "import numpy\na = numpy.bool_(True)"),
    (value("Upstream as mask"), 'a = " upstream_as-mask. "'),
    (value((3, 2)), "a = torch.Size([3, 2])"),
    (value([[1, 2], [3, 4]]), "a = [torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])]"),
    (value([[1, 2], [3, 4]]), "import sympy\na = sympy.Matrix([[1, 2], [3, 4]])"),
    (value([[1, 2], [3, 4]]), "import numpy\na = (numpy.array([1, 2]), numpy.array([3, 4]))"),
    (value([[1, 2], [3, 4]]), "a = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)"),
    (value([(4, 3), (3, 2, 1)]), "a = ((4, 3), torch.Size([3, 2, 1]))"),
    (value({"n": 4, "m": 3}), "a = {'m': 3, 'n': 4.0}"),
    (slope(), "slope = lambda y: 1 - y**2"),
    (slope(), "def slope(y):\n    if y is None:\n        raise NotImplementedError\n    return (1 - y) * (1 + y)"),
    (BENT, layer("Bent", KEEP, BACK)),
    (BENT, layer("Bent", "if input.ndim < 1:\n    raise NotImplementedError\n" + KEEP, BACK)),
    (BENT, layer("Bent", KEEP, BACK).replace("(Module)", "")),
    (MINE, layer("Mine", MINE_FORWARD, MINE_BACK, init=MINE_INIT)),
    (SQUARE, loss("Square", ERROR, "return 2 * self.e")),
    (SQUARE, loss("Square", ERROR + ".item()", "return self.e + self.e")),
    (DOWN, optimizer("Down", DOWN_INIT, "for p, g in self.model.parameters():\n    p -= self.lr * g")),
    (WEIGHT, "claim = (G.T @ X).T"),
    (WARD, "found = {'Gate': 'Upstream_as_mask.', 'Fresh': ' overwritten'}"),
]

WRONG = [
    (value(3.5), "a = -3.5", "sign"),
    (value(3.5), "a = 3.51", "3.51 is near"),
    (value(3.5), "a = 4", "4 is not it"),
    (value(3.5), "a = None", "it is None"),
    (value(3.5), "a = 'three'", "right kind"),
    (value(3.5), "a = True", "right kind"),
    (value(0), "a = 1e-6", "not it"),
    (value(79.51), "a = 79, 51", "Python reads 79, 51 as 2 numbers"),
    (value([1.9, 0.5]), "a = [1, 9, 0, 5]", "Decimals begin with a point"),
    (value(79.51), "a = 7.951", "it is a power of ten too small"),
    (value(790), "a = 7900", "it is a power of ten too large"),
    (value(0.36), "a = 0.6", "that is the root of what is asked for"),
    (value(0.36), "a = 1 / 0.36", "one divided by it"),
    (value([1, 2, 4]), "a = [4, 2, 1]", "back to front"),
    (value([1, 2, 4]), "a = [2, 1, 4]", "in another order"),
    (value([1, 2]), "a = ['1', '2']", "without quotation marks"),
    (value([1, 2]), "a = {1, 2}", "a set, which keeps no order"),
    (value([[1, 2], [3, 4]]), "a = [[1, 2], [3]]", "not equally long"),
    (value([64, 0.1]), "a = [64, 0.11]", "1 of 2 numbers is right; 0.11 (number 2) is not"),
    (value(True), "a = False", "False is not it"),
    (value("transposed"), 'a = "reshaped"', "'reshaped' is not it"),
    (value((3, 2)), "a = (2, 3)", "back to front"),
    (value([[1, 2], [3, 4]]), "a = [[1, 3], [2, 4]]", "transposed"),
    (
        value([[1, 2, 5], [3, 4, 6]]),
        "a = [[1, 3], [2, 4], [5, 6]]",
        "transposed: its shape is (3, 2), and should be (2, 3)",
    ),
    (value([[1, 2], [3, 4]]), "a = [[1, 2], [5, 4]]", "3 of 4 numbers are right; 5 (row 2, column 1) is not"),
    (value([[1, 2], [3, 4]]), "a = [1, 2, 3, 4]", "the numbers are right, the shape is not"),
    (value([[1, 2], [3, 4]]), "a = [[2, 4], [6, 8]]", "every number is 2 times what it should be"),
    (value([200.0, 1.0]), "a = [201.0, 1.0]", "is near"),
    (value([(4, 3), (3, 2, 1)]), "a = [(4, 3), (3, 2, 2)]", "number 2"),
    (value([(4, 3), (3, 2, 1)]), "a = (4, 3)", "number 1: its shape is ()"),
    (value([(4, 3), (3, 2, 1)]), "a = [(4, 3)]", "2 of them are asked for"),
    (value({"n": 4}), "a = {'n': 3}", "n: 3 is not it"),
    (value({"n": 4}), "a = {'m': 4}", "entries n"),
    (value(8, slips={"a = 4": "that is the slope alone."}), "a = 8 / 2", "that is the slope alone"),
    (slope(), "def slope(y):\n    return y**2 - 1", "sign"),
    (slope(), "def slope(y):\n    y = 1 - y**2", "is a return missing?"),
    (slope(), "def slope(y):\n    return 0.75", "for slope(2.0)"),
    (slope(), "def slope(y):\n    return 1 - yy**2", "Is that name spelt as where it is made; do you mean y?"),
    (slope(), "def slope(y):\n    return 1 - Y**2", "Capitals and small letters are different; do you mean y?"),
    (slope(), "def slope(y):\n    return 1 - y^2", "** for it"),
    (slope(), "slope = 3", "should be a function"),
    (slope(), "x = torch.ones(1)\ndef slope(y):\n    return 1 - x * x", "for slope(0.5)"),
    (slope(slips={"def slope(y):\n    return y": "that is y."}), "slope = lambda y: y + 0", "that is y."),
    (slope(not_yours=("tanh",)), "def slope(y):\n    return torch.tanh(y)", "torch's own tanh"),
    (
        slope(lambda y: 2 * y, ((torch.ones(2),),)),
        "def slope(y):\n    return y.mul_(2)",
        "changes its argument 1",
    ),
    (BENT, layer("Bent", KEEP, RAISE), "backward is still to be written"),
    (BENT, layer("Bent", RAISE, BACK), "NotImplementedError"),
    (BENT, layer("Bent", KEEP, BACK + " + 1"), "where nothing arrives"),
    (BENT, layer("Bent", KEEP, BACK + " * grad_output"), "the message is multiplied by itself"),
    (BENT, layer("Bent", KEEP, BACK.replace("self.x", "self.x[:1]")), "backward mixes the entries"),
    (BENT, layer("Bent", KEEP, "return torch.where(self.x > 0, 1, 0.3) * grad_output"), "0.3"),
    (BENT, layer("Bent", KEEP, "return torch.where(grad_output > 0, 1, 0.2) * grad_output"), "upstream as mask"),
    (BENT, layer("Bent", KEEP, "torch.where(self.x > 0, 1, 0.2) * grad_output"), "backward of Bent returns nothing"),
    (BENT, layer("Bent", KEEP, "return torch.where(input > 0, 1, 0.2) * grad_output"), "the notebook's `input`"),
    (BENT, layer("Bent", KEEP.replace("self.x", "self.y"), BACK), "has to say self.x = ... first"),
    (BENT, layer("Bent", KEEP, BACK.replace("0.2)", "0.2).reshape(4, 3)")), "1 sample"),
    (BENT, layer("Bent", KEEP, BACK.replace("self.x", "self.x.squeeze()")), "1 feature"),
    (
        BENT,
        layer("Bent", "self.x = input\nreturn torch.where(input > 0, input.clamp(max=50), 0.2 * input)", BACK),
        "x = 100",
    ),
    (BENT, layer("Bent", "self.x = inptu\nreturn inptu", BACK), "do you mean input?"),
    (
        BENT,
        layer("Bent", KEEP, "return torch.autograd.grad(self.y, self.x, grad_output)[0]"),
        "leaves the gradient to torch",
    ),
    (
        BENT,
        "class Bent:\n    def forward(input):\n        return input\n    def backward(self, g):\n        return g",
        "self missing",
    ),
    (BENT, "class Bent(Linear):\n    pass", "its forward is minidl's own; write yours"),
    (BENT, "Bent = Linear(3, 2)", "it should be a class"),
    (
        dataclasses.replace(BENT, not_yours=("leaky_relu",)),
        layer("Bent", "return torch.nn.functional.leaky_relu(input, 0.2)", BACK),
        "own leaky_relu",
    ),
    (dataclasses.replace(BENT, also=lambda cls: "no repr."), layer("Bent", KEEP, BACK), "no repr."),
    (MINE, layer("Mine", MINE_FORWARD, MINE_BACK.replace("+=", "+= 0.5 *"), init=MINE_INIT), "two features, Mine"),
    (
        MINE,
        layer(
            "Mine",
            "self.inner = Linear(3, 2)\nreturn self.inner(input)",
            "return self.inner.backward(grad_output)",
            init=MINE_INIT,
        ),
        "minidl's own Linear",
    ),
    (SQUARE, loss("Square", ERROR, "return self.e"), "factor 1/2"),
    (SQUARE, loss("Square", ERROR, "return 2 * self.e.clamp(-50, 50)"), "backward returns 100 in row 1, column 1"),
    (SQUARE, loss("Square", ERROR.replace(".sum()", ""), "return 2 * self.e"), "is a sum missing?"),
    (
        SQUARE,
        loss("Square", ERROR.replace("raise ", ""), "return 2 * self.e"),
        "makes a ValueError, and does not raise it",
    ),
    (BENT, layer("Bent", KEEP, "return grad_output * self.x > 0"), "Python multiplies before it compares"),
    (WEIGHT, "claim = X.T @ G * G.sum() > 0", "Python multiplies before it compares"),
    (SQUARE, loss("Square", ERROR.replace("raise", "return"), "return 2 * self.e"), "write raise, not return"),
    (
        SQUARE,
        loss("Square", ERROR.replace("input.shape != target.shape", "input.ndim != target.ndim"), "return 2 * self.e"),
        "should raise ValueError, and returns",
    ),
    (
        SQUARE,
        loss("Square", ERROR.replace("raise ValueError('shapes')", "return None"), "return 2 * self.e"),
        "should raise ValueError, and returns None",
    ),
    (
        SQUARE,
        loss("Square", ERROR, "return 2 * self.e").replace("backward(self)", "backward(self, grad)"),
        "backward asks for grad",
    ),
    (SQUARE, loss("Square", ERROR, "return 2 * (input - target)"), "the notebook's `input`"),
    (DOWN, optimizer("Down", DOWN_INIT, "for p, g in self.model.parameters():\n    p += self.lr * g"), "uphill"),
    (
        DOWN,
        optimizer("Down", DOWN_INIT, "for p, g in self.model.parameters():\n    p -= 0.1 * g"),
        "learning rate unused",
    ),
    (
        DOWN,
        optimizer("Down", DOWN_INIT, "for p, g in self.model.parameters():\n    p -= self.lr * g\n    g.zero_()"),
        "gradient",
    ),
    (DOWN, optimizer("Down", DOWN_INIT, "torch.optim.SGD(list(self.model), self.lr).step()"), "torch's own"),
    (WEIGHT, "claim = G.T @ X", "rows and columns are exchanged"),
    (WEIGHT, "claim = X.T @ G / 2", "2 times too small"),
    (
        WEIGHT,
        "(Z,) = matrices('Z (n x in)')\nclaim = Z.T @ G",
        "nothing says what Z is: write what you mean with X, W, G",
    ),
    (WEIGHT, "claim = 'X.T @ G'", "should be a formula"),
    (WEIGHT, "claim = True", "should be a formula"),
    (
        WARD,
        "found = {'Gate': 'wrong', 'Fresh': 'overwritten'}",
        "1 of 2 is right.\nGate: 'wrong' is not it. Look at its mask.",
    ),
    (WARD, "found = {'Gate': 'overwritten'}", "entries Gate, Fresh"),
]


def reply(asked, code):
    return asked.reply(run(asked.name, code, asked.given))


@pytest.mark.parametrize(("asked", "code"), UNTOUCHED)
def test_an_untouched_stub_is_not_done_yet(asked, code):
    said = reply(asked, code)
    assert said.status == "not done"
    assert str(said).startswith(f"Not done yet ({asked.name})")
    assert not said


@pytest.mark.parametrize(("asked", "code"), RIGHT)
def test_a_right_answer_is_told_what_was_judged(asked, code):
    said = reply(asked, code)
    assert str(said).startswith(f"Right! {asked.name}: "), said
    assert said


@pytest.mark.parametrize(("asked", "code", "words"), WRONG)
def test_a_wrong_answer_gets_the_reason_and_the_hint(asked, code, words):
    said = reply(asked, code)
    assert said.status == "wrong", said
    assert str(said).startswith(f"Not right yet ({asked.name}): ")
    assert words in str(said)
    assert str(said).endswith(asked.hint)
    assert not said


def test_a_wrong_number_is_not_corrected():
    said = reply(value(7.25), "a = 7.5")
    assert "7.25" not in str(said) + said._repr_html_()


def test_what_never_comes_back_is_given_up(monkeypatch):
    monkeypatch.setattr("minidl.lab.exercises.kinds.calling.TIME_LIMIT", 0.2)
    said = reply(slope(), "def slope(y):\n    while True:\n        pass")
    assert said.status == "wrong"
    assert "does not come back" in str(said)


def test_what_a_student_prints_stays_away(capsys):
    assert reply(slope(), "def slope(y):\n    print('here')\n    return 1 - y**2")
    assert capsys.readouterr().out == ""


def test_jupyter_shows_the_reply_and_what_was_measured():
    shown = reply(BENT, layer("Bent", KEEP, "return 2 * torch.where(self.x > 0, 1, 0.2) * grad_output"))._repr_html_()
    assert "Not right yet" in shown
    assert "expected" in shown.partition("<details>")[2]
    assert "&lt;" in reply(value("b"), 'a = "<b>"')._repr_html_()


def test_what_was_measured_does_not_say_that_it_has_no_name_where_the_reply_names_it():
    code = layer("Bent", KEEP, "return torch.where(self.x > 0, 1, 0.3) * grad_output")
    named = reply(dataclasses.replace(BENT, slips={code: "steeper than forward."}), code)
    for said in (named, reply(BENT, code)):
        assert "expected" in said._repr_html_()
        assert "no name" not in said._repr_html_()


def test_a_name_that_only_ipython_has_is_not_what_was_meant():
    with pytest.raises(NameError) as caught:
        exec("n + 1", {"In": [], "_n": 3})
    assert "do you mean" not in explain(caught.value, "the cell")


CELL = """
from minidl import ReLU, Tanh
from minidl.lab.proof import define, matrices, ones, scalars
(x, n), w = scalars("x, n"), 3.0
X, W, G = matrices("X (n x in), W (in x out), G (n x out)")
"""


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("G @ W^T", "a transpose is written with a dot: W.T"),
        ("(G @ W)^T", "a transpose is written with a dot: (...).T"),
        ("G @ W.T()", ".T is written without brackets behind it."),
        ("G (W.T)", "Python multiplies only where a * stands."),
        ("(1 - X)(1 + X)", "Python multiplies only where a * stands."),
        ("ones(n).T @ G", 'in quotation marks: ones("n"), got the formula n'),
        ("ones.T @ G", 'ones is a function: first come its brackets, with a size in them, such as "n".'),
        ("X.relu.T @ G", "relu is a function: first come its brackets."),
        ("G * X.relu", "got method: are brackets, (), missing behind its name?"),
        ("relu(X)", "It is written with a dot, behind what it is taken of: X.relu()."),
        ("tanh(2 * X)", "behind what it is taken of: (...).tanh()."),
        ("Tanh(X)", "Tanh makes a layer. The function of that name is written with a dot: X.tanh()."),
        ("ReLU(X + X)", "is written with a dot: (...).relu()."),
        ("G @ w.T", "The small w comes from an earlier cell; the matrix here is W, with a capital letter."),
        ("G @ x", "the matrix here is X, with a capital letter."),
        ("u / W", "Nothing has made it. Of matrices there are G, W, X."),
        ("[[1, 2] [3, 4]]", "Is a comma missing between two lists, such as two rows?"),
        ("1 - |X|", "Python does not know |...|: write .abs() for it."),
    ],
)
def test_what_is_written_as_on_paper_is_told_how_python_writes_it(code, words):
    known = {}
    exec(CELL, known)
    linecache.cache["paper"] = (0, None, [f"claim = {code}"], "paper")
    with (
        warnings.catch_warnings(action="ignore"),  # Python's own, about such code
        pytest.raises((TypeError, ValueError, NameError, AttributeError, SyntaxError)) as caught,
    ):
        exec(compile(f"claim = {code}", "paper", "exec"), known)
    assert words in explain(caught.value, "the cell")


def test_a_letter_that_the_cell_makes_itself_is_not_of_an_earlier_one():
    known = {}
    exec(CELL, known)
    code = "w = G.T\nclaim = w @ W"
    linecache.cache["own"] = (0, None, code.splitlines(keepends=True), "own")
    with pytest.raises(ValueError, match="equal sizes") as caught:
        exec(compile(code, "own", "exec"), known)
    assert "earlier cell" not in explain(caught.value, "the cell")


def test_a_part_of_a_name_is_not_taken_for_it():
    said = str(reply(BENT, layer("Bent", "return input", "return grad_output * (output > 0)")))
    assert "do you mean" not in said
    assert "What another method has is kept on self, or is gone." in said


def test_a_claim_that_is_judged_by_no_statement_is_not_told_how_its_message_stands():
    small = 'from minidl.lab.proof import scalars\n(y,) = scalars("w")\nclaim = (X.T @ G) * y'
    said = str(reply(WEIGHT, small))
    assert "the small w in it comes from an earlier cell, where it is a single number. The matrix here is W" in said
    other = 'from minidl.lab.proof import matrices\n(v,) = matrices("X (in x out)")\nclaim = G.sum() * X.sum() * v'
    assert "-2 G" not in str(reply(WEIGHT, other))


def test_a_letter_of_ones_own_may_be_small():
    own = "from minidl.lab.proof import define\nw = define('w', X.T @ G)\nclaim = w"
    assert reply(WEIGHT, own)
    assert "earlier cell" not in str(reply(WEIGHT, own + " * 3"))


def test_a_right_claim_shows_its_derivation():
    assert "deltas pick" in reply(WEIGHT, "claim = X.T @ G")._repr_html_()


def test_a_section_that_comes_later_is_not_pointed_to():
    code = layer("Mine", MINE_FORWARD, MINE_BACK.replace("+= self", "= self"), init=MINE_INIT)
    assert "read:" in str(reply(dataclasses.replace(MINE, id="13 mine"), code))
    assert "read:" not in str(reply(MINE, code))


def test_check_takes_an_exercise_and_looks_where_it_is_called():
    a = 2
    assert check(value(2))
    a = 3
    assert not check(value(2)), a


def test_check_without_an_answer_says_what_to_run():
    said = check(value(2))
    assert said.status == "not done"
    assert "run the exercise's cell first" in str(said)


class TestPlayed:
    @pytest.fixture
    def asked(self):
        start = {"points": 40, "hidden": (3,), "batch_size": 10}
        return Played(name="a", start=start, epochs=2, free=("lr", "hidden"), parameters=30, **COMMON)

    def test_the_network_is_that_of_the_playground(self, asked):
        with precision(torch.float64):  # which is what notebooks compute in, and exercises
            play = playground(points=40, hidden=(3,), batch_size=10, lr=0.02)
        play.epoch(2)
        right = play.history.accuracy.iloc[-1]
        said = str(asked.reply(run("a", "a = {'lr': 0.02}", "")))
        assert f"{right:.1%} of the test points are right after 2 epochs (a network of 17 parameters)" in said
        over = dataclasses.replace(asked, least=right + 0.001)
        assert "is the goal" in str(over.reply(run("a", "a = {'lr': 0.02}", "")))
        under = dataclasses.replace(asked, most=right - 0.001)
        assert "it still learns" in str(under.reply(run("a", "a = {'lr': 0.02}", "")))

    @pytest.mark.parametrize(
        "code",
        [
            "a = {'lr': -1}",
            "a = {'data': 'moons'}",
            "a = {'rate': 1}",
            "a = 0.1",
            "a = {'hidden': (9,)}",
            "a = {'hidden': (3)}",
        ],
    )
    def test_what_was_not_trained_gets_no_hint_about_trainings(self, asked, code):
        asked = dataclasses.replace(asked, hint="Look at the curves.", least=1.0)
        assert "curves" not in str(asked.reply(run("a", code, "")))
        assert str(asked.reply(run("a", "a = {'lr': 0.02}", ""))).endswith("Look at the curves.")

    @pytest.mark.parametrize(
        ("code", "words"), [("a = ...", "replace the dots"), ("a = [..., ...]", "replace the dots")]
    )
    def test_dots_are_not_done_yet(self, asked, code, words):
        assert words in str(asked.reply(run("a", code, "")))
