"""Datasets as others publish them are read as they lie on disk."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from app import cli
from drivers.code_encoding import Encoding
from drivers.errors import InstrumentError
from drivers.given_conditions import GivenConditions, interval_of
from drivers.srgb import linear_from_srgb
from models.dataset.sequences import open_dataset
from models.weights.weights_file import read_header
from tests.models import published_dataset as published

TAKEN = GivenConditions(
    exposure_us=published.EXPOSURE_US,
    line_time_us=published.LINE_TIME_US,
    interval_us=interval_of(published.FPS),
    encoding=Encoding.SRGB,
)


def test_numbers_without_zeros_come_in_their_order(tmp_path: Path) -> None:
    published.written(tmp_path)
    (sequence,) = open_dataset(tmp_path, "val", given=TAKEN)
    assert sequence.names == tuple(f"{number}.png" for number in range(published.FRAMES))
    assert sequence.origin == "undescribed"
    assert (sequence.info.rows, sequence.info.columns) == (published.ROWS, published.COLUMNS)
    assert sequence.info.pixel_format == "RGB16"
    path = tmp_path / "validate" / "3"
    for index in (2, 10):
        stored = cv2.imread(str(path / "GS" / "PNG" / f"{index}.png"))[..., ::-1]
        np.testing.assert_allclose(
            sequence.target(index), linear_from_srgb(stored / 255.0), atol=1e-6
        )
    first_row = sequence.frame(10).pixels[0] / 65535.0
    # The first row of RSGR is exposed as long as GS.
    np.testing.assert_allclose(first_row, sequence.target(10)[0], atol=0.01)


def test_the_row_ramp_is_that_of_the_options(tmp_path: Path) -> None:
    published.written(tmp_path)
    (sequence,) = open_dataset(tmp_path, "test", given=TAKEN)
    middle = [float(sequence.frame(5).pixels[row].mean() / 65535.0) for row in (0, -1)]
    truth = [float(sequence.target(5)[row].mean()) for row in (0, -1)]
    ratio = sequence.info.timing.last_exposure_ratio()
    assert middle[1] / truth[1] == pytest.approx(ratio * middle[0] / truth[0], rel=0.05)


@pytest.mark.parametrize("split", ["validate", "val"])
def test_a_split_has_more_names_than_one(tmp_path: Path, split: str) -> None:
    published.written(tmp_path)
    assert len(open_dataset(tmp_path, split, given=TAKEN)) == 1


def test_pictures_of_other_shutters_lie_beside(tmp_path: Path) -> None:
    place = tmp_path / "test" / "scene"
    published.write_sequence(place, seed=1, pictures="RGB", numbers=[0, 10, 20])
    for other in ("RS", "HS"):
        (place / other / "RGB").mkdir(parents=True)
        (place / other / "RGB" / "7.png").write_bytes(b"")
    (sequence,) = open_dataset(tmp_path, "test", given=TAKEN)
    assert sequence.names == ("0.png", "10.png", "20.png")


def test_a_number_left_out_divides_a_sequence(tmp_path: Path) -> None:
    published.write_sequence(tmp_path / "test" / "a", seed=1, numbers=[8, 9, 10, 12, 13])
    runs = [sequence.names for sequence in open_dataset(tmp_path, "test", given=TAKEN)]
    assert runs == [("8.png", "9.png", "10.png"), ("12.png", "13.png")]


def test_what_nobody_tells_is_asked_for_by_the_name_of_its_option(tmp_path: Path) -> None:
    published.written(tmp_path)
    with pytest.raises(InstrumentError) as refused:
        open_dataset(tmp_path, "test")
    text = str(refused.value)
    for option in ("--exposure-us", "--line-time-us", "--fps", "--input-encoding srgb"):
        assert option in text
    assert "--pixel-format" not in text
    assert "\n" not in text


def test_linear_pictures_are_taken_as_told(tmp_path: Path) -> None:
    published.written(tmp_path)
    given = GivenConditions(1000.0, 5.0, 10_000.0, black_level_dn=8.0)
    (sequence,) = open_dataset(tmp_path, "test", given=given, gs_encoding=Encoding.LINEAR)
    assert (sequence.info.pixel_format, sequence.info.black_level_dn) == ("RGB8", 8.0)
    path = tmp_path / "test" / "3"
    stored = [cv2.imread(str(path / kind / "PNG" / "4.png"))[..., ::-1] for kind in ("RSGR", "GS")]
    np.testing.assert_array_equal(sequence.frame(4).pixels, stored[0])
    np.testing.assert_allclose(sequence.target(4), stored[1] / 255.0, atol=1e-6)


def _score_by_numpy(folder: Path, options: GivenConditions) -> list[float]:
    """Mean PSNR of row gain, whole and by thirds, from the files alone (all clipped at 1)."""
    assert options.exposure_us is not None
    assert options.line_time_us is not None
    ratio = 1 + options.line_time_us / options.exposure_us * np.arange(published.ROWS)
    every = []
    for number in range(published.FRAMES):
        rsgr, gs = (
            cv2.imread(str(folder / kind / "PNG" / f"{number}.png"))[..., ::-1].astype(float)
            for kind in ("RSGR", "GS")
        )
        encoded = rsgr / 255
        light = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
        restored = published.srgb(light / ratio[:, None, None]).astype(float)
        error = ((restored - gs) / 255) ** 2
        parts = [error, *np.split(error, 3)]
        every.append([-10 * np.log10(part.mean()) for part in parts])
    return [float(each) for each in np.mean(every, axis=0)]


@pytest.mark.parametrize("protocol", [[], ["--protocol", "rsst"]])
def test_the_protocol_of_the_paper_scores_as_a_script_of_a_few_lines_does(
    tmp_path: Path, protocol: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = published.written(tmp_path / "data", ("test",))
    figures = tmp_path / "figures.json"
    arguments = [str(folder), "--model", "row-gain", *published.OPTIONS, *protocol]
    monkeypatch.setattr(sys, "argv", ["ngs", "evaluate", *arguments, "--json", str(figures)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    document = json.loads(figures.read_text(encoding="utf-8"))
    assert document["material"]["origin"] == "undescribed"
    row_gain = next(each for each in document["results"] if each["restorer"] == "row-gain")
    if not protocol:
        assert "by_protocol" not in row_gain
        return
    scores = row_gain["by_protocol"]
    assert scores["protocol"] == "rsst"
    names = ("psnr_db", "psnr_db_top", "psnr_db_middle", "psnr_db_bottom")
    wanted = _score_by_numpy(folder / "test" / "3", TAKEN)
    # Codes are linearised to 16 bit first: a code in a thousand is rounded the other way.
    assert [scores[name] for name in names] == pytest.approx(wanted, abs=0.02)


@pytest.mark.whole
def test_a_network_is_trained_on_it_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, run = published.written(tmp_path / "data"), tmp_path / "run"
    brief = ["--steps", "4", "--validate-every", "2", "--crop", "32", "--device", "cpu"]
    command = [str(folder), "--model", "live", "--init", "live", "--out", str(run), *brief]
    monkeypatch.setattr(sys, "argv", ["ngs", "train", *command, *published.OPTIONS])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    training = read_header(run / "live.safetensors").training
    assert training.dataset.startswith("undescribed, 1 sequences, 12 frames")
    assert training.sources == ("3",)
    curve = json.loads((run / "curve.json").read_text(encoding="utf-8"))
    # The shipped weights know what to do with it.
    assert curve[0]["psnr_db"] > curve[0]["row_gain_psnr_db"] + 1
