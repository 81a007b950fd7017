"""Importing the files of a project: whatever way their author imports them, each file is one module.

Nothing is put on ``sys.path``: what a student calls ``pandas.py`` is imported by the files of that project, and by nothing
else that runs in this process.
"""

from __future__ import annotations
import __future__

import ast
import contextlib
import importlib.machinery
import importlib.util
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

# What is still run after a statement has failed. A script's work is done by calls and loops, and these are left out.
DEFINITIONS = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Assign,
    ast.AnnAssign,
)
SKIPPED = {"__pycache__", "node_modules", "site-packages", "venv", "env"}
FUTURE = {name: getattr(__future__, name).compiler_flag for name in __future__.all_feature_names}


class TookTooLong(BaseException):
    """The import of a file takes longer than it may."""


class Importer:
    """Finds a project's files by the names under which its own code imports them, and runs them.

    A file whose top level raises, or goes on for too long, is not given up: the definitions that follow are run as far as
    they can be. So a script that trains at once still shows its classes.

    Attributes
    ----------
    problems : dict
        What went wrong at a file's top level, in words, by its path.
    missing : dict
        The package that a file wants and that is not there, by the file's path.
    """

    def __init__(self, root: Path, seconds: float) -> None:
        self.root, self.seconds = root, seconds
        self.problems: dict[Path, str] = {}
        self.missing: dict[Path, str] = {}
        name = _plain(root.name) or "project"
        self.name = name + "_of_a_student" * (
            name in sys.modules
        )  # a folder random must not take the place of Python's own
        self._modules: dict[Path, ModuleType] = {}
        self._packages = [folder for folder in sorted(root.rglob("*")) if folder.is_dir() and not _hidden(folder, root)]
        self._inner = 0.0  # seconds that files have taken which another file imports

    def __enter__(self) -> Importer:
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, *_: Any) -> None:
        sys.meta_path.remove(self)
        mine = {id(module) for module in self._modules.values()}
        for name in [name for name, module in sys.modules.items() if id(module) in mine]:
            del sys.modules[name]

    def module(self, path: Path) -> ModuleType | None:
        """Return the module of a file, or of a folder; import it, and the packages around it, where that is not done yet."""
        if path not in self._modules and path not in self.problems:
            relative = path.relative_to(self.root)
            for folder in (self.root / around for around in reversed(relative.parents)):
                first = folder / "__init__.py"
                if first != path and folder not in self._modules:
                    package = self.module(first) if first.is_file() else self._folder(folder)
                    self._modules.setdefault(folder, package or self._folder(folder))
            if path not in self._modules:  # else a package around it has imported it
                self._folder(path) if path.is_dir() else self._run(path)
        return self._modules.get(path)

    def forget_names(self) -> None:
        """Forget under which names modules have been imported: in another folder, they may mean other files."""
        for name, module in list(sys.modules.items()):
            if any(module is mine for mine in self._modules.values()) and vars(module).get("__name__") != name:
                del sys.modules[name]

    def _name(self, path: Path) -> str:
        parts = path.relative_to(self.root).with_suffix("").parts if path != self.root else ()
        return ".".join([self.name, *map(_plain, parts[:-1] if parts[-1:] == ("__init__",) else parts)])

    # -----------------------------------------------------------------------------------------------------------------
    # Python asks: what is meant by a name?

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return where a name is found, if a file of the project asks for one of the project's files."""
        if path is None:
            asking = _asking()
            if asking is None or not asking.is_relative_to(self.root):
                return None
            found = self._meant(name, asking)
        else:
            folders = [Path(folder) for folder in path]
            candidates = (_file(f, name.rpartition(".")[2]) for f in folders if f.is_relative_to(self.root))
            found = next(filter(None, candidates), None)
        return found and importlib.machinery.ModuleSpec(name, self, origin=str(found))

    def _meant(self, name: str, asking: Path) -> Path | None:
        """Return the file or folder that a file of the project means by a name without a dot."""
        around = [folder for folder in asking.parents if folder.is_relative_to(self.root)]
        if around and asking.parent.name == name and _as_a_package(asking, name):
            return _file(asking.parent.parent, name)  # and not layers/layers.py, in a file beside that
        for folder in dict.fromkeys([asking.parent, self.root, *around]):
            if found := _file(folder, name):
                return found
        if name in (self.root.name, self.name):
            return self.root / "__init__.py" if (self.root / "__init__.py").is_file() else self.root
        with contextlib.suppress(ImportError, ValueError, AttributeError):
            if importlib.machinery.PathFinder.find_spec(name):
                return None
        return next(filter(None, (_file(folder, name) for folder in self._packages)), None)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Return the one module of this file, whatever the name under which it is asked for."""
        path = Path(spec.origin)
        module = self.module(path)
        if module is None:
            raise ImportError(
                f"{path.name} does not load: {self.problems.get(path, 'it imports itself')}", name=spec.name
            )
        spec.loader_state = vars(module).get("__spec__")
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Put back what belongs to the module's own name; it has been run."""
        module.__spec__ = module.__spec__.loader_state

    # -----------------------------------------------------------------------------------------------------------------
    # Running a file

    def _folder(self, folder: Path) -> ModuleType:
        """Make a module for a folder without ``__init__.py``."""
        module = self._new(folder, [str(folder)])
        self._modules[folder] = module
        return module

    def _new(self, path: Path, folders: list[str] | None) -> ModuleType:
        name = self._name(path)
        spec = importlib.machinery.ModuleSpec(name, self, origin=str(path), is_package=folders is not None)
        module = ModuleType(name)
        module.__spec__, module.__loader__, module.__package__ = spec, self, spec.parent
        if folders is not None:
            module.__path__ = spec.submodule_search_locations = folders
        sys.modules[name] = module
        above, _, last = name.rpartition(".")
        if above in sys.modules:
            setattr(sys.modules[above], last, module)
        return module

    def _run(self, path: Path) -> None:
        try:
            tree = ast.parse(path.read_bytes(), str(path))
        except (SyntaxError, ValueError, RecursionError, MemoryError, OSError) as error:
            self._note(path, error)
            return
        module = self._new(path, [str(path.parent)] if path.name == "__init__.py" else None)
        module.__file__, module.__doc__ = str(path), ast.get_docstring(tree)
        self._modules[path] = module
        began, inner = time.monotonic(), self._inner
        self._statements(path, vars(module), tree.body)
        self._inner = inner + time.monotonic() - began

    def _statements(self, path: Path, space: dict[str, Any], statements: list[ast.stmt]) -> None:
        """Run a file's statements; where one raises, go on with the definitions that follow."""
        flags, fine, left = 0, True, self.seconds
        for statement in statements:
            if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
                flags |= sum(FUTURE.get(alias.name, 0) for alias in statement.names)
            if left <= 0 or not (fine or isinstance(statement, DEFINITIONS)):
                continue
            began, inner, stopped, late = time.monotonic(), self._inner, False, threading.Event()
            try:
                with _limit(left, late):
                    self._statement(path, space, statement, flags)
                    if late.is_set():  # the file has caught it
                        raise TookTooLong
            except BaseException as error:  # SystemExit too
                # what a file says after it was stopped comes of that
                self._note(path, TookTooLong() if late.is_set() else error, statement.lineno)
                stopped = not isinstance(statement, DEFINITIONS) or late.is_set()
            left -= time.monotonic() - began - (self._inner - inner)
            if stopped:
                fine, left = False, self.seconds

    def _statement(self, path: Path, space: dict[str, Any], statement: ast.stmt, flags: int) -> None:
        """Run a statement; what a definition says of types is left out where a name in that is not known."""
        try:
            exec(compile(ast.Module([statement], []), str(path), "exec", flags, dont_inherit=True), space)
        except NameError as error:
            if not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                raise
            flags |= FUTURE["annotations"]
            exec(compile(ast.Module([statement], []), str(path), "exec", flags, dont_inherit=True), space)
            self._note(path, error, statement.lineno)

    def _note(self, path: Path, error: BaseException, line: int | None = None) -> None:
        """Keep what went wrong in a file: the first, for others follow from it."""
        at = f"line {line}: " if line else ""
        if isinstance(error, TookTooLong):
            said = f"{at}still runs after {self.seconds:g} seconds (does it train when it is imported?) and was stopped there"
        else:
            said = f"{at}{type(error).__name__}: {_say(error)}"
        self.problems.setdefault(path, said)
        name = getattr(error, "name", None)
        if isinstance(error, ModuleNotFoundError) and isinstance(name, str):
            self.missing.setdefault(path, name.partition(".")[0])


def _say(error: BaseException) -> str:
    """Return an error's words; an error of a student's own may fail to have some."""
    try:
        return str(error)
    except BaseException:
        return "(its text cannot be read)"


def _plain(name: str) -> str:
    """Return a name that may stand in a dotted one."""
    return re.sub(r"\W", "_", name)


def _hidden(path: Path, root: Path) -> bool:
    parts = path.relative_to(root).parts
    return any(part.startswith(".") or part in SKIPPED for part in parts)


def _file(folder: Path, name: str) -> Path | None:
    """Return the file or the folder that a name means in a folder; its name may have a hyphen."""
    with contextlib.suppress(OSError, ValueError):
        for found in (folder / name / "__init__.py", folder / f"{name}.py"):
            if found.is_file():
                return found
        inside = folder / name
        if name and inside.is_dir() and name not in SKIPPED and next(inside.rglob("*.py"), None):
            return inside
    return None


def _as_a_package(asking: Path, name: str) -> bool:
    """Whether a file imports something from inside of what this name means."""
    with contextlib.suppress(OSError, ValueError):
        return bool(
            re.search(rf"^\s*(from|import)\s+{re.escape(name)}\.", asking.read_text(encoding="utf-8"), re.MULTILINE)
        )
    return False


def _asking() -> Path | None:
    """Return the file whose code imports something."""
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith("<frozen importlib") and not file.endswith(("importlib/__init__.py", __file__)):
            file = file if not file.startswith("<") else str(frame.f_globals.get("__file__", ""))
            return Path(file) if file else None
        frame = frame.f_back
    return None


@contextlib.contextmanager
def _limit(seconds: float, late: threading.Event) -> Iterator[None]:
    """Raise TookTooLong in what runs inside after some time, and set ``late``; what is imported meanwhile has its own time."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: Any) -> None:
        late.set()
        raise TookTooLong

    handler = signal.signal(signal.SIGALRM, stop)
    outer, again = signal.setitimer(signal.ITIMER_REAL, seconds, 0.2)  # again, for it may be caught
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, outer, again)
        signal.signal(signal.SIGALRM, handler)
