"""Right layers that everybody writes, linear ones and activations, in the styles of students: no finding may come out."""

from __future__ import annotations

import numpy as np
import torch

import minidl
from specimens.collection import fill, right, right_with


@right
class PlainLinear:
    """Dictionaries ``params`` and ``grads``, X W + b."""

    def __init__(self, n_in=3, n_out=5):
        self.params = {"weight": fill(n_in, n_out), "bias": fill(1, n_out)}
        self.grads = {"weight": torch.zeros(n_in, n_out), "bias": torch.zeros(1, n_out)}

    def forward(self, x):
        self.x = x
        return x @ self.params["weight"] + self.params["bias"]

    def backward(self, grad):
        self.grads["weight"] += self.x.T @ grad
        self.grads["bias"] += grad.sum(0, keepdim=True)
        return grad @ self.params["weight"].T

    def zero_grad(self):
        for g in self.grads.values():
            g.zero_()


@right
class HandoutLinear:
    """The course's handout: ``param()`` lists (parameter, gradient) pairs; W x + b with W of shape (out, in)."""

    def __init__(self, in_dim=3, out_dim=5):
        self.w = fill(out_dim, in_dim)
        self.b = fill(out_dim)
        self.dw = torch.zeros(out_dim, in_dim)
        self.db = torch.zeros(out_dim)

    def forward(self, *input):
        self.input = input[0]
        return self.input.mm(self.w.t()) + self.b

    def backward(self, *gradwrtoutput):
        g = gradwrtoutput[0]
        self.dw.add_(g.t().mm(self.input))
        self.db.add_(g.sum(0))
        return g.mm(self.w)

    def param(self):
        return [(self.w, self.dw), (self.b, self.db)]


@right
class AttributeLinear:
    """Attributes weight and bias with grad_weight and grad_bias."""

    def __init__(self):
        self.weight = fill(3, 5)
        self.bias = fill(5)
        self.grad_weight = torch.zeros_like(self.weight)
        self.grad_bias = torch.zeros_like(self.bias)

    def forward(self, input):
        self.saved = input.clone()
        return torch.addmm(self.bias, input, self.weight)

    def backward(self, grad_output):
        self.grad_weight += self.saved.t().mm(grad_output)
        self.grad_bias += grad_output.sum(dim=0)
        return grad_output.mm(self.weight.t())

    def zero_grad(self):
        self.grad_weight.zero_()
        self.grad_bias.zero_()


@right
class NumpyLinear:
    """NumPy arrays throughout."""

    def __init__(self):
        self.W = fill(3, 5).numpy().astype(np.float64)
        self.b = fill(1, 5).numpy().astype(np.float64)
        self.dW = np.zeros_like(self.W)
        self.db = np.zeros_like(self.b)

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        self.dW += np.dot(self.x.T, dout)
        self.db += np.sum(dout, axis=0, keepdims=True)
        return np.dot(dout, self.W.T)

    def zero_grad(self):
        self.dW[...] = 0
        self.db[...] = 0


@right
class LoopLinear:
    """Python loops and nested lists; tensors only at the door."""

    def __init__(self):
        self.weight = fill(3, 5).tolist()
        self.bias = fill(5).tolist()
        self.weight_grad = [[0.0] * 5 for _ in range(3)]
        self.bias_grad = [0.0] * 5

    def forward(self, x):
        self.x = x.tolist()
        return torch.tensor(
            [[sum(row[k] * self.weight[k][j] for k in range(3)) + self.bias[j] for j in range(5)] for row in self.x]
        )

    def backward(self, grad):
        g = grad.tolist()
        for row, up in zip(self.x, g, strict=True):
            for j in range(5):
                self.bias_grad[j] += up[j]
                for k in range(3):
                    self.weight_grad[k][j] += row[k] * up[j]
        return torch.tensor([[sum(up[j] * self.weight[k][j] for j in range(5)) for k in range(3)] for up in g])

    def zero_grad(self):
        self.weight_grad = [[0.0] * 5 for _ in range(3)]
        self.bias_grad = [0.0] * 5


@right
def minidl_linear():
    return minidl.Linear(3, 5)


@right
def minidl_linear_double():
    return minidl.Linear(3, 5, dtype=torch.float64)


@right
def minidl_relu():
    return minidl.ReLU()


@right
def minidl_tanh():
    return minidl.Tanh()


@right
def minidl_sigmoid():
    return minidl.Sigmoid()


@right
class PlainReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, grad):
        return grad * self.mask


@right
class HandoutReLU:
    def forward(self, *input):
        self.s = input[0]
        return self.s.clamp(min=0)

    def backward(self, *gradwrtoutput):
        return gradwrtoutput[0] * (self.s > 0).float()

    def param(self):
        return []


@right
class NumpyReLU:
    def forward(self, x):
        self.x = x
        return np.maximum(0, x)

    def backward(self, dout):
        dx = dout.copy()
        dx[self.x <= 0] = 0
        return dx


@right
class LoopReLU:
    def forward(self, x):
        self.x = x
        out = torch.zeros(x.shape)
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                out[i, j] = max(0.0, x[i, j].item())
        return out

    def backward(self, grad):
        out = torch.zeros(grad.shape)
        for i in range(grad.shape[0]):
            for j in range(grad.shape[1]):
                if self.x[i, j] > 0:
                    out[i, j] = grad[i, j]
        return out


@right
class PlainTanh:
    def forward(self, x):
        self.y = torch.tanh(x)
        return self.y

    def backward(self, g):
        return g * (1 - self.y**2)


@right
class TanhFromInput:
    def forward(self, x):
        self.x = x
        return x.tanh()

    def backward(self, g):
        return g / torch.cosh(self.x.clamp(-40, 40)) ** 2


@right
class NumpyTanh:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, dout):
        return dout * (1.0 - self.out * self.out)


@right
class PlainSigmoid:
    def forward(self, x):
        self.y = 1 / (1 + torch.exp(-x))  # exp(100) is inf in float32, and 1 / inf is 0: right
        return self.y

    def backward(self, g):
        return g * self.y * (1 - self.y)


@right
class HandoutSigmoid:
    def forward(self, *input):
        (x,) = input
        self.x = x
        return x.sigmoid()

    def backward(self, *gradwrtoutput):
        (g,) = gradwrtoutput
        s = self.x.sigmoid()
        return s.mul(1 - s).mul(g)

    def param(self):
        return []


@right
class FloatOnlySigmoid:
    """Everything is made float32, as many first layers do."""

    def forward(self, x):
        self.y = torch.sigmoid(x.float())
        return self.y

    def backward(self, g):
        return g.float() * self.y * (torch.ones(self.y.shape, dtype=torch.float32) - self.y)


@right
class FloatOnlyLinear:
    def __init__(self):
        self.w = fill(3, 5)
        self.b = fill(1, 5)
        self.grad_w = torch.zeros(3, 5, dtype=torch.float32)
        self.grad_b = torch.zeros(1, 5, dtype=torch.float32)

    def forward(self, x):
        self.x = x.to(torch.float32)
        return self.x @ self.w.to(torch.float32) + self.b.to(torch.float32)

    def backward(self, g):
        g = g.to(torch.float32)
        self.grad_w += self.x.T @ g
        self.grad_b += g.sum(0, keepdim=True)
        return g @ self.w.to(torch.float32).T

    def zero_grad(self):
        self.grad_w.fill_(0)
        self.grad_b.fill_(0)


@right
class AliasedDictionary(minidl.Module):
    """Parameters are attributes too; the gradient of a bias of shape (m,)."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = fill(3, 2), fill(2)
        self.params = {"weight": self.weight, "bias": self.bias}
        self.grad = {k: torch.zeros_like(v) for k, v in self.params.items()}

    def forward(self, input):
        self._kept = input
        return input @ self.weight + self.bias

    def backward(self, grad_output):
        self.grad["weight"] += torch.einsum("ni,no->io", self._kept, grad_output)
        self.grad["bias"] += grad_output.sum(0)
        return torch.einsum("no,io->ni", grad_output, self.weight)


@right_with(notes={"prints"})
class Talkative(PlainTanh):
    def forward(self, x):
        print("forward!", x.shape)
        return super().forward(x)


@right
class TorchParameters:
    """torch.nn.Parameter with the gradient in .grad, and autograd switched off."""

    def __init__(self):
        self.weight = torch.nn.Parameter(fill(3, 5))
        self.bias = torch.nn.Parameter(fill(5))
        self.weight.grad, self.bias.grad = torch.zeros(3, 5), torch.zeros(5)

    def forward(self, x):
        self.x = x
        return (x @ self.weight + self.bias).detach()

    def backward(self, g):
        self.weight.grad += self.x.T @ g
        self.bias.grad += g.sum(0)
        return g @ self.weight.data.T

    def zero_grad(self):
        self.weight.grad.zero_()
        self.bias.grad.zero_()


@right
class TorchOutsideNumpyInside:
    def forward(self, x):
        self.x = x.numpy()
        return torch.from_numpy(np.where(self.x > 0, self.x, 0))

    def backward(self, g):
        return torch.from_numpy(g.numpy() * (self.x > 0))


@right
class HalfDetached:
    """Autograd sees half of what this forward does."""

    def forward(self, x):
        self.x = x
        return x.detach() * x.sigmoid()

    def backward(self, g):
        s = self.x.sigmoid()
        return g * (s + self.x * s * (1 - s))


@right
class TriplesWithBuffers(HandoutLinear):
    """param() lists a momentum buffer as well."""

    def param(self):
        return [(self.w, self.dw, torch.zeros_like(self.w)), (self.b, self.db, torch.zeros_like(self.b))]


@right
class TensorsWithGrad(TorchParameters):
    """Plain tensors, their gradients in .grad all the same."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = self.weight.detach(), self.bias.detach()
        self.weight.grad, self.bias.grad = torch.zeros(3, 5), torch.zeros(5)


@right
class AttributesBesideDictionary(NumpyLinear):
    """W and b are attributes, their gradients stand in a dictionary."""

    def __init__(self):
        super().__init__()
        self.gradients = {"W": self.dW, "b": self.db}
        del self.dW, self.db

    def backward(self, dout):
        self.gradients["W"] += self.x.T @ dout
        self.gradients["b"] += dout.sum(axis=0, keepdims=True)
        return dout @ self.W.T

    def zero_grad(self):
        for gradient in self.gradients.values():
            gradient[...] = 0


@right
class MethodsLinear:
    """Methods params() and grads() return dictionaries."""

    def __init__(self):
        self._kept = {"weight": fill(3, 5)}, {"weight": torch.zeros(3, 5)}

    def params(self):
        return self._kept[0]

    def grads(self):
        return self._kept[1]

    def forward(self, x):
        self.x = x
        return x @ self.params()["weight"]

    def backward(self, g):
        self.grads()["weight"] += self.x.T @ g
        return g @ self.params()["weight"].T


class Parameter:
    """A student's own."""

    def __init__(self, value):
        self.value = value
        self.grad = torch.zeros_like(value)


@right
class OwnParameters:
    def __init__(self):
        self.weight, self.bias = Parameter(fill(3, 5)), Parameter(fill(1, 5))

    def forward(self, x):
        self.x = x
        return x @ self.weight.value + self.bias.value

    def backward(self, g):
        self.weight.grad += self.x.T @ g
        self.bias.grad += g.sum(0, keepdim=True)
        return g @ self.weight.value.T

    def parameters(self):
        return [self.weight, self.bias]

    def zero_grad(self):
        for p in self.parameters():
            p.grad.zero_()


@right
class NumpyListsValues(NumpyLinear):
    def parameters(self):
        return [self.W, self.b]


@right
class TorchModule(torch.nn.Module):
    """A torch.nn.Module with a backward of its own."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(fill(5, 3))

    def forward(self, x):
        self.x = x
        with torch.no_grad():
            return x @ self.weight.T

    def backward(self, g):
        with torch.no_grad():
            self.weight.grad = (self.weight.grad if self.weight.grad is not None else 0) + g.T @ self.x
            return g @ self.weight


@right
class Flat:
    """Weight and bias are views of one tensor."""

    def __init__(self):
        self.flat, self.flat_grad = fill(20), torch.zeros(20)
        self.w, self.b = self.flat[:15].view(3, 5), self.flat[15:]
        self.gw, self.gb = self.flat_grad[:15].view(3, 5), self.flat_grad[15:]

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, g):
        self.gw += self.x.T @ g
        self.gb += g.sum(0)
        return g @ self.w.T

    def zero_grad(self):
        self.flat_grad.zero_()


@right
class LearnsWhenTold:
    """In frameworks without optimisers, backward takes the learning rate and makes the step."""

    def __init__(self):
        self.w = fill(3, 5)

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, g, learning_rate=0.1):
        grad_input = g @ self.w.T
        self.w -= learning_rate * self.x.T @ g
        return grad_input
