"""The doctor, on a collection of modules with planted faults, and on right ones."""

from __future__ import annotations

import json
import re

import pytest
import specimens
import torch
from diagnosing import diagnose, finding

from minidl import Linear, ReLU, Sigmoid, Tanh
from minidl.lab.doctor import examine, examine_loss, examine_optimizer

pytestmark = pytest.mark.slow  # by their number
USUAL = """transposed, reshaped, sign, factor n, factor 1/n, factor m, factor 1/m, factor n*m, factor 1/(n*m), factor 2,
factor 1/2, upstream forgotten, upstream as mask, derivative at output, derivative at upstream, derivative
forgotten, bias to scalar, wrong axis, wrong shape, parameter unused, no batch sum, last sample only,
overwritten, never zeroed, gradient replaced, stale cache, shared cache, writes input, writes upstream, writes
parameters, writes output, returns nothing, wrong dtype, wrong device, not finite, kink, not reproducible,
broadcast, first module not reached, last module not reached, nested parameters missing, nested not zeroed,
parameters not updated, uphill"""

WRONG = [s for s in specimens.SPECIMENS if s.mistakes]
RIGHT = [s for s in specimens.SPECIMENS if not s.mistakes]


def test_the_collection_has_every_mistake_on_two_kinds_of_module():
    usual = USUAL.replace("\n", " ").split(", ")
    for mistake in usual:
        alone = [s.name for s in WRONG if s.mistakes == {mistake}]
        assert len(alone) >= 2, mistake
    assert sum(len(s.mistakes) > 1 for s in WRONG) >= 15


def test_every_fault_is_detected_and_nine_in_ten_are_named(capsys):
    detected = [s for s in WRONG if not diagnose(s)]
    named = [s for s in detected if set(diagnose(s).mistakes) == s.mistakes]
    alarmed = [s for s in RIGHT if not diagnose(s)]
    with capsys.disabled():
        print(
            f"\n{len(WRONG)} wrong modules: {len(detected)} detected, {len(named)} named rightly; "
            f"{len(RIGHT)} right ones: {len(alarmed)} false alarms"
        )
    assert len(detected) == len(WRONG)
    assert len(named) >= 0.9 * len(WRONG)
    assert not alarmed


def test_no_sentence_has_a_gap_that_was_not_filled():
    for diagnosis in map(diagnose, specimens.SPECIMENS):
        assert not re.search(r"[{}]", str(diagnosis).split("raises")[0])


@pytest.mark.parametrize("specimen", WRONG, ids=lambda s: s.name)
def test_the_mistake_is_named(specimen):
    diagnosis = diagnose(specimen)
    assert not diagnosis
    assert set(diagnosis.mistakes) == specimen.mistakes, f"where two mistakes fit, one has to be narrower: {diagnosis}"


@pytest.mark.parametrize("specimen", RIGHT, ids=lambda s: s.name)
def test_a_right_module_raises_no_alarm(specimen):
    diagnosis = diagnose(specimen)
    assert diagnosis
    assert diagnosis.findings == []
    assert ("prints" in str(diagnosis)) == ("prints" in specimen.notes)


@pytest.mark.parametrize(
    "module", [Linear(3, 2), Linear(3, 2, dtype=torch.float64), ReLU(), Tanh(), Sigmoid()], ids=repr
)
@pytest.mark.parametrize("n", [1, 2, 3, 33])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_minidl_itself_is_well_for_every_batch(module, n, dtype, generator):
    batch = torch.randn(n, 3, generator=generator, dtype=dtype)
    for input in (batch, batch.abs(), torch.zeros_like(batch), torch.ones_like(batch), 100 * batch):
        diagnosis = examine(module, input)
        assert diagnosis, diagnosis


@pytest.mark.parametrize("sizes", [(2, 2), (1, 1), (1, 4), (4, 1), (25, 25)])
def test_small_and_square_layers_are_no_riddle(sizes):
    class Divides(Linear):
        def backward(self, grad_output):
            return super().backward(grad_output / len(grad_output)) * len(grad_output)

    assert examine(Linear(*sizes), (2, sizes[0]))
    assert examine(Divides(*sizes), (2, sizes[0])).mistakes == ["factor 1/n"]


@pytest.mark.parametrize("n", [1, 2, 33])
@pytest.mark.parametrize("size", [0.0, 1e-3, 50.0])
def test_kinks_and_saturation_raise_no_alarm(n, size):
    """Whatever the input is, zeros or so large that every tanh is flat; and one draw of dropout may drop nothing."""
    modules = [
        specimens.minidl_network(),
        specimens.Residual(),
        specimens.Attention(),
        specimens.Log(),
        specimens.Dropout(0.3),
    ]
    for module in modules:
        batch = size * torch.randn(n, 3, generator=torch.Generator().manual_seed(n))
        assert examine(module, batch), examine(module, batch)


@pytest.mark.parametrize(
    ("scale", "back", "mistake"),
    [(3.0, 2.0, "factor c"), (3.0, 1.0, "derivative forgotten"), (10.0, 20.0, "factor 2"), (2.0, -2.0, "sign")],
)
def test_a_number_that_is_wrong_is_named_as_simply_as_possible(scale, back, mistake):
    class Scaled:
        def forward(self, x):
            return scale * x

        def backward(self, g):
            return back * g

    assert examine(Scaled(), (4, 3)).mistakes == [mistake]


@pytest.mark.parametrize("n", [1, 5, 33])
def test_a_module_for_one_size_of_batch_gets_a_diagnosis_for_any(n):
    assert not examine(specimens.TwelveSamples(), (n, 3))


def test_a_wrong_side_and_a_setting_are_told():
    assert "so where x < 0; where x > 0, it is right" in finding("LeakyReLUShut").text
    assert "0.8 times" in finding("DropoutForgetsScale").text
    assert "1 - p with p = 0.2" in finding("DropoutForgetsScale").text


@pytest.mark.parametrize("specimen", WRONG, ids=lambda s: s.name)
def test_every_diagnosis_can_be_shown(specimen):
    diagnosis = diagnose(specimen)
    json.dumps(diagnosis.to_dict(), allow_nan=False)
    shown = diagnosis._repr_html_()
    assert shown.count("<tr") == shown.count("</tr>")
    assert all(f.mistake in str(diagnosis) for f in diagnosis.findings)


# ---------------------------------------------------------------------------------------------------------------------
# What students write for Adam and for the cross-entropy

ADAM = """
class Adam:
    def __init__(self, model, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.model, self.lr, self.betas, self.eps, self.t = model, lr, betas, eps, 0
        self.averages = [(torch.zeros_like(p), torch.zeros_like(p)) for p, _ in model.parameters()]

    def step(self):
        self.t += 1
        beta1, beta2 = self.betas
        for (p, g), (m, v) in zip(self.model.parameters(), self.averages, strict=True):
            m.mul_(beta1).add_((1 - beta1) * g)
            v.mul_(beta2).add_((1 - beta2) * g**2)
            m_hat, v_hat = m / (1 - beta1**self.t), v / (1 - beta2**self.t)
            p.sub_(self.lr * m_hat / (v_hat.sqrt() + self.eps))
"""
M, V, HATS, STEP = (line.strip() for line in ADAM.splitlines()[-4:])


def changed(code, changes):
    """Return the class in a piece of code, some of its lines changed."""
    for old, new in changes.items():
        assert code.count(old) == 1
        code = code.replace(old, new)
    scope = {"torch": torch}
    exec(code, scope)
    return next(value for value in scope.values() if isinstance(value, type))


@pytest.mark.parametrize(
    ("changes", "mistake", "word"),
    [
        ({}, "", ""),
        ({" + self.eps": ""}, "", ""),
        ({M: M.replace("m.mul_(beta1).add_(", "m = beta1 * m + (")}, "momentum forgotten", "average m"),
        ({V: V.replace("v.mul_(beta2).add_(", "v = beta2 * v + (")}, "momentum forgotten", "average v"),
        ({M: M.replace("(1 - beta1) * ", "")}, "wrong formula", "1 - beta1"),
        ({V: V.replace("(1 - beta2) * ", "")}, "wrong formula", "1 - beta2"),
        ({M: M.replace("g)", "g**2)")}, "wrong formula", "square of the gradient in m"),
        ({V: V.replace("**2", "")}, "wrong formula", "gradient in v"),
        ({HATS: HATS.replace("m /", "m.div_").replace("v /", "v.div_")}, "wrong formula", "m and v back"),
        ({HATS: HATS.replace("v /", "v.div_")}, "wrong formula", "v back"),
        ({STEP: STEP.replace(".sqrt()", "")}, "wrong formula", "square root"),
        ({STEP: STEP.replace("m_hat", "g")}, "wrong formula", "gradient itself"),
        ({"(v_hat.sqrt() + self.eps)": "(v_hat + self.eps).sqrt()"}, "", "inside the root"),
        ({"beta1, beta2 = self": "beta2, beta1 = self"}, "wrong formula", "exchanges"),
        ({STEP: STEP.replace("sub_", "add_")}, "uphill", "subtracts"),
    ],
)
def test_a_slip_in_adam_is_named(changes, mistake, word):
    model = Linear(3, 2)
    diagnosis = examine_optimizer(changed(ADAM, changes)(model, lr=0.05), model)
    assert diagnosis.mistakes == ([mistake] if mistake else [])
    assert word in str(diagnosis)


def test_averages_that_are_forgotten_are_looked_up_where_adam_is_explained():
    model = Linear(3, 2)
    forgetful = changed(ADAM, {M: M.replace("m.mul_(beta1).add_(", "m = beta1 * m + (")})(model, lr=0.05)
    assert examine_optimizer(forgetful, model).findings[0].read[1].startswith("Adam")


ENTROPY = """
class Entropy:
    def forward(self, input, target):
        c = input.amax(1, keepdim=True)
        total = (input - c).exp().sum(1, keepdim=True)
        self.gradient = (input - c).exp() / total - target
        return (c + total.log()).sum() - (target * input).sum()

    def backward(self):
        return self.gradient
"""


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({}, ""),  # the shapes of its one-hot targets need not be looked at
        ({"(c + total.log())": "total.log()"}, "shift forgotten"),
        ({"(target * input).sum()": "(target * input).sum() / 2"}, "unnamed"),
        ({"(input - c).exp() / total - target": "target - (input - c).exp() / total"}, "sign"),
        ({"total - target": "total"}, "target forgotten"),
    ],
)
def test_a_slip_in_the_cross_entropy_is_named(changes, mistake):
    def reference(input, target):
        return torch.nn.functional.cross_entropy(input, target, reduction="sum")

    one_hot = torch.eye(3)[[2, 0, 1, 2]]
    diagnosis = examine_loss(changed(ENTROPY, changes)(), (4, 3), one_hot, reference=reference)
    assert diagnosis.mistakes == ([mistake] if mistake else [])


def test_a_squared_error_on_one_hot_targets_still_has_to_look_at_the_shapes():
    class Squared:
        def forward(self, input, target):
            self.error = input - target
            return (self.error**2).sum()

        def backward(self):
            return 2 * self.error

    assert examine_loss(Squared(), (4, 3), torch.eye(3)[[2, 0, 1, 2]]).mistakes == ["broadcast"]
