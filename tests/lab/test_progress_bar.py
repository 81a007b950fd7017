"""Progress bars: widgets in a notebook, text at a terminal, and nothing where nobody looks."""

from __future__ import annotations

import os
import sys

import nbformat
import pytest
from nbclient import NotebookClient
from terminals import open_terminal, read_terminal

from minidl.lab.training import progress_bar

WIDGET = "application/vnd.jupyter.widget-view+json"
TRAIN = """
import torch
from minidl.lab.disk import disk
from minidl.lab.experiment import Setting, run_experiments
from minidl.lab.network import network
from minidl.lab.training import train
train(network(), disk(100), epochs=3)
run_experiments(Setting("short", epochs=3, training_points=60, validation_points=40), 2)
"""


class Terminal:
    """What is written, and whether it is to a terminal."""

    def __init__(self, is_terminal):
        self.is_terminal, self.text = is_terminal, ""

    def isatty(self):
        return self.is_terminal

    def write(self, text):
        self.text += text

    def flush(self):
        pass


@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize("show", [True, False])
def test_text_is_for_terminals(is_terminal, show, monkeypatch, capsys):
    terminal = Terminal(is_terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_bar(7, "epoch", show=show, desc="training") as bar:
        bar.update()
    assert all(word in terminal.text for word in ("training", "/7 ", "epoch")) == (is_terminal and show)
    assert bool(terminal.text) == (is_terminal and show)
    assert capsys.readouterr().out == ""


def test_a_training_writes_nothing_into_a_file(capfd):
    exec(TRAIN, {})
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_a_training_at_a_terminal_shows_its_bar(monkeypatch, capfd):
    screen, terminal = open_terminal()
    with open(terminal, "w", encoding="utf-8") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        exec(TRAIN, {})
        stderr.flush()
        shown = read_terminal(screen)
    os.close(screen)
    assert b"training" in shown
    assert b"0/3 " in shown
    assert b"0/6 " in shown
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_notebook_has_the_bar_of_notebooks_whatever_its_stderr_says():
    look = """
import sys
from tqdm.notebook import tqdm_notebook
from minidl.lab.training import progress_bar
for is_terminal in (True, False):
    sys.stderr.isatty = lambda: is_terminal
    with progress_bar(3, "epoch") as bar, progress_bar(3, "epoch", show=False) as silent:
        print(isinstance(bar, tqdm_notebook), bar.disable, silent.disable)
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (look, TRAIN)])
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    seen, trained = (cell.outputs for cell in notebook.cells)
    assert "".join(output.text for output in seen if output.get("name") == "stdout") == "True False True\n" * 2
    assert not [output for output in [*seen, *trained] if output.get("name") == "stderr"]
    bars = [output.data["text/plain"] for output in trained if WIDGET in output.get("data", {})]
    assert ["0/3" in bars[0], "0/6" in bars[1]] == [True, True]
