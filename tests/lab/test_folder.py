"""Folders: what cannot be written is told, and the project is found from inside."""

import pytest

from minidl.lab.folder import find_project, why_not_writable


def test_a_folder_that_can_be_written_is_made_and_left_empty(tmp_path):
    assert why_not_writable(tmp_path / "a" / "b") == ""
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_what_cannot_be_a_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    assert why_not_writable(tmp_path / "file").startswith(f"{str(tmp_path / 'file')!r} (")
    assert "file/inside" in why_not_writable(tmp_path / "file" / "inside").replace("\\", "/")


@pytest.mark.parametrize("start", [".", "notebooks", "notebooks/deeper", "elsewhere"])
def test_the_project_is_found_from_inside(tmp_path, start):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "a.ipynb").write_text("{}")
    (tmp_path / start).mkdir(parents=True, exist_ok=True)
    assert find_project(tmp_path / start) == tmp_path.resolve()


def test_where_there_is_no_project_it_says_so(tmp_path):
    (tmp_path / "notebooks").mkdir()  # empty
    with pytest.raises(FileNotFoundError, match=r"no notebooks in .*: run this in the folder that holds notebooks/"):
        find_project(tmp_path)
