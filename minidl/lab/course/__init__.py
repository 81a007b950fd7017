"""The notebooks as something to hand out, to mark and to publish.

``files`` knows where they are, ``start`` puts them into a folder to work in, ``handout`` makes students' copies of them, for
``nbgrader`` too, ``marking`` marks what students hand in, ``pages`` makes web pages.
"""
