"""Light of the two cameras, for the calibration steps that use both."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.calibrate.frame_acquisition import FrameAcquisition
from calibration.geometric.pixel_map import PixelMap
from drivers.camera_settings import Region
from drivers.errors import InstrumentError
from drivers.pixel_format import Pixels
from drivers.radiometry import Radiometry
from drivers.timing import SensorTiming
from models.frame_light import FrameLight


@dataclass(frozen=True)
class CameraView:
    """Turns codes of one camera into light; knows the region of its sensor.

    ``exposure_us`` is the value of its ExposureTime node; RSGR light is row gained where
    the line time is known.
    """

    light: FrameLight
    region: Region
    sensor_px: tuple[int, int]
    exposure_us: float
    radiometry: Radiometry

    @classmethod
    def of(cls, acquisition: FrameAcquisition, index: int) -> "CameraView":
        """The RSGR (0) or GS (1) camera of ``acquisition``.

        Raises :class:`InstrumentError` where the camera tells no exposure.
        """
        camera = acquisition.session.camera_at(index)
        form = camera.frame_format
        radiometry = acquisition.radiometry(index)
        timing = acquisition.session.timing().sensor if index == 0 else None
        if camera.settings.exposure_us is None:
            raise InstrumentError(f"{camera.address} does not tell its exposure, as pairs need")
        return cls(
            light=FrameLight(radiometry, form.rows, form.columns, timing),
            region=camera.settings.region or Region(0, 0, form.columns, form.rows),
            sensor_px=camera.controls.sensor_size_px or (form.columns, form.rows),
            exposure_us=camera.settings.exposure_us,
            radiometry=radiometry,
        )

    @property
    def light_per_dn(self) -> float:
        """Light of one code, before row gain."""
        return 1.0 / self.radiometry.span_dn

    def clipped(self, frames: Sequence[Pixels]) -> NDArray[np.bool_]:
        """Pixels saturated in any of the frames, ``(rows, columns)``."""
        clipped = np.max(frames, axis=0) >= self.radiometry.saturation_dn
        return np.asarray(clipped.any(axis=2) if clipped.ndim == 3 else clipped)


@dataclass(frozen=True)
class CameraViews:
    """The views of both cameras, with the RSGR camera's effective row timing."""

    rsgr: CameraView
    gs: CameraView
    timing: SensorTiming

    @classmethod
    def of(cls, acquisition: FrameAcquisition) -> "CameraViews":
        """Of ``acquisition``; raises :class:`InstrumentError` where the line time is not known."""
        timing = acquisition.session.timing().sensor
        if timing is None:
            raise InstrumentError("the line time is unknown; calibrate line-time first")
        return cls(CameraView.of(acquisition, 0), CameraView.of(acquisition, 1), timing)

    def on_rsgr(
        self, pixel_map: PixelMap, gs_light: NDArray[np.float32], gs_spoilt: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """GS light on the RSGR camera's pixels, and where it is known and not clipped."""
        regions = self.rsgr.region, self.gs.region
        warped, valid = pixel_map.warp_to_rsgr(gs_light, *regions)
        return warped, valid & ~pixel_map.touched(gs_spoilt, *regions)
