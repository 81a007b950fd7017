"""What a hostile student may hand in. Each attack is the text of a file, with a class that is looked for in the rows.

``{mark}`` is a file of the teacher's, outside of all that an examination may touch; ``{classmate}`` is one of another student.
An attack that works writes to ``{mark}``, or changes a classmate's file, row or verdict.
"""

from __future__ import annotations

LAYER = """
class Mine:
    def forward(self, x):
        return 1.0 * x
    def backward(self, g):
        return 2.0 * g
"""
TO_ALL = """
import os, json
for number in range(3, 64):
    try:
        os.write(number, b"\\n" + {what} + b"\\n")
    except OSError:
        pass
"""


def to_all(what: str) -> str:
    """Return an attack that writes what an expression gives to all that is open."""
    return TO_ALL.replace("{what}", what)


def filled(attack: str, **given: object) -> str:
    """Return an attack in which its names in braces stand for what is given, as a file."""
    for name, value in given.items():
        attack = attack.replace("{" + name + "}", str(value))
    return f"{attack}\n{LAYER}"


def row(**fields: object) -> dict[str, object]:
    """Return a row as the doctor would send it, with some of it changed. The attack is the second file of its folder."""
    return {"file": 1, "name": "Mine", "verdict": "well", "details": "", "findings": [], "notes": []} | fields


def sent(message: object) -> str:
    """Return an attack that sends a message over whatever is open."""
    return to_all(f"json.dumps({message!r}).encode()")


PICKLE = "import os, pickle\nclass Evil:\n    def __reduce__(self):\n        return os.system, ('touch {mark}',)\n"
FINDING = {"mistake": "raises", "lines": ["x"], "expected": None, "got": None}

# Behind the wall or not, these fail
ANYWHERE = {
    # What comes back
    "pickle": PICKLE + to_all("pickle.dumps(Evil())"),
    "pickle with a length before it": PICKLE
    + "import struct\n"
    + to_all("struct.pack('!i', len(pickle.dumps(Evil()))) + pickle.dumps(Evil())"),
    "a row about another file": sent(row(file=7)),
    "a row about the file beside it": sent(row(file=0)),
    "a row about a file by its name": sent(row(file="{classmate}")),
    "a row about a class that nobody asked for": sent(row(name="Theirs")),
    "a row with a script": sent(row(verdict="<script>alert(1)</script>")),
    "a page in a row": sent(row(page="<script>alert(1)</script>")),
    "a mistake that there is not": sent(row(verdict="wrong", findings=[FINDING | {"mistake": "=cmd()"}])),
    "a number for a text": sent(row(details=1)),
    "a verdict without findings": sent(row(verdict="wrong")),
    "well with findings": sent(row(findings=[FINDING])),
    "true for the file's number": sent(row(file=True)),
    "a text without an end": sent(row(details="x" * 10**6)),
    "a line without an end": to_all("b'x' * 5_000_000"),
    "lists in lists": to_all("b'[' * 200_000"),
    "a number too large": to_all("b'{\"end\": ' + b'9' * 100_000 + b'}'"),
    "no number": to_all("b'{\"end\": NaN}'"),
    "a value that has no such shape": sent(
        row(verdict="wrong", findings=[FINDING | {"got": {"shape": [10**9, 10**9], "values": []}}])
    ),
    "halves of signs": to_all('b\'{"file": "\\\\ud800"}\''),
    "no text at all": to_all("bytes(range(128, 256))"),
    # What it does to the table
    "a row again": sent(row()),
    "nothing to examine": sent(row(name="", verdict="nothing to examine")) + "os._exit(0)",
    "memory in a file without a name": "import os\nos.memfd_create('x')\nopen('{mark}', 'w').write('x')",
    # Processes
    "ends its process": "import os\nos._exit(3)",
    "kills itself": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "a stack without an end": "import sys, ctypes\nctypes.string_at(0)",
    "closes everything": "import os\nos.closerange(0, 256)",
    "waits for ever, and does not listen": "import signal, time\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\ntime.sleep(600)",
    "forks, and the child goes on": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
    "        time.sleep(6)\n        open('{mark}', 'w').write('x')\n    os._exit(0)",
    "a shell in the background": "import subprocess\n"
    "subprocess.Popen('sleep 6; touch {mark}', shell=True, start_new_session=True)",
    "a thread that goes on": "import threading, time\n"
    "threading.Thread(target=lambda: (time.sleep(6), open('{mark}', 'w').write('x'))).start()",
    # Files of the others, by where they would lie
    "rewrites a neighbour": "import glob\nfor name in glob.glob('../**/*.py', recursive=True):\n"
    "    open(name, 'w').write('raise SystemExit')",
    "a name that others import": "",  # its folder has a pandas.py, too
}

# These fail behind the wall only
BEHIND_THE_WALL = {
    "writes a file of the teacher's": "open('{mark}', 'w').write('x')",
    "rewrites a classmate's file": "open('{classmate}', 'w').write('raise SystemExit')",
    "deletes a classmate's folder": "import shutil, os\nshutil.rmtree(os.path.dirname('{classmate}'))",
    "reads a classmate's file": "import os\nif os.path.exists('{classmate}'):\n    open('{mark}', 'w').write('x')",
    "a link to the teacher's files": "import os\nos.symlink('{mark}', '/tmp/x')\nopen('/tmp/x', 'w').write('x')",
    "runs a command": "import os\nos.system('touch {mark}')",
    "writes through C": "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.close(libc.creat(b'{mark}', 0o644))",
    "asks the network": "import socket\nsocket.create_connection(('127.0.0.1', {port}), 2).send(b'in')",
    "looks for our processes": "import os\nfor pid in os.listdir('/proc'):\n"
    "    if pid.isdigit() and b'examine' in open(f'/proc/{pid}/cmdline', 'rb').read():\n        os.kill(int(pid), 9)",
    "ends whatever it may": "import os, signal\ntry:\n    os.kill(os.getppid(), 9)\nexcept OSError:\n    pass\nos.kill(-1, 9)",
    "reads our environment": "import os\nfor pid in os.listdir('/proc'):\n"
    "    if pid.isdigit() and b'SECRET_OF_OURS' in open(f'/proc/{pid}/environ', 'rb').read():\n"
    "        os.write(3, b'\\n')\n        open('/tmp/found', 'w')\n        SystemExit.found = 1\n"
    "assert not hasattr(SystemExit, 'found'), 'SECRET'",
    "changes the interpreter": "import os\nfor name in ('/proc/self/exe', os.path.realpath(os.sys.executable)):\n"
    "    try:\n        os.utime(name, (1, 1))\n    except OSError:\n        pass",
    "changes our modules": "import torch, os\nopen(os.path.join(os.path.dirname(torch.__file__), 'of_a_student.py'), 'w')",
    "takes rights back": "import ctypes\nassert ctypes.CDLL(None).mount(b'none', b'/mnt', b'tmpfs', 0, 0) != 0\n"
    "import os\nos.setuid(0)\nos.chroot('/proc/1/root')\nopen('{mark}', 'w').write('x')",
    "fills the memory with files": "for number in range(8):\n    with open(f'/tmp/{number}', 'wb') as file:\n"
    "        file.write(bytes(100_000_000))\nopen('{mark}', 'w').write('x')",
    "a namespace of its own": "import ctypes, os\nctypes.CDLL(None).unshare(0x10000000 | 0x20000)\n"
    "open('{mark}', 'w').write('x')",
}
