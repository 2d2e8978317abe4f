"""Where a report comes from: what every page says at its top or its end."""

import platform
import shlex
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("numpy", "opencv-python-headless", "torch", "acquire-zarr", "harvesters", "av")


def program_text() -> str:
    """Name and version of the program."""
    return f"ngs {version('neural-global-shutter')}"


def machine_text() -> str:
    """System and Python."""
    return f"{platform.platform()}, Python {platform.python_version()}"


def versions_text() -> str:
    """The packages that most depends on, those that are installed."""

    def installed() -> Iterator[str]:
        for name in _PACKAGES:
            with suppress(PackageNotFoundError):
                yield f"{name} {version(name)}"

    return ", ".join(installed())


def command_text() -> str:
    """The command line, as a shell takes it again."""
    return shlex.join(["ngs", *sys.argv[1:]])
