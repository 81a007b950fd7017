"""Repeated runs of a named setting, recorded run by run.

Run r of a setting has its own data and its own initial weights, drawn from the setting's seed and r alone: it is the same run
whether it is trained alone, in a stack, first or last. Runs can be trained one after the other, which times each, or all in
one pass (``stacked=True``), which takes a fraction of the time.

A record is a folder of plain files::

    one_by_one/NAME/setting.json      the setting, and how to repeat it
                    run-000.csv       the history of run 0: model, run, epoch, split, loss, accuracy
                    run-000.json      its final accuracies, time, versions, and the checksum of the history
    stacked/NAME/...                  the same of runs trained in one pass

Every file is written whole or not at all, a run's JSON last: a run without one has not been recorded. An interrupted experiment
loses the run in progress (stacked: the pass in progress), and the same call goes on from there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import itertools
import json
import math
import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm.auto import tqdm

import minidl
from minidl.lab.disk import disk
from minidl.lab.stacked import stack
from minidl.lab.torch_twin import from_torch, to_torch, torch_stack
from minidl.lab.training import Trainer

WIDTHS = (2, 25, 25, 25, 2)
FRAMEWORKS = ("minidl", "PyTorch")
INITIAL_WEIGHTS = ("Xavier", "Xavier sqrt 2", "PyTorch default")
REDUCTIONS = ("sum", "batchmean", "mean")
FORMAT = 2  # of records; 1 drew the numbers of a float64 setting in float64


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is trained, and how.

    Attributes
    ----------
    name : str
        Names the folder of the record; letters, digits, "-" and "_".
    framework : {"minidl", "PyTorch"}
        Hand-written backward passes, or torch.nn with autograd and torch.optim.SGD.
    initial_weights : {"Xavier", "Xavier sqrt 2", "PyTorch default"}
        Xavier-normal with zero bias and gain 1 or sqrt(2) in every layer, or what torch.nn.Linear starts with. The two
        frameworks start from the same numbers.
    reduction : {"sum", "batchmean", "mean"}
        Of the squared errors of a batch; see ``minidl.MSELoss``.
    lr, epochs, batch_size, seed, training_points, validation_points
        Learning rate of SGD; passes through the training data; samples in a batch; where data, initial weights and the order
        of the samples are drawn from; points in each of the two sets.
    dtype : {"float32", "float64"}
    """

    name: str
    framework: str = "minidl"
    initial_weights: str = "Xavier"
    reduction: str = "sum"
    lr: float = 0.001
    epochs: int = 1000
    batch_size: int = 50
    seed: int = 0
    training_points: int = 1000
    validation_points: int = 1000
    dtype: str = "float32"

    def __post_init__(self) -> None:
        allowed = {
            "framework": FRAMEWORKS,
            "initial_weights": INITIAL_WEIGHTS,
            "reduction": REDUCTIONS,
            "dtype": ("float32", "float64"),
        }
        for field, values in allowed.items():
            if getattr(self, field) not in values:
                raise ValueError(f"Setting expected {field} to be one of {values}, got {getattr(self, field)!r}")
        if not isinstance(self.name, str) or not self.name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"Setting expected a name of letters, digits, '-' and '_', got {self.name!r}")
        if not isinstance(self.lr, (int, float)) or isinstance(self.lr, bool) or not 0 < self.lr < math.inf:
            raise ValueError(f"Setting expected lr to be a finite number above 0, got {self.lr!r}")
        for field in ("epochs", "batch_size", "training_points", "validation_points"):
            value = getattr(self, field)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"Setting expected {field} to be an integer of at least 1, got {value!r}")
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or self.seed < 0:
            raise ValueError(f"Setting expected seed to be an integer of at least 0, got {self.seed!r}")


class Result(NamedTuple):
    """What an experiment gives.

    ``history`` has the columns ``model, run, epoch, split, loss, accuracy``; ``runs`` has one row per run: ``model, run,
    training_accuracy, validation_accuracy, seconds`` (training alone; NaN for runs trained in one pass). The column
    ``model`` holds the setting's name.
    """

    history: pd.DataFrame
    runs: pd.DataFrame


class Start(NamedTuple):
    """Where a run starts: its data, its initial model, and the generator that will order its samples."""

    training: tuple[torch.Tensor, torch.Tensor]
    validation: tuple[torch.Tensor, torch.Tensor]
    model: minidl.Sequential
    generator: torch.Generator


class RecordError(ValueError):
    """A record on disk that cannot be used: says which file, and the way out."""


def start(setting: Setting, run: int) -> Start:
    """Return where run number ``run`` of a setting starts.

    All numbers are drawn in float32 and then cast: a float64 setting starts where its float32 twin does.
    """
    seeds = np.random.SeedSequence((setting.seed, run)).generate_state(3, np.uint64)
    data, weights, order = (torch.Generator().manual_seed(int(seed) >> 1) for seed in seeds)
    dtype = getattr(torch, setting.dtype)
    training, validation = (
        tuple(tensor.to(dtype) for tensor in disk(points, generator=data, dtype=torch.float32))
        for points in (setting.training_points, setting.validation_points)
    )
    drawn = to_torch(_initial_model(setting.initial_weights, weights))  # there and back: PyTorch's models can be cast
    return Start(training, validation, from_torch(drawn.to(dtype)), order)


def _initial_model(initial_weights: str, generator: torch.Generator) -> minidl.Sequential:
    sizes, dtype = itertools.pairwise(WIDTHS), torch.float32
    if initial_weights == "PyTorch default":
        with torch.random.fork_rng(devices=[]):  # torch.nn.Linear draws from the global generator alone
            torch.manual_seed(generator.initial_seed())
            linears = [from_torch(nn.Linear(*size, dtype=dtype)) for size in sizes]
    else:
        gain = math.sqrt(2) if initial_weights == "Xavier sqrt 2" else 1.0
        linears = [minidl.Linear(*size, gain=gain, generator=generator, dtype=dtype) for size in sizes]
    modules = [module for linear in linears for module in (linear, minidl.ReLU())]
    return minidl.Sequential(*modules[:-1])


def trainer(runs: Sequence[tuple[Setting, int]], *, stacked: bool) -> Trainer:
    """Return the training of these (setting, run)s, ready to go: of all in one stack, or of a single one.

    The settings of a stack may differ in name and initial weights alone.
    """
    starts = [start(setting, run) for setting, run in runs]
    setting = runs[0][0]
    models = [start.model for start in starts]
    data = [
        tuple(torch.stack(parts) for parts in zip(*split, strict=True)) for split in list(zip(*starts, strict=True))[:2]
    ]
    if setting.framework == "PyTorch":
        models = [to_torch(model) for model in models]
        model = torch_stack(models) if stacked else models[0]
    else:
        model = stack(models) if stacked else models[0]
    if not stacked:
        if len(starts) != 1:
            raise ValueError(f"trainer expected one run, or stacked=True, got {len(starts)} runs")
        data = [tuple(tensor[0] for tensor in split) for split in data]
    loss = minidl.MSELoss(setting.reduction) if setting.framework == "minidl" else _torch_loss(setting.reduction)
    generators = [start.generator for start in starts]
    return Trainer(model, *data, batch_size=setting.batch_size, lr=setting.lr, loss=loss, generator=generators)


def _torch_loss(reduction: str) -> nn.MSELoss:
    """Return torch.nn's squared error. Over a stack it adds up the runs: they share no parameter, so no gradients mix."""
    return nn.MSELoss(reduction="sum") if reduction == "sum" else _MeanLoss(reduction)


class _MeanLoss(nn.MSELoss):
    def __init__(self, reduction: str) -> None:
        super().__init__(reduction="sum")
        self.per = {"batchmean": slice(-2, -1), "mean": slice(-2, None)}[reduction]

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return super().forward(input, target) / math.prod(input.shape[self.per])


def run_experiments(
    settings: Sequence[Setting] | Setting,
    runs: int,
    *,
    stacked: bool = False,
    folder: str | Path | None = None,
    progress: bool = True,
) -> Result:
    """Train ``runs`` runs of every setting, or load what is recorded of them, and return all histories and final results.

    Parameters
    ----------
    settings : Setting or sequence of them
        With different names. One after the other their runs are interleaved (run 0 of each, then run 1 of each ...), so that
        noise on the machine hits all alike.
    runs : int
        Runs of each setting, at least 1.
    stacked : bool
        Train all runs of a setting in one pass, together with those of settings that differ from it in nothing but the
        initial weights. Histories are those of single runs up to rounding; times are not measured.
    folder : path, optional
        Where to record. What is there already is loaded instead of trained; see the module's text.
    progress : bool
        Show a progress bar, of epochs.

    Raises
    ------
    RecordError
        If a file in the folder is damaged, or belongs to another setting.
    FloatingPointError
        If a loss is no longer finite.
    """
    settings = [settings] if isinstance(settings, Setting) else list(settings)
    if not isinstance(runs, int) or isinstance(runs, bool) or runs < 1:
        raise ValueError(f"run_experiments expected runs to be an integer of at least 1, got {runs!r}")
    if not settings or len({setting.name for setting in settings}) < len(settings):
        raise ValueError(f"run_experiments expected settings of different names, got {[s.name for s in settings]}")
    records = {setting: Record(setting, stacked, folder) for setting in settings}
    done = {setting: record.load(runs) for setting, record in records.items()}
    groups: dict[object, list[tuple[Setting, int]]] = {}
    for run, setting in itertools.product(range(runs), settings):
        alike = dataclasses.replace(setting, name="any", initial_weights=INITIAL_WEIGHTS[0])
        groups.setdefault(alike if stacked else (setting, run), []).append((setting, run))
    # a stack is trained whole even where one run of it is missing: without the others it would be rounded otherwise
    passes = [group for group in groups.values() if any(run not in done[setting] for setting, run in group)]
    epochs = sum(members[0][0].epochs for members in passes)
    # in a notebook every update is a message: many thousands would overflow the queue of one who reads them late
    with tqdm(total=epochs, disable=not (progress and passes), leave=False, unit="epoch", mininterval=0.5) as bar:
        for members in passes:
            names = " and ".join(dict.fromkeys(setting.name for setting, _ in members))
            bar.set_description(f"{names}, {len(members)} runs" if stacked else f"{names}, run {members[0][1]}")
            # hand-written derivatives need no autograd: without its bookkeeping they take a tenth less time
            with torch.inference_mode(members[0][0].framework == "minidl"):
                training = trainer(members, stacked=stacked)
                for _ in range(members[0][0].epochs):
                    try:
                        training.run_epoch()
                    except FloatingPointError as error:
                        setting, run = members[(~training.losses()[0].isfinite()).nonzero()[0].item()]
                        raise FloatingPointError(f"setting {setting.name}, run {run}: {error}") from None
                    bar.update()
            history = training.history()
            for place, (setting, run) in enumerate(members):
                of_run = history[history["run"] == place].assign(model=setting.name, run=run).reset_index(drop=True)
                if run not in done[setting]:
                    done[setting][run] = records[setting].write(run, of_run, None if stacked else training.seconds)
    ordered = [done[setting][run] for setting in settings for run in range(runs)]
    return Result(*(pd.concat(tables, ignore_index=True) for tables in zip(*ordered, strict=True)))


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


class Record:
    """The record of one setting: a folder of plain files, or nothing at all where ``folder`` is None."""

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
        recorded, ours = _read_json(path, self._error).get("setting"), dataclasses.asdict(self.setting)
        if not isinstance(recorded, dict) or recorded != ours:
            recorded = recorded if isinstance(recorded, dict) else {}
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
            table = history.to_csv(index=False, lineterminator="\n", na_rep="nan").encode()
            row = final.drop(columns=["model", "run"]).iloc[0].to_dict()
            content = {**self._identity(run), **row, "seconds": seconds, "versions": versions()}
            content["history_sha256"] = hashlib.sha256(table).hexdigest()
            _write(self._path(run, "csv"), table)
            _write_json(self._path(run, "json"), content)  # last: from now on the run is recorded
        return history, final

    def _read(self, run: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        path = self._path(run, "json")
        content = _read_json(path, self._error)
        if not self._identity(run).items() <= content.items():
            why = (
                f"it records something else than run {run} of this setting, or was written by another version of minidl"
            )
            raise self._error(path, why)
        path = self._path(run, "csv")
        table = path.read_bytes() if path.exists() else b""
        if hashlib.sha256(table).hexdigest() != content["history_sha256"]:
            raise self._error(path, "it is missing, cut short or changed since it was written")
        history = pd.read_csv(io.BytesIO(table), converters={"loss": float, "accuracy": float})  # exact in any pandas
        history["model"] = self.setting.name  # whatever the CSV reader takes a name like "007" for
        return history, _final(history, content["seconds"])

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


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all. What a killed process leaves of it is overwritten the next time."""
    temporary = path.with_name(f".{path.name}.tmp")
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _write_json(path: Path, content: dict) -> None:
    """Write a JSON file with a checksum of its own in it."""
    _write(path, json.dumps({**content, "sha256": _checksum(content)}, indent=2).encode() + b"\n")


def _read_json(path: Path, error: Callable[[Path, str], RecordError]) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        checksum = content.pop("sha256")
    except (ValueError, KeyError, AttributeError, TypeError) as cause:
        raise error(path, "it is cut short, or not a file of ours") from cause
    if checksum != _checksum(content):
        raise error(path, "it was changed since it was written")
    return content


def _checksum(content: dict) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
