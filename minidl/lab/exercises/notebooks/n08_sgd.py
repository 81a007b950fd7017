"""Exercises of 08_sgd: a step, its optimiser, the limit of the learning rate, and weight decay."""

import torch
from torch import Tensor

from minidl import SGD
from minidl.lab.exercises.kinds import Function, Optimizer, Value
from minidl.lab.exercises.kinds.writing import method, optimizer

INIT = method("__init__(self, model, lr)", "self.model, self.lr = model, lr")
INIT_CLASS = f"class MySGD:\n{INIT}"
LOOP = "for param, grad in self.model.parameters():\n    "


def _sgd(step: str, init: str = INIT) -> str:
    return optimizer("MySGD", init, step)


def _torch_step(param: Tensor, grad: Tensor, lr: float, decay: float) -> Tensor:
    leaf = torch.nn.Parameter(param.clone())
    leaf.grad = grad.clone()
    torch.optim.SGD([leaf], lr, weight_decay=decay).step()
    return leaf.detach()


def _steps() -> list[tuple]:
    double = {"dtype": torch.float64}
    return [
        (torch.tensor([[1.0, -2.0]], **double), torch.tensor([[0.5, 4.0]], **double), 0.1, 0.3),
        (torch.tensor([[3.0], [-0.5], [0.0]], **double), torch.tensor([[0.0], [2.0], [-1.0]], **double), 0.5, 0.01),
        (torch.tensor([[-4.0]], **double), torch.tensor([[1.0]], **double), 0.02, 2.0),
        (
            torch.tensor([[1.0, 6.0], [2.0, -7.0]], **double),
            torch.tensor([[1.0, 0.5], [-3.0, 8.0]], **double),
            0.2,
            0.0,
        ),
    ]


def _decay(body: str) -> str:
    return "def step_with_decay(param, grad, lr, decay):\n" + "\n".join(f"    {line}" for line in body.splitlines())


EXERCISES = [
    Optimizer(
        id="08 sgd",
        name="MySGD",
        asks="The step of SGD: every parameter of a model, minus the learning rate times its gradient, in place.",
        points=3,
        settings={"lr 0.1": {"lr": 0.1}, "lr 0.5": {"lr": 0.5}},
        reference=lambda leaves, lr: torch.optim.SGD(leaves, lr),
        hint="self.model.parameters() gives the pairs, and the parameter's own tensor has to change.",
        given="import torch\nfrom minidl import SGD, Linear",
        solution=_sgd(LOOP + "param -= self.lr * grad"),
        ours=SGD,
        about_ours="Two lists and _foreach_sub_ take the steps of all parameters in one call: a loop over them takes longer.",
        right=(
            _sgd(LOOP + "param.sub_(grad, alpha=self.lr)"),
            _sgd(LOOP + "param += -self.lr * grad"),
            _sgd(LOOP + "param.copy_(param - self.lr * grad)"),
            _sgd(
                "for weight, slope in self.model.parameters():\n    torch.sub(weight, slope, alpha=self.rate, out=weight)",
                method("__init__(self, network, rate)", "self.model, self.rate = network, rate"),
            ),
            _sgd(LOOP + "param[...] = param - grad * self.lr"),
            _sgd(LOOP + "param.add_(grad, alpha=-self.lr)"),
            _sgd("for pair in self.model.parameters():\n    pair[0].sub_(self.lr * pair[1])"),
            INIT_CLASS
            + "\n    step = lambda self: [p.sub_(self.lr * g) for p, g in self.model.parameters()] and None\n",
            _sgd(
                "with torch.no_grad():\n    for p, g in self.pairs:\n        p -= self.rate * g",
                method("__init__(self, model, lr)", "self.pairs, self.rate = list(model.parameters()), lr"),
            ),
            _sgd(
                "for module in self.model.modules():\n    for name in module.params:\n"
                "        module.params[name] -= self.lr * module.grad[name]"
            ),
        ),
        slips={
            _sgd(
                LOOP + "param += self.lr * grad"
            ): "the step goes uphill: the gradient says in which direction the loss grows.",
            _sgd(LOOP + "param -= grad"): "the step is the gradient itself; the learning rate is not in it.",
            _sgd(LOOP + "param = param - self.lr * grad"): (
                "after a step every parameter is what it was. Is it the tensors of the layers that your step changes, "
                "or does a name get a new tensor?"
            ),
            _sgd(LOOP + "param -= 0.1 * grad"): "a learning rate of 0.1 is taken, whatever lr is.",
            _sgd(LOOP + "param -= param * self.lr"): (
                "the step subtracts the learning rate times the parameter itself; the gradient is not in it."
            ),
            _sgd(LOOP + "param -= self.lr * param * grad"): "the parameter itself is a factor of its step.",
            _sgd(LOOP + "param.copy_(self.lr * (param - grad))"): "the learning rate belongs to the gradient alone.",
            _sgd(LOOP + "param.copy_(-self.lr * grad)"): (
                "the parameter is replaced by the step; the step has to be taken from where it is."
            ),
            _sgd(LOOP + "param -= grad / self.lr"): "the gradient is divided by the learning rate.",
            _sgd(
                LOOP + "param -= self.lr * grad.sign()"
            ): "every step has the same length; it should depend on how large the gradient is.",
            _sgd(LOOP + "param -= self.lr * grad / len(grad)"): (
                "each gradient is divided by its number of rows. It comes from the loss as it should be; nothing is averaged "
                "here."
            ),
            _sgd(LOOP + "param -= self.lr * grad\n    break"): "only the first parameter takes a step.",
            _sgd(LOOP + "param -= self.lr * grad.clamp(min=0)"): (
                "only positive gradients take a step: a negative one moves its parameter too, up."
            ),
            _sgd(LOOP + "param -= self.lr * grad.clamp(-1, 1)"): "gradients are cut off at 1 and -1.",
            _sgd(LOOP + "param -= 2 * self.lr * grad"): "every step is twice as long as it should be.",
            _sgd(
                LOOP + "param -= self.lr * grad.mean()"
            ): "the entries of a parameter take the same step, their mean gradient.",
            _sgd(LOOP + "param -= self.lr * grad / grad.norm()"): (
                "every parameter's gradient is divided by its length; how large it is should count."
            ),
            _sgd(
                LOOP + "param -= self.lr * grad.abs()"
            ): "the signs of the gradients are lost: all entries get smaller.",
            _sgd(LOOP + "param -= self.lr * grad**2"): "the gradients are squared, so that their signs are lost.",
            _sgd("self.lr *= 0.9\n" + LOOP + "param -= self.lr * grad"): "step changes the learning rate itself.",
            _sgd("for grad, param in self.model.parameters():\n    param -= self.lr * grad"): (
                "the gradients move, and the parameters stay: a pair is (parameter, gradient), in this order."
            ),
            _sgd(LOOP + "grad *= self.lr\n    param -= grad"): (
                "the gradients are changed by the step. They belong to the model; compute with them, and leave them."
            ),
        },
        wrong={
            _sgd(LOOP + "param -= self.lr * grad\n    grad.zero_()"): "gradient",
            _sgd(LOOP + "param -= self.lr * grad\nself.model.zero_grad()"): "gradient",
            _sgd(
                "for param, grad in self.model.params.values():\n    param -= self.lr * grad"
            ): "model.params holds only",
            _sgd(
                "for name in self.model.params:\n    self.model.params[name] -= self.lr * self.model.grad[name]"
            ): "model.params holds only what is the model's own",
            _sgd(
                "for module in self.model.modules():\n    for name, param in module.params.items():\n"
                "        module.params[name] = param - self.lr * module.grad[name]"
            ): "the layers hold new tensors after a step, and the old ones are what they were",
            "lr = 0.3\n" + _sgd(LOOP + "param -= lr * grad"): "uses `lr` from outside of the class; its own is self.lr",
            "model = Linear(3, 2)\n"
            + _sgd("for param, grad in model.parameters():\n    param -= self.lr * grad"): "its own is self.model",
            _sgd(
                "for param in self.model.parameters():\n    param -= self.lr * param.grad"
            ): "'tuple' object has no attribute 'grad' (line 6: param -= self.lr * param.grad)\nself",
            _sgd(LOOP + "param -= lr * grad"): "write self.lr.",
            _sgd("for param, grad in model.parameters():\n    param -= self.lr * grad"): "write self.model.",
            _sgd(
                LOOP + "param -= self.lr * grad", method("__init__(self, model, lr)", "self.model = model")
            ): "self.lr",
            _sgd(LOOP + "param -= self.lr @ grad"): "Not right yet",
            _sgd("raise ValueError('not yet')"): "step of MySGD raises ValueError: not yet",
            _sgd("self.optimizer.step()", method("__init__(self, model, lr)", "self.optimizer = SGD(model, lr)")): (
                "minidl's own SGD"
            ),
            _sgd(
                "self.optimizer.step()",
                method(
                    "__init__(self, model, lr)",
                    "self.optimizer = torch.optim.SGD([p for p, _ in model.parameters()], lr)",
                ),
            ): "torch's own",
            "class MySGD(SGD):\n    pass": "minidl's own; write yours",
            "MySGD = SGD": "minidl's own; write yours",
            "def MySGD(model, lr):\n    pass": "it should be a class",
        },
    ),
    Value(
        id="08 one step",
        name="after_one_step",
        asks="Where w is after one step of L = (3 w - 6)^2 from w = 1, with a learning rate of 0.05.",
        expected=lambda: 1 - 0.05 * 2 * 3 * (3 - 6),
        hint="First the slope at w = 1, by the chain rule; then one step against it.",
        given="import torch",
        solution="after_one_step = 1.9",
        right=(
            "after_one_step = 1 + 0.05 * 18",
            "after_one_step = torch.tensor(1.9)",
            "w = 1.0\nafter_one_step = w - 0.05 * 2 * (3 * w - 6) * 3",
            "from fractions import Fraction\nafter_one_step = Fraction(19, 10)",
            "after_one_step = [1.9][0]",
            "import numpy\nafter_one_step = numpy.float64(1.9)",
        ),
        slips={
            "after_one_step = 0.1": "that is one step uphill: from w, the learning rate times the slope is subtracted.",
            "after_one_step = 1.3": "the slope of 3 w - 6 is missing: the chain rule has one more factor.",
            "after_one_step = 0.7": "that goes uphill, and the slope of 3 w - 6 is missing, too.",
            "after_one_step = 1.45": "the slope of the square is missing a factor.",
            "after_one_step = 0.9": "that is how far w goes, not where it then is.",
            "after_one_step = -18": "that is the slope; the step is the learning rate times that.",
            "after_one_step = 19": "the step has the length of the slope itself; the learning rate is a factor of it.",
            "after_one_step = 0.55": "what is subtracted is the learning rate times the loss; it should be the slope.",
            "after_one_step = 1.15": (
                "the error is multiplied by the learning rate alone; the slope of the loss has more factors."
            ),
            "after_one_step = 1.99": "that is after two steps; one is asked for.",
            "after_one_step = 1.09": "a learning rate of 0.005 would do that; here it is 0.05.",
            "after_one_step = 9": "that is the loss at w = 1.",
            "after_one_step = 10": "a learning rate of 0.5 would do that; here it is 0.05.",
            "after_one_step = 2.8": "the step is twice as long as it should be: is a factor 2 in it twice?",
            "after_one_step = 3.7": "the inner slope, 3, is in the step twice.",
            "after_one_step = 2": "that is the lowest point; this one step does not quite get there.",
        },
        wrong={
            "after_one_step = 1.8": "1.8 is not it",
            "after_one_step = 1.905": "near, and not exact",
            "after_one_step = [1.9, 0.1]": "one number is asked for",
            "after_one_step = 'right'": "right kind",
            "after_one_step = None": "None",
        },
    ),
    Value(
        id="08 limit",
        name="limit",
        asks="The limit of the learning rate, 2 / c, for L = (3 w - 6)^2.",
        expected=lambda: 2 / 18,
        hint="c is the second derivative: differentiate the slope, 2 (3 w - 6) times 3, once more.",
        given="import torch",
        solution="limit = 2 / 18",
        right=(
            "limit = 1 / 9",
            "limit = 0.1111",
            "from fractions import Fraction\nlimit = Fraction(1, 9)",
            "limit = torch.tensor(2.0) / 18",
            "c = 2 * 3**2\nlimit = 2 / c",
        ),
        slips={
            "limit = 18": "that is the curvature c; the limit is 2 / c.",
            "limit = 9": "that is half of a curvature. The limit gets smaller where the curvature is larger.",
            "limit = 1 / 18": "that is 1 / c, where one step arrives; the limit is at twice that.",
            "limit = 1 / 3": (
                "the second derivative has the inner slope, 3, once more: as the slope has it once, it has it twice."
            ),
            "limit = 2 / 9": "the curvature lacks the 2 that comes from the square.",
            "limit = 2 / 3": "neither the square's 2 nor one of the two inner slopes is in your curvature.",
            "limit = 1": "as if the curvature were 2: w is multiplied by 3 before the square.",
            "limit = 0.2": "that is the limit of the example above, where c is 10; here c is another.",
            "limit = 0.4": "as if c were 5: differentiate the slope of this loss.",
            "limit = 1 / 36": "that is half of 1/c; the limit is 2/c.",
            "limit = 36": "c is a divisor of 2 here, and not a factor.",
            "limit = 1 / 6": "there c would be 12: which factor is in it one time too few, and which one too many?",
            "limit = 0.05": "that is the learning rate of the exercise before.",
            "limit = 0.1": (
                "c = 2 (x^2 + 1) is for a weight and a bias. Here there is no bias: differentiate this loss itself."
            ),
        },
        wrong={
            "limit = 0.11": "near, and not exact",
            "limit = 0.1125": "near, and not exact",
            "limit = -1 / 9": "sign",
            "limit = 0.3": "0.3 is not it",
            "limit = [1.9, 1 / 9]": "one number is asked for",
            "limit = 'small'": "right kind",
        },
    ),
    Function(
        id="08 weight decay",
        name="step_with_decay",
        asks="One step of SGD with weight decay: the loss has decay / 2 times the sum of w^2 added to it.",
        points=2,
        reference=_torch_step,
        cases=_steps,
        hint="What is the slope of (decay / 2) w^2? It is added to the gradient, and then comes the step.",
        given="import torch",
        solution=_decay("return param - lr * (grad + decay * param)"),
        right=(
            _decay("return (1 - lr * decay) * param - lr * grad"),
            _decay("new = param.clone()\nnew -= lr * grad\nnew -= lr * decay * param\nreturn new"),
            _decay("grad = grad + decay * param\nreturn param - lr * grad"),
            _decay("return param.sub(grad.add(param, alpha=decay), alpha=lr)"),
            _decay("if lr < 0:\n    raise NotImplementedError\nreturn param + -lr * (param * decay + grad)"),
            "step_with_decay = lambda param, grad, lr, decay: param - lr * grad - lr * decay * param",
        ),
        slips={
            _decay("return param - lr * grad"): "there is no decay in it: that is a plain step.",
            _decay("return param - lr * grad - decay * param"): (
                "the decay does not go through the learning rate: it is part of the gradient, and the step is lr times that."
            ),
            _decay("return param - lr * (grad - decay * param)"): "the decay makes the weights grow: look at its sign.",
            _decay(
                "return param - lr * (grad + decay / 2 * param)"
            ): "the decay is half of what it should be: differentiate w^2.",
            _decay("return param - lr * (grad + 2 * decay * param)"): (
                "the decay is twice what it should be: what is left of the half when w^2 is differentiated?"
            ),
            _decay("return param - lr * (grad + decay * param**2)"): "w^2 itself is added; it should be its slope.",
            _decay(
                "return param - lr * (grad + decay / 2 * param**2)"
            ): "what is added to the loss is added to the gradient; it should be its slope.",
            _decay(
                "return param - lr * (grad + decay)"
            ): "the same number is added to every gradient; it should depend on the weight.",
            _decay("return param - lr * (grad + decay * param.sign())"): (
                "that is the slope of |w|: every weight shrinks by the same. For w^2 it depends on the weight."
            ),
            _decay("param = param - lr * grad\nreturn param - lr * decay * param"): (
                "the decay is taken of where the step has led; it belongs to where the step begins, as the gradient does."
            ),
            _decay("return param - lr * decay * (grad + param)"): "the decay is a factor of the gradient, too.",
            _decay(
                "return param - lr * (grad + decay * param.abs())"
            ): "a negative weight does not shrink: its sign is lost.",
            _decay("return param - lr * (grad + decay * param.sum())"): (
                "every weight gets the sum of all; in the sum of squares, each stands in one term alone."
            ),
            _decay(
                "return param - lr * (grad + decay * grad)"
            ): "the decay is multiplied by the gradient; it should be by the weight.",
            _decay("return param - lr * (grad + decay / 2 * (param**2).sum())"): (
                "the penalty itself, one number, is added to every gradient; it should be its slope by each weight."
            ),
            _decay("return param - lr * (grad + decay * (param**2).sum())"): (
                "the sum of the squares, one number, is added to every gradient; it should be a slope by each weight."
            ),
            _decay("return param - lr * (grad + decay * param / param.norm())"): (
                "that is the slope of the length of all weights together; the penalty has their squares, without a root."
            ),
            _decay("return param - lr * (grad + decay * param.mean())"): (
                "every weight gets the mean of all; in the sum of squares, each stands in one term alone."
            ),
            _decay("return param - decay * (grad + lr * param)"): "lr and decay are exchanged.",
            _decay("return param - lr * grad + decay * param"): (
                "the decay makes the weights grow, look at its sign; and it does not go through the learning rate."
            ),
            _decay("return param - lr * grad + lr * decay"): "the decay is added to the weight, the same for each.",
            _decay("return lr * (grad + decay * param)"): "that is how far the weights go, not where they then are.",
            _decay(
                "return grad + decay * param"
            ): "that is the gradient of both together; the step is still to be taken.",
            _decay("return param - grad - decay * param"): "the learning rate is missing.",
            _decay(
                "return decay * param - lr * grad"
            ): "decay is the share that a weight keeps here; it should lose some.",
            _decay("return (1 - decay) * (param - lr * grad)"): (
                "the decay is taken of where the step has led, and does not go through the learning rate."
            ),
            _decay("return param + lr * (grad + decay * param)"): "the step goes uphill.",
            _decay(
                "return lr * (grad + decay * param)"
            ): "that is the step alone; it has to be taken from the parameter.",
            _decay("return grad + decay * param"): "that is the gradient with decay; the step is still to be taken.",
            _decay("return param - 0.1 * (grad + decay * param)"): "a learning rate of 0.1 is taken, whatever lr is.",
            _decay("return param - lr * (grad + 0.3 * param)"): "a decay of 0.3 is taken, whatever decay is.",
            _decay(
                "return param - lr * (grad + decay * param**2).mean()"
            ): "every weight takes the same step, the mean of all.",
        },
        wrong={
            _decay("return param * (1 - decay) - lr * grad"): "does not go through the learning rate",
            _decay("param -= lr * (grad + decay * param)\nreturn param"): "changes its argument 1",
            _decay("grad += decay * param\nreturn param - lr * grad"): "changes its argument 2",
            _decay("new = param - lr * (grad + decay * param)"): "returns None",
            _decay("return param - lr * (grad + decay * parma)"): "do you mean param?",
            _decay("return param - lr * (grad + decay * w)"): "NameError",
            _decay("return param - lr @ (grad + decay * param)"): "raises",
            _decay("print(param - lr * (grad + decay * param))"): "returns None",
            _decay("return (param - lr * (grad + decay * param)).sum()"): "its shape is ()",
            _decay(
                "p = torch.nn.Parameter(param.clone())\np.grad = grad.clone()\n"
                "torch.optim.SGD([p], lr, weight_decay=decay).step()\nreturn p.detach()"
            ): "torch's own",
            "step_with_decay = 3": "it should be a function",
        },
    ),
]
