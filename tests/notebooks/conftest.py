import pytest

from minidl.lab.course.handout import hand_out


@pytest.fixture(scope="session")
def students(made_once):
    """Return the folder of students' copies of all notebooks."""
    return made_once("students", hand_out)
