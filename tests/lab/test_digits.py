"""The handwritten digits against scikit-learn's own tables, and without scikit-learn.

It takes a second or two to import, and each of the processes that share the tests imports this file: only the one that runs
it imports scikit-learn as well.
"""

from __future__ import annotations

import importlib.util
import runpy
import sys

import pytest
import torch


@pytest.fixture(scope="module")
def digits():
    from minidl.lab.digits import digits

    return digits


@pytest.fixture(scope="module")
def original():
    from sklearn.datasets import load_digits

    return load_digits()


def rows(images, targets):
    """Return each picture's 64 whole numbers and its digit, as a tuple."""
    numbers = torch.cat([images * 16, targets.argmax(-1, keepdim=True)], dim=-1)
    return [tuple(row) for row in numbers.tolist()]


@pytest.mark.parametrize("test", [1, 400, 1796])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_picture_is_in_one_of_the_sets_with_its_own_digit(test, dtype, generator, digits, original):
    training, held_out = digits(test=test, generator=generator, dtype=dtype)
    for (images, targets), n in ((training, 1797 - test), (held_out, test)):
        assert images.shape == (n, 64)
        assert targets.shape == (n, 10)
        assert images.dtype == targets.dtype == dtype
        assert sorted(set(targets.flatten().tolist())) == [0, 1]
        assert (targets.sum(-1) == 1).all()
    originals = [(*pixels, digit) for pixels, digit in zip(original.data, original.target, strict=True)]
    assert sorted(rows(*training) + rows(*held_out)) == sorted(originals)


def test_pixels_are_between_0_and_1_and_reach_both(generator, digits):
    (images, _), _ = digits(generator=generator)
    assert images.min() == 0
    assert images.max() == 1


def test_images_are_the_pictures_row_by_row(generator, digits, original):
    _, (images, _) = digits(generator=generator, dtype=torch.float64)
    pictures = {tuple(map(tuple, picture)) for picture in original.images}
    assert {tuple(map(tuple, (16 * image.reshape(8, 8)).tolist())) for image in images} <= pictures


def test_all_digits_are_in_both_sets(generator, digits):
    for _, targets in digits(generator=generator):
        assert (targets.sum(0) > 20).all()


def test_a_generator_makes_the_split_reproducible_and_leaves_the_global_one_alone(digits):
    before = torch.get_rng_state()
    first, again, other = (digits(generator=torch.Generator().manual_seed(seed))[1] for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_without_a_generator_the_global_one_draws(digits):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        first = digits()[1][0]
        assert not torch.equal(digits()[1][0], first)
        torch.manual_seed(5)
        assert torch.equal(digits()[1][0], first)


def test_the_dtype_is_the_default_one_unless_asked_for(digits):
    assert {tensor.dtype for part in digits() for tensor in part} == {torch.get_default_dtype()}


def test_the_sets_are_copies(generator, digits):
    _, (images, targets) = digits(generator=generator)
    images.fill_(-1)
    targets.fill_(-1)
    assert min(tensor.min() for part in digits() for tensor in part) == 0


@pytest.mark.parametrize(
    ("test", "error"),
    [(0, ValueError), (1797, ValueError), (-1, ValueError), (0.2, TypeError), (True, TypeError), (None, TypeError)],
)
def test_bad_sizes_of_the_test_set_are_refused(test, error, digits):
    with pytest.raises(error, match=f"digits expected test to be an integer from 1 to 1796, got {test!r}"):
        digits(test=test)


def test_without_scikit_learn_one_sentence_says_what_to_install(monkeypatch):
    for name in ("sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it fails
    with pytest.raises(ImportError, match=r'scikit-learn.*pip install -e "\.\[digits\]"') as raised:
        runpy.run_path(importlib.util.find_spec("minidl.lab.digits").origin)
    assert raised.value.__suppress_context__, "a second traceback would stand above the sentence"
