"""The compiled part of the virtual rig, and a README whose links lead to the repository.

Everything else is in ``pyproject.toml``. The compiled part is optional: without a C
compiler the package installs all the same, and opening a virtual camera says what to
install.
"""

import re
import runpy
import sys
import tomllib
from pathlib import Path

from setuptools import setup

_FOLDER = Path(__file__).parent
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)]+)\)")


def readme() -> str:
    """``README.md`` for a package index, where links relative to the repository lead nowhere."""
    project = tomllib.loads((_FOLDER / "pyproject.toml").read_text("utf-8"))["project"]
    source = project["urls"]["Source"]

    def absolute(link: re.Match[str]) -> str:
        picture, text, target = link.groups()
        return f"{picture}[{text}]({source}/{'raw' if picture else 'blob'}/main/{target})"

    return _LINK.sub(absolute, (_FOLDER / "README.md").read_text("utf-8"))


def compiled_part():  # type: ignore[no-untyped-def]
    """The producer's shared object."""
    # The package cannot be imported while it is built in isolation, so the file is run by its path.
    build_file = _FOLDER / "drivers" / "virtual" / "producer" / "gentl_build.py"
    extension = runpy.run_path(str(build_file))["ffi_builder"].distutils_extension()
    extension.optional = True
    extension.py_limited_api = True
    if sys.platform == "linux":
        # Python's own flags ask for debug information, which makes it three times as large.
        extension.extra_link_args.append("-s")
    return extension


setup(
    ext_modules=[compiled_part()],
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
    long_description=readme(),
    long_description_content_type="text/markdown",
)
