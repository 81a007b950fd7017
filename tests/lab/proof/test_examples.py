"""What is written out with SymPy against torch."""

import pytest
import sympy
from evaluated import Evaluated
from statements import MORE, RIGHT

from minidl.lab.proof import derivative, scalars
from minidl.lab.proof.examples import WrittenOut, entry_name, positions, sizes_of, smallest_sizes, true_gradient

CLAIMS = RIGHT | {
    name: MORE[name] for name in ("softmax", "huber", "centered rows", "hinge", "pairs, absolute", "gelu")
}
(x,) = scalars("x")


def points(evaluated):
    """Return the values of all symbols, by the names of their entries."""
    return {
        sympy.Symbol(entry_name(symbol, i, j), real=True): values[i, j].item()
        for symbol, values in evaluated.symbols.items()
        for i in range(values.shape[0])
        for j in range(values.shape[1])
    }


@pytest.mark.parametrize("name", CLAIMS)
def test_written_out_is_what_torch_says(name):
    forward, wrt, upstream, claim = CLAIMS[name]
    sizes = {size: 1 + k % 2 for k, size in enumerate(sizes_of(forward, wrt, claim))}
    evaluated, write = Evaluated(sizes, seed=5), WrittenOut(sizes)
    there = {"claim": evaluated(claim), "gradient": evaluated.gradient(forward, wrt, upstream)}
    here = {"claim": write(claim), "gradient": true_gradient(forward, wrt, upstream, write)}
    at = points(evaluated)
    for side, matrix in here.items():
        for i, j in positions(matrix):
            assert float(matrix[i, j].subs(at)) == pytest.approx(there[side][i, j].item()), side


def test_a_derivative_written_out():
    assert WrittenOut({})(derivative(x**3, x))[0] == 3 * sympy.Symbol("x", real=True) ** 2


def test_all_sizes_come_the_smallest_first():
    sizes = list(smallest_sizes(("n", "m"), 2))
    assert sizes == [{"n": 1, "m": 1}, {"n": 1, "m": 2}, {"n": 2, "m": 1}, {"n": 2, "m": 2}]
