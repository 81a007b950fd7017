"""Exercises of 05_sigmoid: the slope from the output, a layer that survives every input, quarters, and SiLU."""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from minidl import Sigmoid
from minidl.lab.exercises.answer import uses
from minidl.lab.exercises.kinds import Claim, Layer, Value
from minidl.lab.exercises.kinds.claim import in_floats, with_input
from minidl.lab.exercises.kinds.writing import layer, method, slope_misused
from minidl.lab.proof import define, matrices
from minidl.lab.proof.formula import Formula

GIVEN = "import torch\nfrom minidl import Linear, Module, Sequential, Sigmoid, Tanh"
SYMBOLS = 'X, G = matrices("X (n x m), G (n x m)")\nY = define("Y", X.sigmoid())'
KEPT = "self.output = input.sigmoid()\nreturn self.output"
BOTH = "self.input, self.output = input, input.sigmoid()\nreturn self.output"
SLOPE = "return grad_output * self.output * (1 - self.output)"
GATE = "self.input, self.gate = input, input.sigmoid()\nreturn input * self.gate"
PRODUCT = "return grad_output * (self.gate + self.input * self.gate * (1 - self.gate))"


def _statement() -> dict[str, Formula]:
    X, G = matrices("X (n x m), G (n x m)")
    return {"forward": define("Y", X.sigmoid()), "upstream": G, "wrt": X}


def _in_a_computer(claim: Formula) -> str:
    """Return what there is to say of a right claim that a layer had better not compute."""
    with_x = with_input(claim)
    said = [with_x] if with_x else []
    for x in (-1000.0, 1000.0):
        input = torch.tensor([[x]], dtype=torch.float32)
        if bool(in_floats(claim, {"X": input, "Y": input.sigmoid(), "G": torch.ones_like(input)}).isnan()):
            y, below = ("0", "y") if x < 0 else ("1", "1 - y")
            said.append(
                f"Where y is {y} in the computer, as at x = {x:g}, this form gives nan."
                + ("" if with_x else f" Multiply it out, and nothing is divided by {below} any more.")
            )
    return " ".join(said)


def _sigmoid(forward: str, backward: str, init: str = "") -> str:
    return layer("MySigmoid", forward, backward, init)


def _by_luck(cls: type) -> str:
    """Return a sentence on a right answer in which e^100 becomes inf on the way."""
    watch = _Infinities()
    with watch:
        layer = cls()
        layer.forward(torch.tensor([[-100.0, 100.0]], dtype=torch.float32))
        layer.backward(torch.ones(1, 2, dtype=torch.float32))
    return (
        "On the way e^100 becomes inf in float32, and what you make of it happens to be right: it survives, by luck."
        + (" (torch.where works out both pieces for every x, and then picks.)" if uses(cls, {"where"}) else "")
        if watch.seen
        else ""
    )


def _two_inputs(cls: type) -> str:
    """Return the answer to the question that the exercise asks, after what there is to say of luck."""
    enough = "Is the output enough? Alone it is not: two inputs share one, and the curve falls at one and rises at the other."
    return " ".join(filter(None, (_by_luck(cls), enough)))


class _Infinities(TorchFunctionMode):
    """Sees whether something that torch returns is infinite."""

    seen = False

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.is_floating_point() and bool(result.detach().isinf().any()):
            self.seen = True
        return result


def _silu(forward: str, backward: str, init: str = "") -> str:
    return layer("SiLU", forward, backward, init)


EXERCISES = [
    Claim(
        id="05 claim",
        name="claim_sigmoid",
        asks="dL/dX of the logistic sigmoid, as a formula of Y and G.",
        statement=_statement,
        remark=_in_a_computer,
        points=2,
        hint="One number first: y = 1/v. Write down v', then what the reciprocal rule makes of it, and only then use y.",
        given=f"from minidl.lab.proof import define, matrices, ones, scalars\n{SYMBOLS}",
        solution=f"{SYMBOLS}\nclaim_sigmoid = G * Y * (1 - Y)",
        right=(
            "claim_sigmoid = G * (Y - Y**2)",
            "claim_sigmoid = (1 - Y) * Y * G",
            "claim_sigmoid = G * X.sigmoid() * (1 - X.sigmoid())",
            "claim_sigmoid = G * (-X).exp() * Y**2",
            "claim_sigmoid = G * (-X).exp() / (1 + (-X).exp()) ** 2",
            "claim_sigmoid = G * X.exp() / (1 + X.exp()) ** 2",
            "claim_sigmoid = G * X.sigmoid() * (-X).sigmoid()",
            "slope = Y * (1 - Y)\nclaim_sigmoid = slope * G",
            "claim_sigmoid = G * (1 / Y - 1) * Y**2",
            "claim_sigmoid = G * Y * (1 - Y) ** 2 / (1 - Y)",
        ),
        slips={
            "claim_sigmoid = Y * (1 - Y)": "that is a slope by itself. What arrives, G, is multiplied by it.",
            "claim_sigmoid = -G * Y * (1 - Y)": (
                "the sign is the wrong way round: so the sigmoid would fall. There are two minus signs, one of 1/v "
                "and one of v'."
            ),
            "claim_sigmoid = -G * Y * Y": "that is -1/v^2 alone. By the chain rule it is multiplied by v', the "
            "derivative of what is below.",
            "claim_sigmoid = G * (1 / Y - 1)": (
                "v' is there, but for its sign, and the 1/v^2 of the reciprocal rule is not: at x = -5 this slope is 148."
            ),
            "claim_sigmoid = G * Y * Y": ("1/v^2 is there, and v' is not: the bottom has a derivative of its own."),
            "claim_sigmoid = -2 * G * X * Y * Y": "that is the bump's: there v' was 2x. Here v is another function.",
            "claim_sigmoid = G * (1 - Y * Y)": "that is tanh's slope. The sigmoid has one of its own.",
            "claim_sigmoid = G * (1 - Y)": (
                "at x = -5 this passes on almost everything, and the curve is flat there: part of the slope is missing."
            ),
            "claim_sigmoid = G * Y": (
                "at x = 5 this passes on almost everything, and the curve is flat there: part of the slope is missing."
            ),
            "claim_sigmoid = G * X * (1 - X)": (
                "at x = 2 this passes on -2 times what arrives, as if the sigmoid fell there: which of x and y is 1/v?"
            ),
            "claim_sigmoid = G * Y.sigmoid() * (1 - Y.sigmoid())": (
                "Y is the output already: this takes the sigmoid twice, a formula of the input applied to the output."
            ),
            "claim_sigmoid = G.sigmoid()": "this puts the message through the sigmoid; it is to be multiplied by "
            "the slope at X.",
            "claim_sigmoid = G / (Y * (1 - Y))": "what arrives is divided by the slope; it should be multiplied.",
            "claim_sigmoid = G + Y * (1 - Y)": "the slope is added to what arrives; it should be multiplied.",
            "claim_sigmoid = X * Y * (1 - Y)": "X stands where the message should: what arrives is G.",
            "claim_sigmoid = G * Y * (Y - 1)": "the sign is the wrong way round: so the sigmoid would fall.",
            "claim_sigmoid = G / 4": "a quarter is the slope at x = 0 only.",
            "claim_sigmoid = G * Y * (1 + Y)": "a sign: this slope is largest where the curve is flat.",
            "claim_sigmoid = G * Y * Y * (1 - Y)": "y stands in it once too often: at x = 0 the slope would be an eighth.",
        },
        wrong={
            "claim_sigmoid = 2 * G * Y * (1 - Y)": "2 times too large",
            "claim_sigmoid = G": "differs in more than one place",
            "claim_sigmoid = G @ (Y * (1 - Y)).T": "expected the shape of X",
            "claim_sigmoid = (G * Y * (1 - Y)).sum()": "expected the shape of X",
            "claim_sigmoid = 'G * Y * (1 - Y)'": "formula made of the symbols",
            "claim_sigmoid = False": "formula made of the symbols",
            "claim_sigmoid = 0.25": "expected the shape of X",
            "claim_sigmoid = None": "formula made of the symbols",
            "claim_sigmoid = G * (1 - Y) / Y": "1/v^2 of the reciprocal rule",
            "claim_sigmoid = G.sum() * Y * (1 - Y)": "The claim",
        },
    ),
    Layer(
        id="05 layer",
        name="MySigmoid",
        asks="The sigmoid as a layer, right for every x from -100 to 100 in float32.",
        reference=torch.sigmoid,
        ours=Sigmoid,
        not_yours=("sigmoid_backward",),
        remark=_by_luck,
        points=3,
        hint="For forward: which of the four ways survive every input, and keep small outputs? For backward: the formula that "
        "the prover has accepted, multiplied out, so that nothing is divided by y.",
        given=GIVEN,
        solution=_sigmoid("self.output = torch.sigmoid(input)\nreturn self.output", SLOPE),
        right=(
            _sigmoid("self.y = 1 / (1 + (-input).exp())\nreturn self.y", "return self.y * (1 - self.y) * grad_output"),
            _sigmoid(
                "self.y = (-(-input).relu()).exp() / (1 + (-input.abs()).exp())\nreturn self.y",
                "return grad_output * (self.y - self.y**2)",
            ),
            _sigmoid(
                "e = (-input.abs()).exp()\nself.output = torch.where(input >= 0, 1 / (1 + e), e / (1 + e))\nreturn self.output",
                "return torch.mul(grad_output, self.output * (1 - self.output))",
            ),
            _sigmoid(
                "self.input = input\nreturn torch.sigmoid(input)",
                "return grad_output * torch.sigmoid(self.input) * torch.sigmoid(-self.input)",
            ),
            _sigmoid(
                "y = torch.special.expit(input)\nself.slope = y * (1 - y)\nreturn y", "return grad_output * self.slope"
            ),
            layer("MySigmoid", KEPT, SLOPE, init=method("__init__(self)", "super().__init__()\nself.output = None")),
        ),
        slips={
            _sigmoid("self.output = 1 / (1 + (-input.clamp(-10, 10)).exp())\nreturn self.output", SLOPE): (
                "forward cuts its input off at -10 and 10: it returns the same at x = -30 as at -100, and the sigmoid is much "
                "smaller there, and not the same at both."
            ),
            _sigmoid("e = input.exp()\nself.output = (e / (1 + e)).nan_to_num()\nreturn self.output", SLOPE): (
                "at x = 100, forward gives 0, and the sigmoid is nearly 1 there. In float32 e^100 is inf, and inf / "
                "inf is no number: has something been put in its place?"
            ),
            _sigmoid("self.output = input.sigmoid().round(decimals=4)\nreturn self.output", SLOPE): (
                "forward rounds its output: at x = -30 it returns 0."
            ),
            _sigmoid("self.output = input.sigmoid().clamp(1e-7, 1 - 1e-7)\nreturn self.output", SLOPE): (
                "forward cuts its output off: at x = -30 it returns 1e-7, which is much too large."
            ),
            _sigmoid(KEPT, "return grad_output * (1 - self.output) ** 2"): (
                "backward multiplies by 1 - y twice. At x = -6, where the curve is flat, it passes on almost everything."
            ),
            _sigmoid(KEPT, "return grad_output * self.output / (1 - self.output)"): (
                "backward divides where it should multiply: at x = 6 your slope is 400."
            ),
            _sigmoid(KEPT, "return grad_output * self.output**2 * (1 - self.output)"): (
                "y stands in the slope once too often: at x = 0 it is an eighth."
            ),
            _sigmoid(BOTH, "return grad_output * self.output * (1 - self.input)"): (
                "in the bracket stands the input: at x = 2 your slope is negative, as if the curve fell there."
            ),
            _sigmoid(KEPT, "return grad_output * (1 - 2 * self.output)"): (
                "that is how y (1 - y) changes with y, and not how y changes with x: your slope is 0 at x = 0."
            ),
            _sigmoid(
                "self.output = (input > 0) * 1.0\nreturn self.output", SLOPE
            ): "forward jumps from 0 to 1; the sigmoid rises smoothly.",
            _sigmoid("self.output = torch.softmax(input, 1)\nreturn self.output", SLOPE): (
                "forward takes the softmax of each row; the sigmoid looks at each number alone."
            ),
            **slope_misused("MySigmoid", KEPT, "self.output * (1 - self.output)"),
            _sigmoid(KEPT, "return grad_output * self.output * 1 - self.output"): (
                "in backward, brackets are missing: 1 is multiplied, and then the output is taken away."
            ),
            _sigmoid(KEPT, "return self.output"): "backward returns the output of forward once more.",
            _sigmoid("self.output = input.sigmoid()\nreturn input", SLOPE): "forward returns its input as it was.",
            _sigmoid(KEPT, "return grad_output * self.output * self.output"): (
                "backward multiplies by y twice. At x = 6, where the curve is flat, it passes on almost everything."
            ),
            _sigmoid(KEPT, "return grad_output * self.output * (1 + self.output)"): (
                "look at the sign in the bracket: at x = 6, where the curve is flat, your slope is 2."
            ),
            _sigmoid("self.output = input.exp() / (1 + input.exp())\nreturn self.output", SLOPE): (
                "at x = 100, forward gives nan: e^100 is too large for float32 and becomes inf, and inf / "
                "inf has no value."
            ),
            _sigmoid("self.output = (1 + (input / 2).tanh()) / 2\nreturn self.output", SLOPE): (
                "at x = -30, forward gives 0 where 9e-14 is right: 1 + tanh(-15) loses all its digits. That was "
                "the way by tanh."
            ),
            _sigmoid("self.output = 1 / (1 + input.exp())\nreturn self.output", SLOPE): (
                "forward falls where it should rise: look at the sign in the exponent."
            ),
            _sigmoid("self.output = 1 / (1 - (-input).exp())\nreturn self.output", SLOPE): (
                "forward divides by 0 at x = 0: look at the sign in the bottom."
            ),
            _sigmoid("self.output = 1 / 1 + (-input).exp()\nreturn self.output", SLOPE): (
                "in forward, brackets are missing: 1 / 1 + ... divides by 1 first."
            ),
            _sigmoid(
                "self.output = input.tanh()\nreturn self.output", SLOPE
            ): "forward is tanh, from -1 to 1; asked is the sigmoid.",
            _sigmoid(KEPT, "return self.output * (1 - self.output)"): (
                "backward returns a slope alone. What arrives is multiplied by it."
            ),
            _sigmoid(BOTH, "return grad_output * self.input * (1 - self.input)"): (
                "at x = 2 backward takes the slope to be -2, as if the curve fell there: it is given the input."
            ),
            _sigmoid(KEPT, "s = self.output.sigmoid()\nreturn grad_output * s * (1 - s)"): (
                "what forward returned is the sigmoid of x already, so that backward takes it twice: a formula of the input, "
                "applied to the output."
            ),
            _sigmoid(
                KEPT, "return grad_output * (1 - self.output**2)"
            ): "that is tanh's slope; which formula has the prover accepted here?",
            _sigmoid(KEPT, "return -grad_output * self.output * (1 - self.output)"): (
                "the sign of the slope is the wrong way round: the sigmoid rises."
            ),
            _sigmoid(
                KEPT, "return grad_output * self.output"
            ): "backward multiplies by the sigmoid itself; it should be by its slope.",
            _sigmoid(KEPT, "return grad_output * (1 - self.output)"): (
                "at x = -6 backward passes on almost everything, and the curve is flat there: part of the slope is missing."
            ),
            _sigmoid(KEPT, "return grad_output.sigmoid()"): (
                "backward puts the message through the sigmoid. It is to be multiplied by the slope at the x of forward."
            ),
            _sigmoid(
                KEPT, "return grad_output"
            ): "backward passes on what arrives as it is; it has to be multiplied by the slope.",
            _sigmoid(KEPT, "return grad_output * grad_output * (1 - grad_output)"): (
                "the slope is taken at grad_output; it belongs to what forward has seen."
            ),
            _sigmoid(KEPT, "return grad_output / 4"): "a quarter is the slope at x = 0 only.",
            _sigmoid(
                "self.input = input\nreturn input.sigmoid()",
                "e = (-self.input).exp()\nreturn grad_output * e / (1 + e) ** 2",
            ): (
                "the formula is right on paper; but at x = -100 in float32 e^100 is inf, and what comes of it is nan. "
                "Only the output is never too large."
            ),
        },
        wrong={
            _sigmoid(KEPT, "return grad_output * self.output**2 * (1 / self.output - 1)"): "something is divided by 0",
            _sigmoid(
                "self.output = 1 / (1 + (-input).exp())\nreturn self.output",
                "return grad_output * self.output**2 * (1 / self.output - 1)",
            ): "something is divided by 0",
            _sigmoid("return input.sigmoid()", SLOPE): "self.output = ... first",
            _sigmoid(KEPT, "return grad_output * output * (1 - output)"): "write self.output",
            _sigmoid("self.output = input.sigmoid()", SLOPE): "forward of MySigmoid returns nothing",
            _sigmoid(KEPT, "grad_output * self.output * (1 - self.output)"): "backward of MySigmoid returns nothing",
            _sigmoid(KEPT, "raise NotImplementedError"): "backward is still to be written",
            _sigmoid(KEPT, "return grad_output @ (self.output * (1 - self.output))"): "@ multiplies matrices",
            _sigmoid(KEPT, "return (grad_output * self.output * (1 - self.output)).sum()"): "single number",
            _sigmoid(KEPT, SLOPE + " / len(self.output)"): "factor 1/n",
            _sigmoid(KEPT, "return grad_output * (1 / self.output - 1) * self.output**2"): "Rewrite the formula.\n",
            _sigmoid(
                "self.y = input.sigmoid()\nreturn self.y", "s = self.y.sigmoid()\nreturn grad_output * s * (1 - s)"
            ): ("what forward returned is the sigmoid of x already"),
            _sigmoid("self.output = input.sigmoid_()\nreturn self.output", SLOPE): "writes",
            _sigmoid("self.output = input.sigmoid\nreturn self.output", SLOPE): "are brackets, (), missing",
            _sigmoid("self.output = 1 / (1 + torch.exp(-inputs))\nreturn self.output", SLOPE): "do you mean input?",
            _sigmoid(
                "self.output = 1 / (1 + exp(-input))\nreturn self.output", SLOPE
            ): "torch has a function of that name: torch.exp.",
            _sigmoid(
                "import math\nself.output = 1 / (1 + math.exp(-input))\nreturn self.output", SLOPE
            ): "A function of math",
            _sigmoid("self.output = float(1 / (1 + (-input).exp()))\nreturn self.output", SLOPE): "takes one number",
            _sigmoid(
                "self.inner = Sigmoid()\nreturn self.inner(input)", "return self.inner.backward(grad_output)"
            ): "minidl's own Sigmoid",
            _sigmoid(
                "self.input = input.detach().requires_grad_()\nreturn self.input.sigmoid()",
                "y = self.input.sigmoid()\ny.backward(grad_output)\nreturn self.input.grad",
            ): "leaves the gradient to torch",
            _sigmoid("self.output = input.clamp(-20, 20).sigmoid()\nreturn self.output", SLOPE): (
                "It is what forward returns at x = -100 too: is the input, or the output, cut off?"
            ),
            _sigmoid(
                "self.output = torch.sigmoid(input.double())\nreturn self.output", SLOPE
            ): "float64, though float32 went in",
            _sigmoid(
                "self.output = input.sigmoid().round(decimals=5)\nreturn self.output", SLOPE
            ): "Is something rounded",
            _sigmoid(
                "self.output = input.sigmoid() - input.mean()\nreturn self.output", SLOPE
            ): "forward mixes the entries",
            _sigmoid(KEPT, "return grad_output * self.output * (1 - self.output) + 0.1"): "where nothing arrives",
            _sigmoid(KEPT, "return grad_output * self.output * (1 - self.output[:1])"): "backward mixes the entries",
            "class MySigmoid(Sigmoid):\n    pass": "minidl's own",
            "MySigmoid = torch.sigmoid": "it should be a class",
        },
    ),
    Value(
        id="05 sigmoids",
        name="sigmoids",
        asks="From how many Sigmoids on no more than a thousandth of a gradient is certainly left.",
        expected=lambda: next(k for k in range(99) if 0.25**k <= 0.001),
        tolerance=1e-6,
        counts="Sigmoids",
        hint="Write down how much is left at most after one, after two, after three.",
        given="import math",
        remark=lambda value: "4^5 = 1024: five quarters, multiplied, are less than a thousandth.",
        solution="sigmoids = 5",
        right=(
            "sigmoids = 5.0",
            "sigmoids = math.ceil(math.log(1000) / math.log(4))",
            "sigmoids = next(k for k in range(20) if 0.25**k <= 1 / 1000)",
            "left, sigmoids = 1, 0\nwhile left > 0.001:\n    left /= 4\n    sigmoids += 1",
            "import torch\nsigmoids = torch.tensor(5)",
        ),
        slips={
            "sigmoids = 10": "that many halves are a thousandth. How large is the slope at most?",
            "sigmoids = 4": "after that many up to 1/256 may be left, which is more than a thousandth.",
            "sigmoids = 3": "after that many up to 1/64 may be left, which is more than a thousandth.",
            "sigmoids = 6": "that is enough; but is it the smallest number that is?",
            "sigmoids = math.log(1000) / math.log(4)": "Sigmoids come in whole numbers: from which one on is it certain?",
            "sigmoids = 4.98": "four are too few; and is a part of a Sigmoid a Sigmoid?",
            "sigmoids = 9.97": "that many halves are a thousandth, not quarters; and there are no parts of Sigmoids.",
            "sigmoids = 250": "what is left is multiplied by a quarter each time; a quarter of a thousand is something else.",
            "sigmoids = 1000": "what is left is multiplied each time, and becomes small much sooner.",
            "sigmoids = 0.25**5": "that is how much is left. Asked is after how many.",
            "sigmoids = 1024": "that is by how much it has become smaller. Asked is after how many Sigmoids.",
            "sigmoids = math.log2(1000)": "that many halves are a thousandth, not quarters; and Sigmoids come in "
            "whole numbers.",
            "sigmoids = 9": "nine leave much less than a thousandth; the smallest number that is enough is asked for.",
            "sigmoids = 8": "eight leave much less than a thousandth; the smallest number that is enough is asked for.",
            "sigmoids = 100": "that is enough by far; but fewer are, too, and the smallest number is asked for.",
            "sigmoids = 0": "after none all is left.",
            "sigmoids = 0.001": "that is how much may be left. Asked is after how many.",
            "sigmoids = 0.25": "that is what one of them leaves at most. Asked is after how many.",
            "sigmoids = 7": "that is enough, and more than enough: the smallest number is asked for.",
            "sigmoids = 2": "after that many up to 1/16 may be left, which is more than a thousandth.",
            "sigmoids = 1": "after one up to a quarter may be left, which is more than a thousandth.",
        },
        wrong={
            "sigmoids = 5.004": "5.004 is no whole number, and Sigmoids are counted",
            "sigmoids = 4.983": "4.983 is no whole number, and Sigmoids are counted",
            "sigmoids = 4.5": "4.5 is no whole number, and Sigmoids are counted",
            "sigmoids = -5": "sign",
            "sigmoids = 20": "20 is not it",
            "sigmoids = None": "None",
            "sigmoids = 'five'": "right kind",
            "sigmoids = 4, 98": "as 2 numbers",
            "sigmoids = {'sigmoids': 4}": "dictionary",
            "sigmoids = [1, 2, 3]": "one number is asked for",
        },
    ),
    Layer(
        id="05 silu",
        name="SiLU",
        asks="A layer with y = x sigmoid(x), entry by entry, and its backward.",
        reference=torch.nn.functional.silu,
        smallest=1e-9,
        not_yours=("silu", "SiLU", "silu_backward"),
        remark=_two_inputs,
        building_blocks=("Sigmoid", "Tanh"),
        points=3,
        hint="Two factors contain x: nudge one while the other stays, then the other way round, and add.",
        given=GIVEN,
        solution=_silu(
            GATE,
            "slope = self.gate + self.input * self.gate * (1 - self.gate)\nreturn grad_output * slope",
        ),
        right=(
            _silu(
                "self.x, self.s = input, torch.sigmoid(input)\nreturn self.x * self.s",
                "return grad_output * self.s * (1 + self.x * (1 - self.s))",
            ),
            _silu(
                "self.gate = input.sigmoid()\nself.output = input * self.gate\nreturn self.output",
                "return grad_output * (self.output + self.gate * (1 - self.output))",
            ),
            _silu(
                "s = input.sigmoid()\nself.slope = s + input * s * (1 - s)\nreturn input * s",
                "return self.slope * grad_output",
            ),
            _silu(
                "self.input = input\nreturn input / (1 + (-input).exp())",
                "s = self.input.sigmoid()\nreturn grad_output * (s + self.input * (s - s**2))",
            ),
            _silu(
                "self.sigmoid = Sigmoid()\nself.input = input\nself.gate = self.sigmoid.forward(input)\nreturn "
                "input * self.gate",
                "return grad_output * self.gate + self.sigmoid.backward(grad_output * self.input)",
            ),
            _silu(
                "self.input = input.clone()\nself.gate = (1 + (input / 2).tanh()) / 2\nreturn input * self.gate",
                PRODUCT,
            ),
        ),
        slips={
            _silu(GATE, "return grad_output * (self.input + self.gate)"): (
                "each factor is added as it is: one of them has to be replaced by its slope in each term."
            ),
            _silu(GATE, "return grad_output * (1 + self.gate * (1 - self.gate))"): (
                "those are the slopes of the two factors, added; each is multiplied by the other factor first."
            ),
            _silu(GATE, "return grad_output * (self.gate + self.input * self.gate)"): (
                "in the second term stands the sigmoid itself; its slope belongs there."
            ),
            _silu(GATE, "return grad_output * (self.input + self.input * self.gate * (1 - self.gate))"): (
                "in the first term x has been nudged; what stays there is the other factor."
            ),
            _silu(GATE, "return self.input * (self.gate + self.input * self.gate * (1 - self.gate))"): (
                "the slope is multiplied by x, and not by what arrives."
            ),
            _silu(
                "self.output = input * input.sigmoid()\nreturn self.output",
                "s = self.output.sigmoid()\nreturn grad_output * s * (1 - s)",
            ): "that is the sigmoid's slope, and taken at the output. The product rule gives two terms, at the input.",
            _silu(
                "self.input, self.gate = input, input.sigmoid()\nreturn input / self.gate", PRODUCT
            ): "forward divides; it should multiply.",
            **slope_misused("SiLU", GATE, "(self.gate + self.input * self.gate * (1 - self.gate))"),
            _silu(GATE, "return self.gate"): "backward returns the gate; a slope is missing, and what arrives.",
            _silu(
                "self.input, self.gate = input, input.sigmoid()\nreturn input", PRODUCT
            ): "forward returns its input as it was.",
            _silu(GATE, "return grad_output * self.gate * (1 - self.gate)"): (
                "that is the slope of the sigmoid. x stands in front of it as well: the product rule gives two terms."
            ),
            _silu(GATE, "return grad_output * self.gate"): (
                "that is one term of the product rule: the sigmoid moves too, when x moves."
            ),
            _silu(GATE, "return grad_output * self.input * self.gate * (1 - self.gate)"): (
                "that is one term of the product rule: the x in front moves too."
            ),
            _silu(GATE, "return self.gate + self.input * self.gate * (1 - self.gate)"): (
                "backward returns the slope alone. What arrives is multiplied by it."
            ),
            _silu(GATE, "return grad_output * (1 + self.input * self.gate * (1 - self.gate))"): (
                "in the first term x has been nudged; but what it is multiplied by has gone."
            ),
            _silu(
                "self.s = input.sigmoid()\nself.y = input * self.s\nreturn self.y",
                "return grad_output * (self.s + self.y * self.s * (1 - self.s))",
            ): "in the second term the output y stands where the input x belongs.",
            _silu(
                "self.s = input.sigmoid()\nself.y = input * self.s\nreturn self.y",
                "return grad_output * (self.y + self.y * (1 - self.s))",
            ): "in the first term the output y stands, and what belongs there is the sigmoid alone.",
            _silu(
                "self.s = input.sigmoid()\nself.x, self.y = input, input * self.s\nreturn self.y",
                "return grad_output * (self.s + self.x * self.y * (1 - self.y))",
            ): (
                "in the second term y (1 - y) stands with the y of SiLU. The slope of the sigmoid is made of the sigmoid's own "
                "output."
            ),
            _silu(
                "self.s = input.sigmoid()\nself.x, self.y = input, input * self.s\nreturn self.y",
                "return grad_output * (self.s + self.x * (1 - self.y))",
            ): "in the second term 1 - y stands with the y of SiLU, and the slope of the sigmoid is not whole.",
            _silu(
                "self.s = input.sigmoid()\nself.x, self.y = input, input * self.s\nreturn self.y",
                "return grad_output * (self.s + self.x * self.s * (1 - self.y))",
            ): "in the second term 1 - y stands with the y of SiLU. Which output is the slope of the sigmoid made of?",
            _silu(GATE, "return grad_output * (self.gate + self.input * self.input * (1 - self.input))"): (
                "in the second term x (1 - x) stands: a formula of the sigmoid's output, applied to the input."
            ),
            _silu(GATE, "return grad_output * (self.gate + self.gate * (1 - self.gate))"): (
                "in the second term the x in front has gone."
            ),
            _silu(GATE, "return grad_output * (self.gate + self.input * (1 - self.gate))"): (
                "in the second term the slope of the sigmoid is not whole."
            ),
            _silu(GATE, "return grad_output * (self.gate - self.input * self.gate * (1 - self.gate))"): (
                "both terms of the product rule are there; look at the sign between them."
            ),
            _silu(GATE, "return grad_output * self.gate + self.input * self.gate * (1 - self.gate)"): (
                "only the first term is multiplied by what arrives: brackets are missing."
            ),
            _silu(
                "self.output = input * input.sigmoid()\nreturn self.output",
                "return grad_output * self.output * (1 - self.output)",
            ): ("y (1 - y) is for the sigmoid's own output; what is kept here is x times that."),
            _silu(
                "self.output = input * input.sigmoid()\nreturn self.output",
                "s = self.output.sigmoid()\nreturn grad_output * (s + self.output * s * (1 - s))",
            ): "this slope is taken at the output, and belongs to the input. Is the output enough to tell x?",
            _silu(
                GATE, "return grad_output"
            ): "backward passes on what arrives as it is; it has to be multiplied by the slope.",
            _silu(
                "self.input, self.gate = input, input.sigmoid()\nreturn self.gate", PRODUCT
            ): "forward is the sigmoid alone; the x in front is missing.",
            _silu(
                "self.input, self.gate = input, input.sigmoid()\nreturn input + self.gate", PRODUCT
            ): "forward adds x; it should multiply by it.",
            _silu(
                "self.input, self.gate = input, (input * input.sigmoid()).sigmoid()\nreturn input * self.gate", PRODUCT
            ): ("forward takes the sigmoid of a product; the product is to be with the sigmoid of x."),
            _silu(
                "self.input, self.gate = input, input.tanh()\nreturn input * self.gate", PRODUCT
            ): "forward has tanh in it; asked is the sigmoid.",
            _silu(
                "self.input, self.gate = input, input.exp() / (1 + input.exp())\nreturn input * self.gate", PRODUCT
            ): "at x = 100, forward gives nan: e^100 is too large for float32. Take a way that survives.",
            _silu(
                GATE, "return grad_output * (self.gate + self.input * (1 - self.gate**2))"
            ): "the slope of the sigmoid is not tanh's.",
        },
        wrong={
            _silu("self.gate = input.sigmoid()\nreturn input * self.gate", PRODUCT): "self.input = ... first",
            _silu(
                "self.s = input.sigmoid()\nself.y = input * self.s\nreturn self.y",
                "return grad_output * (self.s + self.y * (1 - self.y))",
            ): "in the second term 1 - y stands with the y of SiLU",
            _silu(
                "self.gate = input.sigmoid()\nreturn input * self.gate",
                "return grad_output * (self.gate + input * self.gate * (1 - self.gate))",
            ): ("the notebook's `input`"),
            _silu(
                "self.input, self.gate = input, input.sigmoid()\ninput * self.gate", PRODUCT
            ): "forward of SiLU returns nothing",
            _silu(
                GATE, "slope = self.gate + self.input * self.gate * (1 - self.gate)\ngrad_output * slope"
            ): "backward of SiLU returns nothing",
            _silu(GATE, "raise NotImplementedError"): "backward is still to be written",
            _silu(
                "self.input, self.gate = input, input.sigmoid()\nreturn input @ self.gate", PRODUCT
            ): "@ multiplies matrices",
            _silu(
                "self.input, self.gate = input, input.sigmoid\nreturn input * self.gate", PRODUCT
            ): "brackets, (), missing",
            _silu("return torch.nn.SiLU()(input)", "return grad_output"): "torch's own SiLU",
            _silu(GATE, f"{PRODUCT} / len(grad_output)"): "factor 1/n",
            _silu(
                "self.input = input\nself.y = input * input.sigmoid()\nreturn self.y",
                "s = self.y / self.input\nreturn grad_output * (s + self.y * (1 - s))",
            ): "0 is divided by 0 there",
            _silu(
                "self.input = input\nreturn torch.nn.functional.silu(input)", "return grad_output"
            ): "torch's own silu",
            _silu("self.input, self.gate = input, input.sigmoid()\nreturn input.mul_(self.gate)", PRODUCT): "writes",
            "SiLU = torch.nn.SiLU": "torch's own",
        },
    ),
]
