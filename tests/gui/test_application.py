"""The program's own window: opened by ``run``, ended by SIGINT."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from app.config import SessionConfig

_PROGRAM = """
import sys
import threading
import time
from app.config import SessionConfig
from app.gui import run
from app.session import Session
from drivers.camera import ExposureSettings

config = SessionConfig(camera=sys.argv[1], line_time_us=10.0,
                       settings=ExposureSettings(exposure_us=1000.0))

def tell_when_running():
    while session.newest_restored() is None:
        time.sleep(0.05)
    print("running", flush=True)

with Session(config) as session:
    threading.Thread(target=tell_when_running).start()
    status = run(session)
print("ended in order", session.state.value, status, flush=True)
"""


def test_sigint_ends_the_window_in_order(replay_config: SessionConfig, tmp_path: Path) -> None:
    environment = dict(
        os.environ, QT_QPA_PLATFORM="offscreen", XDG_CONFIG_HOME=str(tmp_path), LANG="C.UTF-8"
    )
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, replay_config.camera],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=Path(__file__).resolve().parents[2],
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "running\n"
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert output == "ended in order closed 0\n"
    assert errors == ""
    assert process.returncode == 0
