"""What a teacher can say: how the things of an assignment are built and called, and what is fine in it.

A file of cases is Python. It lies beside the folders of several students as ``cases.py``, or is given by ``--cases FILE``:

    allow = ["overwritten"]                    # backward assigns gradients here, instead of adding them up

    def linear(module):                        # for every class called Linear: the object, and its input
        return module.Linear(3, 2, activation=None), (4, 3)

    def mse_loss(module):                      # for MSELoss: the object, its input, and its target
        return module.MSELoss(), (4, 1), (4, 1)

    def sgd(module):                           # for SGD: the optimiser, and the model whose parameters it moves
        model = module.Linear(3, 2)
        return module.SGD(model.parameters(), lr=0.1), model

A function is called like the class, in any spelling (``mse_loss``, ``MSELoss``, ``mseloss``), or like a pair of functions
(``affine`` for ``affine_forward`` and ``affine_backward``). ``module`` has everything that the student's project defines,
that of the class's own file first. What it returns is the object alone or the object with what it is to be given: a batch or
its shape; of a loss a target, too; of an optimiser the model. A class without a function is examined as if there were no
file.

``allow`` lists what is fine here: "overwritten", "kink" (any slope at the kink), "unchecked shapes" (of a loss). What is
allowed is told as a note, and is no mistake.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minidl.lab.doctor.students.project import Project

ALLOW = {"overwritten": "overwritten", "kink": "kink", "unchecked shapes": "broadcast"}


@dataclass(frozen=True)
class Cases:
    """The cases of one file.

    Attributes
    ----------
    functions : dict
        By the names of classes, in lower case without underscores.
    allowed : frozenset of str
        The names of mistakes that are none here.
    """

    functions: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()

    def allowing(self, words: Sequence[str]) -> Cases:
        """Return the same with more that is fine.

        Raises
        ------
        ValueError
            For a word that says nothing here.
        """
        unknown = [word for word in words if word not in ALLOW]
        if unknown:
            raise ValueError(
                f"nothing is known that is called {unknown[0]!r}: one of {', '.join(ALLOW)} can be allowed"
            )
        return Cases(self.functions, self.allowed | {ALLOW[word] for word in words})

    def build(self, name: str, project: Project, thing: Any) -> tuple[Any, ...] | None:
        """Return the object of this name and what it is to be given; None where nothing is said about it."""
        function = self.functions.get(_plain(name))
        if function is None:
            return None
        answer = function(_everything(project, thing))
        return answer if isinstance(answer, tuple) else (answer,)


NO_CASES = Cases()


def load_cases(path: Path) -> Cases:
    """Read a file of cases. It is the teacher's own, and run as such.

    Raises
    ------
    ValueError
        Where it allows what is not known.
    """
    names: dict[str, Any] = {"__name__": "cases", "__file__": str(path)}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    functions = {
        _plain(n): f for n, f in names.items() if isinstance(f, types.FunctionType) and f.__module__ == "cases"
    }
    return Cases(functions).allowing(list(names.get("allow", ())))


def _plain(name: str) -> str:
    for ending in ("_forward", "Forward"):
        name = name.split("/")[0].removesuffix(ending)
    return name.lower().replace("_", "")


def _everything(project: Project, thing: Any) -> types.SimpleNamespace:
    """Return all names that the project defines, those of the thing's own file before others."""
    cls = thing if isinstance(thing, type) else type(thing)
    modules = sorted(project.modules.values(), key=lambda m: m.__name__ == getattr(thing, "home", cls.__module__))
    names: dict[str, Any] = {}
    for module in modules:
        names |= {name: value for name, value in vars(module).items() if not name.startswith("__")}
    return types.SimpleNamespace(**names)
