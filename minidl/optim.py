"""SGD: stochastic gradient descent."""

import math

import torch

from minidl.module import Module, check_number


class SGD:
    """Stochastic gradient descent, param <- param - lr * grad.

    Set the gradients to zero yourself, with ``model.zero_grad()``, before each backward pass.

    Parameters
    ----------
    model : Module
        Whose parameters to update, at any depth.
    lr : float
        The learning rate, a finite number above 0.

    Raises TypeError or ValueError for a model that is not a Module, has no parameters or has one twice, or another lr.
    """

    def __init__(self, model: Module, lr: float) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"SGD expected model to be a Module, got {type(model).__name__}")
        check_number("SGD", "lr", lr, "a finite number above 0", (int, float), lambda lr: 0 < lr < math.inf)
        grads = [id(grad) for _, grad in model.parameters()]
        if not grads:
            raise ValueError(f"SGD expected a model with parameters, got {model}")
        if len(set(grads)) < len(grads):  # or it would be updated twice
            raise ValueError(f"SGD expected every parameter once, got modules that share one in {model}")
        self.model, self.lr = model, lr
        self._modules = [module for module in model.modules() if module.params]  # found once, not in every step

    def step(self) -> None:
        """Update every parameter in place."""
        params = [param for module in self._modules for param in module.params.values()]
        grads = [module.grad[name] for module in self._modules for name in module.params]
        # param -= lr * grad for every pair, in one call: a loop over the pairs takes twice as long
        torch._foreach_sub_(params, grads, alpha=self.lr)

    def __repr__(self) -> str:
        return f"SGD(lr={self.lr})"
