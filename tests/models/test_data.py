"""The dataset reader: what lies on disk comes back, what does not fit is named in one line."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from drivers.errors import InstrumentError
from models.data import Clips, Sequence, open_dataset
from models.encoding import srgb_encode
from models.sequence import SequenceInfo

ROWS, COLUMNS, FRAMES = 48, 64, 4
INFO = SequenceInfo(
    exposure_us=1000.0,
    line_time_us=60.0,
    rows=ROWS,
    columns=COLUMNS,
    frame_interval_us=5000.0,
    pixel_format="Mono12",
    black_level_dn=64.0,
    saturation_dn=4095.0,
    system_gain_dn_per_e=0.4,
    temporal_dark_noise_e=2.5,
    synthetic=True,
    generator="test",
)


def rsgr_codes(info: SequenceInfo, index: int) -> np.ndarray:
    """A grey picture that brightens from left to right and from frame to frame."""
    ramp = info.timing.row_exposure_us() / info.exposure_us
    grey = np.linspace(0.02, 0.1, COLUMNS) * (1 + 0.1 * index)
    span = info.saturation_dn - info.black_level_dn
    codes = np.rint(info.black_level_dn + span * ramp[:, None] * grey)
    return codes.astype(np.uint8 if info.saturation_dn < 256 else np.uint16)


def gs_codes(index: int) -> np.ndarray:
    grey = np.linspace(0.02, 0.1, COLUMNS) * (1 + 0.1 * index)
    return np.rint(65535 * np.tile(grey, (ROWS, 1))).astype(np.uint16)


def written(folder: Path, info: SequenceInfo = INFO, *, described: bool = True) -> Path:
    """A dataset with one sequence ``test/00000`` below ``folder``."""
    place = folder / "test" / "00000"
    for index in range(FRAMES):
        for kind, codes in (("RSGR", rsgr_codes(info, index)), ("GS", gs_codes(index))):
            (place / kind / "PNG").mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(place / kind / "PNG" / f"{index:08d}.png"), codes)
    if described:
        (place / "sequence.json").write_text(info.model_dump_json())
    return place


def opened(folder: Path, info: SequenceInfo = INFO) -> Sequence:
    written(folder, info)
    (sequence,) = open_dataset(folder, "test")
    return sequence


def test_frames_and_targets_come_back(tmp_path: Path) -> None:
    sequence = opened(tmp_path)
    assert (len(sequence), sequence.info) == (FRAMES, INFO)
    frame = sequence.frame(2)
    np.testing.assert_array_equal(frame.pixels, rsgr_codes(INFO, 2))
    assert (frame.metadata.sequence, frame.metadata.device_time_ns) == (2, 10_000_000)
    np.testing.assert_allclose(sequence.target(2) * 65535, gs_codes(2), atol=0.01)
    assert sequence.target(2).dtype == np.float32


def test_the_published_layout_needs_its_timing_given(tmp_path: Path) -> None:
    fallback = INFO.model_copy(
        update={
            "pixel_format": "RGB8",
            "rows": 1,
            "columns": 1,
            "black_level_dn": 0.0,
            "saturation_dn": 255.0,
        }
    )
    place = tmp_path / "test" / "scene"
    rgb = np.random.default_rng(0).integers(0, 256, (ROWS, COLUMNS, 3), np.uint8)
    for kind in ("RSGR", "GS"):
        (place / kind / "PNG").mkdir(parents=True)
        cv2.imwrite(str(place / kind / "PNG" / "00000000.png"), rgb[..., ::-1])
    (sequence,) = open_dataset(tmp_path, "test", fallback=fallback)
    assert (sequence.info.rows, sequence.info.columns) == (ROWS, COLUMNS)
    np.testing.assert_array_equal(sequence.frame(0).pixels, rgb)
    encoded = srgb_encode(torch.from_numpy(sequence.target(0)))
    np.testing.assert_allclose(encoded * 255, rgb, atol=0.01)
    with pytest.raises(InstrumentError, match=r"sequence\.json"):
        open_dataset(tmp_path, "test")


def remove_partner(place: Path) -> None:
    (place / "GS" / "PNG" / "00000001.png").unlink()


def remove_targets(place: Path) -> None:
    for path in (place / "GS" / "PNG").iterdir():
        path.unlink()


def shrink(place: Path) -> None:
    cv2.imwrite(str(place / "GS" / "PNG" / "00000001.png"), gs_codes(0)[:-2])


def make_shallow(place: Path) -> None:
    cv2.imwrite(str(place / "RSGR" / "PNG" / "00000001.png"), np.zeros((ROWS, COLUMNS), np.uint8))


def make_colour(place: Path) -> None:
    cv2.imwrite(str(place / "GS" / "PNG" / "00000001.png"), np.zeros((ROWS, COLUMNS, 3), np.uint16))


def write_text(place: Path) -> None:
    (place / "RSGR" / "PNG" / "00000001.png").write_text("a text file of some length, no picture")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (remove_partner, "1 pictures without partner, first 00000001.png"),
        (remove_targets, "no frame pairs"),
        (shrink, "64 x 46 px"),
        (make_shallow, "8 bit grey, expected 64 x 48 px, 16 bit grey"),
        (make_colour, "16 bit RGB"),
        (write_text, "no grey or RGB PNG"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(tmp_path: Path, damage, said: str) -> None:
    damage(written(tmp_path))
    with pytest.raises(InstrumentError, match=said) as raised:
        open_dataset(tmp_path, "test")
    assert "\n" not in str(raised.value)


def test_a_folder_that_is_no_dataset_says_what_one_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("text")
    with pytest.raises(InstrumentError, match="found: no folders"):
        open_dataset(tmp_path, "test")
    with pytest.raises(InstrumentError, match="found: no folders"):
        open_dataset(tmp_path / "missing", "test")
    (tmp_path / "test").mkdir()
    with pytest.raises(InstrumentError, match="holds no sequences"):
        open_dataset(tmp_path, "test")


def test_codes_shifted_to_the_high_bits_are_refused(tmp_path: Path) -> None:
    sequence = opened(tmp_path)
    path = sequence.folder / "RSGR" / "PNG" / "00000000.png"
    cv2.imwrite(str(path), rsgr_codes(INFO, 0) << 4)
    with pytest.raises(InstrumentError, match="exceeds 4095 DN"):
        sequence.frame(0)


def test_a_truncated_picture_is_refused(tmp_path: Path) -> None:
    sequence = opened(tmp_path)
    path = sequence.folder / "GS" / "PNG" / "00000000.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(InstrumentError, match=r"00000000\.png"):
        sequence.target(0)


def test_a_crop_keeps_the_exposures_of_its_absolute_rows(tmp_path: Path) -> None:
    clips = Clips([opened(tmp_path)], 2, (16, 24))
    assert len(clips) == FRAMES - 1
    firsts = set()
    for epoch in range(20):
        clips.set_epoch(epoch)
        clip = clips[1]
        assert clip.light.shape == clip.target.shape == (2, 1, 16, 24)
        assert clip.saturated.shape == (2, 1, 16, 24)
        first = round((float(clip.row_exposure_us[0]) - 1000.0) / 60.0)
        firsts.add(first)
        expected = INFO.timing.row_exposure_us()[first : first + 16]
        np.testing.assert_allclose(clip.row_exposure_us, expected, rtol=1e-6)
        # Row gain with any other rows' exposures would miss the target.
        torch.testing.assert_close(clip.light, clip.target, atol=3e-4, rtol=0)
    assert {0, ROWS - 16} < firsts


def test_clips_are_flipped_left_and_right_only_and_all_alike(tmp_path: Path) -> None:
    sequence = opened(tmp_path)
    clips = Clips([sequence], 2, (ROWS, COLUMNS))
    rising = set()
    for epoch in range(12):
        clips.set_epoch(epoch)
        clip = clips[0]
        slopes = torch.sign(torch.cat([clip.light, clip.target]).mean(dim=(1, 2)).diff().mean(-1))
        assert len(set(slopes.tolist())) == 1
        rising.add(float(slopes[0]))
        assert clip.target[1].mean() > clip.target[0].mean()
        assert clip.row_exposure_us[0] < clip.row_exposure_us[-1]
    assert rising == {-1.0, 1.0}


def test_clips_depend_on_seed_and_epoch_alone(tmp_path: Path) -> None:
    sequence = opened(tmp_path)
    first, second = (Clips([sequence], 2, (16, 24), seed=5) for _ in range(2))
    torch.testing.assert_close(first[0], second[0], rtol=0, atol=0)
    second.set_epoch(1)
    other = Clips([sequence], 2, (16, 24), seed=6)
    assert not torch.equal(first[0].light, second[0].light)
    assert not torch.equal(first[0].light, other[0].light)


def test_clips_make_batches(tmp_path: Path) -> None:
    batch = next(iter(DataLoader(Clips([opened(tmp_path)], 3, (16, 24)), batch_size=2)))
    assert batch.light.shape == (2, 3, 1, 16, 24)
    assert batch.row_exposure_us.shape == (2, 16)
    assert batch.light.dtype == batch.exposure_us.dtype == torch.float32


def test_clips_longer_or_larger_than_the_sequence_are_refused(tmp_path: Path) -> None:
    sequence = opened(tmp_path)
    with pytest.raises(InstrumentError, match="too few"):
        Clips([sequence], FRAMES + 1, (16, 24))
    with pytest.raises(InstrumentError, match="too few"):
        Clips([sequence], 2, (ROWS + 1, 24))
