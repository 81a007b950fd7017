"""What Jupyter shows: a model as a table, and the sources of classes side by side."""

from __future__ import annotations

import html
import importlib
import keyword
import re
import sys
from functools import partial
from html.parser import HTMLParser
from types import SimpleNamespace

import IPython
import pytest
import torch
from IPython.core.formatters import DisplayFormatter

import minidl.lab
from minidl import Linear, Module, ReLU, Sequential, Sigmoid, Tanh
from minidl.lab.show import model_table, register, side_by_side

Linear64 = partial(Linear, dtype=torch.float64)


class Table(HTMLParser):
    """The rows of an HTML table, each a list of cells; fails for a tag that is not closed in its order."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        assert self.open[-1] in ("td", "th"), data
        self.rows[-1][-1] += data


def rows_of(model):
    """Return the rows of a model's table, those for its layers and the total, after a look at its head."""
    head, *rows = Table(model_table(model)).rows
    assert head == ["layer", "output shape", "parameters"]
    return rows


@pytest.fixture
def nested():
    return Sequential(
        Sequential(Linear64(3, 5), Tanh()),
        Sequential(Sequential(Linear64(5, 2), Sigmoid()), Sequential()),
        Linear64(2, 6),
        ReLU(),
    )


class TestModelTable:
    def test_it_is_html(self):
        assert model_table(Sequential(Linear(2, 25), ReLU())) == (
            "<table><thead><tr><th>layer</th><th>output shape</th><th>parameters</th></tr></thead><tbody>"
            "<tr><td>Linear(in_features=2, out_features=25)</td><td>(n, 25)</td><td>75</td></tr>"
            "<tr><td>ReLU()</td><td>(n, 25)</td><td>0</td></tr>"
            "</tbody><tfoot><tr><th>total</th><th></th><th>75</th></tr></tfoot></table>"
        )

    def test_every_layer_has_its_shape_and_parameters(self):
        layers = [Linear(3, 25), ReLU(), Linear(25, 25), ReLU(), Linear(25, 2)]
        assert rows_of(Sequential(*layers)) == [
            ["Linear(in_features=3, out_features=25)", "(n, 25)", "100"],
            ["ReLU()", "(n, 25)", "0"],
            ["Linear(in_features=25, out_features=25)", "(n, 25)", "650"],
            ["ReLU()", "(n, 25)", "0"],
            ["Linear(in_features=25, out_features=2)", "(n, 2)", "52"],
            ["total", "", "802"],
        ]

    def test_thousands_are_set_apart(self):
        assert [number for *_, number in rows_of(Sequential(Linear(64, 100)))] == ["6,500", "6,500"]

    def test_layers_of_nested_models_stand_in_one_list(self, nested):
        *layers, total = rows_of(nested)
        assert [layer for layer, _, _ in layers] == [repr(layer) for layer in nested.layers()]
        assert total == ["total", "", str(sum(param.numel() for param, _ in nested.parameters()))]

    def test_models_without_parameters(self):
        assert rows_of(Sequential()) == [["total", "", "0"]]
        assert rows_of(Sequential(Tanh())) == [["Tanh()", "?", "0"], ["total", "", "0"]]

    def test_a_stack_shows_the_runs(self, nested):
        for module in nested.modules():
            for tensors in (module.params, module.grad):
                tensors.update({name: tensor.expand(4, 2, *tensor.shape).clone() for name, tensor in tensors.items()})
        rows = rows_of(nested)
        shapes = ["(4, 2, n, 5)"] * 2 + ["(4, 2, n, 2)"] * 2 + ["(4, 2, n, 6)"] * 2 + [""]
        assert [shape for _, shape, _ in rows] == shapes
        assert rows[-1][-1] == str(8 * (20 + 12 + 18))

    def test_it_starts_at_the_first_layer_that_knows_its_input(self):
        assert [shape for _, shape, _ in rows_of(Sequential(Tanh(), Linear64(3, 2)))] == ["?", "(n, 2)", ""]

    def test_what_a_student_writes_is_escaped(self):
        class Odd(Tanh):
            def extra_repr(self):
                return "<b>&"

        assert [layer for layer, _, _ in rows_of(Sequential(Odd()))] == ["Odd(<b>&)", "total"]

    def test_showing_a_model_changes_nothing(self, nested, randn, unchanged):
        for x in (randn(5, 3), randn(5, 3).requires_grad_()):
            output = nested(x)
            with unchanged(nested):
                model_table(nested)
            nested.backward(torch.ones_like(output))


class Broken(Module):
    """A student's layer, in one of the states that it may be in while it is being written."""

    def __init__(self, state):
        super().__init__()
        if state != "no parameters":
            self.params["weight"] = torch.zeros(5)
        self.state = state

    def forward(self, input):
        if self.state == "returns None":
            return None
        if self.state == "returns a number":
            return 0.0
        if self.state == "returns one sample":
            return input[0]
        raise NotImplementedError


@pytest.mark.parametrize(
    "state", ["no parameters", "no grad yet", "returns None", "returns a number", "returns one sample"]
)
@pytest.mark.parametrize("first", [True, False])
def test_a_model_with_a_broken_layer_is_shown(state, first):
    linear, broken = Linear64(3, 4), Broken(state)
    model = Sequential(broken, linear, Tanh()) if first else Sequential(linear, Tanh(), broken, Linear64(4, 2))
    count = sum(param.numel() for param in broken.params.values())
    rows = {layer: (shape, number) for layer, shape, number in rows_of(model)}
    assert rows["Broken()"] == ("?", str(count))
    assert rows["Tanh()"] == ("(n, 4)", "0")
    assert rows[repr(linear)] == ("(n, 4)", "16")
    assert rows["total"] == ("", str(16 + count + (0 if first else 10)))


class TestRegister:
    def test_jupyter_shows_the_table(self, monkeypatch):
        shell = SimpleNamespace(display_formatter=DisplayFormatter())
        monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
        register()

        class Mine(Sequential):
            pass

        for model in (Sequential(Linear(2, 3)), Mine(Linear(2, 3))):
            shown, _ = shell.display_formatter.format(model)
            assert shown == {"text/plain": repr(model), "text/html": model_table(model)}
        assert "text/html" not in shell.display_formatter.format(Tanh())[0]

    def test_importing_the_lab_is_enough(self, monkeypatch):
        shell = SimpleNamespace(display_formatter=DisplayFormatter())
        monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
        importlib.reload(minidl.lab)
        assert shell.display_formatter.formatters["text/html"].lookup_by_type(Sequential) is model_table

    def test_outside_of_jupyter_nothing_happens(self, monkeypatch):
        register()  # IPython is imported here, but does not run
        monkeypatch.delitem(sys.modules, "IPython")
        register()
        assert "IPython" not in sys.modules


class Mine:
    def forward(self, input):
        return input < 1

    def backward(self, grad_output):
        """Say nothing."""
        return grad_output


class TestSideBySide:
    def test_sources_stand_side_by_side_without_docstrings(self):
        shown = side_by_side(Mine, minidl.Tanh)
        text, columns = repr(shown), shown._repr_html_()
        assert text.startswith("# Mine\ndef forward(self, input):")
        assert "# minidl.Tanh\n" in text
        assert "def backward(self, grad_output: Tensor) -> Tensor:\n    output, grad_output = " in text
        assert '"""' not in text
        assert columns.count("<pre") == 2
        assert "input &lt; " in columns

    def test_what_is_highlighted_is_the_source_still(self):
        columns = side_by_side(Mine, minidl.Linear)._repr_html_()
        for source in side_by_side(Mine, minidl.Linear).columns.values():
            shown = [
                html.unescape(re.sub("<[^>]*>", "", pre))
                for pre in re.findall(r"<pre[^>]*>(.*?)</pre>", columns, re.DOTALL)
            ]
            assert source in shown, "a line or its indentation got lost"
        keywords = re.findall(r"keyword-color[^>]*>(\w+)<", columns)
        assert {"def", "return"} <= {*keywords} <= {*keyword.kwlist}
        assert "grad_output" not in keywords

    def test_a_method_that_is_not_there_is_named(self):
        with pytest.raises(ValueError, match="expected Mine to define step, got none"):
            side_by_side(Mine, methods=("step",))
