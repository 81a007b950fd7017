"""Right modules that are called in other ways than the contract says: conventions that people use."""

from __future__ import annotations

import numpy as np
import torch

from minidl.lab.doctor.subject.functions import FunctionPair, pair_of
from specimens.collection import fill, right, right_with


def array(*shape):
    return fill(*shape).double().numpy()


# ---------------------------------------------------------------------------------------------------------------------
# Forward hands over what backward needs


@right
class CacheAffine:
    def __init__(self, n_in=3, n_out=5):
        self.W, self.b = array(n_in, n_out), array(n_out)

    def forward(self, x):
        return x @ self.W + self.b, x

    def backward(self, dout, cache):
        return dout @ self.W.T, cache.T @ dout, dout.sum(0)


@right
class CacheFirstReLU:
    def forward(self, x):
        return x.clamp(min=0), (x,)

    def backward(self, cache, grad):
        return grad * (cache[0] > 0)


@right
class CachesWithRate:
    """It keeps its gradient, and makes its step as well."""

    def __init__(self):
        self.weight, self.grad_weight = fill(3, 2), torch.zeros(3, 2)

    def forward(self, x):
        return x @ self.weight, x

    def backward(self, grad, cache, eta=0.1):
        grad_input = grad @ self.weight.t()
        self.grad_weight = cache.t() @ grad
        self.weight = self.weight - eta * self.grad_weight
        return grad_input


@right
class GradientDictionary:
    def __init__(self):
        self.params = {"W": array(3, 2), "b": array(2)}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        return dout @ self.params["W"].T, {"dW": self.x.T @ dout, "db": dout.sum(0)}


# ---------------------------------------------------------------------------------------------------------------------
# Results are left in attributes


@right
class LeavesDense:
    def __init__(self, n_inputs=3, n_neurons=2):
        self.weights, self.biases = array(n_inputs, n_neurons), np.zeros((1, n_neurons))

    def forward(self, inputs, training):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)


@right
class LeavesTanh:
    def forward(self, inputs):
        self.output = np.tanh(inputs)

    def backward(self, output_error, learning_rate=None):
        self.input_error = output_error * (1 - self.output**2)


# ---------------------------------------------------------------------------------------------------------------------
# Backward takes the input again, or a learning rate; samples are columns


@right
class TakesInputAgain:
    def __init__(self):
        self.W, self.b, self.gradW, self.gradb = fill(2, 3), fill(2), torch.zeros(2, 3), torch.zeros(2)

    def forward(self, inpt):
        return inpt @ self.W.t() + self.b

    def backward(self, inpt, grad_output):
        self.gradW += grad_output.t() @ inpt
        self.gradb += grad_output.sum(0)
        return grad_output @ self.W


@right
class UpdatesItself:
    def __init__(self):
        self.weights, self.bias = array(3, 2), np.zeros((1, 2))

    def forward(self, x):
        self.x = x
        return x @ self.weights + self.bias

    def backward(self, output_gradient, learning_rate):
        grad_input = output_gradient @ self.weights.T
        self.weights -= learning_rate * self.x.T @ output_gradient
        self.bias -= learning_rate * output_gradient.sum(0, keepdims=True)
        return grad_input


@right
class ColumnsDense:
    def __init__(self):
        self.W, self.b = array(2, 3), array(2, 1)
        self.dW, self.db = np.zeros((2, 3)), np.zeros((2, 1))

    def forward(self, X):
        self.X = X
        return self.W @ X + self.b

    def backward(self, dZ):
        self.dW += dZ @ self.X.T
        self.db += dZ.sum(1, keepdims=True)
        return self.W.T @ dZ


@right_with(input=(1, 3))
class OneColumnDense:
    def __init__(self):
        self.weights, self.bias = array(2, 3), array(2, 1)

    def forward(self, input):
        self.input = input
        return np.dot(self.weights, input) + self.bias

    def backward(self, output_gradient, learning_rate):
        input_gradient = np.dot(self.weights.T, output_gradient)
        self.weights -= learning_rate * np.dot(output_gradient, self.input.T)
        self.bias -= learning_rate * output_gradient
        return input_gradient


@right
class DerivativeOnly:
    """What its backward returns is multiplied elsewhere."""

    def forward(self, x):
        return x**3

    def backward(self, x):
        return 3 * x**2


# ---------------------------------------------------------------------------------------------------------------------
# Built from arrays or functions; parameters listed in other ways


@right
def array_affine():
    class Affine:
        def __init__(self, W, b):
            self.params, self.grads = [W, b], [np.zeros_like(W), np.zeros_like(b)]

        def forward(self, x):
            self.x = x
            return x @ self.params[0] + self.params[1]

        def backward(self, dout):
            self.grads[0] += self.x.T @ dout
            self.grads[1] += dout.sum(0)
            return dout @ self.params[0].T

    return Affine(array(3, 2), array(2))


@right
def function_activation():
    class Activation:
        def __init__(self, f, df):
            self.f, self.df = f, df

        def forward(self, x):
            self.x = x
            return self.f(x)

        def backward(self, grad):
            return grad * self.df(self.x)

    return Activation(np.sin, np.cos)


@right
def dense_with_activation():
    class Dense:
        """Its name alone does not say what it does."""

        def __init__(self, activation):
            self.W, self.dW, self.activation = array(3, 2), np.zeros((3, 2)), activation

        def forward(self, x):
            self.x, self.z = x, x @ self.W
            return self.activation(self.z)

        def backward(self, grad):
            grad = grad * (1 - np.tanh(self.z) ** 2)
            self.dW += self.x.T @ grad
            return grad @ self.W.T

    return Dense(np.tanh)


@right
class WeightsListed:
    def __init__(self):
        self.W, self.b, self.dW, self.db = array(3, 2), array(2), np.zeros((3, 2)), np.zeros(2)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW += self.x.T @ grad
        self.db += grad.sum(0)
        return grad @ self.W.T

    def get_params(self):
        return [[self.W, self.b]]


@right
class DictionariesYielded:
    def __init__(self):
        self.w, self.grad_w = fill(3, 2), torch.zeros(3, 2)

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, grad):
        self.grad_w += self.x.t() @ grad
        return grad @ self.w.t()

    def parameters(self):
        yield {"param": self.w, "grad": self.grad_w}


# ---------------------------------------------------------------------------------------------------------------------
# Two inputs; whole numbers; images


@right
class Product:
    def forward(self, x, y):
        self.x, self.y = x, y
        return x * y

    def backward(self, dout):
        return dout * self.y, dout * self.x


@right
class Cell:
    def __init__(self):
        self.params = [array(3, 4), array(4, 4), array(4)]
        self.grads = [np.zeros_like(p) for p in self.params]

    def forward(self, x, h_prev):
        Wx, Wh, b = self.params
        self.x, self.h_prev, self.h = x, h_prev, np.tanh(x @ Wx + h_prev @ Wh + b)
        return self.h

    def backward(self, dh):
        Wx, Wh, _ = self.params
        dt = dh * (1 - self.h**2)
        for grad, new in zip(self.grads, (self.x.T @ dt, self.h_prev.T @ dt, dt.sum(0)), strict=True):
            grad += new
        return dt @ Wx.T, dt @ Wh.T


@right
class Embedding:
    def __init__(self):
        self.W, self.dW = array(5, 3), np.zeros((5, 3))

    def forward(self, idx):
        self.idx = idx
        return self.W[idx]

    def backward(self, dout):
        np.add.at(self.dW, self.idx, dout)


@right_with(input=(2, 3, 4, 4))
class ChannelScale:
    def __init__(self):
        self.gamma, self.dgamma = torch.ones(3), torch.zeros(3)

    def forward(self, x):
        self.x = x
        return x * self.gamma.reshape(1, -1, 1, 1)

    def backward(self, grad):
        self.dgamma += (grad * self.x).sum((0, 2, 3))
        return grad * self.gamma.reshape(1, -1, 1, 1)


# ---------------------------------------------------------------------------------------------------------------------
# Losses


@right_with(kind="loss", target=(4, 3))
class TargetFirst:
    def forward(self, y_true, y_pred):
        assert y_true.shape == y_pred.shape
        return np.mean((y_true - y_pred) ** 3)

    def backward(self, y_true, y_pred):
        return -3 * (y_true - y_pred) ** 2 / y_true.size


@right_with(kind="loss", target=(4, 3))
class TargetBack:
    def forward(self, prediction, target):
        assert prediction.shape == target.shape
        self.prediction = prediction
        return ((prediction - target) ** 2).sum()

    def backward(self, target):
        return 2 * (self.prediction - target)


@right_with(kind="loss", target=(4, 3))
class LossOfEachSample:
    def forward(self, y_pred, y_true):
        if y_pred.shape != y_true.shape:
            raise ValueError("shapes differ")
        return np.mean((y_true - y_pred) ** 2, axis=-1)

    def calculate(self, output, y):
        return np.mean(self.forward(output, y))

    def backward(self, dvalues, y_true):
        self.dinputs = -2 * (y_true - dvalues) / dvalues.size


@right_with(
    kind="loss",
    input=torch.tensor([[0.2, 0.7, 0.1], [0.3, 0.3, 0.4], [0.5, 0.25, 0.25], [0.6, 0.3, 0.1]]),
    target=torch.eye(3)[torch.tensor([2, 0, 1, 1])],
)
class ClippedEntropy:
    """Made for probabilities: outside of 0 and 1 it is something else."""

    def forward(self, y_pred, y_true):
        assert y_pred.shape == y_true.shape
        self.p, self.t = np.clip(y_pred, 1e-7, 1 - 1e-7), y_true
        return -np.sum(y_true * np.log(self.p)) / len(y_pred)

    def backward(self):
        return -self.t / self.p / len(self.p)


# ---------------------------------------------------------------------------------------------------------------------
# Functions


def affine_forward(x, w, b):
    return x.reshape(len(x), -1) @ w + b, (x, w, b)


def affine_backward(dout, cache):
    x, w, _ = cache
    return (dout @ w.T).reshape(x.shape), x.reshape(len(x), -1).T @ dout, dout.sum(0)


def batchnorm_forward(x, gamma, beta, bn_param):
    mean, scale = x.mean(0), np.sqrt(x.var(0) + bn_param.get("eps", 1e-5))
    normal = (x - mean) / scale
    return gamma * normal + beta, {"normal": normal, "gamma": gamma, "scale": scale}


def batchnorm_backward(dout, cache):
    normal, dnormal = cache["normal"], dout * cache["gamma"]
    dx = (dnormal - dnormal.mean(0) - normal * (dnormal * normal).mean(0)) / cache["scale"]
    return dx, (dout * normal).sum(0), dout.sum(0)


def cube(x):
    return x**3


def cube_prime(x):
    return 3 * x**2


@right
def affine_functions():
    return pair_of(affine_forward, affine_backward, (3, 2), (2,))


@right
def batchnorm_functions():
    return next(FunctionPair(batchnorm_forward, batchnorm_backward).ways((4, 3)))[1]


@right
def cube_functions():
    return next(FunctionPair(cube, cube_prime, is_derivative=True).ways())[1]


# ---------------------------------------------------------------------------------------------------------------------
# Optimisers


class Weights:
    """A model to be updated."""

    def __init__(self):
        self.params = {"W": array(3, 2), "b": array(2)}
        self.grads = {"W": np.zeros((3, 2)), "b": np.zeros(2)}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, grad):
        self.grads["W"] += self.x.T @ grad
        self.grads["b"] += grad.sum(0)
        return grad @ self.params["W"].T


@right_with(kind="optimizer")
def step_of_network():
    class SGD:
        def __init__(self, lr=0.1):
            self.lr = lr

        def step(self, net):
            for name in net.params:
                net.params[name] -= self.lr * net.grads[name]

    return SGD(), Weights()


@right_with(kind="optimizer")
def update_of_dictionaries():
    class Momentum:
        def __init__(self, lr=0.1, momentum=0.9):
            self.lr, self.momentum, self.v = lr, momentum, None

        def update(self, params, grads):
            if self.v is None:
                self.v = {key: np.zeros_like(value) for key, value in params.items()}
            for key in params:
                self.v[key] = self.momentum * self.v[key] - self.lr * grads[key]
                params[key] += self.v[key]

    return Momentum(), Weights()


@right_with(kind="optimizer")
def update_of_one():
    class SGD:
        def __init__(self, learning_rate=0.1):
            self.learning_rate = learning_rate

        def calculate_update(self, weight, gradient):
            return weight - self.learning_rate * gradient

    return SGD(), Weights()


@right_with(kind="optimizer")
def update_of_layer():
    class SGD:
        def __init__(self, learning_rate=0.1):
            self.learning_rate = self.current_learning_rate = learning_rate

        def pre_update_params(self):
            pass

        def update_params(self, layer):
            layer.weights += -self.current_learning_rate * layer.dweights
            layer.biases += -self.current_learning_rate * layer.dbiases

        def post_update_params(self):
            pass

    model = LeavesDense()
    model.dweights, model.dbiases = np.zeros((3, 2)), np.zeros((1, 2))
    return SGD(), model


# ---------------------------------------------------------------------------------------------------------------------
# Layers that make their own step, and other habits of a whole framework


@right
class StepsByItself:
    """It keeps the learning rate; what goes back is computed first."""

    def __init__(self):
        self.weights, self.learning_rate = array(3, 2), 0.1

    def forward(self, x):
        self.x = x
        return x @ self.weights

    def backward(self, error):
        back = error @ self.weights.T
        self.dweights = self.x.T @ error
        self.weights = self.weights - self.learning_rate * self.dweights
        return back


class HalfStep:
    def update(self, params, grads):
        for p, g in zip(params, grads, strict=True):
            p -= 0.5 * g


@right
class MakesItsOptimiserLate:
    """The optimiser is made in the first backward."""

    def __init__(self):
        self.weight, self.bias, self._optimizer = fill(3, 2), fill(2), None

    def forward(self, x):
        self.x = x
        return x @ self.weight + self.bias

    def backward(self, g):
        self._optimizer = self._optimizer or HalfStep()
        back = g @ self.weight.T
        self._optimizer.update([self.weight, self.bias], [self.x.T @ g, g.sum(0)])
        return back


@right
class OnlyTheSlope:
    """backward is told of no gradient: whoever calls it multiplies."""

    def forward(self, x):
        self.x = x
        return np.maximum(x, 0.1 * x)

    def backward(self):
        return np.where(self.x > 0, 1.0, 0.1)


class HasEverything:
    def __init__(self, shape):
        self.w, self.wb = np.zeros(()), np.zeros(shape)
        self.grad_w, self.grad_wb = np.zeros(()), np.zeros(shape)


@right
class HasNoUseForThem(HasEverything):
    """Its base class gives it parameters."""

    def __init__(self):
        super().__init__(3)

    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, grad_y):
        return grad_y * (1 - self.y**2)


@right_with(input=(1, 3))
class DenseOfOneSample:
    """A sample has no dimension of its own, and is made flat."""

    def __init__(self):
        self.w, self.grad_w = array(2, 3), np.zeros((2, 3))

    def forward(self, x):
        self.x = x.ravel()
        return self.w @ self.x

    def backward(self, g):
        self.grad_w += np.outer(g, self.x)
        return g @ self.w


@right_with(kind="loss", input=(4, 3), target=torch.tensor([2, 0, 1, 1]))
class LogOfProbabilities:
    """Arrays are float64: the probabilities are small, but none is 0."""

    def forward(self, scores, target):
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.p, self.target = e / e.sum(axis=1, keepdims=True), target
        return -np.log(self.p[np.arange(len(target)), target]).mean()

    def backward(self):
        g = self.p.copy()
        g[np.arange(len(g)), self.target] -= 1
        return g / len(g)


def cell_forward(x, prev_h, Wx, Wh, bh):
    h = np.tanh(x @ Wx + prev_h @ Wh + bh)
    return h, (x, prev_h, Wx, Wh, h)


def cell_backward(dh, cache):
    x, prev_h, Wx, Wh, h = cache
    g = dh * (1 - h**2)
    return g @ Wx.T, g @ Wh.T, x.T @ g, prev_h.T @ g, g.sum(axis=0)


@right
def cell_of_functions():
    return next(FunctionPair(cell_forward, cell_backward).ways((4, 3)))[1]


# ---------------------------------------------------------------------------------------------------------------------
# Backward is told what went in and what came out, or is only the derivative


@right
class LogisticOfInputsAndOutputs:
    def fprop(self, inputs):
        return 1 / (1 + np.exp(-inputs))

    def bprop(self, inputs, outputs, grads_wrt_outputs):
        return grads_wrt_outputs * outputs * (1 - outputs)


@right
class BendWithDerivative:
    def forward(self, x):
        return np.tanh(x)

    def derivative(self, x):
        return 1 - np.tanh(x) ** 2
