"""The dataset reader: what lies on disk comes back, what does not fit is named in one line."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivers.errors import InstrumentError
from drivers.given_conditions import GivenConditions
from drivers.timing import ReadoutDirection
from models.dataset.sequence_info import FILE_NAME
from models.dataset.sequences import open_dataset
from tests.models.small_dataset import (
    COLUMNS,
    FRAMES,
    INFO,
    ROWS,
    gs_codes,
    opened,
    rsgr_codes,
    written,
)


def test_frames_and_targets_come_back(tmp_path: Path) -> None:
    sequence = opened(tmp_path)
    assert (len(sequence), sequence.info) == (FRAMES, INFO)
    frame = sequence.frame(2)
    np.testing.assert_array_equal(frame.pixels, rsgr_codes(INFO, 2))
    assert (frame.metadata.sequence, frame.metadata.device_time_ns) == (2, 10_000_000)
    np.testing.assert_allclose(sequence.target(2) * 65535, gs_codes(2), atol=0.01)
    assert sequence.target(2).dtype == np.float32


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


def put_a_folder(place: Path) -> None:
    path = place / "RSGR" / "PNG" / "00000001.png"
    path.unlink()
    path.mkdir()


def describe(place: Path, name: str, value: str) -> None:
    path = place / FILE_NAME
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | {name: "VALUE"}).replace('"VALUE"', value))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (put_a_folder, "00000001.png cannot be read: Is a directory"),
        (lambda place: describe(place, "pixel_format", r'"\u001b[2J"'), r"pixel format \\x1b\[2J"),
        (lambda place: describe(place, "line_time_us", "1e999"), "line_time_us: Input should be a"),
        (lambda place: describe(place, "saturation_dn", "1"), "json: the file: black level 64 DN"),
        (lambda place: describe(place, "rows", "70000"), "rows: Input should be less than"),
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


@pytest.mark.parametrize("readout", [None, *ReadoutDirection])
def test_the_operators_readout_goes_before_the_files(
    tmp_path: Path, readout: ReadoutDirection | None
) -> None:
    written(tmp_path)
    (sequence,) = open_dataset(tmp_path, "test", given=GivenConditions(direction=readout))
    assert sequence.info.direction is (readout or INFO.direction)
    assert sequence.info.timing.direction is sequence.info.direction
