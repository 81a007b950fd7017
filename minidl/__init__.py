"""minidl: a small framework that teaches backpropagation, with every backward pass written by hand."""

from minidl.activations import ReLU, Sigmoid, Tanh
from minidl.linear import Linear
from minidl.losses import MSELoss
from minidl.module import Module
from minidl.optim import SGD
from minidl.sequential import Sequential

__all__ = ["SGD", "Linear", "MSELoss", "Module", "ReLU", "Sequential", "Sigmoid", "Tanh"]
__version__ = "0.2.0"
