"""The doctor for a whole course: every layer, loss and optimiser in folders of students' files.

`files` finds the projects, told by `outlines` of their files, and `processes` has each examined: on a private copy
(`copies`), in a process of its own that a `server` makes, behind a `wall`. There `worker` loads it as a `project`, by a way of
`importing` of our own; `building` builds what it holds, with arguments that fit, and `examining` has it examined. Out of each
class comes one of `rows`, which crosses to us as text that is believed only where it can be; `tables` shows them all.
"""

from minidl.lab.doctor.students.files import find
from minidl.lab.doctor.students.processes import Settings, examine_projects
from minidl.lab.doctor.students.wall import NoWall

__all__ = ["NoWall", "Settings", "examine_projects", "find"]
