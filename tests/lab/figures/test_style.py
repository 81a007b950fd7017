"""The style that all figures share, axes in it, and files."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from minidl.lab.disk import disk
from minidl.lab.figures import new_axes, new_row, points, save, use_style
from minidl.lab.figures.style import STYLE

pytestmark = pytest.mark.usefixtures("agg")


@pytest.fixture
def draw(generator):
    """Return a function that draws the same picture every time."""
    data = disk(40, generator=generator)
    return lambda: points(*data)


def test_use_style_sets_it_for_all_figures():
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.use("Agg")
        assert mpl.rcParams["axes.spines.top"]
        use_style()
        assert {key: mpl.rcParams[key] for key in STYLE} == STYLE


def test_new_axes_have_the_size_asked_for():
    ax = new_axes(size=(3, 2))
    assert ax.figure.get_size_inches().tolist() == [3, 2]
    assert len(ax.figure.axes) == 1
    left, right = new_row(2)
    assert left.figure is right.figure
    assert len(left.figure.axes) == 2


def test_save_gives_every_format_and_makes_folders(tmp_path, draw):
    figure = draw().figure
    paths = save(figure, tmp_path / "a" / "b" / "name")
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == ["a/b/name.png", "a/b/name.pdf", "a/b/name.svg"]
    assert [path.read_bytes()[:4] for path in paths] == [b"\x89PNG", b"%PDF", b"<?xm"]
    width, height = figure.get_size_inches() * STYLE["savefig.dpi"]
    assert plt.imread(paths[0]).shape[:2] == (height, width)
    (path,) = save(figure, str(tmp_path / "only"), formats=["svg"])
    assert [path.name for path in tmp_path.glob("only*")] == [path.name] == ["only.svg"]


def test_the_same_picture_gives_the_same_files(tmp_path, draw):
    """Drawn anew, saved a second time, or in another order of formats: not a byte differs."""

    def contents(figure, formats=("png", "pdf", "svg")):
        return {path.suffix: path.read_bytes() for path in save(figure, tmp_path / "figure", formats)}

    figure = draw().figure
    first = contents(figure)
    assert contents(figure, ("svg", "png", "pdf")) == first
    assert contents(draw().figure, (svg := ["svg"])) == {".svg": first[".svg"]}
    figure.axes[0].set_title("another")
    assert contents(figure, svg) != {".svg": first[".svg"]}


def test_files_look_the_same_in_every_setting(tmp_path, draw):
    """The style is that of the project, whatever has been set, and what has been set stays set."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.use("Agg")
        (before,) = save(draw().figure, tmp_path / "before", ("png",))
        other = {"axes.grid": False, "legend.frameon": False, "savefig.dpi": 30, "font.size": 17}
        mpl.rcParams.update(other)
        (after,) = save(draw().figure, tmp_path / "after", ("png",))
        assert after.read_bytes() == before.read_bytes()
        assert {key: mpl.rcParams[key] for key in other} == other


@pytest.mark.parametrize("before", [style for style in plt.style.available if not style.startswith("_")])
def test_the_style_is_the_same_whatever_was_active_before(before):
    with mpl.rc_context():
        plt.style.use("default")
        use_style()
        expected = dict(mpl.rcParams)
        plt.style.use(before)
        use_style()
        assert dict(mpl.rcParams) == expected
