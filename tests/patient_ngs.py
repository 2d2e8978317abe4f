"""``ngs`` as a process of its own whose virtual rig loses no frame because the machine is busy."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from drivers.virtual.camera.rig_clock import CLOCK
from ngs.__main__ import main

if __name__ == "__main__":
    CLOCK.waits = True
    time.monotonic_ns = CLOCK.now_ns
    main()
