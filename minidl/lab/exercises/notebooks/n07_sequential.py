"""Exercises of 07_sequential: a gradient deep inside a network, as a formula and in numbers, and the chain itself."""

import torch
from torch import Tensor

from minidl import Sequential
from minidl.lab.exercises.kinds import Chain, Claim, Value
from minidl.lab.exercises.kinds.writing import layer, method
from minidl.lab.proof import define, matrices

SYMBOLS = """\
import torch
from minidl.lab.proof import define, matrices, ones

X_, H_, A_, Y_ = matrices("X (n x in), H (n x hidden), A (n x hidden), Y (n x out)")
W1_, b1_, W2_, b2_ = matrices("W1 (in x hidden), b1 (1 x hidden), W2 (hidden x out), b2 (1 x out)")
T_, G_ = matrices("T (n x out), G (n x out)")
H_ = define("H", X_ @ W1_ + b1_)
A_ = define("A", H_.relu())
Y_ = define("Y", A_ @ W2_ + b2_)
"""
NUMBERS = """\
import torch

W1, b1 = torch.tensor([[1.0, 2.0], [3.0, -4.0]]), torch.tensor([[-2.0, -1.0]])
W2, b2 = torch.tensor([[1.0, -1.0], [2.0, 3.0]]), torch.tensor([[1.0, 0.0]])
"""


def _network() -> dict:
    X, G = matrices("X (n x in), G (n x out)")
    W1, b1, W2, b2 = matrices("W1 (in x hidden), b1 (1 x hidden), W2 (hidden x out), b2 (1 x out)")
    Y = define("Y", define("A", define("H", X @ W1 + b1).relu()) @ W2 + b2)
    return {"forward": Y, "upstream": G, "wrt": W1}


def _first_weight_gradient() -> Tensor:
    W1 = torch.tensor([[1.0, 2.0], [3.0, -4.0]], requires_grad=True)
    b1, b2 = torch.tensor([[-2.0, -1.0]]), torch.tensor([[1.0, 0.0]])
    Y = (torch.tensor([[3.0, 1.0]]) @ W1 + b1).relu() @ torch.tensor([[1.0, -1.0], [2.0, 3.0]]) + b2
    return torch.autograd.grad(((Y - torch.tensor([[6.0, -1.0]])) ** 2).sum(), W1)[0]


INIT = method("__init__(self, *modules)", "super().__init__()\nself.chain = modules")
FORWARD = "for layer in self.chain:\n    input = layer.forward(input)\nreturn input"
BACKWARD = "for layer in reversed(self.chain):\n    grad_output = layer.backward(grad_output)\nreturn grad_output"
ITEM = method("__getitem__(self, k)", "return self.chain[k]")


def _mine(forward: str = FORWARD, backward: str = BACKWARD, item: str = ITEM, init: str = INIT) -> str:
    return layer("MySequential", forward, backward, init, item)


EXERCISES = [
    Claim(
        id="07 first weight claim",
        name="claim_w1",
        asks="dL/dW1 of Y = max(0, X W1 + b1) W2 + b2, as a formula of G and the letters of the network.",
        points=2,
        statement=_network,
        hint="Which message arrives at the first layer, after the second one and ReLU?",
        given=SYMBOLS,
        solution="claim_w1 = X_.T @ ((G_ @ W2_.T) * (H_ > 0))",
        right=(
            "claim_w1 = X_.T @ ((H_ > 0) * (G_ @ W2_.T))",
            "claim_w1 = X_.T @ (G_ @ W2_.T * (H_ > 0))",
            "claim_w1 = X_.T @ ((G_ @ W2_.T) * (X_ @ W1_ + b1_ > 0))",
            "G_A_ = G_ @ W2_.T\nG_H_ = G_A_ * (H_ > 0)\nclaim_w1 = X_.T @ G_H_",
            "claim_w1 = ((G_ @ W2_.T * (H_ > 0)).T @ X_).T",
            "claim_w1 = X_.T @ ((W2_ @ G_.T).T * (H_ > 0))",
        ),
        slips={
            "claim_w1 = X_.T @ (G_ @ W2_.T)": (
                "the message goes through ReLU on its way to the first layer, and your formula lets all of it through."
            ),
            "claim_w1 = X_.T @ ((G_ @ W2_.T) * H_.relu())": (
                "the message is multiplied by what ReLU puts out. It should be multiplied by ReLU's slope."
            ),
            "claim_w1 = X_.T @ ((G_ @ W2_.T) * H_)": (
                "the message is multiplied by what goes into ReLU. It should be multiplied by ReLU's slope."
            ),
            "claim_w1 = X_.T @ ((G_ @ W2_.T) * (H_ < 0))": (
                "your formula lets the message through where the hidden unit is silent, and stops it where it speaks."
            ),
            "claim_w1 = A_.T @ ((G_ @ W2_.T) * (H_ > 0))": (
                "A is what the first layer and ReLU put out. A weight is multiplied by what comes into its own layer."
            ),
            "claim_w1 = X_.T @ ((G_ * (Y_ > 0)) @ W2_.T)": (
                "the gate stands behind the second layer, and there is none: ReLU stands between the two, at H."
            ),
            "claim_w1 = A_.T @ G_": "that is the gradient of the second weights; the first ones are asked for.",
            "claim_w1 = (G_ @ W2_.T) * (H_ > 0)": (
                "that is the message that arrives at the first layer. What does the layer make of it for its weights?"
            ),
            "claim_w1 = X_.T @ (2 * (Y_ - T_) @ W2_.T * (H_ > 0))": (
                "2 (Y - T) is the message of one loss. Here it is G, whatever the loss may be."
            ),
            "claim_w1 = (X_.T @ ((G_ @ W2_.T) * (H_ > 0))).T": (
                "it is transposed: it has the shape hidden x in, and should have that of W1, in x hidden."
            ),
            "claim_w1 = 2 * X_.T @ ((G_ @ W2_.T) * (H_ > 0))": (
                "there is a factor 2 too many. It belongs to the squared error, and that is part of the message G already."
            ),
            "claim_w1 = ones('n').T @ ((G_ @ W2_.T) * (H_ > 0))": (
                "that is what the bias b1 keeps: it has one row. The weights have a row for each input."
            ),
            "claim_w1 = ((G_ @ W2_.T) * (H_ > 0)) @ W1_.T": (
                "that is the message which the first layer passes on to X. What does it keep for its weights?"
            ),
        },
        wrong={
            "claim_w1 = X_.T @ ((G_ @ W2_.T) * (A_ > 1))": "claim",
            "claim_w1 = -X_.T @ ((G_ @ W2_.T) * (H_ > 0))": "sign",
            "claim_w1 = 'X.T @ G'": "should be a formula",
            "claim_w1 = torch.tensor(1.0)": "should be a formula",
            "claim_w1 = torch.ones(2, 1) @ torch.ones(1, 2)": "names end in _, and those without it are numbers",
            "(G_H_,) = matrices('G_H (n x hidden)')\nclaim_w1 = X_.T @ G_H_": (
                "nothing says what G_H is: write what you mean with X, W1, b1, W2, b2, G alone."
            ),
            "claim_w1 = X_.T @ (2 * (Y_ - T_) @ W2_.T)": "nothing says what T is",
            "claim_w1 = 0": "claim",
        },
    ),
    Chain(
        id="07 sequential",
        name="MySequential",
        asks="A chain of any number of modules, with forward, backward and mine[k] for the modules in it.",
        points=3,
        hint=(
            "Two loops: what comes out of one module goes into the next. Forward they begin at the first, backward at the "
            "last."
        ),
        given="import torch\nfrom minidl import Linear, Module, ReLU, Sequential, Tanh",
        solution=_mine(),
        ours=Sequential,
        about_ours=(
            "Of forward, only the loop is the lesson. The lines around it are for an error in the middle: then all layers take "
            "back what they kept (_kept) before, so that no backward mixes two forwards. And [k] takes slices too: [:2] is a "
            "Sequential of two."
        ),
        right=(
            _mine(init=method("__init__(self, *modules)", "super().__init__()\nself.chain = list(modules)")),
            _mine(
                "value = input\nfor k in range(len(self.chain)):\n    value = self.chain[k](value)\nreturn value",
                "for k in range(len(self.chain) - 1, -1, -1):\n    grad_output = self.chain[k].backward(grad_output)\n"
                "return grad_output",
                method("__getitem__(self, index)", "return self.chain[index]"),
            ),
            "from functools import reduce\n"
            + _mine(
                "return reduce(lambda value, module: module(value), self.chain, input)",
                "return reduce(lambda message, module: module.backward(message), self.chain[::-1], grad_output)",
            ),
            _mine(
                "outputs = [input]\nfor module in self.chain:\n    outputs.append(module.forward(outputs[-1]))\n"
                "return outputs[-1]",
                "k = len(self.chain)\nwhile k > 0:\n    k -= 1\n    grad_output = self.chain[k].backward(grad_output)\n"
                "return grad_output",
            ),
            _mine(
                "def go(k, value):\n    return value if k == len(self.chain) else go(k + 1, self[k].forward(value))\n"
                "return go(0, input)",
                "message = grad_output.clone()\nfor module in list(self.chain)[::-1]:\n"
                "    message = module.backward(message)\nreturn message",
                method(
                    "__getitem__(self, k)",
                    "for i, module in enumerate(self.chain):\n    if i == k:\n        return module",
                ),
            ),
            "from functools import reduce\n"
            "class MySequential(Module):\n"
            "    def __init__(self, *modules):\n"
            "        super().__init__()\n"
            "        self.chain = list(modules)\n"
            "    forward = lambda self, input: reduce(lambda x, m: m(x), self.chain, input)\n"
            "    backward = lambda self, g: reduce(lambda g, m: m.backward(g), self.chain[::-1], g)\n"
            "    __getitem__ = lambda self, k: self.chain[k]\n",
            _mine(item="") + "\n\nMySequential.__getitem__ = lambda self, k: self.chain[k]\n",
            _mine(item="").replace("MySequential", "Loops") + "\n\nclass MySequential(Loops):\n" + ITEM,
            _mine(
                "if not self.chain:\n    raise NotImplementedError\n" + FORWARD,
                item=method("__getitem__(self, k)", "return list(self.chain)[k]")
                + "\n"
                + method("__len__(self)", "return 3"),
            ),
        ),
        wrong={
            _mine(item=""): "`__getitem__(self, k)` is still to be written",
            _mine(item=method("__getitem__(self, k)", "raise NotImplementedError")): "is still to be written",
            _mine(item=method("_get_item_(self, k)", "return self.chain[k]")): ("nobody calls _get_item_: the name"),
            _mine(backward="raise NotImplementedError"): "backward is still to be written",
            _mine(forward="raise NotImplementedError"): "forward is still to be written",
            _mine(
                backward="for module in self.chain:\n    grad_output = module.backward(grad_output)\nreturn grad_output"
            ): ("with 3 modules, calls modules 1, 2, 3 (counted from 1), in this order: that is the wrong way round"),
            _mine(
                forward=FORWARD.replace("self.chain", "reversed(self.chain)")
            ): "forward of MySequential, with 3 modules, calls modules 3, 2, 1",
            _mine(
                backward="for module in reversed(self.chain):\n    module.backward(grad_output)\nreturn grad_output"
            ): ("gives module 2 something else than what module 3 has returned"),
            _mine(forward="for module in self.chain:\n    output = module.forward(input)\nreturn output"): (
                "gives module 2 something else than what module 1 has returned"
            ),
            _mine(backward="for module in reversed(self.chain):\n    grad_output = module.backward(grad_output)"): (
                "backward of MySequential returns nothing"
            ),
            _mine(forward="for module in self.chain:\n    input = module.forward(input)"): (
                "forward of MySequential returns nothing"
            ),
            _mine(forward="for module in self.chain:\n    input = module.forward(input)\n    return input"): (
                "calls module 1 (counted from 1) and then no more: does a loop end too early?"
            ),
            _mine(
                backward=BACKWARD.replace("\nreturn", "\n    return")
            ): "calls module 3 (counted from 1) and then no more",
            _mine(
                "a, b, c = self.chain\nreturn c.forward(b.forward(a.forward(input)))",
            ): "forward of MySequential, with 2 modules, raises ValueError",
            _mine(
                "for k in (0, 1, 2):\n    input = self.chain[k](input)\nreturn input"
            ): "with 2 modules, raises IndexError",
            _mine(
                "for module in self.chain[:3]:\n    input = module.forward(input)\nreturn input",
                "for module in self.chain[:3][::-1]:\n    grad_output = module.backward(grad_output)\nreturn grad_output",
            ): "with 4 modules, calls modules 1, 2, 3 (counted from 1) and then no more",
            _mine(
                backward="for module in self.chain[:0:-1]:\n    grad_output = module.backward(grad_output)\nreturn grad_output"
            ): "calls modules 3, 2 (counted from 1) and then no more",
            _mine(
                backward="for k in range(len(self.chain) - 1):\n"
                "    grad_output = self.chain[k].backward(grad_output)\nreturn grad_output"
            ): "and never 3",
            _mine(
                backward="self.chain.reverse()\nfor module in self.chain:\n    grad_output = module.backward(grad_output)\n"
                "return grad_output",
                init=method("__init__(self, *modules)", "super().__init__()\nself.chain = list(modules)"),
            ): "backward leaves self.chain the other way round",
            _mine(
                backward="while self.chain:\n    grad_output = self.chain.pop().backward(grad_output)\nreturn grad_output",
                init=method("__init__(self, *modules)", "super().__init__()\nself.chain = list(modules)"),
            ): "backward changes self.chain",
            "import copy\n"
            + _mine(item=method("__getitem__(self, k)", "return copy.deepcopy(self.chain[k])")): "gives a copy",
            _mine(item=method("__getitem__(self, k)", "return self.chain[k - 1]")): (
                "[0] of a chain of 3 gives module 3, counted from 1, and should give module 1"
            ),
            _mine(item=method("__getitem__(self, k)", "self.chain[k]")): "[0] of a chain of 3 gives None",
            _mine(item=method("__getitem__(self, k)", "return self.chain")): "gives a tuple",
            _mine(item=method("__getitem__(self, k)", "return self.chain[0]")): "[1] of a chain of 3 gives module 1",
            _mine(item=method("__getitem__(self)", "return self.chain[0]")): "[0] of a chain of 3 raises TypeError",
            _mine(init=method("__init__(self, *modules)", "self.chain = modules")): "super().__init__() missing",
            _mine(
                init=method("__init__(self, *modules)", "super().__init__()\nself.chain = dict(enumerate(modules))"),
                forward="for module in self.chain.values():\n    input = module.forward(input)\nreturn input",
                backward="for module in list(self.chain.values())[::-1]:\n    grad_output = module.backward(grad_output)\n"
                "return grad_output",
            ): "does not find those of module 1: it looks at attributes",
            _mine(forward="for module in chain:\n    input = module.forward(input)\nreturn input"): "NameError",
            _mine(
                forward="for module in self.chian:\n    input = module.forward(input)\nreturn input"
            ): "do you mean self.chain?",
            _mine(forward="return input"): "forward does not call forward of any of the modules",
            _mine(forward="for module in self.chain:\n    input.copy_(module.forward(input))\nreturn input"): (
                "changes the tensor that it is given"
            ),
            "class MySequential(Sequential):\n    pass": "minidl's own; write yours",
            _mine(
                "return Sequential(*self.chain).forward(input)", "return Sequential(*self.chain).backward(grad_output)"
            ): ("minidl's own Sequential"),
            _mine(init=method("__init__(self, modules)", "super().__init__()\nself.chain = modules")): (
                "*modules takes them all"
            ),
            "MySequential = Sequential(Tanh())": "it should be a class",
        },
    ),
    Value(
        id="07 first weight gradient",
        name="first_weight_gradient",
        asks="dL/dW1 of the network on the page, for the sample X = (3, 1) with the target T = (6, -1).",
        expected=_first_weight_gradient,
        hint="H = (4, 1): both hidden units are awake.",
        given=NUMBERS,
        solution="first_weight_gradient = [[6, 12], [2, 4]]",
        right=(
            "first_weight_gradient = ((6.0, 12.0), (2.0, 4.0))",
            "first_weight_gradient = torch.tensor([[6, 12], [2, 4]])",
            "import numpy\nfirst_weight_gradient = numpy.outer([3, 1], [2, 4])",
            "first_weight_gradient = torch.tensor([[3.0, 1.0]]).T @ torch.tensor([[2.0, 4.0]])",
            "import sympy\nfirst_weight_gradient = sympy.Matrix([[6, 12], [2, 4]])",
            "first_weight_gradient = [torch.tensor([6.0, 12.0]), torch.tensor([2.0, 4.0])]",
            "G_Y = 2 * (torch.tensor([[4.0, 1.0]]) @ W2 + b2 - torch.tensor([[6.0, -1.0]]))\n"
            "first_weight_gradient = torch.tensor([[3.0, 1.0]]).T @ (G_Y @ W2.T)",
            "W1 *= 2\nfirst_weight_gradient = [[6, 12], [2, 4]]",
        ),
        slips={
            "first_weight_gradient = [[3, 6], [1, 2]]": (
                "every number is half of what it should be: the slope of a square is 2 times what is squared."
            ),
            "first_weight_gradient = [[6, 0], [2, 0]]": (
                "the second column is 0, as if no message came to the second hidden unit. This time one does."
            ),
            "first_weight_gradient = [[6, -6], [2, -2]]": (
                "on its way back through the second layer, the message is multiplied by W2 transposed, not by W2."
            ),
            "first_weight_gradient = [[8, 0], [2, 0]]": "that is dL/dW2; the first layer's is asked for.",
            "first_weight_gradient = [[2, 4]]": "that is the message that arrives at the first layer, dL/dH.",
            "first_weight_gradient = [2, 4]": (
                "that is the message at the first layer, dL/dH. The gradient has the shape of W1."
            ),
            "first_weight_gradient = [[12, 0], [6, 0]]": (
                "that is the gradient for the sample of the page; this one is another."
            ),
            "first_weight_gradient = [[4, 8], [2, 4]]": (
                "the message is right. It meets the X of the page, and this sample has its own."
            ),
            "first_weight_gradient = [[24, 78], [8, 26]]": (
                "that comes out where b1 is left out on the way forward, or where the error is taken to the T of the page."
            ),
            "first_weight_gradient = [[18, 66], [6, 22]]": "both biases are left out on the way forward.",
            "first_weight_gradient = [[0, 0], [0, 0]]": (
                "no message at all, as if the output were the target: is b2 left out on the way forward?"
            ),
            "first_weight_gradient = [[0, 12], [0, 4]]": (
                "the first column is 0, as if no message came to the first hidden unit. One does."
            ),
            "first_weight_gradient = [[3, 1], [3, 1]]": "that is the input alone; what arrives is a factor of it.",
            "first_weight_gradient = [[8, 8], [2, 2]]": (
                "that is dL/dW2 with both columns of the first one: the first layer's gradient is asked for."
            ),
            "first_weight_gradient = [[8, 16], [2, 4]]": (
                "the message is multiplied by what the first layer puts out; it should be by what comes into it."
            ),
        },
        wrong={
            "first_weight_gradient = [[6, 2], [12, 4]]": "transposed",
            "first_weight_gradient = [6, 12, 2, 4]": "the numbers are right, the shape is not",
            "first_weight_gradient = [[-6, -12], [-2, -4]]": "the sign",
            "first_weight_gradient = [[12, 24], [4, 8]]": "every number is 2 times",
            "first_weight_gradient = [[6, 12], [2, 5]]": "3 of 4 numbers are right; 5 (row 2, column 2) is not",
            "first_weight_gradient = 6": "its shape is ()",
            "first_weight_gradient = None": "None",
            "first_weight_gradient = [[6, 12.05], [2, 4]]": "near, and not exact",
        },
    ),
]
