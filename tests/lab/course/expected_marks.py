"""What six simulated students should get for five notebooks: written by hand, before there was anything that marks.

A letter stands for each exercise of a notebook, in its order.
"""

R, W, U, N = "right", "not right", "not done", "not found"
SYNTAX, NAME, LOOP, ENDS = (
    ("does not run", "syntax error"),
    ("does not run", "name is not there"),
    ("does not run", "time limit"),
    ("does not run", "ended its process"),
)

EXPECTED = {
    # all right; in 02 every check is deleted, and 13 has a file name of her own
    "Ada": {"01": [R, R], "02": [R, R, R, R, R], "03": [R, R, R, R, R], "08": [R, R, R, R], "13": [R, R]},
    # all wrong, with the classic mistakes; in 03 a solution was pasted under the notebook, with the solution's tag
    "Ben": {"01": [W, W], "02": [W, W, W, W, W], "03": [W, W, W, W, W], "08": [W, W, W, W], "13": [W, W]},
    # untouched, and every check cell forged: it says that all is right
    "Cem": {"01": [U, U], "02": [U, U, U, U, U], "03": [U, U, U, U, U], "08": [U, U, U, U], "13": [U, U]},
    # a syntax error, a loop in forward (which the judge itself notices), a loop in a cell, a kernel that is killed, a name that
    # is not there; in 03 a class has another name; in 08 `check` is redefined and everything is wrong; the rest is right
    "Dee": {
        "01": [SYNTAX, W],
        "02": [LOOP, R, ENDS, R, NAME],
        "03": [R, R, N, R, R],
        "08": [W, W, W, W],
        "13": [R, R],
    },
    # all right, with the cells in the reverse order, and with helpers and imports in cells of her own
    "Eva": {"01": [R, R], "02": [R, R, R, R, R], "03": [R, R, R, R, R], "08": [R, R, R, R], "13": [R, R]},
    # an old version's copy: all cells have other ids, and 13 had no confusion then; the rest is right
    "Fay": {"01": [R, R], "02": [R, R, R, R, R], "03": [R, R, R, R, R], "08": [R, R, R, R], "13": [R, N]},
}
