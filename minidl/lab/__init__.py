"""The lab: what the notebooks stand on. The framework knows nothing of it.

Every name here is one that a notebook or the command line imports; what serves only one of them lives in that one's folder.

===============================  =====================================================================================
disk, digits, network            the data of the course; the report's 2-25-25-25-2, written once
clinic                           data of a patient that are for the reader to examine
training                         the mini-batch loop, with history and progress bar
stacked                          R equal models as one stacked model, and back
torch_twin                       the same network in torch.nn; a hand-written module as a torch.autograd.Function
numeric                          numbers against formulas: central differences, agreement
show                             what Jupyter shows: sources side by side, a model as a table
interactive                      figures that follow sliders
playground                       a network that learns while one watches, and can be opened up at any step
figures                          what figures show: training, the disk, backprop, classes
proof                            formulas, written once, printed and proven
exercises                        what the check cells call, and what they reply
doctor                           examines a layer, loss or optimiser and names the mistake
experiment, report               repeated runs, recorded run by run; the report's Table 1 and figures
bench                            what a training step costs
course                           the notebooks as something to start, to hand out and to publish
folder                           folders to write to, and the project's own
arguments                        what functions are given: kinds as their signatures say, tensors of numbers
cli                              every command's arguments
===============================  =====================================================================================
"""

from minidl.lab import show

show.register()  # here, since every notebook imports something of the lab before it shows a model
