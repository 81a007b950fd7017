"""A training is stopped, as JupyterLab's stop button does it; what was done is kept, and it can be run again."""

import re
import time
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

ROOT = Path(__file__).parents[2]


class Kernel:
    """A real kernel to which cells are sent, and which can be interrupted as JupyterLab's stop button does."""

    def __init__(self) -> None:
        self.manager, self.client = start_new_kernel(kernel_name="python3")

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def send(self, source: str, stop_at: str = "") -> tuple[str, str]:
        """Run a cell; return what it printed, and the name of the error that it ended in, if any.

        With ``stop_at`` it is interrupted 0.3 s after it has printed that.
        """
        self.client.execute(source)
        printed, error = "", ""
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            content = message["content"]
            if message["msg_type"] == "stream":
                printed += content["text"]
                if stop_at and stop_at in printed:
                    time.sleep(0.3)
                    self.manager.interrupt_kernel()
                    stop_at = ""
            elif message["msg_type"] == "error":
                error = content["ename"]
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                self.client.get_shell_msg(timeout=60)
                return printed, error


@pytest.fixture(scope="module")
def kernel():
    kernel = Kernel()
    yield kernel
    kernel.close()


PREPARE = """
import torch
from minidl import SGD, Linear, MSELoss, ReLU, Sequential
from minidl.lab.disk import disk
from minidl.lab.training import train

model = Sequential(Linear(2, 25), ReLU(), Linear(25, 2))
data = X, T = disk(200)
"""
LATER = """
before = model[0].params["weight"].clone()
more = train(model, data, epochs=2, lr=1e-4)
assert not torch.equal(model[0].params["weight"], before)
print(more["epoch"].tolist(), more["loss"].map(lambda loss: 0 < loss < 1).all(), model(X).isfinite().all().item())
"""


def test_a_stopped_training_leaves_history_and_model(kernel):
    assert kernel.send(PREPARE) == ("", "")
    for _ in range(3):  # stopped at another moment each time
        printed, error = kernel.send(
            "history = train(model, data, epochs=10**6, callback=lambda epoch: epoch == 1 and print('on its way'))",
            stop_at="on its way",
        )
        assert error == ""
        done = int(re.search(r"Stopped after (\d+) of 1000000 epochs", printed)[1])
        assert done >= 1
        printed, error = kernel.send(
            "print(history['epoch'].tolist() == list(range(1, len(history) + 1)), len(history))"
        )
        assert (printed, error) == (f"True {done}\n", "")
        printed, error = kernel.send(LATER)
        assert error == ""
        assert printed.endswith("[1, 2] True True\n")


def test_a_stopped_loop_written_in_the_notebook_can_be_run_again(kernel):
    """The first training of the course is such a loop; it is stopped in the middle of a batch, and run again."""
    code = {
        cell["id"]: cell["source"]
        for cell in nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", 4)["cells"]
        if cell["cell_type"] == "code"
    }
    before = list(code)[: list(code).index("train")]
    for name in before:
        assert kernel.send(code[name])[1] == ""
    endless = (
        code["train"].replace("range(100)", "range(10**6)").replace("loss(model", "print('at work'); loss(model", 1)
    )
    assert endless.count("print('at work')") == endless.count("10**6") == 1
    assert kernel.send(endless, stop_at="at work")[1] == "KeyboardInterrupt"
    printed, error = kernel.send(code["train"])
    assert error == ""
    assert int(re.fullmatch(r"right before training: \d+%, after it: (\d+)%\n", printed)[1]) >= 90
