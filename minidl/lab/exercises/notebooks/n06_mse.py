"""Exercises of 06_mse: the gradient of the squared error, the loss with its reductions, a fourth custom, and Huber's loss."""

from collections.abc import Callable

import torch
from torch import Tensor

from minidl import MSELoss
from minidl.lab.exercises.kinds import Claim, Loss
from minidl.lab.exercises.kinds.writing import loss, method
from minidl.lab.proof import matrices, ones, scalars
from minidl.lab.proof.formula import Formula

GIVEN = "import torch\nfrom minidl import Linear, MSELoss"
SYMBOLS = 'Y, T = matrices("Y (n x m), T (n x m)")\nn, m = scalars("n, m")'
PROOF = f"from minidl.lab.proof import matrices, ones, scalars\n{SYMBOLS}"

INIT = method('__init__(self, reduction="sum")', "self.reduction = reduction")
DIVISOR = method(
    "divisor(self)",
    'n, m = self.error.shape\nreturn {"sum": 1, "batchmean": n, "mean": n * m}[self.reduction]',
)
VALUE = "self.error = input - target\nreturn (self.error * self.error).sum() / self.divisor()"
SLOPE = "return 2 * self.error / self.divisor()"

GUARD = 'if input.shape != target.shape:\n    raise ValueError("two shapes")\n'
PIECES = "self.error = e = input - target\nreturn torch.where(e.abs() <= 1, e * e / 2, e.abs() - 0.5).sum()"
SLOPES = "e = self.error\nreturn torch.where(e.abs() <= 1, e, e.sign())"


def _squared(scale: str = "") -> dict[str, Formula]:
    Y, T = matrices("Y (n x m), T (n x m)")
    (m,) = scalars("m")
    each = ((Y - T) ** 2) @ ones("m") / m if scale == "m" else (Y - T) ** 2
    return {"forward": each.sum(), "wrt": Y}


def _mse(forward: str, backward: str, init: str = INIT, more: str = DIVISOR) -> str:
    return f"{loss('MyMSELoss', forward, backward, init)}\n{more}"


def _by(divisor: Callable[[Tensor], int]) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the squared error, divided by what the divisor makes of the errors."""

    def reference(input: Tensor, target: Tensor) -> Tensor:
        return ((input - target) ** 2).sum() / divisor(input)

    return reference


def _huber(forward: str, backward: str) -> str:
    return loss("HuberLoss", forward, backward)


def _torch_huber(input: Tensor, target: Tensor) -> Tensor:
    return torch.nn.functional.huber_loss(input, target, reduction="sum")


def _pairs() -> list[tuple[Tensor, Tensor]]:
    drawn = torch.Generator().manual_seed(4)
    return [
        tuple(2 * torch.randn(2, n, m, generator=drawn, dtype=torch.float64).round(decimals=2))
        for n, m in ((4, 3), (1, 3), (5, 2))
    ]


def _large() -> list[tuple[Tensor, Tensor]]:
    return [
        (torch.tensor([[0.0, 6.0, -6.0], [30.0, -100.0, 100.0]]), torch.tensor([[0.5, 6.0, 6.0], [-30.0, 100.0, 0.0]]))
    ]


EXERCISES = [
    Claim(
        id="06 claim",
        name="claim_squared",
        asks="dL/dY of the squared error, summed over all entries, as a formula of Y and T.",
        statement=_squared,
        points=2,
        hint="Of which entries of Y and T is the one term made in which y_ij occurs? And what is the derivative of a square?",
        given=PROOF,
        solution=f"{SYMBOLS}\nclaim_squared = 2 * (Y - T)",
        right=(
            "claim_squared = 2 * Y - 2 * T",
            "claim_squared = -2 * (T - Y)",
            "claim_squared = (Y - T) * 2",
            "claim_squared = (Y - T) + (Y - T)",
            "error = Y - T\nclaim_squared = 2 * error",
            "claim_squared = 2 * (Y - T).abs() * (Y - T).sign()",
            "claim_squared = ((Y - T) ** 2 - (T - Y) ** 2) + 2 * (Y - T)",
        ),
        slips={
            "claim_squared = Y - T": "the error itself is half of it: what is the derivative of a square?",
            "claim_squared = 2 * (T - Y)": (
                "the sign is the wrong way round: where an answer is too large, L grows with it. Which comes first, y or t?"
            ),
            "claim_squared = T - Y": "twice something: the factor that a square leaves is missing, and the sign is "
            "the wrong way round.",
            "claim_squared = (Y - T) ** 2": "that is the loss itself, entry by entry, and not its derivative.",
            "claim_squared = 2 * (Y - T) ** 2": "the power goes down by one when a square is differentiated.",
            "claim_squared = 2 * (Y - T) / n": (
                "nothing here is divided by n: L is a sum, and y_ij is in one of its terms, however many there are."
            ),
            "claim_squared = 2 * (Y - T) / (n * m)": (
                "nothing here is divided by n m: L is a sum, and y_ij is in one of its terms, however many there are."
            ),
            "claim_squared = 2 * (Y - T) / m": (
                "nothing here is divided by m: L is a sum, and y_ij is in one of its terms, however many there are."
            ),
            "claim_squared = n * 2 * (Y - T)": "y_ij stands in one term of the sum, and not in n of them.",
            "claim_squared = 2 * Y": "t_ij stands in the bracket too, and the bracket stays when the square is differentiated.",
            "claim_squared = 2 * (Y - T).abs()": "the size of the error is right, and its sign is lost: where y is "
            "too small, L falls as y grows.",
            "claim_squared = (Y - T).sign()": "that is the slope of the absolute error. A square has another one.",
            "claim_squared = 2 * (Y - T) * Y": "what is inside the bracket has the derivative 1 with respect to y, and not y.",
            "claim_squared = -2 * (Y - T) * T": "what is inside the bracket is differentiated with respect to y; t "
            "is a constant.",
            "claim_squared = Y": "the target is not in it: how far off an answer is depends on both.",
            "claim_squared = 2 * T": "the answer is not in it: how far off it is depends on both.",
            "claim_squared = (Y - T) / 2": "a square leaves a factor behind, and does not take one away.",
            "claim_squared = (Y - T).abs()": "neither the factor that a square leaves behind is there, nor the "
            "sign of the error.",
            "claim_squared = 2 * (Y - T) * n * m": "y_ij stands in one term of the sum, and not in n m of them.",
            "claim_squared = (Y - T) ** 3": "the power goes down when a square is differentiated, not up.",
            "claim_squared = 3 * (Y - T)": "which factor does a square leave behind?",
            "claim_squared = 2 * (Y + T)": "look at the sign inside the bracket.",
        },
        wrong={
            "claim_squared = 4 * (Y - T)": "2 times too large",
            "claim_squared = (2 * (Y - T)).sum()": "expected the shape of Y",
            "claim_squared = 2 * (Y - T).sum()": "expected the shape of Y",
            "claim_squared = 2 * (Y - T) @ ones('m')": "expected the shape of Y",
            "claim_squared = 2 * (Y - T).T": "expected the shape of Y",
            "claim_squared = 2": "expected the shape of Y",
            "claim_squared = -2 * Y * T": "differs in more than one place",
            "claim_squared = '2 * (Y - T)'": "formula made of the symbols",
            "claim_squared = True": "formula made of the symbols",
            "claim_squared = None": "formula made of the symbols",
            "claim_squared = 2 * (Y - T) + 1": "too many",
        },
    ),
    Loss(
        id="06 loss",
        name="MyMSELoss",
        asks="The squared error as a loss, with forward and backward for each of the three reductions.",
        builds={
            'reduction="sum"': (lambda cls: cls("sum"), _by(lambda errors: 1)),
            'reduction="batchmean"': (lambda cls: cls("batchmean"), _by(len)),
            'reduction="mean"': (lambda cls: cls("mean"), _by(Tensor.numel)),
            "no reduction named": (lambda cls: cls(), _by(lambda errors: 1)),
        },
        pairs=_pairs,
        ends=_large,
        ours=MSELoss,
        about_ours=(
            "What only looks after the tensors: _check sees whether both have the same shape, "
            "_kept holds the error "
            "until backward asks for it. REDUCTIONS does with the squares what its words say, over the last two "
            "dimensions, so that the "
            "same code works for a stack of batches."
        ),
        not_yours=("mse_loss", "MSELoss"),
        points=3,
        hint="Loss and gradient are divided by the same. Write down for each reduction what that is.",
        given=GIVEN,
        solution=_mse(
            VALUE.replace("self.error", "self.errors"),
            SLOPE.replace("self.error", "self.errors"),
            more=DIVISOR.replace("self.error", "self.errors"),
        ),
        right=(
            _mse(
                "self.error = input - target\nn, m = input.shape\n"
                "if self.reduction == 'sum':\n    self.scale = 1\n"
                "elif self.reduction == 'batchmean':\n    self.scale = n\nelse:\n    self.scale = n * m\n"
                "return (self.error**2).sum() / self.scale",
                "return self.error * 2 / self.scale",
                more="",
            ),
            _mse(
                "self.input, self.target = input, target\nsquares = (input - target) ** 2\n"
                "if self.reduction == 'mean':\n    return squares.mean()\n"
                "if self.reduction == 'batchmean':\n    return squares.sum(1).mean()\n"
                "return squares.sum()",
                "grad = 2 * (self.input - self.target)\n"
                "if self.reduction == 'mean':\n    return grad / grad.numel()\n"
                "if self.reduction == 'batchmean':\n    return grad / len(grad)\n"
                "return grad",
                more="",
            ),
            _mse(
                "if input.shape != target.shape:\n    raise ValueError('shapes differ')\n"
                "self.difference = target - input\n"
                "self.d = dict(sum=1, batchmean=input.shape[0], mean=input.numel())[self.reduction]\n"
                "return self.difference.square().sum() / self.d",
                "return -2 * self.difference / self.d",
                more="",
            ),
            _mse(
                "self.error = (input - target).clone()\n"
                "return torch.einsum('ij,ij->', self.error, self.error) / self.divisor()",
                "return (self.error + self.error) / self.divisor()",
            ),
            _mse(
                "match self.reduction:\n"
                "    case 'sum':\n        self.share = 1.0\n"
                "    case 'batchmean':\n        self.share = 1 / input.size(0)\n"
                "    case 'mean':\n        self.share = 1 / (input.size(0) * input.size(1))\n"
                "    case _:\n        raise NotImplementedError\n"
                "self.error = input - target\nreturn self.share * torch.sum(self.error.pow(2))",
                "return 2 * self.share * self.error",
                more="",
            ),
        ),
        slips={
            _mse(VALUE, "return 2 * self.error * self.divisor()"): "backward multiplies by what it should divide by.",
            _mse(VALUE, "return 2 * self.error / self.divisor() ** 2"): (
                "backward divides twice by what forward divides by once."
            ),
            _mse(VALUE, "return 2 * self.error**2 / self.divisor()"): (
                "the error is still squared in backward: the power goes down by one when a square is differentiated."
            ),
            _mse(VALUE, "return 4 * self.error / self.divisor()"): "backward has a factor 2 too many.",
            _mse(VALUE, "return 2 * self.error / self.divisor() / len(self.error)"): (
                "backward divides once by what forward divides by, and once more by n."
            ),
            _mse("self.error = input - target\nreturn (self.error * self.error).mean() / self.divisor()", SLOPE): (
                "forward takes a mean, and divides once more."
            ),
            _mse("self.error = input - target\nreturn (self.error**3).sum() / self.divisor()", SLOPE): (
                "forward takes the third power of the errors; the second is asked for."
            ),
            _mse(
                VALUE,
                "n, m = self.error.shape\n"
                'return 2 * self.error / {"sum": 1, "batchmean": n * m, "mean": n}[self.reduction]',
            ): 'in backward, "batchmean" and "mean" are exchanged: look at the table above.',
            _mse(
                VALUE, "return self.error / self.divisor()"
            ): "backward returns the error itself; a square leaves a factor behind.",
            _mse(VALUE, "return 2 * self.error"): (
                "for the sum all is right; but where the loss is divided, the gradient has to be divided by the same."
            ),
            _mse(VALUE, "return 2 * self.error / self.error.numel()"): (
                "backward divides by n m, whatever the reduction is: for which of the three is that right?"
            ),
            _mse(VALUE, "return 2 * self.error / len(self.error)"): (
                "backward divides by n, whatever the reduction is: for which of the three is that right?"
            ),
            _mse(
                VALUE,
                "n = len(self.error)\nreturn 2 * self.error / {'sum': 1, 'batchmean': n, 'mean': n}[self.reduction]",
            ): (
                'with "mean", forward divides by n m and backward by n: this is right with one output, and wrong with two.'
            ),
            _mse(
                VALUE,
                "n, m = self.error.shape\nreturn 2 * self.error / {'sum': 1, 'batchmean': m, 'mean': n * m}[self.reduction]",
            ): 'with "batchmean", backward divides by m, the numbers of one sample. How many samples are there?',
            _mse(
                VALUE,
                "n, m = self.error.shape\ngrad = 2 * self.error\n"
                "return {'sum': grad, 'batchmean': grad / n, 'mean': grad / n * m}[self.reduction]",
            ): 'with "mean", backward divides by n and multiplies by m: are brackets missing round what it divides by?',
            _mse(
                "self.error = input - target\nn, m = input.shape\nL = (self.error * self.error).sum()\n"
                "return {'sum': L, 'batchmean': L / n, 'mean': L / n * m}[self.reduction]",
                SLOPE,
            ): 'with "mean", forward divides by n and multiplies by m: are brackets missing round what it divides by?',
            _mse(VALUE, "return -2 * self.error / self.divisor()"): (
                "the sign of the gradient is the wrong way round: where an answer is too large, L grows with it. "
                "(A square does not mind t - y in place of y - t. Its derivative does.)"
            ),
            _mse(VALUE, "return self.error * self.error / self.divisor()"): (
                "backward returns the squares, which is the loss, entry by entry; asked is their derivative."
            ),
            _mse(VALUE, "return 2 * self.error.abs() / self.divisor()"): "the sign of the error is lost in backward.",
            _mse(
                VALUE, "return self.error.sign() / self.divisor()"
            ): "that is the gradient of the absolute error; here the errors are squared.",
            _mse("self.error = input - target\nreturn (self.error * self.error).sum()", SLOPE): (
                "forward gives the sum, whatever the reduction is."
            ),
            _mse("self.error = input - target\nreturn (self.error * self.error).mean()", SLOPE): (
                "forward gives the mean over all entries, whatever the reduction is."
            ),
            _mse("self.error = input - target\nreturn (self.error * self.error).sum(1).mean()", SLOPE): (
                "forward gives the mean over the samples, whatever the reduction is."
            ),
            _mse("self.error = input - target\nreturn self.error.abs().sum() / self.divisor()", SLOPE): (
                "forward adds up the errors without their signs; they are to be squared."
            ),
            _mse("self.error = input - target\nreturn self.error.sum() / self.divisor()", SLOPE): (
                "forward adds up the errors themselves: positive and negative ones cancel. They are to be squared first."
            ),
            _mse("self.error = input - target\nreturn self.error.sum() ** 2 / self.divisor()", SLOPE): (
                "forward squares the sum; it should add up the squares."
            ),
            _mse(
                "self.error = input - target\nreturn (self.error * self.error).sum().sqrt() / self.divisor()", SLOPE
            ): ("forward takes a root at the end; the squared error has none."),
            _mse("self.error = input - target\nreturn (self.error * self.error).sum() / 2 / self.divisor()", SLOPE): (
                "forward gives half of the squared error."
            ),
            _mse("self.error = input - target\nreturn (self.error * self.error).sum() * self.divisor()", SLOPE): (
                "forward multiplies by what it should divide by."
            ),
            _mse(
                VALUE,
                SLOPE,
                more=DIVISOR.replace('"batchmean": n, "mean": n * m', '"batchmean": n * m, "mean": n'),
            ): '"batchmean" and "mean" are exchanged: look at the table above.',
            _mse(VALUE, SLOPE, more=DIVISOR.replace('"mean": n * m', '"mean": n')): (
                'with "mean", all is divided by n, the samples. That is the word for all entries.'
            ),
            _mse(VALUE, SLOPE, more=DIVISOR.replace('"mean": n * m', '"mean": m')): (
                'with "mean", all is divided by m, the numbers of one sample. That is the word for all entries.'
            ),
            _mse(VALUE, SLOPE, more=DIVISOR.replace('"batchmean": n,', '"batchmean": m,')): (
                'with "batchmean", all is divided by m, the numbers of one sample. How many samples are there?'
            ),
            _mse(VALUE, SLOPE, init=method('__init__(self, reduction="mean")', "self.reduction = reduction")): (
                'where no reduction is named, it should be "sum": the stub says so in __init__.'
            ),
        },
        wrong={
            _mse(
                "self.error = input - target\nreturn (self.error * self.error) / self.divisor()", SLOPE
            ): "is a sum missing?",
            _mse(
                "self.error = input - target\n(self.error * self.error).sum()", SLOPE
            ): "forward of MyMSELoss returns nothing",
            _mse(VALUE, "2 * self.error / self.divisor()"): "backward of MyMSELoss returns nothing",
            _mse("error = input - target\nreturn (error * error).sum()", SLOPE): "self.error = ... first",
            _mse(VALUE, "return 2 * error / self.divisor()"): "write self.error",
            _mse(VALUE, "return 2 * (input - target) / self.divisor()"): "the notebook's `input`",
            _mse(VALUE, "raise NotImplementedError"): "backward is still to be written",
            loss("MyMSELoss", "raise NotImplementedError", SLOPE, INIT): "still to be written",
            f"{INIT.replace('    def', 'class MyMSELoss:' + chr(10) + '    def', 1)}\n"
            + method("forward(self, input, target)", VALUE)
            + "\n"
            + method("backward(self, grad_output)", "return grad_output * 2 * self.error / self.divisor()")
            + f"\n{DIVISOR}": "backward asks for grad_output, and gets nothing",
            _mse(
                "self.error = input - target\nreturn (self.error @ self.error).sum() / self.divisor()", SLOPE
            ): "@ multiplies matrices",
            _mse("self.error = input - target\nreturn (self.error^2).sum() / self.divisor()", SLOPE): "^ is no power",
            _mse(
                "self.error = input - target\nreturn torch.nn.functional.mse_loss(input, target)", SLOPE
            ): "torch's own mse_loss",
            _mse(
                "self.inner = MSELoss(self.reduction)\nreturn self.inner(input, target)", "return self.inner.backward()"
            ): "forward uses minidl's own MSELoss",
            _mse(
                "self.inner = torch.nn.MSELoss(reduction=self.reduction)\nreturn self.inner(input, target)",
                "return 2 * (self.inner - 1)",
            ): "forward uses torch's own MSELoss",
            _mse(
                "return self.inner(input, target)",
                "return self.inner.backward()",
                init=method("__init__(self, reduction='sum')", "self.inner = MSELoss(reduction)"),
            ): "__init__ uses minidl's own MSELoss",
            _mse(VALUE, "return (2 * self.error / self.divisor()).sum()"): "single number",
            _mse(
                "self.error = input.sub_(target)\nreturn (self.error * self.error).sum() / self.divisor()", SLOPE
            ): "writes",
            _mse(VALUE, SLOPE, more=""): "no attribute 'divisor'",
            _mse(VALUE, SLOPE, init=""): "building MyMSELoss raises TypeError",
            "class MyMSELoss(MSELoss):\n    pass": "minidl's own",
            "MyMSELoss = None": "it should be a class",
        },
    ),
    Claim(
        id="06 by sample",
        name="claim_by_sample",
        asks="dL/dY where the squares are averaged over each sample's numbers and summed over the samples.",
        statement=lambda: _squared("m"),
        points=2,
        hint="Which constant is each square divided by, in whichever sample it is?",
        given=PROOF,
        solution=f"{SYMBOLS}\nclaim_by_sample = 2 * (Y - T) / m",
        right=(
            "claim_by_sample = (2 / m) * (Y - T)",
            "claim_by_sample = (2 * Y - 2 * T) / m",
            "claim_by_sample = -2 / m * (T - Y)",
            "claim_by_sample = n * 2 * (Y - T) / (n * m)",
            "claim_by_sample = 2 * (Y / m - T / m)",
            "slope = (Y - T) * 2\nclaim_by_sample = slope / m",
        ),
        slips={
            "claim_by_sample = 2 * (Y - T) / n": "n is the number of samples; each mean here is over the numbers "
            "of one sample.",
            "claim_by_sample = 2 * (Y - T) / (n * m)": 'that is "mean". Here the samples are added up, and nothing '
            "is divided by how many they are.",
            "claim_by_sample = 2 * (Y - T)": 'that is "sum". Here each square is divided by something.',
            "claim_by_sample = (Y - T) / m": "the factor that a square leaves behind is missing.",
            "claim_by_sample = 2 * (T - Y) / m": "the sign is the wrong way round: where an answer is too large, L "
            "grows with it.",
            "claim_by_sample = n * 2 * (Y - T) / m": "y_ij is in the mean of its own sample only, and not in n of them.",
            "claim_by_sample = 2 * m * (Y - T)": "you multiply by m, and the mean divides by it.",
            "claim_by_sample = (Y - T) ** 2 / m": "those are the squares; asked is the derivative.",
            "claim_by_sample = 2 * (Y - T) / m**2": "L is divided by m once, and so is its derivative.",
            "claim_by_sample = Y - T": "look at both: the factor that a square leaves behind, and what each square "
            "is divided by.",
            "claim_by_sample = 2 * m / n * (Y - T)": "m stands above the line; the mean divides by it. And n "
            "divides nothing here.",
            "claim_by_sample = 2 * (Y - T) / (n + m)": "sizes are added here; what is each square divided by?",
            "claim_by_sample = 2 * m * n * (Y - T)": "you multiply by the sizes; a mean divides.",
            "claim_by_sample = (Y - T).sign() / m": "that is for the sizes of the errors; here they are squared.",
            "claim_by_sample = 2 * (Y - T) @ ones('m') @ ones('m').T / m": (
                "the errors of a sample are added up; but y_ij is in one term only."
            ),
            "claim_by_sample = (Y - T) / (n * m)": 'that is half of "mean": look at both, the 2 and the n.',
        },
        wrong={
            "claim_by_sample = 4 * (Y - T) / m": "2 times too large",
            "claim_by_sample = 2 * (Y - T).sum() / m": "expected the shape of Y",
            "claim_by_sample = 2 * (Y - T) @ ones('m') / m": "expected the shape of Y",
            "claim_by_sample = 2 * Y / m": "lacks a term",
            "claim_by_sample = 2 / m": "expected the shape of Y",
            "claim_by_sample = (2 * Y - T) / m": "2 times too small",
            "claim_by_sample = '2 * (Y - T) / m'": "formula made of the symbols",
            "claim_by_sample = None": "formula made of the symbols",
        },
    ),
    Loss(
        id="06 huber",
        name="HuberLoss",
        asks="Huber's loss, summed over the batch, with a ValueError where the two shapes differ.",
        builds={"": (lambda cls: cls(), _torch_huber)},
        pairs=_pairs,
        ends=_large,
        refused=(
            ((3, 1), (3,)),
            ((3,), (3, 1)),
            ((2, 3), (3, 2)),
            ((4, 3), (1, 3)),
            ((4, 3), (4, 1)),
            ((2, 3), (6, 1)),
            ((2, 2, 3), (2, 3)),
        ),
        not_yours=("huber_loss", "smooth_l1_loss", "HuberLoss", "SmoothL1Loss"),
        points=3,
        hint="Two pieces: a parabola within 1 of the target, straight lines outside. Each has its value and its slope.",
        given=GIVEN,
        solution=_huber(
            "if input.shape != target.shape:\n"
            '    raise ValueError(f"expected target shape {tuple(input.shape)}, got {tuple(target.shape)}")\n' + PIECES,
            SLOPES,
        ),
        right=(
            _huber(
                GUARD + "self.e = input - target\nsmall = self.e.abs() < 1\n"
                "return (small * self.e**2 / 2 + ~small * (self.e.abs() - 1 / 2)).sum()",
                "return self.e.clamp(-1, 1)",
            ),
            _huber(
                "if not target.shape == input.shape:\n    raise ValueError\n"
                "self.input, self.target = input, target\na = torch.abs(input - target)\n"
                "return torch.where(a > 1, a - 0.5, 0.5 * a**2).sum()",
                "e = self.input - self.target\nreturn torch.where(e > 1, 1.0, torch.where(e < -1, -1.0, e))",
            ),
            _huber(
                "if input.size() != target.size():\n    raise ValueError('sizes')\n"
                "e = input - target\nc = e.clamp(min=-1, max=1)\nself.slope = c\nreturn torch.sum(c * (e - c / 2))",
                "return self.slope.clone()",
            ),
            _huber(
                GUARD
                + "self.error = input - target\na = self.error.abs()\nq = a.clamp(max=1)\nreturn (q**2 / 2 + (a - q)).sum()",
                "e = self.error\nreturn e * (e.abs() <= 1) + e.sign() * (e.abs() > 1)",
            ),
            _huber(
                "for a, b in zip(input.shape, target.shape):\n    if a != b:\n        raise ValueError('a size')\n"
                "if input.ndim != target.ndim:\n    raise ValueError('dimensions')\n" + PIECES,
                SLOPES,
            ),
        ),
        slips={
            _huber(GUARD + PIECES, "e = self.error\nreturn torch.where(e.abs() <= 1, e * e, e.sign())"): (
                "within 1, the power goes down by one when a square is differentiated."
            ),
            _huber(GUARD + PIECES, "e = self.error\nreturn torch.where(e.abs() <= 1, e, e.sign() / 2)"): (
                "outside, half is taken away in forward; but a constant has no slope."
            ),
            _huber(
                GUARD + PIECES, "return self.error.clamp(0, 1)"
            ): "negative errors get no slope: what is it where the answer is too small?",
            _huber(
                GUARD + PIECES, "return self.error.clamp(-0.5, 0.5)"
            ): "in backward the pieces meet at 0.5; they should at 1.",
            _huber(GUARD + PIECES, "e = self.error\nreturn torch.where(e.abs() <= 2, e, e.sign())"): (
                "in backward the pieces meet at 2; they should at 1."
            ),
            _huber(
                GUARD + PIECES.replace("e.abs() <= 1", "e.abs() <= 2"), SLOPES
            ): "in forward the pieces meet at 2; they should at 1.",
            _huber(GUARD + PIECES.replace("e.abs() - 0.5", "e.abs() - 1"), SLOPES): (
                "in forward, outside, something else is to be taken away: at |e| = 1 both pieces have to meet."
            ),
            _huber(GUARD + PIECES.replace("e.abs() - 0.5", "e.abs() + 0.5"), SLOPES): (
                "in forward, outside, look at the sign: at |e| = 1 both pieces have to meet."
            ),
            _huber(
                GUARD + "self.error = e = input - target\nif e.abs().max() <= 1:\n    return (e * e / 2).sum()\n"
                "return (e.abs() - 0.5).sum()",
                SLOPES,
            ): "forward takes one piece for the whole batch; each entry has its own, and torch.where picks it.",
            _huber(
                GUARD + PIECES, "return self.error.tanh()"
            ): "tanh looks like it, and is another curve: within 1 the slope is a straight line.",
            _huber(GUARD + PIECES, "e = self.error\nreturn torch.where(e.abs() <= 1, 2 * e, e.sign())"): (
                "within 1, half of e^2 stands in the loss: the half and what a square leaves make one."
            ),
            _huber(GUARD + PIECES, "e = self.error\nreturn torch.where(e.abs() <= 1, e / 2, e.sign())"): (
                "within 1, what is the derivative of a square, and what does the half in front make of it?"
            ),
            _huber(GUARD + PIECES, "return self.error"): (
                "right for small errors. Outside, the loss is a straight line, and its slope does not grow with e."
            ),
            _huber(
                GUARD + PIECES, "return self.error.sign()"
            ): "right for large errors. Within 1 it is a parabola, whose slope depends on e.",
            _huber(GUARD + PIECES, "e = self.error\nreturn torch.where(e.abs() <= 1, e, torch.ones_like(e))"): (
                "outside, the slope is 1 on one side only: what is it where the answer is too small?"
            ),
            _huber(GUARD + PIECES, "e = self.error\nreturn torch.where(e.abs() <= 1, e, e.abs())"): (
                "outside you return |e| itself; asked is its slope."
            ),
            _huber(GUARD + PIECES, "e = self.error\nreturn torch.where(e.abs() <= 1, e, e.abs() - 0.5)"): (
                "outside you return the loss; asked is its slope."
            ),
            _huber(GUARD + PIECES, "e = self.error\nreturn torch.where(e.abs() <= 1, e, e.sign() - 0.5)"): (
                "outside, a constant is taken away, and a constant has no slope."
            ),
            _huber(GUARD + PIECES, "e = self.error\nreturn torch.where(e.abs() > 1, e, e.sign())"): (
                "in backward the two pieces are exchanged: torch.where takes the first one where the condition holds."
            ),
            _huber(GUARD + PIECES, "e = self.error\nreturn torch.where(e <= 1, e, e.sign())"): (
                "in backward e = -5 counts as small: the condition needs the size of e."
            ),
            _huber(GUARD + PIECES, "e = self.error\nreturn -torch.where(e.abs() <= 1, e, e.sign())"): (
                "the sign of the gradient is the wrong way round: where an answer is too large, L grows with it. "
                "Is e = y - t what you keep?"
            ),
            _huber(GUARD + PIECES, "e = self.error\nreturn torch.where(e.abs() <= 1, e * e / 2, e.abs() - 0.5)"): (
                "backward returns the loss, entry by entry; asked is its slope."
            ),
            _huber(GUARD + PIECES, SLOPES + " / self.error.numel()"): (
                "forward adds up, and backward divides by the number of entries: both have to do the same."
            ),
            _huber(GUARD + PIECES, SLOPES + " / len(self.error)"): (
                "forward adds up, and backward divides by the number of samples: both have to do the same."
            ),
            _huber(
                GUARD + PIECES.replace(".sum()", ".mean()"), SLOPES
            ): "forward takes a mean; a sum over the batch is asked for.",
            _huber(
                GUARD + PIECES.replace("e * e / 2", "e * e"), SLOPES
            ): "in forward, within 1, half of e^2 is asked for.",
            _huber(GUARD + PIECES.replace("e.abs() - 0.5", "e.abs()"), SLOPES): (
                "in forward, outside, half is to be taken away: at |e| = 1 both pieces have to meet."
            ),
            _huber(GUARD + PIECES.replace("e * e / 2", "e * e").replace("e.abs() - 0.5", "e.abs()"), SLOPES): (
                "in forward the halves are missing, in both pieces: the half in front of e^2, and the half taken away outside."
            ),
            _huber(GUARD + PIECES.replace("e.abs() - 0.5", "e - 0.5"), SLOPES): (
                "in forward, outside, a negative error makes the loss negative: bars are missing."
            ),
            _huber(GUARD + PIECES.replace("e.abs() <= 1", "e <= 1"), SLOPES): (
                "in forward e = -5 counts as small: the condition needs the size of e."
            ),
            _huber(GUARD + PIECES.replace("e.abs() <= 1", "e.abs() > 1"), SLOPES): (
                "in forward the two pieces are exchanged: torch.where takes the first one where the condition holds."
            ),
            _huber(
                GUARD + PIECES.replace("e.abs() <= 1", "e.abs() <= 0.5"), SLOPES
            ): "in forward the pieces meet at 0.5; they should at 1.",
            _huber(GUARD + "self.error = e = input - target\nreturn (e * e / 2).sum()", SLOPES): (
                "forward is the parabola everywhere; outside it should go on as a straight line."
            ),
            _huber(GUARD + "self.error = e = input - target\nreturn e.abs().sum()", SLOPES): (
                "forward adds up the sizes of the errors everywhere; within 1 it should be a parabola."
            ),
        },
        wrong={
            _huber(PIECES, SLOPES): "Compare the shapes first",
            _huber(
                "if input.shape != target.shape:\n    return ValueError('shapes')\n" + PIECES, SLOPES
            ): "write raise, not return",
            _huber(
                "if input.shape != target.shape:\n    ValueError('shapes')\n" + PIECES, SLOPES
            ): "forward makes a ValueError, and does not raise it",
            _huber(
                "if input.shape != target.shape:\n    ValueError\n" + PIECES, SLOPES
            ): "forward makes a ValueError, and does not raise it",
            _huber(
                "if input.shape != target.shape:\n    return None\n" + PIECES, SLOPES
            ): "forward should raise ValueError, and returns None",
            _huber("target = target.reshape(input.shape)\n" + PIECES, SLOPES): "forward should raise ValueError",
            _huber(
                "if input.ndim != target.ndim:\n    raise ValueError('ndim')\n" + PIECES, SLOPES
            ): "forward should raise ValueError",
            _huber(
                "if len(input) != len(target):\n    raise ValueError('len')\n" + PIECES, SLOPES
            ): "Compare the shapes first",
            _huber(
                "if input.numel() != target.numel():\n    raise ValueError('numel')\n" + PIECES, SLOPES
            ): "Compare the shapes first",
            _huber(
                "assert input.shape == target.shape\n" + PIECES, SLOPES
            ): "forward should raise ValueError; it raises AssertionError",
            _huber(
                "if input.shape != target.shape:\n    raise TypeError('shapes')\n" + PIECES, SLOPES
            ): "it raises TypeError",
            _huber(
                "if input.shape != target.shape:\n    print('shapes differ')\n" + PIECES, SLOPES
            ): "Compare the shapes first",
            _huber(
                "if input.shape == target.shape:\n    raise ValueError('shapes')\n" + PIECES, SLOPES
            ): "raises ValueError: shapes",
            _huber("raise ValueError('shapes')", SLOPES): "raises ValueError",
            loss("HuberLoss", GUARD + PIECES, SLOPES).replace(
                "backward(self)", "backward(self, grad_output)"
            ): "backward asks for grad_output",
            _huber(GUARD + PIECES.replace(".sum()", ""), SLOPES): "is a sum missing?",
            _huber(GUARD + PIECES.replace("return ", ""), SLOPES): "forward of HuberLoss returns nothing",
            _huber(GUARD + PIECES, SLOPES.replace("return ", "")): "backward of HuberLoss returns nothing",
            _huber(GUARD + PIECES.replace("self.error = e", "e"), SLOPES): "self.error = ... first",
            _huber(GUARD + PIECES, "e = error\nreturn torch.where(e.abs() <= 1, e, e.sign())"): "write self.error",
            _huber(
                GUARD + PIECES, "e = input - target\nreturn torch.where(e.abs() <= 1, e, e.sign())"
            ): "the notebook's `input`",
            _huber(GUARD + PIECES, "raise NotImplementedError"): "backward is still to be written",
            _huber(
                GUARD + "self.error = e = input - target\nif e.abs() <= 1:\n    return (e * e / 2).sum()\nreturn "
                "(e.abs() - 0.5).sum()",
                SLOPES,
            ): "ambiguous",
            _huber(
                GUARD
                + "self.error = input - target\nreturn torch.nn.functional.huber_loss(input, target, reduction='sum')",
                SLOPES,
            ): "torch's own huber_loss",
            _huber(GUARD + PIECES.replace("e * e / 2", "e^2 / 2"), SLOPES): "^ is no power",
            _huber(GUARD + PIECES.replace("input - target", "input.sub_(target)"), SLOPES): "writes",
            "HuberLoss = torch.nn.HuberLoss": "torch's own",
        },
    ),
]
