"""Exercises of 02_linear: the gradients of a Linear layer, claimed for one order of the weight and written for the other."""

from collections.abc import Callable
from typing import Any

import torch

from minidl import Linear
from minidl.lab.exercises.kinds import Claim, Layer
from minidl.lab.exercises.kinds.writing import layer, method
from minidl.lab.proof import matrices

MATRICES = 'X, W, b, G = matrices("X (n x in), W (in x out), b (1 x out), G (n x out)")'
TURNED = 'X, W, b, G = matrices("X (n x in), W (out x in), b (1 x out), G (n x out)")'
PROOF = "from minidl.lab.proof import define, matrices, ones, scalars\n"
N = '\n(n,) = scalars("n")\n'


def _linear(wrt: str) -> dict:
    symbols = dict(zip("XWbG", matrices("X (n x in), W (in x out), b (1 x out), G (n x out)"), strict=True))
    return {
        "forward": symbols["X"] @ symbols["W"] + symbols["b"],
        "wrt": symbols[wrt],
        "upstream": symbols["G"],
    }


def _torch_linear() -> dict:
    X, W, b, G = matrices("X (n x in), W (out x in), b (1 x out), G (n x out)")
    return {"forward": X @ W.T + b, "wrt": W, "upstream": G}


def _claims(name: str, says: dict[str, str]) -> dict[str, str]:
    """Return answers that give one formula each."""
    return {f"{name} = {formula}": words for formula, words in says.items()}


# --- Y = X W^T + b ---------------------------------------------------------------------------------------------------

LAYER_GIVEN = (
    "import torch\nfrom minidl import Linear, Module\n"
    "input, weight, bias = torch.ones(5, 3), torch.ones(2, 3), torch.zeros(1, 2)\ngrad_output = torch.ones(5, 2)"
)
INIT = method(
    "__init__(self, weight, bias)",
    "super().__init__()\n"
    'self.params = {"weight": weight, "bias": bias}\n'
    'self.grad = {"weight": torch.zeros_like(weight), "bias": torch.zeros_like(bias)}',
)
FORWARD = 'self.input = input\nreturn input @ self.params["weight"].T + self.params["bias"]'
WEIGHT = 'self.grad["weight"] += grad_output.T @ self.input'
BIAS = 'self.grad["bias"] += grad_output.sum(0, keepdim=True)'
BACK = 'return grad_output @ self.params["weight"]'


def _mine(*backward: str, forward: str = FORWARD, init: str = INIT) -> str:
    return layer("MyLinear", forward, "\n".join(backward), init=init)


def _build(in_features: int, out_features: int) -> Callable[[type], Any]:
    def build(cls: type) -> Any:
        drawn = torch.Generator().manual_seed(4)
        return cls(
            *(torch.randn(*shape, generator=drawn) for shape in ((out_features, in_features), (1, out_features)))
        )

    return build


def _forward_is_as_given(cls: type) -> str:
    drawn = torch.Generator().manual_seed(5)
    input, weight, bias = (torch.randn(*shape, generator=drawn) for shape in ((5, 3), (2, 3), (1, 2)))
    off = (cls(weight, bias).forward(input) - input @ weight.T - bias).abs().max()
    return "" if off < 1e-5 else "its forward is no longer X W^T + b: put it back as it was."


# --- a scale for each feature ----------------------------------------------------------------------------------------

SCALE_INIT = method(
    "__init__(self, m)",
    "super().__init__()\n"
    'self.params = {"scale": torch.linspace(1, 2, m).reshape(1, m)}\n'
    'self.grad = {"scale": torch.zeros(1, m)}',
)
SCALE_FORWARD = 'self.input = input\nreturn input * self.params["scale"]'
SCALED = 'self.grad["scale"] += (self.input * grad_output).sum(0, keepdim=True)'
PASSED = 'return grad_output * self.params["scale"]'


def _scale(*backward: str, forward: str = SCALE_FORWARD) -> str:
    return layer("Scale", forward, "\n".join(backward), init=SCALE_INIT)


def _scale_is_as_given(cls: type) -> str:
    input = torch.arange(1.0, 7.0).reshape(2, 3)
    off = (cls(3).forward(input) - input * torch.tensor([1.0, 1.5, 2.0])).abs().max()
    return "" if off < 1e-5 else "its forward no longer multiplies by the scale: put it back as it was."


EXERCISES = [
    Claim(
        id="02 claim input",
        name="claim_input",
        asks="dL/dX of Y = X W + b, as a formula made of X, W, b and G.",
        points=2,
        statement=lambda: _linear("X"),
        hint="Which factor knows the row i of X, which the column k? The summed index stands inside.",
        given=PROOF + MATRICES + N,
        solution=f"{MATRICES}\nclaim_input = G @ W.T",
        right=(
            "claim_input = (W @ G.T).T",
            "claim_input = n * (G @ W.T) / n",
            "turned = W.T\nclaim_input = 0.5 * (G @ turned + G @ turned)",
            "claim_input = G @ W.T + 0 * X",
            "claim_input = define('M', G @ W.T)",
            f"{MATRICES}\nclaim_input = 1 * G @ W.T",
        ),
        slips=_claims(
            "claim_input",
            {
                "W @ G.T": (
                    "that is in x n: a row for each feature. X has a row for each sample. "
                    "Which factor knows the sample, and on which side does it stand then?"
                ),
                "X.T @ G": "that is how L changes with the weights, and in x out. Now X is what we nudge.",
                "G": "G is n x out: it has one column for each output. The message for X has one for each input feature.",
                "W": "W alone holds the slopes. Each is multiplied by what arrives, and G does not occur.",
                "W.T": "the transpose of W holds the slopes. Each is multiplied by what arrives, and G does not occur.",
                "X @ W": "that is forward again. What comes back starts from G.",
                "G @ W.T / n": "divided by n: whose sum runs over the samples? An entry of X belongs to one of them.",
                "2 * (G @ W.T)": "twice too large: one factor 2 is too many.",
                "-(G @ W.T)": "the sign is the wrong way round: a larger x makes y larger where its weight is positive.",
                "(G @ W.T) * X": "multiplied by X: the output is a straight line in X, whose slope does not know where X is.",
                "(G @ W.T).sum()": "everything is added up to one number. There is one derivative for each entry of X.",
                "ones('n') @ (ones('n').T @ G) @ W.T": (
                    "summed over the samples: but x_ik stands in row i of the output only, so other rows have no say."
                ),
                "G @ ones('out') @ ones('in').T": (
                    "each output counts with 1, whatever its weight. How strongly does y_ij react to x_ik?"
                ),
            },
        ),
        wrong=_claims(
            "claim_input",
            {
                "3 * (G @ W.T)": "3 times too large",
                "G @ W.T + X": "x_ik too many",
                "X": "in more than one place",
                "'G @ W.T'": "a formula made of the symbols above",
                "None": "None",
                "0": "0",
                "1": "1",
                "[G, W.T]": "a formula made of the symbols above",
                "G * ones('n')": "n x out",
            },
        ),
    ),
    Claim(
        id="02 claim bias",
        name="claim_bias",
        asks="dL/db of Y = X W + b, as a formula made of X, W, b, G and columns of ones.",
        points=2,
        statement=lambda: _linear("b"),
        hint="In how many rows of Y does b_j stand, and how far does it move each of them?",
        given=PROOF + MATRICES + N,
        solution=f'{MATRICES}\nclaim_bias = ones("n").T @ G',
        right=(
            'claim_bias = (G.T @ ones("n")).T',
            'claim_bias = ones("n").T @ G * 1',
            'row = ones("n").T\nclaim_bias = row @ G',
            'claim_bias = (2 * ones("n").T) @ G / 2',
            'claim_bias = ones("n").T @ G + 0 * b',
            'claim_bias = n * ((ones("n").T / n) @ G)',
        ),
        slips=_claims(
            "claim_bias",
            {
                "G": "G has n rows. There is one b_j for all of them.",
                "G.sum()": "everything is added up to one number, the columns too. b_j moves column j only.",
                'ones("n").T @ G / n': "divided by n: that is a mean. What comes back on several paths adds up.",
                'G.T @ ones("n")': "that is a column. b is a row, 1 x out.",
                "1": "how far y moves with b is 1. That is multiplied by what arrives, and G does not occur.",
                'ones("n").T @ (X @ W)': "that sums up the outputs, not what arrives at them.",
                'ones("n").T @ (X @ W + b)': "that sums up the outputs, bias and all, not what arrives at them.",
                "n * b": "n and b alone know nothing of the loss: G does not occur.",
                "X.T @ G": "that is how L changes with the weights, in x out. How far does y_ij move with b_j?",
                'ones("in").T @ X.T @ G': (
                    "each sample counts as often as its inputs add up to. But b_j moves every output by as much, "
                    "whatever the input is."
                ),
                '-(ones("n").T @ G)': "the sign is the wrong way round: a larger b makes y larger.",
                'ones("n").T @ G * b': "multiplied by b: but y is a straight line in b, whose slope does not know where b is.",
                'n * (ones("n").T @ G)': "n times too large: the sum over the samples is there already.",
                'G @ ones("out")': (
                    "that adds up the columns, so that one column is left, a number for each sample. Each b_j has a column of "
                    "G of its own: the rows are to be added up, so that one row is left."
                ),
                '(G @ ones("out")).T': "added up over the outputs: one number for each sample. But the samples share b_j.",
                'ones("n").T': "a row of ones alone knows nothing of the loss: G does not occur.",
            },
        ),
        wrong=_claims(
            "claim_bias",
            {
                '2 * (ones("n").T @ G)': "2 times too large",
                '(ones("n").T @ G) / 2': "2 times too small",
                "0": "0",
                "b": "b_j where something else stands",
                "None": "None",
                "sum": "a formula made of the symbols above",
                "True": "a formula made of the symbols above",
                '"G.sum(0)"': "a formula made of the symbols above",
            },
        ),
    ),
    Claim(
        id="02 claim torch",
        name="claim_torch",
        asks="dL/dW where the weight is kept the other way round, Y = X W^T + b, as a formula made of X, W, b and G.",
        points=2,
        statement=_torch_linear,
        hint="The result has row j and column k. Which factor knows j?",
        given=PROOF + TURNED + N,
        solution=f"{TURNED}\nclaim_torch = G.T @ X",
        right=(
            "claim_torch = (X.T @ G).T",
            "claim_torch = 1 * G.T @ X",
            "claim_torch = G.T @ X + 0 * W",
            "left = G.T\nclaim_torch = left @ X",
            "claim_torch = n * (G.T @ X) / n",
            "claim_torch = G.T @ (2 * X) / 2",
        ),
        slips=_claims(
            "claim_torch",
            {
                "X.T @ G": (
                    "that is in x out, as W was before. The new W is out x in: each of its rows belongs to an output."
                ),
                "(G.T @ X) / n": "divided by n: that is a mean. What comes back on several paths adds up.",
                "G.T": "out x n: what arrives, turned over. How strongly each output reacts to the weight is missing.",
                "X": "X alone holds the slopes. Each is multiplied by what arrives, and G does not occur.",
                "X.T": "the transpose of X holds the slopes. Each is multiplied by what arrives, and G does not occur.",
                "G @ W": "that is how L changes with X, and n x in. Here W is what we nudge.",
                "-(G.T @ X)": "the sign is the wrong way round: a larger weight makes y larger where its input is positive.",
                "2 * (G.T @ X)": "twice too large: one factor 2 is too many.",
                "(G.T @ X) * W": "multiplied by W: the output is a straight line in W, whose slope does not know where W is.",
                "(G.T @ X).sum()": "everything is added up to one number. There is one derivative for each entry of W.",
                "G.T @ ones('n') @ ones('in').T": (
                    "each input counts with 1, whatever it is. How strongly does y_ij react to the weight?"
                ),
                "n * (G.T @ X)": "n times too large: the sum over the samples is there already.",
            },
        ),
        wrong=_claims(
            "claim_torch",
            {
                "3 * (G.T @ X)": "3 times too large",
                "G.T @ X + W": "w_jk too many",
                "G": "n x out",
                "0": "0",
                "W": "in more than one place",
                "None": "None",
                "'G.T @ X'": "a formula made of the symbols above",
                "G.T @ X @ X.T @ X": "in more than one place",
            },
        ),
    ),
    Layer(
        id="02 linear layer",
        name="MyLinear",
        asks="The backward of a Linear layer whose weight is out x in, as PyTorch has it: Y = X W^T + b.",
        points=3,
        builds={
            "with 3 features in and 2 out": _build(3, 2),
            "with 3 features in and 1 out": _build(3, 1),
            "with 3 features in and out": _build(3, 3),
        },
        shapes=((5, 3), (1, 3)),
        methods=("backward",),
        also=_forward_is_as_given,
        ours=Linear,
        about_ours=(
            "The lines with add_product, sum(-2) and return product(...) are your three gradients; all else you may skip. "
            "(minidl keeps its weight in x out, Y = XW + b, so the transposes stand elsewhere. product(left, right) is "
            "left @ right, plus=bias adds the bias too; add_product(total, left, right) is total += left @ right. mT is T, and "
            "sum(-2) is sum(0), where there may be a stack of matrices. _check, _kept and _recall_for look after the tensors.)"
        ),
        hint="Write the shape of each factor under it: the weight is out x in here.",
        given=LAYER_GIVEN,
        solution=_mine('weight = self.params["weight"]', WEIGHT, BIAS, "return grad_output @ weight"),
        right=(
            _mine(
                'self.grad["weight"] += (self.input.T @ grad_output).T',
                'self.grad["bias"] += grad_output.sum(dim=0)',
                'return (self.params["weight"].T @ grad_output.T).T',
            ),
            _mine(
                'self.grad["weight"] += torch.einsum("ij,ik->jk", grad_output, self.input)',
                'self.grad["bias"] += torch.ones(1, len(grad_output), dtype=grad_output.dtype) @ grad_output',
                'return torch.einsum("ij,jk->ik", grad_output, self.params["weight"])',
            ),
            _mine(
                "for x, g in zip(self.input, grad_output):",
                '    self.grad["weight"] += torch.outer(g, x)',
                '    self.grad["bias"] += g',
                'return torch.matmul(grad_output, self.params["weight"])',
            ),
            _mine(
                'self.grad["weight"].add_(grad_output.mT.matmul(self.x))',
                'self.grad["bias"].add_(grad_output.sum(-2, keepdim=True))',
                "return grad_output.mm(self.w)",
                forward='self.x, self.w = input.clone(), self.params["weight"]\nreturn self.x @ self.w.T + self.params["bias"]',
            ),
            _mine(
                'self.grad["weight"] = self.grad["weight"] + grad_output.transpose(0, 1) @ self.input',
                'self.grad["bias"] = self.grad["bias"] + grad_output.mean(0) * grad_output.shape[0]',
                'weight = self.params["weight"]',
                "return sum(grad_output[:, [j]] * weight[[j]] for j in range(len(weight)))",
            ),
        ),
        slips={
            _mine(WEIGHT.replace("grad_output.T @ self.input", "self.input.T @ grad_output"), BIAS, BACK): (
                'what is added to grad["weight"] is in x out, as if Y were XW + b. Here the weight is out x in.'
            ),
            _mine(WEIGHT, BIAS, BACK + ".T"): (
                "what backward returns uses W turned over, as if Y were XW + b. Here W is out x in: which way round fits?"
            ),
            _mine(WEIGHT.replace("grad_output.T @ self.input", "self.input.T @ grad_output"), BIAS, BACK + ".T"): (
                'both the message and what is added to grad["weight"] are those of Y = XW + b. Here the weight is out x in.'
            ),
            _mine(WEIGHT, 'self.grad["bias"] += grad_output.sum()', BACK): (
                'one single number is added to all of grad["bias"]. Each entry belongs to one output feature.'
            ),
            _mine(WEIGHT, 'self.grad["bias"] += grad_output', BACK): (
                'grad["bias"] is one row, and grad_output has one for each sample: the samples have not been added up.'
            ),
            _mine(WEIGHT, 'self.grad["bias"] += grad_output.sum(1, keepdim=True)', BACK): (
                "for the bias, the sum runs over the output features: dimension 1. What shares b_j are the samples."
            ),
            _mine(WEIGHT, 'self.grad["bias"] += grad_output.max(0, keepdim=True).values', BACK): (
                'grad["bias"] gets the largest message of each column. Every sample shares b_j: all of them count.'
            ),
            _mine(WEIGHT, BIAS, 'return (grad_output + self.params["bias"]) @ self.params["weight"]'): (
                "the bias is added to what arrives. A nudge of x moves y by the weight, whatever the bias is."
            ),
            _mine(WEIGHT, BIAS, BACK + ' + self.params["bias"].sum()'): (
                "the bias is added to what backward returns. What comes back is made of what arrives, and of the weight."
            ),
            _mine(WEIGHT, 'self.grad["bias"] += grad_output * self.params["bias"]', BACK): (
                'grad["bias"] is one row, and what is added has one for each sample; nor has the bias itself a say in it.'
            ),
            _mine(WEIGHT, 'self.grad["bias"] += grad_output.sum(0, keepdim=True) * self.params["bias"]', BACK): (
                'what is added to grad["bias"] is multiplied by the bias as well. How far does y move with b?'
            ),
            _mine(WEIGHT, 'self.grad["bias"] += self.input.sum(0, keepdim=True) @ self.params["weight"].T', BACK): (
                'grad["bias"] is made of the inputs. What belongs there is what arrived.'
            ),
            _mine(WEIGHT, BIAS, 'return self.input @ self.params["weight"].T @ self.params["weight"]'): (
                "backward is made of the inputs. What comes back starts from what arrives."
            ),
            _mine(WEIGHT, 'self.grad["bias"] += self.params["bias"]', BACK): (
                'grad["bias"] gets the bias itself. What belongs there is what arrived at it.'
            ),
            _mine(WEIGHT, 'self.grad["bias"] += 1', BACK): (
                'grad["bias"] gets 1, how far y moves with b. That is multiplied by what arrives.'
            ),
            _mine(WEIGHT, BIAS, 'return self.params["weight"]'): (
                "backward returns the weight itself. Each slope is multiplied by what arrives."
            ),
            _mine(WEIGHT, BIAS, "return grad_output"): (
                "backward passes on what arrives as it is: it has a column for each output, and not for each input."
            ),
            _mine(WEIGHT, BIAS, 'return self.grad["weight"]'): (
                "backward returns the weight's gradient, which is kept. What is passed on is the message for the input."
            ),
            _mine(WEIGHT.replace(".T @ self.input", '.T @ self.input * self.params["weight"]'), BIAS, BACK): (
                'what is added to grad["weight"] is multiplied by the weight as well. How far does y move with w?'
            ),
            _mine(WEIGHT, BIAS, 'return grad_output @ self.grad["weight"]'): (
                "backward multiplies what arrives by the weight's gradient. How strongly y reacts, the weight itself says."
            ),
            _mine(WEIGHT.replace("grad[", "params["), BIAS.replace("grad[", "params["), BACK): (
                "backward changes the parameters themselves. It keeps their gradients, in self.grad; the optimiser steps."
            ),
            _mine(WEIGHT, BIAS, 'return self.params["weight"].T @ grad_output.T'): (
                "what backward returns is turned over: it has a row for each feature, and should have one for each sample."
            ),
            _mine(BIAS, BACK): 'nothing is added to grad["weight"].',
            _mine(WEIGHT, BACK): 'nothing is added to grad["bias"].',
            _mine(
                BACK
            ): "the message is passed on, and nothing is kept: there are two gradients to be added to self.grad.",
            _mine('self.grad["weight"] += grad_output.reshape(-1, len(grad_output)) @ self.input', BIAS, BACK): (
                'for grad["weight"], grad_output is read in the same order into other rows. That is no transpose.'
            ),
        },
        wrong={
            _mine(WEIGHT + " / len(grad_output)", BIAS, BACK): "factor 1/n",
            _mine(WEIGHT, BIAS.replace("sum(", "mean("), BACK): "factor 1/n",
            _mine('self.params["weight"] -= 0.1 * grad_output.T @ self.input', BIAS, BACK): "backward changes weight",
            _mine('self.grad["bias"] += grad_output.sum(1, keepdim=True)', BACK): "along dimension 1, the features",
            _mine(WEIGHT, 'self.grad["bias"] += grad_output.sum(dim=1)', BACK): "along dimension 1, the features",
            _mine(
                WEIGHT, 'self.grad["bias"] += torch.sum(grad_output, 1, keepdim=True)', BACK
            ): "the output features: dimension 1",
            _mine(WEIGHT, 'self.grad["bias"] += grad_output[-1:]', BACK): "that of the last sample alone",
            _mine(WEIGHT, 'self.grad["bias"] += grad_output[:1]', BACK): "that of the first sample alone",
            _mine(WEIGHT, 'self.grad["bias"] += ones("n").T @ grad_output', BACK).replace(
                "class", "from minidl.lab.proof import ones\nclass"
            ): "backward uses `ones`, which makes formulas for claims. A layer works with tensors.",
            _mine(WEIGHT, BIAS, 'return grad_output.double() @ self.params["weight"].double()'): (
                "what backward returns is float64"
            ),
            _mine(WEIGHT, 'self.grad["bias"] += grad_output.abs().sum(0, keepdim=True)', BACK): (
                'with -2 times the message, grad["bias"] gets'
            ),
            _mine(WEIGHT.replace("+=", "="), BIAS.replace("+=", "="), BACK): "overwrites the gradient",
            _mine(WEIGHT.replace("+=", "-="), BIAS, BACK): "sign",
            _mine(WEIGHT, BIAS, BACK.removeprefix("return ")): "backward of MyLinear returns nothing",
            _mine(WEIGHT.replace("self.input", "input"), BIAS, BACK): "backward uses the notebook's `input`",
            f"{PROOF}{MATRICES}\n" + _mine(WEIGHT, BIAS, "return G @ W"): (
                'here G is grad_output and W is self.params["weight"].'
            ),
            _mine(WEIGHT, BIAS, "return grad_output @ weight"): 'The layer has its own: self.params["weight"]',
            _mine(WEIGHT, BIAS, BACK.replace('self.params["weight"]', "self.weight")): "self.params",
            _mine(WEIGHT, BIAS.replace('"bias"', '"b"'), BACK): "KeyError",
            _mine(WEIGHT.replace("self.input", "self.x"), BIAS, BACK): "forward (or __init__) has to say self.x",
            _mine(WEIGHT, BIAS, 'return grad_output * self.params["weight"]'): "shape",
            _mine(WEIGHT.replace("@", "*"), BIAS, BACK): "shape",
            _mine(
                WEIGHT,
                'self.grad["bias"] += grad_output.sum(0, keepdim=True)',
                BACK,
                init=INIT.replace("        super().__init__()\n", ""),
            ).replace("self.params =", "pass; self.parms ="): "super().__init__() is missing",
            _mine(
                WEIGHT, BIAS, BACK, forward='self.input = input\nreturn input @ self.params["weight"].T'
            ): "forward does not use bias",
            "class MyLinear(Linear):\n    pass": "minidl's own",
            _mine(
                "x = self.input.detach().requires_grad_()",
                "y = x @ self.params['weight'].T",
                WEIGHT,
                BIAS,
                "return torch.autograd.grad(y, x, grad_output)[0]",
            ): "leaves the gradient to torch",
            "def MyLinear(weight, bias):\n    return weight": "it should be a class",
        },
    ),
    Layer(
        id="02 scale",
        name="Scale",
        asks="The backward of a layer that multiplies each feature by a number of its own, Y = X * s.",
        points=3,
        builds={"": lambda cls: cls(3)},
        shapes=((5, 3), (1, 3), (4, 3)),
        methods=("backward",),
        also=_scale_is_as_given,
        hint="Write the chain rule for one x_ij, and for one s_j: which outputs does each of them touch?",
        given="import torch\nfrom minidl import Linear, Module\ninput, scale = torch.ones(5, 3), torch.ones(1, 3)",
        solution=_scale(SCALED, PASSED),
        right=(
            _scale(
                'self.grad["scale"] += (grad_output * self.input).sum(dim=0)',
                'return self.params["scale"] * grad_output',
            ),
            _scale(
                'self.grad["scale"] += torch.diagonal(self.input.T @ grad_output).reshape(1, -1)',
                'return grad_output @ torch.diag(self.params["scale"][0])',
            ),
            _scale('self.grad["scale"] += torch.einsum("ij,ij->j", self.input, grad_output)', PASSED),
            _scale(
                "ones = torch.ones(1, len(grad_output), dtype=grad_output.dtype)",
                'self.grad["scale"] += ones @ (self.input * grad_output)',
                PASSED,
            ),
            _scale(
                'for x, g in zip(self.x, grad_output): self.grad["scale"] += x * g',
                "return grad_output.mul(self.s)",
                forward='self.x, self.s = input, self.params["scale"]\nreturn self.x * self.s',
            ),
        ),
        slips={
            _scale('self.grad["scale"] += self.input * grad_output', PASSED): (
                'grad["scale"] is one row, and what is added has one for each sample: the samples have not been added up.'
            ),
            _scale('self.grad["scale"] += (self.input * grad_output).sum()', PASSED): (
                'one single number is added to all of grad["scale"]. Each entry belongs to one feature.'
            ),
            _scale('self.grad["scale"] += grad_output.sum(0, keepdim=True)', PASSED): (
                'grad["scale"] is that of a bias: each y_ij reacts to s_j with a slope, and here that is not 1.'
            ),
            _scale('self.grad["scale"] += self.input.sum(0, keepdim=True)', PASSED): (
                'grad["scale"] holds only the slopes. Each is multiplied by what arrives before they are added up.'
            ),
            _scale(
                'self.grad["scale"] += self.input.sum(0, keepdim=True) * grad_output.sum(0, keepdim=True)', PASSED
            ): (
                'for grad["scale"], the inputs are added up, and the messages too, and then multiplied. Each sample\'s input '
                "belongs to its own message."
            ),
            _scale('self.grad["scale"] += (self.input * grad_output).sum(1, keepdim=True)', PASSED): (
                "the sum runs over the features: dimension 1. What shares s_j are the samples."
            ),
            _scale(SCALED, "return grad_output"): (
                "backward passes on what arrives as it is: y_ij reacts to x_ij with a slope, and that is not 1."
            ),
            _scale(SCALED, 'return self.params["scale"] * torch.ones_like(grad_output)'): (
                "backward returns the slopes alone. Each is multiplied by what arrives."
            ),
            _scale(SCALED, "return grad_output * self.input"): (
                "backward multiplies what arrives by the input: that is what belongs to the scale."
            ),
            _scale(SCALED, 'return grad_output / self.params["scale"]'): (
                "backward divides by the scale. A nudge of x_ij is multiplied by it on the way forward; so is what comes back."
            ),
            _scale(SCALED, 'return grad_output @ self.params["scale"].T'): (
                "what backward returns is summed over the features, and one column is left. x_ij touches y_ij only."
            ),
            _scale(SCALED, 'return self.params["scale"]'): (
                "backward returns the scale itself, one row. Each slope is multiplied by what arrives."
            ),
            _scale('self.grad["scale"] += self.params["scale"] * grad_output.sum(0, keepdim=True)', PASSED): (
                'grad["scale"] is multiplied by the scale itself. How far does y_ij move with s_j?'
            ),
            _scale('self.grad["scale"] += (self.input.T @ grad_output).sum(0, keepdim=True)', PASSED): (
                "X^T G mixes the features. Feature j of the output is made from feature j of the input alone."
            ),
            _scale(SCALED + ' * self.params["scale"]', PASSED): (
                'what is added to grad["scale"] is multiplied by the scale as well. How far does y_ij move with s_j?'
            ),
            _scale(SCALED, 'return grad_output * self.grad["scale"]'): (
                "backward multiplies what arrives by the gradient of the scale. It is the scale itself that says how y reacts."
            ),
            _scale(SCALED, PASSED + " * self.input"): (
                "backward multiplies by the scale and by the input: that is the output. It should be by the slope alone."
            ),
            _scale('self.grad["scale"] += (self.input * grad_output).max(0, keepdim=True).values', PASSED): (
                'grad["scale"] gets the largest product of each column. Every sample shares s_j: all of them count.'
            ),
            _scale('self.grad["scale"] += (self.input**2 * grad_output).sum(0, keepdim=True)', PASSED): (
                'for grad["scale"], the input is squared. How far does y_ij move with s_j?'
            ),
            _scale(SCALED, 'return grad_output * self.params["scale"].sum()'): (
                "all scales are added up in what backward returns. y_ij is made with s_j alone."
            ),
            _scale(SCALED, 'return grad_output * self.params["scale"].mean()'): (
                "the scales are averaged in what backward returns. y_ij is made with s_j alone."
            ),
            _scale(SCALED, 'return grad_output + self.params["scale"]'): (
                "the scale is added to what arrives; it should be multiplied."
            ),
            _scale(PASSED): 'nothing is added to grad["scale"].',
        },
        wrong={
            _scale('self.grad["scale"] += (self.input * grad_output).mean(0, keepdim=True)', PASSED): "factor 1/n",
            _scale(SCALED.replace("+=", "="), PASSED): "overwrites the gradient",
            _scale(SCALED.replace("+=", "-="), PASSED): "sign",
            _scale(SCALED, PASSED.removeprefix("return ")): "backward of Scale returns nothing",
            _scale(SCALED.replace("self.input", "input"), PASSED): "backward uses the notebook's `input`",
            _scale(SCALED, "return grad_output * scale"): "the notebook's `scale`",
            _scale(SCALED, "return grad_output * self.scale"): "self.params",
            _scale(SCALED, 'return grad_output @ self.params["scale"]'): "shape",
            _scale(SCALED.replace("*", "@"), PASSED): "shape",
            _scale(
                'self.grad["scale"] += self.input.T @ grad_output', PASSED
            ): "as for Linear's weight, is a table: a row for each",
            _scale(
                'self.grad["scale"] += grad_output.T @ self.input', PASSED
            ): "A product like X^T G, as for Linear's weight",
            _scale(
                SCALED, 'return (grad_output * self.params["scale"]).sum(1, keepdim=True)'
            ): "summed over the features",
            _scale(SCALED, PASSED, forward='self.input = input\nreturn input @ self.params["scale"].T'): "forward",
            "Scale = Linear": "minidl's own",
        },
    ),
]
