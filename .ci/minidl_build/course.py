"""Puts the course's notebooks into the package that is built; in an editable install they stay where they are."""

from pathlib import Path

from setuptools.command.build_py import build_py

CARRIED = Path("minidl", "lab", "course", "carried")  # where minidl.lab.course.files looks for them
BUILDING = Path(".ci", "minidl_build")


class WithCourse(build_py):
    """Copies Python's files, and the notebooks."""

    def notebooks(self):
        """Return the notebooks, from the project's folder."""
        return [*sorted(Path("notebooks").glob("*.ipynb")), *sorted(Path().glob("*.ipynb"))]

    def built(self, path):
        """Return where a notebook is put."""
        return Path(self.build_lib) / CARRIED / path

    def run(self):
        """Copy what is to be in the package."""
        super().run()
        if self.editable_mode:
            return
        for path in self.notebooks():
            self.mkpath(str(self.built(path).parent))
            self.copy_file(str(path), str(self.built(path)), preserve_mode=False)

    def get_source_files(self):
        """Return what an sdist holds, and so what builds it, too."""
        return [*super().get_source_files(), *map(str, [*self.notebooks(), *sorted(BUILDING.glob("*.py"))])]

    def get_outputs(self, include_bytecode=True):
        """Return all files that are made."""
        made = [] if self.editable_mode else [str(self.built(path)) for path in self.notebooks()]
        return [*super().get_outputs(include_bytecode), *made]
