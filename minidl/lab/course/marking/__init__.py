"""Marking what students hand in: ``minidl mark``.

`command` is what the command line calls. `submissions` reads what was handed in, `students` tells whose it is, `class_list` who
should have handed in something; `works` tells which notebook a file is, and `cells` what code is in it. `transplant` finds the
answers and the cells that they stand on. `marking` goes through all of them and keeps the rows. About
each answer, `verdicts` asks processes in which it is run (`running`): one with the judge (`judging`), and one without
(`playing`), which gives `evidence`. Values between them go as `crossing` writes them; what `reaching` sees at once is not run.
`rows` are what comes out; `overrides` has what the teacher decides otherwise; `tables`, `page` and `spreadsheets` show them.
"""
