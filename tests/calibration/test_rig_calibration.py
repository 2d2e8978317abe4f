"""``rig.json``: written and read back, and refused where it holds no longer."""

import json
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from calibration.geometric.board_detection import FoundBoard
from calibration.geometric.geometry_from_board import (
    BoardPair,
    GeometryCalibration,
    geometry_calibration,
)
from calibration.radiometric.colour import ColourCalibration, PanelLight, colour_calibration
from calibration.radiometric.dark import DarkCalibration, DarkShot, dark_calibration
from calibration.radiometric.photon_transfer import PanelShot, photon_transfer
from calibration.rig_calibration import (
    CalibratedCamera,
    CameraConditions,
    RigCalibration,
    read_rig,
    recorded_rig,
    write_rig,
)
from calibration.temporal.exposure_delay import ExposureDelayCalibration
from calibration.temporal.line_time import GlobalReset, LineTimeCalibration
from calibration.verdict import Grade, Verdict
from drivers.camera_settings import Region
from drivers.errors import InstrumentError
from drivers.recording.description import RecordedCamera, RecordingInfo
from drivers.timing import ReadoutDirection, SensorTiming
from drivers.virtual.scene.uniform import UniformScene
from tests import small_recording
from tests.calibration.still_frames import StillCamera

GOOD = Verdict(grade=Grade.GOOD)
CONDITIONS = CameraConditions(
    maker="Neural Global Shutter",
    model="NGS-V RSGR 1440",
    serial="VRSGR-1",
    firmware="1.0",
    pixel_format="Mono12",
    gain_db=0.0,
    black_level_dn=64.0,
    readout={"BinningVertical": "1", "DeviceLinkThroughputLimit": "400000000"},
)
GS_CONDITIONS = CONDITIONS.model_copy(update={"model": "NGS-V GS 1440", "serial": "VGS-1"})
LINE_TIME = LineTimeCalibration(
    pixel_format="Mono12",
    line_time_us=6.01,
    line_time_error_us=0.01,
    exposure_offset_us=12.3,
    exposure_offset_error_us=0.4,
    direction=ReadoutDirection.BOTTOM_UP,
    long_exposure_us=8000.0,
    short_exposure_us=2000.0,
    frames_per_exposure=32,
    rows=480,
    rows_used=478,
    residual_us=0.7,
    band_residuals_us=(0.1, None, -0.1),
    chi_square=1.1,
    band_chi_square=1.3,
    black_shift_dn=0.02,
    clipped_percent=0.0,
    moving_percent=0.1,
    drift_percent=0.1,
    flicker=None,
    flat_ramp=None,
    global_reset=GlobalReset.PROVEN,
    global_reset_text="global reset proven",
    verdict=GOOD,
)
DELAY = ExposureDelayCalibration(
    delay_us=40.0, delay_error_us=0.1, exposure_us=2012.0, lamp=None, motion=None, verdict=GOOD
)


@lru_cache
def dark() -> DarkCalibration:
    capped, lit = (StillCamera(UniformScene(light)) for light in (0.0, 0.5))
    shots = [DarkShot(us, capped.frames(16, us)) for us in (100.0, 4000.0)]
    exposures_us = np.linspace(10.0, 21_000.0, 14)
    panel = [PanelShot(us, *lit.frames(2, us)) for us in exposures_us]
    transfer = photon_transfer(panel, lit.pixel_format, lit.black_level_dn, 1.2)
    return dark_calibration(shots, lit.pixel_format, transfer)


@lru_cache
def geometry() -> GeometryCalibration:
    rng = np.random.default_rng(1)
    poses = []
    for _ in range(8):
        here = rng.uniform((0, 0), (1440, 1080), (60, 2))
        there = here + 0.2 * np.sin(here / 200.0) + [4.0, -3.0]
        boards = [FoundBoard(dict(enumerate(places)), False) for places in (here, there)]
        poses.append(BoardPair(*boards))
    return geometry_calibration(poses, (1440, 1080), (1440, 1080))


@lru_cache
def colour() -> ColourCalibration:
    light = np.random.default_rng(2).uniform(0.0, 0.6, (20, 30, 3)).repeat(16, 0).repeat(16, 1)
    light = light.astype(np.float32)
    usable = np.ones(light.shape[:2], bool)
    panel = PanelLight(0 * light + 0.3, 0 * light + 0.4, Region(8, 8, 480, 320))
    return colour_calibration(1.3 * light, light, usable, 4000.0, panel)


def rig(**values: object) -> RigCalibration:
    """Everything calibrated, but for what ``values`` say."""
    whole = RigCalibration(
        created=datetime(2026, 11, 5, 14, 30, tzinfo=UTC),
        program="ngs 0.1.0",
        rsgr=CalibratedCamera(conditions=CONDITIONS, dark=dark(), line_time=LINE_TIME),
        gs=CalibratedCamera(conditions=GS_CONDITIONS, dark=dark()),
        geometry=geometry(),
        colour=colour(),
        exposure_delay=DELAY,
    )
    return whole.model_copy(update=values)


def bare() -> RigCalibration:
    """A camera of which nothing was measured yet."""
    return RigCalibration(
        created=datetime(2026, 11, 5, tzinfo=UTC),
        program="ngs 0.1.0",
        rsgr=CalibratedCamera(conditions=CONDITIONS),
    )


def changed(**values: object) -> CameraConditions:
    return CONDITIONS.model_copy(update=values)


def test_everything_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "rig.json"
    for written in (bare(), rig()):
        write_rig(path, written)
        assert read_rig(path) == written
    assert [each.name for each in tmp_path.iterdir()] == ["rig.json"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "rig.json"
    with pytest.raises(InstrumentError, match="its folder does not exist") as error:
        write_rig(path, bare())
    assert str(path) in str(error.value)


def refused(path: Path) -> str:
    with pytest.raises(InstrumentError) as error:
        read_rig(path)
    text = str(error.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    return text


def test_a_file_that_is_no_rig_calibration_is_refused_by_name_and_field(tmp_path: Path) -> None:
    path = tmp_path / "rig.json"
    assert "cannot be read: No such file or directory" in refused(path)
    assert "cannot be read: Is a directory" in refused(tmp_path)
    for content in (b"", b"\x93NUMPY\x01", b'{"version": 1,', b"[1, 2]"):
        path.write_bytes(content)
        assert "is no rig calibration: the file: " in refused(path)
    path.write_text('{"frames": 12}')
    assert "is no rig calibration: " in refused(path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("version",), 2),
        (("created",), "yesterday"),
        (("rsgr", "line_time", "line_time_us"), "fast"),
        (("geometry", "map", "homography"), None),
        (("geometry", "map", "homography"), [1.0] * 8),
        (("geometry", "map", "residual_px"), [[0.0] * 15, [0.0] * 14]),
        (("geometry", "map", "rsgr_sensor_px"), [0, 480]),
        (("colour", "matrix"), [[1.0, 0.0], [0.0, 1.0]]),
        (("colour", "matrix"), [[1.0, 0.0, 0.0], [0.0, 1.0]]),
        (("colour", "shading_rsgr", "map"), [[1.0, 1.0], [1.0]]),
        (("colour", "shading_rsgr", "map"), [[0.0]]),
        (("colour", "shading_gs", "region_px"), [0, 0, 0, 10]),
        (("colour", "verdict", "grade"), "splendid"),
        (("gs", "conditions", "lens"), "35 mm"),
    ],
)
def test_a_field_that_is_wrong_is_named(
    tmp_path: Path, place: tuple[str, ...], value: object
) -> None:
    path = tmp_path / "rig.json"
    content = json.loads(rig().model_dump_json())
    part = content
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    path.write_text(json.dumps(content))
    text = refused(path)
    assert f"is no rig calibration: {'.'.join(place)}" in text
    assert text.endswith("calibrate again, or correct it")


def test_a_geometry_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rig.json"
    content = json.loads(rig().model_dump_json())
    for homography in ([0.0] * 9, [1e12, 0, 0, 0, 1, 0, 0, 0, 1]):
        content["geometry"]["map"]["homography"] = homography
        path.write_text(json.dumps(content))
        with np.errstate(all="ignore"):
            assert "takes the RSGR picture nowhere near the GS sensor" in refused(path)


def test_offsets_for_other_colours_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rig.json"
    content = json.loads(rig().model_dump_json())
    content["colour"]["offset"] = [0.0]
    path.write_text(json.dumps(content))
    assert "1 offsets for 3 colours" in refused(path)


def test_the_cameras_it_was_made_with_fit() -> None:
    rig().check_fits(CONDITIONS, GS_CONDITIONS)
    rig().check_fits(CONDITIONS)
    rig().check_fits(changed(firmware="2.0"))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"serial": "VRSGR-2"}, "serial number is VRSGR-2, calibrated at VRSGR-1"),
        ({"pixel_format": "Mono8"}, "pixel format is Mono8, calibrated at Mono12"),
        ({"gain_db": 6.0}, "gain in dB is 6.0, calibrated at 0.0"),
        ({"gain_db": None}, "gain in dB is None, calibrated at 0.0"),
        ({"black_level_dn": 32.0}, "black level node is 32.0, calibrated at 64.0"),
        (
            {"readout": CONDITIONS.readout | {"BinningVertical": "2"}},
            "BinningVertical is 2, calibrated at 1",
        ),
        (
            {"readout": {"BinningVertical": "1", "SensorMode": "Fast"}},
            "DeviceLinkThroughputLimit is absent, calibrated at 400000000; "
            "SensorMode is Fast, calibrated at absent",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_both_values(other: dict[str, object], said: str) -> None:
    with pytest.raises(InstrumentError) as error:
        rig().check_fits(changed(**other))
    assert f"not of this RSGR camera: {said}; set the camera as it was" in str(error.value)


def test_the_second_camera_is_checked_as_well() -> None:
    with pytest.raises(InstrumentError, match="not of this GS camera: serial number is VGS-9"):
        rig().check_fits(CONDITIONS, GS_CONDITIONS.model_copy(update={"serial": "VGS-9"}))
    with pytest.raises(InstrumentError, match="knows no GS camera; calibrate with --gs"):
        rig(gs=None).check_fits(CONDITIONS, GS_CONDITIONS)


def test_gain_changes_the_light_but_not_the_line_time() -> None:
    brighter = changed(gain_db=6.0)
    assert rig().holds_timing(brighter)
    assert not rig().holds_light(brighter)
    binned = changed(readout=CONDITIONS.readout | {"BinningVertical": "2"})
    assert not rig().holds_timing(binned)
    assert not rig().holds_light(binned)


def test_nothing_holds_that_was_not_measured() -> None:
    assert rig().holds_timing(CONDITIONS)
    assert rig().holds_light(CONDITIONS)
    assert rig().holds_light(GS_CONDITIONS, 1)
    assert not bare().holds_timing(CONDITIONS)
    assert not bare().holds_light(CONDITIONS)
    assert not bare().holds_light(GS_CONDITIONS, 1)


def test_the_effective_exposure_is_that_of_the_node_and_the_chip() -> None:
    assert rig().timing(4000.0, 480) == SensorTiming(4012.3, 6.01, 480, ReadoutDirection.BOTTOM_UP)
    assert bare().timing(4000.0, 480) is None


def test_levels_of_both_cameras() -> None:
    for camera in (0, 1):
        assert rig().black_level_dn(camera) == pytest.approx(64.0, abs=0.2)
        assert rig().saturation_dn(camera) == 4095.0
        assert bare().black_level_dn(camera) is None
        assert bare().saturation_dn(camera) is None
    capped_only = CalibratedCamera(
        conditions=CONDITIONS, dark=dark().model_copy(update={"photon_transfer": None})
    )
    assert rig(rsgr=capped_only).saturation_dn() is None
    assert rig(rsgr=capped_only).black_level_dn() == dark().black_level_dn


def test_the_grade_is_that_of_the_worst_step() -> None:
    assert [name for name, _ in rig().verdicts()] == [
        "dark",
        "line-time",
        "gs dark",
        "geometry",
        "colour",
        "exposure-delay",
    ]
    assert bare().grade == Grade.GOOD
    usable, redo = (Verdict(grade=grade, reasons=("why",)) for grade in (Grade.USABLE, Grade.REDO))
    late = DELAY.model_copy(update={"verdict": usable})
    assert rig().grade == Grade.GOOD
    assert rig(exposure_delay=late).grade == Grade.USABLE
    bent = LINE_TIME.model_copy(update={"verdict": redo})
    camera = CalibratedCamera(conditions=CONDITIONS, dark=dark(), line_time=bent)
    assert rig(exposure_delay=late, rsgr=camera).grade == Grade.REDO


def test_a_recorded_camera_has_the_conditions_of_the_open_one() -> None:
    recorded = RecordedCamera(
        address="virtual:rsgr",
        maker=CONDITIONS.maker,
        model=CONDITIONS.model,
        serial=CONDITIONS.serial,
        firmware=CONDITIONS.firmware,
        rows=480,
        columns=640,
        pixel_format="Mono12",
        gain_db=0.0,
        black_level_dn=63.98,
        black_level_node_dn=64.0,
        readout=CONDITIONS.readout,
    )
    assert CameraConditions.recorded(recorded) == CONDITIONS


def test_a_recording_gives_back_the_calibration_it_was_made_with() -> None:
    made = rig()
    info = RecordingInfo(
        started=datetime(2026, 5, 4, tzinfo=UTC),
        started_host_time_ns=0,
        cameras={"rsgr": small_recording.camera()},
    )
    assert recorded_rig(info) is None
    document = made.model_dump(mode="json")
    assert recorded_rig(info.model_copy(update={"calibration": document})) == made
    del document["geometry"]["map"]
    with pytest.raises(InstrumentError, match=r"geometry\.map.*give another with --rig rig\.json"):
        recorded_rig(info.model_copy(update={"calibration": document}))
