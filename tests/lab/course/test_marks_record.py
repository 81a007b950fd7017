"""The record of what is marked: it is kept, and forgotten only for something new."""

from minidl.lab.course.marking.marking import Record
from minidl.lab.course.marking.rows import Row

ROW = Row("Ada", "01", "01 cube", "right", 3, late=True)


def test_what_is_recorded_is_known_and_half_a_line_is_none(tmp_path):
    path = tmp_path / "marks.jsonl"
    Record(path).add("a", [ROW])
    with path.open("a") as file:
        file.write('{"key": "b", "rows": [{"stu')
    again = Record(path)
    assert again.get("a") == [ROW]
    assert again.get("b") is None


def test_a_fresh_one_keeps_the_old_until_there_is_something_new(tmp_path):
    path = tmp_path / "marks.jsonl"
    Record(path).add("a", [ROW])
    fresh = Record(path, fresh=True)
    assert fresh.get("a") is None
    assert Record(path).get("a") == [ROW]
    fresh.add("b", [ROW])
    fresh.add("c", [ROW])
    assert [Record(path).get(key) for key in "abc"] == [None, [ROW], [ROW]]
