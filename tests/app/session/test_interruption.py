"""A signal ends the program wherever it strikes, also where an exception would be lost."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import LONGEST_S

STRUCK_INSIDE_THE_PRODUCER = """
import signal, sys, threading
from app.cli import main
from drivers.virtual.producer import system_functions

unharmed = system_functions.read_registers

def struck(*arguments):
    if threading.current_thread() is threading.main_thread():
        system_functions.read_registers = unharmed
        print("struck")
        signal.raise_signal(signal.SIGTERM)
    return unharmed(*arguments)

system_functions.read_registers = struck
sys.argv = ["ngs", "live", "--headless", "--seconds", "600", "--model", "row-gain"]
main()
"""

STRUCK_WHILE_AN_OBJECT_IS_DELETED = """
import signal, time
from app.session import interruption

class Doomed:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

with interruption.heard():
    try:
        Doomed()
        time.sleep(600)
    except KeyboardInterrupt:
        print("struck")
    print(interruption.exit_status())
"""

SWALLOWED_BY_A_LIBRARY = """
import signal, time
from app.session import interruption

interruption._SWALLOWED_S = 0.1
ways = []
with interruption.heard():
    try:
        signal.raise_signal(signal.SIGTERM)
    except:
        ways.append("swallowed")
    try:
        try:
            time.sleep(600)
        finally:
            for _ in range(50):
                time.sleep(0.01)
            ways.append("in order")
    except KeyboardInterrupt:
        interruption.taken()
        time.sleep(0.5)
        ways.append("taken")
    print(*ways, interruption.exit_status(), sep=", ")
"""

AGAIN_WHILE_A_FIFO_HAS_NO_READER = """
import os, signal, sys
from pathlib import Path
from app.session import interruption
from drivers.atomic_file import waiting_told_by, write_file
from drivers.errors import StoppedByOperatorError

os.mkfifo(sys.argv[1])
with interruption.heard(), waiting_told_by(lambda _: signal.raise_signal(signal.SIGINT)):
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        interruption.taken()
        signal.raise_signal(signal.SIGINT)
        print("finishes")
    try:
        write_file(Path(sys.argv[1]), b"report")
    except StoppedByOperatorError as error:
        print("waited for its reader" in str(error), interruption.exit_status())
"""

STRUCK_WHILE_A_TEXT_IS_EXECUTED = """
import signal, sys
from app.session import interruption

with interruption.heard():
    try:
        exec("signal.raise_signal(signal.SIGTERM)")  # as dataclasses do
    except KeyboardInterrupt:
        sys.exit(interruption.exit_status())
"""


def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )


def test_inside_the_producer_it_waits_until_c_has_returned() -> None:
    ended = run(STRUCK_INSIDE_THE_PRODUCER)
    assert ended.returncode == 128 + signal.SIGTERM, ended.stderr
    assert ended.stdout == "struck\n"
    assert "ignored" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_while_an_object_is_deleted_it_comes_a_moment_later() -> None:
    ended = run(STRUCK_WHILE_AN_OBJECT_IS_DELETED)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "struck\n130\n", "")


def test_what_a_library_swallowed_is_raised_again_and_disturbs_no_end_in_order() -> None:
    ended = run(SWALLOWED_BY_A_LIBRARY)
    assert (ended.returncode, ended.stdout, ended.stderr) == (
        0,
        "swallowed, in order, taken, 143\n",
        "",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="FIFOs of POSIX")
def test_a_second_signal_ends_the_wait_for_a_reader_and_nothing_else(tmp_path: Path) -> None:
    ended = run(AGAIN_WHILE_A_FIFO_HAS_NO_READER, str(tmp_path / "pipe"))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "finishes\nTrue 143\n", "")


def test_while_a_text_is_executed_the_status_tells_the_signal(tmp_path: Path) -> None:
    """As a module, ``python -m ngs``: CPython ended the process by SIGINT then."""
    (tmp_path / "struck.py").write_text(STRUCK_WHILE_A_TEXT_IS_EXECUTED, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "struck"], cwd=tmp_path, timeout=LONGEST_S, check=False
    )
    assert ended.returncode == 128 + signal.SIGTERM
