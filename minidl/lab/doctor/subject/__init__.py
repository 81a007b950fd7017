"""The thing examined, somebody's layer, loss or optimiser: whatever touches it happens here.

`names` and `values` know how students call things and write numbers. `inside` finds what an object holds, `paths` reads
and writes it, `parameters` tells which of it are parameters and their gradients, `copies` makes copies of all of it, and
`stubs` recognises what is still to be written. `calls` runs the student's code and turns what it raises into a
`StudentError`; `arithmetic` sees what goes wrong in a calculation first. On these stand `subject`, with the `Subject`
itself, and `acquaintance`, which finds out what it is like.
"""
