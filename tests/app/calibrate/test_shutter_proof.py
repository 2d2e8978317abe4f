"""Through the whole path on a still scene: the ramp is there, and row gain undoes it."""

from dataclasses import dataclass

import numpy as np
import pytest

from app.session.config import SessionConfig
from app.session.session import Session
from drivers.addresses import CameraOptions
from drivers.camera_settings import ExposureSettings, ShutterMode
from drivers.frame import Frame
from drivers.frame_conditions import FrameConditions
from drivers.genicam.genicam_camera import GenicamCamera
from models.engines.device import best_device
from models.restorers.row_gain import RowGain
from tests.patience import LONGEST_S

EXPOSURE_US = 4000.0
BLACK_LEVEL_DN = 64.0
"""The virtual camera's at 12 bit."""
LEAST_SIGNAL_DN = 150.0
"""Below it rounding to whole codes alone is worth more than 0.3 %."""


@dataclass(frozen=True)
class StillLife:
    """One motionless, noise-free scene in three pictures, and what is true of the rig."""

    reset: Frame
    rolling: Frame
    rolling_again: Frame
    conditions: FrameConditions
    true_t0_us: float
    true_line_time_us: float


def next_frame(session: Session) -> Frame:
    reader = session.reader()
    frame_format = session.camera.frame_format
    pixels = np.empty(frame_format.shape, frame_format.pixel_format.dtype)
    for _ in range(3):
        metadata = reader.next(pixels, LONGEST_S)
        assert metadata is not None
    return Frame(pixels, metadata)


@pytest.fixture
def still_life(virtual_rig: None) -> StillLife:
    config = SessionConfig(
        settings=ExposureSettings(exposure_us=EXPOSURE_US, pixel_format="Mono12"),
        options=CameraOptions(node_settings=(("SceneFrozen", "1"), ("NoiseEnable", "0"))),
        model=None,
    )
    with Session(config) as session:
        session.start()
        camera = session.camera
        assert isinstance(camera, GenicamCamera)
        timing, radiometry = session.timing().sensor, session.radiometry()
        assert timing is not None
        reset = next_frame(session)
        session.configure(ExposureSettings(shutter=ShutterMode.ROLLING, trigger_source="off"))
        return StillLife(
            reset,
            next_frame(session),
            next_frame(session),
            FrameConditions(timing, radiometry),
            EXPOSURE_US + float(camera.read_node("TrueExposureOffset")),
            float(camera.read_node("TrueLineTime")),
        )


def row_ratios(above: np.ndarray, below: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Ratio of two pictures' row sums over the valid pixels."""
    return (above * valid).sum(axis=1) / (below * valid).sum(axis=1)


def bright_rows(still_life: StillLife) -> np.ndarray:
    rows = light(still_life.rolling).mean(axis=1) > LEAST_SIGNAL_DN
    assert rows.sum() > 300
    assert rows[:40].any()
    assert rows[-40:].any()
    return rows


def light(frame: Frame) -> np.ndarray:
    return frame.pixels.astype(float) - BLACK_LEVEL_DN


def test_global_reset_shows_the_ramp_and_rolling_does_not(still_life: StillLife) -> None:
    unclipped = still_life.reset.pixels < 4095
    assert unclipped.mean() > 0.99
    # The same still scene with T0 in every row: only the row exposures differ.
    measured = row_ratios(light(still_life.reset), light(still_life.rolling), unclipped)
    rows = np.arange(measured.size)
    expected = 1 + rows * still_life.true_line_time_us / still_life.true_t0_us
    assert expected[-1] > 1.7
    bright = bright_rows(still_life)
    np.testing.assert_allclose(measured[bright], expected[bright], rtol=0.005)
    flat = row_ratios(light(still_life.rolling_again), light(still_life.rolling), unclipped)
    np.testing.assert_allclose(flat, 1.0, rtol=1e-6)


def test_row_gain_flattens_the_ramp(still_life: StillLife) -> None:
    assert still_life.conditions.radiometry.black_level_dn == BLACK_LEVEL_DN
    restored = RowGain(best_device()).restore([still_life.reset], still_life.conditions)
    unclipped = ~restored.saturated.cpu().numpy()
    gained = restored.light.cpu().numpy() * (4095 - BLACK_LEVEL_DN)
    flat = row_ratios(gained, light(still_life.rolling), unclipped)
    np.testing.assert_allclose(flat[bright_rows(still_life)], 1.0, rtol=0.005)
