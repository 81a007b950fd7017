"""What a diagnosis says, and how: in words, with numbers, as HTML and as a dictionary."""

from __future__ import annotations

import json
import re

import pytest
import specimens
import torch
from diagnosing import diagnose, finding, specimen_named

from minidl import Linear, MSELoss, Tanh
from minidl.lab.doctor import examine, examine_loss
from minidl.lab.doctor.card import shown


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
    decay = 0.1 * specimens.fill(3, 5)
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


def test_a_diagnosis_is_text_html_and_dictionary():
    diagnosis = diagnose(specimen_named("SquareTransposedAndMean"))
    assert (
        str(diagnosis).splitlines()[0]
        == "SquareTransposedAndMean, examined with 4 samples of 3 features: 2 mistakes found."
    )
    page = diagnosis._repr_html_()
    assert page.index("2 mistakes found") < page.index("transposed") < page.index("<table")
    assert page.count("<table") == page.count("</table>") == 2  # two heat maps side by side, once for both findings
    assert page.count("<th") == 2, "a table without a header says nothing to those who listen"
    told = json.loads(json.dumps(diagnosis.to_dict()))
    assert told["mistakes"] == diagnosis.mistakes
    assert told["well"] is False
    assert {"mistake", "where", "text", "evidence", "read"} <= set(told["findings"][0])
    assert json.loads(json.dumps(diagnose(specimen_named("minidl_relu")).to_dict()))["well"] is True


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
# A sentence agrees with its numbers, and blames what is wrong


@pytest.mark.parametrize(
    ("name", "said", "unsaid"),
    [
        ("LinearTwoOverN", "2/n times what it should be", "is twice"),
        ("AbsoluteTwoOverN", "2/n times what it should be", "twice"),
        ("SoftplusFourOverN", "4/n times what it should be", "no name"),
        ("PlainLinearSignAndMean", "-1/n times what it should be", "has the wrong sign"),
        ("NumpyTanhForgetsAndDivides", "On top of that, what backward returns has a factor of 1/n", "is divided by n"),
        ("LayerNormForgetsGammaOfOnes", "leaves out a parameter by which forward multiplies", "copy"),
        ("NumpyScaleOfOnes", "the derivative of this layer is missing", "earlier"),
        ("LogOfAProbability", "the logarithm of 0", "exponent"),
        ("NumpyLogOfASigmoid", "the logarithm of 0", "exponent"),
        ("NaiveTanhBackward", "the exponent is never positive", "logarithm"),
        ("GainMultipliesMatrices", "matrix product (@)", "reshape"),
        ("GainToScalar", "Every entry of the parameter", "output has a bias"),
        ("NumpyGammaToScalar", "Every entry of the parameter", "bias"),
        ("LeakyReLUIsReLU", "is zero", "0 times"),
        ("SoftplusFlattens", "What forward returns has the right numbers in the wrong shape", "gradient"),
        ("HalfDropoutForgetsScale", "0.5 times what it should be: forward drops", "square"),
        ("DropoutScalesTwice", "twice", "added twice"),
    ],
)
def test_a_sentence_agrees_with_its_numbers_and_blames_what_is_wrong(name, said, unsaid):
    text = " ".join(found.text for found in diagnose(specimen_named(name)).findings)
    assert said in text
    assert unsaid not in text


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("expected -2, got (-0.5, -1) and -.25", "expected −2, got (−0.5, −1) and −.25"),
        ("3-5 or 1e-4 of x[-1], view(-1) and clip(x, -1), a one-hot", None),
        ("as `y = -1 * x` says, -1", "as `y = -1 * x` says, −1"),
        ("-1 (line 3: return -1 * x)", "−1 (line 3: return -1 * x)"),
    ],
)
def test_minus_signs_are_minus_signs_and_code_stays_code(text, seen):
    assert shown(text) == (seen or text)
