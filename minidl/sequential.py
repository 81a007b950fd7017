"""Sequential: modules one after the other."""

from collections.abc import Iterator

from torch import Tensor

from minidl.module import Module


class Sequential(Module):
    """A chain of modules: the output of each is the input of the next; gradients travel the chain backwards.

    ``model[0]`` is a module, ``model[:2]`` a Sequential that shares its modules; ``len(model)`` and iteration work as
    for a tuple. Sequentials may be nested. What is inside is fixed when it is built.

    To save what a model has learned, and to load it into one that is built in the same way:

        def parameters(model):
            return dict(enumerate(param for param, _ in model.parameters()))

        torch.save(parameters(model), "model.pt")
        for number, saved in torch.load("model.pt").items():
            parameters(another)[number].copy_(saved)

    Raises TypeError for something that is not a Module, and ValueError for a module that occurs twice: it keeps the
    tensors of one forward pass only, so a network needs two of them.
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__()
        for module in modules:
            if not isinstance(module, Module):
                raise TypeError(f"Sequential expected modules, got {type(module).__name__}")
        self._modules = modules
        self._inside = [inner for module in modules for inner in module.modules()]
        for module in self._inside:
            if self._inside.count(module) > 1:
                raise ValueError(f"Sequential expected every module once, got {module} twice: make two of them")

    def forward(self, input: Tensor) -> Tensor:
        """Return the output of the last module, of shape (..., n, m)."""
        kept = [module._kept for module in self._inside]
        try:
            for module in self._modules:
                input = module.forward(input)
        except BaseException:  # so that a backward never mixes the tensors of two forward passes
            for module, tensor in zip(self._inside, kept, strict=True):
                module._kept = tensor
            raise
        return input

    def backward(self, grad_output: Tensor) -> Tensor:
        """Return dL/d(input of the first module), given dL/d(output of the last)."""
        for module in reversed(self._modules):
            grad_output = module.backward(grad_output)
        return grad_output

    def children(self) -> Iterator[Module]:
        return iter(self._modules)

    def modules(self) -> list[Module]:
        return [self, *self._inside]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules)

    def __getitem__(self, index: int | slice) -> Module:
        return Sequential(*self._modules[index]) if isinstance(index, slice) else self._modules[index]

    def __repr__(self) -> str:
        lines = [f"({i}): {module}".replace("\n", "\n  ") for i, module in enumerate(self)]
        return "\n  ".join(["Sequential(", *lines]) + "\n)" if lines else "Sequential()"

    def layers(self) -> Iterator[Module]:
        """Yield the modules inside, looking into nested Sequentials."""
        for module in self._modules:
            yield from module.layers() if isinstance(module, Sequential) else (module,)
