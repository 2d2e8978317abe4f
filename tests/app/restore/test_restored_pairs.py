"""Pairs stay pairs when they are restored: they can be exported and compared."""

import json
from pathlib import Path

import numpy as np
import pytest

from app.recordings.aligned_pairs import PairedRecording
from app.recordings.pair_report import assess
from drivers.camera_settings import Region
from drivers.recording import open_recording
from drivers.virtual.scene.named_scenes import named_scene
from models.dataset.sequence_info import FILE_NAME, read_info
from tests.app.recordings.run_ngs import ngs
from tests.calibration.pair_frames import PairOfCameras
from tests.paired_recording import SENSOR, write

FRAMES = 24


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rig = PairOfCameras(named_scene("Bench", *SENSOR), Region(600, 420, 240, 180))
    return write(tmp_path_factory.mktemp("pairs") / "raw", rig, FRAMES)


def test_the_second_camera_and_the_calibration_go_along(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ngs(monkeypatch, "restore", pairs, tmp_path / "out", "--model", "row-gain") == 0
    raw, restored = open_recording(pairs), open_recording(tmp_path / "out")
    assert list(restored.streams) == ["restored", "gs"]
    assert restored.info.wiring == raw.info.wiring
    assert restored.info.calibration == raw.info.calibration
    before, after = raw.streams["gs"], restored.streams["gs"]
    for first, second in zip(before.read(range(FRAMES)), after.read(range(FRAMES)), strict=True):
        np.testing.assert_array_equal(first.pixels, second.pixels)
        assert first.metadata == second.metadata
    report = assess(PairedRecording.open(restored, None))
    assert report.paired.pairing.report.pairs == FRAMES
    assert not report.unfit, report.verdict


@pytest.mark.whole
def test_restored_pairs_are_a_dataset_whose_raw_frames_are_the_restored_ones(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ngs(monkeypatch, "restore", pairs, tmp_path / "out", "--model", "row-gain") == 0
    scores = {}
    for name, source in (("raw", pairs), ("restored", tmp_path / "out")):
        dataset = tmp_path / f"{name}-dataset"
        split = ("--format", "dataset", "--split", "test")
        assert ngs(monkeypatch, "export", source, dataset, *split) == 0
        figures = tmp_path / f"{name}.json"
        model = ("--model", "row-gain", "--json", figures)
        assert ngs(monkeypatch, "evaluate", dataset, *model) == 0
        results = json.loads(figures.read_text(encoding="utf-8"))["results"]
        scores[name] = {each["restorer"]: each["psnr_db"] for each in results}
    assert scores["restored"]["raw"] == pytest.approx(scores["raw"]["row-gain"], abs=0.02)
    assert scores["restored"]["raw"] > scores["raw"]["raw"] + 3
    info = read_info(next((tmp_path / "restored-dataset" / "test").iterdir()) / FILE_NAME)
    assert (info.line_time_us, info.pixel_format) == (0.0, "Mono16")
    assert info.generator.endswith("recorded pairs, restored by row-gain")


def test_restored_pairs_are_no_material_for_fine_tuning(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    assert ngs(monkeypatch, "restore", pairs, tmp_path / "out", "--model", "row-gain") == 0
    assert ngs(monkeypatch, "finetune", tmp_path / "out", "--out", tmp_path / "tuned") == 1
    assert "is restored already; give the raw recording" in capsys.readouterr().err
