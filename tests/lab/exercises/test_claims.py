import nbformat
import pytest
from nbclient import NotebookClient

from minidl.lab.exercises import check
from minidl.lab.proof import matrices, ones, prove_gradient, scalars

X, W, b, G = matrices("X (n x in), W (out x in), b (1 x out), G (n x out)")
(n,) = scalars("n")


def reply(claim):
    def prove(claim):
        return prove_gradient(X @ W.T + b, upstream=G, wrt=W, claim=claim, steps=True)

    return check("claim", proves=prove, hint="Begin with one entry.")


def test_a_right_claim_shows_its_derivation():
    answer = reply(G.T @ X)
    assert answer
    assert "deltas pick" in answer._repr_html_()


def test_dots_are_not_done_yet():
    assert reply(...).status == "not done"


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (X.T @ G, "expected the shape of W, out x in, got X.T @ G of shape in x out"),
        (G.T @ X / n, "The claim is n times too small."),
        (-G.T @ X, "of the wrong sign"),
        (ones("out") @ ones("n").T @ X, "lacks the factor g_ij"),
        (W, "differs in more than one place"),
        (3, "got 3 of shape 1 x 1"),
        ("G.T @ X", "should be a formula made of the symbols above, and 'G.T @ X' is not"),
        (True, "should be a formula"),
    ],
    ids=str,
)
def test_a_wrong_claim_is_told_what_is_wrong_and_not_the_truth(claim, words):
    answer = reply(claim)
    assert answer.status == "wrong"
    assert words in answer.text
    assert "Begin with one entry." in answer.text
    assert "differentiated" not in answer.text
    assert ("g_ij x_ik" in answer.text) == (repr(claim) in ("G.T @ X / n", "-G.T @ X"))  # the claim's own entry


@pytest.mark.slow
def test_after_an_error_there_is_no_new_answer():
    """A check does not judge what an earlier cell has left under the name."""
    cells = [
        "from minidl.lab.exercises import check\nfrom minidl.lab.proof import matrices",
        "X, G = matrices('X (n x m), G (n x m)')",
        "claim = G",
        "claim = X @ G",
        "print(check('claim', 'anything'))",
        "1 / 0",
        "print(check('claim', 'anything'))",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3", allow_errors=True).execute()
    after_its_own, after_another = (notebook.cells[k].outputs[0]["text"] for k in (4, 6))
    assert after_its_own.startswith("Not done yet (claim): its cell ended in ValueError: X @ G expected equal sizes")
    assert after_another.startswith("Not right yet")
