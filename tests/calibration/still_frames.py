"""Frames straight from the virtual sensor, without cameras or threads, for calibration tests."""

from dataclasses import dataclass, field

import numpy as np

from drivers.camera_settings import Region, ShutterMode
from drivers.pixel_format import PixelFormat, Pixels, pixel_format
from drivers.timing import ReadoutDirection, SensorTiming
from drivers.virtual.camera.camera_models import RSGR
from drivers.virtual.scene.scene import Scene
from drivers.virtual.scene.sensor import SensorCharacteristics, digitise, expose
from drivers.virtual.scene.uniform import UniformScene


@dataclass
class StillCamera:
    """The virtual RSGR camera's sensor before a scene; every frame has noise of its own.

    ``start_us`` is the scene time of the next frame and advances by ``period_us``.
    """

    scene: Scene = field(default_factory=lambda: UniformScene(0.5))
    format_name: str = "Mono12"
    region: Region = field(default_factory=lambda: Region(400, 300, 320, 240))
    line_time_us: float = RSGR.line_time_us
    offset_us: float = RSGR.exposure_offset_us
    shutter: ShutterMode = ShutterMode.GLOBAL_RESET
    direction: ReadoutDirection = ReadoutDirection.TOP_DOWN
    characteristics: SensorCharacteristics = RSGR.characteristics
    gain_db: float = 0.0
    period_us: float = 20_000.0
    start_us: float = 0.0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))

    @property
    def pixel_format(self) -> PixelFormat:
        return pixel_format(self.format_name)

    @property
    def black_level_dn(self) -> float:
        """As the virtual camera has it after power-up."""
        return 4.0 * 2.0 ** (self.pixel_format.bits - 8)

    @property
    def true_gain_dn_per_e(self) -> float:
        return self.characteristics.gain_dn_per_e(self.pixel_format.bits, self.gain_db)

    def frame(self, exposure_us: float) -> Pixels:
        """One frame with the exposure node at ``exposure_us``."""
        timing = SensorTiming(
            exposure_us + self.offset_us, self.line_time_us, self.region.height_px, self.direction
        )
        coding = self.pixel_format
        light = expose(
            self.scene,
            RSGR.view,
            self.region,
            self.shutter,
            timing,
            self.start_us,
            colour=coding.is_colour,
        )
        self.start_us += self.period_us
        shape = light.shape if coding.channels == 3 else light.shape[:2]
        codes: Pixels = np.empty(shape, coding.dtype)
        digitise(
            light,
            self.characteristics,
            gain_db=self.gain_db,
            black_level_dn=self.black_level_dn,
            pixel_format=coding,
            white_balance=self.characteristics.neutral_white_balance,
            rng=self.rng,
            out=codes,
        )
        return codes

    def frames(self, count: int, exposure_us: float) -> list[Pixels]:
        return [self.frame(exposure_us) for _ in range(count)]
