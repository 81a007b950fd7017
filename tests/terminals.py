"""Terminals that nobody sits at, for programs that show more to people than to files; not for Windows."""

import os


def open_terminal() -> tuple[int, int]:
    """Return the file numbers of a terminal of 80 columns: what reads the screen, and what a program writes to."""
    import termios

    screen, program = os.openpty()
    termios.tcsetwinsize(program, (24, 80))
    return screen, program


def read_terminal(screen: int) -> bytes:
    """Return what comes next on the screen; nothing once the program has ended."""
    try:
        return os.read(screen, 4096)
    except OSError:  # the way Linux says it
        return b""
