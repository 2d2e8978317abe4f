"""What is said of recorded pairs, against pairs of which the test knows what is wrong."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.recordings.aligned_pairs import PairedRecording
from app.recordings.pair_report import PairReport, assess
from calibration.temporal.frame_lag import LagState
from calibration.verdict import Grade
from drivers.camera_settings import Region
from drivers.recording import open_recording
from drivers.virtual.camera.camera_models import GS
from drivers.virtual.scene.frozen import StillScene
from drivers.virtual.scene.linear_stage import SlideScene
from drivers.virtual.scene.named_scenes import named_scene
from drivers.virtual.scene.scene import Scene
from models.dataset.sequence_info import FILE_NAME, RecordedPairs, read_info
from tests.app.recordings.run_ngs import ngs
from tests.calibration.pair_frames import PairOfCameras
from tests.paired_recording import SENSOR, true_calibration, write

REGION = Region(600, 420, 240, 180)
PAIRS = 120
Trigger = Callable[[int], int]


@pytest.fixture(scope="module")
def bench() -> Scene:
    return named_scene("Bench", *SENSOR)


@pytest.fixture(scope="module")
def recorded(bench: Scene, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Recordings by what is wrong with them, each made once."""
    wrong: dict[str, Trigger] = {
        "right": lambda number: number,
        "all one late": lambda number: number + 1,
        "one late from 70 on": lambda number: number + (number >= 70),
    }
    made: dict[str, Path] = {}
    folder = tmp_path_factory.mktemp("pairs")

    def get(name: str) -> Path:
        if name not in made:
            target = folder / name.replace(" ", "-")
            made[name] = write(target, PairOfCameras(bench, REGION), PAIRS, gs_trigger=wrong[name])
        return made[name]

    return get


def report(folder: Path) -> PairReport:
    return assess(PairedRecording.open(open_recording(folder), None))


def test_right_pairs_are_called_so(recorded: Callable[[str], Path]) -> None:
    found = report(recorded("right"))
    assert [each.lag.state for each in found.motion.stretches] == [LagState.TOGETHER] * 2
    assert found.synchronous is True
    assert found.verdict.grade is not Grade.REDO
    assert any(line.startswith("motion: the pictures of 12 pairs") for line in found.lines())


def test_pairs_that_only_the_pictures_know_to_be_wrong(recorded: Callable[[str], Path]) -> None:
    """Clocks, counters and deliveries are perfect, and lie."""
    found = report(recorded("all one late"))
    assert found.paired.pairing.report.synchronous is True
    assert found.synchronous is False
    assert found.unfit
    assert found.motion.text == (
        "pairs 0 to 119: the GS frames are from 1 frame after the RSGR frames they are paired with"
    )
    part = report(recorded("one late from 70 on"))
    assert part.unfit
    assert "pairs 60 to 119: " in part.verdict.reasons[0]


def test_where_nothing_moves_the_pictures_prove_nothing(bench: Scene, tmp_path: Path) -> None:
    still = PairOfCameras(StillScene(bench, 0.0), REGION)
    found = report(write(tmp_path / "still", still, 20))
    assert found.motion.text.startswith("not provable from images: nothing moves enough")
    assert found.synchronous is True  # by deliveries and counters
    assert not found.unfit


def test_a_few_pairs_tell_nothing_by_their_motion(bench: Scene, tmp_path: Path) -> None:
    found = report(write(tmp_path / "few", PairOfCameras(bench, REGION), 3))
    assert found.motion.text == "not provable from images: too few pairs in a row"
    assert found.verdict.grade is not Grade.REDO


def test_a_delay_that_is_not_the_calibrated_one_is_told(tmp_path: Path) -> None:
    rig = PairOfCameras(SlideScene(*SENSOR, 800.0), REGION, gs_delay_us=3000.0)
    found = report(write(tmp_path / "late", rig, 60))
    assert found.motion.delay is not None
    assert found.motion.delay.delay_us == pytest.approx(3000.0, abs=100.0)
    assert found.unfit
    assert any("40 us were calibrated" in reason for reason in found.verdict.reasons)


def test_a_gs_exposure_of_another_length_is_told_and_costs_no_light(
    bench: Scene, tmp_path: Path
) -> None:
    """Twice as long: what moves is blurred twice as far, what stands still is as bright."""
    still = StillScene(bench, 0.0)
    offset_us = GS.exposure_offset_us
    rig = PairOfCameras(still, REGION, exposure_us=1000.0, gs_offset_us=offset_us + 1000.0)
    truth = true_calibration(replace(rig, gs_offset_us=offset_us))
    found = report(write(tmp_path / "long", rig, 20, calibration=truth, gs_exposure_us=2000.0))
    assert found.unfit
    assert any(
        "the GS camera exposes 2000 us, the first RSGR row 1012 us" in reason
        for reason in found.verdict.reasons
    )
    told = [each for each in found.quality.light_difference if each is not None]
    assert max(map(abs, told)) < 0.02


def test_without_a_panel_what_stands_still_is_found_by_the_noise_that_is_seen(
    bench: Scene, tmp_path: Path
) -> None:
    rig = PairOfCameras(StillScene(bench, 0.0), REGION)
    truth = true_calibration(rig)
    assert truth.gs is not None
    bare = [
        each.model_copy(update={"dark": each.dark.model_copy(update={"photon_transfer": None})})
        for each in (truth.rsgr, truth.gs)
        if each.dark is not None
    ]
    without = truth.model_copy(update={"rsgr": bare[0], "gs": bare[1]})
    found = report(write(tmp_path / "bare", rig, 20, calibration=without))
    assert found.quality.still_share > 0.8
    assert found.quality.difference_noises == pytest.approx(1.0, abs=0.25)


def test_the_verdict_binds_verify_and_export_unless_accepted(
    recorded: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrong, target, told = recorded("all one late"), tmp_path / "dataset", tmp_path / "verify.json"
    assert ngs(monkeypatch, "verify", wrong, "--json", told) == 1
    assert "nobody should train on these pairs" in capsys.readouterr().err
    assert json.loads(told.read_text())["pairs"]["synchronous"] is False
    assert ngs(monkeypatch, "verify", wrong, "--accept") == 0
    capsys.readouterr()
    export = ("export", wrong, target, "--format", "dataset")
    assert ngs(monkeypatch, *export) == 1
    assert "from 1 frame after the RSGR frames" in capsys.readouterr().err
    assert not target.exists()
    assert ngs(monkeypatch, *export, "--accept") == 0
    pairs = exported_pairs(target)
    assert (pairs.grade, pairs.accepted, pairs.synchronous) == ("redo", True, False)
    assert pairs.exposure_delay_us == 40.0


def test_right_pairs_are_exported_with_their_verdict(
    recorded: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "dataset"
    assert ngs(monkeypatch, "export", recorded("right"), target, "--format", "dataset") == 0
    pairs = exported_pairs(target)
    assert (pairs.grade, pairs.accepted, pairs.synchronous) == ("usable", False, True)


def exported_pairs(dataset: Path) -> RecordedPairs:
    """What the first sequence says of its pairs."""
    pairs = read_info(min((dataset / "train").iterdir()) / FILE_NAME).pairs
    assert pairs is not None
    return pairs
