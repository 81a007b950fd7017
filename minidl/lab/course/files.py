"""Where the course's notebooks are: in a checkout, or inside of the package, where a wheel has put them."""

from __future__ import annotations

from pathlib import Path

import minidl

PACKAGE = Path(minidl.__file__).resolve().parent
CARRIED = PACKAGE / "lab" / "course" / "carried"  # laid out as a checkout is: notebooks/, and mkplot.ipynb beside it


def checkout() -> Path | None:
    """Return the checkout that this package is in; None where it is installed."""
    folder = PACKAGE.parent
    return folder if (folder / "pyproject.toml").is_file() and any(folder.glob("notebooks/*.ipynb")) else None


def project() -> Path:
    """Return the folder that holds ``notebooks/`` and ``mkplot.ipynb``.

    Raises
    ------
    FileNotFoundError
        Where the package came without its notebooks.
    """
    folder = checkout() or CARRIED
    if not any(folder.glob("notebooks/*.ipynb")):
        raise FileNotFoundError(f"minidl was installed without its notebooks: there are none in {CARRIED}")
    return folder


def notebooks(folder: Path) -> list[Path]:
    """Return the notebooks of the course in a project's folder, in the order in which they are read."""
    return [*sorted(folder.glob("notebooks/*.ipynb")), *sorted(folder.glob("*.ipynb"))]


def chosen(names: list[str], folder: Path) -> list[Path]:
    """Return the notebooks with these names, ``02``, ``02_linear`` or ``mkplot``, in the course's order; all for no name.

    Raises
    ------
    ValueError
        For a name that none has.
    """
    every = notebooks(folder)
    found = set()
    for name in names:
        these = [path for path in every if name.removesuffix(".ipynb") in (path.stem, path.stem.partition("_")[0])]
        if not these:
            known = ", ".join(path.stem.partition("_")[0] for path in every)
            raise ValueError(f"expected notebooks of {known}, got {name!r}")
        found.update(these)
    return [path for path in every if path in found or not names]
