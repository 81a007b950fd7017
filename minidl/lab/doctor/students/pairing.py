"""The pairs of functions of a project: those of one file, and those whose forward lies in a file beside it."""

from __future__ import annotations

from typing import Any

from minidl.lab.doctor.students.project import Project
from minidl.lab.doctor.subject.functions import FunctionPair, own_functions, pairs, pairs_in


def pairs_of(module: Any, project: Project | None) -> list[FunctionPair]:
    """Return the pairs that a module defines, with forwards from the files of its folder."""
    modules = project.modules if project else {}
    here = next((path.parent for path, mine in modules.items() if mine is module), None)
    around: dict[str, Any] = {}
    for path, other in modules.items():
        if path.parent == here and other is not module:
            around |= own_functions(other)
    own = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    return [*pairs(module, around), *(pair for cls in dict.fromkeys(own) for pair in pairs_in(cls))]


def all_pairs(project: Project) -> list[FunctionPair]:
    """Return the pairs of functions of a project."""
    if "all_pairs" not in project.__dict__:
        project.__dict__["all_pairs"] = [p for module in project.modules.values() for p in pairs_of(module, project)]
    return project.__dict__["all_pairs"]
