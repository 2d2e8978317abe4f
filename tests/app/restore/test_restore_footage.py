"""Footage in, restored footage of the same kind out: light, depth, names, resuming."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from app.restore import restore_footage as restore_module
from app.restore.chosen_restorer import Model
from app.restore.feeding import strategy_for
from app.restore.restore_footage import Request, Summary, restore
from drivers.code_encoding import Encoding
from drivers.errors import InstrumentError
from drivers.frame import Frame
from drivers.frame_conditions import FrameConditions
from drivers.pixel_format import Pixels
from drivers.srgb import linear_from_srgb
from models.restorers.registry import open_restorer
from models.restorers.restorer import Restored, Restorer
from models.restorers.restorer_state import RestorerState
from models.restorers.row_gain import RowGain
from tests.app.restore import small_footage as footage

CPU = torch.device("cpu")


def run(source: Path, target: Path, model: str = "row-gain", **options: object) -> Summary:
    request = Request(source, target, model, footage.GIVEN)
    return restore(replace(request, **options), lambda done, total: None)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read(path: Path) -> Pixels:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return picture[..., ::-1] if picture.ndim == 3 else picture


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_folder_is_restored_to_its_light(
    tmp_path: Path, colour: bool, encoding: Encoding, suffix: str
) -> None:
    source = footage.write_pictures(tmp_path / "in", footage.frames(3, colour=colour), suffix)
    summary = run(source, tmp_path / "out", encoding=encoding)
    assert summary.tally.restored == 3
    names = ["frame_1.png", "frame_2.png", "frame_3.png"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [*names, "restore.json"]
    for name, truth in zip(names, footage.light(3, colour=colour), strict=True):
        codes = read(tmp_path / "out" / name)
        assert codes.dtype == np.uint8
        light = linear_from_srgb(codes / 255) if encoding is Encoding.SRGB else codes / 255
        np.testing.assert_allclose(light, truth, atol=1.5 / 255)


@pytest.mark.parametrize(("bits", "colour"), [(12, False), (16, False), (12, True), (16, True)])
def test_deeper_codes_give_16_bit(tmp_path: Path, bits: int, colour: bool) -> None:
    source = footage.write_pictures(tmp_path / "in", footage.frames(2, colour=colour, bits=bits))
    given = replace(footage.GIVEN, pixel_format=f"{'RGB' if colour else 'Mono'}{bits}")
    run(source, tmp_path / "out", encoding=Encoding.LINEAR, given=given)
    codes = read(tmp_path / "out" / "frame_2.png")
    assert codes.dtype == np.uint16
    truth = footage.light(2, colour=colour)[1]
    np.testing.assert_allclose(codes / 65535, truth, atol=1.0 / (1 << bits))


def test_names_go_in_natural_order(tmp_path: Path) -> None:
    source = footage.write_pictures(tmp_path / "in", footage.frames(11))
    run(source, tmp_path / "folder", "warp")
    video = footage.write_video(tmp_path / "in.mkv", footage.frames(11), "gray")
    run(video, tmp_path / "out.mkv", "warp")
    pictures = [read(tmp_path / "folder" / f"frame_{number}.png") for number in range(1, 12)]
    np.testing.assert_array_equal(footage.read_video(tmp_path / "out.mkv", "gray"), pictures)


def test_a_mosaic_becomes_colour(tmp_path: Path) -> None:
    grey = footage.write_pictures(tmp_path / "in", footage.frames(1))
    run(grey, tmp_path / "out", given=replace(footage.GIVEN, pixel_format="BayerRG8"))
    assert read(tmp_path / "out" / "frame_1.png").shape == (footage.ROWS, footage.COLUMNS, 3)


@pytest.mark.parametrize("model", ["row-gain", "warp"])
def test_a_folder_goes_on_where_it_was_left(tmp_path: Path, model: str) -> None:
    source = footage.write_pictures(tmp_path / "in", footage.frames(12))
    run(source, tmp_path / "out", model)
    whole = content(tmp_path / "out")
    for number in (3, 4, 9):
        (tmp_path / "out" / f"frame_{number}.png").unlink()
    (tmp_path / "out" / ".ngs-0123456789abcdef.part").write_bytes(b"cut short")
    summary = run(source, tmp_path / "out", model)
    assert (summary.tally.restored, summary.tally.already_there) == (3, 9)
    assert content(tmp_path / "out") == whole
    again = run(source, tmp_path / "out", model)
    assert again.tally.restored == 0
    assert "were there already" in again.line()


def test_a_picture_that_was_replaced_is_restored_again_with_its_successor(tmp_path: Path) -> None:
    source = footage.write_pictures(tmp_path / "in", footage.frames(6))
    run(source, tmp_path / "out", "warp")
    fourth = source / "frame_4.png"
    os.utime(fourth, (fourth.stat().st_atime, fourth.stat().st_mtime + 3600))
    assert run(source, tmp_path / "out", "warp").tally.restored == 2


def offer(monkeypatch: pytest.MonkeyPatch, name: str, restorer: Restorer) -> None:
    """Have ``name`` mean a restorer of this file."""
    model = Model(RestorerState(name, "cpu"), None, strategy_for(restorer), RowGain(CPU))
    monkeypatch.setattr(restore_module, "check_model", lambda model: model)
    monkeypatch.setattr(restore_module, "open_model", lambda *given: model)


class Failing:
    """A restorer that fails at some frame."""

    frames_needed = 2

    def __init__(self, name: str, at_frame: int) -> None:
        self.name = name
        self._at_frame = at_frame
        self._real = open_restorer(name, CPU, offline=True)

    def reset(self) -> None:
        self._real.reset()

    def restore(self, frames: Sequence[Frame], conditions: FrameConditions) -> Restored:
        if frames[-1].metadata.sequence == self._at_frame:
            raise InstrumentError("the restorer fell over")
        return self._real.restore(frames, conditions)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_video_goes_on_where_it_was_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    source = footage.write_video(tmp_path / "in.mkv", footage.frames(75), "gray")
    whole, target = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    run(source, whole, "warp")
    with monkeypatch.context() as patched:
        offer(patched, "warp", Failing("warp", at_frame=50))
        with pytest.raises(InstrumentError, match="fell over"):
            run(source, target, "warp")
    assert not target.exists()
    summary = run(source, target, "warp")
    assert (summary.tally.restored, summary.tally.already_there) == (75 - 32, 32)
    assert target.read_bytes() == whole.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"in.mkv", whole.name, target.name}
    assert run(source, target, "warp").tally.already_there == 75


@pytest.mark.parametrize(("form", "bits"), [("gray", 8), ("rgb24", 8), ("gray16le", 16)])
def test_a_lossless_video_holds_what_a_folder_holds(tmp_path: Path, form: str, bits: int) -> None:
    pictures = footage.frames(5, colour=form == "rgb24", bits=bits)
    video = footage.write_video(tmp_path / "in.mkv", pictures, form)
    run(video, tmp_path / "out.mkv")
    folder = footage.write_pictures(tmp_path / "in", pictures)
    name = {"gray": "Mono8", "rgb24": "RGB8", "gray16le": "Mono16"}[form]
    run(folder, tmp_path / "out", given=replace(footage.GIVEN, pixel_format=name))
    expected = [read(tmp_path / "out" / f"frame_{number}.png") for number in range(1, 6)]
    np.testing.assert_array_equal(footage.read_video(tmp_path / "out.mkv", form), expected)


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("crop", [0, 1])
def test_h264_shows_the_restored_light(tmp_path: Path, colour: bool, crop: int) -> None:
    pictures = [np.ascontiguousarray(codes[:, crop:]) for codes in footage.frames(4, colour=colour)]
    video = footage.write_video(tmp_path / "in.mkv", pictures, "rgb24" if colour else "gray")
    run(video, tmp_path / "out.mp4", crf=2)
    shown = footage.read_video(tmp_path / "out.mp4", "rgb24")
    assert len(shown) == 4
    for codes, truth in zip(shown, footage.light(4, colour=colour), strict=True):
        wanted = truth[:, crop:] if colour else truth[:, crop:, None]
        difference = linear_from_srgb(codes / 255) - wanted
        # Halved colour blurs; what is out of place would be brightness or hue at large.
        assert np.abs(difference.mean((0, 1))).max() < 0.006
        assert np.abs(difference).mean() < 0.01


def test_a_video_keeps_its_rate(tmp_path: Path) -> None:
    video = footage.write_video(tmp_path / "in.mkv", footage.frames(40), "gray", fps=25)
    summary = run(video, tmp_path / "out.mp4", given=replace(footage.GIVEN, interval_us=None))
    assert summary.conditions.interval_us == 40_000
    with footage.opened(tmp_path / "out.mp4") as stream:
        assert stream.average_rate == 25
        assert stream.frames == 40


def test_a_video_for_viewing_is_made_linear_first(tmp_path: Path) -> None:
    """A scene at rest that a camera's maker encoded by sRGB comes out as linear codes would."""
    ramp = footage.TIMING.exposure_ratio()
    truth = footage.light(1)[0]
    encoded = footage.srgb_codes((truth.T * ramp).T)
    video = footage.write_video(tmp_path / "in.mkv", [encoded] * 2, "gray")
    given = replace(footage.GIVEN, black_level_dn=None, encoding=Encoding.SRGB)
    run(video, tmp_path / "out.mkv", given=given)
    restored = footage.read_video(tmp_path / "out.mkv", "gray")[1]
    np.testing.assert_allclose(linear_from_srgb(restored / 255), truth, atol=0.005)


def test_a_colour_video_of_a_grey_camera_can_be_taken_as_grey(tmp_path: Path) -> None:
    grey = [codes[..., None].repeat(3, axis=-1) for codes in footage.frames(2)]
    video = footage.write_video(tmp_path / "in.mkv", grey, "rgb24")
    run(video, tmp_path / "out.mkv", given=replace(footage.GIVEN, pixel_format="Mono8"))
    assert footage.read_video(tmp_path / "out.mkv", "gray")[0].shape == (48, 64)


class Doubtful(RowGain):
    """Gives values that are no numbers for every third frame."""

    name = "doubtful"

    def restore(self, frames: Sequence[Frame], conditions: FrameConditions) -> Restored:
        restored = super().restore(frames, conditions)
        if frames[-1].metadata.sequence % 3 == 1:
            restored.light[5, 7] = torch.nan
        return restored


def test_what_is_no_number_is_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, "doubtful", Doubtful(CPU))
    source = footage.write_pictures(tmp_path / "in", footage.frames(7))
    summary = run(source, tmp_path / "out", "doubtful")
    assert summary.fallen_back == 2
    assert "2 by row-gain" in summary.line()
    assert summary.document()["frames"]["fallen_back"] == 2
    run(source, tmp_path / "row-gain")
    for number in range(1, 8):
        name = f"frame_{number}.png"
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "row-gain" / name).read_bytes()


class LookingAhead(RowGain):
    """Gives every frame of a clip the mean light of the clip."""

    name = "looking-ahead"

    def restore_clip(self, frames: Sequence[Frame], conditions: FrameConditions) -> list[Restored]:
        each = [self.restore([frame], conditions) for frame in frames]
        mean = torch.stack([restored.light for restored in each]).mean(0)
        return [Restored(mean, restored.saturated) for restored in each]


def test_a_restorer_that_looks_ahead_is_given_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, "looking-ahead", LookingAhead(CPU))
    source = footage.write_pictures(tmp_path / "in", footage.frames(20))
    run(source, tmp_path / "out", "looking-ahead")
    whole = content(tmp_path / "out")
    first, second = np.mean(footage.light(20)[:10], 0), np.mean(footage.light(20)[6:18], 0)
    for number, truth in ((1, first), (8, first), (9, second), (16, second)):
        codes = read(tmp_path / "out" / f"frame_{number}.png")
        np.testing.assert_allclose(linear_from_srgb(codes / 255), truth, atol=1.5 / 255)
    (tmp_path / "out" / "frame_12.png").unlink()
    assert run(source, tmp_path / "out", "looking-ahead").tally.restored == 8
    assert content(tmp_path / "out") == whole


def test_a_failing_restorer_leaves_whole_frames_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, "failing", Failing("row-gain", 5))
    source = footage.write_pictures(tmp_path / "in", footage.frames(8))
    with pytest.raises(InstrumentError, match="fell over"):
        run(source, tmp_path / "out", "failing")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names <= {f"frame_{number}.png" for number in range(1, 6)} | {"restore.json"}


@pytest.mark.parametrize(
    "change",
    [
        {"model": "warp"},
        {"encoding": Encoding.LINEAR},
        {"bits": 16},
        {"given": replace(footage.GIVEN, line_time_us=21.0)},
    ],
)
def test_frames_made_otherwise_never_join(tmp_path: Path, change: dict[str, object]) -> None:
    source = footage.write_pictures(tmp_path / "in", footage.frames(2))
    run(source, tmp_path / "out")
    before = content(tmp_path / "out")
    with pytest.raises(InstrumentError, match=r"was made with .* now it is .* name another OUT"):
        run(source, tmp_path / "out", **change)
    assert content(tmp_path / "out") == before


def test_other_footage_never_joins(tmp_path: Path) -> None:
    run(footage.write_pictures(tmp_path / "in", footage.frames(2)), tmp_path / "out")
    more = footage.write_pictures(tmp_path / "more" / "in", footage.frames(3))
    with pytest.raises(InstrumentError, match="was made with input frames 2, now it is 3"):
        run(more, tmp_path / "out")


@pytest.mark.parametrize("place", [".", "RSGR/PNG"])
def test_a_sequence_of_a_dataset_describes_itself(tmp_path: Path, place: str) -> None:
    sequence = tmp_path / "00000"
    footage.write_pictures(sequence / "RSGR" / "PNG", footage.frames(2))
    (sequence / "sequence.json").write_text(
        json.dumps(
            {
                "exposure_us": 1000.0,
                "line_time_us": 20.0,
                "rows": footage.ROWS,
                "columns": footage.COLUMNS,
                "frame_interval_us": 16_667.0,
                "pixel_format": "Mono8",
                "black_level_dn": 8.0,
                "saturation_dn": 255.0,
                "system_gain_dn_per_e": 0.1,
                "temporal_dark_noise_e": 2.0,
                "synthetic": True,
                "generator": "test",
            }
        ),
        encoding="utf-8",
    )
    summary = run(sequence / place, tmp_path / "out", given=type(footage.GIVEN)())
    assert summary.document()["timing"]["from_metadata"] is True
    codes = read(tmp_path / "out" / "frame_2.png")
    np.testing.assert_allclose(linear_from_srgb(codes / 255), footage.light(2)[1], atol=1.5 / 255)
