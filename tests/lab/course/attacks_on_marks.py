"""Attacks on the judge, the marks and the neighbours, by notebook: the cell of `Cube`, which is wrong, does something more.

The places in braces are filled in: {mark} is a file of the teacher's that should never be there, {classmate} a file of a
classmate's, {record} and {csv} the teacher's files, {port} a port at which somebody listens.
"""

from __future__ import annotations

WRONG = """
class Cube(Module):
    def forward(self, input):
        self.input = input
        return input**3
    def backward(self, grad_output):
        return 2 * self.input * grad_output
"""
REPORT = '{"status": "right", "text": "Right!", "mistakes": []}'
TO_ALL = f"""
import os
for number in range(3, 256):
    try:
        os.write(number, b'{REPORT}' + b'\\n')
    except OSError:
        pass
"""
IMPORTS = "from minidl import Module\n"
OWN = "\nCube = Cube"


def hidden(code: str) -> str:
    """Return code that runs some other code, which the text does not show."""
    spelled = "".join(chr((ord(sign) + 1) % 128) for sign in code)
    return f"eval('ex' + 'ec')(''.join(chr((ord(sign) - 1) % 128) for sign in {spelled!r}), globals())"


NOT_BELIEVED, NOT_RIGHT = "not believed", "not right"
ENDED = "does not run: ended its process"

ATTACKS = {
    # replies and messages
    "a forged reply, and the end": (WRONG + TO_ALL + "os._exit(0)", NOT_BELIEVED),
    "a forged reply, and then another one": (TO_ALL + WRONG, NOT_BELIEVED),
    "a forged reply that comes later": (
        WRONG
        + "import threading, time\ndef later():\n    while True:\n"
        + "".join(f"        {line}\n" for line in TO_ALL.splitlines())
        + "        time.sleep(0.001)\n"
        + "threading.Thread(target=later, daemon=True).start()",
        NOT_BELIEVED,
    ),
    "forged numbers": (
        WRONG + "import json, os\nfor number in range(3, 256):\n    try:\n"
        "        os.write(number, json.dumps({'played': [0, 0, 0]}).encode() + b'\\n')\n    except OSError:\n        pass",
        NOT_BELIEVED,
    ),
    "a report without an end": (
        "import os\nfor number in range(3, 256):\n    try:\n        os.write(number, b'x' * 5_000_000)\n"
        "    except OSError:\n        pass\n" + WRONG,
        NOT_BELIEVED,
    ),
    "says that it has ended well": (TO_ALL.replace(REPORT, '{"end": 0}') + WRONG, ENDED),
    # the judge
    "a redefined check": ("def check(id):\n    return True\n" + WRONG, NOT_RIGHT),
    "patches the judge": (
        "import minidl.lab.exercises.cell as cell\ncell.reply_to = lambda *_: 'right'\n" + WRONG,
        NOT_BELIEVED,
    ),
    "patches the judge, and hides it": (
        hidden(
            "import minidl.lab.exercises.kinds.layer as layer\n"
            "import minidl.lab.exercises.kinds as kinds\nkinds.Layer.judge = lambda self, answer: 'forward and backward'\n"
        )
        + WRONG,
        NOT_BELIEVED,
    ),
    "patches torch": ("import torch\ntorch.allclose = lambda *_, **__: True\n" + WRONG, NOT_BELIEVED),
    "patches torch, and hides it": (
        hidden(
            "import torch\ntorch.allclose = lambda *_, **__: True\n"
            "torch.isclose = lambda a, *_, **__: torch.ones_like(a, dtype=torch.bool)\n"
            "import minidl.lab.doctor.examination as e\n"
            "import minidl.lab.exercises.kinds.layer as layer\nlayer.complain = lambda *_: None\n"
            "layer.Layer._in_other_words = lambda *_: None\n"
        )
        + WRONG,
        NOT_BELIEVED,
    ),
    "looks into frames": (
        "import sys\nframe = sys._getframe()\nwhile frame:\n    frame = frame.f_back\n" + WRONG,
        NOT_BELIEVED,
    ),
    "looks into frames, and hides it": (
        hidden(
            "import sys\nframe = sys._getframe()\nwhile frame:\n"
            "    if 'asked' in frame.f_locals:\n        type(frame.f_locals['asked']).judge = lambda *_: 'it'\n"
            "    frame = frame.f_back\n"
        )
        + WRONG,
        NOT_BELIEVED,
    ),
    "takes the solution out of the exercise": (
        IMPORTS
        + hidden("from minidl.lab.exercises import exercise\nexec(exercise('01 cube').solution, globals())\n")
        + OWN,
        NOT_BELIEVED,
    ),
    "takes the solution from the disk": (
        IMPORTS
        + hidden(
            "import pathlib, types, minidl\nhome = pathlib.Path(minidl.__file__).parent\n"
            "text = (home / 'lab/exercises/notebooks/n01_module.py').read_text()\n"
            "module = types.ModuleType('stolen')\nexec(text, module.__dict__)\n"
            "exec([e for e in module.EXERCISES if e.name == 'Cube'][0].solution, globals())\n"
        )
        + OWN,
        NOT_BELIEVED,
    ),
    "takes the solution out of the memory": (
        IMPORTS
        + hidden(
            "import gc\nfor thing in gc.get_objects():\n"
            "    if type(thing).__name__ == 'Layer' and getattr(thing, 'name', '') == 'Cube':\n"
            "        exec(thing.solution, globals())\n"
        )
        + OWN,
        "does not run",
    ),
    # neighbours, files, processes
    "reads a neighbour's file": (
        "import os\nif os.path.exists('{classmate}'):\n    open('{mark}', 'w').write('x')\n"
        "exec(''.join(open('{classmate}')))\n" + WRONG,
        "does not run: raises",
    ),
    "writes into the table": (
        "for path in ('{record}', '{csv}', '{mark}'):\n    try:\n        open(path, 'a').write('x')\n"
        "    except OSError:\n        pass\n" + WRONG,
        NOT_RIGHT,
    ),
    "outlives its limit": (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(6)\n"
        "        open('{mark}', 'w').write('x')\n    os._exit(0)\n" + WRONG,
        NOT_RIGHT,
    ),
    "ends whatever it may": (
        "import os\ntry:\n    os.kill(os.getppid(), 9)\nexcept OSError:\n    pass\nos.kill(-1, 9)\n" + WRONG,
        "does not run",
    ),
    "asks the network": (
        "import socket\nsocket.create_connection(('127.0.0.1', {port}), 2).send(b'in')\n" + WRONG,
        "does not run: raises",
    ),
    "fills the memory": ("kept = []\nwhile True:\n    kept.append(bytearray(50_000_000))\n" + WRONG, "does not run"),
    # the table and the page
    "a formula and a script": (
        "raise ValueError('=HYPERLINK(\"http://x\")\\n=1+1 <script>alert(1)</script>')\n" + WRONG,
        "does not run: raises",
    ),
    "brackets without an end": ("Cube = " + "(" * 50_000, "does not run: syntax error"),
    "minus without an end": ("Cube = " + "-" * 100_000 + "1", "does not run: syntax error"),
}
VALUES = {  # of `messages`
    "a value that is equal to everything": (
        "class Equal(float):\n    def __eq__(self, other):\n        return True\nmessages = [Equal(0)] * 4",
        NOT_RIGHT,
    ),
    "a tensor that computes otherwise": (
        "import torch\nclass Mine(torch.Tensor):\n    @classmethod\n    def __torch_function__(cls, f, types, a=(), k=None):\n"
        "        return torch.ones(4, dtype=torch.bool)\nmessages = torch.zeros(4).as_subclass(Mine)",
        NOT_RIGHT,
    ),
}
