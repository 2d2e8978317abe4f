"""The command line: one clear line and the right exit status, for whatever is typed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import genicam
import numpy as np
import pytest
import typer

from app import cli
from drivers.recording import open_recording
from drivers.recording.integrity import verify
from tests import patient_ngs
from tests.patience import LONGEST_S, wait_until

NGS = (sys.executable, str(Path(patient_ngs.__file__)))
VIKY = f"genicam:{Path(genicam.__file__).parent / 'viky.cti'}#0"


def ngs(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run a command in this process and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["ngs", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def live(monkeypatch: pytest.MonkeyPatch, *arguments: str, seconds: str = "0.5") -> int:
    return ngs(monkeypatch, "live", "--headless", "--seconds", seconds, *arguments)


def with_time_enough(
    run: Callable[[str], dict[str, Any]],
    enough: Callable[[dict[str, Any]], bool],
    first: str = "1",
) -> dict[str, Any]:
    """The report of a run of some seconds: of more and more on a busy machine."""
    told = run(first)
    for seconds in ("6", "36"):
        if not enough(told):
            told = run(seconds)
    return told


def test_help_needs_neither_torch_nor_qt() -> None:
    program = (
        "import sys; sys.argv = ['ngs', '--help']\n"
        "from app.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "loaded = {'torch', 'PyQt6', 'pyqtgraph', 'harvesters', 'cv2'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "live" in ended.stdout


@pytest.mark.usefixtures("virtual_rig")
def test_live_reports_json_and_takes_a_snapshot(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    report, picture = tmp_path / "report.json", tmp_path / "snapshot.png"
    arguments = ("--json", str(report), "--snapshot", str(picture), "--fps", "50")

    def live_for(seconds: str) -> dict[str, Any]:
        assert live(monkeypatch, *arguments, seconds=seconds) == 0
        told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return told

    told = with_time_enough(live_for, lambda told: told["frames"]["captured"] > 10)
    assert told["camera"] == "virtual:rsgr"
    assert told["shutter"] == {"mode": "global_reset", "proven": None}
    assert told["trigger"]["source"] == "internal"
    assert told["settings"]["fps"] == pytest.approx(50)
    assert told["timing"] == {"line_time_us": 6.0, "rows": 480, "source": "node"}
    assert told["frames"]["captured"] > 10
    assert told["frames"]["lost"] == 0
    assert told["frames"]["restored"] + told["frames"]["skipped"] <= told["frames"]["captured"]
    assert set(told["latency_ms"]) == {"p50", "p95", "p99"}
    assert told["main_thread_wake_ms"]["p99"] > 0
    assert told["cpu_share"] > 0
    rows, columns = cv2.imread(str(picture)).shape[:2]
    assert columns > 2 * 640
    assert rows > 480
    assert list(tmp_path.glob("*.part")) == []


@pytest.mark.usefixtures("virtual_rig")
def test_prove_shutter_is_in_the_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert live(monkeypatch, "--prove-shutter", "--set", "SceneFrozen=1", "--json", "-") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["shutter"] == {"mode": "global_reset", "proven": True}
    assert "prove global reset" in printed.err


def test_a_replay_streams_and_is_restored_as_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ramp = np.repeat(np.linspace(50, 100, 40)[:, None], 60, axis=1).astype(np.uint8)
    for index in range(5):
        cv2.imwrite(str(tmp_path / f"{index}.png"), ramp)
    told = ("--exposure-us", "1000", "--line-time-us", str(1000 / 39), "--black-level-dn", "0")
    replay = ("--camera", f"replay:{tmp_path}", *told, "--json", "-")

    def live_for(seconds: str) -> dict[str, Any]:
        assert live(monkeypatch, *replay, seconds=seconds) == 0
        report: dict[str, Any] = json.loads(capsys.readouterr().out)
        return report

    report = with_time_enough(live_for, lambda report: report["frames"]["restored"] > 3)
    assert report["frames"]["restored"] > 3
    assert report["timing"]["source"] == "given"


def test_a_camera_without_line_time_streams_unrestored(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def live_for(seconds: str) -> dict[str, Any]:
        assert live(monkeypatch, "--camera", VIKY, "--json", "-", seconds=seconds) == 0
        report: dict[str, Any] = json.loads(capsys.readouterr().out)
        return report

    report = with_time_enough(live_for, lambda report: report["frames"]["captured"] > 3)
    assert report["frames"]["captured"] > 3
    assert report["frames"]["restored"] == 0
    assert report["model"] is None
    assert report["timing"] == {"line_time_us": None, "rows": 400, "source": "unknown"}
    assert "the camera runs free" in report["model_note"]


WRONG = {
    "unknown camera": (("--camera", "virtual:rsrg"), "did you mean virtual:rsgr"),
    "unknown node": (("--set", "Foo=3"), "no node Foo"),
    "unknown shutter node": (("--shutter-node", "Foo=Bar"), "no node Foo"),
    "exposure too long": (("--exposure-us", "1e9"), "outside 10 to 1000000 us"),
    "exposure too short": (("--exposure-us", "3"), "outside 10 to 1000000 us"),
    "region off the sensor": (("--width", "2000", "--height", "480"), "1440 x 1080 px"),
    "region off its grid": (("--width", "641", "--height", "480"), "nearest: 640, 648"),
    "gain": (("--gain-db", "99"), "0 to 24 dB"),
    "rate beyond the sensor": (("--fps", "1000"), "limit in global reset"),
    "unknown trigger": (("--trigger", "Line9"), "choose from: internal"),
    "unknown format": (("--pixel-format", "Mono99"), "choose one of Mono8"),
    "unknown model": (("--model", "magic"), "known: row-gain"),
    "black level": (("--black-level-dn", "400"), "between 0 and the saturation 255 DN"),
    "unknown shutter": (("--camera", VIKY, "--model", "row-gain"), "the camera runs free"),
    "scene is missing": (("--scene", "/nowhere/film.mp4"), "does not exist"),
    "snapshot is no PNG": (("--snapshot", "picture.jpg"), "must end in .png"),
    "report nowhere": (("--json", "/nowhere/report.json"), "cannot be written"),
    "replay of nothing": (("--camera", "replay:/nowhere"), "/nowhere is no folder"),
    "producer is missing": (("--camera", "genicam:/nowhere/a.cti#1"), "does not exist"),
    "producer without a camera": (("--camera", "genicam:/nowhere/a.cti"), "names a producer"),
    "no such serial": (("--camera", "genicam:4711"), "no camera with serial '4711'"),
}


@pytest.mark.usefixtures("virtual_rig")
@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    arguments, words = WRONG[case]
    assert live(monkeypatch, *arguments) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert "Traceback" not in error


@pytest.mark.usefixtures("virtual_rig")
def test_files_that_are_not_what_they_should_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video, no producer, no description")
    for arguments, words in (
        (("--scene", str(text)), "cannot be read as video"),
        (("--camera", f"genicam:{text}#1"), "cannot be loaded"),
        (("--description", str(text)), "is broken"),
        (("--scene", str(text), "--json", str(text)), "is read or written as"),
    ):
        assert live(monkeypatch, *arguments) == 1
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [("--exposure-us", "abc"), ("--set", "Foo"), ("--nonsense",)])
def test_usage_errors_exit_with_2(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str]) -> None:
    assert live(monkeypatch, *arguments) == 2


def test_debug_shows_where_it_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["ngs", "--debug", "live", "--camera", "nothing"])
    with pytest.raises(Exception, match="unknown camera"):
        cli.main()


@pytest.mark.usefixtures("virtual_rig")
def test_cameras_lists_the_virtual_rig(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GENICAM_GENTL64_PATH", str(Path(genicam.__file__).parent))
    assert ngs(monkeypatch, "cameras", "--json") == 0
    told = {camera["address"]: camera for camera in json.loads(capsys.readouterr().out)["cameras"]}
    assert told["virtual:rsgr"]["shutter_modes"] == ["global_reset", "rolling"]
    assert told["virtual:gs"]["shutter_modes"] == ["global"]
    assert len(told) == 5


def test_doctor_looks_at_everything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ngs(monkeypatch, "doctor", "--json") == 0
    findings = json.loads(capsys.readouterr().out)
    subjects = {finding["subject"] for finding in findings}
    assert {"python", "torch", "GenTL producers", "GPU", "window", "memory"} <= subjects
    for finding in findings:
        assert finding["verdict"] in ("good", "hint", "problem")
        assert finding["verdict"] != "problem" or finding["advice"]


def test_bench_capture_prints_all_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def bench_for(seconds: str) -> dict[str, Any]:
        assert ngs(monkeypatch, "bench", "capture", "--seconds", seconds, "--json", "-") == 0
        told: dict[str, Any] = json.loads(capsys.readouterr().out)
        return told

    told = with_time_enough(bench_for, lambda told: told["ours"]["frames"] > 20)
    assert told["ours"]["frames"] > 20
    assert told["ours"]["lost"] >= 0
    assert told["captured_ratio"] > 0
    assert told["cpu_ratio"] > 0
    assert told["ours"]["wake_ms"]["p99"] > 0


@pytest.mark.usefixtures("virtual_rig")
def test_the_window_closes_after_seconds_and_reports_too(tmp_path: Path) -> None:
    # In a process of its own: a test run has one QApplication of its own.
    report, picture = tmp_path / "report.json", tmp_path / "snapshot.png"

    def live_in_a_window(seconds: str) -> dict[str, Any]:
        ended = subprocess.run(
            [sys.executable, "-m", "ngs", "live", "--seconds", seconds,
             "--model", "row-gain", "--width", "320", "--height", "240",
             "--json", str(report), "--snapshot", str(picture)],
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONFAULTHANDLER": "1"},
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )  # fmt: skip
        if "no frame has come yet" in ended.stderr:  # the window closed before it streamed
            return {"frames": {"restored": 0}}
        assert ended.returncode == 0, ended.stderr
        told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return told

    told = with_time_enough(live_in_a_window, lambda told: told["frames"]["restored"] > 10, "4")
    assert told["frames"]["restored"] > 10
    assert told["main_thread_wake_ms"]["p99"] is None
    assert picture.is_file()


def test_an_interruption_that_a_library_turns_into_another_error_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def importing() -> None:
        handler = signal.getsignal(signal.SIGINT)
        assert callable(handler)
        with pytest.raises(KeyboardInterrupt):
            handler(signal.SIGINT, None)  # a real one may end a worker of pytest-xdist
        raise ValueError("could not determine the shape")

    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(typer.main, "get_command", lambda _: importing())
    try:
        assert ngs(monkeypatch, "models") == 130
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, former)
    assert capsys.readouterr().err.startswith("ngs: interrupted, and then ValueError: could not")


ENDED = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def blows(small: set[tuple[signal.Signals, object]], others: Sequence[object]) -> list[object]:
    """Every signal with each of ``others``; those that are not ``small`` only in the whole run."""
    return [
        pytest.param(
            blow,
            other,
            id=f"{blow.name}-{other}",
            marks=[] if (blow, other) in small else pytest.mark.whole,
        )
        for blow in ENDED
        for other in others
    ]


@pytest.mark.parametrize(
    ("blow", "limited"),
    blows({(signal.SIGINT, False), (signal.SIGTERM, True)}, [False, True]),
)
def test_every_signal_finishes_a_recording(
    tmp_path: Path, blow: signal.Signals, limited: bool
) -> None:
    out, report = tmp_path / "r", tmp_path / "r.json"
    command = [*NGS, "record", str(out), "--json", str(report), "--width", "320", "--height", "240"]
    if limited:
        command += ["--frames", "1000000"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        index = out / "rsgr.index.jsonl"
        wait_until(lambda: index.exists() and index.read_bytes().count(b"\n") > 5)
        run.send_signal(blow)
        run.send_signal(blow)  # who is in a hurry changes nothing
        _, said = run.communicate(timeout=LONGEST_S)
    # Ctrl-C is the normal end of a recording without a limit.
    normal = blow is signal.SIGINT and not limited
    assert run.returncode == (0 if normal else ENDED[blow]), said
    assert "Traceback" not in said
    assert json.loads(report.read_text())["reason"] == "stopped"
    assert verify(open_recording(out)) == []


def hears_signals(pid: int) -> bool:
    """Whether the process handles SIGTERM itself: Python does not until it is told to."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize(
    ("blow", "after_s"),
    blows(
        {
            (signal.SIGINT, 0.0),
            (signal.SIGTERM, 0.7),
            (signal.SIGHUP, 2.5),
        },
        [0.0, 0.7, 2.5],
    ),
)
def test_every_signal_ends_a_run_without_a_window(
    tmp_path: Path, blow: signal.Signals, after_s: float
) -> None:
    report = tmp_path / "live.json"
    command = [*NGS, "live", "--headless", "--seconds", "600", "--json", str(report)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        wait_until(lambda: hears_signals(run.pid) or run.poll() is not None)
        time.sleep(after_s)  # while it starts, or later
        run.send_signal(blow)
        _, said = run.communicate(timeout=LONGEST_S)
    assert run.returncode == ENDED[blow], said
    assert "Traceback" not in said


def test_a_signal_that_was_ignored_stays_so(tmp_path: Path) -> None:
    """As under nohup."""
    command = [*NGS, "live", "--headless", "--seconds", "1", "--model", "row-gain"]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    ) as run:
        wait_until(lambda: hears_signals(run.pid) or run.poll() is not None)
        run.send_signal(signal.SIGHUP)
        _, said = run.communicate(timeout=LONGEST_S)
    assert run.returncode == 0, said
