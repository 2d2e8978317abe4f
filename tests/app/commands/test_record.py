"""``ngs record`` as an operator runs it: killed, out of space, asked for nonsense."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from time import monotonic_ns
from typing import TypeAlias

import pytest

from app import cli
from drivers.recording.integrity import verify
from drivers.recording.recording import open_recording
from tests import patient_ngs
from tests.patience import LONGEST_S, quickest_s, wait_until

pytestmark = pytest.mark.usefixtures("virtual_rig")

LONGEST_MISSING_S = 0.25
NGS = (sys.executable, str(Path(patient_ngs.__file__)))


Ended: TypeAlias = subprocess.CompletedProcess[str]


def ngs(*words: str | Path, before: Callable[[], None] | None = None) -> Ended:
    return subprocess.run(
        [*NGS, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
        preexec_fn=before,
    )


def the_line(ended: Ended) -> str:
    """The one line a failed command leaves."""
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr.strip().splitlines()[-1]


def test_two_cameras_with_a_past_and_a_report(tmp_path: Path) -> None:
    folders = (tmp_path / str(number) for number in count())
    pasts_s: list[float] = []

    def too_short_past_s() -> float:
        """How much of the past asked for is missing: opening the files takes a part of it."""
        folder = next(folders)
        ended = ngs(
            "record", folder, "--gs", "virtual:gs", "--width", "320", "--height", "240",
            "--seconds", "1.5", "--pretrigger-s", "0.5", "--compression", "lz4",
            "--note", "first light", "--json", str(folder) + ".json",
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        recording = open_recording(folder)
        first = recording.stream("rsgr").metadata(0).host_time_ns
        pasts_s.append((recording.info.started_host_time_ns - first) / 1e9)
        return 0.5 - pasts_s[-1]

    assert quickest_s(too_short_past_s, 0.2) < 0.2
    assert pasts_s[-1] < 1.0
    folder = tmp_path / str(len(pasts_s) - 1)
    report = json.loads(Path(str(folder) + ".json").read_text())
    recording = open_recording(folder)
    assert verify(recording) == []
    assert report["as_asked"]
    assert report["frames"] == recording.info.end.frames
    assert 85 <= report["frames"]["rsgr"] <= 95
    assert report["lost_to_disk"] == 0
    info = recording.info
    assert info.note == "first light"
    assert info.cameras["rsgr"].line_time_us == 6.0
    assert info.cameras["gs"].serial == "VGS-1"


@pytest.mark.parametrize("compression", ["none", "zstd"])
@pytest.mark.timeout(600)
def test_killed_at_any_moment_it_opens_again(
    tmp_path: Path, compression: str, request: pytest.FixtureRequest
) -> None:
    rng = random.Random(compression)
    missing_s = []
    folder = tmp_path / "killed"

    def seconds_missing() -> float:
        killed_ns = record_and_kill(folder, compression, rng.uniform(0.5, 2.0))
        recording = open_recording(folder)
        assert verify(recording) == []
        last = [stream.metadata(len(stream) - 1) for stream in recording.streams.values()]
        shutil.rmtree(folder)
        return (killed_ns - min(each.host_time_ns for each in last)) / 1e9

    for _ in range(request.config.getoption("--kills")):
        missing_s.append(quickest_s(seconds_missing, LONGEST_MISSING_S))
    print(f"missing at most {1e3 * max(missing_s):.0f} ms")
    assert max(missing_s) <= LONGEST_MISSING_S


def record_and_kill(folder: Path, compression: str, after_s: float) -> int:
    """Record two cameras, kill -9 after a while, and return when, by the clock of frames."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ngs", "record", str(folder), "--gs", "virtual:gs",
         "--width", "320", "--height", "240", "--compression", compression],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_until((folder / "gs.index.jsonl").exists)
    time.sleep(after_s)
    killed_ns = monotonic_ns()
    process.send_signal(signal.SIGKILL)
    process.wait()
    return killed_ns


def test_a_full_disk_ends_it_in_order(tmp_path: Path) -> None:
    """A limit of file size stands for the full disk: mounting is not allowed everywhere."""

    def limit_file_size() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (12 << 20, 12 << 20))

    ended = ngs("record", tmp_path / "a", "--seconds", "10", before=limit_file_size)
    assert "cannot be written any more" in the_line(ended)
    assert "readable" in the_line(ended)
    recording = open_recording(tmp_path / "a")
    assert "cannot be written" in recording.info.end.reason
    # 12 MiB are 40 frames of 640 x 480.
    assert len(recording.stream()) == 40
    assert verify(recording) == []


def test_interrupted_by_the_operator(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*NGS, "record", str(tmp_path / "a")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    index = tmp_path / "a" / "rsgr.index.jsonl"
    wait_until(lambda: index.exists() and index.read_bytes().count(b"\n") > 12)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, err
    assert "frames of rsgr" in out
    assert len(open_recording(tmp_path / "a").stream()) > 10


def test_starts_with_the_first_hardware_trigger(tmp_path: Path) -> None:
    ended = ngs(
        "record", tmp_path / "a", "--start", "trigger", "--trigger", "Line1", "--frames", "10",
        "--set", "RigGeneratorRate=50", "--set", "RigGeneratorEnable=1",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert len(open_recording(tmp_path / "a").stream()) == 10


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--start", "trigger"], "needs a hardware line, the trigger is 'internal'"),
        (["--json", "/nowhere/report.json"], "its folder does not exist"),
        (["--camera", "virtual:rgsr"], "did you mean virtual:rsgr"),
    ],
)
def test_wrong_wishes_are_one_line(tmp_path: Path, words: list[str], line: str) -> None:
    assert line in the_line(ngs("record", tmp_path / "a", *words))
    assert not (tmp_path / "a").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    assert "never overwritten" in the_line(ngs("record", tmp_path))


@pytest.mark.parametrize("report", ["a", "a/recording.json"])
def test_a_report_takes_no_place_in_the_recording(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    report: str,
) -> None:
    out = tmp_path / "a"
    record = ["ngs", "record", str(out), "--frames", "3", "--json", str(tmp_path / report)]
    monkeypatch.setattr(sys, "argv", record)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "name " in capsys.readouterr().err
    assert not out.exists()


def test_a_report_may_lie_in_a_folder_that_the_recording_makes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out, report = tmp_path / "new" / "a", tmp_path / "new" / "a.json"
    record = ["ngs", "record", str(out), "--frames", "3", "--json", str(report)]
    monkeypatch.setattr(sys, "argv", record)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    assert report.is_file()


def test_a_report_that_cannot_be_written_hides_no_outcome(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no device here that is always full")
    small = ("--width", "128", "--height", "64")
    ended = ngs("record", tmp_path / "r", "--frames", "3", *small, "--json", full)
    assert "/dev/full cannot be written" in the_line(ended)
    assert f"{tmp_path / 'r'}: 3 frames of rsgr" in ended.stdout
    assert verify(open_recording(tmp_path / "r")) == []
