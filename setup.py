"""The compiled part of the virtual rig; everything else is in ``pyproject.toml``.

It is optional: without a C compiler the package installs all the same, and
opening a virtual camera says what to install.
"""

import runpy
from pathlib import Path

from setuptools import setup

# The package cannot be imported while it is built in isolation, so the file is run by its path.
build_file = Path(__file__).parent / "drivers" / "virtual" / "producer" / "gentl_build.py"
extension = runpy.run_path(str(build_file))["ffi_builder"].distutils_extension()
extension.optional = True
extension.py_limited_api = True

setup(ext_modules=[extension], options={"bdist_wheel": {"py_limited_api": "cp310"}})
