"""The notebooks as something to start, to hand out, to mark and to publish.

``files`` knows where they are, ``start`` puts them into a folder and opens them, ``handout`` makes students' copies of them,
for ``nbgrader`` too, ``marking`` marks what students hand in, ``pages`` makes web pages, on which ``strips`` let sliders move.
"""
