"""``python -m minidl``, for people who are not in a notebook: ``minidl.lab.cli`` has the commands."""

import sys

from minidl.lab.cli import main

if __name__ == "__main__":
    sys.exit(main())
