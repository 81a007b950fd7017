"""The notebooks as something to start, to hand out and to publish.

``files`` knows where they are, ``start`` puts them into a folder and opens them, ``handout`` makes students' copies of them,
``pages`` makes web pages.
"""
