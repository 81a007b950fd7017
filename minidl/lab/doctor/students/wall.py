"""The wall: bubblewrap gives each project a system of its own, without a network, without a neighbour, without your files.

``bwrap`` makes the namespaces and waits in them (`Wall`); the process that is to run a student's code steps in (`enter`).
It comes with PyTorch loaded, which is why it is not started by ``bwrap`` itself: loading takes two seconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import numpy
import torch

CAPABILITY_VERSION, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 0x20080522, 24, 38  # Linux's numbers for these
MINIDL = Path(__file__).resolve().parents[3]
NS_GET_USERNS = 0xB701
INSIDE = Path("/project")  # where the private copy is seen
NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
PATIENCE = 10.0  # seconds until a wall has to stand
ROOM = 256 * 2**20  # bytes of /tmp
SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/etc/ld.so.cache", "/etc/localtime", "/etc/fonts")


class NoWall(Exception):  # noqa: N818
    """There is no bubblewrap here, or it may not do its work; the text says which."""


def arguments(copy: Path, hidden: Sequence[Path] = ()) -> list[str]:
    """Return the command that builds a wall around a private copy, says a line when it stands, and falls when input ends.

    The hidden folders are empty behind it.
    """
    command = [_program(), "--unshare-all", "--die-with-parent", "--cap-drop", "ALL", "--clearenv", "--new-session"]
    command += ["--as-pid-1"]  # when it ends, everything inside does
    for path in SYSTEM:
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        else:
            command += ["--ro-bind-try", path, path]
    size = ["--size", str(ROOM)] if b"--size" in _help() else []
    command += ["--proc", "/proc", "--dev", "/dev", *size, "--tmpfs", "/tmp"]
    for path in _interpreter():  # after /tmp, which would cover an environment that lies there
        command += ["--ro-bind", path, path]
    for path in _seen_as(hidden):
        command += ["--tmpfs", path, "--remount-ro", path]
    command += ["--ro-bind", str(copy), f"{INSIDE}/{copy.name}", "--chdir", "/tmp", "--hostname", "student"]
    command += [
        "--remount-ro",
        "/dev",
        "--remount-ro",
        "/",
    ]  # else what is written there would lie in memory, without a limit
    return [*command, "/bin/sh", "-c", "echo stands; exec cat"]


def _program() -> str:
    found = shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin")
    if found is None:
        raise NoWall("bubblewrap is not installed")
    return found


@functools.cache
def _help() -> bytes:
    return subprocess.run([_program(), "--help"], capture_output=True, check=False).stdout


def _interpreter() -> list[str]:
    """Return the folders that Python and its packages need, without those that /usr holds."""
    here = [sys.prefix, sys.base_prefix, str(MINIDL), *trusted_path()[:-1]]
    real = {os.path.abspath(path) for path in here} | {os.path.realpath(path) for path in here}
    forbidden = {"/", "/usr", "/home", "/root", "/tmp", os.path.expanduser("~")}
    return sorted(path for path in real - forbidden if os.path.exists(path) and not path.startswith(("/usr/", "/lib")))


def _seen_as(folders: Sequence[Path]) -> list[str]:
    """Return all places behind the wall at which folders are seen: a link may lead to the same place as another path."""
    found = set()
    for folder in map(os.path.realpath, folders):
        for path in (*SYSTEM, *_interpreter()):
            real = os.path.realpath(path)
            if os.path.isdir(real) and not os.path.islink(path) and os.path.commonpath([real, folder]) == real:
                found.add(os.path.normpath(os.path.join(path, os.path.relpath(folder, real))))
    return sorted(found)


def trusted_path() -> list[str]:
    """Return where packages are found, last minidl itself: not the folder from which somebody happens to call."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    found = [sysconfig.get_path(name) for name in names]
    found += [os.path.dirname(os.path.dirname(os.path.abspath(package.__file__))) for package in (numpy, torch)]
    found += [path for path in sys.path if path.endswith(("lib-dynload", "site-packages", "dist-packages", ".zip"))]
    found = [path for path in dict.fromkeys(found) if os.path.isabs(path) and os.path.exists(path)]
    own = str(MINIDL.parent)
    return [*(path for path in found if path != own), own]


class Wall:
    """A wall that stands around a private copy, until it is taken down, or this process ends in whatever way.

    Raises
    ------
    NoWall
        Where it cannot be built.
    """

    def __init__(self, copy: Path, hidden: Sequence[Path] = ()) -> None:
        reading, writing = os.pipe()
        try:
            command = arguments(copy, hidden)
            command[1:1] = ["--info-fd", str(writing)]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # the system closes it when this process is gone
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(writing,),
                env={},
                cwd="/",
            )
        finally:
            os.close(writing)
        with open(reading, "rb") as info:
            ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
            said = self._process.stdout.readline() if ready else b""
            if said != b"stands\n":
                self._process.kill()
                _, words = self._process.communicate()
                raise NoWall(words.decode(errors="replace").strip().split("\n")[0] or "bubblewrap does not answer")
            self.pid = json.loads(info.read())["child-pid"]

    def fall(self) -> None:
        """Take it down, and with it whatever runs behind it."""
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)  # the first process inside: the system ends all others with it
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.stderr.close()


def enter(pid: int) -> None:
    """Step behind the wall in which a process waits; the children of this process will be there for good, without rights."""
    import fcntl  # not known to every system

    libc = ctypes.CDLL(None, use_errno=True)
    spaces = {name: os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY) for name in NAMESPACES}
    # Of an ordinary user's wall, the space of rights lies in another one, and the rest belongs to the outer one of the two
    outer = fcntl.ioctl(spaces["pid"], NS_GET_USERNS)
    order = [("user", outer)]
    order += [(name, spaces[name]) for name in ("pid", "net", "ipc", "uts", "cgroup", "mnt")]
    if os.fstat(outer).st_ino != os.fstat(spaces["user"]).st_ino:
        order.append(("user", spaces["user"]))
    here = {name: os.stat(f"/proc/self/ns/{name}").st_ino for name in NAMESPACES}
    for name, number in order:
        if os.fstat(number).st_ino != here[name] and libc.setns(number, 0) != 0:
            raise NoWall(f"stepping behind it: {os.strerror(ctypes.get_errno())} ({name})")
    for number in {outer, *spaces.values()}:
        os.close(number)
    os.chdir("/tmp")
    for right in range(64):
        libc.prctl(PR_CAPBSET_DROP, right, 0, 0, 0)
    header, none = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    if libc.capset(header, none) != 0 or libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise NoWall("rights cannot be given up")
