"""The project's figures, in one style. They are told apart by what they show.

============  ======================================================================================================
``history``   what happened in trainings: ``training_history``, ``means``, ``final_errors``, ``bands``, ``comparison``,
              ``differences``
``square``    the unit square with the disk: ``points``, ``decision_regions``, ``film``, ``zero_lines``
``backprop``  values and gradients: ``entries``, ``matrix_product``, ``activation``, ``lines``, ``gradient_flow``, ``flow``,
              ``chain``, ``network``, ``descent``, ``squares``
``classes``   pictures and their classes: ``digit_images``, ``confusion_matrix``
``style``     what all of these share: colours, line styles, markers, ``new_axes``, ``new_row``, ``save``
``shown``     what Jupyter shows of a figure: ``use_style``
============  ======================================================================================================

Every figure takes ``ax=None`` (axes to draw into; new ones if left out) and returns the axes; none calls ``show``.

To add one, write a function in the file of what it shows. Decorate it with ``in_style``, begin with
``ax = new_axes(ax, size=...)``, and take colours, line styles and markers from ``style``, so that colour never stands alone.
Its name goes into this table and is handed on below; give it a line in ``DRAW`` in ``tests/lab/figures/test_every_figure.py``.
"""

from minidl.lab.figures.backprop import (
    activation,
    chain,
    descent,
    entries,
    flow,
    gradient_flow,
    lines,
    matrix_product,
    network,
    squares,
)
from minidl.lab.figures.classes import confusion_matrix, digit_images
from minidl.lab.figures.history import bands, comparison, differences, final_errors, means, training_history
from minidl.lab.figures.shown import use_style
from minidl.lab.figures.square import decision_regions, film, points, zero_lines
from minidl.lab.figures.style import new_axes, new_row, save
