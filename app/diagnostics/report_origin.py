"""Where a report comes from: what every page says at its top or its end."""

import platform
import shlex
import sys
from importlib.metadata import version


def program_text() -> str:
    """Name and version of the program."""
    return f"ngs {version('neural-global-shutter')}"


def machine_text() -> str:
    """System and Python."""
    return f"{platform.platform()}, Python {platform.python_version()}"


def command_text() -> str:
    """The command line, as a shell takes it again."""
    return shlex.join(["ngs", *sys.argv[1:]])
