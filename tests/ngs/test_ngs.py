"""``import ngs``: light, complete, and typed."""

import subprocess
import sys

import ngs
from tests.ngs.shadowed import run


def test_importing_ngs_loads_nothing_heavy() -> None:
    program = (
        "import ngs, sys\n"
        "loaded = {'torch', 'numpy', 'cv2', 'PyQt6', 'harvesters', 'app'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_every_name_is_documented_and_has_an_example() -> None:
    assert ngs.__doc__ is not None
    for name in ngs.__all__:
        assert getattr(ngs, name).__doc__, name
        assert f"ngs.{name}" in ngs.__doc__, name


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(ngs, "open_window")
    assert "open_camera" in dir(ngs)


def test_python_m_ngs_is_the_command_line() -> None:
    ended = run([sys.executable, "-m", "ngs", "models"])
    assert ended.returncode == 0, ended.stderr
    assert "row-gain" in ended.stdout
