"""Exposure delay through both cameras of the virtual rig, lamp and target by turns."""

import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

from app.calibrate.exposure_delay_step import (
    calibrate_exposure_delay,
    compensating,
    print_exposure_delay,
)
from app.calibrate.frame_acquisition import CameraShowsScene
from app.calibrate.pair_acquisition import AcquiredPair, PairAcquisition
from app.session.config import SessionConfig
from app.session.session import Session
from calibration.temporal.exposure_delay import ExposureDelayCalibration
from calibration.verdict import Grade
from drivers.addresses import CameraOptions
from drivers.camera_settings import ExposureSettings
from drivers.errors import InstrumentError
from drivers.rig.wiring import Wiring, WiringRequest
from drivers.virtual.camera.camera_models import GS, RSGR, CameraModel
from tests.paired_recording import calibration_of

pytestmark = pytest.mark.usefixtures("virtual_rig")

CONFIG = SessionConfig(
    gs_camera="virtual:gs",
    wiring=WiringRequest(Wiring.EXTERNAL),
    settings=ExposureSettings(exposure_us=3000.0, fps=60.0),
    size_px=(240, 180),
)


def calibrate(*, with_lamp: bool = True, **values: object) -> ExposureDelayCalibration:
    config = replace(CONFIG, **values)
    rig = calibration_of(replace(config, options=CameraOptions()))
    return calibrate_exposure_delay(
        replace(config, rig=rig),
        CameraShowsScene(),
        rig,
        lambda done, total: None,
        with_lamp=with_lamp,
    )


@pytest.mark.parametrize(
    ("gs_later_us", "rsgr_later_us"),
    [pytest.param(300.0, 0.0, marks=pytest.mark.whole), (0.0, 400.0)],
)
def test_lamp_and_target_find_the_delay_between_the_cameras(
    gs_later_us: float, rsgr_later_us: float
) -> None:
    found = calibrate(
        wiring=WiringRequest(Wiring.EXTERNAL, gs_delay_us=gs_later_us),
        settings=ExposureSettings(exposure_us=3000.0, fps=60.0, trigger_delay_us=rsgr_later_us),
    )
    true_us = GS.start_delay_us + gs_later_us - rsgr_later_us
    assert found.lamp is not None
    assert found.motion is not None
    assert found.lamp.delay_us == pytest.approx(true_us, abs=3.0)
    assert found.motion.delay_us == pytest.approx(true_us, abs=50.0)
    assert found.verdict.grade == Grade.USABLE  # more than 5 % of the exposure
    text = io.StringIO()
    print_exposure_delay(found, Console(file=text, width=200))
    assert ("later" if true_us > 0 else "earlier") in text.getvalue()
    assert f"verdict: {found.verdict.grade.value}" in text.getvalue()


@pytest.mark.whole
def test_the_target_alone_will_do() -> None:
    found = calibrate(with_lamp=False)
    assert found.lamp is None
    assert found.delay_us == pytest.approx(GS.start_delay_us, abs=50.0)
    assert found.verdict.grade == Grade.GOOD


@pytest.mark.parametrize(
    ("scene", "with_lamp", "reason"),
    [
        ("flat", True, "put a blinking lamp before both cameras"),
        pytest.param("chart", False, "move it faster", marks=pytest.mark.whole),
    ],
)
def test_the_wrong_scene_is_refused_with_what_to_do(
    scene: str, with_lamp: bool, reason: str
) -> None:
    with pytest.raises(InstrumentError, match=reason):
        calibrate(with_lamp=with_lamp, options=CameraOptions(scene=Path(scene)))


def test_a_lamp_too_bright_is_refused_with_what_to_do() -> None:
    with pytest.raises(InstrumentError, match="lower the exposure, or turn the lamp down"):
        calibrate(settings=ExposureSettings(exposure_us=12_000.0, gain_db=12.0, fps=60.0))


def test_pairs_of_different_triggers_are_no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target shows it, whatever clocks, counters and deliveries say."""
    taken = PairAcquisition.take

    def one_off(acquisition: PairAcquisition, count: int, **how: int) -> list[AcquiredPair]:
        shots = taken(acquisition, count + 1, **how)
        return [AcquiredPair(now.rsgr, after.gs) for now, after in pairwise(shots)]

    monkeypatch.setattr(PairAcquisition, "take", one_off)
    with pytest.raises(InstrumentError, match="from 1 frame after the RSGR frames") as error:
        calibrate(with_lamp=False)
    assert "check trigger wires" in str(error.value)


@pytest.mark.parametrize(
    ("wiring", "late", "waits"),
    [
        pytest.param(Wiring.EXTERNAL, RSGR, "gs", marks=pytest.mark.whole),
        pytest.param(Wiring.EXTERNAL, GS, "rsgr", marks=pytest.mark.whole),
        pytest.param(Wiring.MASTER, GS, None, marks=pytest.mark.whole),
    ],
)
def test_a_sensor_that_begins_late_is_waited_for_where_that_can_be(
    wiring: Wiring, late: CameraModel, waits: str | None
) -> None:
    """``late`` is the camera whose sensor begins 2 ms after its trigger, ``waits`` the other."""
    slow = CameraOptions(node_settings=[("TrueStartDelay", f"{late.start_delay_us + 2000:g}")])
    config = replace(
        CONFIG,
        wiring=WiringRequest(wiring),
        options=slow if late is RSGR else CameraOptions(),
        gs_options=slow if late is GS else CameraOptions(),
    )
    rig = calibration_of(config)

    def measured(asked: SessionConfig) -> ExposureDelayCalibration:
        return calibrate_exposure_delay(
            asked, CameraShowsScene(), rig, lambda done, total: None, with_lamp=False
        )

    found = measured(replace(config, rig=rig))
    true_us = GS.start_delay_us + (2000.0 if late is GS else -2000.0)
    assert found.delay_us == pytest.approx(true_us, abs=50.0)
    again = compensating(replace(config, rig=rig), found)
    if waits is None:
        assert again is None
        assert "(--wiring external)" in str(found.verdict)
        return
    assert again is not None
    left = measured(again)
    assert abs(left.delay_us) < 50.0
    assert left.triggers is not None
    assert left.triggers.model_dump(include={"rsgr_us", "gs_us"}) == {
        "rsgr_us": pytest.approx(2040.0, abs=50.0) if waits == "rsgr" else 0.0,
        "gs_us": pytest.approx(1960.0, abs=50.0) if waits == "gs" else 0.0,
    }
    # What records with this calibration waits as well.
    with Session(replace(config, rig=rig.model_copy(update={"exposure_delay": left}))) as session:
        assert session.rig is not None
        delays_us = [camera.settings.trigger_delay_us or 0.0 for camera in session.rig.cameras]
    assert delays_us == pytest.approx([left.triggers.rsgr_us, left.triggers.gs_us])
