"""What only POSIX systems have is not needed: recorded, verified, restored, exported without."""

import os
import subprocess
import sys
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[3]

WITHOUT_POSIX = """
import importlib, os, pkgutil, sys

# Libraries may know their system: only what ngs itself imports and calls is looked at.
import acquire_zarr, av, cv2, harvesters.core, numpy, psutil, torch, torchmetrics, typer
import rich.console, rich.progress, rich.table, tifffile, numcodecs.blosc, PyQt6.QtWidgets
import multiprocessing.popen_spawn_posix, concurrent.futures.process, asyncio, tempfile, pty

for name in ("fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog"):
    sys.modules[name] = None
for name in ("posix_fallocate", "preadv", "pread", "pwritev", "pwrite", "sync", "fork", "getuid",
             "O_DIRECTORY", "O_DIRECT", "sendfile", "mkfifo", "sched_setaffinity"):
    if hasattr(os, name):
        delattr(os, name)

import app, calibration, drivers, models, ngs

for package in (ngs, app, calibration, drivers, models):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        # Built once, with a C compiler; and the interpreter's own entry.
        if not found.name.endswith(("gentl_build", "__main__")):
            importlib.import_module(found.name)

from app.cli import main

folder = sys.argv[1]
for line in (
    f"record {folder}/a --camera virtual:rsgr --frames 6 --width 160 --height 120 --fps 20",
    f"verify {folder}/a",
    f"info {folder}/a",
    f"restore {folder}/a {folder}/b --model row-gain",
    f"export {folder}/a {folder}/c --format png",
    f"record {folder}/d --camera virtual:rsgr --frames 3 --width 160 --height 120 --fps 20"
    " --compression zstd",
    f"verify {folder}/d",
):
    sys.argv = ["ngs", "--debug", *line.split()]
    try:
        main()
    except SystemExit as ended:
        assert ended.code in (0, None), line
print("all done")
"""


def test_a_user_without_posix_records_and_reads(tmp_path: Path) -> None:
    """It stands in for Windows, where nobody has run ngs yet."""
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_POSIX, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(_CHECKOUT), "QT_QPA_PLATFORM": "offscreen"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.endswith("all done\n")
