"""What each kernel of the visited JupyterLab begins with: it stays at home, and remembers what each cell left behind.

The notebook finds an empty namespace all the same.
"""


def prepare(shell):
    import sys
    import time

    names, left, start = shell.user_ns, {}, []

    def stay(event, arguments):
        if event == "socket.getaddrinfo" and arguments[0] not in (None, "localhost", "127.0.0.1", "::1"):
            raise OSError(f"{arguments[0]} is not on this machine")

    def begin(info):
        start[:] = [time.monotonic()]

    def remember(result):
        if result.info.cell_id not in left:
            left[result.info.cell_id] = time.monotonic() - start[0], dict(names)

    def return_to(cell_id):
        """Let all names be what they were after the first run of a cell; return how many seconds that had taken."""
        seconds, names_then = left[cell_id]
        names.clear()
        names.update(names_then)
        return seconds

    sys.addaudithook(stay)
    shell.events.register("pre_run_cell", begin)
    shell.events.register("post_run_cell", remember)
    shell.return_to = return_to


prepare(get_ipython())  # noqa: F821  IPython runs this file
del prepare
