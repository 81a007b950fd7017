"""The notebooks as something to hand out and to publish.

``files`` knows where they are, ``handout`` makes students' copies of them, ``pages`` makes web pages.
"""
