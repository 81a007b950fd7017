"""The script that draws the README's picture."""

from __future__ import annotations

import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

SCRIPT = Path(__file__).parents[2] / ".github" / "learning_picture.py"
pytestmark = pytest.mark.usefixtures("agg")


def test_it_draws_a_picture_for_every_moment(tmp_path):
    main = runpy.run_path(str(SCRIPT))["main"]
    saved = main(tmp_path / "learning.png", moments=(0, 1, 2))
    assert [path.name for path in tmp_path.iterdir()] == [saved.name] == ["learning.png"]
    titles = [axes.get_title(loc="center") for axes in plt.gcf().axes]
    assert [title.partition("\n")[0] for title in titles] == ["epoch 0", "epoch 1", "epoch 2"]
    assert plt.imread(saved).std() > 0.1


def test_it_writes_the_picture_that_the_readme_shows():
    script = runpy.run_path(str(SCRIPT))
    assert script["PICTURE"].is_file()
    assert f"](.github/{script['PICTURE'].name})" in (SCRIPT.parents[1] / "README.md").read_text(encoding="utf-8")
