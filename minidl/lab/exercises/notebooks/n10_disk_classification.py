"""Exercises of 10_disk_classification: what the playground teaches, the steps of a training, and a small network."""

from minidl.lab.exercises.kinds import Network, Played, Value

GIVEN = """\
import itertools
import torch
from minidl import SGD, Linear, ReLU, Sequential, Sigmoid, Tanh
from minidl.lab.training import train


def build(hidden=(25, 25, 25), activation=ReLU, gain=2**0.5, generator=None):
    modules = []
    for n_in, n_out in itertools.pairwise((2, *hidden, 2)):
        modules += [Linear(n_in, n_out, gain=gain, generator=generator), activation()]
    return Sequential(*modules[:-1])


model = build()
"""


def _challenge(body: str) -> str:
    return "def challenge(generator=None):\n" + "\n".join(f"    {line}" for line in body.splitlines())


FREE = ("hidden", "activation", "gain", "reduction", "lr", "batch_size")

EXERCISES = [
    Played(
        id="10 quick",
        name="quick",
        asks="Settings with which the disk is learnt to 95 % within 29 epochs.",
        start={"points": 1000},
        epochs=29,
        free=FREE,
        least=0.95,
        hint="Look at the curves of these settings: do they still zigzag at epoch 29, or are they not there yet?",
        solution='quick = {"lr": 0.0003, "batch_size": 10}',
        right=(
            'quick = {"hidden": (40, 40, 40)}',
            'quick = {"hidden": [50, 50, 50], "lr": 0.001}',
            "quick = dict(batch_size=10, lr=3e-4)",
            'quick = {"hidden": (40, 40, 40), "batch_size": 50}',
        ),
        wrong={
            "quick = {}": "86.0% of the test points are right after 29 epochs, and 95% is the goal",
            'quick = {"lr": 0.01}': "and 95% is the goal",
            'quick = {"lr": 100.0}': "where the numbers are no longer finite",
            'quick = {"gain": 0.0}': "with gain = 0.0, 48.5% of the test points",
            'quick = {"lr": -1}': "the playground refuses lr = -1: it expects lr to be a finite number above 0",
            'quick = {"seed": 3}': "'seed' is part of the task",
            'quick = {"learning_rate": 0.1}': "no setting 'learning_rate'. There are 'hidden', 'activation'",
            "quick = 0.0003": "it should be a dictionary of settings",
            'quick = {"hidden": 25}': "One layer is written (25,), with a comma.",
            "from minidl.lab.playground import playground\nquick = playground(points=1000)": "write its settings down",
        },
    ),
    Played(
        id="10 broken",
        name="broken",
        asks="Three ways to break the training, each with another setting.",
        start={"points": 1000},
        epochs=29,
        free=FREE,
        several=3,
        most=0.6,
        hint="A number, or a layer, can be made far too small or far too large; a name can only be exchanged.",
        points=2,
        solution='broken = [{"lr": 0.05}, {"gain": 0.0}, {"activation": "Sigmoid"}]',
        right=(
            'broken = [{"lr": 1e-6}, {"gain": 5.0}, {"batch_size": 1000}]',
            'broken = [{"hidden": (1,)}, {"lr": 100}, {"gain": 0}]',
            'broken = ({"hidden": [1, 1]}, {"lr": 0.05}, {"batch_size": 1000})',
            'broken = [dict(activation="Sigmoid"), dict(gain=0.1), dict(hidden=[1])]',
        ),
        wrong={
            'broken = [{"lr": 0.05}, {"gain": 0.0}]': "3 ways are asked for, and here are 2",
            'broken = [{"lr": 0.05}, {"lr": 1e-6}, {"gain": 0.0}]': "2 of them change 'lr'",
            'broken = [{"lr": 0.05}, {"gain": 0.0, "lr": 100}, {"batch_size": 1000}]': "way 2 changes 2 settings",
            'broken = [{"lr": 0.05}, {"gain": 0.0}, {"activation": "Tanh"}]': "it still learns",
            'broken = [{"lr": 0.05}, {"gain": 0.0}, {"noise": 0.5}]': "'noise' is part of the task",
            'broken = {"lr": 0.05, "gain": 0.0, "batch_size": 1000}': "it should be a list of 3 dictionaries",
            'broken = [{"lr": 0.05}, {"gain": 0.0}, {}]': "way 3 changes 0 settings",
            'broken = [{"lr": 0}, {"gain": 0.0}, {"batch_size": 1000}]': "the playground refuses lr = 0",
        },
    ),
    Played(
        id="10 corners",
        name="corners",
        asks="A network with fewer than 40 parameters that learns the four corners to 95 % within 60 epochs.",
        start={"data": "corners"},
        epochs=60,
        free=(*FREE, "seed"),
        least=0.95,
        parameters=40,
        hint="How many units of one hidden layer do 39 parameters allow? Some starts are luckier: try another seed.",
        solution='corners = {"hidden": (5,), "lr": 0.003}',
        right=(
            'corners = {"hidden": (7,), "lr": 0.003}',
            'corners = {"hidden": [5], "lr": 3e-3}',
            "corners = dict(hidden=(5,), lr=0.003, batch_size=50)",
            'corners = {"lr": 0.003, "hidden": (5,), "activation": "ReLU"}',
        ),
        wrong={
            "corners = {}": "the network has 1427 parameters, 1388 too many",
            'corners = {"hidden": (8,)}': "the network has 42 parameters, 3 too many",
            'corners = {"hidden": (), "lr": 0.003}': "and 95% is the goal",
            'corners = {"hidden": (2,), "lr": 0.003}': "and 95% is the goal",
            'corners = {"data": "disk"}': "'data' is part of the task",
            'corners = {"hidden": (0,)}': "each hidden layer to be an integer of at least 1",
        },
    ),
    Value(
        id="10 steps",
        name="steps",
        asks="How many steps the optimiser takes for 5,000 points, batches of 64 and 10 epochs.",
        expected=lambda: 10 * len(range(0, 5000, 64)),
        tolerance=1e-6,
        counts="steps",
        hint="Count the batches of one epoch first. The last one is smaller, and a step all the same.",
        given="import math\nimport torch",
        solution="steps = 10 * (78 + 1)",
        right=(
            "steps = 790",
            "steps = 10 * math.ceil(5000 / 64)",
            "steps = sum(len(torch.zeros(5000).split(64)) for epoch in range(10))",
            "steps = torch.tensor(790)",
            "steps = -(-5000 // 64) * 10",
            "steps = 790.0",
        ),
        slips={
            "steps = 10 * 5000 / 64": (
                "that shares out all 50,000 at once, in batches of 64. But every epoch is shared out by itself, to its last "
                "point."
            ),
            "steps = 781": (
                "that is as if all epochs stood in one long row without its rest, or as if only the last one ended with a "
                "small batch. Every epoch does."
            ),
            "steps = 782": "so it would be with the points of all epochs in one long row. Each epoch is shared out by itself.",
            "steps = 780": "the points that remain in an epoch are a batch, too.",
            "steps = 79": "that is one epoch; there are ten.",
            "steps = 78": "that is one epoch; there are ten. And the points that remain are a batch, too.",
            "steps = 5000 * 10": "a step is taken for each batch, not for each point.",
            "steps = 5000 * 10 * 64": "a step is taken for each batch: the more points in a batch, the fewer steps.",
            "steps = 1000": "that is with batches of 50; here they are of 64.",
            "steps = 79 + 10": "steps of an epoch and epochs are multiplied.",
            "steps = 640": "how many steps an epoch has depends on how many points there are.",
            "steps = 5000 / 64": "that is one epoch; there are ten. And there are no parts of steps.",
            "steps = 10": "an epoch has many steps, one for each batch.",
        },
        wrong={
            "steps = 791": "791 is not it",
            "steps = 800": "800 is not it",
            "steps = 790.5": "790.5 is no whole number, and steps are counted",
            "steps = -790": "sign",
            "steps = [79] * 10": "one number is asked for",
            "steps = 'many'": "right kind",
            "steps = None": "None",
        },
    ),
    Network(
        id="10 challenge",
        name="challenge",
        asks="A network with fewer than 1,000 parameters whose mean test error is below 2 % after 200 epochs.",
        points=3,
        parameters=1000,
        error=0.02,
        epochs=200,
        hint="Look again at what depth, width, the activation and the first weights did in the experiments.",
        given=GIVEN,
        solution=_challenge("return build((14, 14, 14, 14), generator=generator)"),
        right=(
            _challenge("return build((16, 16, 16, 16), generator=generator)"),
            "def challenge(generator=None, width=14):\n    return build((width,) * 4, generator=generator)",
            _challenge("return build((14,) * 4, Tanh, 5 / 3, generator)"),
            _challenge(
                "modules, widths = [], [2, 14, 14, 14, 14, 2]\n"
                "for k in range(5):\n"
                "    modules.append(Linear(widths[k], widths[k + 1], gain=2**0.5, generator=generator))\n"
                "    if k < 4:\n        modules.append(ReLU())\n"
                "return Sequential(*modules)"
            ),
            "challenge = lambda generator=None: build(hidden=4 * (16,), generator=generator)",
        ),
        wrong={
            _challenge("return build((5,), generator=generator)"): "points more than the 2 % that it has to be below",
            _challenge(
                "return Sequential(Linear(2, 40, generator=generator), Linear(40, 2, generator=generator))"
            ): "nothing bends in it",
            _challenge(
                "sizes = [2, 20, 10, 2]\n"
                "return Sequential(*(Linear(*each, generator=generator) for each in itertools.pairwise(sizes)))"
            ): "draw one straight line",
            _challenge("return build((25, 25, 25), generator=generator)"): (
                "it has 1,427 parameters, 428 more than the 999 allowed"
            ),
            _challenge("return build((14, 14, 14, 14))"): (
                "the weights of its Linear layer number 1 are not drawn from the generator that it is given"
            ),
            _challenge("generator = torch.Generator().manual_seed(3)\nreturn build((14,) * 4, generator=generator)"): (
                "another one changes nothing in them"
            ),
            _challenge(
                "return Sequential(Linear(2, 30, generator=generator), ReLU(), Linear(30, 10), ReLU(), "
                "Linear(10, 2, generator=generator))"
            ): "Linear layer number 2 are not drawn from the generator",
            _challenge("drawn = torch.Generator()\ndrawn.seed()\nreturn build((14,) * 4, generator=drawn)"): (
                "They have to be drawn from it"
            ),
            _challenge("return build((14,) * 4, gain=0, generator=generator)"): "start at 0: nothing gets through",
            _challenge("return build((14,) * 4, generator)"): "write generator=generator.",
            _challenge("return Sequential(Linear(2, 25, generator), ReLU(), Linear(25, 2, generator))"): (
                "write generator=generator."
            ),
            _challenge("build((14,) * 4, generator=generator)"): "returns nothing: is a return missing?",
            _challenge("return (14, 14, 14, 14)"): "should return a Sequential, and returns (14, 14, 14, 14)",
            _challenge("return model"): "two calls return the same layers",
            _challenge("return Linear(2, 2, generator=generator)"): "should return a Sequential",
            _challenge(
                "return Sequential(Linear(2, 9, generator=generator), ReLU(), Linear(9, 1, generator=generator))"
            ): ("the output has the shape (7, 1), and should have (7, 2)"),
            _challenge(
                "return Sequential(Linear(3, 9, generator=generator), ReLU(), Linear(9, 2, generator=generator))"
            ): ("a point has 2 coordinates, and the first layer takes 3"),
            _challenge(
                "return Sequential(Linear(2, 9, generator=generator), ReLU(), Linear(8, 2, generator=generator))"
            ): ("forward of challenge's network raises ValueError"),
            _challenge("return Sequential(ReLU())"): "no parameters",
            _challenge("net = build((14,) * 4, generator=generator)\ntrain(net, (X, T), epochs=9)\nreturn net"): (
                "should return the network untrained"
            ),
            _challenge("return build((14,) * 4, gain=30, generator=generator)"): "its training explodes",
            _challenge(
                "return build((14,) * 4, activation=ReLU(), generator=generator)"
            ): "it comes without brackets where it is given",
            _challenge("return build((14,) * 4, generator=generatr)"): "do you mean generator?",
            "def challenge():\n    return build((14,) * 4)": "It is called with that name",
            "challenge = build((14,) * 4)": "it should be a function that returns a network",
            "challenge = (14, 14, 14, 14)": "it should be a function",
        },
    ),
]
