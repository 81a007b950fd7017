"""Exercises of 13_digits: the parameters of a larger network, and the count behind a confusion matrix."""

import torch
from torch import Tensor

from minidl import Linear
from minidl.lab.exercises.kinds import Function, Value


def _count() -> int:
    layers = Linear(784, 100), Linear(100, 10)
    return sum(param.numel() for layer in layers for param, _ in layer.parameters())


def _counted(label: Tensor, read: Tensor) -> Tensor:
    counts = torch.zeros(10, 10, dtype=torch.long)
    counts.index_put_((label, read), torch.ones_like(label), accumulate=True)
    return counts


def _digits() -> list[tuple[Tensor, Tensor]]:
    few = torch.tensor([3, 3, 3, 5]), torch.tensor([3, 5, 5, 0])
    one = torch.tensor([9]), torch.tensor([4])
    generator = torch.Generator().manual_seed(3)
    label = torch.randint(0, 10, (300,), generator=generator)
    read = torch.where(torch.rand(300, generator=generator) < 0.8, label, label.roll(1))
    return [few, one, (label, read), (label[:50] % 7, read[:50])]


def _confusion(*lines: str) -> str:
    return "def confusion(label, read):\n" + "\n".join(f"    {line}" for line in lines)


ZEROS = "counts = torch.zeros(10, 10, dtype=torch.long)"
EACH = "for i, j in zip(label, read):"

EXERCISES = [
    Value(
        id="13 MNIST parameters",
        name="mnist_parameters",
        asks="How many parameters a network with 28 x 28 inputs, 100 hidden units and 10 outputs has.",
        expected=_count,
        tolerance=1e-9,
        counts="parameters",
        hint="Two layers, 28 x 28 inputs; each unit has a weight for each of its inputs, and a bias.",
        given="import torch\nfrom minidl import Linear, ReLU, Sequential",
        solution="mnist_parameters = 784 * 100 + 100 + 100 * 10 + 10",
        right=(
            "mnist_parameters = (28 * 28 + 1) * 100 + (100 + 1) * 10",
            "pixels = 28**2\nmnist_parameters = pixels * 100 + 100 + 1000 + 10",
            "model = Sequential(Linear(784, 100), ReLU(), Linear(100, 10))\n"
            "mnist_parameters = sum(param.numel() for param, _ in model.parameters())",
            "mnist_parameters = torch.tensor(784.0 * 100 + 100 + 100 * 10 + 10)",
            "mnist_parameters = 78_500 + 1_010",
        ),
        slips={
            "mnist_parameters = 784 * 100 + 100 * 10": "the weights are all there. What else has a Linear layer?",
            "mnist_parameters = 784 * 100 + 100 + 100 * 10": "the second layer has biases too.",
            "mnist_parameters = 784 * 100 + 100 * 10 + 10": "the first layer has biases too.",
            "mnist_parameters = 784 * 100 + 100": "that is the first layer only.",
            "mnist_parameters = 784 * 100": "these are the weights of the first layer only.",
            "mnist_parameters = 100 * 10 + 10": "that is the second layer only.",
            "mnist_parameters = 784 * 100 + 100 + 100 * 100 + 100 + 100 * 10 + 10": (
                "that has a layer from 100 to 100 as well: two hidden layers, and one is asked for."
            ),
            "mnist_parameters = 784 * 10 + 10": "that is one layer from the pixels to the answers, without hidden units.",
            "mnist_parameters = 28 * 100 + 100 + 100 * 10 + 10": (
                "a picture of 28 x 28 pixels has more numbers than 28: each pixel is an input."
            ),
            "mnist_parameters = 64 * 100 + 100 + 100 * 10 + 10": (
                "64 pixels have the pictures of this notebook; MNIST's are larger."
            ),
            "mnist_parameters = 784 * 64 + 64 + 64 * 10 + 10": "64 hidden units has this notebook's network; here it is 100.",
            "mnist_parameters = 79510 + 784": "the inputs have no biases: a bias belongs to a unit of a layer.",
            "mnist_parameters = 28 * 28": "that is the number of inputs alone.",
            "mnist_parameters = 784 * 100 + 100 * 10 + 2": "a layer has a bias for each of its units, not one in all.",
            "mnist_parameters = 784 * 100 * 10": "weights of two layers are added, not multiplied; and the biases?",
            "mnist_parameters = 4810": "that is this notebook's network.",
            "mnist_parameters = 784 * 100 + 784 + 100 * 10 + 100": (
                "a bias belongs to an output of its layer, not to an input: how many outputs has each?"
            ),
            "mnist_parameters = 784 + 100 + 10": (
                "these are the numbers of inputs, hidden units and answers; between every pair of neighbours there is a weight."
            ),
        },
        wrong={
            "mnist_parameters = 90000": "is not it",
            "mnist_parameters = [78500, 1010]": "one number is asked for",
            "mnist_parameters = 'many'": "right kind",
            "mnist_parameters = None": "None",
            "mnist_parameters = 79509.5": "is no whole number, and parameters are counted",
        },
    ),
    Function(
        id="13 confusion",
        name="confusion",
        asks="A function of the right digits and the read ones that returns how often each digit was read as each.",
        points=2,
        reference=_counted,
        cases=_digits,
        remark=lambda function: (
            "" if isinstance(function(*_digits()[0]), Tensor) else "(It is no tensor; torch.tensor makes one.)"
        ),
        not_yours=("confusion_matrix", "crosstab", "ConfusionMatrixDisplay"),
        hint="The right digit gives the row. What comes twice counts twice; what never comes has a row too.",
        given=(
            "import torch\nlabel, read = torch.tensor([[3, 4], [5, 6]]), torch.tensor([[3, 4], [6, 5]])\n"
            "images = torch.rand(4, 64)"
        ),
        solution="def confusion(label, read):\n    return torch.bincount(10 * label + read, minlength=100).reshape(10, 10)",
        right=(
            _confusion(ZEROS, EACH, "    counts[i, j] += 1", "return counts"),
            _confusion(
                "return [[int(((label == i) & (read == j)).sum()) for j in range(10)] for i in range(10)]",
            ),
            _confusion(
                "rows = torch.nn.functional.one_hot(label, 10)",
                "columns = torch.nn.functional.one_hot(read, 10)",
                "return rows.T @ columns",
            ),
            _confusion("one = torch.eye(10)", "return one[label].T @ one[read]"),
            _confusion(
                ZEROS,
                "counts.index_put_((label, read), torch.ones(len(label), dtype=torch.long), accumulate=True)",
                "return counts",
            ),
            _confusion(
                "import numpy",
                "counts = numpy.zeros((10, 10))",
                "numpy.add.at(counts, (label.numpy(), read.numpy()), 1)",
                "return counts",
            ),
            _confusion(
                "from collections import Counter",
                "pairs = Counter(zip(label.tolist(), read.tolist()))",
                "return torch.tensor([[pairs[i, j] for j in range(10)] for i in range(10)])",
            ),
        ),
        slips={
            _confusion(ZEROS, "counts[label, read] += 1", "return counts"): (
                "what comes twice is counted once. (That is so in counts[label, read] += 1 too: where the index names a "
                "field twice, both times 1 is added to the same old value.)"
            ),
            _confusion(ZEROS, EACH, "    counts[j, i] += 1", "return counts"): (
                "rows and columns are exchanged: the right digit gives the row."
            ),
            _confusion("return torch.bincount(10 * label + read)"): (
                "these are the right counts in one long row, as long as the largest number; it should be a table of 10 x 10."
            ),
            _confusion("return torch.bincount(10 * label + read, minlength=100)"): (
                "these are the right counts in one long row; it should be a table of 10 x 10."
            ),
            _confusion(ZEROS, EACH, "    if i != j:", "        counts[i, j] += 1", "return counts"): (
                "what was read right is missing: it is counted too, on the diagonal."
            ),
            _confusion(ZEROS, EACH, "    if i == j:", "        counts[i, j] += 1", "return counts"): (
                "only what was read right is counted: the mistakes belong beside the diagonal."
            ),
            _confusion(ZEROS, EACH, "    counts[i, i] += 1", "return counts"): (
                "it counts how often each digit comes, whatever it was read as."
            ),
            _confusion(ZEROS, EACH, "    counts[i - 1, j - 1] += 1", "return counts"): (
                "everything is one row and one column off: the digits begin with 0, and so do Python's indices."
            ),
            _confusion(ZEROS, EACH, "    counts[i, j] += 1", "return counts / len(label)"): (
                "these are shares; it should be how often."
            ),
            _confusion(
                ZEROS, EACH, "    counts[i, j] += 1", "return counts / counts.sum(1, keepdim=True).clamp(min=1)"
            ): "these are the shares of each row; it should be how often.",
            _confusion(ZEROS, EACH, "    counts[i, j] += 1", "return counts / counts.sum(1, keepdim=True)"): (
                "these are the shares of each row, and nan where a row is empty; it should be how often."
            ),
            _confusion(ZEROS, EACH, "    counts[i, j] += 1", "return counts / counts.sum(0, keepdim=True)"): (
                "these are the shares of each column, and nan where a column is empty; it should be how often."
            ),
            _confusion(
                "return torch.tensor([[int(((label == i) | (read == j)).sum()) for j in range(10)] for i in range(10)])"
            ): "it counts where one of the two fits, the right digit or the read one; both have to.",
            _confusion(
                "return torch.outer(torch.bincount(label, minlength=10), torch.bincount(read, minlength=10))"
            ): "label and read are counted each by itself; a pair belongs together.",
            _confusion(ZEROS.replace("10, 10", "11, 11"), EACH, "    counts[i, j] += 1", "return counts[1:, 1:]"): (
                "the table begins with the digit 1: the first row and column are those of 0."
            ),
            _confusion("return torch.bincount(9 * label + read, minlength=100).reshape(10, 10)"): (
                "a row has ten places, and here the next one begins after nine."
            ),
            _confusion("return torch.bincount(label + read, minlength=100).reshape(10, 10)"): (
                "the two digits are added up, and different pairs have the same sum."
            ),
            _confusion(ZEROS, EACH, "    counts[i, j] = i == j", "return counts"): (
                "it notes that a digit was read right, and not how often; and the mistakes are missing."
            ),
            _confusion("return (label == read).sum()"): "that is how many were read right, in all.",
            _confusion(
                "return (label == read).double().mean()"
            ): "that is the accuracy: one number for the whole table.",
            _confusion(
                "n = int(label.max()) + 1",
                "counts = torch.zeros(n, n, dtype=torch.long)",
                EACH,
                "    if j < n:",
                "        counts[i, j] += 1",
                "return counts",
            ): "the table is only as large as the largest digit that comes; it always has ten rows and ten columns.",
            _confusion(ZEROS, EACH, "    counts[i, j] += 1", "    return counts"): (
                "only the first pair is counted: the return stands inside the loop."
            ),
        },
        wrong={
            _confusion(ZEROS, EACH, "    counts[i, j] = 1", "return counts"): "what comes twice is counted once",
            _confusion(ZEROS, EACH, "    counts[i, j] += 1"): "returns None",
            _confusion("from sklearn.metrics import confusion_matrix", "return confusion_matrix(label, read)"): (
                "a ready-made confusion_matrix"
            ),
            "from sklearn.metrics import confusion_matrix as cm\n"
            + _confusion("return torch.tensor(cm(label, read, labels=range(10)))"): "a ready-made confusion_matrix",
            _confusion(
                ZEROS.replace("10, 10", "9, 9"), EACH, "    counts[i, j] += 1", "return counts"
            ): "its shape is (9, 9)",
            _confusion(ZEROS, EACH, "    counts[i][j] += 2", "return counts"): "2 times what it should be",
            _confusion(ZEROS, "for i in label:", "    counts[i, read] += 1", "return counts"): "numbers are right",
            _confusion(ZEROS, EACH, "    count[i, j] += 1", "return counts"): "do you mean counts?",
            _confusion("label += 0 * read", "label.mul_(0)", "return torch.zeros(10, 10)"): "numbers are right",
            _confusion(
                ZEROS, EACH, "    counts[i, j] += 1", "label.zero_()", "return counts"
            ): "changes its argument 1",
            "confusion = 3": "it should be a function",
            _confusion("return torch.zeros(10, 10)"): "numbers are right",
        },
    ),
]
