"""A network that learns while one watches, and can be opened up at any step.

The way of a picture: `settings` says what is trained, and refuses what does not fit; `data` draws its points. `learner` trains,
step by step, with the same code as `train`, and takes a `look`: what the network answers all over the square, unit by unit.
`picture` makes one drawing of that look, of parts that `shades`, `units` and `curves` draw with `svg`; `opened` shows the last
step in numbers. `controls` are what one sets and presses; `widget` holds it all together and answers them.
"""

from minidl.lab.playground.data import DATA, data_set
from minidl.lab.playground.widget import Playground, playground

__all__ = ["DATA", "Playground", "data_set", "playground"]
