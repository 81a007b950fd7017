"""Exercises: one pattern for all notebooks, and the check that answers it.

An exercise is three code cells in a row (markdown may stand between them), told apart by their tags:

1. ``exercise``: the stub. It runs unsolved: ``prediction = ...``, or a function, layer, loss or optimiser whose missing
   parts are ``raise NotImplementedError`` (or ``...``).
2. ``check``: imports and calls :func:`check` with the *name* of the answer, as a string, so that it gives a sentence
   even where nothing else has been run. What it needs from other cells stands behind a ``lambda``. It knows the answer,
   so it is collapsed (``"jupyter": {"source_hidden": true}`` in its metadata).
3. ``solution``: a full solution under the same name, collapsed as well. Its metadata hold, besides the tag, ``"minidl":
   {"wrong": "..."}``: the code of a typical wrong answer.

JupyterLab shows the first line of a collapsed cell: "# Run this cell to check your answer", and "# Solution".

For example::

    prediction = ...  # exercise: the entry in row 0, column 1 of X^T G

    # Run this cell to check your answer
    from minidl.lab.exercises import check

    check("prediction", lambda: (X.T @ G)[0, 1])

    # Solution
    prediction = 7.0  # the wrong answer in its metadata: prediction = -7.0

The answer to an untouched stub begins with "Not done yet", to a right answer with "Right", to another with "Not right
yet", followed by the doctor's words. A copy without solutions is nbconvert's work: the README has the command.

In `cell`, the check finds the answer and tells which kind of exercise it is; `values`, `functions`, `claims` and `modules`
judge one kind each, `claims` with the prover's help and `modules` with the doctor's; and `replies` has what they say.
"""

from minidl.lab.exercises.cell import check
from minidl.lab.exercises.replies import Reply

__all__ = ["Reply", "check"]
