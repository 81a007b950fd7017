"""The doctor, on a collection of modules with planted faults, and on right ones: see specimens/"""

from __future__ import annotations

import json
import random
import re
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
import numpy as np
import pytest
import specimens as mutants
import torch
from specimens import SPECIMENS

from minidl import Linear, MSELoss, ReLU, Sequential, Sigmoid, Tanh
from minidl.lab import _mistakes as known
from minidl.lab.doctor import Diagnosis, examine, examine_loss, examine_optimizer

USUAL = """transposed, reshaped, sign, factor n, factor 1/n, factor m, factor 1/m, factor n*m, factor 1/(n*m), factor 2,
factor 1/2, upstream forgotten, upstream as mask, derivative at output, derivative at upstream, derivative
forgotten, bias to scalar, wrong axis, wrong shape, parameter unused, no batch sum, last sample only,
overwritten, never zeroed, gradient replaced, stale cache, shared cache, writes input, writes upstream, writes
parameters, writes output, returns nothing, wrong dtype, wrong device, not finite, kink, not reproducible,
broadcast, first module not reached, last module not reached, nested parameters missing, nested not zeroed,
parameters not updated, uphill"""

WRONG = [s for s in SPECIMENS if s.mistakes]
RIGHT = [s for s in SPECIMENS if not s.mistakes]
TIME_LIMIT = 1.0  # of the two that hang
DIAGNOSES: dict[str, Diagnosis] = {}


def diagnose(specimen):
    """Examine a specimen, once."""
    if specimen.name not in DIAGNOSES:
        if specimen.kind == "layer":
            found = examine(specimen.build(), specimen.input, reference=specimen.reference, time_limit=TIME_LIMIT)
        elif specimen.kind == "loss":
            given = specimen.input, specimen.target
            found = examine_loss(specimen.build(), *given, reference=specimen.reference, time_limit=TIME_LIMIT)
        else:
            found = examine_optimizer(*specimen.build(), time_limit=TIME_LIMIT)
        DIAGNOSES[specimen.name] = found
    return DIAGNOSES[specimen.name]


def specimen_named(name):
    return next(s for s in SPECIMENS if s.name == name)


def finding(name):
    """Return the only finding on a specimen."""
    (only,) = diagnose(specimen_named(name)).findings
    return only


# ---------------------------------------------------------------------------------------------------------------------
# The collection


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


@pytest.mark.parametrize("specimen", WRONG, ids=lambda s: s.name)
def test_the_mistake_is_named(specimen):
    diagnosis = diagnose(specimen)
    assert not diagnosis
    assert set(diagnosis.mistakes) == specimen.mistakes


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
    modules = [mutants.minidl_network(), mutants.Residual(), mutants.Attention(), mutants.Log(), mutants.Dropout(0.3)]
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
    assert not examine(mutants.TwelveSamples(), (n, 3))


def test_a_wrong_side_and_a_setting_are_told():
    assert "so where x < 0; where x > 0, it is right" in finding("LeakyReLUShut").text
    assert "0.8 times" in finding("DropoutForgetsScale").text
    assert "1 - p with p = 0.2" in finding("DropoutForgetsScale").text


# ---------------------------------------------------------------------------------------------------------------------
# What it says


def test_the_finding_says_where_and_shows_the_factor():
    found = finding("MinidlLinearDividesWeight")
    assert found.where == "weight"
    assert found.evidence["factor"] == {"n = 4, m = 3": 0.25, "n = 7, m = 3": round(1 / 7, 6), "n = 1, m = 3": 1.0}
    assert torch.allclose(found.got, found.expected / 4)
    assert "the gradient of weight" in found.text.lower()


def test_the_finding_shows_shapes_where_they_differ():
    found = finding("NumpyLinearBiasNoBatchSum")
    assert (found.evidence["expected shape"], found.evidence["got shape"]) == ((1, 5), (4, 5))
    assert "expected (1, 5), got (4, 5)" in str(diagnose(specimen_named("NumpyLinearBiasNoBatchSum")))


def test_the_same_mistake_twice_is_one_finding():
    found = finding("PlainLinearDivides")
    assert [found.where, *found.also] == ["weight", "bias"]


def test_a_mistake_inside_a_container_is_found_in_its_place():
    found = finding("ChainWithDividingLinear")
    assert found.where == "layers[2]: weight"
    assert "layers[2] (PlainLinearDivides)" in found.text


def test_a_fault_without_a_name_is_reported_as_measured():
    found = finding("WeightDecayInside")
    decay = 0.1 * mutants.fill(3, 5)
    assert found.evidence["largest difference"] == pytest.approx(float(decay.abs().max()), rel=1e-4)
    assert "no name" in found.text


def test_a_loss_that_refuses_a_target_of_another_shape_is_right():
    assert examine_loss(MSELoss(), (4, 1), (4,))
    assert examine_loss(MSELoss("mean"), torch.randn(4, 1), torch.randn(4))


def test_what_is_raised_is_quoted_with_its_line():
    found = finding("RaisesInForward")
    assert "AttributeError" in found.text
    assert "return self.w @ x" in found.text
    assert found.where == "forward"


def test_every_sentence_can_be_read_and_is_tried_by_the_collection():
    planted = set().union(*(s.mistakes for s in SPECIMENS))
    mistakes = [*known.WRONG_VALUES, *known.MISBEHAVIOURS, *known.WRONG_STEPS]
    for name in [m.name for m in mistakes] + [
        f.name if f.name == "sign" else f"factor {f.name}" for f in known.FACTORS
    ]:
        assert name in planted, f"no specimen with the mistake {name!r}"
    for mistake in mistakes:
        assert mistake.says.endswith((".", "?", ")")), mistake.says
        assert 30 < len(mistake.says) < 330, mistake.says
    for diagnosis in map(diagnose, SPECIMENS):
        assert not re.search(r"[{}]", str(diagnosis).split("raises")[0])


def test_every_section_to_read_exists():
    folder = Path(__file__).parents[2] / "notebooks"
    for name, heading in {m.read for m in [*known.WRONG_VALUES, *known.MISBEHAVIOURS, *known.WRONG_STEPS]}:
        cells = nbformat.read(folder / name, 4)["cells"]
        headings = re.findall(
            r"^#+ (.*)$", "\n".join(c["source"] for c in cells if c["cell_type"] == "markdown"), re.MULTILINE
        )
        assert heading in headings, f"{name} has no section {heading!r}"


# ---------------------------------------------------------------------------------------------------------------------
# How it says it


def test_a_diagnosis_is_text_html_and_dictionary():
    diagnosis = diagnose(specimen_named("SquareTransposedAndMean"))
    assert (
        str(diagnosis).splitlines()[0]
        == "SquareTransposedAndMean, examined with 4 samples of 3 features: 2 mistakes found."
    )
    shown = diagnosis._repr_html_()
    assert shown.index("2 mistakes found") < shown.index("transposed") < shown.index("<table")
    assert shown.count("<table") == shown.count("</table>") == 2  # two heat maps side by side, once for both findings
    assert shown.count("<th") == 2, "a table without a header says nothing to those who listen"
    told = json.loads(json.dumps(diagnosis.to_dict()))
    assert told["mistakes"] == diagnosis.mistakes
    assert told["well"] is False
    assert {"mistake", "where", "text", "evidence", "read"} <= set(told["findings"][0])
    assert json.loads(json.dumps(diagnose(specimen_named("minidl_relu")).to_dict()))["well"] is True


@pytest.mark.parametrize("specimen", WRONG, ids=lambda s: s.name)
def test_every_diagnosis_can_be_shown(specimen):
    diagnosis = diagnose(specimen)
    json.dumps(diagnosis.to_dict(), allow_nan=False)
    shown = diagnosis._repr_html_()
    assert shown.count("<tr") == shown.count("</tr>")
    assert all(f.mistake in str(diagnosis) for f in diagnosis.findings)


def test_what_the_student_wrote_is_escaped():
    class Angry(Tanh):
        def backward(self, grad_output):
            raise ValueError("<script>")

    assert "<script>" not in examine(Angry(), (4, 3))._repr_html_()


def test_large_matrices_are_cut_and_numbers_stay_readable():
    class Twice(Linear):
        def backward(self, grad_output):
            return 2 * super().backward(grad_output)

    shown = examine(Twice(20, 30), (40, 20))._repr_html_()
    assert "…" in shown
    assert shown.count("<td") < 400
    for red, green, blue, ink in re.findall(r"rgb\((\d+),(\d+),(\d+)\); color: (#\w+)", shown):
        parts = [int(c) / 255 for c in (red, green, blue)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        contrast = (luminance + 0.05) / 0.05 if ink == "#000" else 1.05 / (luminance + 0.05)
        assert contrast >= 4.5


# ---------------------------------------------------------------------------------------------------------------------
# What it leaves alone


@pytest.mark.parametrize(
    "name", ["PlainLinearNoisy", "HangsInForward", "ReLUUninitialised", "minidl_network", "NumpyTanhNoisyBackward"]
)
def test_nothing_is_changed_for_everybody_else(name):
    specimen = specimen_named(name)
    module = specimen.build()
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002 - it is the global state that is looked at
    expected = torch.rand(2), random.random(), np.random.rand()  # noqa: NPY002
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    examine(module, specimen.input, time_limit=0.3)
    assert torch.equal(torch.rand(2), expected[0])
    assert (random.random(), np.random.rand()) == expected[1:]  # noqa: NPY002
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()
    assert not torch.are_deterministic_algorithms_enabled()


def test_the_module_itself_is_not_touched():
    layer = Linear(3, 2)
    layer.grad["weight"].fill_(7.0)
    before = {k: v.clone() for k, v in layer.params.items()}
    input = torch.randn(4, 3)
    kept = input.clone()
    assert examine(layer, input)
    assert all(torch.equal(layer.params[k], before[k]) for k in before)
    assert bool((layer.grad["weight"] == 7).all())
    assert layer._kept is None
    assert torch.equal(input, kept)


@pytest.mark.parametrize("enabled", [True, False])
def test_it_works_with_autograd_on_and_off(enabled):
    with torch.set_grad_enabled(enabled):
        assert examine(specimen_named("TorchParameters").build(), (4, 3))
        assert examine(specimen_named("PlainTanhTwice").build(), (4, 3)).mistakes == ["derivative at output"]
        assert torch.is_grad_enabled() == enabled


def test_a_module_that_has_been_used_is_examined_as_well():
    layer = Linear(3, 2)
    batch = torch.randn(6, 3)
    layer.backward(layer(batch))
    layer(batch)
    assert examine(layer, batch)
    assert layer._kept is not None


def test_what_a_module_prints_is_kept_from_the_screen(capsys):
    assert examine(specimen_named("Talkative").build(), (4, 3)).notes
    assert capsys.readouterr().out == ""


def test_a_module_that_sleeps_is_given_up_in_time():
    started = time.monotonic()
    diagnosis = examine(specimen_named("SleepsInBackward").build(), (4, 3), time_limit=0.2)
    assert diagnosis.mistakes == ["hangs"]
    assert time.monotonic() - started < 5
    assert diagnosis.findings[0].where == "backward"


def test_a_list_of_parameters_that_never_ends_is_given_up():
    class Endless(mutants.HandoutLinear):
        def param(self):
            while True:
                pass

    diagnosis = examine(Endless(), (4, 3), time_limit=0.2)
    assert diagnosis.mistakes == ["hangs"]
    assert diagnosis.findings[0].where == "param"


def test_what_belongs_to_the_class_is_not_touched():
    before = mutants.ClassTensors.w.clone()
    assert examine(mutants.ClassTensors(), (4, 3)).mistakes == ["shared parameters"]
    assert torch.equal(mutants.ClassTensors.w, before)
    assert not mutants.ClassTensors.w.requires_grad
    assert not mutants.ClassTensors.dw.any()


def test_what_has_no_copy_does_not_keep_the_rest_from_being_copied():
    class KeepsBoth(mutants.PairsSGD):
        def __init__(self, pairs, eta):
            self.given = pairs  # a generator, used up by the next line
            super().__init__(pairs, eta)

    model = Linear(3, 2)
    before = model.params["weight"].clone()
    assert examine_optimizer(KeepsBoth(model.parameters(), 0.1), model)
    assert torch.equal(model.params["weight"], before)


@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_settings_that_cannot_be_changed_can_be_tried(rate):
    @dataclass(frozen=True)
    class FrozenSGD:
        model: Linear
        lr: float

        def step(self):
            for p, g in self.model.parameters():
                p -= 0.1 * g

    model = Linear(3, 2)
    found = examine_optimizer(FrozenSGD(model, rate), model).mistakes
    assert found == ([] if rate == 0.1 else ["learning rate unused"])


# ---------------------------------------------------------------------------------------------------------------------
# What it is given


@pytest.mark.parametrize(
    ("call", "error", "word"),
    [
        (lambda: examine(Tanh, (4, 3)), TypeError, "build one first"),
        (lambda: examine(3, (4, 3)), TypeError, "forward"),
        (lambda: examine(Tanh(), "abc"), TypeError, "str"),
        (lambda: examine(Tanh(), torch.ones(3)), ValueError, r"\(n, m\), got \(3,\)"),
        (lambda: examine(Tanh(), (0, 3)), ValueError, "empty"),
        (lambda: examine(Tanh(), (4, 3), reference="no such function"), ValueError, "no such function"),
        (lambda: examine(Tanh(), (4, 3), reference=lambda x: x @ x), ValueError, "reference"),
        (lambda: examine_loss(MSELoss(), (4, 3), (5, 3)), ValueError, "each of 4 samples, got 5"),
        (lambda: examine_loss(MSELoss, (4, 3), (4, 3)), TypeError, "build one first"),
        (lambda: examine_optimizer(Tanh(), Linear(3, 2)), TypeError, "step"),
    ],
)
def test_what_cannot_be_examined_is_refused(call, error, word):
    with pytest.raises(error, match=word):
        call()


@pytest.mark.parametrize(
    "input",
    [
        (4, 3),
        [4, 3],
        torch.randn(4, 3),
        np.ones((4, 3)),
        [[1.0, 2.0], [3.0, -4.0]],
        torch.ones(4, 3, dtype=torch.int64),
    ],
)
def test_the_input_may_be_a_shape_a_tensor_an_array_or_lists(input):
    assert examine(Tanh(), input)
    assert examine(specimen_named("NumpyTanh").build(), input)


@pytest.mark.parametrize(
    "reference",
    ["softplus", torch.nn.functional.softplus, torch.nn.Softplus(), torch.nn.Softplus, lambda x: torch.log1p(x.exp())],
)
def test_the_reference_may_be_a_function_a_module_or_a_name(reference):
    assert examine(mutants.Softplus(), (4, 3), reference=reference)
    assert examine(mutants.ELU(), (4, 3), reference=reference).findings[0].where == "output"


@pytest.mark.parametrize("sizes", [(3, 5), (3, 3), (1, 4)])
def test_a_reference_with_parameters_gets_the_students_own(sizes):
    reference = torch.nn.Linear(*sizes)
    assert examine(Linear(*sizes), (4, sizes[0]), reference=reference)
    assert examine(mutants.HandoutLinear(*sizes), (4, sizes[0]), reference=reference)
    assert not examine(mutants.PlainLinearBiasUnused(*sizes), (4, sizes[0]), reference=reference)


def test_a_network_is_compared_with_its_twin():
    model = Sequential(Linear(3, 4), Tanh(), Linear(4, 2))
    twin = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    other = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Sigmoid(), torch.nn.Linear(4, 2))
    assert examine(model, (5, 3), reference=twin)
    assert examine(model, (5, 3), reference=other).findings[0].where == "output"


@pytest.mark.parametrize(
    "name", ["LeakyReLU", "HardTanh", "LogSigmoid", "ReLU6Layer", "SoftReLU", "PReLU", "LinearReLU", "BilinearThing"]
)
def test_a_name_that_only_resembles_a_known_one_promises_nothing(name):
    assert examine(type(name, (mutants.Square,), {})(), (4, 3))


@pytest.mark.parametrize("name", ["ReLU", "MyReLU", "StudentTanh", "sigmoid_layer", "RELU", "Tanh2"])
def test_a_known_name_is_a_promise(name):
    diagnosis = examine(type(name, (mutants.Square,), {})(), (4, 3))
    assert [f.where for f in diagnosis.findings] == ["output"]


def test_without_parameters_it_says_how_to_show_them():
    class Hidden:
        def __init__(self):
            self.matrix, self.collected = mutants.fill(3, 2), []

        def forward(self, input):
            self.input = input
            return input @ self.matrix

        def backward(self, grad_output):
            self.collected.append(self.input.T @ grad_output)
            return grad_output @ self.matrix.T

    (note,) = examine(Hidden(), (4, 3)).notes
    assert "params" in note
    assert "param()" in note
    assert "grad_weight" in note


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
        ({"(v_hat.sqrt() + self.eps)": "(v_hat + self.eps).sqrt()"}, "wrong formula", "root of v + eps"),
        ({"beta1, beta2 = self": "beta2, beta1 = self"}, "wrong formula", "exchanges"),
        ({STEP: STEP.replace("sub_", "add_")}, "uphill", "subtracts"),
    ],
)
def test_a_slip_in_adam_is_named(changes, mistake, word):
    model = Linear(3, 2)
    diagnosis = examine_optimizer(changed(ADAM, changes)(model, lr=0.05), model)
    assert diagnosis.mistakes == ([mistake] if mistake else [])
    assert word in str(diagnosis)


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
