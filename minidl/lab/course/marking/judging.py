"""The judge, in a process that is its own: the teacher's exercise objects look at an answer, and their reply goes out as data.

There are three kinds of jobs. ``"reply"`` runs the cells of an answer and judges what comes of them: the student's code is in
the process, so that a "right" is believed only with evidence. ``"prepare"`` writes the script of an exercise and what the
solution does with it, and ``"values"`` judges an answer that has crossed as data: in these no student's code runs.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import torch

from minidl.lab.course.marking import evidence
from minidl.lab.course.marking.crossing import packed, unpacked
from minidl.lab.course.marking.running import Broken, answer_of
from minidl.lab.doctor.students.worker import limit, quiet
from minidl.lab.exercises import Reply, exercises
from minidl.lab.exercises.cell import reply_to
from minidl.lab.exercises.kinds import Exercise, Network

Job = dict[str, Any]
LONGEST = 6000  # characters of a reply


def warm_up() -> None:
    """Load what judging needs, so that no copy has to."""
    torch.set_num_threads(1)
    kinds = {each.kind: each for each in known().values() if not isinstance(each, Network)}
    for each in kinds.values():  # what each kind loads when it is used first, the optimisers of torch for example
        each.reply(evidence.run(each.name, each.solution, each.given))


@functools.cache
def known() -> dict[str, Exercise]:
    """Return all exercises, by their ids: they are looked for once, and not where a student's code has run."""
    return {each.id: each for each in exercises()}


def work(job: Job, send: Callable[[str], None]) -> None:
    """Do a job, and send what comes out."""
    limit(job["megabytes"], job["wall"])
    quiet()
    asked = known()[job["exercise"]]
    if job["doing"] == "prepare":
        steps = evidence.script(asked, job["seed"])
        told = packed(steps)
        due = evidence.expected(asked, unpacked(told, trusted=True))
        send(json.dumps({"script": told, "expected": packed(due)}))
    elif job["doing"] == "values":
        value = unpacked(job["value"])
        if isinstance(asked, Network):
            value = evidence.as_function(value)
        send(json.dumps(_told(reply_to(asked, {asked.name: value}, job["source"]))))
    else:
        _reply(job, asked, send)


def _reply(job: Job, asked: Exercise, send: Callable[[str], None]) -> None:
    send(json.dumps({"at": "cells"}))
    try:
        value = answer_of(job["cells"], asked.name)
    except Broken as error:
        send(json.dumps({"broken": error.as_data()}))
        return
    send(json.dumps({"at": "judge"}))
    send(json.dumps(_told(reply_to(asked, {asked.name: value}, job["source"]))))


def _told(reply: Reply) -> dict[str, Any]:
    findings = reply.diagnosis.findings if reply.diagnosis is not None and reply.status == "wrong" else ()
    mistakes = list(dict.fromkeys(finding.mistake for finding in findings if finding.mistake != "unnamed"))
    return {"status": reply.status, "text": str(reply.text)[:LONGEST], "mistakes": mistakes[:10]}
