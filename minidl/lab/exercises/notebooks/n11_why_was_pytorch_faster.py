"""Exercises of 11_why_was_pytorch_faster: a learning rate that is fair, and the test that was missing."""

from typing import Any

import torch
from torch import Tensor

from minidl import Linear
from minidl.lab.exercises.answer import uses
from minidl.lab.exercises.kinds import Function, Value

# --- layers to be judged: Linear, right or with a wrong weight gradient -----------------------------------------------


class Replaced(Linear):
    """A Linear that remembers its input, and puts something in the place of its gradients."""

    def forward(self, input: Tensor) -> Tensor:
        self.input = input
        return super().forward(input)

    def backward(self, grad_output: Tensor) -> Tensor:
        grad_input = super().backward(grad_output)
        weight, bias = self.input.mT @ grad_output, grad_output.sum(0, keepdim=True)
        self.grad["weight"] += self.instead(weight) - weight
        self.grad["bias"] += self.of_bias(bias) - bias
        return grad_input

    def instead(self, right: Tensor) -> Tensor:
        raise NotImplementedError

    def of_bias(self, right: Tensor) -> Tensor:
        return right


class Renamed(Replaced):
    """It is right, under another name."""

    def instead(self, right: Tensor) -> Tensor:
        return right


class Divided(Replaced):
    """It is divided by the number of samples, and the bias's with it, as in the notebook: with one sample it is right."""

    def instead(self, right: Tensor) -> Tensor:
        return right / len(self.input)

    of_bias = instead


class Rounded(Replaced):
    """It is right, but for rounding."""

    def instead(self, right: Tensor) -> Tensor:
        return right * (1 + 1e-14)


class Doubled(Replaced):
    """It is twice as large."""

    def instead(self, right: Tensor) -> Tensor:
        return 2 * right


class Transposed(Replaced):
    """It is transposed, which has the same shape where there are as many outputs as inputs."""

    def instead(self, right: Tensor) -> Tensor:
        return right.mT


def _layers() -> list[tuple[Any, int]]:
    def one(cls: type, n_in: int, n_out: int) -> Any:
        return cls(n_in, n_out, generator=torch.Generator().manual_seed(n_in))

    used = one(Linear, 4, 2)  # something has been collected already
    used.forward(torch.ones(3, 4))
    used.backward(torch.ones(3, 2))
    return [
        (one(Linear, 3, 2), 1),
        (one(Linear, 3, 2), 7),
        (one(Divided, 3, 2), 1),
        (one(Divided, 3, 2), 7),
        (one(Divided, 5, 1), 2),
        (one(Renamed, 3, 2), 7),
        (one(Rounded, 3, 2), 7),
        (used, 7),
        (used, 1),
        (one(Doubled, 3, 2), 1),
        (one(Doubled, 2, 4), 6),
        (one(Transposed, 3, 3), 6),
        (one(Linear, 5, 5), 3),
    ]


def _is_right(layer: Any, n: int) -> bool:
    return type(layer) in (Linear, Renamed, Rounded) or (type(layer) is Divided and n == 1)


def _by_hand(function: Any) -> str:
    """Return what there is to say where the formula to be judged is judged by itself."""
    if uses(function, {"autograd", "requires_grad_", "requires_grad"}) or not uses(
        function, {"T", "mT", "transpose", "t"}
    ):
        return ""
    return (
        "Your judge is the formula itself, written once more: a mistake in it would be in both. Autograd, or a nudge of "
        "each weight, knows nothing of it."
    )


def _judge(*lines: str, samples: str = "n", zero: bool = True, back: str = "torch.ones_like(output)") -> str:
    """Return the code of an answer that ends in ``lines``."""
    body = (
        f"input = torch.rand({samples}, layer.in_features)",
        'weight = layer.params["weight"].clone().requires_grad_()',
        "(input @ weight).sum().backward()",
        *(("layer.zero_grad()",) if zero else ()),
        "output = layer.forward(input)",
        f"layer.backward({back})",
        *lines,
    )
    return "def gradient_is_right(layer, n):\n" + "\n".join(f"    {line}" for line in body)


VERDICT = 'return torch.allclose(layer.grad["weight"], weight.grad)'

EXERCISES = [
    Value(
        id="11 fair learning rate",
        name="fair_lr",
        asks="The learning rate on the sum that makes the steps of 0.003 on gradients divided by a batch size of 20.",
        expected=lambda: 0.003 / 20,
        tolerance=1e-6,
        hint="Which of the two takes the larger steps, at the same learning rate?",
        given="import torch",
        solution="fair_lr = 0.003 / 20",
        right=(
            "fair_lr = 0.00015",
            "fair_lr = 1.5e-4",
            "batch_size = 20\nfair_lr = 3e-3 * (1 / batch_size)",
            "fair_lr = torch.tensor(0.003, dtype=torch.float64) / 20",
            "from fractions import Fraction\nfair_lr = Fraction(3, 20000)",
            "fair_lr = torch.tensor([0.003]).item() / 20",
        ),
        slips={
            "fair_lr = 0.003 * 20": (
                "that is larger than 0.003. On the sum PyTorch's gradient is the larger one already: see how its "
                "steps would be."
            ),
            "fair_lr = 0.003": (
                "with the same learning rate the steps are 20 times as long on the sum: that was the whole case."
            ),
            "fair_lr = 0.003 / 50": "50 was the batch size of the report; this framework has another.",
            "fair_lr = 0.003 * 50": (
                "50 was the batch size of the report, and this framework has another. And the result is larger than 0.003."
            ),
            "fair_lr = 1 / 20": "that is only the factor between the two; the learning rate is still to be multiplied by it.",
            "fair_lr = 20": "that is only the factor between the two; the question is for a learning rate.",
            "fair_lr = 0.003 / 20**2": ("the batch size counts twice here, and the gradients are divided by it once."),
            "fair_lr = 0.003 / 20**0.5": "there is no root in it: the gradients are divided by the batch size itself.",
            "fair_lr = 0.0015": "that is ten times as much as it should be: where does the point stand?",
            "fair_lr = 0.000015": "that is a tenth of what it should be: where does the point stand?",
            "fair_lr = 20 / 0.003": "that is divided the wrong way round: a learning rate of thousands?",
            "fair_lr = 0.003 - 0.003 / 20": "the learning rate itself has to be smaller, by the factor; nothing is subtracted.",
            "fair_lr = 0.001 * 20 / 50": "these are two batch sizes and the report's rate; the question has one of each.",
            "fair_lr = 0.001 / 50": "these are the numbers of the report; the question is for 0.003 and batches of 20.",
            "fair_lr = 0.001": (
                "0.001 was the learning rate of the report, in both programs; this framework has another, and its own batches."
            ),
            "fair_lr = 0.001 / 20": "0.001 was the learning rate of the report; this framework trains with another.",
        },
        wrong={
            "fair_lr = 0.002": "is not it",
            "fair_lr = -0.003 / 20": "sign",
            "fair_lr = None": "None",
            "fair_lr = 'smaller'": "right kind",
            "fair_lr = [0.003, 20]": "one number is asked for",
            "fair_lr = 0.000152": "near, and not exact",
        },
    ),
    Function(
        id="11 gradient is right",
        name="gradient_is_right",
        asks="A function of a layer and n that tries it on n random samples, and returns whether its weight gradient is right.",
        points=2,
        reference=_is_right,
        cases=_layers,
        may_differentiate=True,
        remark=_by_hand,
        hint="Try it on Linear(3, 2) and on ReportLinear(3, 2) yourself, with n = 1 and n = 7.",
        given=(
            "import torch\nfrom minidl import Linear\nfrom minidl.lab.numeric import agree\n"
            "from minidl.lab.exercises.notebooks.n11_why_was_pytorch_faster import Divided as ReportLinear\n"
            "input = torch.rand(50, 2)"
        ),
        solution=(
            "def gradient_is_right(layer, n):\n"
            "    layer.zero_grad()\n"
            "    input = torch.rand(n, layer.in_features)\n"
            "    output = layer(input)\n"
            "    layer.backward(torch.ones_like(output))\n\n"
            '    W = layer.params["weight"].clone().requires_grad_()\n'
            "    (due,) = torch.autograd.grad((input @ W).sum(), W)\n"
            '    return torch.allclose(layer.grad["weight"], due)'
        ),
        right=(
            _judge('return bool((layer.grad["weight"] - weight.grad).abs().max() < 1e-6)'),
            "def gradient_is_right(layer, n):\n"
            "    x = torch.randn(n, layer.in_features)\n"
            '    W = layer.params["weight"].detach().clone().requires_grad_(True)\n'
            '    b = layer.params["bias"].detach().clone()\n'
            "    G = torch.randn(n, layer.out_features)\n"
            "    due, = torch.autograd.grad(x @ W + b, W, G)\n"
            "    layer.zero_grad()\n"
            "    layer.forward(x)\n"
            "    layer.backward(G)\n"
            '    return torch.isclose(layer.grad["weight"], due).all()',
            "def gradient_is_right(layer, n):\n"
            "    layer.zero_grad()\n"
            "    x = torch.rand(n, layer.in_features)\n"
            "    y = layer(x)\n"
            "    G = torch.rand_like(y)\n"
            "    layer.backward(G)\n"
            '    return torch.allclose(layer.grad["weight"], x.T @ G)',
            "def gradient_is_right(layer, n):\n"
            "    x = torch.rand(n, layer.in_features)\n"
            "    layer.zero_grad()\n"
            "    layer.backward(torch.ones_like(layer(x)))\n"
            '    W, mine = layer.params["weight"], layer.grad["weight"].clone()\n'
            "    for i in range(W.shape[0]):\n"
            "        for j in range(W.shape[1]):\n"
            "            before = W[i, j].item()\n"
            "            W[i, j] = before + 1e-4\n"
            "            up = layer(x).sum()\n"
            "            W[i, j] = before - 1e-4\n"
            "            down = layer(x).sum()\n"
            "            W[i, j] = before\n"
            "            if abs((up - down) / 2e-4 - mine[i, j]) > 1e-5:\n"
            "                return False\n"
            "    return True",
            "def gradient_is_right(layer, n):\n"
            "    twin = Linear(layer.in_features, layer.out_features)\n"
            '    twin.params["weight"].copy_(layer.params["weight"])\n'
            "    layer.zero_grad()\n"
            "    x = torch.randn(n, layer.in_features)\n"
            "    for each in (twin, layer):\n"
            "        each.backward(torch.ones_like(each(x)))\n"
            '    ratio = layer.grad["weight"] / twin.grad["weight"]\n'
            "    return ratio.min().item() > 0.999 and ratio.max().item() < 1.001",
            "def gradient_is_right(layer, n):\n"
            "    if n < 1:\n"
            "        raise ValueError('no samples')\n"
            + _judge(
                'before = layer.grad["weight"].clone()', VERDICT.replace('layer.grad["weight"]', "before")
            ).partition("\n")[2],
        ),
        slips={
            _judge(VERDICT, samples="1"): (
                "it finds nothing where only several samples show the mistake: a batch of n samples is asked for, "
                "and it takes one."
            ),
            _judge(VERDICT, samples="7"): (
                "it takes the same number of samples whatever n is; with one sample some layers are right."
            ),
            _judge(VERDICT).replace("rand", "ones"): (
                "it takes a transposed gradient for a right one. Are the samples random, and are the two compared entry by "
                "entry, all of them? Where all samples are ones, or only sums are compared, rows and columns look alike."
            ),
            _judge(VERDICT).replace("weight).sum()", "weight).mean()"): (
                "the layer gets ones, which is the message of a sum, and autograd differentiates something else. Both have to "
                "be asked about the same number."
            ),
            _judge(VERDICT, back="torch.ones_like(output) / n"): (
                "the layer's gradient is compared with n times as much as it should be: is the message that it gets divided "
                "by n, or the other side multiplied?"
            ),
            _judge(VERDICT.replace("grad)", "grad / n)")): (
                "the layer's gradient is compared with an n-th of what it should be: is the other side divided by n, or the "
                "message multiplied? A right layer is refused with 7 samples, and ReportLinear accepted."
            ),
            (
                "def gradient_is_right(layer, n):\n"
                "    layer.zero_grad()\n"
                "    x = torch.rand(n, layer.in_features)\n"
                "    layer.backward(torch.ones_like(layer(x)))\n"
                '    b = layer.params["bias"].clone().requires_grad_()\n'
                '    (x @ layer.params["weight"] + b).sum().backward()\n'
                '    return torch.allclose(layer.grad["bias"], b.grad)'
            ): "it judges the bias; the gradient of the weight is asked for.",
            _judge(VERDICT, zero=False): (
                "it refuses a right layer that has been used before. Gradients add up: what was collected has to go first."
            ),
            "def gradient_is_right(layer, n):\n    return type(layer) is Linear or n == 1": (
                "it goes by the layer's name, and not by what it computes."
            ),
            "def gradient_is_right(layer, n):\n    return type(layer) is Linear": (
                "it goes by the layer's name, and not by what it computes: others may be right, some with one sample "
                "only, and some always."
            ),
            "def gradient_is_right(layer, n):\n    return True": (
                "it returns True for every layer here, also for a wrong one. Are two gradients compared that come from two "
                "sides, number by number and closely, and not their shapes alone? And are the samples other than 0?"
            ),
            "def gradient_is_right(layer, n):\n    return False": (
                "it returns False for every layer, also for a right one. Are both gradients of the same samples; is "
                "the message that backward gets that of the number which is differentiated; and is what backward collected "
                "still there when they are compared?"
            ),
            "def gradient_is_right(layer, n):\n    return n == 1": "it goes by n alone, whatever the layer computes.",
            _judge('return torch.equal(layer.grad["weight"], weight.grad)'): (
                "it refuses a right layer for its rounding: two ways to the same numbers differ in the last digits. Compare "
                "closely, and not to the last one."
            ),
            _judge(
                VERDICT.replace("return ", "return not ")
            ): "it is the wrong way round: True where the gradient is wrong.",
        },
        wrong={
            _judge(VERDICT.replace("return ", "print(") + ")"): "returns None",
            "def gradient_is_right(layer, n):\n"
            "    layer.zero_grad()\n"
            "    X = torch.randn(n, layer.in_features)\n"
            "    Y = layer(X)\n"
            "    layer.backward(torch.ones_like(Y))\n"
            '    return torch.allclose(layer.grad["weight"], X.T @ torch.ones_like(Y) / n)': "an n-th of what it should be",
            _judge(VERDICT.replace("grad)", "grad * n)")): "the other side multiplied?",
            _judge(VERDICT, back="n * torch.ones_like(output)"): "or the message multiplied?",
            _judge('return layer.grad["weight"] == weight.grad'): "one answer for all of it is asked for",
            _judge('return layer.grad["weight"] / weight.grad'): "one answer for all of it is asked for",
            _judge('return torch.allclose(layer.grad["bias"], weight.grad)'): "returns False for every layer",
            _judge(VERDICT.replace("grad)", "grad, atol=10)")): "number by number and closely",
            _judge('return layer.grad["weight"].shape == weight.grad.shape'): "not their shapes alone",
            _judge(
                VERDICT, back="output"
            ): "is the message that backward gets that of the number which is differentiated",
            _judge(VERDICT, back="input @ weight.detach()"): "that of the number which is differentiated",
            _judge(VERDICT).replace(".clone()", ""): "requires_grad is set on the layer's own tensor",
            _judge(VERDICT, samples="n").replace("torch.rand(", "0 * torch.rand("): "are the samples other than 0?",
            _judge(
                'return abs(float(layer.grad["weight"].sum() - weight.grad.sum())) < 1e-9'
            ): "compared entry by entry, all of them?",
            _judge(VERDICT, back=""): "required positional argument: 'grad_output'",
            _judge("return torch.allclose(layer.grad, weight.grad)"): "raises TypeError",
            _judge(VERDICT).replace("in_features", "features"): "features",
            _judge(VERDICT).replace("torch.rand(", "torch.rnd("): "rnd",
            _judge(VERDICT).replace("(input @ weight)", "layer(input)"): "not with a copy of it",
            _judge('return bool((layer.grad["weight"] / weight.grad == 1).all())'): "for its rounding",
            "def gradient_is_right(layer, n):\n"
            "    x = torch.rand(n, layer.in_features)\n"
            '    W = layer.params["weight"].clone().requires_grad_()\n'
            "    return torch.autograd.grad(layer(x).sum(), W)": "not with a copy of it",
            "gradient_is_right = True": "it should be a function",
            "def gradient_is_right(layer, n):\n    layer.backward(torch.ones(n, 2))\n    return True": "expected one forward",
        },
    ),
]
