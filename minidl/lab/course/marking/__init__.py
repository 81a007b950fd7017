"""Marking what students hand in: ``minidl mark``.

`submissions` reads the files and tells which student's and which notebook's they are, `cells` what code is in them.
`transplant` finds the answers and the cells that they stand on. `marking` goes through all of them and keeps the rows. About
each answer, `verdicts` asks processes in which it is run (`running`): one with the judge (`judging`), and one without
(`playing`), which gives `evidence`. Values between them go as `crossing` writes them; what `reaching` sees at once is not run.
`rows` are what comes out; `tables` and `page` show them.
"""
