"""Exercises of 09_initialisation: what layers do to the size of numbers, and the weights that keep it."""

import math

from minidl.lab.exercises.kinds import Function, Value

EXERCISES = [
    Value(
        id="09 mean square",
        name="mean_square",
        asks="The mean square after three Linear layers, from 50 to 50 features, weights with standard deviation 0.2, from 1.",
        expected=lambda: (50 * 0.2**2) ** 3,
        hint="Each layer multiplies the mean square by n_in times the variance.",
        given="import math\nimport torch",
        solution="mean_square = 8.0",
        right=(
            "mean_square = 8",
            "mean_square = 2**3",
            "mean_square = (50 * 0.2**2) ** 3",
            "mean_square = torch.tensor(8)",
            "size = 1.0\nfor layer in range(3):\n    size = size * 50 * 0.04\nmean_square = size",
            "mean_square = math.pow(50 * 0.2 * 0.2, 3)",
        ),
        slips={
            "mean_square = (50 * 0.2) ** 3": "0.2 is the standard deviation. The variance is its square.",
            "mean_square = 10": "0.2 is the standard deviation, not the variance; and there are three layers.",
            "mean_square = 30": (
                "0.2 is the standard deviation, not the variance; and factors of layers are multiplied, not added."
            ),
            "mean_square = 2": "that is one layer's; there are three.",
            "mean_square = 4": "that is two layers'; there are three.",
            "mean_square = 6": "the factors of the layers are multiplied, not added.",
            "mean_square = math.sqrt(8)": "that is the size, the root of the mean square.",
            "mean_square = 64": "that is the square of the mean square.",
            "mean_square = 512": "the factor of all three layers is taken to the third once more.",
            "mean_square = 1": "sizes stay with Xavier's standard deviation; here it is another.",
            "mean_square = 0.04**3": (
                "each number that comes out is a sum, and you count one product of it only: where are the 50?"
            ),
            "mean_square = 1.41": "that is one layer's size, rounded: the root of its mean square.",
            "mean_square = 2.83": "that is the size, rounded: the root of the mean square.",
            "mean_square = 0.04": "that is the variance of the weights; how does it change the mean square of what comes out?",
            "mean_square = 0.2": "that is the standard deviation of the weights.",
            "mean_square = 50": "that is the number of features alone.",
            "mean_square = 0.008": "0.2 is the standard deviation, and where are the 50 products of each sum?",
            "mean_square = 16": "that is four layers'; there are three.",
            "mean_square = math.sqrt(2)": "that is one layer's, and its size, the root of the mean square.",
            "mean_square = 50 * 0.04**3": "the sum over 50 products stands in every layer, not only in one.",
        },
        wrong={
            "mean_square = 8.1": "near, and not exact",
            "mean_square = 7": "7 is not it",
            "mean_square = -8": "sign",
            "mean_square = [2, 4, 8]": "one number is asked for",
            "mean_square = 'it grows'": "right kind",
            "mean_square = None": "None",
        },
    ),
    Function(
        id="09 he",
        name="he_std",
        asks="The standard deviation of a Linear layer's weights that keeps the size forward, behind a ReLU.",
        points=2,
        reference=lambda n_in: math.sqrt(2) / math.sqrt(n_in),
        cases=lambda: [(2,), (1,), (25,), (40,), (50,)],
        hint="ReLU leaves half: what has n_in times the variance to be? A standard deviation is a root.",
        given="import math\nimport torch\nn_out = 1000",
        solution="def he_std(n_in):\n    return math.sqrt(2 / n_in)",
        right=(
            "def he_std(n_in):\n    return (2 / n_in) ** 0.5",
            "def he_std(n_in):\n    variance = 2 / n_in\n    return torch.tensor(variance).sqrt()",
            "def he_std(n_in):\n    return torch.nn.init.calculate_gain('relu') / math.sqrt(n_in)",
            "import numpy\n\n\ndef he_std(features):\n    return numpy.sqrt(2) * features**-0.5",
            "def he_std(n_in):\n    if n_in < 1:\n        raise NotImplementedError\n    return math.sqrt(1 / (n_in / 2))",
            "he_std = lambda n_in: pow(n_in / 2, -1 / 2)",
        ),
        slips={
            "def he_std(n_in):\n    return math.sqrt(1 / n_in)": (
                "that keeps the size where nothing is taken away; the ReLU before takes its share."
            ),
            "def he_std(n_in):\n    return 2 / n_in": "that is the variance; the standard deviation is its root.",
            "def he_std(n_in):\n    return 1 / n_in": "that is a variance, and the share that the ReLU takes is not in it.",
            "def he_std(n_in):\n    return math.sqrt(2) / n_in": (
                "the root is taken of the 2 alone; it belongs to the whole variance."
            ),
            "def he_std(n_in):\n    return 2 / math.sqrt(n_in)": "the variance, its square, is twice what it should be.",
            "def he_std(n_in):\n    return math.sqrt(1 / (2 * n_in))": (
                "ReLU makes numbers smaller, and your weights make them smaller still: the factor stands on the wrong side."
            ),
            "def he_std(n_in):\n    return math.sqrt(n_in / 2)": (
                "the more products are added up, the smaller the weights have to be: yours grow."
            ),
            "def he_std(n_in):\n    return math.sqrt(2 * n_in)": (
                "your weights grow with n_in, and a sum of more products needs smaller ones."
            ),
            "def he_std(n_in):\n    return math.sqrt(n_in)": (
                "your weights grow with n_in, and the share of the ReLU is not in them."
            ),
            "def he_std(n_in):\n    return math.sqrt(6 / n_in)": (
                "that is the edge of an even distribution. Its numbers lie between minus it and it, and their standard "
                "deviation is smaller."
            ),
            "def he_std(n_in):\n    return math.sqrt(3 / n_in)": (
                "that is the edge of an even distribution, and one that keeps the size without a ReLU. The standard deviation "
                "is asked for."
            ),
            "def he_std(n_in):\n    return (2 // n_in) ** 0.5": "// divides without what is behind the point: take /.",
            "def he_std(n_in):\n    return math.sqrt(2) ** 2 / n_in**2": "n_in is squared, and it stands under a root.",
            "def he_std(n_in):\n    return math.sqrt(2)": "that is the gain alone; it has to depend on n_in.",
            "def he_std(n_in):\n    return (2 / n_in) ** 2": "the variance is squared; the standard deviation is its root.",
        },
        wrong={
            "def he_std(n_in):\n    return math.sqrt(2 * 2 / n_in)": "twice what it should be",
            "def he_std(n_in):\n    return math.sqrt(2) * math.sqrt(2 / n_in)": "twice what it should be",
            "def he_std(n_in):\n    return math.sqrt(2 / (n_in + n_in))": "the ReLU before takes its share",
            "def he_std(n_in):\n    return math.sqrt(2) * math.log(n_in)": "for he_std(1), 0.0 is not it",
            "def he_std(n_in):\n    return 1.0": "1.0 is not it. It returns that for each of the 5 inputs that were tried.",
            "def he_std(n_in):\n    return 0.1414": "It returns that for each of the 5 inputs that were tried.",
            "def he_std(n_in):\n    return math.sqrt(2 // n_in)": "// divides without what is behind the point",
            "def he_std(n_in):\n    return math.sqrt(2 / (n_in + n_out))": "uses the notebook's `n_out`",
            "def he_std(n_in):\n    return math.sqrt(2 / (n_in + fan_out))": (
                "It is not among what is given here (n_in), and nothing here makes it."
            ),
            "def he_std(n_in):\n    math.sqrt(2 / n_in)": "returns None: is a return missing?",
            "def he_std(n_in):\n    return math.sqrt(2 / n)": "name 'n' is not defined",
            "def he_std(n_in):\n    return math.sqrt(2 / n_ni)": "do you mean n_in?",
            "def he_std(n_in):\n    return math.sqrt(2 / len(n_in))": "TypeError",
            "def he_std(n_in, n_out):\n    return math.sqrt(2 / (n_in + n_out))": "Nobody gives it that argument.",
            "def he_std():\n    return math.sqrt(2 / 25)": "takes 0 positional arguments",
            "def he_std(n_in):\n    return torch.randn(n_in, n_in) * (2 / n_in) ** 0.5": "one number is asked for",
            "def he_std(n_in):\n    return 'sqrt(2 / n)'": "right kind",
            "he_std = 0.1": "it should be a function",
        },
    ),
]
