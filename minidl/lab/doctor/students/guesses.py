"""What is guessed for a constructor's arguments where nothing but their names tells what they are."""

from __future__ import annotations

import inspect
import re
import sys
from typing import Any

import torch

from minidl.lab.doctor.students.project import Project

SAMPLES, FEATURES, HIDDEN, OUTPUTS, SIDE = 4, 3, 4, 2, 4
SHAPE, NUMBERS, IMAGES = "shape", "numbers", "images"
IN_NAME, OUT_NAME = "^(n|num|nb|dim)?in|input|prev", "out|neuron|node|unit|hidden"
UNIT = "(s|shape|dims?|sizes?|features?|channels|units|nodes|neurons|nodos)?$"
# What is tried for a constructor's arguments, in this order, by their names in lower case without underscores
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    r"^(vocab|numembeddings|dictionary)(ulary)?(size|dim)?$": (5,),
    r"^(kernel|filter|window|pool(ing)?|k|f|field|fh|fw|kh|kw)(shape|size|height|width)?$": (2, (2, 2), 3),
    r"^(convolution|conv|kernel)shape$": ((FEATURES, 2, 2), (2, 2)),
    r"^strides?(shape)?$": (1, (1, 1)),
    r"^pad(ding)?$": (0, (0, 0), "valid"),
    r"^(dilation|groups|heads|numheads|nheads|epochs?|depth)$": (1,),
    r"^(batch|batchsize|minibatchsize|seqlen|sequencelength|timesteps|t)$": (SAMPLES,),
    r"^(numfilters|nfilters|filters|numberoffilters|outchannels|cout)$": (OUTPUTS,),
    rf"^(n|num|nb|dim|d|fan|size|len|number|numberof|nof|input)?(in|input|previous|prev|entradas?|visible){UNIT}": (
        FEATURES,
        (FEATURES,),
    ),
    r"^(n|num|nb|normalized|embed(ding)?)?(features?|dims?|size|shape|m|d|width|classes|inputs)$": (
        FEATURES,
        (FEATURES,),
    ),
    rf"^(n|num|nb|dim|d|fan|size|len|number|numberof|nof)?(out|output|outputs|hidden|next|salidas?){UNIT}": (
        OUTPUTS,
        (OUTPUTS,),
    ),
    r"^(n|num|number|numberof|nof)?(units|neurons|nodes|neuronas|outunits)$": (OUTPUTS,),
    r"^(lr|learningrate|learnrate|eta|stepsize|alpha|rate|optzrate)$": (0.1,),
    r"^(slope|negativeslope|leak|leaky|factor|scalefactor|a)$": (0.1, 2),
    r"^(momentum|mu|beta|beta1|b1|rho|decayrate|gamma|momentumcoeff|decay)$": (0.9,),
    r"^(beta2|b2)$": (0.999,),
    r"^(weightdecay|l2|l1|lambd?a?|reg(ularization)?|l2lambda|l2reg|wd)$": (0.1,),
    r"^(p|dropout|prob|probability|pdrop|keepprob|dropoutrate|droprate|dropoutratio|drop(prob(ability)?)?|ratio)$": (
        0.3,
    ),
    r"^(eps|epsilon)$": (1e-5,),
    r"^(use)?bias$": (True,),
    r"^(betas)$": ((0.9, 0.999),),
    r"^(mode|type)$": ("max", "train"),
    r"^(name|activation|activationname|act|nonlinearity|acttype)$": ("relu", "ReLU"),
}
ARRAYS: dict[str, tuple[int, ...]] = {  # of a layer that is built from its parameters
    r"^(w|weights?|wx|kernel)$": (FEATURES, OUTPUTS),
    r"^(b|bias(es)?)$": (OUTPUTS,),
    r"^wh$": (OUTPUTS, OUTPUTS),
    r"^(gamma|scale)$|^(beta|shift)$": (FEATURES,),
}
GATES = {"lstm": 4, "gru": 3}  # side by side in one array
FUNCTIONS = r"^(f|fn|func|function|activation|activationf(n|unc(tion)?)?|act|g|phi)$"
DERIVATIVES = (
    r"prime|deriv|^(df|dfn|d_?f|dact|grad|gradient|dg)$|^d(activation|func(tion)?|phi|sigma|sigmoid|tanh|relu)"
)
LINEAR_NAME = re.compile("linear|dense|affine|connected|fc|densa", re.IGNORECASE)
BENT_NAME = re.compile("tanh|sigmoid|relu", re.IGNORECASE)
NETWORK_NAME = re.compile("sequential|net|model|mlp|perceptron|red", re.IGNORECASE)
IMAGES_NAME = re.compile("conv|pool|2d|image|upsampl|flatten", re.IGNORECASE)
MODEL_NAME = re.compile("^(model|net|network|nn|module|mlp)$")
PARAMS_NAME = re.compile("param|^weights$")
LOSS_ARGUMENT = re.compile("^(loss|criterion|lossf|lossfn|lossfunction|cost)")
OPTIMIZER_ARGUMENT = re.compile("^optimi[sz]")


def uses_numpy(project: Project) -> bool:
    """Whether a project calculates with arrays, and not with tensors."""
    mine = [vars(module) for module in project.modules.values()]
    has_torch = any(
        getattr(v, "__name__", "").split(".")[0] == "torch"
        for names in mine
        for v in names.values()
        if inspect.ismodule(v)
    )
    return "numpy" in sys.modules and not has_torch


def drawn(shape: tuple[int, ...], project: Project) -> Any:
    """Draw numbers, as arrays where a project calculates with such."""
    numbers = torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))
    return numbers.double().numpy() if uses_numpy(project) else numbers


def function(project: Project, *, derivative: bool) -> Any:
    """Return tanh, or its derivative."""
    if uses_numpy(project):
        tanh = sys.modules["numpy"].tanh
        return (lambda x: 1 - tanh(x) ** 2) if derivative else tanh
    return (lambda x: 1 - x.tanh() ** 2) if derivative else torch.tanh


def said(cls: type, arguments: list[Any], names: dict[str, Any]) -> str:
    """Return a call as one would write it."""

    def word(value: Any) -> str:
        if isinstance(value, (int, float, str)):
            return repr(value)
        if isinstance(value, (list, tuple)):
            inside = ", ".join(map(word, value[:4])) + "," * (len(value) == 1 and isinstance(value, tuple))
            return f"[{inside}]" if isinstance(value, list) else f"({inside})"
        shape = getattr(value, "shape", None)
        if isinstance(shape, tuple):
            return f"numbers of shape {tuple(shape)}"
        return getattr(value, "__name__", type(value).__name__)

    return f"{cls.__name__}({', '.join([*map(word, arguments), *(f'{k}={word(v)}' for k, v in names.items())])})"
