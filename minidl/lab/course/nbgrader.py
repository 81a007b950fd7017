"""Students' copies as nbgrader takes them: the checks are its tests, with points, and locked.

nbgrader counts a test as passed that raises nothing, so the check says its words, and then asserts that they were "right". The
exercises' cells are left as they are: to nbgrader they are cells of the student's.
"""

from __future__ import annotations

import copy
import re

from nbformat import NotebookNode

CHECK = re.compile(r'^check\((".+")\)$', re.MULTILINE)
TEST = 'reply = check({0})\nprint(reply)\nassert reply, "not right yet"'


def as_source(notebook: NotebookNode) -> NotebookNode:
    """Return a student's copy as a source notebook of an assignment, and leave the copy as it is."""
    from minidl.lab.exercises import exercise  # here: it takes a while

    result = copy.deepcopy(notebook)
    for cell in result["cells"]:
        if "check" not in cell["metadata"].get("tags", []):
            continue
        asked = CHECK.search(cell["source"])
        if asked is None:
            raise ValueError(f"cell {cell['id']} is no check")
        cell["source"] = CHECK.sub(lambda match: TEST.format(match[1]), cell["source"])
        cell["metadata"]["nbgrader"] = {
            "grade": True,
            "grade_id": cell["id"],
            "locked": True,
            "points": exercise(asked[1].strip('"')).points,
            "schema_version": 3,
            "solution": False,
            "task": False,
        }
    return result
