"""What an answer does, told as data: in a process that has no exercises, no solutions, and no judge.

A script is a list of steps, each a dictionary with the name of what is done:

- ``{"make": arguments, "with": keywords}`` builds an object from a class, ``{"apply": arguments, "with": keywords}`` calls a
  function;
- ``{"call": method, "to": arguments}`` calls a method of the object, which may not change what it is given;
- ``{"item": k}`` tells which of the modules that the object was built with it has under this index;
- ``{"step": True}`` calls an optimiser's step;
- ``{"grads": tensors}`` puts gradients into the modules that the object was built with;
- ``{"look": "grad"}`` returns the object's own gradients, ``{"look": "parts"}`` the parameters and gradients of the modules
  that it was built with;
- ``{"train": modules, "data": [X, T], "epochs": …, "batch_size": …, "lr": …}`` trains these modules with a loop, and
  returns what the loop returns, the parameters, and the data, which it may not change;
- ``{"value": True}`` returns the answer itself.

`play` goes through a script. It is the same for an answer here and, in a process of ours, for the solution.
"""

from __future__ import annotations

import inspect
import json
import sys
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from minidl import SGD, Module, MSELoss, Sequential
from minidl.lab.course.marking.crossing import packed, unpacked
from minidl.lab.course.marking.running import Broken, answer_of
from minidl.lab.doctor.students.worker import limit, quiet

Job = dict[str, Any]
EXERCISES = "minidl.lab.exercises"


def warm_up() -> None:
    """Load what answers need, so that no copy has to."""
    torch.set_num_threads(1)
    torch.ones(2, 2) @ torch.ones(2, 2)


def work(job: Job, send: Callable[[str], None]) -> None:
    """Run the cells of an answer and play a script with it."""
    limit(job["megabytes"], job["wall"])
    quiet()
    _without_exercises()
    send(json.dumps({"at": "cells"}))
    try:
        value = answer_of(job["cells"], job["name"])
    except Broken as error:
        send(json.dumps({"broken": error.as_data()}))
        return
    send(json.dumps({"at": "script"}))
    torch.set_default_dtype(torch.float64)
    try:
        played = play(unpacked(job["script"], trusted=True), value)
    except Exception as error:
        send(json.dumps({"raises": f"{type(error).__name__}: {error}"[:500]}))
        return
    send(json.dumps({"played": packed(played)}))


def _without_exercises() -> None:
    """Put a package in the place of the exercises' own, in which a check says nothing: a cell may import it."""
    stand_in = types.ModuleType(EXERCISES)
    stand_in.__dict__["check"] = lambda *_: None
    sys.modules[EXERCISES] = stand_in


def play(script: list[dict[str, Any]], value: Any) -> list[Any]:
    """Return what comes of the steps of a script that return something."""
    made, parts, results = None, [], []
    for step in script:
        torch.manual_seed(0)
        if "value" in step:
            results.append(value)
        elif "make" in step:
            parts = [part for part in step["make"] if isinstance(part, Module)]
            made = _built(value, step["make"], step.get("with", {}))
        elif "apply" in step:
            results.append(value(*step["apply"], **step.get("with", {})))
            results += [given for given in step["apply"] if isinstance(given, Tensor)]
            results += step.get("with", {}).values()
        elif "call" in step:
            results += [getattr(made, step["call"])(*step["to"]), *step["to"]]
        elif "train" in step:
            model = Sequential(*step["train"])
            parts = (model, MSELoss(), SGD(model, lr=step["lr"]), *step["data"])
            results.append(value(*parts, epochs=step["epochs"], batch_size=step["batch_size"]))
            results += [[param.clone() for param, _ in model.parameters()], *step["data"]]
        elif "step" in step:
            made.step()
        elif "item" in step:
            results.append([part is made[step["item"]] for part in parts].index(True))
        elif "grads" in step:
            for (_, grad), given in zip(_pairs(parts), step["grads"], strict=True):
                grad.copy_(given)
        elif step["look"] == "grad":
            results.append({name: tensor.clone() for name, tensor in made.grad.items()})
        else:
            results.append([tensor.clone() for pair in _pairs(parts) for tensor in pair])
    return results


def _built(cls: Any, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """Build an object, with keywords by name, or in order where its arguments have other names: as the judge does."""
    known = inspect.signature(cls).parameters if keywords else {}
    return cls(*arguments, **keywords) if set(keywords) <= set(known) else cls(*arguments, *keywords.values())


def _pairs(parts: list[Module]) -> list[Any]:
    return [pair for part in parts for pair in part.parameters()]
