"""The exercises of each notebook, in a file of its own: n01_module for 01_module.ipynb, and so on. Each has a list EXERCISES.

The files: n01_module, n02_linear, n03_relu, n04_tanh, n05_sigmoid, n06_mse, n07_sequential, n08_sgd, n09_initialisation,
n10_disk_classification, n11_why_was_pytorch_faster, n12_your_own_layer, n13_digits,
n14_when_it_does_not_learn.
"""
