"""Exercises of 01_module: the chain rule as a message that is passed back, and a first layer."""

import torch
from torch import Tensor

from minidl.lab.exercises.kinds import Layer, Value
from minidl.lab.exercises.kinds.writing import layer, method


def _messages() -> list[Tensor]:
    u = torch.tensor(1.0 + 1.0, requires_grad=True)
    v = u**2
    return list(torch.autograd.grad(v**2, (v, u, u, u)))


def _cube(forward: str, backward: str) -> str:
    return layer("Cube", forward, backward)


KEPT = "self.input = input; return input**3"
SLOPE = "return grad_output * 3 * self.input**2"

EXERCISES = [
    Value(
        id="01 messages",
        name="messages",
        asks="The derivatives of L by v, u, x and s at x = 1 and s = 1, where u = x + s, v = u^2 and L = v^2.",
        expected=_messages,
        hint="Forward first: u, v, L. Then each slope times what arrives.",
        given="import torch",
        solution="messages = [8, 32, 32, 32]",
        right=(
            "messages = (8.0, 32.0, 32.0, 32.0)",
            "messages = torch.tensor([8, 32, 32, 32])",
            "u = 1 + 1\nv = u**2\nmessages = [2 * v, 2 * v * 2 * u, 2 * v * 2 * u, 2 * v * 2 * u]",
            "import numpy\nmessages = numpy.array([8, 32, 32, 32])",
            "dv = 2 * 4\ndu = dv * 4\nmessages = [torch.tensor(float(dv)), du, du, du]",
        ),
        slips={
            "messages = [8, 4, 1, 1]": "those are the slopes, each by itself. Each is multiplied by the message that arrives.",
            "messages = [8, 4, 4, 4]": "dL/du is not the slope 2u alone: it is multiplied by the message that arrives at v.",
            "messages = [4, 8, 8, 8]": (
                "the slope of a square is taken as v, and as u: each step lacks the factor that a square leaves in front when "
                "it is differentiated."
            ),
            "messages = [4, 8, 1, 1]": (
                "the slope of a square is taken as v, and as u; and for x and s stand the slopes of u = x + s alone, which are "
                "multiplied by what arrives."
            ),
            "messages = [4, 2, 1, 1]": (
                "those are the values v, u, x and s of the way forward. Asked are the derivatives of L by each of them."
            ),
            "messages = [4, 2, 2, 2]": (
                "for v and u stand their own values. Asked are derivatives of L: each is a slope times what arrives."
            ),
            "messages = [8, 32, 1, 1]": "the message for u goes on to x and s; the slopes of u = x + s do not replace it.",
            "messages = [8, 32, 16, 16]": "a sum passes its message on to both as it is; nothing is shared out.",
            "messages = [2, 4, 4, 4]": "L = v^2 has the slope 2v, and v is not 1 here: go forward first.",
            "messages = [4, 16, 16, 16]": (
                "the first message is 4. That is v, or 2u. But L = v^2: which slope has it at v? The others come from it."
            ),
            "messages = [8, 16, 16, 16]": (
                "v = u^2 has a slope of its own at u, not 2 alone, and not u alone. It is multiplied by what arrives."
            ),
            "messages = [8, 32, 32, 64]": (
                "s is on one path only, through u: the derivatives by x and by s stand side by side, and are not added."
            ),
            "messages = [8, 32, 64, 64]": (
                "x and s are each on one path only, through u: nothing is added, and the slopes of u = x + s are not 2."
            ),
            "messages = [16, 64, 64, 64]": "the first message is the value of L. It should be the slope of L = v^2 at v.",
            "messages = [8, 32, 32, 1]": "the last one is the slope of u = x + s, still to be multiplied by what arrives at u.",
            "messages = [8, 32, 1, 32]": "the third is the slope of u = x + s, still to be multiplied by what arrives at u.",
            "messages = [8, 32, 32, 0]": "s is nudged here: u = x + s moves with it, just as far as with x.",
            "messages = [8, 32, 0, 32]": "x is nudged here: u = x + s moves with it, just as far as with s.",
            "messages = [2, 4, 16, 1]": "those are values of the way forward, u, v and L. Asked are the derivatives of L.",
            "messages = [1, 1, 2, 4]": "those are the values of the way forward. Asked are the derivatives of L.",
            "messages = [2, 4, 16, 16]": "those are the values of the way forward. Messages come back from L, as slopes.",
            "messages = [8, 6, 6, 6]": "the slopes are added. Each is multiplied by what arrives.",
            "messages = [8, 12, 13, 13]": "a slope is added to what arrives, at each step. It should be multiplied.",
            "messages = [16, 32, 32, 32]": "the first message is dL/dv, a slope, and not the value L.",
            "messages = [32, 32, 32, 8]": "the order is v, u, x, s: back from the end.",
        },
        wrong={
            "messages = [8, 12, 12, 12]": "1 of 4 numbers is right; the first that is not is 12 (number 2)",
            "messages = [8, 32, 32, 33]": "3 of 4 numbers are right; 33 (number 4) is not",
            "messages = [3, 5, 6, 7]": "none of the 4 numbers is right",
            "messages = ['8', '32', '32', '32']": "without quotation marks",
            "messages = {'v': 8, 'u': 32, 'x': 32, 's': 32}": "a list of the values alone",
            "messages = {8, 32}": "a set, which keeps no order",
            "messages = [[8], [32], [32], [32]]": "the numbers are right, the shape is not",
            "messages = [True, 32, 32, 32]": "right kind",
            "messages = [8, 32, 32]": "its shape is (3,), and should be (4,)",
            "messages = 8": "its shape is (), and should be (4,)",
            "messages = 'big'": "right kind",
            "messages = [-8, -32, -32, -32]": "sign",
            "messages = None": "None",
        },
    ),
    Layer(
        id="01 cube",
        name="Cube",
        asks="A layer whose output is the cube of its input, with forward and backward.",
        reference=lambda x: x**3,
        hint="What arrives is multiplied by the slope at the input that forward has seen.",
        given="import torch\nfrom minidl import Module",
        solution=(
            "class Cube(Module):\n"
            "    def forward(self, input):\n"
            "        self.input = input\n"
            "        return input**3\n\n"
            "    def backward(self, grad_output):\n"
            "        return grad_output * 3 * self.input**2"
        ),
        right=(
            _cube(
                "self.x = input.clone()\nreturn self.x * self.x * self.x", "return 3 * self.x * self.x * grad_output"
            ),
            _cube("self.slope = 3 * input.square()\nreturn input.pow(3)", "return self.slope * grad_output"),
            _cube("self.input = input\nreturn torch.pow(input, 3)", "return torch.mul(self.input**2, 3) * grad_output"),
            _cube(
                "if input.ndim < 1:\n    raise NotImplementedError\n" + KEPT, "return grad_output * (3 * self.input**2)"
            ),
            layer(
                "Cube",
                "self.kept = input\nreturn input * input**2",
                "return torch.einsum('ij,ij->ij', grad_output, 3 * self.kept**2)",
                init=method("__init__(self)", "super().__init__()\nself.kept = None"),
            ),
        ),
        slips={
            _cube(KEPT, "return 3 * self.input**2"): (
                "backward returns the slope alone. What arrives, grad_output, is multiplied by it."
            ),
            _cube(KEPT, "return grad_output"): (
                "backward passes on what arrives as it is; it has to be multiplied by the slope of the cube."
            ),
            _cube(KEPT, "return grad_output * self.input**2"): "the slope of the cube lacks a factor in front.",
            _cube(KEPT, "return grad_output * 3 * self.input"): "the slope of the cube has another power of the input.",
            _cube(KEPT, "return grad_output * self.input**3"): (
                "backward multiplies by the cube itself; it should be by its slope."
            ),
            _cube("self.input = input**3; return self.input", SLOPE): (
                "the slope is taken at the output. Keep the input, and take it there."
            ),
            _cube("self.output = input**3; return self.output", "return 3 * grad_output * self.output ** (2 / 3)"): (
                "right where x is positive, and nan where it is negative: a logarithm, a root or a broken power of a negative "
                "number. The slope can be had without."
            ),
            _cube(KEPT, "return grad_output * 3 * self.input**3"): (
                "the slope of the cube has one power of the input less than the cube."
            ),
            _cube(
                KEPT, "return grad_output * 2 * self.input"
            ): "that is the slope of a square. Here forward is a cube.",
            _cube(
                KEPT, "return grad_output * 2 * self.input**2"
            ): "which factor does a cube leave in front, when it is differentiated?",
            _cube(
                KEPT, "return grad_output * 3 * self.input**4"
            ): "the power goes down when a cube is differentiated, not up.",
            _cube(KEPT, "return grad_output * self.input**4 / 4"): (
                "that is an integral of the cube: differentiated, the power goes down."
            ),
            _cube(KEPT, "return grad_output * 3 * self.input**2 * grad_output"): (
                "what arrives stands in it twice. It is a factor, once."
            ),
            _cube(KEPT, "return (3 * self.input * grad_output) ** 2"): (
                "brackets: what arrives is squared as well, and the number in front too. Of which factor is the square?"
            ),
            _cube(
                KEPT, "return grad_output * (3 * self.input) ** 2"
            ): "brackets: the number in front is squared as well.",
            _cube(
                KEPT, "return grad_output + 3 * self.input**2"
            ): "the slope is added to what arrives; it should be multiplied.",
            _cube(
                KEPT, "return 3 * self.input**2 / grad_output"
            ): "the slope is divided by what arrives; it should be multiplied.",
            _cube("self.input = input\nreturn input @ input.T @ input", SLOPE): (
                "forward multiplies matrices, with @, and mixes the entries. Each y_ij is made of x_ij alone."
            ),
            _cube("self.input = input\nreturn input**2", SLOPE): "forward gives the square; the cube is asked for.",
            _cube(
                "self.input = input\nreturn 3 * input", SLOPE
            ): "forward multiplies by 3; the third power is asked for.",
            _cube("self.input = input\nreturn (input**3).sum()", "return grad_output * 3 * self.input**2"): (
                "forward adds everything up to one number. It should return a cube for each entry."
            ),
            _cube(KEPT, "return 3 * grad_output**2"): (
                "the slope is taken at grad_output; it belongs to the input that forward has seen."
            ),
        },
        wrong={
            _cube("self.input = input; return input^3", SLOPE): "^ is no power",
            _cube("return input**3", SLOPE): "forward (or __init__) has to say self.input",
            _cube("return input**3", "return grad_output * 3 * input**2"): "the notebook's `input`",
            _cube("self.input = input; input**3", SLOPE): "forward of Cube returns nothing",
            _cube(KEPT, "grad_output * 3 * self.input**2"): "backward of Cube returns nothing",
            _cube(KEPT, "raise NotImplementedError"): "backward is still to be written",
            _cube(KEPT, "return grad_output @ (3 * self.input**2)"): "shape",
            _cube(KEPT, "return (grad_output * 3 * self.input**2).sum()"): "summed to one single number",
            _cube(KEPT, SLOPE + " / len(self.input)"): "factor 1/n",
            _cube("self.input = input; return inptu**3", SLOPE): "do you mean input?",
            _cube("self.input = input; return input.pow_(3)", SLOPE): "forward writes into its input",
            _cube(
                "self.input = input.requires_grad_(); return input**3",
                "return torch.autograd.grad(self.input**3, self.input, grad_output)[0]",
            ): "leaves the gradient to torch",
            "class Cube(Module):\n    def forward(input):\n        return input**3\n"
            + method("backward(self, g)", SLOPE): "Is self missing",
            _cube("self.input = input.double()\nreturn self.input**3", SLOPE): "what forward returns is float64",
            _cube(KEPT, "return (grad_output * 3 * self.input**2).double()"): ("what backward returns is float64"),
            _cube(KEPT, "return grad_output * 3 * self.input[:1] ** 2"): "backward mixes the entries",
            _cube(KEPT, "return grad_output * 3 * self.input**1.5"): "backward returns nan in row",
            _cube(KEPT, "return grad_output * (2 * self.input.log()).exp() * 3"): "nan where it is negative",
            _cube(KEPT, "return grad_output * 3 * self.input**2 + 1"): "where nothing arrives",
            _cube(KEPT, "return grad_output.abs() * 3 * self.input**2"): "never a minus",
            _cube(KEPT, "return grad_output * 5 * self.input.abs()"): "backward takes the slope to be",
            _cube("self.input = input\nreturn (input**3).round(decimals=3)", SLOPE): "Is something rounded",
            _cube("self.input = input\nreturn input**3 - input.mean()", SLOPE): "forward mixes the entries",
            "Cube = 3": "it should be a class",
        },
    ),
]
