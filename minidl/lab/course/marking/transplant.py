"""Putting a student's answers into the teacher's own notebook: which cell is the answer, and which cells it stands on.

The copy that was handed in is a source of code, and nothing else: its checks, solutions and outputs are not looked at. Of each
exercise the cell is found by the name that the answer has, by the check that stands after it, and by the cell's id. It goes to
its place in the teacher's notebook, and of the cells before it only those are run on whose names it stands. A cell that the
student has added counts as one of these.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from minidl.lab.course.marking.cells import EVERYWHERE, Cell

LONGEST = 100  # cells that an answer stands on


@dataclass(frozen=True)
class Place:
    """Where an exercise stands in the teacher's notebook.

    Attributes
    ----------
    exercise : str
        Its id.
    name : str
        What the answer is called.
    stub : Cell
    """

    exercise: str
    name: str
    stub: Cell


@dataclass(frozen=True)
class Ours:
    """The teacher's notebook: all cells of code but checks and solutions, in their order, and the exercises in it."""

    cells: Sequence[Cell]
    places: Sequence[Place]


@dataclass(frozen=True)
class Found:
    """An answer.

    Attributes
    ----------
    answer : Cell
    before : list of str
        The code of the cells that it stands on.
    own : list of str
        Those of these that the student has written.
    """

    answer: Cell
    before: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Untouched:
    """The stub is as it was."""


@dataclass(frozen=True)
class Missing:
    """There is no answer under the exercise's name; ``likely`` is the one that may be meant."""

    likely: str = ""


def ours(cells: Sequence[Cell], names: dict[str, str]) -> Ours:
    """Return the teacher's notebook, from its cells and what the answer to each exercise is called."""
    places, kept, open_stub = [], [], None
    for cell in cells:
        if "exercise" in cell.tags:
            open_stub = cell
        if "check" in cell.tags:
            places += [Place(id, names[id], open_stub) for id in cell.checks if id in names and open_stub is not None]
        elif not cell.is_solution:
            kept.append(cell)
    return Ours(kept, places)


def transplant(notebook: Ours, theirs: Sequence[Cell]) -> dict[str, Found | Untouched | Missing]:
    """Return what there is of each exercise in the cells that a student has handed in."""
    answers = {place.exercise: _answer(place, notebook, theirs) for place in notebook.places}
    chosen = {place.stub: answers[place.exercise] for place in notebook.places}
    return {
        place.exercise: _with_cells(place, answer, notebook, theirs, chosen) if isinstance(answer, Cell) else answer
        for place in notebook.places
        for answer in [answers[place.exercise]]
    }


def _answer(place: Place, notebook: Ours, theirs: Sequence[Cell]) -> Cell | Untouched | Missing:
    """Return the cell that answers an exercise: the last that makes its name, up to the check, and is not the stub."""
    given = {cell.plain for cell in notebook.cells if cell is not place.stub}  # whatever ids they have
    usable = [(n, cell) for n, cell in enumerate(theirs) if not cell.is_solution and cell.plain not in given]
    check = max((number for number, cell in enumerate(theirs) if place.exercise in cell.checks), default=None)
    makers = [(number, cell) for number, cell in usable if _makes(cell, place.name)]
    touched = [(number, cell) for number, cell in makers if not cell.same(place.stub)]
    before = [cell for number, cell in touched if check is None or number <= check]
    if before or touched:
        return before[-1] if before else touched[-1][1]
    if makers:
        return Untouched()
    return Missing(_likely(place, usable, check))


def _makes(cell: Cell, name: str) -> bool:
    """Whether a cell gives the name a meaning, and not only something inside it."""
    return name in cell.makes and (not cell.runs or name in _defined(cell.source))


def _defined(code: str) -> set[str]:
    """Return the names that are defined or assigned, somewhere at the top of some code."""
    found: set[str] = set()
    for statement in ast.parse(code).body:
        for node in ast.walk(statement):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)) and node is statement:
                found.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                found |= {alias.asname or alias.name for alias in node.names}
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef, ast.Lambda)):
                break
    return found


def _likely(place: Place, usable: Sequence[tuple[int, Cell]], check: int | None) -> str:
    """Return the name that the exercise's cell makes in place of the one that was asked for."""
    at_home = [cell for _, cell in usable if cell.id == place.stub.id and cell.id]
    near = [cell for number, cell in usable if check is not None and number < check][-1:]
    for cell in [*at_home, *near]:
        kinds = ast.parse(cell.source).body if cell.runs else []
        defined = [node.name for node in kinds if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
        if names := defined or sorted(cell.makes):
            return names[-1]
    return ""


# ---------------------------------------------------------------------------------------------------------------------
# What an answer stands on


def _with_cells(
    place: Place, answer: Cell, notebook: Ours, theirs: Sequence[Cell], chosen: dict[Cell, Cell | Untouched | Missing]
) -> Found:
    """Return an answer with the cells that it stands on."""
    first, second = _cells_before(place, answer, notebook, theirs, chosen)
    needs, taken = _slice(answer.needs, first)
    if needs:  # something that the notebook does not make before, but that stands somewhere in what was handed in
        needs, more = _slice(needs, second)
        needs, again = _slice(needs, first)
        taken = [*again, *more, *taken]
    settings = [cell for cell in notebook.cells[:1] if "torch" in cell.makes]
    taken = [cell for cell in taken if cell not in settings][-LONGEST:]
    before = [_settings(settings[0], needs_of([*taken, answer]))] if settings else []
    own = [cell.source for cell in taken if not any(cell is ours for ours in notebook.cells)]
    return Found(answer, [*before, *(cell.source for cell in taken)], own)


def _cells_before(
    place: Place, answer: Cell, notebook: Ours, theirs: Sequence[Cell], chosen: dict[Cell, Cell | Untouched | Missing]
) -> tuple[list[Cell], list[Cell]]:
    """Return the cells before an answer, the teacher's text wherever it is theirs; and what else was handed in."""
    position = next((number for number, cell in enumerate(theirs) if cell is answer), len(theirs))
    by_id = {cell.id: cell for cell in notebook.cells if cell.id}
    place_of = {cell: number for number, cell in enumerate(notebook.cells)}
    teachers = list(notebook.cells[: place_of.get(place.stub, 0)])
    answers = [cell for cell in chosen.values() if isinstance(cell, Cell)]
    sequence, seen, others = [], set(), []
    for number, cell in enumerate(theirs):
        if cell is answer or cell.is_solution or (cell.checks and cell.makes <= {"check", "reply"}):
            continue
        given = by_id.get(cell.id)
        of_ours = given is not None and given in teachers
        if of_ours and given not in chosen:
            if number < position and given not in seen:
                sequence.append(given)
                seen.add(given)
            if not cell.same(given):
                others.append(cell)
        elif number < position and (cell in answers or given is None):
            sequence.append(cell)
        elif given is None or not cell.same(given):
            others.append(cell)
    missing = [chosen[cell] if isinstance(chosen.get(cell), Cell) else cell for cell in teachers if cell not in seen]
    missing = [cell for cell in missing if cell is not answer and not any(cell is other for other in sequence)]
    return [*missing, *sequence], others


def _slice(needs: Iterable[str], cells: Sequence[Cell]) -> tuple[set[str], list[Cell]]:
    """Return what names are still needed, and the cells, in their order, that make the others."""
    needs, taken = set(needs) - EVERYWHERE, []
    for cell in reversed(cells):
        if cell.runs and needs & cell.makes:
            taken.append(cell)
            needs = (needs - cell.makes) | cell.needs
    return needs, taken[::-1]


def needs_of(cells: Sequence[Cell]) -> set[str]:
    """Return all names that some cells need."""
    return set().union(*(cell.needs for cell in cells))


def _settings(cell: Cell, needs: set[str]) -> str:
    """Return what an answer needs of the notebook's first cell: its imports that are used, and what it sets for all."""
    kept = []
    for statement in ast.parse(cell.source).body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            names = [a for a in statement.names if (a.asname or a.name).partition(".")[0] in needs | {"torch"}]
            if names:
                statement.names = names
                kept.append(ast.unparse(statement))
        elif "torch.set_default_dtype" in ast.unparse(statement):
            kept.append(ast.unparse(statement))
    return "\n".join(kept)
