"""A signal ends the program wherever it strikes, also where an exception would be lost."""

import signal
import subprocess
import sys

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


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
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
