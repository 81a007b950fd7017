"""Exercises of 04_tanh: the slope from the output, a layer that keeps it, and a relative of tanh."""

import torch

from minidl import Tanh
from minidl.lab.exercises.kinds import Claim, Layer, Value
from minidl.lab.exercises.kinds.claim import with_input
from minidl.lab.exercises.kinds.writing import layer, method, slope_misused
from minidl.lab.proof import define, matrices
from minidl.lab.proof.formula import Formula

GIVEN = "import torch\nfrom minidl import Linear, Module, Sequential, Tanh"
SYMBOLS = 'X, G = matrices("X (n x m), G (n x m)")\nY = define("Y", X.tanh())'
EARLIER = '(x,) = scalars("x")\ny = define("y", 1 - (-x).exp())\n'
KEPT = "self.output = input.tanh()\nreturn self.output"
BOTH = "self.input, self.output = input, input.tanh()\nreturn self.output"
SLOPE = "return grad_output * (1 - self.output**2)"
SIGN = "self.output = input / (1 + input.abs())\nreturn self.output"
FALL = "return grad_output * (1 - self.output.abs()) ** 2"


def _statement() -> dict[str, Formula]:
    X, G = matrices("X (n x m), G (n x m)")
    return {"forward": define("Y", X.tanh()), "upstream": G, "wrt": X}


def _passed_on() -> torch.Tensor:
    Y, G = torch.tensor([[0.6, -0.8], [0.0, 0.5]]), torch.tensor([[100.0, -50.0], [7.0, 4.0]])
    return G * (1 - Y * Y)


def _keeps_its_input(cls: type) -> str:
    """Return a sentence on a right answer that keeps its input, and not what it returned."""
    layer, input = cls(), torch.linspace(0.3, 1, 3).reshape(1, 3)
    output = layer.forward(input.clone())
    kept = [value for value in vars(layer).values() if isinstance(value, torch.Tensor) and value.shape == input.shape]
    if not any(value.equal(input) for value in kept) or any(value.equal(output) for value in kept):
        return ""
    return "It keeps its input, and backward has to work out more than it need: the output alone would do."


def _tanh(forward: str, backward: str, init: str = "") -> str:
    return layer("MyTanh", forward, backward, init)


def _softsign(forward: str, backward: str) -> str:
    return layer("Softsign", forward, backward)


EXERCISES = [
    Claim(
        id="04 claim",
        name="claim_tanh",
        asks="dL/dX of Y = tanh(X), as a formula of Y and G.",
        statement=_statement,
        remark=with_input,
        points=2,
        hint="One number first: tanh is u/v. What is the derivative of u, what that of v? Then the quotient rule, "
        "and u/v is y.",
        given=f"from minidl.lab.proof import define, matrices, ones, scalars\n{SYMBOLS}",
        solution=f"{SYMBOLS}\nclaim_tanh = G * (1 - Y * Y)",
        right=(
            "claim_tanh = G * (1 - Y**2)",
            "claim_tanh = (1 - Y) * (1 + Y) * G",
            "claim_tanh = G - G * Y**2",
            "claim_tanh = G * (1 - X.tanh() ** 2)",
            "claim_tanh = -G * (Y * Y - 1)",
            "claim_tanh = 4 * G / (X.exp() + (-X).exp()) ** 2",
            "slope = 1 - Y * Y\nclaim_tanh = slope * G",
        ),
        slips={
            "claim_tanh = 1 - Y * Y": "that is a slope by itself. What arrives, G, is multiplied by it.",
            "claim_tanh = G * (1 - Y)": (
                "that is the battery's: its slope was what is missing to 1. Tanh is another function; begin with its u and v."
            ),
            "claim_tanh = G * (1 - Y.tanh() ** 2)": (
                "Y is tanh(X) already, so that this takes tanh twice: a formula of the input, applied to the output."
            ),
            "claim_tanh = G * (1 - X * X)": (
                "at x = 2 this passes on -3 times what arrives, as if tanh fell there. Which of x and y is u/v?"
            ),
            "claim_tanh = G * (1 + Y * Y)": (
                "this slope is never below 1: so tanh would rise for ever. Look at the sign in the quotient rule."
            ),
            "claim_tanh = G * (Y * Y - 1)": "the sign is the wrong way round: so tanh would fall, and it rises everywhere.",
            "claim_tanh = -G * Y * Y": "there is a second term: v divided by v is not 0.",
            "claim_tanh = G * Y": "this multiplies by tanh itself. It should be by its slope.",
            "claim_tanh = G": "this passes on all of what arrives; but tanh is flat where x is large.",
            "claim_tanh = G * (1 - Y) ** 2": "you square 1 - y as a whole. What is squared in the last step of the "
            "quotient rule?",
            "claim_tanh = G * (1 - G * G)": "the slope has nothing to do with what arrives; only what went forward sets it.",
            "claim_tanh = G / (1 - Y * Y)": "what arrives is divided by the slope; it should be multiplied.",
            "claim_tanh = G + 1 - Y * Y": "the slope is added to what arrives; it should be multiplied.",
            "claim_tanh = X * (1 - Y * Y)": "X stands where the message should: what arrives is G.",
            "claim_tanh = G * (1 - Y.abs())": (
                "right at y = 0, 1 and -1 only. Which step of the quotient rule leaves the bars of |y|?"
            ),
            "claim_tanh = G * Y * (1 - Y)": (
                "at x = 0 y is 0, and this passes on nothing there; but there tanh is steepest."
            ),
            "claim_tanh = G * (1 + Y) / 2": (
                "at x = 5 this passes on almost everything, and the curve is flat there: do the quotient rule again."
            ),
            "claim_tanh = G * (1 - 2 * Y)": "at x = 1 this slope is below 0, as if tanh fell there: do the rule again.",
            "claim_tanh = -2 * G * Y": "that is how a slope would change with y, and not how y changes with x.",
            "claim_tanh = G * (1 - Y * Y) ** 2": "the slope is squared: it is multiplied by once.",
            "claim_tanh = G * Y * Y": "that is how much of the message is lost, not how much is passed on.",
            "claim_tanh = G * 1 - Y * Y": "brackets are missing: only the 1 is multiplied by what arrives.",
            "claim_tanh = G / (X.exp() + (-X).exp()) ** 2": (
                "right but for a number: v^2 - u^2 is not 1. Multiply the two squares out."
            ),
        },
        wrong={
            "claim_tanh = 2 * G * (1 - Y * Y)": "2 times too large",
            "claim_tanh = G * (1 - Y**3)": "has -g_ij tanh(x_ij)^3 where something else stands",
            "claim_tanh = G @ (1 - Y * Y).T": "expected the shape of X",
            "claim_tanh = G.sum() * (1 - Y * Y)": "differs in more than one place",
            "claim_tanh = (G * (1 - Y * Y)).sum()": "expected the shape of X",
            "claim_tanh = 'G * (1 - Y * Y)'": "formula made of the symbols",
            "claim_tanh = True": "formula made of the symbols",
            "claim_tanh = 1": "expected the shape of X",
            "claim_tanh = None": "formula made of the symbols",
            "claim_tanh = lambda y, g: g * (1 - y * y)": "formula made of the symbols",
            "claim_tanh = (1 - Y * Y) / G": "lacks the factor g_ij",
            f"{EARLIER}claim_tanh = G * (1 - y**2)": (
                "the small y in it comes from an earlier cell, where y = 1 - (-x).exp(). The matrix here is Y"
            ),
            f"{EARLIER}claim_tanh = G * (1 - Y) * (1 + y)": "the small y in it comes from an earlier cell",
            f"{EARLIER}claim_tanh = G * (1 - x**2)": "the small x in it comes from an earlier cell",
        },
    ),
    Layer(
        id="04 layer",
        name="MyTanh",
        asks="Tanh as a layer: forward, and a backward that needs only the output.",
        reference=torch.tanh,
        ours=Tanh,
        not_yours=("tanh_backward",),
        building_blocks=("Sigmoid",),
        remark=_keeps_its_input,
        points=3,
        hint="What does your formula need? Keep that in forward, under a name of self.",
        given=GIVEN,
        solution=_tanh(
            "self.output = torch.tanh(input)\nreturn self.output",
            "return grad_output * (1 - self.output * self.output)",
        ),
        right=(
            _tanh("self.y = torch.tanh(input)\nreturn self.y", "return (1 - self.y**2) * grad_output"),
            _tanh("self.input = input\nreturn input.tanh()", "return grad_output * (1 - self.input.tanh() ** 2)"),
            _tanh("y = torch.tanh(input)\nself.slope = 1 - y.square()\nreturn y", "return self.slope * grad_output"),
            _tanh(
                "self.output = 2 * torch.sigmoid(2 * input) - 1\nreturn self.output",
                "return grad_output - grad_output * self.output * self.output",
            ),
            _tanh(KEPT, "y = self.output\nreturn torch.mul(grad_output, (1 + y) * (1 - y))"),
            _tanh("self.x = input.clone()\nreturn self.x.tanh()", "return grad_output / self.x.cosh() ** 2"),
            layer(
                "MyTanh",
                KEPT,
                SLOPE,
                init=method("__init__(self)", "super().__init__()\nself.output = None"),
            ),
        ),
        slips={
            **slope_misused("MyTanh", KEPT, "(1 - self.output**2)"),
            _tanh(KEPT, "return grad_output * 1 - self.output**2"): (
                "in backward, brackets are missing: only the 1 is multiplied by what arrives."
            ),
            _tanh(KEPT, "return grad_output * (1 - self.output) ** 2"): (
                "in backward, the square is taken of the whole bracket. Which formula has the prover accepted?"
            ),
            _tanh(KEPT, "return self.output"): "backward returns the output of forward once more.",
            _tanh("self.output = input.tanh()\nreturn input", SLOPE): "forward returns its input as it was.",
            _tanh(
                KEPT, "return 1 - self.output**2"
            ): "backward returns a slope alone. What arrives is multiplied by it.",
            _tanh(KEPT, "return grad_output * (1 - self.output.tanh() ** 2)"): (
                "what forward returned is tanh(x) already, so that backward takes tanh twice: a formula of the input, "
                "applied to the output. "
                "At x = 5 it gives the slope 0.42, and the curve is flat there."
            ),
            _tanh(BOTH, "return grad_output * (1 - self.input**2)"): (
                "at x = 2 backward takes the slope to be -3, as if tanh fell there: it squares the input."
            ),
            _tanh(KEPT, "return grad_output * (1 - self.output)"): (
                "that is the battery's slope, what is missing to 1. Which formula has the prover accepted for tanh?"
            ),
            _tanh(KEPT, "return grad_output * (1 + self.output**2)"): (
                "this slope is never below 1, and tanh is nearly flat where x is large: look at the sign."
            ),
            _tanh(
                KEPT, "return grad_output * self.output"
            ): "backward multiplies by tanh itself; it should be by its slope.",
            _tanh(KEPT, "return grad_output.tanh()"): (
                "backward puts the message through tanh. It is to be multiplied by the slope at the x of forward."
            ),
            _tanh(
                KEPT, "return grad_output"
            ): "backward passes on what arrives as it is; it has to be multiplied by the slope.",
            _tanh(KEPT, "return 1 - grad_output**2"): (
                "the slope is taken at grad_output; it belongs to what forward has seen."
            ),
            _tanh(KEPT, "return grad_output * (1 - grad_output**2)"): (
                "the slope is taken at grad_output, and then multiplied by it; it belongs to what forward has seen."
            ),
            _tanh(KEPT, "return grad_output * (1 - self.output.abs())"): (
                "the slope is right at y = 0, 1 and -1 only. Which formula has the prover accepted?"
            ),
            _tanh(KEPT, "return grad_output * self.output * (1 - self.output)"): (
                "at x = 0 the output is 0, and backward passes on nothing there; but there tanh is steepest."
            ),
            _tanh(KEPT, "return -2 * grad_output * self.output"): (
                "that is how the slope changes with y, and not how y changes with x."
            ),
            _tanh(
                "self.output = (input.exp() - (-input).exp()) / (input.exp() + (-input).exp())\nreturn self.output",
                SLOPE,
            ): (
                "the formula is right on paper; but in float32, the short numbers of most networks, e^100 is too large "
                "and becomes inf, and "
                "inf / inf is nan. torch's own input.tanh() takes care of that."
            ),
            _tanh("e = (2 * input).exp()\nself.output = (e - 1) / (e + 1)\nreturn self.output", SLOPE): (
                "the formula is right on paper; but in float32, the short numbers of most networks, e^200 is too large "
                "and becomes inf, and "
                "inf / inf is nan. torch's own input.tanh() takes care of that."
            ),
            _tanh("self.output = input.sigmoid()\nreturn self.output", SLOPE): (
                "forward gives numbers between 0 and 1: that is not tanh."
            ),
            _tanh(
                "self.output = input.tan()\nreturn self.output", SLOPE
            ): "forward calls tan, of the circle; tanh is meant.",
            _tanh("self.output = input.sinh()\nreturn self.output", SLOPE): (
                "forward grows beyond 1: that is half of u, and not yet divided by v."
            ),
        },
        wrong={
            _tanh(KEPT, "return grad_output * (1 - output * output)"): "write self.output",
            _tanh("return input.tanh()", SLOPE): "forward (or __init__) has to say self.output",
            _tanh("output = input.tanh()\nreturn output", SLOPE): "forward (or __init__) has to say self.output",
            _tanh("self.output = input.tanh()", SLOPE): "forward of MyTanh returns nothing",
            _tanh(KEPT, "grad_output * (1 - self.output**2)"): "backward of MyTanh returns nothing",
            _tanh(KEPT, "raise NotImplementedError"): "backward is still to be written",
            _tanh(KEPT, "return grad_output * (1 - self.output ^ 2)"): "^ is no power",
            _tanh("self.output = input.tanh\nreturn self.output", SLOPE): "are brackets, (), missing",
            _tanh("self.ouput = input.tanh()\nreturn self.ouput", SLOPE): "do you mean self.ouput?",
            _tanh(KEPT, "return grad_output @ (1 - self.output**2)"): "@ multiplies matrices",
            _tanh(KEPT, "return grad_output @ (1 - self.output**2).T"): "expected",
            _tanh(KEPT, "return (grad_output * (1 - self.output**2)).sum()"): "single number",
            _tanh(KEPT, "return grad_output * (1 - self.output**2) / len(self.output)"): "factor 1/n",
            _tanh(KEPT, "return 2 * grad_output * (1 - self.output**2)"): "2",
            _tanh("self.output = input.tanh_()\nreturn self.output", SLOPE): "writes",
            _tanh(KEPT, "grad_output *= 1 - self.output**2\nreturn grad_output"): "grad_output",
            _tanh(
                "self.input = input.requires_grad_()\nreturn self.input.tanh()",
                "return torch.autograd.grad(self.input.tanh(), self.input, grad_output)[0]",
            ): "leaves the gradient to torch",
            "class MyTanh(Tanh):\n    pass": "minidl's own",
            _tanh(
                "self.inner = Tanh()\nreturn self.inner.forward(input)", "return self.inner.backward(grad_output)"
            ): "minidl's own Tanh",
            _tanh(
                "self.output = torch.nn.Tanh()(input)\nreturn self.output", "return torch.nn.Tanh()(grad_output)"
            ): "puts the message through tanh",
            _tanh(
                KEPT, "return grad_output * (1 - self.output.clamp(-0.9, 0.9) ** 2)"
            ): "backward takes the slope to be",
            _tanh("self.y = torch.tanh(input)\nreturn self.y", "return grad_output * (1 - torch.tanh(self.y) ** 2)"): (
                "what forward returned is tanh(x) already"
            ),
            _tanh("self.output = input.tanh().round(decimals=4)\nreturn self.output", SLOPE): "Is something rounded",
            _tanh(KEPT, "return grad_output * (1 - self.output**3)"): "backward takes the slope to be",
            _tanh(KEPT, "return grad_output * (1 - self.output[:1] ** 2)"): "backward mixes the entries",
            _tanh("self.output = input.double().tanh()\nreturn self.output", SLOPE): "what forward returns is float64",
            _tanh("self.output = input.clamp(-5, 5).tanh()\nreturn self.output", SLOPE): "at x = 6",
            "class MyTanh(Module):\n    def forward(input):\n        return input.tanh()\n"
            + method("backward(self, g)", "return g"): ("Is self missing"),
            "class MyTanh(Module):\n    def __init__(self):\n        self.output = None\n"
            + method("forward(self, input)", "return input.tanh()")
            + "\n"
            + method("backward(self, grad_output)", "return grad_output"): "super().__init__() is missing",
            _tanh("output = input.tanh()\nreturn output", "return grad_output * (1 - output**2)"): (
                "`output` belongs to forward alone, and is gone when forward ends"
            ),
            "y = 0.5\n" + _tanh("y = input.tanh()\nreturn y", "return grad_output * (1 - y**2)"): (
                "self.y = ... there, and self.y here"
            ),
            "def MyTanh(x):\n    return x.tanh()": "it should be a class",
            "MyTanh = Tanh": "minidl's own",
        },
    ),
    Value(
        id="04 messages",
        name="passed_on",
        asks="What Tanh passes on, from its output and from what arrives, as a list of rows.",
        expected=_passed_on,
        hint="For each entry: the slope at this output, then what arrives, times it.",
        given="import torch",
        solution="passed_on = [[64.0, -18.0], [7.0, 3.0]]",
        right=(
            "passed_on = torch.tensor([[64.0, -18.0], [7.0, 3.0]])",
            "import numpy\npassed_on = numpy.array([[64, -18], [7, 3]])",
            "passed_on = [[100 * (1 - 0.6**2), -50 * (1 - 0.8**2)], [7, 4 * 0.75]]",
            "passed_on = ((64, -18), (7, 3))",
            "passed_on = [torch.tensor([64.0, -18.0]), torch.tensor([7.0, 3.0])]",
            "import sympy\npassed_on = sympy.Matrix([[64, -18], [7, 3]])",
            "from fractions import Fraction\npassed_on = [[Fraction(64), -18], [7, Fraction(3)]]",
        ),
        slips={
            "passed_on = [[0.64, 0.36], [1, 0.75]]": "those are slopes. Each is multiplied by what arrives.",
            "passed_on = [[60, 40], [0, 2]]": "that is the output times what arrives. The output is not the slope.",
            "passed_on = [[40, -90], [7, 2]]": "that is the battery's slope. Tanh has the one that you have claimed.",
            "passed_on = [[64, 18], [7, 3]]": "the slope is positive, and -50 arrives: what is passed on keeps its sign.",
            "passed_on = [[40, -10], [7, 2]]": (
                "those slopes are 1 - |y|, right only where the output is 0, 1 or -1. Tanh has the one that you have claimed."
            ),
            "passed_on = [[80, -30], [7, 3.4641016]]": "that is the root of the slope, times what arrives.",
            "passed_on = [[100.64, -49.64], [8, 4.75]]": "the slope is added to what arrives; it should be multiplied.",
            "passed_on = [[64, -82], [7, 3]]": "the square of -0.8 is not negative.",
            "passed_on = [[36, -32], [0, 1]]": "that is what each entry holds back. Asked is what it passes on.",
            "passed_on = [[136, -82], [7, 5]]": "no slope of tanh is larger than 1, and yours are: look at the sign in it.",
            "passed_on = [[16, -2], [7, 1]]": "that is the slope of another curve: between 0 and 1, 1 - y and its "
            "square are no slope of tanh.",
            "passed_on = [[64, -18], [0, 3]]": (
                "number 1 of the second row: the output 0 is where tanh is steepest, and not where it is flat."
            ),
            "passed_on = [[-64, 18], [-7, -3]]": "all signs are the wrong way round: tanh rises, and what arrives "
            "keeps its sign.",
            "import torch\npassed_on = torch.tensor([[100, -50], [7, 4]]) * (1 - torch.tensor([[0.6, -0.8], [0, "
            "0.5]]).tanh() ** 2)": ("Y is the output: tanh has been taken already, and is not taken again."),
        },
        wrong={
            "passed_on = [64, -18, 7, 3]": "the numbers are right, the shape is not",
            "passed_on = [[64, 7], [-18, 3]]": "transposed",
            "passed_on = [[64, -18], [7, 2]]": "3 of 4 numbers are right; 2 (row 2, column 2) is not",
            "passed_on = [[64, -18], [7, 3.004]]": "near",
            "passed_on = [[64, -18.1], [7, 3]]": "near",
            "passed_on = [[6400, -1800], [700, 300]]": "every number is 100 times",
            "passed_on = 64": "its shape is (), and should be (2, 2)",
            "passed_on = '64 -18 7 3'": "right kind",
            "passed_on = [['64', '-18'], ['7', '3']]": "without quotation marks",
            "passed_on = [[3, 7], [-18, 64]]": "back to front",
            "passed_on = [[-18, 64], [7, 3]]": "another order",
            "passed_on = None": "None",
            "passed_on = [[100, -50], [7, 4]]": "1 of 4 numbers is right",
            "passed_on = [[64, -18], [7]]": "its rows are not equally long",
        },
    ),
    Layer(
        id="04 softsign",
        name="Softsign",
        asks="A layer with y = x / (1 + |x|), entry by entry, and its backward.",
        reference=torch.nn.functional.softsign,
        not_yours=("softsign", "Softsign"),
        points=3,
        hint="On paper, look at x > 0 and at x < 0 apart; in code, one formula with .abs() does for both.",
        given=GIVEN,
        solution=_softsign(SIGN, FALL),
        right=(
            _softsign(
                "self.input = input\nreturn input / (1 + torch.abs(input))",
                "return grad_output / (1 + self.input.abs()) ** 2",
            ),
            _softsign(
                "self.below = 1 + abs(input)\nreturn input / self.below", "return grad_output / self.below / self.below"
            ),
            _softsign(
                "self.output = input / (1 + input.abs())\nreturn self.output",
                "y = self.output\nreturn grad_output * torch.where(y > 0, (1 - y) ** 2, (1 + y) ** 2)",
            ),
            _softsign(
                "self.x = input\nreturn torch.where(input > 0, input / (1 + input), input / (1 - input))",
                "return grad_output * (1 + self.x * self.x.sign()).pow(-2)",
            ),
            _softsign(SIGN, "return grad_output * (1 - 2 * self.output.abs() + self.output**2)"),
            layer(
                "Softsign",
                "y = input.sign() * (1 - 1 / (1 + input.abs()))\nself.slope = (1 - y.abs()).square()\nreturn y",
                "return torch.einsum('ij,ij->ij', grad_output, self.slope)",
                init=method("__init__(self)", "super().__init__()\nself.slope = None"),
            ),
        ),
        slips={
            **slope_misused("Softsign", SIGN, "(1 - self.output.abs()) ** 2"),
            _softsign(SIGN, "return grad_output * (1 + self.output.abs()) ** 2"): (
                "your slope is never below 1, and Softsign is nearly flat where x is large."
            ),
            _softsign("self.output = input / (1 - input.abs())\nreturn self.output", FALL): (
                "forward divides by 0 at x = 1: look at the sign below the line."
            ),
            _softsign(SIGN, "return self.output"): "backward returns the output of forward once more.",
            _softsign(
                "self.output = input / (1 + input.abs())\nreturn input", FALL
            ): "forward returns its input as it was.",
            _softsign("self.output = input / (1 + input)\nreturn self.output", FALL): (
                "forward leaves out the bars: at x = -1 it would divide by 0. It is |x| that stands below."
            ),
            _softsign("self.output = input.abs() / (1 + input.abs())\nreturn self.output", FALL): (
                "forward never gives anything negative: above the line stands x, not |x|."
            ),
            _softsign(
                "self.output = 1 / (1 + input.abs())\nreturn self.output", FALL
            ): "in forward, above the line stands x, not 1.",
            _softsign("self.output = input / 1 + input.abs()\nreturn self.output", FALL): (
                "in forward, brackets are missing: input / 1 + ... divides by 1 first."
            ),
            _softsign(
                "self.output = input / (1 + input**2)\nreturn self.output", FALL
            ): "in forward, below the line stands |x|, not its square.",
            _softsign(
                "self.output = input.tanh()\nreturn self.output", FALL
            ): "forward is tanh. Softsign looks like it, and is another function.",
            _softsign(SIGN, "return grad_output / (1 + self.output.abs()) ** 2"): (
                "that is a formula of the input, applied to the output: the mistake of this notebook."
            ),
            _softsign(
                "self.input = input\nreturn input / (1 + input.abs())",
                "return grad_output * (1 - self.input.abs()) ** 2",
            ): "1 - |y| is made of the output; in yours |x| stands there: a formula of the output, applied to the input.",
            _softsign(
                "self.input = input\nreturn input / (1 + input.abs())",
                "return grad_output * (1 - self.input) ** 2",
            ): "the input stands in a bracket that is made of the output, and without bars.",
            _softsign(SIGN, "return grad_output * (1 - self.output.abs()) * 2"): (
                "at x = 0 your slope is 2, and a nudge of 0.01 moves y there by 0.0099: times 2 is not a power."
            ),
            _softsign(
                SIGN, "return grad_output * self.output * (1 - self.output)"
            ): "at x = 0 your slope is 0, and Softsign is steepest there.",
            _softsign(SIGN, "return grad_output * (1 - self.output.abs()) ** 3"): "the power is one too high.",
            _softsign(SIGN, "return grad_output * (1 - self.output.abs())"): (
                "at x = 1 your slope is 0.5, but a nudge of 0.01 moves y there by 0.0025 only. In the quotient "
                "rule, what stands "
                "below the line?"
            ),
            _softsign(
                SIGN, "return grad_output * (1 - self.output**2)"
            ): "that is tanh's slope. Softsign has one of its own.",
            _softsign(SIGN, "return grad_output * (1 - self.output) ** 2"): (
                "right for x > 0. For x < 0, y is negative, and your slope is larger than 1 there."
            ),
            _softsign(SIGN, "return (1 - self.output.abs()) ** 2"): (
                "backward returns the slope alone. What arrives is multiplied by it."
            ),
            _softsign(
                "self.input = input\nreturn input / (1 + input.abs())", "return grad_output / (1 + self.input) ** 2"
            ): ("right for x > 0. For x < 0 the denominator is another one: |x| is not x there."),
            _softsign(
                "self.input = input\nreturn input / (1 + input.abs())",
                "return grad_output * self.input.sign() / (1 + self.input.abs()) ** 2",
            ): "for x < 0 your slope is negative. Softsign rises there as well.",
            _softsign(
                SIGN, "return grad_output * self.output"
            ): "backward multiplies by the output; it should be by the slope.",
            _softsign(
                SIGN, "return grad_output"
            ): "backward passes on what arrives as it is; it has to be multiplied by the slope.",
            _softsign(SIGN, "return grad_output / (1 + grad_output.abs()) ** 2"): (
                "the slope is taken at grad_output; it belongs to what forward has seen."
            ),
            _softsign(
                "self.input = input\nreturn input / (1 + input.abs())",
                "x = self.input\nreturn grad_output * (1 + x.abs() - x) / (1 + x.abs()) ** 2",
            ): "in the quotient rule, the derivative of |x| is not 1 everywhere.",
        },
        wrong={
            _softsign("return input / (1 + input.abs())", FALL): "self.output = ... first",
            _softsign("self.output = input / (1 + |input|)\nreturn self.output", FALL).replace(
                "|input|", "abs(inptu)"
            ): "do you mean input",
            _softsign("self.output = input / (1 + input.abs)\nreturn self.output", FALL): "raises TypeError",
            _softsign("self.output = input / (1 + input.abs())", FALL): "forward of Softsign returns nothing",
            _softsign(SIGN, "(1 - self.output.abs()) ** 2 * grad_output"): "backward of Softsign returns nothing",
            _softsign(SIGN, "raise NotImplementedError"): "backward is still to be written",
            _softsign(SIGN, "return grad_output * (1 - self.output.abs()) ^ 2"): "^ is no power",
            _softsign(SIGN, "return grad_output @ (1 - self.output.abs()) ** 2"): "shape",
            _softsign(SIGN, "return (grad_output * (1 - self.output.abs()) ** 2).mean()"): "single number",
            _softsign(SIGN, FALL + " / len(grad_output)"): "factor 1/n",
            _softsign(
                "self.output = torch.nn.functional.softsign(input)\nreturn self.output", FALL
            ): "torch's own softsign",
            _softsign("self.output = input.div_(1 + input.abs())\nreturn self.output", FALL): "writes",
            _softsign("self.output = (input / (1 + input.abs())).squeeze()\nreturn self.output", FALL): "shape",
            _softsign(SIGN, "return grad_output * (1 - input.abs()) ** 2"): "the notebook's `input`",
            _softsign("return torch.nn.Softsign()(input)", FALL): "torch's own Softsign",
            "Softsign = torch.nn.Softsign": "torch's own",
        },
    ),
]
