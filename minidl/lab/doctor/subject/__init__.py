"""The thing examined, somebody's layer, loss, optimiser or loop: whatever touches it happens here.

`names` and `values` know how students call things and write numbers, and `roles` what the arguments of their methods are for.
`inside` finds what an object holds, `paths` reads and writes it, `parameters` tells which of it are parameters and their
gradients, `copies` makes copies of all of it, and `stubs` recognises what is still to be written. `calls` runs the student's
code and turns what it raises into a `StudentError`, and `arithmetic` sees what goes wrong in a calculation first.
`conventions` translates where forward and backward are called in other ways than the contract says, and `stepping` where an
optimiser's step is, with `stand_ins` where it has no network. `functions` and `step_functions` find layers, losses and
optimisers that are written as functions, and `of_functions` makes objects of such, and `adapters` of classes that take one
sample; `graphs` does of those that leave backward to an autograd of the project's own. On these stand `subject`, with the
`Subject` itself, `fitting`, which tries which convention it has (of the `argument_orders` that there are), and `acquaintance`,
which finds out what else it is like. `loops` tells what the arguments of a training loop are for, `networks` how those are
called that are written in one piece, and `own_loops` how those that train themselves. `traces` keep a layer's forward and
backward as somebody has called them, so that the forward can be repeated.
"""
