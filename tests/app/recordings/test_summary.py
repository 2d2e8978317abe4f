"""``ngs info``: what a person and a script are told of a recording."""

import json
from pathlib import Path

import pytest

from drivers.recording.compression import Compression
from drivers.recording.description import read_description, write_description
from tests import small_recording as small
from tests.app.recordings.run_ngs import ngs


def record(folder: Path) -> Path:
    cameras = {"rsgr": small.camera(shutter_proven=True), "gs": small.camera(line_time_us=None)}
    described = small.info(
        cameras, Compression.ZSTD, note="bench 3", wiring="external generator on Line1"
    )
    ticks = {"rsgr": [tick for tick in range(20) if tick not in (4, 5)], "gs": range(20)}
    return small.write(folder, ticks, described)


def test_a_page_for_a_person(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert ngs(monkeypatch, "info", record(tmp_path / "take")) == 0
    page = capsys.readouterr().out
    for told in (
        "stopped",
        "bench 3",
        "maker model (serial 12, firmware 1.0)",
        "32 x 24 Mono8, exposure 1000 us, gain 3 dB, black level 8 DN, 100 fps",
        "global reset (proven), line time 20 us (node), last row x 1.46",
        "18 frames in 0.19 s (89.47 fps), lost: 2 by camera, in 1 gaps",
        "line time unknown: ngs restore needs --line-time-us",
        "external generator on Line1",
        "18 by trigger count, without partner: 2 of gs",
        "compression zstd",
    ):
        assert told in page


def test_json_for_scripts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ngs(monkeypatch, "info", record(tmp_path / "take"), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ended"] == "stopped"
    assert told["calibrated"] is False
    rsgr = told["cameras"]["rsgr"]
    assert (rsgr["frames"], rsgr["lost"], rsgr["gaps"]) == (18, {"camera": 2}, 1)
    assert rsgr["seconds"] == pytest.approx(0.19)
    assert rsgr["exposure_us"] == 1000.0
    assert told["pairs"]["pairs"] == 18
    assert told["pairs"]["unmatched"] == {"rsgr": 0, "gs": 2}
    assert rsgr["compression_ratio"] == pytest.approx(18 * 24 * 32 / rsgr["bytes"], abs=1e-3)


def test_a_killed_recording_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = record(tmp_path / "take")
    write_description(folder, read_description(folder).model_copy(update={"end": None}))
    assert ngs(monkeypatch, "info", folder) == 0
    assert "ended without finishing" in capsys.readouterr().out


def test_what_is_no_recording_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ngs(monkeypatch, "info", tmp_path) == 1
    assert "is no recording" in capsys.readouterr().err
