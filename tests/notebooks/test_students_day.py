"""A student's day, checked: each fault, planted among sound cells, is found."""

import nbformat
import pytest
from students_day import Day, check_of, faults_of_a_day, kernel


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with kernel(tmp_path_factory.mktemp("day")) as client:
        yield client


SLOWLY = "import time\n\ntime.sleep(1.2)\n"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, ""),
        ({"stub": "a = 2"}, "cell check does not say 'Not done yet'"),
        ({"check": "print('Not done yet')"}, "cell check does not say 'Not done yet'"),
        ({"later": "a + 1"}, "cell later raises TypeError"),
        ({"later": "raise ValueError('at once')"}, "cell later raises ValueError: at once"),
        ({"later": "b = b - 1 if 'b' in dir() else 1\nassert b == 1"}, "cell later again raises AssertionError"),
        (
            {"later": "try:\n    n += 1\nexcept NameError:\n    n = 0\n1 / (1 - n)"},
            "cell later again raises ZeroDivisionError",
        ),
        (
            {"later": SLOWLY + "b = b - 1 if 'b' in dir() else 1\nassert b == 1"},
            "cell later again raises AssertionError",
        ),
        ({"later": "b = __import__('time').sleep(1.2) if 'b' not in dir() else 1 / 0"}, ""),  # it is run once
        ({"solution": "a = 3"}, "cell check in the end does not say 'Right!'"),
        ({"solution": "a = a + 2 if isinstance(a, int) else 2"}, "cell check in the end does not say 'Right!'"),
    ],
)
def test_what_goes_wrong_in_a_day_is_found(changes, fault, client):
    sources = {
        "stub": "a = ...",
        "check": check_of("a"),
        "later": "b = 1",
        "mistake": "1 / 0",
        "solution": "a = 2",
    }
    of = {
        name: {"tags": [tag]}
        for name, tag in {"stub": "exercise", "check": "check", "mistake": "raises-exception"}.items()
    }
    of["solution"] = {"tags": ["solution"]}
    *given, solution = (
        nbformat.v4.new_code_cell(changes.get(name, source), id=name, metadata=of.get(name, {}))
        for name, source in sources.items()
    )
    Day(client).run(nbformat.v4.new_code_cell("%reset -f"))
    faults = faults_of_a_day(given, [solution], Day(client))
    assert bool(faults) == bool(fault)
    assert fault in "; ".join(faults)
