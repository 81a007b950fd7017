"""Exercises of 03_relu: functions that are applied entry by entry, and their kinks."""

from typing import Any

import torch

from minidl import ReLU
from minidl.lab.exercises.kinds import Claim, Layer, Value
from minidl.lab.exercises.kinds.exercise import OURS
from minidl.lab.exercises.kinds.writing import layer, method
from minidl.lab.proof import matrices
from minidl.lab.proof.examples import WrittenOut
from minidl.lab.proof.formula import Formula, as_formula

PROOF = "from minidl.lab.proof import define, matrices, scalars\n"
MATRICES = 'X, G = matrices("X (n x m), G (n x m)")'
GATE = 'X, Z, G = matrices("X (n x m), Z (n x m), G (n x m)")'
LAYER_GIVEN = (
    "import torch\nfrom minidl import Module, ReLU\ninput = torch.ones(4, 3)\noutput = input\ngrad_output = input"
)


def _passed_on() -> torch.Tensor:
    x = torch.tensor([[2, -1, 0], [-3, 0.5, 4]], requires_grad=True)
    message = torch.tensor([[-1.0, 2, 3], [5, 4, -2]])
    return torch.autograd.grad(x.relu(), x, message)[0]


def _relu() -> dict[str, Any]:
    X, G = matrices("X (n x m), G (n x m)")
    return {"forward": X.relu(), "wrt": X, "upstream": G}


def _at_the_corner(claim: Formula) -> str:
    """Return a sentence on a claim that does not pass on 0 at the corner, where a proof says nothing."""
    (passed,) = WrittenOut({"n": 1, "m": 1})(as_formula(claim))
    x = next((symbol for symbol in passed.free_symbols if "x" in str(symbol)), None)
    there = passed if x is None else passed.subs(x, 0)
    if there == 0 or not there.is_finite:
        return ""
    return "At x = 0 itself, where the proof says nothing, something is passed on here; this course takes the slope 0 there."


def _output_enough(cls: type) -> str:
    """Return the answer to the question that the exercise ends with."""
    return (
        "Is the output enough? It is: below 1 in size exactly where x is, and so where the slope is 1. (At the two corners "
        "themselves, where the slope is a matter of choice, the output is 1 in size, as beyond them.)"
    )


def _of_the_other(claim: Formula) -> str:
    """Return the answer to the question that the exercise ends with."""
    return "And dL/dX is G * Z: each of two factors passes on what arrives, times the other one."


def _gate() -> dict[str, Any]:
    X, Z, G = matrices("X (n x m), Z (n x m), G (n x m)")
    return {"forward": X * Z, "wrt": Z, "upstream": G}


def _claims(name: str, says: dict[str, str]) -> dict[str, str]:
    """Return answers that give one formula each."""
    return {f"{name} = {formula}": words for formula, words in says.items()}


def _mine(forward: str, backward: str, init: str = "") -> str:
    return layer("MyReLU", forward, backward, init=init)


KEPT = "self.input = input\nreturn input.relu()"
OUTPUT = "self.output = input.relu()\nreturn self.output"
BACK = "return grad_output * (self.input > 0)"
MESSAGE_AS_GATE = "the gate is set by the sign of what arrives. It was set on the way forward, by the input."


def _clip(forward: str, backward: str, init: str = "") -> str:
    return layer("Clip", forward, backward, init=init)


CLIPPED = "self.input = input\nreturn input.clamp(-1, 1)"
INSIDE = "return grad_output * (self.input.abs() < 1)"

EXERCISES = [
    Value(
        id="03 passed on",
        name="passed_on",
        asks="What ReLU passes on, for two samples of three features and the message that arrives, as a list of rows.",
        expected=_passed_on,
        hint="X, not G, says how strongly each output reacts.",
        given="import torch",
        solution="passed_on = [[-1, 0, 0], [0, 4, -2]]",
        right=(
            "passed_on = ((-1.0, 0.0, 0.0), (0.0, 4.0, -2.0))",
            "passed_on = torch.tensor([[-1, 0, 0], [0, 4, -2]])",
            "passed_on = [torch.tensor([-1.0, 0, 0]), torch.tensor([0, 4.0, -2])]",
            "import numpy\npassed_on = numpy.array([[-1, -0.0, 0], [0, 4, -2]])",
            "import sympy\npassed_on = sympy.Matrix([[-1, 0, 0], [0, 4, -2]])",
            "X = torch.tensor([[2, -1, 0], [-3, 0.5, 4]])\nG = torch.tensor([[-1, 2, 3], [5, 4, -2]])\npassed_on = G * (X > 0)",
        ),
        slips={
            "passed_on = [[0, 2, 3], [5, 4, 0]]": (
                "that is ReLU of the message: it stops what is negative in G. How strongly an output reacts, X decides."
            ),
            "passed_on = [[2, 0, 0], [0, 0.5, 4]]": "that is ReLU of X, the output. Asked for is what comes back.",
            "passed_on = [[1, 0, 0], [0, 1, 1]]": "those are the slopes. Each is multiplied by the message that arrives.",
            "passed_on = [[-1, 0, 3], [0, 4, -2]]": (
                "in row 1, column 3 stands an x of exactly 0. At the kink we take the slope 0, as PyTorch does."
            ),
            "passed_on = [[-1, 0, 1.5], [0, 4, -2]]": (
                "in row 1, column 3 you take the slope 0.5 at x = 0. It may be defended; we take 0, as PyTorch does."
            ),
            "passed_on = [[0, 0, 0], [0, 4, 0]]": (
                "a message is let through here only where both X and G are positive. A message may be negative."
            ),
            "passed_on = [[1, 0, 0], [0, 4, 2]]": "the size is right. But a message keeps its sign.",
            "passed_on = [[-2, 0, 0], [0, 2, -8]]": (
                "each message is multiplied by the output, max(0, x). It should be by the slope at x."
            ),
            "passed_on = [[-1, 0.02, 0], [-0.05, 4, -2]]": (
                "where x is negative a hundredth of the message is passed on. To the left of 0, ReLU is flat."
            ),
            "passed_on = [[0, 2, 3], [5, 0, 0]]": "it is the other way round: this lets through where ReLU is flat.",
            "passed_on = [[-1, 2, 3], [5, 4, -2]]": "everything is passed on as it came. Where is ReLU flat?",
            "passed_on = [[-2, -2, 0], [-15, 2, -8]]": (
                "that is X times G. Each message is multiplied by the slope at x, and not by x itself."
            ),
            "passed_on = [[1, -1, 0], [-1, 1, 1]]": "those are the slopes of |x|. And each is multiplied by the message.",
            "passed_on = [[-1, -2, 0], [-5, 4, -2]]": "that is what |x| passes on. To the left of 0, ReLU is flat.",
        },
        wrong={
            "passed_on = [[-1, 0, 0], [0, 4, -3]]": "5 of 6 numbers are right; -3 (row 2, column 3) is not",
            "passed_on = [['-1', '0', '0'], ['0', '4', '-2']]": "without quotation marks",
            "passed_on = [[True, False, False], [False, True, True]]": "right kind",
            "passed_on = [-1, 0, 0, 0, 4, -2]": "the shape is not",
            "passed_on = [[-1, 0], [0, 4], [0, -2]]": "transposed",
            "passed_on = [[-1, 0, 0]]": "its shape is (1, 3)",
            "passed_on = 'nothing'": "right kind",
            "passed_on = 0": "its shape is ()",
            "passed_on = [[-1, 0, 0], [0, 4]]": "its rows are not equally long",
            "passed_on = [[-2, 4, 0], [0, 0, -1]]": "back to front",
            "passed_on = [[0, 0, -1], [0, 4, -2]]": "another order",
        },
    ),
    Claim(
        id="03 claim relu",
        name="claim_relu",
        asks="dL/dX of Y = max(0, X), as a formula made of X and G.",
        points=2,
        statement=_relu,
        remark=_at_the_corner,
        hint="What is the slope to the right of 0, and to the left? A comparison counts as 1 where it holds, and else as 0.",
        given=PROOF + MATRICES,
        solution=f"{MATRICES}\nclaim_relu = G * (X > 0)",
        right=(
            "claim_relu = (X > 0) * G",
            "claim_relu = G * X.relu().sign()",
            "Y = define('Y', X.relu())\nclaim_relu = G * (Y > 0)",
            "claim_relu = G * (1 + X.sign()) / 2",
            "claim_relu = G - G * (X < 0)",
            "claim_relu = G - G * (X <= 0)",
            "claim_relu = G * (1 - (X <= 0))",
            "claim_relu = G * (X >= 0)",
            "claim_relu = (0 <= X) * G",
            "claim_relu = G * X.relu() / X",
            "claim_relu = G * (X.abs() + X) / (2 * X.abs())",
        ),
        slips=_claims(
            "claim_relu",
            {
                "X > 0": "that is the slope alone. It is multiplied by what arrives.",
                "G * (G > 0)": MESSAGE_AS_GATE,
                "X.relu()": "that is forward again, and G does not occur. Which slope does each entry have?",
                "G * X.relu()": "the message is multiplied by the output. It should be by the slope.",
                "G * X": "the message is multiplied by the input. It should be by the slope.",
                "G * X.sign()": "that is what |x| passes on. To the left of 0, ReLU is flat.",
                "G": "the message is passed on as it came. Where is ReLU flat?",
                "G * (X < 0)": "it is the other way round: this lets through where ReLU is flat.",
                "G + X.relu()": "the output is added to what arrives. What arrives is multiplied by a slope.",
                "G - (X <= 0)": "1 is taken away where x is not positive. What arrives is multiplied by a slope.",
                "G * (X > 0) * X.sign() / 2": "half of it: to the right of 0, how much does y grow with x?",
                "(G * X).relu()": "ReLU of a product: neither the slope nor the sign of the message is left.",
                "G.relu() * (X > 0)": "messages below 0 are stopped as well. The input alone says what passes.",
                "-(G * (X > 0))": "the sign is the wrong way round: a larger x makes y larger.",
                "2 * G * (X > 0)": "twice too large: to the right of 0, how much does y grow with x?",
                "G * (X > 1)": "the slope changes at 1 here. Where is the corner?",
                "G * (X < 1)": "the slope changes at 1 here, and to the wrong side. Where is the corner, and where is it flat?",
                "(G * (X > 0)).sum()": "everything is added up to one number. x_ij touches y_ij only.",
            },
        ),
        wrong=_claims(
            "claim_relu",
            {
                "G * (X > 0) + (X < 0)": "with -2 G in place of G",
                "G * (X <= 0)": "it is the other way round",
                "G * (X >= 1)": "the slope changes at 1",
                "(X >= 0) * G * G": "with -2 G in place of G",
                "3 * G * (X > 0)": "3 times too large",
                "G.T @ (X > 0)": "m x m",
                "0": "0",
                "G + (X > 0)": "wrong",
                "'G * (X > 0)'": "a formula made of the symbols above",
                "max": "a formula made of the symbols above",
                "None": "None",
                "X.sign()": "wrong",
                "G * X > 0": "Python multiplies before it compares",
                "G * X >= 0": "Put brackets round the comparison",
                "0 < X * G": "Python multiplies before it compares",
                "X > 0 * G": "Python multiplies before it compares",
                "G - G * X <= 0": "Python multiplies before it compares",
            },
        ),
    ),
    Layer(
        id="03 relu",
        name="MyReLU",
        asks="ReLU as a layer, with forward and backward.",
        points=3,
        reference=lambda x: x.relu(),
        ours=ReLU,
        about_ours=(
            f"{OURS} minidl keeps the output, as it is positive where the input is. That costs no memory: the Linear after it "
            "keeps the same tensor, as its input. And output.sign() is 1 where the output is positive and 0 where it is 0, so "
            "that nothing true or false has to be turned into numbers first."
        ),
        hint="backward needs to know what forward has seen. What is kept on self is still there.",
        given=LAYER_GIVEN,
        solution=_mine(OUTPUT, "return grad_output * (self.output > 0)"),
        right=(
            _mine("self.mask = input > 0\nreturn input * self.mask", "return self.mask * grad_output"),
            _mine(
                "self.x = input.clone()\nreturn torch.where(self.x > 0, self.x, torch.zeros_like(self.x))",
                "return torch.where(self.x > 0, grad_output, torch.zeros_like(grad_output))",
            ),
            _mine(
                "self.input = input\nreturn input.clamp(min=0)",
                "grad_input = grad_output.clone()\ngrad_input[self.input <= 0] = 0\nreturn grad_input",
            ),
            _mine(
                "self.output = torch.maximum(input, torch.zeros_like(input))\nreturn self.output",
                "return grad_output * self.output.sign()",
                init=method("__init__(self)", "super().__init__()\nself.output = None"),
            ),
            _mine(
                "self.input = input\nreturn (input + input.abs()) / 2",
                "return grad_output * self.input.sign().clamp(min=0)",
            ),
            _mine(
                "self.input = input\nreturn torch.relu(input)",
                "return grad_output * (self.input > 0).to(grad_output.dtype)",
            ),
        ),
        slips={
            _mine(KEPT, "return grad_output.relu()"): MESSAGE_AS_GATE,
            _mine(KEPT, "return grad_output * (self.input >= 0)"): (
                "at x = 0 the slope is 1 here. At the kink we take 0, as PyTorch does."
            ),
            _mine(KEPT, "return grad_output * (1 + self.input.sign()) / 2"): (
                "at x = 0 the slope is 0.5 here. That may be defended; we take 0 at the kink, as PyTorch does."
            ),
            _mine(
                KEPT, "return (self.input > 0) * 1.0"
            ): "backward returns the slopes alone. Each is multiplied by what arrives.",
            _mine(KEPT, "return grad_output"): "backward passes on what arrives as it is. Where is ReLU flat?",
            _mine(KEPT, "return grad_output * self.input.relu()"): (
                "backward multiplies what arrives by the output. It should be by the slope."
            ),
            _mine(KEPT, "return grad_output * self.input"): (
                "backward multiplies what arrives by the input. It should be by the slope."
            ),
            _mine(KEPT, "return self.input.relu()"): "backward goes forward again: what arrives has no say in it.",
            _mine(KEPT, "return self.input.relu() * grad_output.sign()"): (
                "the output is given the sign of what arrives. It is the message that is multiplied, by the slope."
            ),
            _mine(KEPT, "return grad_output * self.input.sigmoid()"): (
                "the slope here is a smooth curve. ReLU has two straight pieces: which slope has each?"
            ),
            _mine(KEPT, "return grad_output * self.input.clamp(0, 1)"): (
                "the slope rises slowly here, from 0 to 1. ReLU has two straight pieces: which slope has each?"
            ),
            _mine(
                KEPT, "return grad_output * (self.input > 1)"
            ): "the slope changes at 1 here. Where is ReLU's corner?",
            _mine(KEPT, "return grad_output * (self.input < 0)"): (
                "it is the other way round: backward lets through where ReLU is flat."
            ),
            _mine(KEPT, "return grad_output * self.input.sign()"): (
                "that is what |x| passes on. To the left of 0, ReLU is flat."
            ),
            **{
                _mine(KEPT, f"return torch.where(self.input > 0, grad_output, {leak:g} * grad_output)"): (
                    f"where x < 0, {words} of what arrives is passed on. To the left of 0 ReLU is flat."
                )
                for leak, words in ((0.01, "a hundredth"), (0.1, "a tenth"), (0.001, "a thousandth"))
            },
            _mine(KEPT, "return grad_output.relu() * (self.input > 0)"): (
                "messages below 0 are stopped as well. The input alone says what passes."
            ),
            _mine(
                "self.input = input\nreturn input.abs()", BACK
            ): "forward gives |x|: what is negative should become 0.",
            _mine(
                "self.input = input\nreturn input", BACK
            ): "forward returns its input as it is: what is negative should become 0.",
            _mine("self.input = input\nreturn -((-input).relu())", BACK): (
                "forward keeps what is negative, and sets what is positive to 0. It is the other way round."
            ),
            _mine("self.input = input\nreturn (input > 0) * 1.0", BACK): (
                "forward returns 1 where x > 0. It should return x there."
            ),
            _mine("self.input = input\nreturn input.relu().squeeze()", BACK + ".squeeze()"): (
                "squeeze takes dimensions of size 1 away: a batch of one sample, or of one feature, loses its shape."
            ),
            _mine("self.output = input.clamp_(min=0)\nreturn self.output", "return grad_output * (self.output > 0)"): (
                "forward writes into its input, which belongs to somebody else: what ends in _ changes the tensor itself, "
                "and so does x[...] = ..."
            ),
            _mine(KEPT, "grad_output[self.input <= 0] = 0\nreturn grad_output"): (
                "backward writes into grad_output, which belongs to whoever sent it. Make a new tensor."
            ),
            _mine(
                "self.input = input\nreturn input.clamp(0, 1)", BACK
            ): "forward cuts off above too: ReLU has no upper bound.",
            _mine(
                "self.input = input\nreturn input.clamp(0, 6)", BACK
            ): "forward cuts off at 6: ReLU has no upper bound.",
            _mine(
                "self.input = input\nreturn torch.where(input > 0, input, 0.01 * input)",
                "return grad_output * torch.where(self.input > 0, 1.0, 0.01)",
            ): "to the left of 0 a slope is left, of a hundredth. ReLU is flat there.",
        },
        wrong={
            _mine("return input.relu()", BACK): "forward (or __init__) has to say self.input",
            _mine("return input.relu()", "return grad_output * (input > 0)"): "the notebook's `input`",
            _mine("return input.relu()", "return grad_output * (output > 0)"): "the notebook's `output`",
            _mine("self.input = input; input.relu()", BACK): "forward of MyReLU returns nothing",
            _mine("y = input.relu()\nreturn y", "return grad_output * (y > 0)"): "`y` belongs to forward alone",
            _mine("self.input = input\nreturn relu(input)", BACK): (
                "It is written with a dot, behind what it is taken of: input.relu()."
            ),
            f"{PROOF}{MATRICES}\n" + _mine(KEPT, "return G * (X > 0)"): (
                "backward uses the letters `G` and `X` of a claim. A layer works with tensors: here G is grad_output and X is "
                "the input that forward keeps."
            ),
            f"{PROOF}{MATRICES}\n" + _mine("self.x = X.relu()\nreturn self.x", BACK): "here X is input",
            _mine(KEPT, BACK.removeprefix("return ")): "backward of MyReLU returns nothing",
            _mine(KEPT, "raise NotImplementedError"): "backward is still to be written",
            _mine("raise NotImplementedError", BACK): "still to be written",
            _mine("self.input = input\nreturn max(0, input)", BACK): "entry by entry",
            _mine(KEPT, "if self.input > 0:\n    return grad_output\nreturn 0 * grad_output"): "entry by entry",
            _mine(KEPT, "return self.input > 0"): "true and false, and not",
            _mine(KEPT, "return grad_output * self.input > 0"): "Python multiplies before it compares",
            _mine(KEPT, "return (grad_output * self.input > 0) * 1.0"): "look at the comparison in backward",
            _mine(KEPT, "back = self.input >= 0 * grad_output\nreturn back"): "Python multiplies before it compares",
            _mine(
                "self.mask = input[:1] > 0\nreturn input.relu()", "return grad_output * self.mask"
            ): "backward mixes the entries",
            _mine(
                "self.output = input.double().relu()\nreturn self.output", "return grad_output * (self.output > 0)"
            ): ("what forward returns is float64"),
            _mine(KEPT, "return grad_output + (self.input > 0)"): "where nothing arrives",
            _mine(KEPT, "return grad_output * (self.input > 0.1)"): "at x = 0.01, backward takes for the slope 0",
            _mine("self.input = input\nreturn input * (input > 0.05)", BACK): "at x = 0.01",
            _mine(KEPT, "return grad_output**2 * (self.input > 0)"): "the message is multiplied by itself",
            _mine("self.input = input\nreturn input.relu() - input.relu().mean(0)", BACK): "forward mixes the entries",
            _mine(KEPT, "return grad_output @ (self.input > 0)"): "shape",
            _mine(KEPT, BACK + " / len(self.input)"): "factor 1/n",
            _mine(KEPT, "return (grad_output * (self.input > 0)).sum(0, keepdim=True)"): "sum",
            _mine(KEPT, "return 2 * grad_output * (self.input > 0)"): "2",
            _mine("self.inptu = input\nreturn input.relu()", BACK): "self.input",
            "class MyReLU(ReLU):\n    pass": "minidl's own",
            layer(
                "MyReLU",
                "return self.relu.forward(input)",
                "return self.relu.backward(grad_output)",
                init=method("__init__(self)", "super().__init__()\nself.relu = ReLU()"),
            ): "minidl's own ReLU",
            _mine(
                "self.input = input.detach().requires_grad_()\nself.output = self.input.relu()\nreturn self.output.detach()",
                "return torch.autograd.grad(self.output, self.input, grad_output)[0]",
            ): "leaves the gradient to torch",
            "def MyReLU(x):\n    return x.relu()": "it should be a class",
        },
    ),
    Layer(
        id="03 clip",
        name="Clip",
        asks="A layer that cuts off below -1 and above 1, y = min(max(x, -1), 1), with forward and backward.",
        points=3,
        reference=lambda x: x.clamp(-1, 1),
        ends=(0.0, 0.5, -0.5, 0.99, -0.99, 1.01, -1.01, 6.0, -6.0, 30.0, -30.0, 100.0, -100.0),
        remark=_output_enough,
        hint="Draw it: three straight pieces. Which slope has each?",
        given=LAYER_GIVEN,
        solution=_clip(
            "self.output = input.clamp(-1, 1)\nreturn self.output", "return grad_output * (self.output.abs() < 1)"
        ),
        right=(
            _clip(CLIPPED, "return grad_output * (self.input > -1) * (self.input < 1)"),
            _clip(
                "self.mask = (input >= -1) & (input <= 1)\nreturn input.clip(-1, 1)", "return self.mask * grad_output"
            ),
            _clip(
                "self.x = input\nreturn torch.minimum(torch.maximum(input, -torch.ones_like(input)), torch.ones_like(input))",
                "return torch.where(self.x.abs() < 1, grad_output, torch.zeros_like(grad_output))",
            ),
            _clip(
                "self.input = input.clone()\nreturn (input + 1).relu() - (input - 1).relu() - 1",
                "grad_input = grad_output.clone()\n"
                "grad_input[self.input <= -1] = 0\n"
                "grad_input[self.input >= 1] = 0\n"
                "return grad_input",
            ),
            _clip(
                "self.inside = (input == input.clamp(-1, 1)).to(input.dtype)\nreturn input.clamp(-1, 1)",
                "return torch.mul(grad_output, self.inside)",
            ),
        ),
        slips={
            _clip(CLIPPED, "return grad_output.clamp(-1, 1)"): (
                "backward cuts off the message. It was x that was cut off, on the way forward; a message may be large."
            ),
            _clip(
                CLIPPED, "return grad_output"
            ): "everything is passed on. Where is the function flat, and what tells you that x was there?",
            _clip(CLIPPED, "return grad_output * (self.input < 1)"): "below -1 the function is flat too.",
            _clip(CLIPPED, "return grad_output * (self.input > -1)"): "above 1 the function is flat too.",
            _clip(
                CLIPPED, "return grad_output * (self.input > 0)"
            ): "that is what ReLU passes on. Where are the kinks here?",
            _clip(CLIPPED, "return grad_output * (self.input > 0) * (self.input < 1)"): (
                "between -1 and 0 the function is not flat: the lower kink is at -1."
            ),
            _clip(CLIPPED, "return grad_output * (self.input.abs() > 1)"): (
                "it is the other way round: backward lets through where the function is flat."
            ),
            _clip(CLIPPED, "return grad_output * (1 - self.input.clamp(-1, 1) ** 2)"): (
                "the slope here is a smooth curve. The function has three straight pieces: which slope has each?"
            ),
            _clip(
                CLIPPED, "return grad_output * (self.input.abs() < 2)"
            ): "the slope changes at 2 here. Where are the corners?",
            **{
                _clip(CLIPPED, f"return torch.where(self.input.abs() < 1, grad_output, {leak:g} * grad_output)"): (
                    f"beyond the corners {words} of what arrives is passed on. The function is flat there."
                )
                for leak, words in ((0.01, "a hundredth"), (0.1, "a tenth"))
            },
            _clip(CLIPPED, "return torch.where(self.input.abs() < 1, grad_output, self.input.sign())"): (
                "beyond the corners the output is passed back, and what arrives has no say in it."
            ),
            _clip(CLIPPED, "return self.input.clamp(-1, 1) * (self.input.abs() < 1)"): (
                "backward passes the output back: what arrives does not occur."
            ),
            _clip(CLIPPED, "return (grad_output * (self.input.abs() < 1)).clamp(-1, 1)"): (
                "the message is cut off too. It was x that was cut off, on the way forward; a message may be large."
            ),
            _clip("self.input = input\nreturn input.clamp(1, -1)", INSIDE): (
                "forward has the two bounds the wrong way round: first the lower one."
            ),
            _clip("self.input = input\nreturn input / input.abs().max()", INSIDE): (
                "forward divides, so that every number changes. What lies between the bounds should stay as it is."
            ),
            _clip(CLIPPED, "return (self.input.abs() < 1) * 1.0"): (
                "backward returns the slopes alone. Each is multiplied by what arrives."
            ),
            _clip(CLIPPED, "return grad_output * self.input.clamp(-1, 1)"): (
                "backward multiplies what arrives by the output. It should be by the slope."
            ),
            _clip(CLIPPED, "return grad_output * self.input"): (
                "backward multiplies what arrives by the input. It should be by the slope."
            ),
            _clip(
                CLIPPED, "return grad_output * self.input.sign()"
            ): "that is what |x| passes on. How steep is each piece here?",
            _clip(CLIPPED, "return grad_output * (grad_output.abs() < 1)"): (
                "the gate is set by what arrives. It was set on the way forward, by the input."
            ),
            _clip(
                "self.input = input\nreturn input.clamp(0, 1)", INSIDE
            ): "forward cuts off below 0; it should be below -1.",
            _clip("self.input = input\nreturn input.clamp(max=1)", INSIDE): "forward cuts off above only.",
            _clip("self.input = input\nreturn input.clamp(min=-1)", INSIDE): "forward cuts off below only.",
            _clip(
                "self.input = input\nreturn input.tanh()", INSIDE
            ): "forward is tanh, a smooth curve. This one has three straight pieces.",
            _clip(
                "self.input = input\nreturn input.sign()", INSIDE
            ): "forward returns nothing but -1, 0 and 1. Between -1 and 1 it should return x.",
            _clip("self.input = input\nreturn input * (input.abs() < 1)", INSIDE): (
                "beyond the bounds forward returns 0. It should return the bound itself."
            ),
            _clip(
                "self.output = input.clamp_(-1, 1)\nreturn self.output", "return grad_output * (self.output.abs() < 1)"
            ): (
                "forward writes into its input, which belongs to somebody else: what ends in _ changes the tensor itself, "
                "and so does x[...] = ..."
            ),
            _clip("self.input = input\nreturn input.clamp(-1, 1).squeeze()", INSIDE + ".squeeze()"): (
                "squeeze takes dimensions of size 1 away: a batch of one sample, or of one feature, loses its shape."
            ),
        },
        wrong={
            _clip("return input.clamp(-1, 1)", INSIDE): "forward (or __init__) has to say self.input",
            _clip("return input.clamp(-1, 1)", "return grad_output * (input.abs() < 1)"): "the notebook's `input`",
            _clip(
                "self.output = input.clamp(-1, 1)\nreturn self.output", "return grad_output * (self.output.abs() <= 1)"
            ): "everything is passed on",
            _clip(CLIPPED, "return grad_output * (-1 < self.input < 1)"): "their product is 1",
            _clip(CLIPPED, "return grad_output * (self.input > -1 and self.input < 1)"): "their product is 1",
            _clip(CLIPPED, "return grad_output * self.input.abs() < 1"): "Python multiplies before it compares",
            _clip(
                CLIPPED, "return grad_output * (self.input > -1) & (self.input < 1)"
            ): "put brackets round each comparison",
            _clip(
                CLIPPED, "return grad_output * (self.input > -1 & self.input < 1)"
            ): "put brackets round each comparison",
            _clip(
                CLIPPED, "return grad_output * ~(self.input < -1) | (self.input > 1)"
            ): "put brackets round each comparison",
            _clip("self.input = input\nreturn min(max(input, -1), 1)", INSIDE): "entry by entry",
            _clip("self.input = input; input.clamp(-1, 1)", INSIDE): "forward of Clip returns nothing",
            _clip(CLIPPED, INSIDE.removeprefix("return ")): "backward of Clip returns nothing",
            _clip(CLIPPED, "raise NotImplementedError"): "backward is still to be written",
            _clip(CLIPPED, INSIDE + " / len(self.input)"): "factor 1/n",
            _clip(CLIPPED, "return -grad_output * (self.input.abs() < 1)"): "sign",
            _clip(CLIPPED, "return grad_output * (self.input.abs() < 0.98)"): "at x = 0.99",
            _clip(
                "self.input = input.detach().requires_grad_()\nself.y = self.input.clamp(-1, 1)\nreturn self.y.detach()",
                "return torch.autograd.grad(self.y, self.input, grad_output)[0]",
            ): "leaves the gradient to torch",
            "Clip = ReLU": "minidl's own",
        },
    ),
    Claim(
        id="03 claim gate",
        name="claim_gate",
        asks="dL/dZ of Y = X * Z, entry by entry, as a formula made of X, Z and G.",
        points=2,
        statement=_gate,
        remark=_of_the_other,
        hint="Which output does z_ij touch, and how strongly does it react?",
        given=PROOF + GATE,
        solution=f"{GATE}\nclaim_gate = G * X",
        right=(
            "claim_gate = X * G",
            "claim_gate = G * X * 1",
            "claim_gate = (2 * X) * G / 2",
            "claim_gate = G * X + 0 * Z",
            "Y = define('Y', X * Z)\nclaim_gate = G * X",
            "claim_gate = -(G * -X)",
        ),
        slips=_claims(
            "claim_gate",
            {
                "G * Z": "that is how L changes with X. Now Z is what we nudge.",
                "X": "that is the slope alone. It is multiplied by what arrives.",
                "Z": "that is the slope for X, and what arrives does not occur.",
                "G": "the message is passed on as it came: y_ij reacts to z_ij with a slope, and that is not 1.",
                "G * X * Z": "the message is multiplied by the output. It should be by the slope.",
                "G * (Z > 0)": "that would be a gate that is open or shut. Here y_ij is a product of two numbers.",
                "G * (X > 0)": "that is what ReLU passes on. Here y_ij is a product of two numbers.",
                "(G * X).sum()": "everything is added up to one number. z_ij touches y_ij only.",
                "-(G * X)": "the sign is the wrong way round: where x is positive, a larger z makes y larger.",
                "2 * G * X": "twice too large: z_ij stands once in y_ij.",
                "G * (X + Z)": "that is what comes back to both, added up. Here only Z moves.",
                "X * Z": "that is forward again. What comes back starts from G.",
                "G / X": "divided by x. How far does y_ij move with z_ij?",
                "G.T @ X": "that is m x m: a product of matrices adds up over the samples. z_ij touches y_ij only.",
                "X.T @ G": "that is Linear's formula, m x m: a number for each pair of columns. z_ij touches y_ij only.",
            },
        ),
        wrong=_claims(
            "claim_gate",
            {
                "3 * G * X": "3 times too large",
                "G @ X.T": "n x n",
                "0": "0",
                "G + X": "wrong",
                "'G * X'": "a formula made of the symbols above",
                "None": "None",
                "G * X * X": "x_ij too many",
                "G * X > 0": "Python multiplies before it compares",
            },
        ),
    ),
]
