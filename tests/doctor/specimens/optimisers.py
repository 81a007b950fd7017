"""Optimisers."""

from __future__ import annotations

import torch

import minidl
from specimens.accumulators import HandoutLinearReplaces
from specimens.collection import specimen
from specimens.right_containers import HandoutSequential
from specimens.right_layers import NumpyLinear, PlainLinear, PlainTanh
from specimens.right_optimisers import Adam, DictSGD, Momentum, NumpySGD, PairsSGD, small_model


@specimen("parameters not updated", kind="optimizer")
def sgd_top_level_only():
    class TopLevelSGD(minidl.SGD):
        def step(self):
            for module in self.model:
                for k, p in module.params.items():
                    p -= self.lr * module.grad[k]

    model = small_model()
    return TopLevelSGD(model, lr=0.1), model


@specimen("parameters not updated", kind="optimizer")
def pairs_sgd_rebinds():
    class RebindingSGD(PairsSGD):
        def step(self):
            for p, g in self.pairs:
                p = p - self.eta * g

    model = HandoutSequential()
    return RebindingSGD(model.param(), 0.05), model


@specimen("parameters not updated", kind="optimizer")
def numpy_sgd_forgets_bias():
    class WeightSGD(NumpySGD):
        def step(self):
            self.layer.W -= self.lr * self.layer.dW

    layer = NumpyLinear()
    return WeightSGD(layer, 0.1), layer


@specimen("uphill", kind="optimizer")
def pairs_sgd_uphill():
    class UphillSGD(PairsSGD):
        def step(self):
            for p, g in self.pairs:
                p += self.eta * g

    model = HandoutSequential()
    return UphillSGD(model.param(), 0.05), model


@specimen("uphill", kind="optimizer")
def momentum_uphill():
    class UphillMomentum(Momentum):
        def step(self):
            for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
                v.mul_(self.momentum).sub_(g)
                p -= self.lr * v

    model = small_model()
    return UphillMomentum(model), model


@specimen("uphill", kind="optimizer")
def dict_sgd_uphill():
    class UphillDictSGD(DictSGD):
        def step(self):
            for layer in self.layers:
                for k in layer.params:
                    layer.params[k] = layer.params[k] + self.lr * layer.grads[k]

    layer = PlainLinear()
    return UphillDictSGD([layer], 0.1), layer


@specimen("uphill", "parameters not updated", kind="optimizer")
def uphill_and_missing():
    class UphillWeight(NumpySGD):
        def step(self):
            self.layer.W += self.lr * self.layer.dW

    layer = NumpyLinear()
    return UphillWeight(layer, 0.1), layer


@specimen("bias correction forgotten", kind="optimizer")
def adam_without_bias_correction():
    class RawAdam(Adam):
        def step(self):
            for i, (p, g) in enumerate(self.model.parameters()):
                self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
                self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g * g
                p -= self.lr * self.m[i] / (self.v[i].sqrt() + self.eps)

    model = small_model()
    return RawAdam(model), model


@specimen("bias correction forgotten", kind="optimizer")
def adam_corrects_one():
    class HalfAdam(Adam):
        def step(self):
            self.t += 1
            for i, (p, g) in enumerate(self.model.parameters()):
                self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
                self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g * g
                p -= self.lr * self.m[i] / ((self.v[i] / (1 - self.beta2**self.t)).sqrt() + self.eps)

    model = small_model()
    return HalfAdam(model), model


@specimen("step count", kind="optimizer")
def adam_stays_at_one():
    class FirstAdam(Adam):
        def step(self):
            self.t = 0
            super().step()

    model = small_model()
    return FirstAdam(model), model


@specimen("step count", kind="optimizer")
def adam_counts_parameters():
    class CountingAdam(Adam):
        def step(self):
            for i, (p, g) in enumerate(self.model.parameters()):
                self.t += 1
                self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
                self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g * g
                m = self.m[i] / (1 - self.beta1**self.t)
                v = self.v[i] / (1 - self.beta2**self.t)
                p -= self.lr * m / (v.sqrt() + self.eps)

    model = small_model()
    return CountingAdam(model), model


@specimen("step count", kind="optimizer")
def adam_begins_at_zero():
    class ZeroAdam(Adam):
        def step(self):
            self.t -= self.t == 0
            super().step()

    model = small_model()
    return ZeroAdam(model), model


@specimen("momentum forgotten", kind="optimizer")
def adam_starts_anew():
    class ForgetfulAdam(Adam):
        def step(self):
            self.t += 1
            for m, v, (p, g) in zip(self.m, self.v, self.model.parameters(), strict=True):
                m = self.beta1 * m + (1 - self.beta1) * g
                v = self.beta2 * v + (1 - self.beta2) * g * g
                p -= self.lr * m / (1 - self.beta1**self.t) / ((v / (1 - self.beta2**self.t)).sqrt() + self.eps)

    model = small_model()
    return ForgetfulAdam(model), model


@specimen("momentum forgotten", kind="optimizer")
def momentum_starts_anew():
    class ForgetfulMomentum(Momentum):
        def step(self):
            for p, g in self.model.parameters():
                v = torch.zeros_like(p)
                v = self.momentum * v + g
                p -= self.lr * v

    model = small_model()
    return ForgetfulMomentum(model), model


@specimen("wrong formula", kind="optimizer")
def adam_corrects_for_good():
    class InPlaceAdam(Adam):
        def step(self):
            self.t += 1
            for m, v, (p, g) in zip(self.m, self.v, self.model.parameters(), strict=True):
                m.mul_(self.beta1).add_((1 - self.beta1) * g)
                v.mul_(self.beta2).add_((1 - self.beta2) * g * g)
                m /= 1 - self.beta1**self.t
                p -= self.lr * m / ((v / (1 - self.beta2**self.t)).sqrt() + self.eps)

    model = small_model()
    return InPlaceAdam(model), model


@specimen("writes gradient", kind="optimizer")
def momentum_adds_into_gradient():
    class WritingMomentum(Momentum):
        def step(self):
            for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
                v.copy_(g.add_(v, alpha=self.momentum))
                p -= self.lr * v

    model = small_model()
    return WritingMomentum(model), model


@specimen("writes gradient", kind="optimizer")
def sgd_scales_gradient():
    class ScalingSGD(PairsSGD):
        def step(self):
            for p, g in self.pairs:
                g *= self.eta
                p -= g

    model = HandoutSequential()
    return ScalingSGD(model.param(), 0.05), model


@specimen("step size", kind="optimizer")
def sgd_divides_by_batch():
    class DividingSGD(minidl.SGD):
        def step(self):
            for p, g in self.model.parameters():
                p -= self.lr * g / 50

    model = small_model()
    return DividingSGD(model, lr=0.1), model


@specimen("no parameters", kind="optimizer")
def sgd_of_nothing():
    return PairsSGD([], 0.1), PlainTanh()


@specimen("unnamed", kind="optimizer")
def momentum_signs_mixed():
    class MixedMomentum(Momentum):
        def step(self):
            for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
                v.mul_(-self.momentum).add_(g)
                p -= self.lr * v

    model = small_model()
    return MixedMomentum(model), model


@specimen("gradient replaced", kind="optimizer")
def pairs_sgd_of_replacing_layer():
    layer = HandoutLinearReplaces()
    return PairsSGD(layer.param(), 0.1), layer


@specimen("never zeroed", kind="optimizer")
def sgd_zeroes_nothing():
    class Keeping(PairsSGD):
        def zero_grad(self):
            for _, g in self.pairs:
                g = torch.zeros_like(g)

    model = HandoutSequential()
    return Keeping(model.param(), 0.05), model


@specimen("used up", kind="optimizer")
def sgd_keeps_the_generator():
    class GeneratorSGD(PairsSGD):
        def __init__(self, pairs, eta):
            self.pairs, self.eta = pairs, eta

    model = small_model()
    return GeneratorSGD(model.parameters(), 0.05), model


@specimen("learning rate unused", kind="optimizer")
def sgd_without_rate():
    class RatelessSGD(PairsSGD):
        def step(self):
            for p, g in self.pairs:
                p -= g

    model = HandoutSequential()
    return RatelessSGD(model.param(), 0.05), model


@specimen("learning rate unused", kind="optimizer")
def adam_with_a_fixed_rate():
    class FixedAdam(Adam):
        def step(self):
            rate, self.lr = self.lr, 0.001
            super().step()
            self.lr = rate

    model = small_model()
    return FixedAdam(model, lr=0.05), model


@specimen("gradient unused", kind="optimizer")
def sgd_shrinks():
    class ShrinkingSGD(PairsSGD):
        def step(self):
            for p, _ in self.pairs:
                p -= self.eta * p

    model = HandoutSequential()
    return ShrinkingSGD(model.param(), 0.05), model


@specimen("gradient unused", kind="optimizer")
def update_of_the_first_gradient():
    class FirstGradient:
        def __init__(self, layer, lr):
            self.layer, self.lr, self.gradient = layer, lr, layer.dW + 1.0

        def update(self):
            self.layer.W -= self.lr * self.gradient
            self.layer.b -= self.lr * self.layer.db

    layer = NumpyLinear()
    return FirstGradient(layer, 0.1), layer


@specimen("momentum not lost", kind="optimizer")
def momentum_of_the_gradient():
    class PilingMomentum(Momentum):
        def step(self):
            for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
                v += self.momentum * g
                p -= self.lr * v

    model = small_model()
    return PilingMomentum(model), model


@specimen("momentum not lost", kind="optimizer")
def momentum_of_one():
    class HeavyMomentum(Momentum):
        def step(self):
            for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
                v += g
                p -= self.lr * v

    model = small_model()
    return HeavyMomentum(model), model
