"""The program's own window: opened by ``run``, ended by SIGINT."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from app.session.config import SessionConfig
from tests.patience import LONGEST_S

_PROGRAM = """
import gc
import sys
import threading
import time
from app.session.config import SessionConfig
from app.gui import run
from app.session.session import Session
from drivers.camera_settings import ExposureSettings

config = SessionConfig(camera=sys.argv[1], line_time_us=10.0,
                       settings=ExposureSettings(exposure_us=1000.0))

def when_running():
    while session.newest_restored() is None:
        time.sleep(0.05)
    {then}

with Session(config) as session:
    threading.Thread(target=when_running).start()
    try:
        status = run(session)
    except ZeroDivisionError as error:
        status = f"told: {{error}}"
    else:
        if any(type(each).__name__ == "MainWindow" for each in gc.get_objects()):
            status = "left to another thread to free"
print("ended in order", session.state.value, status, flush=True)
"""

_WINDOWS = """
import gc
import sys
import threading
import time
from app.session.config import SessionConfig
from app.gui import run
from app.session.session import Session

ended = threading.Event()

def collect_garbage():
    while not ended.wait(0.0005):
        gc.collect(1)

with Session(SessionConfig(camera=sys.argv[1], model=None)) as session:
    threads = [threading.Thread(target=collect_garbage) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        run(session, 0.02)
    ended.set()
print("all closed")
"""


def _program(then: str) -> str:
    """``then`` is done once a picture has been restored."""
    return _PROGRAM.format(then=then)


def start(program: str, config: SessionConfig, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", program, config.camera],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(
            os.environ,
            QT_QPA_PLATFORM="offscreen",
            XDG_CONFIG_HOME=str(folder),
            PYTHONFAULTHANDLER="1",
        ),
        cwd=Path(__file__).resolve().parents[3],
    )


def test_sigint_ends_the_window_in_order(replay_config: SessionConfig, tmp_path: Path) -> None:
    with start(_program("print('running', flush=True)"), replay_config, tmp_path) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "running\n"
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=LONGEST_S)
        finally:
            process.kill()
    assert output == "ended in order closed 0\n"
    assert "Traceback" not in errors
    assert process.returncode == 0


def test_a_defect_in_the_window_ends_it_in_order_and_is_told(
    replay_config: SessionConfig, tmp_path: Path
) -> None:
    defect = "session.frame_of = lambda metadata: 1 // 0"
    with start(_program(defect), replay_config, tmp_path) as process:
        try:
            output, errors = process.communicate(timeout=LONGEST_S)
        finally:
            process.kill()
    assert output.startswith("ended in order closed told: ")
    assert "core dumped" not in errors
    assert process.returncode == 0


def test_other_threads_collect_no_garbage_of_a_window(
    replay_config: SessionConfig, tmp_path: Path
) -> None:
    with start(_WINDOWS, replay_config, tmp_path) as process:
        try:
            output, errors = process.communicate(timeout=LONGEST_S)
        finally:
            process.kill()
    assert output == "all closed\n", errors
    assert process.returncode == 0
