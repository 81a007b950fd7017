"""Runs on disk: a folder of plain files for every setting.

::

    one_by_one/NAME/setting.json      the setting, and how to repeat it
                    run-000.csv       the history of run 0: model, run, epoch, split, loss, accuracy
                    run-000.json      its final accuracies, time and versions
    stacked/NAME/...                  the same of runs trained in one pass

Every file is written whole or not at all, a run's JSON last: a run without one has not been recorded. An interrupted experiment
loses the run in progress (stacked: the pass in progress), and the same call goes on from there.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
import os
import platform
import uuid
from pathlib import Path

import pandas as pd
import torch

import minidl
from minidl.lab.experiment.setting import Setting
from minidl.lab.network import WIDTHS
from minidl.lab.training import COLUMNS

FORMAT = 2  # of records; 1 drew the numbers of a float64 setting in float64
UNREADABLE = "it is cut short, or not a file of ours"


class RecordError(ValueError):
    """A record on disk that cannot be used: says which file, and the way out."""


class Record:
    """The record of one setting: a folder of plain files, or nothing at all where ``folder`` is None.

    Parameters
    ----------
    setting : Setting
    stacked : bool
        Whether its runs are trained in one pass: these have a folder of their own, because they have no times.
    folder : path, optional
        Holds the records of all settings.
    """

    def __init__(self, setting: Setting, stacked: bool, folder: str | Path | None) -> None:
        self.setting = setting
        self.way = "stacked" if stacked else "one_by_one"
        self.folder = None if folder is None else Path(folder) / self.way / setting.name

    def load(self, runs: int) -> dict[int, tuple[pd.DataFrame, pd.DataFrame]]:
        """Return (history, final row) of the runs below ``runs`` that are recorded; RecordError where they cannot be used."""
        if self.folder is None or not self.folder.exists():
            return {}
        path = self.folder / "setting.json"
        found = sorted(self.folder.glob("run-*.json"))
        if not path.exists():
            if found:
                raise self._error(found[0], f"there is no {path.name} beside it to say what it belongs to")
            return {}
        recorded, ours = self._read_json(path).get("setting"), dataclasses.asdict(self.setting)
        if not isinstance(recorded, dict):
            raise self._error(path, UNREADABLE)
        if recorded != ours:
            other = ", ".join(f"{k} {recorded.get(k)!r}, not {v!r}" for k, v in ours.items() if recorded.get(k) != v)
            raise self._error(path, f"it records another setting ({other or 'with more in it than this one'})")
        return {run: self._read(run) for run in range(runs) if self._path(run, "json") in found}

    def write(self, run: int, history: pd.DataFrame, seconds: float | None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Record one run, and return it as ``load`` would."""
        final = _final(history, seconds)
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not (self.folder / "setting.json").exists():
                _write_json(self.folder / "setting.json", self._description())
            table = history.to_csv(index=False, lineterminator="\n", na_rep="nan")
            row = final.drop(columns=["model", "run"]).iloc[0].to_dict()
            content = {**self._identity(run), **row, "seconds": seconds, "versions": versions()}
            _write(self._path(run, "csv"), table)
            _write_json(self._path(run, "json"), content)  # last: from now on the run is recorded
        return history, final

    def _read(self, run: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        path = self._path(run, "json")
        content = self._read_json(path)
        if not self._identity(run).items() <= content.items():
            why = (
                f"it records something else than run {run} of this setting, or was written by another version of minidl"
            )
            raise self._error(path, why)
        history = self._read_history(self._path(run, "csv"))
        history["model"] = self.setting.name  # whatever the CSV reader takes a name like "007" for
        return history, _final(history, content["seconds"])

    def _read_history(self, path: Path) -> pd.DataFrame:
        if not path.exists():
            raise self._error(path, "it is missing")
        table = path.read_bytes()
        numbers = {"run": "int64", "epoch": "int64"}
        try:
            # exact in any pandas: its own reader of numbers rounds, in older versions
            columns = {"dtype": numbers, "converters": {"loss": float, "accuracy": float}}
            history = pd.read_csv(io.BytesIO(table), comment="#", **columns)
        except ValueError as cause:
            raise self._error(path, UNREADABLE) from cause
        splits = ["training", "validation"] * self.setting.epochs
        # without the end of the last line, its last number may have lost digits
        if list(history.columns) != COLUMNS or list(history["split"]) != splits or not table.endswith(b"\n"):
            raise self._error(path, UNREADABLE)
        return history

    def _read_json(self, path: Path) -> dict:
        try:
            content = json.loads(path.read_text(encoding="utf-8-sig"))
        except ValueError as cause:
            raise self._error(path, UNREADABLE) from cause
        if not isinstance(content, dict):
            raise self._error(path, UNREADABLE)
        return content

    def _identity(self, run: int) -> dict:
        """Return what tells a run from all others, so that a file copied here from elsewhere is noticed."""
        return {"format": FORMAT, "run": run, "trained": self.way, "setting": dataclasses.asdict(self.setting)}

    def _description(self) -> dict:
        arguments = ", ".join(f"{key}={value!r}" for key, value in dataclasses.asdict(self.setting).items())
        call = f"run_experiments(Setting({arguments}), runs=10, stacked={self.way == 'stacked'})"
        return {
            "setting": dataclasses.asdict(self.setting),
            "network": list(WIDTHS),
            "repeat": f"from minidl.lab.experiment import Setting, run_experiments; {call}",
            "versions": versions(),
        }

    def _path(self, run: int, ending: str) -> Path:
        return self.folder / f"run-{run:03d}.{ending}"

    def _error(self, path: Path, why: str) -> RecordError:
        return RecordError(
            f"{path} cannot be used: {why}. Delete the folder {self.folder} to train these runs again, or record elsewhere "
            "(--out FOLDER on the command line, OUT in mkplot.ipynb)."
        )


def versions() -> dict[str, str]:
    """Return what the numbers may depend on: the versions and the machine."""
    return {
        "minidl": minidl.__version__,
        "torch": torch.__version__,
        "pandas": pd.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _final(history: pd.DataFrame, seconds: float | None) -> pd.DataFrame:
    """Return the one row of a run in ``Result.runs``."""
    last = history[history["epoch"] == history["epoch"].max()].set_index("split")
    row = {
        "model": last["model"].iloc[0],
        "run": last["run"].iloc[0],
        "training_accuracy": last["accuracy"]["training"],
        "validation_accuracy": last["accuracy"]["validation"],
        "seconds": math.nan if seconds is None else seconds,
    }
    return pd.DataFrame([row])


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all, whoever else writes it at the same time."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write_json(path: Path, content: dict) -> None:
    _write(path, json.dumps(content, indent=2) + "\n")
