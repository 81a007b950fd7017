import itertools
import random

import pytest
from evaluated import are_different
from mutants import mutants
from statements import MORE, RIGHT

from minidl.lab.proof import ProofError, ones, prove_gradient

pytestmark = pytest.mark.slow

CLAIMS = RIGHT | MORE
EACH = 6  # mutants of each claim
found = {}


def chosen(name, case):
    """Return mutants of a right claim that are wrong, each checked to be so."""
    rng = random.Random(0)
    every = list(mutants(case[3], *case[:3]))
    rng.shuffle(every)
    wrong = (pair for pair in every if are_different(pair[1], *case[:3]))
    return list(itertools.islice(wrong, 4 if name.startswith("three layers") else EACH))  # those take a second each


@pytest.mark.parametrize("name", CLAIMS)
def test_a_right_claim_that_is_changed_is_not_proven(name):
    case = CLAIMS[name]
    assert not are_different(case[3], *case[:3])
    forward, wrt, upstream, _ = case
    found[name] = chosen(name, case)
    for what, claim in found[name]:
        try:
            proof = prove_gradient(forward, wrt=wrt, upstream=upstream, claim=claim)
        except ProofError:
            continue
        pytest.fail(f"{what}: {proof}")


def test_many_mutants_were_tried():
    assert sum(map(len, found.values())) >= 300


def test_a_product_of_ones_is_the_size_and_not_a_number():
    forward, wrt, upstream, claim = RIGHT["linear, W"]
    for number in (1, 2, 3, 4, 5, 7):
        with pytest.raises(ProofError, match=rf"n times too large|n times too large and {number} times too small"):
            prove_gradient(forward, wrt=wrt, upstream=upstream, claim=claim * (ones("n").T @ ones("n")) / number)
