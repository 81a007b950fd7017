"""What people have instead of the contract: functions, guesses that nobody is blamed for, and what a teacher can say."""

from __future__ import annotations

import textwrap

import pytest
import torch

from minidl.lab.doctor import examine
from minidl.lab.doctor.students.building import CannotBuild
from minidl.lab.doctor.students.cases import NO_CASES, load_cases
from minidl.lab.doctor.students.examining import examine_thing, things
from minidl.lab.doctor.students.loading import classes
from minidl.lab.doctor.students.project import Project

LINEAR = """
    import numpy as np

    class Linear:
        def __init__(self, n_in, n_out):
            self.W, self.b = np.ones((n_in, n_out)), np.zeros(n_out)
        def forward(self, x):
            self.x = x
            return x @ self.W + self.b
        def backward(self, g):
            self.dW, self.db = self.x.T @ g, g.sum(0)
            return g @ self.W.T
        def parameters(self):
            return [(self.W, self.dW), (self.b, self.db)]
"""


@pytest.fixture
def project(tmp_path):
    """A function that makes a project of the files given, and loads them; its working folder is put back."""
    entered = []

    def made(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        found = Project(tmp_path)
        found.__enter__()
        entered.append(found)
        for name in files:
            found.load((tmp_path / f"{name}.py").relative_to(tmp_path))
        return found

    import os
    import sys

    here, argv = os.getcwd(), list(sys.argv)
    yield made
    for found in entered:
        found.__exit__(None, None, None)
    os.chdir(here)
    sys.argv[:] = argv


def the(project, name):
    """Return the class or the pair of functions of this name."""
    found = [cls for module in project.modules.values() for cls in classes(module)]
    named = {cls.__name__: cls for cls in found}
    named |= {n: pair for module in project.modules.values() for n, pair in things(module)}
    return named[name]


def diagnose(project, name, cases=None):
    return examine_thing(the(project, name), project, None, 5.0, cases=cases)


# ---------------------------------------------------------------------------------------------------------------------
# Functions


def affine_forward(x, w, b):
    return x @ w + b, (x, w, b)


def affine_backward(dout, cache):
    x, w, _ = cache
    return dout @ w.T, x.T @ dout / len(x), dout.sum(0)


def test_two_functions_are_examined_with_the_shapes_given_or_guessed():
    for more in [(), ((3, 5), (5,)), (torch.ones(3, 2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64))]:
        diagnosis = examine(affine_forward, affine_backward, (4, 3), *more)
        assert diagnosis.mistakes == ["factor 1/n"]
        assert diagnosis.subject.startswith("affine_forward/affine_backward")


@pytest.mark.parametrize("given", [(affine_forward, affine_backward), (torch.nn.Tanh(), (4, 3), (2, 3))])
def test_what_else_is_given_is_refused(given):
    with pytest.raises(TypeError, match="two functions"):
        examine(*given)


def test_pairs_of_functions_are_found_by_their_names(project):
    functions = project(
        functions="""
            import numpy as np
            def relu_forward(x): return np.maximum(x, 0), x
            def relu_backward(dout, cache): return dout * (cache > 0)
            def sigmoid(z): return 1 / (1 + np.exp(-z))
            def sigmoid_prime(z): return np.ones_like(z)
            def mse(y_true, y_pred): return np.mean((y_true - y_pred) ** 2)
            def mse_prime(y_true, y_pred): return 2 * (y_pred - y_true) / y_true.size
            def half_loss(x, y):
                loss, dx = np.sum((x - y) ** 2) / 2, y - x
                return loss, dx
            def helper(x): return x
        """
    )
    module = next(iter(functions.modules.values()))
    found = {name: diagnose(functions, name).mistakes for name, _ in things(module)}
    assert found == {
        "relu_forward/relu_backward": [],
        "sigmoid/sigmoid_prime": ["derivative forgotten"],
        "mse/mse_prime": [],
        "half_loss": ["sign"],
    }


# ---------------------------------------------------------------------------------------------------------------------
# Guesses


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("Riddle", "def __init__(self, a): assert a == 'secret'", "Riddle("),
        (
            "Narrow",
            "def __init__(self): pass\n    def forward(self, x): assert x.shape == (7, 11, 13, 2); return x",
            "(4, 3)",
        ),
        ("Unbuilt", "def forward(self, x): return x * self.size\n    size = None", "NoneType"),
    ],
)
def test_an_error_that_a_guess_may_have_caused_is_not_blamed(project, name, text, told):
    forward = "" if "def forward" in text else "\n    def forward(self, x): return x"
    code = f"class {name}:\n    {text}{forward}\n    def backward(self, g): return g\n"
    with pytest.raises(CannotBuild, match=told.replace("(", r"\(").replace(")", r"\)")):
        diagnose(project(layer=code), name)


@pytest.mark.parametrize(
    "text",
    [
        "def __init__(self): self.n = nn\n    def forward(self, x): return x",
        "def forward(self, x): return np.tanh(x)",
        "def forward(self, x):\n        self.x = x\n        return x[:, :2]",
    ],
)
def test_an_error_that_no_guess_can_have_caused_is_the_students(project, text):
    backward = "return g * y" if "tanh" not in text else "return g"
    code = f"class Layer:\n    {text}\n    def backward(self, g): {backward}\n"
    assert diagnose(project(layer=code), "Layer").mistakes == ["raises"]


def test_of_several_tries_the_one_that_shows_something_counts(project):
    """Another way to build this optimiser raises; this one moves nothing."""
    found = project(
        layers=LINEAR,
        optimiser="""
            class SGD:
                def __init__(self, params, lr=0.1):
                    self.params, self.lr = [(p, g) for p, g in params], lr
                def step(self):
                    for p, g in self.params:
                        p = p - self.lr * g
        """,
    )
    assert diagnose(found, "SGD").mistakes == ["parameters not updated"]


def test_an_optimiser_is_examined_with_the_projects_own_model_or_not_at_all(project):
    sgd = "class SGD:\n    def __init__(self, model): self.model = model\n    def step(self): self.model.w -= self.model.dw\n"
    with pytest.raises(CannotBuild, match="project's own"):
        diagnose(project(optimiser=sgd), "SGD")


def test_momentum_is_tried_although_it_is_off_by_default_and_the_rate_has_to_matter(project):
    found = project(
        layers=LINEAR,
        forgetful="""
            class SGD:
                def __init__(self, parameters, lr, momentum=0):
                    self.parameters, self.lr, self.momentum = parameters, lr, momentum
                    self.v = [0 for _ in parameters]
                def step(self):
                    for (p, g), v in zip(self.parameters, self.v):
                        v = self.momentum * v + g
                        p -= self.lr * v
        """,
        deaf="""
            class Descent:
                def __init__(self, lr=0.01):
                    self.lr = 0.01
                def update(self, param, grad):
                    param -= self.lr * grad
        """,
    )
    diagnosis = diagnose(found, "SGD")
    assert diagnosis.mistakes == ["momentum forgotten"]
    assert "momentum=0.9" in str(diagnosis)
    assert diagnose(found, "Descent").mistakes == ["learning rate unused"]


# ---------------------------------------------------------------------------------------------------------------------
# What a teacher says


ODD = """
    class OddLayer:
        def __init__(self, code):
            assert code == "open sesame"
        def forward(self, x):
            assert x.shape[-1] == 7
            return 2 * x
        def backward(self, g):
            return 3 * g

    class HalfLoss:
        def __init__(self, how):
            self.how = {"half": 2}[how]
        def forward(self, x, t):
            self.d = x - t
            return (self.d ** 2).sum() / self.how
        def backward(self):
            return self.d
"""
CASES = """
    allow = ["kink"]

    def odd_layer(module):
        return module.OddLayer("open sesame"), (4, 7)

    def half_loss(module):
        return module.HalfLoss("half"), (4, 1), (4, 1)
"""


def test_a_file_of_cases_says_how_things_are_built(project, tmp_path):
    odd = project(odd=ODD)
    (tmp_path / "cases.txt").write_text(textwrap.dedent(CASES))
    cases = load_cases(tmp_path / "cases.txt")
    assert cases.allowed == {"kink"}
    with pytest.raises(CannotBuild):
        diagnose(odd, "OddLayer")
    assert diagnose(odd, "OddLayer", cases).mistakes == ["factor c"]
    assert diagnose(odd, "HalfLoss", cases)
    assert diagnose(odd, "HalfLoss", cases).notes


def test_what_is_allowed_is_told_as_a_note(project):
    strict = project(
        layers="import minidl\n"
        + textwrap.dedent(LINEAR)
        + "    def zero_grad(self):\n        self.dW[:], self.db[:] = 0, 0\n"
    )
    assert diagnose(strict, "Linear").mistakes == ["overwritten"]
    diagnosis = diagnose(strict, "Linear", NO_CASES.allowing(["overwritten"]))
    assert diagnosis
    assert "allowed here" in str(diagnosis)
    with pytest.raises(ValueError, match="unchecked shapes"):
        NO_CASES.allowing(["everything"])


def test_what_all_of_a_project_does_is_a_convention(project):
    """Layers that take the mean, and a loss that leaves it to them."""
    found = project(
        layers=LINEAR.replace("self.x.T @ g, g.sum(0)", "self.x.T @ g / len(g), g.mean(0)"),
        loss="""
            class MSELoss:
                def forward(self, x, t):
                    self.d = x - t
                    return (self.d ** 2).sum() / len(x)
                def backward(self):
                    return 2 * self.d
        """,
    )
    assert diagnose(found, "Linear")
    assert diagnose(found, "MSELoss")
    assert "together that is right" in str(diagnose(found, "MSELoss"))
