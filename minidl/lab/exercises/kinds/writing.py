"""Code of answers, in short: classes with one line for each method."""

from __future__ import annotations


def layer(name: str, forward: str, backward: str, init: str = "", more: str = "") -> str:
    """Return the code of a layer; ``init`` is the head and body of its constructor, ``more`` other methods."""
    parts = (init, method("forward(self, input)", forward), method("backward(self, grad_output)", backward), more)
    return f"class {name}(Module):\n" + "\n".join(filter(None, parts))


def loss(name: str, forward: str, backward: str, init: str = "") -> str:
    """Return the code of a loss."""
    parts = (init, method("forward(self, input, target)", forward), method("backward(self)", backward))
    return f"class {name}:\n" + "\n".join(filter(None, parts))


def optimizer(name: str, init: str, step: str) -> str:
    """Return the code of an optimiser; ``init`` is the head and body of its constructor."""
    return f"class {name}:\n{init}\n" + method("step(self)", step)


def method(head: str, body: str) -> str:
    """Return the code of one method; the body's lines are separated by line breaks, and begin without indentation."""
    return f"    def {head}:\n" + "\n".join(f"        {line}" for line in body.splitlines())


def slope_misused(name: str, forward: str, slope: str) -> dict[str, str]:
    """Return what an activation's backward may do with the right slope, but for multiplying by it, and what to say to that."""
    said = {
        f"grad_output + {slope}": "the slope is added to what arrives; it should be multiplied.",
        f"{slope} / grad_output": "the slope is divided by what arrives; it should be multiplied.",
        f"grad_output / ({slope})": "what arrives is divided by the slope; it should be multiplied.",
        f"grad_output * (1 - {slope})": "the slope is taken away from 1: that is what is held back, not what is passed on.",
        f"grad_output - {slope}": "the slope is taken away from what arrives; it should be multiplied.",
        f"-grad_output * {slope}": "the sign is the wrong way round.",
        f"grad_output * ({slope}) ** 2": "backward multiplies by the slope twice.",
        f"grad_output * ({slope}).mean()": "the slopes are averaged; each entry has one of its own.",
        f"grad_output * ({slope}).mean(0)": "the slopes are averaged over the batch; each entry has one of its own.",
        f"grad_output * ({slope}).sum()": "the slopes are added up; each entry has one of its own.",
        f"grad_output.sum(0) * {slope}": "what arrives is added up over the batch; each entry has a message of its own.",
        f"grad_output.mean() * {slope}": "what arrives is averaged; each entry has a message of its own.",
        f"grad_output.abs() * {slope}": "the sign of what arrives is lost.",
        f"grad_output.sign() * {slope}": "of what arrives only the sign is left.",
    }
    return {layer(name, forward, f"return {code}"): f"in backward, {words}" for code, words in said.items()}
