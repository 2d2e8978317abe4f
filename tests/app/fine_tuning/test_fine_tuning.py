"""From own pairs to weights: divided so that nothing seen is judged by, and never sold for more."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from app.fine_tuning import own_pairs
from app.fine_tuning.judgement import judge
from app.recordings.aligned_pairs import PairedRecording
from drivers.camera_settings import Region
from drivers.errors import InstrumentError
from drivers.recording import open_recording
from drivers.rig.pairing import FramePair
from drivers.virtual.scene.named_scenes import named_scene
from drivers.virtual.scene.scene import Scene
from models.dataset.layout import TEST, TRAIN, VALIDATION
from models.weights.shipped import shipped_weights
from models.weights.weights_file import read_header
from tests.app.recordings.run_ngs import ngs
from tests.calibration.pair_frames import PairOfCameras
from tests.paired_recording import SENSOR, write

REGION = Region(600, 420, 160, 120)
BRIEF = ("--steps", "4", "--validate-every", "2", "--crop", "32", "--device", "cpu")


@pytest.fixture(scope="module")
def bench() -> Scene:
    return named_scene("Bench", *SENSOR)


@pytest.fixture(scope="module")
def recordings(bench: Scene, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Recordings of so many pairs, each made once."""
    made: dict[int, Path] = {}
    folder = tmp_path_factory.mktemp("own")

    def get(pairs: int) -> Path:
        if pairs not in made:
            made[pairs] = write(folder / f"r{pairs}", PairOfCameras(bench, REGION), pairs)
        return made[pairs]

    return get


def parts(*folders: Path) -> list[dict[str, list[FramePair]]]:
    return own_pairs.parts([PairedRecording.open(open_recording(each), None) for each in folders])


def test_one_recording_is_divided_by_time_with_a_gap(recordings: Callable[[int], Path]) -> None:
    (divided,) = parts(recordings(130))
    assert list(divided) == [TRAIN, VALIDATION, TEST]
    indices = [[pair.rsgr_index for pair in divided[split]] for split in divided]
    for before, after in pairwise(indices):
        assert min(after) - max(before) >= 7
    assert [len(each) for each in indices] == pytest.approx([83, 15, 15], abs=2)


def test_what_is_judged_by_is_a_recording_of_its_own_where_there_are_two(
    recordings: Callable[[int], Path],
) -> None:
    first, second = parts(recordings(130), recordings(40))
    assert (set(first), set(second)) == ({TRAIN, VALIDATION}, {TEST})
    assert len(second[TEST]) == 40
    three = parts(recordings(130), recordings(60), recordings(40))
    assert [list(each) for each in three] == [[TRAIN], [VALIDATION], [TEST]]


def test_too_few_pairs_are_told_before_anything_is_written(
    recordings: Callable[[int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    out = tmp_path / "out"
    assert ngs(monkeypatch, "finetune", recordings(40), "--out", out) == 1
    assert "pairs in a row are left to train on, 60 are needed" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.whole
def test_own_pairs_become_weights_that_say_where_they_come_from(
    recordings: Callable[[int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    out, figures = tmp_path / "out", tmp_path / "figures.json"
    command = ("finetune", recordings(130), "--out", out, *BRIEF, "--json", figures)
    assert ngs(monkeypatch, *command) == 0
    told = json.loads(figures.read_text(encoding="utf-8"))
    names = [each["restorer"] for each in told["own"]["results"]]
    assert names == ["raw", "row-gain", "warp", "live", "tuned"]
    scores = {each["restorer"]: each["psnr_db"] for each in told["own"]["results"]}
    assert told["gain_db"] == pytest.approx(scores["tuned"] - scores["live"], abs=1e-3)
    assert told["general_gain_db"] is None
    # Four steps of the gentle schedule change nothing that is worth a file.
    assert told["worth_using"] is False
    said = capsys.readouterr().out
    assert "not worth using: " in said
    assert "other scenes were not measured" in said
    training = read_header(out / "live.safetensors").training
    assert training.started_from is not None
    assert training.started_from.startswith("live ")
    assert "recorded" in training.dataset
    assert "| tuned |" in (out / "report.md").read_text(encoding="utf-8")
    # The same command again: everything is there, and nothing is done twice.
    before = {path: path.stat().st_mtime_ns for path in (out / "pairs").rglob("*.png")}
    assert ngs(monkeypatch, *command) == 0
    assert {path: path.stat().st_mtime_ns for path in (out / "pairs").rglob("*.png")} == before
    # Other recordings are another run.
    assert ngs(monkeypatch, "finetune", recordings(131), "--out", out, *BRIEF) == 1
    assert "was begun with other recordings" in capsys.readouterr().err


@pytest.mark.whole
def test_wrong_pairs_train_nothing_unless_accepted(
    bench: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    wrong = write(
        tmp_path / "wrong", PairOfCameras(bench, REGION), 120, gs_trigger=lambda number: number + 1
    )
    command = ("finetune", wrong, "--out", tmp_path / "out", *BRIEF)
    assert ngs(monkeypatch, *command) == 1
    assert "nobody should train on these pairs" in capsys.readouterr().err
    assert not list((tmp_path / "out").rglob("*.png"))
    assert ngs(monkeypatch, *command, "--accept") == 0


def test_folders_that_hold_something_else_are_left_alone(
    recordings: Callable[[int], Path], tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("text")
    nothing = lambda done, total: None  # noqa: E731
    with pytest.raises(InstrumentError, match="holds something else"):
        own_pairs.prepared(
            [recordings(130)],
            None,
            tmp_path,
            accept=False,
            on_comparing=nothing,
            on_writing=nothing,
        )
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.whole
def test_the_same_weights_are_no_gain(recordings: Callable[[int], Path], tmp_path: Path) -> None:
    nothing = lambda done, total: None  # noqa: E731
    pairs = own_pairs.prepared(
        [recordings(130)],
        None,
        tmp_path / "out",
        accept=False,
        on_comparing=nothing,
        on_writing=nothing,
    )
    judged = judge(pairs.dataset, pairs.dataset, "live", shipped_weights()["live"], nothing)
    assert judged.gain_db == pytest.approx(0.0, abs=1e-6)
    assert judged.general_gain_db == pytest.approx(0.0, abs=1e-6)
    assert not judged.worth_using
