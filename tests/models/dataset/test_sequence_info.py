"""sequence.json: what is written is read back, and what is wrong is named in one line."""

import json
from pathlib import Path

import pytest

from drivers.errors import InstrumentError
from drivers.timing import ReadoutDirection
from models.dataset.sequence_info import SequenceInfo, read_info

INFO = SequenceInfo(
    exposure_us=1000.0,
    line_time_us=4.0,
    rows=100,
    columns=160,
    direction=ReadoutDirection.BOTTOM_UP,
    frame_interval_us=2000.0,
    pixel_format="Mono12",
    black_level_dn=64.0,
    saturation_dn=4000.0,
    system_gain_dn_per_e=0.4,
    temporal_dark_noise_e=2.5,
    white_balance=(1.5, 1.0, 1.3),
    synthetic=True,
    sources=("a.jpg", "dog"),
    seed=3,
    generator="test",
    mean_blur_px=6.5,
)


def test_information_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "sequence.json"
    path.write_text(INFO.model_dump_json())
    assert read_info(path) == INFO


def test_a_file_of_before_is_read_with_the_same_keys(tmp_path: Path) -> None:
    """As written before the verdict on recorded pairs was kept."""
    before = (
        '{"version":1,"exposure_us":1000.0,"line_time_us":60.0,"rows":48,"columns":64,'
        '"direction":"top-down","frame_interval_us":5000.0,"pixel_format":"Mono12",'
        '"black_level_dn":64.0,"saturation_dn":4095.0,"system_gain_dn_per_e":0.4,'
        '"temporal_dark_noise_e":2.5,"white_balance":[1.0,1.0,1.0],"synthetic":true,"sources":[],'
        '"seed":null,"generator":"test","has_markers":false,"mean_blur_px":null,"overlap_px":null}'
    )
    path = tmp_path / "sequence.json"
    path.write_text(before)
    known = {**json.loads(before), "pairs": None}
    assert json.loads(read_info(path).model_dump_json()) == known


def test_timing_and_radiometry_are_those_of_the_sensor() -> None:
    assert INFO.timing.row_exposure_us()[[0, -1]].tolist() == [1396.0, 1000.0]
    assert INFO.radiometry.pixel_format.maximum_dn == 4095
    assert INFO.radiometry.saturation_dn == 4000.0
    assert INFO.radiometry.white_balance == (1.5, 1.0, 1.3)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"exposure_us": -1.0}, "exposure_us"),
        ({"surprise": 1}, "surprise"),
        ({"version": 99}, "version"),
        ({"direction": "sideways"}, "direction"),
    ],
)
def test_a_wrong_field_is_named_in_one_line(
    tmp_path: Path, change: dict[str, object], named: str
) -> None:
    path = tmp_path / "sequence.json"
    path.write_text(json.dumps(json.loads(INFO.model_dump_json()) | change))
    with pytest.raises(InstrumentError, match=named) as raised:
        read_info(path)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sequence.json"
    path.write_text("no json")
    with pytest.raises(InstrumentError, match=r"sequence\.json"):
        read_info(path)
