"""The life of a camera in processes that may crash or hang: ``python -m`` LIMIT PRODUCER...

Every producer gets a process of its own, forked after the imports. The last line written is
a list of exit statuses: negative for a signal, null for a process that hung and was killed.
"""

import json
import logging
import os
import resource
import signal
import sys
import time
from pathlib import Path

from harvesters.core import Harvester, ParameterKey, ParameterSet

_AT_ONCE = 32
_LOOK_S = 0.02


def live(producer: Path) -> None:
    """Enumerate, open, take two frames, close and unload."""
    harvester = Harvester()
    harvester.add_file(str(producer))
    harvester.update()
    parameters = {ParameterKey.TIMEOUT_PERIOD_ON_UPDATE_EVENT_DATA_CALL: 1}
    acquirer = harvester.create(0, config=ParameterSet(parameters))
    acquirer.start()
    for _ in range(2):
        with acquirer.fetch(timeout=10):
            pass
    acquirer.stop()
    acquirer.destroy()
    harvester.reset()


def _begin(producer: Path) -> int:
    process = os.fork()
    if process:
        return process
    logging.disable()
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    status = 1
    try:
        live(producer)
        status = 0
    finally:
        os._exit(status)


def _progress(producer: Path) -> int:
    log = producer.with_suffix(".log")
    return log.stat().st_size if log.exists() else 0


def watch(producers: list[Path], limit_s: float) -> list[int | None]:
    """Exit status of each producer's process; None where no call came for ``limit_s``."""
    statuses: dict[Path, int | None] = {}
    waiting = list(producers)
    running: dict[Path, tuple[int, int, float]] = {}
    while waiting or running:
        while waiting and len(running) < _AT_ONCE:
            producer = waiting.pop(0)
            running[producer] = (_begin(producer), -1, time.monotonic())
        time.sleep(_LOOK_S)
        for producer, (process, seen, since_s) in list(running.items()):
            ended, status = os.waitpid(process, os.WNOHANG)
            progress = _progress(producer)
            if ended:
                statuses[producer] = os.waitstatus_to_exitcode(status)
                del running[producer]
            elif progress != seen:
                running[producer] = (process, progress, time.monotonic())
            elif time.monotonic() - since_s > limit_s:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
                statuses[producer] = None
                del running[producer]
    return [statuses[producer] for producer in producers]


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(json.dumps(watch([Path(name) for name in sys.argv[2:]], float(sys.argv[1]))))
