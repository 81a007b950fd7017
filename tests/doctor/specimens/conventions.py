"""Mistakes in modules that are called in other ways than the contract says."""

from __future__ import annotations

import numpy as np
import torch

from minidl.lab.doctor.subject.functions import FunctionPair, pair_of
from specimens.collection import specimen
from specimens.right_conventions import (
    CacheAffine,
    CacheFirstReLU,
    CachesWithRate,
    Cell,
    ChannelScale,
    ClippedEntropy,
    ColumnsDense,
    DerivativeOnly,
    DictionariesYielded,
    Embedding,
    GradientDictionary,
    LeavesDense,
    LeavesTanh,
    LossOfEachSample,
    OneColumnDense,
    Product,
    TakesInputAgain,
    TargetBack,
    TargetFirst,
    UpdatesItself,
    Weights,
    WeightsListed,
    affine_forward,
    cube,
)


@specimen("factor 1/n")
class CacheAffineDivides(CacheAffine):
    def backward(self, dout, cache):
        return dout @ self.W.T, cache.T @ dout / len(dout), dout.sum(0)


@specimen("upstream forgotten")
class CacheFirstReLUForgets(CacheFirstReLU):
    def backward(self, cache, grad):
        return (cache[0] > 0).to(grad.dtype)


@specimen("sign")
class CachesWithRateUphill(CachesWithRate):
    def backward(self, grad, cache, eta=0.1):
        return -super().backward(grad, cache, eta)


@specimen("factor 2")
class GradientDictionaryTwice(GradientDictionary):
    def backward(self, dout):
        dx, grads = super().backward(dout)
        return dx, {"dW": 2 * grads["dW"], "db": grads["db"]}


@specimen("bias to scalar")
class LeavesDenseScalar(LeavesDense):
    def backward(self, dvalues):
        super().backward(dvalues)
        self.dbiases = np.full_like(self.biases, dvalues.sum())


@specimen("derivative forgotten")
class LeavesTanhForgets(LeavesTanh):
    def backward(self, output_error, learning_rate=None):
        self.input_error = output_error.copy()


@specimen("factor 1/n")
class TakesInputAgainDivides(TakesInputAgain):
    def backward(self, inpt, grad_output):
        self.gradW += grad_output.t() @ inpt / len(inpt)
        self.gradb += grad_output.sum(0)
        return grad_output @ self.W


@specimen("factor 1/n")
class UpdatesItselfDivides(UpdatesItself):
    def backward(self, output_gradient, learning_rate):
        grad_input = output_gradient @ self.weights.T
        self.weights -= learning_rate * self.x.T @ output_gradient / len(self.x)
        self.bias -= learning_rate * output_gradient.sum(0, keepdims=True)
        return grad_input


@specimen("factor 1/n")
class ColumnsDenseDivides(ColumnsDense):
    def backward(self, dZ):
        self.dW += dZ @ self.X.T / dZ.shape[1]
        self.db += dZ.sum(1, keepdims=True)
        return self.W.T @ dZ


@specimen("factor 2", input=(1, 3))
class OneColumnDenseTwice(OneColumnDense):
    def backward(self, output_gradient, learning_rate):
        return 2 * super().backward(output_gradient, learning_rate)


@specimen("derivative at upstream")
class DerivativeAtUpstream(DerivativeOnly):
    def backward(self, grad):
        return 3 * grad**2


@specimen("transposed")
class SquareWeightsListed(WeightsListed):
    def __init__(self):
        super().__init__()
        self.W, self.b, self.dW, self.db = (
            self.W[:, :1] * self.b.sum() + np.eye(3),
            np.ones(3),
            np.zeros((3, 3)),
            np.zeros(3),
        )

    def backward(self, grad):
        super().backward(grad)
        return grad @ self.W


@specimen("factor n")
class DictionariesYieldedTimes(DictionariesYielded):
    def backward(self, grad):
        self.grad_w += len(grad) * self.x.t() @ grad
        return grad @ self.w.t()


@specimen("factor 2")
class ProductTwice(Product):
    def backward(self, dout):
        dx, dy = super().backward(dout)
        return 2 * dx, 2 * dy


@specimen("factor 1/n")
class CellDivides(Cell):
    def backward(self, dh):
        before = [grad.copy() for grad in self.grads]
        answer = super().backward(dh)
        for old, grad in zip(before, self.grads, strict=True):
            grad[...] = old + (grad - old) / len(dh)
        return answer


@specimen("factor 2")
class EmbeddingTwice(Embedding):
    def backward(self, dout):
        super().backward(2 * dout)


@specimen("factor 2", input=(2, 3, 4, 4))
class ChannelScaleTwice(ChannelScale):
    def backward(self, grad):
        return 2 * super().backward(grad)


@specimen("sign", kind="loss", target=(4, 3))
class TargetFirstSign(TargetFirst):
    def backward(self, y_true, y_pred):
        return -super().backward(y_true, y_pred)


@specimen("factor 1/2", kind="loss", target=(4, 3))
class TargetBackHalf(TargetBack):
    def backward(self, target):
        return super().backward(target) / 2


@specimen("sign", kind="loss", target=(4, 3))
class LossOfEachSampleSign(LossOfEachSample):
    def backward(self, dvalues, y_true):
        super().backward(dvalues, y_true)
        self.dinputs = -self.dinputs


@specimen(
    "factor n",
    kind="loss",
    input=torch.tensor([[0.2, 0.7, 0.1], [0.3, 0.3, 0.4], [0.5, 0.25, 0.25], [0.6, 0.3, 0.1]]),
    target=torch.eye(3)[torch.tensor([2, 0, 1, 1])],
)
class ClippedEntropyTimes(ClippedEntropy):
    def backward(self):
        return super().backward() * len(self.p)


def transposing_backward(dout, cache):
    x, w, _ = cache
    return dout @ w.T, x.T @ dout / len(x), dout.sum(0)


def square(x):
    return 3 * 2 * x**2


@specimen("factor 1/n")
def affine_functions_divide():
    return pair_of(affine_forward, transposing_backward, (3, 2), (2,))


@specimen("factor 2")
def cube_functions_twice():
    return next(FunctionPair(cube, square, is_derivative=True).ways())[1]


@specimen("uphill", kind="optimizer")
def step_of_network_uphill():
    class SGD:
        def __init__(self, lr=0.1):
            self.lr = lr

        def step(self, net):
            for name in net.params:
                net.params[name] += self.lr * net.grads[name]

    return SGD(), Weights()


@specimen("momentum forgotten", kind="optimizer")
def update_of_dictionaries_forgets():
    class Momentum:
        def __init__(self, lr=0.1, momentum=0.9):
            self.lr, self.momentum = lr, momentum

        def update(self, params, grads):
            v = {key: np.zeros_like(value) for key, value in params.items()}
            for key in params:
                v[key] = self.momentum * v[key] - self.lr * grads[key]
                params[key] += v[key]

    return Momentum(), Weights()


@specimen("step size", kind="optimizer")
def update_of_one_twice():
    class SGD:
        def __init__(self, learning_rate=0.1):
            self.learning_rate = learning_rate

        def calculate_update(self, weight, gradient):
            return weight - 2 * self.learning_rate * gradient

    return SGD(), Weights()


@specimen("parameters not updated", kind="optimizer")
def update_of_layer_without_bias():
    class SGD:
        def __init__(self, learning_rate=0.1):
            self.learning_rate = learning_rate

        def update_params(self, layer):
            layer.weights += -self.learning_rate * layer.dweights

    model = LeavesDense()
    model.dweights, model.dbiases = np.zeros((3, 2)), np.zeros((1, 2))
    return SGD(), model
