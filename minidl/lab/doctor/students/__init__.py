"""The doctor for a whole course: every layer, loss and optimiser in a folder of students' files.

`files` finds the files, `processes` gives each a process of its own, in which `loading` imports it, `building` builds what
it holds, with arguments that fit, and `examining` has it examined. Out of each class comes one of `rows`, and `tables` shows
them all.
"""

from minidl.lab.doctor.students.building import CannotBuild
from minidl.lab.doctor.students.files import find
from minidl.lab.doctor.students.processes import examine_files
from minidl.lab.doctor.students.tables import page, table, write_csv

__all__ = ["examine_files", "find", "page", "table", "write_csv"]
