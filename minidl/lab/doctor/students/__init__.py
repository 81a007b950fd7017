"""The doctor for a whole course: every layer, loss and optimiser in a folder of students' files.

`command` has the arguments of ``python -m minidl examine``. `files` finds the files, `processes` gives each a process of its
own, in which `loading` imports it, `building` builds what it holds, with arguments that fit, and `examining` has it
examined. Out of each class comes one of `rows`, and `tables` shows them all.
"""
