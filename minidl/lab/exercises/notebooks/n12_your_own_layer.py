"""Exercises of 12_your_own_layer: a slope that is learned, Softplus, cross-entropy, momentum, Adam, and a clinic."""

from typing import Any

import torch
from torch import Tensor

from minidl import Linear
from minidl.lab.exercises.kinds import Claim, Diagnoses, Layer, Loss, Optimizer
from minidl.lab.exercises.kinds.layer import ENDS
from minidl.lab.exercises.kinds.writing import layer, loss, method, optimizer
from minidl.lab.proof import define, matrices, ones, scalars
from minidl.lab.proof.formula import Formula

# --- the slope of PReLU ----------------------------------------------------------------------------------------------

SLOPE_SYMBOLS = (
    "import torch\nfrom minidl.lab.proof import define, matrices, ones, scalars\n"
    'X, G = matrices("X (n x m), G (n x m)")\n(a,) = scalars("a")\nY = define("Y", X.relu() - a * (-X).relu())'
)


def _prelu() -> dict[str, Formula]:
    X, G = matrices("X (n x m), G (n x m)")
    (a,) = scalars("a")
    return {"forward": define("Y", X.relu() - a * (-X).relu()), "wrt": a, "upstream": G}


def _claims(name: str, says: dict[str, str]) -> dict[str, str]:
    """Return answers that give one formula each."""
    return {f"{name} = {formula}": words for formula, words in says.items()}


# --- Softplus --------------------------------------------------------------------------------------------------------

STABLE = "return input.relu() + (-input.abs()).exp().log1p()"
KEPT = "self.input = input"
SIGMOID = "return grad_output * self.input.sigmoid()"


def _softplus(forward: str = f"{KEPT}\n{STABLE}", backward: str = SIGMOID, init: str = "") -> str:
    return layer("Softplus", forward, backward, init=init)


def _tiny(cls: type) -> str:
    """Return what there is to say where tiny numbers are lost."""
    if cls().forward(torch.tensor([[-40.0, 1.0]], dtype=torch.float64))[0, 0] > 0:
        return ""
    return "At x = -40 it returns 0, and e to the -40 would be right: 1 + q loses a tiny q, and log1p(q) does not."


# --- cross-entropy ---------------------------------------------------------------------------------------------------

CE_SYMBOLS = (
    "import torch\nfrom minidl.lab.proof import define, matrices, ones, scalars\n"
    'Y, T = matrices("Y (n x m), T (n x m)")\nz = define("z", Y.exp() @ ones("m"))\nP = define("P", Y.exp() / z)\n'
    'r = define("r", T @ ones("m"))\nX, G = matrices("X (n x m), G (n x m)")'
)


def _log_form() -> dict[str, Formula]:
    Y, T = matrices("Y (n x m), T (n x m)")
    z = define("z", Y.exp() @ ones("m"))
    return {"forward": z.log().sum() - (T * Y).sum(), "wrt": Y}


def _first_form() -> dict[str, Formula]:
    Y, T = matrices("Y (n x m), T (n x m)")
    P = define("P", Y.exp() / define("z", Y.exp() @ ones("m")))
    return {"forward": -(T * P.log()).sum(), "wrt": Y}


def _cross_entropy(input: Tensor, target: Tensor) -> Tensor:
    return -(target * torch.nn.functional.log_softmax(input, 1)).sum()


def _one_hot(*classes: int, of: int = 3) -> Tensor:
    return torch.eye(of, dtype=torch.float64)[list(classes)]


def _pairs() -> list[tuple[Tensor, Tensor]]:
    drawn = torch.Generator().manual_seed(6)

    def scores(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=drawn, dtype=torch.float64)

    return [
        (scores(4, 3), _one_hot(2, 0, 1, 2)),
        (scores(1, 4), _one_hot(3, of=4)),
        (scores(5, 2), _one_hot(0, 0, 1, 0, 1, of=2)),
    ]


def _large() -> list[tuple[Tensor, Tensor]]:
    scores = (
        [[1.0, 2.0, 3.0], [101.0, 102.0, 103.0]],
        [[1001.0, 1002.0, 1003.0], [-1001.0, -1002.0, -1003.0]],
        [[100.0, 0.0, 0.0], [-50.0, -51.0, -52.0]],
        [[0.0, 30.0, 100.0], [6.0, -6.0, 0.0]],
        [[0.0, 0.0, 0.0], [-100.0, 100.0, 0.0]],
    )
    return [(torch.tensor(each, dtype=torch.float32), _one_hot(0, 2).float()) for each in scores]


SHIFTED = "shifted = input - input.amax(1, keepdim=True)"
TOTAL = "total = shifted.exp().sum(1, keepdim=True)"
GRADIENT = "self.gradient = shifted.exp() / total - target"
UNSHIFTED = "log_z = input.amax(1, keepdim=True) + total.log()"
LOSS = "return total.log().sum() - (target * shifted).sum()"


def _entropy(*forward: str, backward: str = "return self.gradient", init: str = "") -> str:
    return loss("CrossEntropyLoss", "\n".join(forward), backward, init=init)


# --- optimisers ------------------------------------------------------------------------------------------------------

MOMENTUM_INIT = method(
    "__init__(self, model, lr, beta=0.9)",
    "self.model, self.lr, self.beta = model, lr, beta\n"
    "self.velocities = [torch.zeros_like(param) for param, _ in model.parameters()]",
)
EACH = "for (param, grad), velocity in zip(self.model.parameters(), self.velocities, strict=True):"


def _momentum(*body: str, init: str = MOMENTUM_INIT, before: tuple[str, ...] = (), each: str = EACH) -> str:
    return optimizer("Momentum", init, "\n".join((*before, each, *(f"    {line}" for line in body))))


ADAM_INIT = method(
    "__init__(self, model, lr=0.001, betas=(0.9, 0.999), eps=1e-8)",
    "self.model, self.lr, self.betas, self.eps = model, lr, betas, eps\n"
    "pairs = [(torch.zeros_like(param), torch.zeros_like(param)) for param, _ in model.parameters()]\n"
    "self.averages, self.steps = pairs, 0",
)
PAIRS = "for (param, grad), (mu, nu) in zip(self.model.parameters(), self.averages, strict=True):"
COUNT = ("self.steps += 1", "beta1, beta2 = self.betas")
AVERAGE = "mu.mul_(beta1).add_((1 - beta1) * grad)"
SQUARE = "nu.mul_(beta2).add_((1 - beta2) * grad**2)"
HATS = "mu_hat, nu_hat = mu / (1 - beta1**self.steps), nu / (1 - beta2**self.steps)"
STEP = "param.sub_(self.lr * mu_hat / (nu_hat.sqrt() + self.eps))"


def _adam(*body: str, before: tuple[str, ...] = COUNT, init: str = ADAM_INIT) -> str:
    return optimizer("Adam", init, "\n".join((*before, PAIRS, *(f"    {line}" for line in body))))


def _torch_momentum(leaves: list, lr: float, beta: float = 0.9) -> torch.optim.Optimizer:
    return torch.optim.SGD(leaves, lr=lr, momentum=beta)


def _torch_adam(leaves: list, **setting: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(leaves, **setting)


def _rate_inside(cls: type) -> str:
    """Return what there is to say where the learning rate is in the velocity."""
    model = Linear(2, 1)
    for _, grad in model.parameters():
        grad.fill_(1.0)
    optimizer = cls(model, lr=0.25)
    optimizer.step()
    velocities = getattr(optimizer, "velocities", None)
    if not isinstance(velocities, list) or not all(
        isinstance(u, Tensor) and torch.allclose(u, u.new_tensor(0.25)) for u in velocities
    ):
        return ""
    return (
        "(lr is in your velocity, and in the formula it is not. While lr stays the same, so do the steps; where it changes "
        "on the way, they differ.)"
    )


# --- the clinic ------------------------------------------------------------------------------------------------------

NAMES = (
    "upstream as mask",
    "derivative at output",
    "overwritten",
    "factor n",
    "not finite",
    "momentum forgotten",
)
PATIENTS = ("Gate", "Squash", "Fresh", "Averaged", "Plain", "NewMomentum")


def _diagnoses(**others: str) -> str:
    return f"diagnoses = {dict(zip(PATIENTS, NAMES, strict=True)) | others}"


EXERCISES = [
    Claim(
        id="12 claim slope",
        name="claim_slope",
        asks="The gradient by the slope a of Y = relu(X) - a relu(-X), one a for all entries, as a formula of X, G and a.",
        points=2,
        statement=_prelu,
        hint="Take an entry, x = -4: by how much does y change if a grows by 0.01? And a is one number.",
        given=SLOPE_SYMBOLS,
        solution="claim_slope = -(G * (-X).relu()).sum()",
        right=(
            "claim_slope = (G * X * (-X > 0)).sum()",
            "claim_slope = (G * (X - X.relu())).sum()",
            "claim_slope = (G * (X - X.abs())).sum() / 2",
            "left = define('left', X * (-X > 0))\nclaim_slope = (left * G).sum()",
            "claim_slope = -1 * ((-X).relu() * G).sum()",
            "claim_slope = (G * (X.relu() - X.abs())).sum()",
        ),
        slips=_claims(
            "claim_slope",
            {
                "(G * (-X).relu()).sum()": (
                    "the sign is the wrong way round. Left of 0, y = a x: if a grows, does y grow or fall, where x is negative?"
                ),
                "-(-X).relu().sum()": "the message is missing: each entry counts as much as the message that arrives at it.",
                "(G * (-X > 0)).sum()": (
                    "(-X > 0) says where a matters, and not how much: does y change equally at x = -4 and at x = -1?"
                ),
                "(G * X).sum()": "a matters left of 0 only; this counts the entries to the right of it too.",
                "(G * X * (X > 0)).sum()": "these are the entries to the right of 0. There y = x, and a does nothing.",
                "a * (G * (-X > 0)).sum()": (
                    "that is what the entries left of 0 pass on to x, added up. Here a moves, and x stays."
                ),
                "(G * ((X > 0) + a * (-X > 0))).sum()": "that is dL/dX, added up. Here a moves, and x stays.",
                "(G * X.abs()).sum()": "a matters left of 0 only; this counts every entry, and without its sign.",
                "a * (G * X * (-X > 0)).sum()": "y = a x is differentiated by a: what is left of the a?",
                "X": "that is an input; how does the loss change with a?",
                "G.sum() * (X * (-X > 0)).sum()": (
                    "two sums are multiplied. From two entries on, that lets the message of one meet the x of another."
                ),
                "G.sum() * (-X).relu().sum()": (
                    "two sums are multiplied, and the sign is the wrong way round: each message belongs to its own entry."
                ),
                "(X.T @ (G * (-X > 0))).sum()": (
                    "that is a product of matrices: it multiplies a message by the x of other features too. Each has its own "
                    "entry."
                ),
                "G.sum()": "each entry counts by how much it changes with a, and most do not change by 1.",
            },
        ),
        wrong=_claims(
            "claim_slope",
            {
                "-G * (-X).relu()": "shape",
                "G * X * (-X > 0)": "shape",
                "0": "claim",
                "-a * (G * (-X).relu()).sum()": "what is left of the a?",
                "'-G relu(-X)'": "a formula made of the symbols above",
                "torch.ones(2, 2)": "a formula made of the symbols above",
                "2 * (G * X * (-X > 0)).sum()": "2 times too large",
                "(G * Y).sum()": "claim",
                "(G * X * (-X > 0)).sum() + 1": "too many",
            },
        ),
    ),
    Layer(
        id="12 softplus",
        name="Softplus",
        asks="A layer for ln(1 + e^x), with forward and backward, that overflows nowhere.",
        points=3,
        reference=lambda x: torch.logaddexp(x, torch.zeros_like(x)),
        ends=(*ENDS, 120.0),
        smallest=1e-6,
        remark=_tiny,
        not_yours=("softplus", "Softplus", "logaddexp", "logsigmoid", "LogSigmoid", "logsumexp"),
        hint="Take e only to powers that are not positive; backward takes the slope at the input that forward has seen.",
        given="import torch\nfrom minidl import Linear, Module, ReLU, Sigmoid\ninput = torch.ones(2, 3)",
        solution=(
            "class Softplus(Module):\n"
            "    def forward(self, input):\n"
            "        self.input = input\n"
            "        return input.relu() + (-input.abs()).exp().log1p()\n\n"
            "    def backward(self, grad_output):\n"
            "        return grad_output * self.input.sigmoid()"
        ),
        right=(
            _softplus(
                "output = input.relu() + (-input.abs()).exp().log1p()\nself.output = output\nreturn output",
                "return grad_output * (1 - (-self.output).exp())",
            ),
            _softplus("self.slopes = input.sigmoid()\n" + STABLE, "return self.slopes * grad_output"),
            _softplus(
                "self.x = input.clone()\n"
                "return torch.where(input > 0, input + torch.log1p(torch.exp(-input.abs())), "
                "torch.log1p(torch.exp(-input.abs())))",
                "z = torch.exp(-self.x.abs())\nreturn grad_output * torch.where(self.x > 0, 1 / (1 + z), z / (1 + z))",
            ),
            _softplus(
                "self.input = input\nlarge = input.clamp(min=0)\nreturn large + torch.log1p(torch.exp(-torch.abs(input)))",
                "return torch.sigmoid(self.input).mul(grad_output)",
            ),
            _softplus(
                "self.input = input\nreturn torch.maximum(input, torch.zeros_like(input)) + (-input.abs()).exp().log1p()",
                "return grad_output / (1 + (-self.input).exp())",
                init=method("__init__(self)", "super().__init__()\nself.input = None"),
            ),
            _softplus(
                "if not input.is_floating_point():\n    raise NotImplementedError\n" + KEPT + "\n" + STABLE,
                "return grad_output - grad_output * (-self.input).sigmoid()",
            ),
            _softplus(f"{KEPT}\nreturn input.relu() + (1 + (-input.abs()).exp()).log()"),
            _softplus(
                "def softplus(x):\n    return x.relu() + (-x.abs()).exp().log1p()\nself.softplus = "
                "softplus(input)\nreturn self.softplus",
                "return grad_output * -(-self.softplus).expm1()",
            ),
        ),
        slips={
            _softplus(f"{KEPT}\nreturn (1 + input.exp()).log()"): (
                "forward takes e to the input itself: at x = 100, in float32, that is inf."
            ),
            _softplus(f"{KEPT}\nreturn input.clamp(max=50).exp().log1p()"): (
                "forward stops growing at 50, as e to the 50 does: at x = 100 it should be close to 100."
            ),
            _softplus(f"{KEPT}\nreturn torch.where(input > 5, input, input.exp().log1p())"): (
                "from 5 on forward returns x itself. At x = 6 the rest is still 0.0025: there is a formula that is "
                "right everywhere."
            ),
            _softplus(f"{KEPT}\nreturn input.relu() + (-input).exp().log1p()"): (
                "for negative x the power -x is positive: what power is never positive, whichever sign x has?"
            ),
            _softplus(f"{KEPT}\nreturn input + (-input).exp().log1p()"): (
                "that is right on paper, and for large x. For very negative x the power -x is large, and e to it inf."
            ),
            _softplus(f"{KEPT}\nreturn (-input.abs()).exp().log1p()"): (
                "for positive x something is missing: ln(1 + e^x) is close to x there, and this is close to 0."
            ),
            _softplus(f"{KEPT}\nreturn (1 + input.exp()).log().nan_to_num(posinf=100.0)"): (
                "what has become infinite is replaced by 100: it should go on growing, as x does. Take e to no positive power."
            ),
            _softplus(f"{KEPT}\nreturn -(-input).relu() + (-input.abs()).exp().log1p()"): (
                "x is there for negative x, where it should not be, and is missing for positive x."
            ),
            _softplus(f"{KEPT}\nreturn input.relu() + (1 + (-input.abs()).exp()).log10()"): (
                "that is the logarithm to the base 10; the natural one is asked for."
            ),
            _softplus(f"{KEPT}\nreturn input.relu() + (1 + (-input.abs()).exp()).log2()"): (
                "that is the logarithm to the base 2; the natural one is asked for."
            ),
            _softplus(backward="return grad_output * self.input.tanh()"): (
                "the slope is no tanh: it is never negative, since Softplus grows everywhere."
            ),
            _softplus(f"{KEPT}\nreturn input.relu()"): "that is ReLU; Softplus has no kink, and is a little larger.",
            _softplus(backward="return grad_output"): "backward passes on what arrives as it is, without the slope.",
            _softplus(backward="return self.input.sigmoid()"): (
                "backward returns the slope alone. What arrives, grad_output, is multiplied by it."
            ),
            _softplus(
                "self.output = input.relu() + (-input.abs()).exp().log1p()\nreturn self.output",
                "return grad_output * self.output.sigmoid()",
            ): "the slope is taken at the output; that formula belongs to the input.",
            _softplus(backward="return grad_output * (self.input > 0)"): (
                "that is the slope of ReLU. Softplus has no kink, and its slope goes smoothly from 0 to 1."
            ),
            _softplus(backward="s = self.input.sigmoid()\nreturn grad_output * s * (1 - s)"): (
                "that is the slope of the sigmoid. Softplus is another function: what is its slope?"
            ),
            _softplus(backward="return grad_output * (-self.input).sigmoid()"): (
                "that is 1/(1 + e^x), which falls where x grows. It is the slope of ln alone: what stands in it has "
                "a slope too."
            ),
            _softplus(backward="return grad_output.sigmoid()"): (
                "the slope is taken at grad_output; it belongs to the input that forward has seen."
            ),
            _softplus(backward="return grad_output * self.input.exp()"): (
                "that is the slope of 1 + e^x alone. The logarithm around it has a slope too."
            ),
            _softplus(backward="e = self.input.exp()\nreturn grad_output * e / (1 + e)"): (
                "backward takes e to the input itself: at x = 100, in float32, that is inf, and inf / inf is nan."
            ),
        },
        wrong={
            _softplus(f"{KEPT}\nreturn input.exp().log1p()"): "inf for inputs of 100 in float32",
            _softplus(STABLE): "self.input = ... first",
            _softplus(STABLE, "return grad_output * input.sigmoid()"): "the notebook's `input`",
            _softplus(KEPT + "\n" + STABLE.removeprefix("return ")): "forward of Softplus returns nothing",
            _softplus(backward=SIGMOID.removeprefix("return ")): "backward of Softplus returns nothing",
            _softplus(backward="raise NotImplementedError"): "backward is still to be written",
            _softplus(
                f"self.input = input.float()\n{STABLE.replace('input', 'self.input')}"
            ): "float32, though float64 went in",
            _softplus(
                f"self.input = input.double()\n{STABLE.replace('input', 'self.input')}"
            ): "float64, though float32 went in",
            _softplus(f"{KEPT}\nreturn torch.nn.functional.softplus(input)"): "torch's own softplus",
            _softplus(f"{KEPT}\nreturn torch.logaddexp(input, torch.zeros_like(input))"): "torch's own logaddexp",
            _softplus(
                "self.input = input.clone().requires_grad_()\n" + STABLE,
                "y = self.input.relu() + (-self.input.abs()).exp().log1p()\nreturn torch.autograd.grad(y, "
                "self.input, grad_output)[0]",
            ): "leaves the gradient to torch",
            _softplus(f"{KEPT}\nreturn input.relu_() + (-input.abs()).exp().log1p()"): "writes into its input",
            _softplus(backward="return (grad_output * self.input.sigmoid()).sum(0)"): "summed",
            _softplus(backward="return grad_output * self.input.sigmoid() / len(self.input)"): "factor 1/n",
            _softplus(backward="return -grad_output * self.input.sigmoid()"): "sign",
            _softplus(f"{KEPT}\nreturn input.relu() + (-input.abs).exp().log1p()"): "TypeError",
            _softplus(f"{KEPT}\nreturn math.log(1 + math.exp(input))"): "'math' is not defined",
            _softplus(backward="return grad_output @ self.input.sigmoid()"): "multiplied",
            _softplus(f"{KEPT}\nreturn input.exp().log1p()"): "the exponent is never positive.\n",
            _softplus(backward="return grad_output / (1 + self.input.exp())"): "the slope of ln alone",
            "Softplus = torch.nn.Softplus()": "it should be a class",
            "class Softplus(torch.nn.Softplus):\n    pass": "forward is torch's own",
        },
    ),
    Claim(
        id="12 claim cross entropy",
        name="claim_cross_entropy",
        asks="dL/dY of the cross-entropy of one-hot targets, as a formula made of Y, T and P.",
        points=2,
        statement=_log_form,
        also_as=_first_form,
        remark=lambda claim: (
            "In words: where the network says 70 % for the right class, -0.3 goes back to it, and 0.2 to a wrong one that got "
            "20 %."
        ),
        hint="Each of the two sums has a derivative by y_ij: one was derived above, the other is a sum of products.",
        given=CE_SYMBOLS,
        solution="claim_cross_entropy = P - T",
        right=(
            "claim_cross_entropy = -(T - P)",
            "claim_cross_entropy = Y.exp() / z - T",
            "claim_cross_entropy = -T + Y.exp() / (Y.exp() @ ones('m'))",
            "softmax = Y.exp() / z\nclaim_cross_entropy = define('D', softmax - T)",
            "claim_cross_entropy = r * P - T",
            "claim_cross_entropy = (P * z - T * z) / z",
        ),
        slips=_claims(
            "claim_cross_entropy",
            {
                "T - P": "the sign is the wrong way round: where a score of the right class grows, the loss has to shrink.",
                "P": "that is the derivative of the first sum alone. y_ij stands in the second one too.",
                "-T": "that is the derivative of the second sum alone. y_ij stands in every z_i of its row too.",
                "P + T": "the second sum is subtracted.",
                "P - Y": "y_ij is multiplied by t_ij in the second sum: by y_ij, what is its derivative?",
                "P - T * Y": "t_ij y_ij is differentiated by y_ij: one of the two factors is gone.",
                "Y - T": "the scores are no probabilities; what was the derivative of ln z_i?",
                "2 * (P - T)": "there is a factor 2 too many: nothing is squared here.",
                "2 * (Y - T)": "that is the gradient of the squared error.",
                "-T / P": "that is dL/dP. The probabilities depend on the scores, and all of a row at once.",
                "-T * (1 - P)": (
                    "that is right for the entries of the right class only. A score of a wrong class raises z_i too, "
                    "and so the loss."
                ),
                "Y.exp() - T": "ln z_i has the slope 1/z_i: what is e to y_ij divided by?",
                "z - T": "that has the sum of all scores' powers; which of its terms moves with y_ij?",
                "1 / z - T": "1/z_i is the slope of the logarithm alone; z_i moves with y_ij too.",
                "P.log() - T": "the logarithm is gone once it is differentiated.",
                "P * (1 - P) - T": (
                    "P (1 - P) is the slope of a probability by its own score; the first sum has ln z_i, and not P."
                ),
                "P * (P - T)": "there is one factor P too many.",
                "(P - T) * P * (1 - P)": (
                    "there is a factor P (1 - P) too many: how a probability moves with its own score is no factor of it."
                ),
                "P - 1": "only the right class has a 1 subtracted, and t_ij says which one that is.",
                "(P - T) * G": "nothing comes after the loss: no message arrives at it.",
                "P - T @ ones('m')": "T @ ones adds up the row. By y_ij, only the term with t_ij is left.",
            },
        ),
        wrong=_claims(
            "claim_cross_entropy",
            {
                "(P - T).sum()": "shape",
                "'P - T'": "a formula made of the symbols above",
                "0": "claim",
                "P.T - T.T": "shape",
                "P - 2 * T": "2 times too large",
                "-(T * P.log()).sum()": "shape",
            },
        ),
    ),
    Loss(
        id="12 cross entropy",
        name="CrossEntropyLoss",
        asks="The cross-entropy of scores and one-hot targets, summed over the batch, with forward and backward.",
        points=3,
        builds={"": (lambda cls: cls(), _cross_entropy)},
        pairs=_pairs,
        ends=_large,
        not_yours=(
            "cross_entropy",
            "CrossEntropyLoss",
            "log_softmax",
            "LogSoftmax",
            "softmax",
            "Softmax",
            "logsumexp",
            "nll_loss",
            "NLLLoss",
        ),
        hint="Two things can go wrong in a computer: e to a large score, and the logarithm of a tiny probability.",
        given=(
            "import torch\nfrom minidl import Module, MSELoss\n"
            "scores = torch.tensor([[1.0, 2.0, 5.0]]).log()\ntotal = scores.exp().sum(1, keepdim=True)\n"
            "probabilities = scores.exp() / total\ninput, target = torch.ones(4, 3), torch.ones(4, 3)"
        ),
        solution=(
            "class CrossEntropyLoss:\n"
            "    def forward(self, input, target):\n"
            "        shifted = input - input.amax(1, keepdim=True)\n"
            "        total = shifted.exp().sum(1, keepdim=True)\n"
            "        self.gradient = shifted.exp() / total - target\n"
            "        return total.log().sum() - (target * shifted).sum()\n\n"
            "    def backward(self):\n"
            "        return self.gradient"
        ),
        right=(
            _entropy(
                "largest = input.max(dim=1, keepdim=True).values",
                "self.y, self.t = input - largest, target",
                "self.e = torch.exp(self.y)",
                "s = torch.sum(self.e, dim=1, keepdim=True)",
                "self.s = s",
                "return torch.sum(torch.log(s) - torch.sum(self.y * target, dim=1, keepdim=True))",
                backward="return self.e / self.s - self.t",
            ),
            _entropy(
                "c = input.amax(1, keepdim=True)",
                "lse = c + (input - c).exp().sum(1, keepdim=True).log()",
                "log_p = input - lse",
                "self.p, self.t = log_p.exp(), target",
                "return -(target * log_p).sum()",
                backward="return self.p - self.t",
            ),
            _entropy(
                "loss, rows = 0.0, []",
                "for y, t in zip(input, target):",
                "    z = y - y.max()",
                "    e = z.exp()",
                "    rows.append(e / e.sum() - t)",
                "    loss = loss + e.sum().log() - z[t.argmax()]",
                "self.rows = rows",
                "return loss",
                backward="return torch.stack(self.rows)",
            ),
            _entropy(
                SHIFTED,
                "self.shifted, self.target = shifted, target",
                "right = shifted[torch.arange(len(input)), target.argmax(1)]",
                "return (shifted.exp().sum(1).log() - right).sum()",
                backward="e = self.shifted.exp()\nreturn e / e.sum(1, keepdim=True) - self.target",
            ),
            _entropy(
                "z = input - input.amax(1, keepdim=True)",
                "self.softmax = z.exp() / z.exp().sum(1, keepdim=True)",
                "self.target = target",
                "log_softmax = z - z.exp().sum(1, keepdim=True).log()",
                "return -log_softmax.mul(target).sum()",
                backward="return self.softmax - self.target",
            ),
            loss(
                "CrossEntropyLoss(Module)",
                "\n".join((SHIFTED, TOTAL, "self.difference = shifted.exp().div(total).sub(target)", LOSS)),
                "return self.difference.clone()",
            ),
            _entropy(
                "if input.shape != target.shape:",
                "    raise ValueError('shapes')",
                SHIFTED,
                TOTAL,
                "self.saved = target, shifted.exp() / total",
                "return (target * (total.log() - shifted)).sum().item()",
                backward="t, p = self.saved\nreturn p - t",
            ),
        ),
        slips={
            _entropy(
                "total = input.exp().sum(1, keepdim=True)",
                "self.gradient = input.exp() / total - target",
                "return total.log().sum() - (target * input).sum()",
            ): (
                "e is taken to the scores as they are: it is inf from 89 on in float32. Shift the scores of "
                "each sample first."
            ),
            _entropy(
                SHIFTED,
                TOTAL,
                "p = shifted.exp() / total",
                "self.gradient = p - target",
                "return -(target * p.log()).sum()",
            ): (
                "the logarithm of a probability is taken, and a tiny one is 0 in the computer: ln 0 is -inf, and 0 times "
                "-inf is nan. ln p is a difference: take that."
            ),
            _entropy(
                SHIFTED,
                TOTAL,
                "p = shifted.exp() / total",
                "self.gradient = p - target",
                "return -(target * (p + 1e-8).log()).sum()",
            ): (
                "adding a small number before the logarithm changes the loss: for a right class of tiny probability it stops "
                "at a limit. ln p is a difference: take that."
            ),
            _entropy(
                SHIFTED,
                TOTAL,
                "p = shifted.exp() / total",
                "self.gradient = p - target",
                "return -(target * p.clamp(min=1e-12).log()).sum()",
            ): (
                "where a probability is clamped, the loss stops growing, however wrong the network is. ln p is a "
                "difference: take that."
            ),
            _entropy(SHIFTED.replace("input.amax(1, keepdim=True)", "input.max()"), TOTAL, GRADIENT, LOSS): (
                "the largest score of the whole batch is subtracted. A sample far below it has only powers that are 0 in the "
                "computer, and ln 0 is -inf: each sample has a largest score of its own."
            ),
            _entropy(SHIFTED.replace("amax", "amin"), TOTAL, GRADIENT, LOSS): (
                "the smallest score is subtracted, so that exponents are above 0, and e to them overflows. After the largest "
                "is subtracted, none is."
            ),
            _entropy(
                SHIFTED.replace("amax", "amin"),
                "log_p = shifted - shifted.exp().sum(1, keepdim=True).log()",
                "self.p, self.t = log_p.exp(), target",
                "return -(target * log_p).sum()",
                backward="return self.p - self.t",
            ): (
                "the smallest score of each sample is subtracted: exponents are above 0 then, and e to them overflows. Take "
                "the largest."
            ),
            _entropy(SHIFTED, TOTAL, "self.gradient = target * (shifted.exp() / total - 1)", LOSS): (
                "backward gives something to the right class alone. A score of a wrong class raises the loss too."
            ),
            _entropy(SHIFTED, TOTAL, "self.gradient = shifted.exp() / total - 1", LOSS): (
                "backward subtracts 1 for every class; only the right one has a 1 subtracted, and target says which."
            ),
            _entropy(SHIFTED, TOTAL, "self.gradient = shifted.exp() - target", LOSS): (
                "backward does not divide the powers by their sum: these are no probabilities."
            ),
            _entropy(SHIFTED, TOTAL, "self.gradient = shifted - target", LOSS): (
                "backward subtracts the target from the scores; it belongs to the probabilities."
            ),
            _entropy(SHIFTED, TOTAL, "self.gradient = (shifted.exp() / total - target).sum(0, keepdim=True)", LOSS): (
                "backward adds up the samples: each has a message of its own."
            ),
            _entropy(SHIFTED.replace("1, keep", "0, keep"), TOTAL, GRADIENT, LOSS): (
                "the largest of each column is subtracted: the scores of one sample, which share a sum, stand in a row."
            ),
            _entropy(SHIFTED, TOTAL, GRADIENT, LOSS.replace("shifted)", "input)")): (
                "the two terms do not belong together: one is of the shifted scores, the other of those as they came."
            ),
            _entropy(SHIFTED, TOTAL, "self.gradient = shifted.exp() / total", LOSS): (
                "backward returns the probabilities. The loss depends on the scores in its second term too."
            ),
            _entropy(SHIFTED, TOTAL, "self.gradient = target - shifted.exp() / total", LOSS): (
                "the sign of backward is the wrong way round: where a score of the right class grows, the loss has to shrink."
            ),
            _entropy(SHIFTED, TOTAL, "self.gradient = (shifted.exp() / total - target) / len(input)", LOSS): (
                "backward divides by the number of samples, and forward sums: the factor 1/n is too much."
            ),
            _entropy(SHIFTED, TOTAL, GRADIENT, f"return ({LOSS.removeprefix('return ')}) / len(input)"): (
                "forward divides by the number of samples, or takes the mean; the sum over the batch is asked for."
            ),
            _entropy(SHIFTED, TOTAL, GRADIENT, "return (target * shifted).sum() - total.log().sum()"): (
                "forward has the sign the wrong way round: -ln p of a probability is never negative."
            ),
            _entropy(
                SHIFTED,
                TOTAL,
                "p = shifted.exp() / total",
                "self.gradient = 2 * (p - target)",
                "return ((p - target) ** 2).sum()",
            ): ("that is the squared error of the probabilities; the cross-entropy is -ln p of the right class."),
            _entropy(SHIFTED, TOTAL, GRADIENT, "return (total.log() - shifted).sum()"): (
                "forward adds up -ln p of every class; only that of the right one counts, and target says which."
            ),
            _entropy(SHIFTED, TOTAL, GRADIENT, UNSHIFTED, "return (log_z - target * input).sum()"): (
                "ln z_i is counted once for each class: a column of n x 1 is stretched to n x m before it is summed. Look at "
                "the shapes, as in 06."
            ),
            _entropy(SHIFTED, TOTAL, GRADIENT, "return (total.log() - target * shifted).sum()"): (
                "ln z_i, of the shifted scores, is counted once for each class: n x 1 is stretched to n x m before the sum."
            ),
            _entropy(SHIFTED, TOTAL, GRADIENT, UNSHIFTED, "return log_z.sum() - (target * shifted).sum()"): (
                "the largest score is added back in the one term, and not in the other: it belongs into both, or into neither."
            ),
            _entropy(SHIFTED, TOTAL, GRADIENT, "return total.log2().sum() - (target * shifted).sum()"): (
                "that is the logarithm to the base 2; the natural one is asked for."
            ),
            _entropy(
                "p = torch.sigmoid(input)", "self.gradient = p - target", "return -(target * p.log()).sum()"
            ): "that takes the sigmoid of each score by itself. The scores of a sample share a sum: softmax.",
            _entropy(SHIFTED, TOTAL, GRADIENT, "return total.log().sum()"): (
                "forward adds up ln z_i alone: the score of the right class is still to be subtracted."
            ),
            _entropy(
                SHIFTED,
                "total = shifted.exp().sum()",
                GRADIENT,
                "return total.log() * len(input) - (target * shifted).sum()",
            ): ("the powers of all samples are added up in one sum; each sample has a sum of its own."),
            _entropy(SHIFTED, "total = shifted.exp().sum(0, keepdim=True)", GRADIENT, LOSS): (
                "the powers are added up by column; the scores of one sample, which share a sum, stand in a row."
            ),
            _entropy(SHIFTED, TOTAL, "p = shifted.exp() / total", "self.gradient = -target / p", LOSS): (
                "that is dL/dP: backward should return dL/dY, the gradient by the scores."
            ),
            _entropy(SHIFTED, TOTAL, "p = shifted.exp() / total", "self.gradient = p * (1 - p)", LOSS): (
                "P (1 - P) is the slope of a probability by its own score; the gradient of the loss is another."
            ),
            _entropy("self.gradient = input - target", "return ((input - target) ** 2).sum() / 2"): (
                "that is half the squared error; the cross-entropy takes e to the scores first."
            ),
        },
        wrong={
            _entropy(
                SHIFTED, TOTAL, GRADIENT, LOSS, backward="raise NotImplementedError"
            ): "backward is still to be written",
            _entropy(SHIFTED, TOTAL, LOSS): "self.gradient = ... first",
            _entropy(
                SHIFTED,
                TOTAL,
                "self.p, self.t = shifted.exp() / total, target",
                "return -(target * (self.p + 1e-9).log()).sum()",
                backward="return self.p - self.t",
            ): "is a small number added inside the logarithm?",
            _entropy(
                SHIFTED, TOTAL, GRADIENT, LOSS.removeprefix("return ")
            ): "forward of CrossEntropyLoss returns nothing",
            _entropy(
                SHIFTED, TOTAL, GRADIENT, LOSS, backward="self.gradient"
            ): "backward of CrossEntropyLoss returns nothing",
            _entropy(
                SHIFTED, TOTAL, GRADIENT, "return total.log() - (target * shifted).sum(1, keepdim=True)"
            ): "is a sum missing?",
            loss("CrossEntropyLoss", "\n".join((SHIFTED, TOTAL, GRADIENT, LOSS)), "return self.gradient").replace(
                "backward(self)", "backward(self, grad_output)"
            ): "backward asks for grad_output",
            _entropy(
                "self.p, self.t = input.softmax(1), target",
                "return -(target * input.log_softmax(1)).sum()",
                backward="return self.p - self.t",
            ): "torch's own log_softmax",
            _entropy(
                "return torch.nn.functional.cross_entropy(input, target, reduction='sum')", backward="return 0"
            ): "torch's own cross_entropy",
            _entropy("return -(target * probabilities.log()).sum()", backward="return probabilities - target"): (
                "the notebook's `probabilities`"
            ),
            _entropy(
                SHIFTED,
                TOTAL,
                "self.gradient = (shifted.exp() / total - target) / len(input)",
                f"return ({LOSS.removeprefix('return ')}) / len(input)",
            ): "the sum over the batch is asked for",
            _entropy(SHIFTED, TOTAL.replace(", keepdim=True", ""), GRADIENT, LOSS): "shapes do not fit",
            _entropy(SHIFTED.replace("amax(1, keepdim=True)", "amax(1)"), TOTAL, GRADIENT, LOSS): "shapes do not fit",
            _entropy(
                SHIFTED.replace("amax(1, keepdim=True)", "max(1, keepdim=True)"), TOTAL, GRADIENT, LOSS
            ): "TypeError",
            _entropy(
                SHIFTED.replace("input - input", "input.sub_(input").replace("True)", "True))"), TOTAL, GRADIENT, LOSS
            ): "writes into",
            _entropy(SHIFTED, TOTAL, GRADIENT, "print(total)", "return float('nan')"): "not finite",
            _entropy(
                SHIFTED.replace("input - ", "(input - ") + ").float()",
                "log_p = shifted - shifted.exp().sum(1, keepdim=True).log()",
                "self.p, self.t = log_p.exp(), target",
                "return -(target * log_p).sum()",
                backward="return self.p - self.t",
            ): "is something converted on the way",
            _entropy(SHIFTED, TOTAL, GRADIENT, LOSS, backward="return self.gradient.float()"): (
                "backward returns torch.float32 where the input is torch.float64"
            ),
            _entropy(SHIFTED, TOTAL, GRADIENT, f"return ({LOSS.removeprefix('return ')}).float()"): (
                "forward returns torch.float32 where the input is torch.float64"
            ),
            "from torch.nn.functional import log_softmax as ls\n"
            + _entropy(
                "self.p, self.t = ls(input, 1).exp(), target",
                "return -(target * ls(input, 1)).sum()",
                backward="return self.p - self.t",
            ): "torch's own log_softmax",
            "from torch.autograd import grad as slope\n"
            + _entropy(
                "self.x = input.clone()",
                SHIFTED,
                TOTAL,
                "self.loss = " + LOSS.removeprefix("return "),
                "return self.loss",
                backward="return slope(self.loss, self.x)[0]",
            ): "leaves the gradient to torch (grad)",
            "CrossEntropyLoss = torch.nn.CrossEntropyLoss": "torch's own",
            "class CrossEntropyLoss(torch.nn.CrossEntropyLoss):\n    pass": "torch's own",
        },
    ),
    Optimizer(
        id="12 momentum",
        name="Momentum",
        asks="step() of an optimiser with momentum: u becomes beta u + g, and w becomes w - lr u.",
        points=3,
        settings={
            "lr = 0.05 and beta = 0.8": {"lr": 0.05, "beta": 0.8},
            "lr = 0.3 and the beta that it has by itself": {"lr": 0.3},
            "lr = 1 and beta = 0.5": {"lr": 1.0, "beta": 0.5},
        },
        reference=_torch_momentum,
        carries=("velocities",),
        remark=_rate_inside,
        hint="For each parameter: first the new velocity, then the step along it. Both have to change in place.",
        given="import torch\nfrom minidl import SGD, Linear\nmodel, lr, beta = Linear(3, 2), 0.01, 0.9",
        solution=(
            "class Momentum:\n"
            "    def __init__(self, model, lr, beta=0.9):\n"
            "        self.model, self.lr, self.beta = model, lr, beta\n"
            "        self.velocities = [torch.zeros_like(param) for param, _ in model.parameters()]\n\n"
            "    def step(self):\n"
            "        for (param, grad), velocity in zip(self.model.parameters(), self.velocities, strict=True):\n"
            "            velocity.mul_(self.beta).add_(grad)\n"
            "            param.sub_(self.lr * velocity)"
        ),
        right=(
            _momentum("velocity *= self.beta", "velocity += grad", "param -= self.lr * velocity"),
            _momentum("velocity.copy_(self.beta * velocity + grad)", "param.add_(velocity, alpha=-self.lr)"),
            _momentum(
                "param, grad = pair",
                "self.velocities[k] = self.beta * self.velocities[k] + grad",
                "param.copy_(param - self.lr * self.velocities[k])",
                each="for k, pair in enumerate(self.model.parameters()):",
            ),
            _momentum(
                "velocity[:] = self.beta * velocity + grad",
                "param[...] -= velocity * self.lr",
                each="for (param, grad), velocity in zip(self.model.parameters(), self.velocities):",
            ),
            _momentum(
                "u = self.u.get(k, 0) * self.beta + grad",
                "self.u[k] = u",
                "param -= u * self.lr",
                init=method(
                    "__init__(self, model, lr, beta=0.9)",
                    "self.model, self.lr, self.beta, self.u = model, lr, beta, {}",
                ),
                each="for k, (param, grad) in enumerate(self.model.parameters()):",
            ),
            _momentum("velocity.mul_(self.beta).add_(self.lr * grad)", "param.sub_(velocity)"),
        ),
        slips={
            _momentum("velocity = self.beta * velocity + grad", "param -= self.lr * velocity"): (
                "every step is one of plain descent, as if nothing were carried from step to step. Does step write into the "
                "tensors of self.velocities (velocity.mul_(...), velocity += ...), or only give the name to a new one "
                "(velocity = ...)?"
            ),
            _momentum("velocity.mul_(self.beta).add_(grad)", "param.sub_(self.lr * grad)"): (
                "the velocity is right, and the step does not go along it: it goes along grad."
            ),
            _momentum("velocity.add_(self.beta * velocity + grad)", "param.sub_(self.lr * velocity)"): (
                "the velocity keeps all of itself, and beta of it on top: += adds to what is there already."
            ),
            _momentum("velocity.mul_(self.beta).add_(grad)", "param.sub_(self.lr * (velocity + grad))"): (
                "the gradient is in the step twice: the velocity has it already."
            ),
            _momentum("velocity.copy_(self.beta * grad + velocity)", "param.sub_(self.lr * velocity)"): (
                "beta stands at the gradient; it is the share of the old velocity that is kept."
            ),
            _momentum("velocity.mul_(self.beta).add_(grad)", "param.sub_(self.lr * self.beta * velocity)"): (
                "beta is in the step as well; it belongs to the velocity alone."
            ),
            _momentum("velocity.mul_(self.beta).add_(grad)", "param.mul_(1 - self.lr * velocity)"): (
                "the parameter is a factor of its own step."
            ),
            _momentum(
                "velocity.mul_(self.beta).add_(grad)",
                "param.sub_(self.lr * velocity)",
                before=("self.velocities = [torch.zeros_like(param) for param, _ in self.model.parameters()]",),
            ): "step itself makes the velocities 0, every time: they are made once, in __init__.",
            _momentum(
                "velocity = self.velocities[0]", "velocity.mul_(self.beta).add_(grad)", "param.sub_(self.lr * velocity)"
            ): ("one velocity serves for more than one parameter; each needs its own, of its own shape."),
            _momentum("velocity.mul_(self.beta).add_((1 - self.beta) * grad)", "param.sub_(self.lr * velocity)"): (
                "that is a running average, as in Adam: here the gradient is added whole."
            ),
            _momentum("velocity.mul_(self.beta).add_(grad)", "param.sub_(self.lr * (grad + self.beta * velocity))"): (
                "that is Nesterov's momentum, which looks one step ahead; asked for is the plain one."
            ),
            _momentum("velocity.mul_(self.beta).add_(grad)", "param.add_(self.lr * velocity)"): (
                "the step goes uphill. The gradient is added to the velocity, and the velocity is subtracted from "
                "the parameter."
            ),
            _momentum("velocity.mul_(self.beta).sub_(grad)", "param.sub_(self.lr * velocity)"): (
                "the gradient is subtracted from the velocity, so that the step goes uphill: it has to be added."
            ),
            _momentum("velocity.mul_(self.beta).add_(grad)", "param.sub_(self.lr * velocity.sign())"): (
                "of the velocity only the sign is in the step; how large it is should count."
            ),
            _momentum("param.sub_(self.lr * grad)") + "\n        self.lr *= self.beta": (
                "plain descent, with a learning rate that shrinks: beta belongs to a velocity, which is carried on."
            ),
            _momentum("velocity.add_(grad).mul_(self.beta)", "param.sub_(self.lr * velocity)"): (
                "the new gradient is shortened too: beta belongs to the old velocity alone."
            ),
            _momentum("param.sub_(self.lr * velocity)", "velocity.mul_(self.beta).add_(grad)"): (
                "the step is taken with the old velocity, one gradient late: first the velocity, then the step."
            ),
            _momentum("velocity.mul_(self.beta)", "param.sub_(self.lr * velocity)", "velocity.add_(grad)"): (
                "the first step does not move at all: the parameter moves along the velocity before the gradient has come "
                "into it."
            ),
            _momentum("param.sub_(self.lr * velocity)", "velocity.add_(grad)"): (
                "the parameter moves along the velocity before the gradient has come into it, so that the first step does not "
                "move at all. And the velocity keeps all of itself: only its share beta is to be kept."
            ),
            _momentum("velocity.add_(grad)", "param.sub_(self.lr * velocity)"): (
                "the velocity keeps all of itself: only its share beta is to be kept."
            ),
            _momentum("velocity.mul_(self.beta).add_(grad)", "param.sub_(velocity)"): "the learning rate is not used.",
            _momentum("velocity.mul_(self.beta).add_(self.lr * grad)", "param.sub_(self.lr * velocity)"): (
                "the learning rate is in it twice, in the velocity and in the step."
            ),
            _momentum("velocity.mul_(0.9).add_(grad)", "param.sub_(self.lr * velocity)"): (
                "0.9 is written into it: the share to be kept is self.beta, which need not be 0.9."
            ),
            _momentum("velocity.mul_(self.beta).add_(grad)", "param.sub_(0.05 * velocity)"): (
                "0.05 is written into it: the learning rate is self.lr."
            ),
            _momentum("velocity.mul_(self.beta).add_(grad)", "param = param - self.lr * velocity"): (
                "no parameter moves. Does step write into the tensor (param -= ...), or only give the name to a new "
                "one (param = ...)?"
            ),
            _momentum("velocity.mul_(1 - self.beta).add_(grad)", "param.sub_(self.lr * velocity)"): (
                "the share that is kept is beta, not 1 - beta."
            ),
            _momentum("velocity.mul_(self.beta).add_(grad)", "param.sub_(self.lr * velocity)", "break"): (
                "only the first parameter moves."
            ),
        },
        wrong={
            _momentum("velocity.mul_(beta).add_(grad)", "param.sub_(lr * velocity)"): (
                "step uses `beta` from outside of the class; its own is self.beta"
            ),
            _momentum("velocity.mul_(self.beta).add_(grad)", "param.sub_(lr * velocity)"): "its own is self.lr",
            _momentum(
                "param -= self.lr * (self.beta * velocity + grad)"
            ): "as if nothing were carried from step to step",
            _momentum("param -= self.lr * grad"): "as if nothing were carried from step to step",
            _momentum("velocity.mul_(self.beta).add_(grad)"): "no parameter moves",
            _momentum(
                "velocity.mul_(self.beta).add_(grad)", "param.sub_(self.lr * velocity)", "grad.zero_()"
            ): "gradient",
            _momentum(
                "raise NotImplementedError", before=("if self.lr > 0.2:", "    raise NotImplementedError")
            ): "still to be written",
            _momentum("velocity.mul_(self.beta).add_(gradient)", "param.sub_(self.lr * velocity)"): "do you mean grad?",
            _momentum("velocity.mul_(self.momentum).add_(grad)", "param.sub_(self.lr * velocity)"): "momentum",
            _momentum(
                "self.u = self.beta * self.u + grad",
                "param.sub_(self.lr * self.u)",
                init=method(
                    "__init__(self, model, lr, beta=0.9)", "self.model, self.lr, self.beta, self.u = model, lr, beta, 0"
                ),
                each="for param, grad in self.model.parameters():",
            ): "one velocity serves for more than one parameter",
            _momentum(
                "velocity.mul_(self.beta).add_(grad)",
                "param.sub_(self.lr * velocity)",
                init=MOMENTUM_INIT.replace("torch.zeros_like(param) for param, _", "param.clone() for param, _"),
            ): "begin",
            _momentum(
                "velocity.mul_(self.beta).add_(grad)",
                "param.sub_(self.lr * velocity)",
                init=MOMENTUM_INIT.replace("torch.zeros_like(param) for param, _", "grad for _, grad"),
            ): "gradient",
            "class Momentum(SGD):\n    def __init__(self, model, lr, beta=0.9):\n        super().__init__(model, lr)": (
                "minidl's own"
            ),
            "class Momentum:\n    def __init__(self, model, lr, beta=0.9):\n        self.inner = "
            "torch.optim.SGD([torch.nn.Parameter(p) "
            "for p, _ in model.parameters()], lr=lr, momentum=beta)\n    def step(self):\n        self.inner.step()": (
                "torch's own"
            ),
            "Momentum = SGD": "minidl's own",
            "Momentum = 0.9": "it should be a class",
        },
    ),
    Optimizer(
        id="12 adam",
        name="Adam",
        asks="step() of Adam: two running averages, corrected for their start at 0, and a step of their quotient.",
        points=3,
        settings={
            "lr = 0.05": {"lr": 0.05},
            "lr = 0.2, betas = (0.7, 0.95) and eps = 0.1": {"lr": 0.2, "betas": (0.7, 0.95), "eps": 0.1},
        },
        reference=_torch_adam,
        carries=("averages", "steps"),
        hint="In this order: count the step, move both averages, correct each with its own beta, move the parameter.",
        given=(
            "import torch\nfrom minidl import SGD, Linear\n"
            "model, lr, eps = Linear(3, 2), 0.001, 1e-8\nbeta1, beta2, k = 0.9, 0.999, 1"
        ),
        solution=(
            "class Adam:\n"
            "    def __init__(self, model, lr=0.001, betas=(0.9, 0.999), eps=1e-8):\n"
            "        self.model, self.lr, self.betas, self.eps = model, lr, betas, eps\n"
            "        pairs = [(torch.zeros_like(param), torch.zeros_like(param)) for param, _ in model.parameters()]\n"
            "        self.averages, self.steps = pairs, 0\n\n"
            "    def step(self):\n"
            "        self.steps += 1\n"
            "        beta1, beta2 = self.betas\n"
            "        for (param, grad), (mu, nu) in zip(self.model.parameters(), self.averages, strict=True):\n"
            "            mu.mul_(beta1).add_((1 - beta1) * grad)\n"
            "            nu.mul_(beta2).add_((1 - beta2) * grad**2)\n"
            "            mu_hat, nu_hat = mu / (1 - beta1**self.steps), nu / (1 - beta2**self.steps)\n"
            "            param.sub_(self.lr * mu_hat / (nu_hat.sqrt() + self.eps))"
        ),
        right=(
            _adam(
                "mu *= b1",
                "mu += (1 - b1) * grad",
                "nu *= b2",
                "nu += (1 - b2) * grad * grad",
                "first = mu / (1 - b1**self.steps)",
                "second = nu / (1 - b2**self.steps)",
                "param -= self.lr * first / (torch.sqrt(second) + self.eps)",
                before=("self.steps = self.steps + 1", "b1, b2 = self.betas"),
            ),
            _adam(
                "mu.copy_(self.betas[0] * mu + (1 - self.betas[0]) * grad)",
                "nu.copy_(self.betas[1] * nu + (1 - self.betas[1]) * grad.square())",
                "a, b = 1 - self.betas[0] ** self.steps, 1 - self.betas[1] ** self.steps",
                "param.addcdiv_(mu / a, (nu / b).sqrt() + self.eps, value=-self.lr)",
                before=("self.steps += 1",),
            ),
            _adam(
                "mu.lerp_(grad, 1 - beta1)",
                "nu.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)",
                "root = nu.sqrt() / (1 - beta2**self.steps) ** 0.5 + self.eps",
                "param.sub_(self.lr / (1 - beta1**self.steps) * mu / root)",
            ),
            optimizer(
                "Adam",
                ADAM_INIT,
                "self.steps += 1\n"
                "beta1, beta2 = self.betas\n"
                "for k, (param, grad) in enumerate(self.model.parameters()):\n"
                "    mu, nu = self.averages[k]\n"
                "    mu = beta1 * mu + (1 - beta1) * grad\n"
                "    nu = beta2 * nu + (1 - beta2) * grad**2\n"
                "    self.averages[k] = (mu, nu)\n"
                "    param -= self.lr * mu / (1 - beta1**self.steps) / ((nu / (1 - beta2**self.steps)) ** 0.5 + self.eps)",
            ),
            _adam(
                "mu.mul_(beta1).add_(grad, alpha=1 - beta1)",
                "nu.mul_(beta2).add_(grad.pow(2), alpha=1 - beta2)",
                "mu_hat, nu_hat = mu / share1, nu / share2",
                "param[:] = param - self.lr * mu_hat / (nu_hat.pow(0.5) + self.eps)",
                before=(*COUNT, "share1 = 1 - beta1**self.steps", "share2 = 1 - beta2**self.steps"),
            ),
        ),
        slips={
            _adam(AVERAGE, SQUARE, "param.sub_(self.lr * mu / (nu.sqrt() + self.eps))"): (
                "neither average is corrected for its start at 0: divide each by the share that it has come to."
            ),
            _adam(AVERAGE, SQUARE, "param.sub_(self.lr * mu / (1 - beta1**self.steps) / (nu.sqrt() + self.eps))"): (
                "only mu is corrected for its start at 0; nu begins at 0 too."
            ),
            _adam(AVERAGE, SQUARE, "param.sub_(self.lr * mu / ((nu / (1 - beta2**self.steps)).sqrt() + self.eps))"): (
                "only nu is corrected for its start at 0; mu begins at 0 too."
            ),
            _adam(AVERAGE, SQUARE, HATS, STEP, before=COUNT[1:]): (
                "the step is not counted. So both shares are 0, and the averages are divided by 0. In the first "
                "step the count is 1."
            ),
            _adam(AVERAGE, SQUARE, HATS, STEP, before=COUNT[1:]) + "\n        self.steps += 1": (
                "the step is counted too late, after it is taken: in the first one the count is still 0, and so are both "
                "shares, by which the averages are divided."
            ),
            _adam(AVERAGE, SQUARE, HATS, "param.sub_(self.lr * nu_hat / (mu_hat.abs().sqrt() + self.eps))"): (
                "mu and nu are exchanged in the step."
            ),
            _adam(
                AVERAGE, SQUARE, HATS, "param.sub_(mu_hat / (nu_hat.sqrt() + self.eps))"
            ): "the learning rate is not in the step.",
            _adam(AVERAGE, SQUARE.replace("grad**2", "mu**2"), HATS, STEP): (
                "nu averages the squares of mu; it is the average of the squared gradients."
            ),
            _adam(AVERAGE, SQUARE.replace("(1 - beta2) * ", ""), HATS, STEP): (
                "nu adds up whole squares. It is an average: the new square comes in with the share 1 - beta."
            ),
            _adam("self.steps += 1", AVERAGE, SQUARE, HATS, STEP, before=COUNT[1:]): (
                "the step is counted once for each parameter; it is one step for all of them."
            ),
            _adam(AVERAGE, SQUARE, HATS.replace("self.steps", "(self.steps + 1)"), STEP): (
                "the count is one too many in the correction: it is 1 in the first step."
            ),
            _adam(
                AVERAGE,
                SQUARE,
                "mu.div_(1 - beta1**self.steps)",
                "nu.div_(1 - beta2**self.steps)",
                "param.sub_(self.lr * mu / (nu.sqrt() + self.eps))",
            ): (
                "the averages themselves are divided, so the correction is in them from then on, and again in the next step. "
                "What is carried on stays uncorrected."
            ),
            _adam(AVERAGE, SQUARE, HATS, "param.sub_(self.lr * mu_hat / (nu_hat + self.eps))"): (
                "the root is missing: the step is divided by the size of the gradients, and nu is the average of their squares."
            ),
            _adam(AVERAGE, SQUARE, HATS, "param.sub_(self.lr * mu_hat / nu_hat.sqrt())"): (
                "with eps = 0.1 the steps are those without it. Is it left out, or written into the code? It is self.eps."
            ),
            _adam(AVERAGE, SQUARE, HATS, "param.sub_(self.lr * mu_hat / (nu_hat + self.eps).sqrt())"): (
                "eps stands under the root; it is added to the root."
            ),
            _adam(
                AVERAGE,
                SQUARE,
                "param.sub_(self.lr * (1 - beta2**self.steps) ** 0.5 / (1 - beta1**self.steps) * mu / (nu.sqrt() + self.eps))",
            ): "eps is added to the root of nu before nu is corrected; it is added to the root of the corrected one.",
            _adam(
                AVERAGE, SQUARE, HATS, STEP.replace("self.lr", "0.05")
            ): "0.05 is written into it; the learning rate is self.lr.",
            _adam(AVERAGE, SQUARE, HATS, STEP, before=("self.steps += 1", "beta1, beta2 = 0.9, 0.999")): (
                "0.9 and 0.999 are written into it; what it is built with is self.betas."
            ),
            _adam(AVERAGE.replace("(1 - beta1) * ", ""), SQUARE, HATS, STEP): (
                "mu adds up gradients, as a velocity does. It is an average: the new gradient comes in with the share 1 - beta."
            ),
            _adam(AVERAGE, SQUARE.replace("grad**2", "grad.abs()"), HATS, STEP): (
                "nu averages sizes, and a root is taken of it: it is the average of the squares."
            ),
            _adam(
                AVERAGE.replace("mul_(beta1)", "mul_(1 - beta1)").replace("(1 - beta1) *", "beta1 *"),
                SQUARE.replace("mul_(beta2)", "mul_(1 - beta2)").replace("(1 - beta2) *", "beta2 *"),
                HATS,
                STEP,
            ): "the shares are exchanged: beta of the average is kept, and 1 - beta comes in.",
            _adam(AVERAGE, SQUARE, HATS.replace("/ (", "* ("), STEP): (
                "the averages are multiplied by the shares that they have come to; they are too small, and have to be divided."
            ),
            _adam(AVERAGE, SQUARE.replace("grad**2", "grad"), HATS, STEP): (
                "nu averages the gradients; it is the average of their squares."
            ),
            _adam(
                AVERAGE, SQUARE.replace("beta2", "beta1"), HATS, STEP
            ): "nu is carried on with the beta of mu; it has its own.",
            _adam(
                AVERAGE.replace("beta1", "beta2"),
                SQUARE.replace("beta2", "beta1"),
                "mu_hat, nu_hat = mu / (1 - beta2**self.steps), nu / (1 - beta1**self.steps)",
                STEP,
            ): "the two betas are exchanged: the first is that of mu.",
            _adam(
                AVERAGE, SQUARE, HATS.replace("beta2", "beta1"), STEP
            ): "nu is corrected with the beta of mu; it has its own.",
            _adam(
                AVERAGE, SQUARE, HATS, STEP.replace("sub_", "add_")
            ): "the step goes uphill; it has to be subtracted.",
            _adam(AVERAGE, SQUARE, HATS, "param.sub_(self.lr * grad / (nu_hat.sqrt() + self.eps))"): (
                "the step is along the newest gradient alone: mu, their average, is not used."
            ),
            _adam(
                AVERAGE, SQUARE, HATS, "param.sub_(self.lr * mu_hat)"
            ): "the step is not divided by the size of the gradients.",
            _adam("mu = beta1 * mu + (1 - beta1) * grad", "nu = beta2 * nu + (1 - beta2) * grad**2", HATS, STEP): (
                "the averages are forgotten from step to step: mu = ... makes a new tensor, and the list keeps the "
                "old one, which "
                "stays 0. They have to change in place."
            ),
            _adam(AVERAGE, SQUARE, HATS.replace("**self.steps", " * self.steps"), STEP): (
                "the shares hold powers, 1 - beta to the k; this multiplies beta by k."
            ),
            _adam(AVERAGE, SQUARE, HATS, "param = param - self.lr * mu_hat / (nu_hat.sqrt() + self.eps)"): (
                "no parameter moves. Does step write into the tensor (param -= ...), or only give the name to a new "
                "one (param = ...)?"
            ),
        },
        wrong={
            _adam(AVERAGE, SQUARE, HATS, STEP, "grad.zero_()"): "gradient",
            _adam(
                AVERAGE, SQUARE, HATS.replace("beta1", "beta").replace("beta2", "beta"), STEP
            ): "'beta' is not defined",
            _adam(AVERAGE, SQUARE, HATS.replace("**", "^"), STEP): "write ** for it",
            _adam(AVERAGE, SQUARE, HATS, STEP.replace("self.eps", "self.epsilon")): "epsilon",
            _adam(AVERAGE, SQUARE, HATS, STEP.replace("mu_hat", "muhat")): "do you mean mu_hat?",
            _adam(AVERAGE, SQUARE.replace("grad**2", "(grad @ grad)"), HATS, STEP): "cannot be multiplied",
            _adam(AVERAGE, SQUARE, HATS, STEP.replace("self.eps", "1e-8")): "It is self.eps",
            _adam(
                AVERAGE, SQUARE, HATS, "param.sub_(self.lr * mu_hat / nu_hat.sqrt() + self.eps)"
            ): "a small constant in the wrong place",
            _adam(AVERAGE, SQUARE, HATS): "no parameter moves",
            _adam(
                "if self.steps > 2:", "    raise NotImplementedError", AVERAGE, SQUARE, HATS, STEP
            ): "still to be written",
            "class Adam:\n    def __init__(self, model, lr=0.001, betas=(0.9, 0.999), eps=1e-8):\n"
            "        self.inner = torch.optim.Adam([torch.nn.Parameter(p) for p, _ in model.parameters()], lr=lr)\n"
            "    def step(self):\n        self.inner.step()": "torch's own",
            "class Adam(SGD):\n    def __init__(self, model, lr=0.001, betas=(0.9, 0.999), eps=1e-8):\n"
            "        super().__init__(model, lr)": "minidl's own",
            "Adam = torch.optim.Adam": "torch's own",
            "Adam = None": "it should be a class",
        },
    ),
    Diagnoses(
        id="12 clinic",
        name="diagnoses",
        asks="The names of the mistakes of six patients.",
        points=2,
        expected=dict(zip(PATIENTS, NAMES, strict=True)),
        look={
            "Gate": "Which number decides which branch is taken: one that went in, or one that comes back?",
            "Squash": "At which number does backward take the slope, and at which one should it?",
            "Fresh": "Something was collected before. What is left of it after this backward?",
            "Averaged": "What does forward divide by, and backward? Then compare: is the gradient too large or too small?",
            "Plain": "What does its forward give for an error of 1000?",
            "NewMomentum": "After the loop, what is in self.velocities?",
        },
        names=(*NAMES, "sign", "transposed", "factor 1/n", "learning rate twice", "bias correction forgotten"),
        hint="Read its lines once more, and say of each what it would have to be.",
        solution=(
            "diagnoses = {\n"
            '    "Gate": "upstream as mask",\n'
            '    "Squash": "derivative at output",\n'
            '    "Fresh": "overwritten",\n'
            '    "Averaged": "factor n",\n'
            '    "Plain": "not finite",\n'
            '    "NewMomentum": "momentum forgotten",\n'
            "}"
        ),
        right=(
            _diagnoses(Gate="upstream_as_mask", Squash="derivative_at_output", NewMomentum="momentum-forgotten"),
            _diagnoses(Gate="Upstream as mask.", Fresh="OVERWRITTEN", Plain="Not finite"),
            f"names = {NAMES}\ndiagnoses = dict(zip({PATIENTS}, names))",
            _diagnoses(Averaged=" factor n ", Plain="'not finite'"),
            "diagnoses = dict(Gate='upstream as mask', Squash='derivative at output', Fresh='overwritten', "
            "Averaged='factor n', "
            "Plain='not finite', NewMomentum='momentum forgotten')",
        ),
        wrong={
            _diagnoses(Averaged="factor 1/n"): "5 of 6 are right.\nAveraged: 'factor 1/n' is not it",
            _diagnoses(Gate="derivative at output"): "one that went in, or one that comes back",
            _diagnoses(Gate="sign"): "Gate: 'sign' is not it",
            _diagnoses(Squash="factor n", Fresh="factor 1/n"): "4 of 6 are right",
            _diagnoses(Plain="factor n", Averaged="not finite"): "4 of 6 are right",
            _diagnoses(**dict.fromkeys(PATIENTS[1:], "sign")): "1 of 6 is right.",
            _diagnoses(NewMomentum="overwritten"): "what is in self.velocities",
            _diagnoses(NewMomentum="learning rate twice"): "what is in self.velocities",
            _diagnoses(NewMomentum="bias correction forgotten"): "what is in self.velocities",
            _diagnoses(Fresh=""): "the table has no name ''",
            _diagnoses(Fresh="not overwritten"): "the table has no name 'not overwritten'. Do you mean 'overwritten'?",
            _diagnoses(Fresh="overwriten", Squash="derivative at the output"): (
                "Squash: the table has no name 'derivative at the output'. Do you mean 'derivative at output'?"
            ),
            _diagnoses(Plain="overflow"): (
                "Plain: the table has no name 'overflow'. Which of its names comes nearest to what you mean?"
            ),
            _diagnoses(Gate=3): "Gate: 3 is no name: write one of the table, as a text in quotes.",
            "diagnoses = 'all wrong'": "it should be a dictionary",
            'diagnoses = {"Gate": "upstream as mask"}': "it should be a dictionary with the entries Gate, Squash",
            f"diagnoses = {list(NAMES)}": "it should be a dictionary",
        },
    ),
]
