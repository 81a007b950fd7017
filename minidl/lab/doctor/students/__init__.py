"""The doctor for a whole course: every layer, loss and optimiser in folders of students' files.

`files` finds the projects, told by `outlines` of their files, and `visits` has each examined: on a private copy (`copies`),
in one of the `processes` that a `server` makes, behind a `wall`. There `worker` loads it as a `project`, by a way of
`importing` of our own, and `loading` finds what it holds, `pairing` its functions; `building` builds that (`built`), as the
project's `own_calls` do, with `guesses` that fit (`preparing`, `repairing`, `configuring`), or as `cases` say, and `examining`
has it examined, the best of several `tries` (`functions` what is written as such, `optimizing` optimisers, `networks` those in
one piece, by `judging` their gradients), and what is well in further `variants` and `windows`; what no batch shows is examined
`in_place`, by `loose_calls` with all that a method wants, or by `recording` what one of the project's `own_networks` calls it
with, as that is used (`uses`). `conventions` say what is no mistake there. Out of each class comes one of `rows`, which crosses
to us as text that is believed only where it can be; `tables` shows them all, and `writing` keeps them.
"""

from minidl.lab.doctor.students.files import find
from minidl.lab.doctor.students.processes import Settings
from minidl.lab.doctor.students.visits import examine_projects
from minidl.lab.doctor.students.wall import NoWall

__all__ = ["NoWall", "Settings", "examine_projects", "find"]
