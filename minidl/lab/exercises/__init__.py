"""Exercises: one object for each, that knows what is asked, how an answer is judged, and what people answer.

In a notebook an exercise is three code cells in a row (markdown may stand between them), told apart by their tags:

1. ``exercise``: the stub. It runs unsolved: ``prediction = ...``, or a function, layer, loss or optimiser whose missing
   parts are ``raise NotImplementedError``.
2. ``check``: open, and without the answer. It works right after opening::

       from minidl.lab.exercises import check

       check("01 cube")

3. ``solution``: under the same name, collapsed, beginning with "# Solution". A copy without solutions leaves it out.

The exercise itself is an object in `notebooks`, in the file of its notebook, of one of the `kinds`. To add one, write that
object and these three cells; the tests then try the stub, the solution and every answer that the object lists.

The way of an answer: the check, in `cell`, finds it and looks the exercise up in the `catalogue`. The exercise judges it with
data of its own, after `answer` has looked at its code; `comparing` tells in words how values differ, `errors` what an error
means, and `reply` is what comes out of it all. It begins with "Not done yet" where the stub is as it was, with "Right", or with
"Not right yet" and what is wrong.
"""

from minidl.lab.exercises.catalogue import exercise, exercises
from minidl.lab.exercises.cell import check
from minidl.lab.exercises.reply import Reply

__all__ = ["Reply", "check", "exercise", "exercises"]
