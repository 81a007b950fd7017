"""Formulas evaluated with torch, and differentiated by autograd: what proofs are checked against, made without the prover."""

import itertools

import torch

from minidl.lab.proof.formula import Formula, inside

FUNCTIONS = {
    "+": torch.add,
    "-": torch.sub,
    "*": torch.mul,
    "/": torch.div,
    "**": torch.pow,
    "neg": torch.neg,
    "abs": torch.abs,
    "exp": torch.exp,
    "log": torch.log,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "sign": torch.sign,
    "step": lambda a: (a > 0).to(a.dtype),
    "tanh": torch.tanh,
}


def sizes_in(*formulas):
    """Return the names of the sizes in formulas."""
    return sorted({size for formula in inside(*formulas) for size in formula.shape} - {"1"})


class Evaluated:
    """Evaluates formulas at given sizes; symbols are random numbers, the same for the same seed."""

    def __init__(self, sizes, seed):
        self.sizes = {"1": 1, **sizes}
        self.generator = torch.Generator().manual_seed(seed)
        self.symbols = {}

    def __call__(self, f):
        match f.op, f.args:
            case "symbol", (name,) if f.shape == ("1", "1") and name in self.sizes:
                return torch.tensor([[float(self.sizes[name])]], dtype=torch.float64)
            case "symbol", _:
                if f not in self.symbols:
                    shape = [self.sizes[size] for size in f.shape]
                    values = torch.randn(shape, generator=self.generator, dtype=torch.float64)
                    values = values.abs() if f.shape == ("1", "1") else values  # such as the eps under a root
                    self.symbols[f] = values.requires_grad_()
                return self.symbols[f]
            case "number", (number,):
                return torch.tensor([[float(number)]], dtype=torch.float64)
            case "ones", (size,):
                return torch.ones(self.sizes[size], 1, dtype=torch.float64)
            case "name", (_, formula):
                return self(formula)
            case "T", (a,):
                return self(a).T
            case "@", (a, b):
                return self(a) @ self(b)
            case "sum", (a,):
                return self(a).sum().reshape(1, 1)
            case "derivative", (a, x):
                return self.gradient(a, x, torch.ones(1, 1, dtype=torch.float64))
        return FUNCTIONS[f.op](*map(self, f.args))

    def gradient(self, forward, wrt, upstream=None):
        """Return dL/d(wrt) from autograd."""
        weights = torch.ones(1, 1, dtype=torch.float64) if upstream is None else upstream
        weights = self(weights) if isinstance(weights, Formula) else weights
        x = self(wrt)
        (result,) = torch.autograd.grad(self(forward), x, weights, create_graph=True, allow_unused=True)
        return torch.zeros_like(x) if result is None else result

    def at(self, f, indices):
        """Return the value of a formula in index notation, a number, for values of its free indices."""
        match f.op, f.args:
            case "entry", (matrix, places):
                i, j = (indices[index] if index else 0 for index in places)
                return self(matrix)[i, j]
            case "symbol" | "name" | "number" | "derivative", _:
                return self(f)[0, 0]
            case "delta", (a, b):
                return torch.tensor(float(indices[a] == indices[b]), dtype=torch.float64)
            case "total", (over, body):
                ranges = [range(self.sizes[size]) for _, size in over]
                names = [index for index, _ in over]
                return sum(
                    self.at(body, indices | dict(zip(names, place, strict=True)))
                    for place in itertools.product(*ranges)
                )
            case "partial", (y, x):
                matrix, places = x.args if x.op == "entry" else (x, (None, None))
                place = tuple(indices[index] if index else 0 for index in places)
                (slopes,) = torch.autograd.grad(self.at(y, indices), self(matrix), create_graph=True)
                return slopes[place]
        return FUNCTIONS[f.op](*(self.at(part, indices) for part in f.args))


def differ(a, b):
    """Whether two tensors differ by more than rounding."""
    return not torch.allclose(a, b, rtol=1e-8, atol=1e-8)


def are_different(claim, forward, wrt, upstream, seeds=(0, 1, 2)):
    """Whether a claim is not the gradient, at one of a few sizes, all of them different."""
    names = sizes_in(claim, forward, wrt)
    for seed in seeds:
        sizes = {name: 2 + (k + seed) % len(names) + seed for k, name in enumerate(names)}
        evaluated = Evaluated(sizes, seed)
        if differ(evaluated.gradient(forward, wrt, upstream), evaluated(claim)):
            return True
    return False
