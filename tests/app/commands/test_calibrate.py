"""``ngs calibrate`` as typed: what it writes, what it keeps, what it refuses."""

import io
import json
from pathlib import Path

import pytest

from calibration.rig_calibration import read_rig
from drivers.virtual.camera.camera_models import RSGR
from tests.app.recordings.run_ngs import ngs

pytestmark = pytest.mark.usefixtures("virtual_rig")

SMALL = ("--pixel-format", "Mono12", "--width", "320", "--height", "240")


def refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *arguments: str | Path,
) -> str:
    """The one line with which the command ends, after its progress bar."""
    capsys.readouterr()
    assert ngs(monkeypatch, "calibrate", *arguments) == 1
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_one_camera_does_what_one_camera_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rig.json"
    assert ngs(monkeypatch, "calibrate", "all", *SMALL, "--no-panel", "--out", out) == 0
    rig = read_rig(out)
    assert [name for name, _ in rig.verdicts()] == ["dark", "line-time"]
    assert rig.rsgr.line_time is not None
    assert rig.rsgr.line_time.line_time_us == pytest.approx(RSGR.line_time_us, rel=0.005)
    assert f"{out} written: {rig.grade.value}" in capsys.readouterr().out

    assert ngs(monkeypatch, "calibrate", "show", out) == 0
    assert "global reset proven" in capsys.readouterr().out

    report = ["--headless", "--seconds", "1", "--json", "-"]
    assert ngs(monkeypatch, "live", *SMALL, "--rig", out, *report) == 0
    timing = json.loads(capsys.readouterr().out)["timing"]
    assert timing["source"] == "calibrated"
    assert timing["line_time_us"] == pytest.approx(RSGR.line_time_us, rel=0.005)

    other = ["--pixel-format", "Mono8", "--width", "320", "--height", "240"]
    line = refused(monkeypatch, capsys, "line-time", *other, "--out", out)
    assert "pixel format is Mono8, calibrated at Mono12" in line
    assert read_rig(out) == rig


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["line-time"], "lacks dark; calibrate that first, or run ngs calibrate all"),
        (["geometry"], "give the second one with --gs"),
        (["colour", "--gs", "virtual:gs"], "lacks dark, gs dark, line-time, geometry"),
        (["exposure-delay", "--gs", "virtual:gs"], "line-time, geometry, colour"),
        (
            ["geometry", "--gs", "virtual:gs", "--board", "charuco"],
            "--board charuco is not understood",
        ),
    ],
)
def test_a_step_that_cannot_be_done_says_what_is_missing(
    arguments: list[str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "rig.json"
    assert reason in refused(monkeypatch, capsys, *arguments, "--out", out)
    assert not out.exists()


def test_where_nothing_can_be_written_nothing_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(monkeypatch, capsys, "dark", "--out", tmp_path / "absent" / "rig.json")
    assert "its folder does not exist" in line
    damaged = tmp_path / "rig.json"
    damaged.write_text('{"version": 1')
    assert "is no rig calibration" in refused(monkeypatch, capsys, "dark", "--out", damaged)
    assert damaged.read_text() == '{"version": 1'


def test_stopped_between_two_steps_it_goes_on_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rig.json"
    assert ngs(monkeypatch, "calibrate", "dark", *SMALL, "--no-panel", "--out", out) == 0
    before = read_rig(out).rsgr.dark
    capsys.readouterr()
    assert ngs(monkeypatch, "calibrate", "all", *SMALL, "--no-panel", "--out", out) == 0
    said = capsys.readouterr().out
    assert "rig.json has dark of 20" in said.replace("\n", "")
    assert "going on with line-time; remove it to begin anew" in said
    rig = read_rig(out)
    assert rig.rsgr.dark == before
    assert rig.rsgr.line_time is not None


def test_the_dialogue_can_be_rehearsed_on_the_virtual_rig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rig.json"
    monkeypatch.setattr("sys.stdin", io.StringIO("\n\n"))
    rehearsed = ("calibrate", "all", *SMALL, "--no-panel", "--rehearse", "--out", out)
    assert ngs(monkeypatch, *rehearsed) == 0
    asked = capsys.readouterr().err
    assert asked.count("press Enter") == 2
    assert "lens" in asked
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    out.unlink()
    assert "nobody there to prepare the rig" in refused(monkeypatch, capsys, *rehearsed[1:])
