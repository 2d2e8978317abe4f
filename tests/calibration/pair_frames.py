"""Frame pairs straight from the two virtual sensors, without cameras or threads."""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region, ShutterMode
from drivers.pixel_format import PixelFormat, Pixels, pixel_format
from drivers.timing import SensorTiming
from drivers.virtual.camera.camera_models import GS, RSGR, CameraModel
from drivers.virtual.scene.scene import Scene
from drivers.virtual.scene.sensor import digitise, expose

Light = NDArray[np.float32]


@dataclass
class PairOfCameras:
    """Both cameras before a scene, triggered together; their true values may be changed.

    ``map_error_px`` shifts where the true map says that the GS camera looks.
    """

    scene: Scene
    region: Region = field(default_factory=lambda: Region(400, 300, 640, 480))
    format_name: str = "Mono12"
    exposure_us: float = 2000.0
    period_us: float = 1e6 / 30
    rsgr_delay_us: float = RSGR.start_delay_us
    gs_delay_us: float = GS.start_delay_us
    gs_offset_us: float = GS.exposure_offset_us
    map_error_px: tuple[float, float] = (0.0, 0.0)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    @property
    def pixel_format(self) -> PixelFormat:
        return pixel_format(self.format_name)

    @property
    def black_level_dn(self) -> float:
        return 4.0 * 2.0 ** (self.pixel_format.bits - 8)

    @property
    def true_delay_us(self) -> float:
        return self.gs_delay_us - self.rsgr_delay_us

    @property
    def timing(self) -> SensorTiming:
        """Effective, of the RSGR camera."""
        exposure_us = self.exposure_us + RSGR.exposure_offset_us
        return SensorTiming(exposure_us, RSGR.line_time_us, self.region.height_px)

    @property
    def gs_exposure_us(self) -> float:
        return self.exposure_us + self.gs_offset_us

    def codes(self, trigger_us: float) -> tuple[Pixels, Pixels]:
        """The RSGR and the GS frame of one trigger."""
        gs_timing = SensorTiming(self.gs_exposure_us, 0.0, self.region.height_px)
        return (
            self._frame(
                RSGR, ShutterMode.GLOBAL_RESET, self.timing, trigger_us + self.rsgr_delay_us
            ),
            self._frame(GS, ShutterMode.GLOBAL, gs_timing, trigger_us + self.gs_delay_us),
        )

    def _frame(
        self, model: CameraModel, shutter: ShutterMode, timing: SensorTiming, start_us: float
    ) -> Pixels:
        coding = self.pixel_format
        light = expose(
            self.scene,
            model.view,
            self.region,
            shutter,
            timing,
            start_us,
            colour=coding.is_colour,
        )
        shape = light.shape if coding.channels == 3 else light.shape[:2]
        codes: Pixels = np.empty(shape, coding.dtype)
        digitise(
            light,
            model.characteristics,
            gain_db=0.0,
            black_level_dn=self.black_level_dn,
            pixel_format=coding,
            white_balance=(1.0, 1.0),
            rng=self.rng,
            out=codes,
        )
        return codes

    def light(self, trigger_us: float) -> tuple[Light, Light, NDArray[np.bool_]]:
        """Mono or RGB: RSGR light row gained, GS light on its pixels, and where both are valid."""
        rsgr, gs = self.codes(trigger_us)
        full_dn = self.pixel_format.maximum_dn - self.black_level_dn
        gain = self.timing.row_gain() / full_dn
        here = (rsgr - np.float32(self.black_level_dn)) * gain.astype(np.float32).reshape(
            -1, *(1,) * (rsgr.ndim - 1)
        )
        there = ((gs - np.float32(self.black_level_dn)) / np.float32(full_dn)).astype(np.float32)
        x, y = self._true_map()
        seen = cv2.remap(there, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
        valid = (x > 4) & (x < gs.shape[1] - 5) & (y > 4) & (y < gs.shape[0] - 5)
        return here.astype(np.float32), np.asarray(seen, np.float32), valid

    def _true_map(self) -> tuple[Light, Light]:
        left, top = self.region.offset_x_px, self.region.offset_y_px
        columns, rows = self.region.width_px, self.region.height_px
        points = np.stack(np.meshgrid(np.arange(columns) + left, np.arange(rows) + top), axis=-1)
        seen = GS.view.to_camera(points.astype(np.float64)) - [left, top] + self.map_error_px
        return seen[..., 0].astype(np.float32), seen[..., 1].astype(np.float32)

    def over(self, scene: Scene) -> "PairOfCameras":
        """The same before another scene."""
        return replace(self, scene=scene)
