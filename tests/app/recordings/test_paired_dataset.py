"""The whole way of ``docs/paired-dataset.sh``, small: calibrate, record, verify, export, train."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.recordings.aligned_pairs import PairedRecording
from app.recordings.dataset_export import LEAST_FRAMES, SEQUENCE_FRAMES
from calibration.pair_quality import still_part
from calibration.rig_calibration import RigCalibration, read_rig
from calibration.verdict import Grade
from drivers import virtual
from drivers.errors import InstrumentError
from drivers.recording import open_recording
from drivers.virtual.camera.camera_models import GS, RSGR
from models.dataset.layout import GS_FOLDER, RSGR_FOLDER
from models.dataset.sequence_info import FILE_NAME, GS_FULL_SCALE, SequenceInfo
from tests import patient_ngs
from tests.app.recordings.run_ngs import ngs

pytestmark = [pytest.mark.timeout(1800), pytest.mark.whole]

CHECKOUT = Path(__file__).resolve().parents[3]
WIDTH, HEIGHT = 320, 240


@dataclass(frozen=True)
class WholeWay:
    """What the script left, and what it said."""

    folder: Path
    said: str

    @property
    def rig(self) -> RigCalibration:
        return read_rig(self.folder / "rig.json")


@pytest.fixture(scope="session")
def whole_way(tmp_path_factory: pytest.TempPathFactory) -> WholeWay:
    """The script run as an operator runs it, two seconds a recording and four steps."""
    try:
        virtual.producer_path()
    except InstrumentError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("pairs")
    done = subprocess.run(
        ["sh", "docs/paired-dataset.sh", folder, "2", "4", str(WIDTH), str(HEIGHT)],
        cwd=CHECKOUT,
        env={**os.environ, "NGS": shlex.join([sys.executable, patient_ngs.__file__])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return WholeWay(folder, done.stdout)


def test_the_rig_is_calibrated_to_its_true_values(whole_way: WholeWay) -> None:
    rig = whole_way.rig
    assert dict(rig.verdicts()).keys() == {
        *("dark", "line-time", "gs dark", "geometry", "colour", "exposure-delay")
    }
    assert rig.grade in (Grade.GOOD, Grade.USABLE)
    assert rig.rsgr.line_time is not None
    assert rig.rsgr.line_time.line_time_us == pytest.approx(RSGR.line_time_us, rel=0.005)
    assert rig.exposure_delay is not None
    assert rig.exposure_delay.delay_us == pytest.approx(GS.start_delay_us, abs=50.0)
    assert rig.geometry is not None
    x, y = np.meshgrid(np.arange(420.0, 1020.0, 10.0), np.arange(320.0, 760.0, 10.0))
    points = np.stack([x, y], axis=-1)
    beside = np.linalg.norm(rig.geometry.map.to_gs(points) - GS.view.to_camera(points), axis=-1)
    assert np.percentile(beside, 95) < 0.1
    assert "exposure-delay" in whole_way.said  # told, step by step


def test_row_gained_rsgr_and_warped_gs_agree_where_nothing_moves(whole_way: WholeWay) -> None:
    paired = PairedRecording.open(open_recording(whole_way.folder / "bench"), None)
    run = max(paired.runs(2, 1000), key=len)
    first, third, eighth = (
        paired.view.aligned(aligned.rsgr, aligned.gs)
        for aligned in paired.read([run[0], run[3], run[8]])
    )
    still = still_part(first, third, eighth)
    smooth = cv2.GaussianBlur(first.gs, (0, 0), 2.0)
    slope = np.hypot(np.gradient(smooth, axis=0), np.gradient(smooth, axis=1))
    even = still & (slope < 0.25 * first.noise)
    assert even.sum() > 2000
    noises = (first.rsgr - first.gs)[even] / first.noise[even]
    assert np.mean(noises) == pytest.approx(0.0, abs=0.1)
    assert np.std(noises) == pytest.approx(1.0, abs=0.2)


def test_a_recording_carries_its_calibration_and_its_report(whole_way: WholeWay) -> None:
    recording = open_recording(whole_way.folder / "bench")
    assert recording.info.calibration is not None
    assert RigCalibration.model_validate(recording.info.calibration) == whole_way.rig
    page = (whole_way.folder / "bench.html").read_text()
    assert "fit to train on?" in page
    assert page.count("data:image/png;base64") == 3
    assert "src=" in page
    assert "http" not in page  # everything is inside


def test_the_dataset_is_split_by_recording_and_describes_itself(whole_way: WholeWay) -> None:
    dataset = whole_way.folder / "dataset"
    for split, source in (("train", "bench"), ("val", "slide"), ("test", "other-bench")):
        sequences = sorted((dataset / split).iterdir())
        assert sequences
        assert all(folder.name.startswith(f"{source}-") for folder in sequences)
        info = SequenceInfo.model_validate_json((sequences[0] / FILE_NAME).read_bytes())
        assert info.sources == (source,)
        assert not info.synthetic
        assert info.line_time_us == pytest.approx(RSGR.line_time_us, rel=0.005)
        assert info.exposure_us == pytest.approx(4000.0 + RSGR.exposure_offset_us, abs=3.0)
        assert info.frame_interval_us == pytest.approx(1e6 / 30, rel=1e-3)
        assert (info.rows, info.columns) == (HEIGHT, WIDTH)


def test_rsgr_stays_as_recorded_and_what_gs_did_not_see_is_black(whole_way: WholeWay) -> None:
    recording = open_recording(whole_way.folder / "other-bench")
    # One sequence for each run of pairs, in their order.
    folder = min((whole_way.folder / "dataset" / "test").iterdir())
    info = SequenceInfo.model_validate_json((folder / FILE_NAME).read_bytes())
    paired = PairedRecording.open(recording, None)
    first = next(iter(paired.read([paired.runs(LEAST_FRAMES, SEQUENCE_FRAMES)[0][0]])))
    stored = cv2.imread(str(folder / RSGR_FOLDER / "00000000.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(stored, first.rsgr)
    gs = cv2.imread(str(folder / GS_FOLDER / "00000000.png"), cv2.IMREAD_UNCHANGED)
    assert gs.dtype == np.uint16
    np.testing.assert_allclose(
        gs / GS_FULL_SCALE, np.clip(first.gs.light, 0, 1), atol=1.0 / GS_FULL_SCALE
    )
    assert not first.gs.valid.all()
    assert np.all(gs[~first.gs.valid] == 0)
    assert first.gs.valid[info.inside].all()
    assert first.gs.valid[info.inside].sum() > 0.9 * first.gs.valid.sum()


def test_every_pair_of_an_unbroken_recording_is_in_the_dataset(whole_way: WholeWay) -> None:
    paired = PairedRecording.open(open_recording(whole_way.folder / "slide"), None)
    sequences = sorted((whole_way.folder / "dataset" / "val").iterdir())
    lengths = [len(list((folder / GS_FOLDER).iterdir())) for folder in sequences]
    if paired.pairing.report.unmatched == (0, 0):
        assert sum(lengths) == len(paired.pairing.pairs)
    assert max(lengths) <= 60
    assert max(lengths) - min(lengths) <= 1 or paired.pairing.report.unmatched != (0, 0)


def test_networks_are_trained_and_compared_on_it(whole_way: WholeWay) -> None:
    assert (whole_way.folder / "run" / "live.safetensors").is_file()
    for restorer in ("raw", "row-gain", "live", "run/live"):
        assert f"| {restorer} |" in whole_way.said
    assert "**Recorded** material, split `test`" in whole_way.said


def test_the_published_layout_has_8_bit_and_no_description(
    whole_way: WholeWay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = whole_way.folder / "bench"
    layout = ["--format", "dataset", "--split", "train", "--bits", "8"]
    assert ngs(monkeypatch, "export", source, tmp_path / "out", *layout) == 0
    folder = next((tmp_path / "out" / "train").iterdir())
    assert not (folder / FILE_NAME).exists()
    for kind in (RSGR_FOLDER, GS_FOLDER):
        picture = cv2.imread(str(folder / kind / "00000000.png"), cv2.IMREAD_UNCHANGED)
        assert picture.dtype == np.uint8


def refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *arguments: str | Path,
) -> str:
    """The one line with which a command ends."""
    capsys.readouterr()
    assert ngs(monkeypatch, *arguments) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_what_does_not_fit_is_refused_in_one_line(
    whole_way: WholeWay,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bench = whole_way.folder / "bench"
    dataset = [bench, whole_way.folder / "dataset", "--format", "dataset"]
    again = refused(monkeypatch, capsys, "export", *dataset, "--split", "test")
    assert "has sequences of bench already" in again
    nowhere = refused(monkeypatch, capsys, "export", *dataset, "--split", "exam")
    assert "--split exam is none of train, val, test" in nowhere

    rig = json.loads((whole_way.folder / "rig.json").read_text())
    rig["rsgr"]["conditions"]["serial"] = "OTHER-7"
    other = tmp_path / "other.json"
    other.write_text(json.dumps(rig))
    cameras = ["--gs", "virtual:gs", "--pixel-format", "Mono12", "--headless", "--seconds", "1"]
    said = refused(monkeypatch, capsys, "live", *cameras, "--rig", other)
    assert "serial number is VRSGR-1, calibrated at OTHER-7" in said
    said = refused(
        monkeypatch, capsys, "verify", bench, "--report", tmp_path / "r.html", "--rig", other
    )
    assert "serial number is VRSGR-1, calibrated at OTHER-7" in said
    assert not (tmp_path / "r.html").exists()
    said = refused(
        monkeypatch,
        capsys,
        *("live", "--gs", "virtual:gs", "--headless", "--seconds", "1"),
        *("--rig", whole_way.folder / "rig.json"),
    )
    assert "pixel format is Mono8, calibrated at Mono12" in said
    other.write_text("{}")
    said = refused(monkeypatch, capsys, "calibrate", "show", other)
    assert f"{other} is no rig calibration" in said


def test_software_triggers_fail_the_report(
    whole_way: WholeWay,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rig = whole_way.folder / "rig.json"
    cameras = ["--gs", "virtual:gs", "--wiring", "software", "--pixel-format", "Mono12"]
    settings = ["--fps", "20", "--width", "320", "--height", "240", "--rig", rig]
    noted = ["--seconds", "2", "--note", "<script>belt & lamp"]
    assert ngs(monkeypatch, "record", tmp_path / "r", *cameras, *settings, *noted) == 0
    assert ngs(monkeypatch, "verify", tmp_path / "r", "--report", tmp_path / "r.html") == 1
    assert "redo" in capsys.readouterr().out
    page = (tmp_path / "r.html").read_text()
    assert "not synchronous" in page
    assert "&lt;script&gt;belt &amp; lamp" in page
    said = refused(
        monkeypatch, capsys, "calibrate", "geometry", *cameras, "--out", tmp_path / "rig.json"
    )
    assert "give --wiring external or master" in said
