"""Killed, interrupted or out of disk at any moment: the same command goes on to the same end."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.restore.restore_footage import Request, restore
from tests.app.restore import small_footage as footage
from tests.patience import LONGEST_S, wait_until

# Its material is made once.

FRAMES = 200
OPTIONS = [*footage.OPTIONS, "--fps", "60", "--model", "warp"]


def command(source: Path, target: Path, options: Sequence[str] = OPTIONS) -> list[str]:
    return [sys.executable, "-m", "ngs", "restore", str(source), str(target), *options]


def undisturbed(source: Path, target: Path) -> str:
    """Let the same run go to its end, in this process, and return what it says."""
    return restore(Request(source, target, "warp", footage.GIVEN), lambda *done: None).line()


def hit(
    source: Path,
    target: Path,
    awaited: Path,
    blow: signal.Signals,
    options: Sequence[str] = OPTIONS,
) -> subprocess.CompletedProcess[str]:
    """Send a signal as soon as a file is there."""
    with subprocess.Popen(
        command(source, target, options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_until(lambda: awaited.exists() or process.poll() is not None, 0.001)
        process.send_signal(blow)
        said, failed = process.communicate(timeout=LONGEST_S)
    return subprocess.CompletedProcess(process.args, process.returncode, said, failed)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".part"}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Footage of both kinds, and what an undisturbed run makes of it."""
    folder = tmp_path_factory.mktemp("material")
    pictures = footage.frames(FRAMES)
    footage.write_pictures(folder / "in", pictures)
    footage.write_video(folder / "in.mkv", pictures, "gray")
    undisturbed(folder / "in", folder / "whole")
    undisturbed(folder / "in.mkv", folder / "whole.mp4")
    return folder


@pytest.mark.parametrize(
    "blow", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.whole)]
)
def test_a_folder_goes_on(material: Path, tmp_path: Path, blow: signal.Signals) -> None:
    out = tmp_path / "out"
    ended = hit(material / "in", out, out / "frame_60.png", blow)
    there, whole = content(out), content(material / "whole")
    assert len(there) < len(whole)
    assert there.items() <= whole.items()
    _check_end(ended, blow)
    assert f"{len(there) - 1} were there already" in undisturbed(material / "in", out)
    assert content(out) == whole
    assert [path.name for path in out.iterdir() if path.suffix == ".part"] == []


@pytest.mark.parametrize(
    "blow", [pytest.param(signal.SIGKILL, marks=pytest.mark.whole), signal.SIGINT]
)
def test_a_video_goes_on(material: Path, tmp_path: Path, blow: signal.Signals) -> None:
    out = tmp_path / "out.mp4"
    ended = hit(material / "in.mkv", out, tmp_path / "out.mp4.part" / "00000032.mkv", blow)
    assert not out.exists()
    _check_end(ended, blow)
    assert "were there already" in undisturbed(material / "in.mkv", out)
    assert out.read_bytes() == (material / "whole.mp4").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def _check_end(ended: subprocess.CompletedProcess[str], blow: signal.Signals) -> None:
    if blow == signal.SIGKILL:
        assert ended.returncode == -signal.SIGKILL
        return
    assert ended.returncode == 130
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("ngs: interrupted after ")
    assert last.endswith(f" of {FRAMES} frames; the same command goes on from there")
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(os.name != "posix", reason="needs a shell's limit on the size of files")
@pytest.mark.parametrize(
    ("source", "target"),
    [("in", "out"), pytest.param("in.mkv", "out.mkv", marks=pytest.mark.whole)],
)
def test_a_full_disk_is_one_line(material: Path, tmp_path: Path, source: str, target: str) -> None:
    """No file may grow beyond 2 KiB: pictures and segments do."""
    wanted = [*command(material / source, tmp_path / target), "--bits", "16"]
    limited = ["sh", "-c", 'ulimit -f 4; exec "$@"', "sh", *wanted]
    ended = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    last = ended.stderr.strip().splitlines()[-1]
    assert "cannot be written: File too large" in last
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "out.mkv").exists()
    assert list(tmp_path.rglob("*.png")) == []
