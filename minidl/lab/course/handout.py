"""Students' copies of the notebooks: ``minidl handout``.

A copy has all that the notebook has, but for the cells with the tag ``solution`` and what was stored of a run: some outputs
show an answer, and those of the cells after a prediction tell it to whoever reads on.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection
from pathlib import Path, PurePosixPath

import nbformat
from nbformat import NotebookNode

import minidl
from minidl.lab.course import files
from minidl.lab.course.nbgrader import as_source

LINK = re.compile(r"\[([^\]]*)\]\((?![a-z]+:)([^)#]+\.ipynb)(#[^)]*)?\)")
INSTALL = """# Where minidl is missing, this installs it
from importlib.util import find_spec

if find_spec("minidl") is None:
    %pip install --quiet {}"""


def student_copy(
    notebook: NotebookNode, name: str, handed_out: Collection[str] | None = None, install: str = ""
) -> NotebookNode:
    """Return the copy of a notebook for students, and leave the notebook as it is.

    Parameters
    ----------
    notebook : NotebookNode
        The teacher's, with solutions.
    name : str
        Its name, for example "02_linear". It is kept in the copy's metadata, with the course's version:
        ``copy.metadata["minidl"]`` is ``{"course": "0.2.0", "notebook": "02_linear"}``.
    handed_out : collection of str, optional
        The names of all copies that will lie in one folder: links to others become plain text. Without it all links stay.
    install : str, optional
        What pip is to install where minidl is missing, a name or an address: a folded cell after the title does it.
    """
    result = copy.deepcopy(notebook)
    result["cells"] = [cell for cell in result["cells"] if "solution" not in cell["metadata"].get("tags", [])]
    for cell in result["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
        else:
            cell["source"] = LINK.sub(lambda link: _link(link, handed_out), cell["source"])
    if install:
        metadata = {"tags": ["install"], "jupyter": {"source_hidden": True}}
        cell = nbformat.v4.new_code_cell(INSTALL.format(install), id="install", metadata=metadata)
        result["cells"].insert(1, cell)
    result["metadata"].pop("widgets", None)  # their state is an output, too
    result["metadata"]["minidl"] = {"course": minidl.__version__, "notebook": name}
    return result


def _link(link: re.Match[str], handed_out: Collection[str] | None) -> str:
    """Return a link to another notebook as it is right where all lie in one folder."""
    words, target, place = link[1], PurePosixPath(link[2]), link[3] or ""
    if handed_out is not None and target.stem not in handed_out:
        return words
    return f"[{words}]({target.name}{place})"


def listing(names: list[str] | None = None) -> str:
    """Return a table of the exercises in some notebooks or in all: id, notebook, kind and points."""
    from minidl.lab.exercises import exercises  # here: they take a while

    stems = [path.stem for path in files.chosen(names or [], files.project())]
    rows = [(found.id, stem, found.kind, found.points) for stem in stems for found in exercises(stem[:2])]
    rows.append(("", "", "", sum(points for *_, points in rows)))
    table = [("exercise", "notebook", "kind", "points"), *rows]
    widths = [max(len(str(row[column])) for row in table) for column in range(4)]
    return "\n".join(
        f"{id:{widths[0]}}  {stem:{widths[1]}}  {kind:{widths[2]}}  {points:>{widths[3]}}"
        for id, stem, kind, points in table
    )


def hand_out(
    folder: str | Path, names: list[str] | None = None, install: str = "", nbgrader: bool = False
) -> list[Path]:
    """Write students' copies into a folder, and return their paths.

    Parameters
    ----------
    folder : str or Path
        It is made where it is missing. All copies lie right in it.
    names : list of str, optional
        The notebooks, for example ``["02", "03"]`` (default: all).
    install : str, optional
        As for `student_copy`.
    nbgrader : bool
        Whether nbgrader is to mark them.

    Raises
    ------
    ValueError
        For a name that no notebook has.
    FileExistsError
        Where one of the copies is there already and differs: then nothing is written.
    FileNotFoundError
        Where minidl was installed without its notebooks.
    """
    project = files.project()
    paths = files.chosen(names or [], project)
    handed_out = {path.stem for path in paths}
    texts = {}
    for path in paths:
        copied = student_copy(nbformat.read(path, 4), path.stem, handed_out, install)
        if nbgrader:
            copied = as_source(copied)
        texts[Path(folder) / path.name] = nbformat.writes(copied) + "\n"
    differing = [path.name for path, text in texts.items() if path.exists() and path.read_bytes() != text.encode()]
    if differing:
        raise FileExistsError(
            f"{folder} has other files of these names: {', '.join(differing)}. Choose another folder."
        )
    Path(folder).mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_bytes(text.encode())
    return list(texts)
