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
