"""Optimisers."""

from __future__ import annotations

import torch

import minidl
from specimens.accumulators import HandoutLinearReplaces
from specimens.collection import specimen
from specimens.right_containers import HandoutSequential
from specimens.right_layers import NumpyLinear, PlainLinear, PlainTanh
from specimens.right_optimisers import (
    Adam,
    DecayingSGD,
    DictSGD,
    Momentum,
    Nesterov,
    NumpyAdaGrad,
    NumpySGD,
    PairsSGD,
    RMSprop,
    small_model,
)


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


@specimen("learning rate twice", kind="optimizer")
def sgd_with_the_rate_twice():
    class TwiceSGD(PairsSGD):
        def step(self):
            for p, g in self.pairs:
                way = self.eta * g
                p -= self.eta * way

    model = HandoutSequential()
    return TwiceSGD(model.param(), 0.05), model


@specimen("learning rate twice", kind="optimizer")
def momentum_with_the_rate_twice():
    class TwiceMomentum(Momentum):
        def step(self):
            for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
                v.mul_(self.momentum).add_(self.lr * g)
                p -= self.lr * v

    model = small_model()
    return TwiceMomentum(model), model


@specimen("velocity started wrong", kind="optimizer")
def momentum_starts_from_ones():
    class OnesMomentum(Momentum):
        def __init__(self, model):
            super().__init__(model)
            self.velocity = [torch.ones_like(p) for p, _ in model.parameters()]

    model = small_model()
    return OnesMomentum(model), model


@specimen("velocity started wrong", kind="optimizer")
def momentum_starts_from_the_parameters():
    class CopyingMomentum:
        def __init__(self, layer, lr, mu):
            self.layer, self.lr, self.mu = layer, lr, mu
            self.kept = {name: getattr(layer, name).copy() for name in ("W", "b")}

        def step(self):
            for name, v in self.kept.items():
                v *= self.mu
                v += getattr(self.layer, "d" + name)
                getattr(self.layer, name)[...] -= self.lr * v

    layer = NumpyLinear()
    layer.b += 0.3
    return CopyingMomentum(layer, 0.1, 0.8), layer


@specimen("decay with the wrong sign", kind="optimizer")
def sgd_grows():
    class GrowingSGD(DecayingSGD):
        def step(self):
            for p, g in self.model.parameters():
                p -= self.lr * (g - self.weight_decay * p)

    model = small_model()
    return GrowingSGD(model), model


@specimen("decay with the wrong sign", kind="optimizer")
def momentum_grows():
    class GrowingMomentum(DecayingSGD):
        def step(self):
            for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
                v.mul_(self.momentum).add_(g - self.weight_decay * p)
                p -= self.lr * v

    model = small_model()
    return GrowingMomentum(model, momentum=0.9), model


@specimen("decay outside the step", kind="optimizer")
def sgd_decays_without_the_rate():
    class OutsideSGD(DecayingSGD):
        def step(self):
            for p, g in self.model.parameters():
                p -= self.lr * g
                p *= 1 - self.weight_decay

    model = small_model()
    return OutsideSGD(model), model


@specimen("decay outside the step", kind="optimizer")
def numpy_sgd_decays_outside():
    class OutsideNumpySGD(NumpySGD):
        def __init__(self, layer, lr, l2):
            super().__init__(layer, lr)
            self.l2 = l2

        def step(self):
            super().step()
            self.layer.W -= self.l2 * self.layer.W
            self.layer.b -= self.l2 * self.layer.b

    layer = NumpyLinear()
    return OutsideNumpySGD(layer, 0.1, 0.03), layer


@specimen("wrong formula", kind="optimizer")
def rmsprop_without_root():
    class RootlessRMSprop(RMSprop):
        def step(self):
            for v, (p, g) in zip(self.v, self.model.parameters(), strict=True):
                v.mul_(self.rho).add_((1 - self.rho) * g * g)
                p -= self.lr * g / (v + self.eps)

    model = small_model()
    return RootlessRMSprop(model), model


@specimen("momentum forgotten", kind="optimizer")
def rmsprop_without_memory():
    class ForgetfulRMSprop(RMSprop):
        def step(self):
            for v, (p, g) in zip(self.v, self.model.parameters(), strict=True):
                v = self.rho * v + (1 - self.rho) * g * g
                p -= self.lr * g / (v.sqrt() + self.eps)

    model = small_model()
    return ForgetfulRMSprop(model), model


@specimen("wrong formula", kind="optimizer")
def rmsprop_without_square():
    class SquarelessRMSprop(RMSprop):
        def step(self):
            for v, (p, g) in zip(self.v, self.model.parameters(), strict=True):
                v.mul_(self.rho).add_((1 - self.rho) * g)
                p -= self.lr * g / (v.sqrt() + self.eps)

    model = small_model()
    return SquarelessRMSprop(model), model


@specimen("wrong formula", kind="optimizer")
def numpy_adagrad_without_root():
    class RootlessAdaGrad(NumpyAdaGrad):
        def update(self):
            for name in ("W", "b"):
                p, g = getattr(self.layer, name), getattr(self.layer, "d" + name)
                self.h[name] = self.h.get(name, 0) + g * g
                p -= self.lr * g / (self.h[name] + self.epsilon)

    layer = NumpyLinear()
    return RootlessAdaGrad(layer), layer


@specimen("momentum forgotten", kind="optimizer")
def numpy_adagrad_without_memory():
    class ForgetfulAdaGrad(NumpyAdaGrad):
        def update(self):
            self.h.clear()
            super().update()

    layer = NumpyLinear()
    return ForgetfulAdaGrad(layer), layer


class LateNesterov(Nesterov):
    def step(self):
        for v, (p, g) in zip(self.velocity, self.model.parameters(), strict=True):
            v.mul_(self.momentum).sub_(self.lr * g)
            p += self.momentum**2 * v - (1 + self.momentum) * self.lr * g


@specimen("wrong formula", kind="optimizer")
def nesterov_with_the_new_velocity():
    model = small_model()
    return LateNesterov(model), model


class LateNesterovOfPairs:
    def __init__(self, model, mu=0.8, eta=0.05):
        self.model, self.mu, self.eta, self.last = model, mu, eta, {}

    def step(self):
        for i, (p, g) in enumerate(self.model.parameters()):
            self.last[i] = self.mu * self.last.get(i, 0.0) - self.eta * g
            p.add_(self.mu**2 * self.last[i] - (1 + self.mu) * self.eta * g)


@specimen("wrong formula", kind="optimizer")
def nesterov_by_hand_with_the_new_velocity():
    model = small_model()
    return LateNesterovOfPairs(model), model
