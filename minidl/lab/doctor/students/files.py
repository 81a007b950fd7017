"""What is to be examined, and what is one project.

- A folder that holds Python files is one project, with all that lies below it.
- A folder that holds only folders is a folder of students: each of these is one project. It is one project itself where most
  of its folders import another, or any does and the folders are called as parts of a project are, such as src and tests.
- A folder in which at least half of the files define classes of the same names as another, and few import another, is one of
  students too, a file each.
- A file that is named itself is a project with what it imports from its package or its folder, and with nothing else of them.

- A folder of a student in which no file is Python's is named, too; so is one that is a symbolic link.

A file ``cases.py`` that is alone beside the folders of several students, or lies beside the folder that is given, is the
teacher's. What lies inside of a folder that is one of several given ones, or is one project, is the student's.

It is told from the files' text. A student cannot make a classmate's files part of a project by importing them.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from minidl.lab.doctor.students.importing import SKIPPED
from minidl.lab.doctor.students.outlines import Outline, read

CASES = "cases.py"
DATA = {"assets", "data", "figures", "images", "logs", "models", "notebooks", "outputs", "plots", "reports", "results"}
DEEPEST = 30  # folders inside of each other
PARTS = {"docs", "examples", "lib", "scripts", "src", "test", "tests", "utils"}  # of a project; no student is called so
ROOMS = {  # of a framework; two of these are no two students
    f"{name}{s}"
    for name in ("layer", "model", "function", "activation", "optimizer", "optimiser", "network", "module", "initializer",
                 "regularizer", "metric", "util", "helper", "dataset", "callback", "operation", "loss_function")
    for s in ("", "s")
} | {"loss", "losses", "nn", "core", "src", "data", "optim", "optimization", "preprocessing", "training"}  # fmt: skip


@dataclass(frozen=True)
class File:
    """A file to examine.

    Attributes
    ----------
    path : Path
        Relative to its project's root.
    shown : str
        As the person who asked would call it.
    outline : Outline
        What its text shows.
    what : str
        A class's name or an expression, what to examine in it; nothing for all of it.
    """

    path: Path
    shown: str
    outline: Outline
    what: str = ""


@dataclass(frozen=True)
class Plan:
    """A project to examine.

    Attributes
    ----------
    root : Path
        Its folder.
    files : tuple of File
        What to examine.
    copied : tuple of Path, or None
        The files that belong to it, relative to ``root``; None for all that lie below.
    cases : Path or None
        The teacher's file of cases that lies beside the students' folders.
    submission : Path or None
        The folder of the student whose project it is, where that holds several.
    """

    root: Path
    files: tuple[File, ...]
    copied: tuple[Path, ...] | None = None
    cases: Path | None = None
    submission: Path | None = None


def find(paths: Sequence[str]) -> list[Plan]:
    """Return the projects that are meant by files and folders.

    Raises
    ------
    FileNotFoundError
        For a path that leads nowhere or to no Python file, and for a folder without such.
    """
    plans: list[Plan] = []
    several = len(set(map(str, paths))) > 1
    for text in dict.fromkeys(map(str, paths)):
        match = re.fullmatch(r"(.*\.py):([^/\\].*)", text, re.DOTALL)
        path, what = (Path(match[1]), match[2]) if match else (Path(text), "")
        if path.is_symlink():
            plans.append(Plan(path.parent, (File(Path(path.name), str(path), read(path), what),), ()))
        elif path.is_dir():
            files = _python_files(path)
            if not files and several:
                plans.append(_without_python(path))
                continue
            if not files:
                raise FileNotFoundError(f"no Python file in {path}")
            outlines = {file: read(file) for file in files}
            told = {
                f: o for f, o in outlines.items() if f.name != "__init__.py" or o.problem or not o.empty
            } or outlines
            inside, beside = path / CASES, path.absolute().parent / CASES
            found = _projects(path, told)
            if inside in told and not several and [file for file in told if file.parent == path] == [inside]:
                others = _projects(path, {file: outline for file, outline in told.items() if file != inside})
                if len({plan.root for plan in others}) > 1:
                    found, beside = others, inside
            cases = beside if beside.is_file() and not beside.is_symlink() else None
            above = path.parent if several else _folder_of_students(found)
            found = [replace(plan, cases=cases, submission=_first(plan.root, above)) for plan in found]
            plans += found + _with_nothing(found, list(told))
        elif path.suffix != ".py" and path.exists():
            raise FileNotFoundError(f"no Python file: {path}")
        elif path.exists():
            plans.append(_single(path, read(path), what))
        else:
            raise FileNotFoundError(f"no such file or folder: {path}")
    return _without_twins(plans)


def _with_nothing(found: Sequence[Plan], files: Sequence[Path]) -> list[Plan]:
    """Return a plan for each folder that lies beside those of students and has no Python file, to say so."""
    beside = _folder_of_students(found)
    if beside is None or any(file.parent == beside for file in files):
        return []
    empty = set(beside.iterdir()) - {
        beside / file.relative_to(beside).parts[0] for file in files if beside in file.parents
    }
    names = PARTS | DATA | SKIPPED
    return [
        _without_python(path)
        for path in sorted(empty)
        if path.is_dir() and not path.name.startswith((".", "__")) and path.name.lower() not in names
    ]


def _folder_of_students(found: Sequence[Plan]) -> Path | None:
    roots = {plan.root for plan in found}
    return Path(os.path.commonpath(roots)) if len(roots) > 1 else None


def _first(root: Path, above: Path | None) -> Path | None:
    """Return the folder right below another one in which a root lies."""
    return above / root.relative_to(above).parts[0] if above is not None and root != above else None


def _without_python(folder: Path) -> Plan:
    outline = read(folder) if folder.is_symlink() else Outline(problem="no Python file here")
    return Plan(folder.parent, (File(Path(folder.name), str(folder), outline),), ())


def _without_twins(plans: list[Plan]) -> list[Plan]:
    """Return the plans, each file only in the first that has it."""
    seen: set[tuple[Path, str]] = set()
    found = []
    for plan in plans:
        files = []
        for file in plan.files:
            key = ((plan.root / file.path).absolute(), file.what)
            if key not in seen:
                seen.add(key)
                files.append(file)
        if files:
            found.append(replace(plan, files=tuple(files)))
    return found


def _python_files(folder: Path) -> list[Path]:
    found = []
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not (name.startswith((".", "__")) or name in SKIPPED))
        if len(Path(here).relative_to(folder).parts) >= DEEPEST:
            folders.clear()
        found += [Path(here, name) for name in files if name.endswith(".py") and not name.startswith(".")]
    return sorted(found)


def _projects(folder: Path, inside: Mapping[Path, Outline]) -> list[Plan]:
    """Return the projects of a folder: itself, or the folders or files in it."""
    here = [path for path in inside if path.parent == folder]
    below: dict[Path, dict[Path, Outline]] = {}
    for path, outline in inside.items():
        if path.parent != folder:
            below.setdefault(folder / path.relative_to(folder).parts[0], {})[path] = outline
    if here:
        own = {path: _names([inside[path]]) for path in here}
        linked = sum(_imports_another(path, inside[path], here) for path in here)
        if not _alike(own.values()) or 2 * linked > len(here):
            return [_whole(folder, inside)]
        shared = Counter(name for names in own.values() for name in names)
        submissions = {path for path, names in own.items() if any(shared[name] > 1 for name in names)}
        plans = [_single(path, inside[path], root=folder, not_from=submissions) for path in here]
    elif (
        len(below) > 1
        and (_import_each_other(below) or _imports(folder.name, inside))
        and not _alike(_names(files.values()) for files in below.values())
    ):
        return [_whole(folder, inside)]
    elif len(below) == 1 and _imports(next(iter(below)).name, inside):
        return [_whole(folder, inside)]  # the one folder is a package, and its files import it by its name
    else:
        plans = []
    return plans + [plan for sub, files in below.items() for plan in _projects(sub, files)]


def _names(outlines: Iterable[Outline]) -> set[str]:
    return {name for outline in outlines for name in outline.layers}


def _alike(groups: Iterable[set[str]]) -> bool:
    """Whether at least half of the files or folders, and at least two, define what another defines too."""
    groups = [names for names in groups if names]
    count = Counter(name for names in groups for name in names)
    alike = sum(any(count[name] > 1 for name in names) for names in groups)
    return alike >= 2 and 2 * alike >= len(groups)


def _imports_another(path: Path, outline: Outline, files: Sequence[Path]) -> bool:
    return bool(
        {name.partition(".")[0] for _, name in outline.imports} & {other.stem for other in files if other != path}
    )


def _imports(name: str, files: Mapping[Path, Outline]) -> bool:
    """Whether any of the files imports something by the name of the folder in which they all are."""
    return any(what.partition(".")[0] == name for o in files.values() for dots, what in o.imports if not dots)


def _import_each_other(below: Mapping[Path, Mapping[Path, Outline]]) -> bool:
    names = {folder.name for folder in below}
    if any(_imports(folder.name, files) for folder, files in below.items()):
        return True  # it is a package of that name, and so are those beside it
    if len({name.lower() for name in names} & ROOMS) > 1:
        return True
    linked = [
        any({name.partition(".")[0] for _, name in o.imports} & (names - {folder.name}) for o in files.values())
        for folder, files in below.items()
    ]
    return 2 * sum(linked) > len(linked) or (any(linked) and bool(names & PARTS))


def _whole(folder: Path, inside: Mapping[Path, Outline]) -> Plan:
    return Plan(folder, tuple(File(path.relative_to(folder), str(path), outline) for path, outline in inside.items()))


def _single(
    path: Path, outline: Outline, what: str = "", root: Path | None = None, not_from: Iterable[Path] = ()
) -> Plan:
    """Return the project of one file, with what it imports, but not from some files."""
    if root is None:
        root = path.absolute().parent
        while (root / "__init__.py").is_file() and (root.parent / "__init__.py").is_file():
            root = root.parent
    here = root / path.absolute().relative_to(root.absolute())
    needed = _imported(here, outline, root, set(not_from))
    return Plan(root, (File(here.relative_to(root), str(path), outline, what),), needed)


def _imported(path: Path, outline: Outline, root: Path, not_from: set[Path]) -> tuple[Path, ...]:
    """Return a file and all that it imports from the folders between it and the root, relative to the root."""
    found, waiting = {path: outline}, [path]
    while waiting:
        file = waiting.pop()
        around = [folder for folder in file.parents if folder.is_relative_to(root)]
        for dots, name in found[file].imports:
            parts = name.split(".") if name else []
            starts = around[dots - 1 : dots] if dots else [*around, root.parent]
            for start in starts:
                steps = [start.joinpath(*parts[:length]) for length in range(len(parts) + 1)]
                for step in steps:
                    for candidate in (step.with_name(f"{step.name}.py") if step.name else step, step / "__init__.py"):
                        new = candidate not in found and candidate not in not_from and candidate.is_relative_to(root)
                        if new and candidate.is_file() and not candidate.is_symlink():
                            found[candidate] = read(candidate)
                            waiting.append(candidate)
    return tuple(file.relative_to(root) for file in found)
