"""Networks that train themselves: `fit(x, y, epochs, lr)` is the only method that goes back through them.

What a short training does to the parameters shows their gradients: minus the step, divided by the learning rate. That is so
small that it does not matter whether the samples are taken together or one after the other.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

from minidl.lab.doctor.subject.inside import attributes
from minidl.lab.doctor.subject.names import RATES, plain
from minidl.lab.doctor.subject.roles import needed, parameters, role
from minidl.lab.doctor.subject.stubs import is_stub

LOOPS = ("fit", "train", "train_model", "train_network", "learn", "training", "train_step", "train_on_batch", "train_batch",
         "train_epoch", "fit_batch", "fit_model", "trainer", "sgd", "SGD", "gradient_descent", "run_training", "optimize",
         "batch_train", "entrenar", "update_mini_batch", "run_epoch", "train_nn", "step", "update", "run", "main_loop",
         "training_loop", "do_epoch")  # fmt: skip
OUTPUTS = ("forward", "predict", "feedforward", "feed_forward", "forward_pass", "forward_propagation", "forward_prop",
           "propagate", "fprop", "predict_proba", "output", "compute", "calculate", "evaluate", "activate", "run",
           "forward_propagate", "forward_step", "get_output", "infer", "inference", "call", "test", "query", "think",
           "_forward", "scores", "predicted", "model_forward", "forwardpass", "forwardprop", "__call__")  # fmt: skip
NETWORK = re.compile(
    r"net|model|mlp|perceptron|sequential|classifier|ann$|dnn|cnn|rnn|^nn|autoencoder|red", re.IGNORECASE
)
HELD = re.compile("model|net|network|nn|mlp")  # what a trainer is given
TELLING = re.compile("back(ward|prop).*|bprop|computegradients?|gradients?|add(layers?)?")  # methods of networks
X = re.compile(r"(x|xs|inputs?|data|features?|images?|samples?|patterns|examples)(train(ing)?|batch|data|set|s|list)?"
               r"|(train(ing)?|batch|input)(x|xs|inputs?|data|features?|images?|samples?|examples)")  # fmt: skip
PAIRS = re.compile("(training|train|mini)?_?(data|batch|dataset|set|examples|pairs)")
EPOCHS = re.compile(
    r"(n|num|number|max|nb|no)?(of)?(epochs?|iterations?|iters?|steps|epoches|epocs)|(n|max)iter(ations)?"
)
BATCH = re.compile("(mini)?(batch)?(size|batchsize)|batchsize|mb|bs|minibatch")
OTHER = re.compile("(x|y)?(val|valid|validation|test|dev)(x|y|data|set|inputs?|targets?|labels?)?")
TARGETS = re.compile(
    "(train(ing)?|batch)?(y|ys|t|d|labels?|targets?|outputs?|expected|desired|answers?|truth)(train(ing)?|batch|true|data|s|list)?"
)
RATE_NAMES = ("lr", "learningrate", "eta", "alpha", "learnrate", "rate", "stepsize", "lrate")
TINY = 1e-6  # the learning rate


def loops(cls: type) -> Iterator[tuple[str, str]]:
    """Yield the methods of a class that give its output, and those that train it."""
    own = {n for kind in cls.__mro__[:-1] for n, v in vars(kind).items() if callable(v) and not is_stub(v)}
    own -= {name for name in own if kind_of_object(cls, name)}
    holds = any(HELD.fullmatch(p.name.lower()) for p in parameters(cls))
    if not holds and not (NETWORK.search(cls.__name__) or any(TELLING.fullmatch(plain(name)) for name in own)):
        return
    outputs = [name for name in spelled(OUTPUTS, own) if _takes_data(getattr(cls, name))]
    trainings = [name for name in spelled(LOOPS, own) if _takes_both(getattr(cls, name))]
    if not outputs:
        held = [p.name for p in parameters(cls) if HELD.fullmatch(p.name.lower())]
        outputs = [f"{name}.{output}" for name in held[:1] for output in ("forward", "predict", "__call__")]
    for training in trainings:
        yield from ((output, training) for output in outputs[:3] if output != training)


def spelled(names: Iterable[str], own: set[str]) -> list[str]:
    """Return those of a class's methods that have one of these names, feed_forward written as feedForward too."""
    plainly = {plain(name): name for name in sorted(own) if not (name.startswith("__") and name != "__call__")}
    found = [name if name in own else plainly.get(plain(name)) for name in names]
    return list(dict.fromkeys(name for name in found if name))


def kind_of_object(cls: type, name: str) -> bool:
    """Whether a name of a class is a class in it."""
    return isinstance(inspect.getattr_static(cls, name, None), type)


def _takes_data(method: Any) -> bool:
    asked = needed(method, bound=False)
    return 0 < len(asked) < 3 and not any(TARGETS.fullmatch(plain(name)) and role(name) == "target" for name in asked)


def _takes_both(method: Any) -> bool:
    """Whether a method takes samples and targets, or pairs of these."""
    names = [p.name for p in parameters(method)[1:]]
    targets = [name for name in names if is_wanted(name)]
    return bool(targets) or (bool(names) and PAIRS.fullmatch(names[0].lower()) is not None)


def is_wanted(name: str) -> bool:
    """Whether an argument is the targets of a training."""
    short = plain(name)
    return not OTHER.fullmatch(short) and (TARGETS.fullmatch(short) is not None or role(name) == "target")


def train(network: Any, name: str, x: Any, t: Any, count: int, more: dict[str, Any]) -> Any:
    """Train a network for one epoch, as slowly as can be, and return what its method does.

    ``more`` is what may be asked for beside that: a loss, an optimiser.
    """
    try:
        return _trained(network, name, x, t, count, more, 1)
    except ZeroDivisionError:  # it reports every tenth of the epochs
        return _trained(network, name, x, t, count, more, 10)


def _trained(network: Any, name: str, x: Any, t: Any, count: int, more: dict[str, Any], epochs: int) -> Any:
    set_rate(network)
    method = getattr(network, name)
    names = [p.name for p in parameters(method)]
    paired = not any(map(is_wanted, names))
    given: list[Any] = []
    others: dict[str, Any] = {}
    for place, parameter in enumerate(parameters(method)):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        value = (
            epochs if EPOCHS.fullmatch(plain(parameter.name)) else _value(parameter, place, x, t, count, paired, more)
        )
        if parameter.kind is parameter.KEYWORD_ONLY:
            others[parameter.name] = value
        else:
            given.append(value)
    return method(*given, **others)


def _value(parameter: Any, place: int, x: Any, t: Any, count: int, paired: bool, more: dict[str, Any]) -> Any:
    short = plain(parameter.name)
    if BATCH.fullmatch(short):
        return count
    if role(parameter.name) == "rate" or short in map(plain, RATES) or re.search("learningrate|^lr", short):
        return TINY
    if OTHER.fullmatch(short) and parameter.default is parameter.empty:
        return t if "y" in short or "target" in short or "label" in short else x
    if short in more and (parameter.default is parameter.empty or parameter.default is None):
        return more[short]
    if place and is_wanted(parameter.name):
        return t
    if place == 0 or (X.fullmatch(short) and parameter.default is parameter.empty):
        return list(zip(x, t, strict=False)) if paired else x
    if re.match("^(l1|l2|lambd|reg|momentum|decay|weightdecay|lmbda|mu$|alpha$|beta$)", short):
        return 0.0
    if parameter.default is not parameter.empty:
        return parameter.default
    return None


def set_rate(network: Any) -> None:
    """Make the learning rate tiny that a network keeps, or its optimiser."""
    inside = [v for v in attributes(network).values() if hasattr(v, "__dict__") and not isinstance(v, type)]
    for holder in (network, *inside):
        for name, value in list(attributes(holder).items()):
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if plain(name) in RATE_NAMES and (is_number or (value is None and holder is network)):
                setattr(holder, name, TINY)
