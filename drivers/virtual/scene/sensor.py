"""Image sensor model: row timing, exposure, and digitisation with noise.

Characteristics and their names follow EMVA Standard 1288, release 4.0. Light is
linear throughout, in radiance * us: radiance 1.0 is a white diffuse surface.

See docs/physics.md, "Signal and noise".
"""

import threading
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region, ShutterMode
from drivers.pixel_format import PixelFormat, Pixels
from drivers.timing import SensorTiming
from drivers.virtual.scene.imperfect_optics import ImperfectOptics
from drivers.virtual.scene.optics import View
from drivers.virtual.scene.scene import Scene

_ADC_BITS = 12
_BAND_SAMPLES = 48 * 1440
"""Samples processed at a time, few enough for the L2 cache."""

_MOSAIC = {
    "RG": ((0, 1), (1, 2)),
    "GR": ((1, 0), (2, 1)),
    "GB": ((1, 2), (0, 1)),
    "BG": ((2, 1), (1, 0)),
}
"""Channel (0 red, 1 green, 2 blue) at each place of a 2 x 2 cell; PFNC names its first row."""

_scratch = threading.local()


PERFECT_OPTICS = ImperfectOptics()


@dataclass(frozen=True, slots=True)
class SensorCharacteristics:
    """A sensor in EMVA 1288 terms.

    ``system_gain_dn_per_e`` holds at 12 bit and 0 dB. ``electrons_per_us`` are
    the photo-electrons per microsecond at radiance 1.0 without colour filters;
    ``colour_response`` is the share that passes the red, green and blue filter.
    """

    system_gain_dn_per_e: float
    temporal_dark_noise_e: float
    saturation_capacity_e: float
    electrons_per_us: float
    colour_response: tuple[float, float, float] = (0.60, 0.92, 0.70)

    def gain_dn_per_e(self, bits: int, gain_db: float) -> float:
        """System gain at an output depth and an analogue gain."""
        return float(self.system_gain_dn_per_e * 2.0 ** (bits - _ADC_BITS) * 10 ** (gain_db / 20))

    @property
    def neutral_white_balance(self) -> tuple[float, float]:
        """Gains for red and blue that make a grey surface grey."""
        red, green, blue = self.colour_response
        return green / red, green / blue


RSGR_SENSOR = SensorCharacteristics(
    system_gain_dn_per_e=0.40,
    temporal_dark_noise_e=2.6,
    saturation_capacity_e=10_500.0,
    electrons_per_us=1.0,
)
"""The virtual rolling-shutter chip: low dark noise; the ADC saturates just before the pixel."""

GS_SENSOR = SensorCharacteristics(
    system_gain_dn_per_e=0.36,
    temporal_dark_noise_e=4.8,
    saturation_capacity_e=11_800.0,
    electrons_per_us=0.85,
    colour_response=(0.57, 0.90, 0.72),
)
"""The virtual global-shutter chip: storage nodes reduce sensitivity and add noise."""


def row_windows_us(
    shutter: ShutterMode, timing: SensorTiming
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exposure window of each image row, counted from the frame's start.

    Returns ``(start, end)``, each of shape ``(rows,)``. Global reset: all rows
    start at 0 and end at T_r. Rolling: all are exposed for T0, each starts one
    line time after its predecessor. Global: all are exposed for [0, T0).
    """
    first = np.zeros(timing.rows)
    match shutter:
        case ShutterMode.GLOBAL_RESET:
            return first, timing.row_exposure_us()
        case ShutterMode.ROLLING:
            end = timing.row_exposure_us()
            return end - timing.exposure_us, end
        case ShutterMode.GLOBAL:
            return first, first + timing.exposure_us
        case _:
            raise ValueError(f"shutter mode {shutter.value} has no exposure windows")


def expose(
    scene: Scene,
    view: View,
    region: Region,
    shutter: ShutterMode,
    timing: SensorTiming,
    start_us: float,
    *,
    colour: bool,
    optics: ImperfectOptics = PERFECT_OPTICS,
) -> NDArray[np.float32]:
    """Light collected by each pixel of ``region`` in a frame that starts at ``start_us``.

    ``optics`` is what it goes through beside the view. ``region`` is in this camera's pixels
    and ``timing.rows`` is its height.
    Returns radiance * us, float32, ``(rows, columns)`` or ``(rows, columns, 3)``.
    Raises :class:`ValueError` if the view is not the identity and rows have
    different windows, because a scene row then has no single exposure.
    """
    if timing.rows != region.height_px:
        raise ValueError(f"timing of {timing.rows} rows for a region of {region.height_px}")
    sensor_px = (view.sensor_columns, view.sensor_rows)
    start, end = row_windows_us(shutter, timing)
    if view.is_identity:
        light = scene.integrate(region, start_us + start, start_us + end, colour=colour)
        return optics.seen(light, region, sensor_px)
    if np.ptp(start) > 0 or np.ptp(end) > 0:
        raise ValueError(f"{shutter.value} exposure through a view that is not the identity")
    tables = view.remap_tables(region)
    rows = tables.source.height_px
    light = scene.integrate(
        tables.source,
        np.full(rows, start_us + start[0]),
        np.full(rows, start_us + end[0]),
        colour=colour,
    )
    seen = cv2.remap(
        light, tables.x_px, tables.y_px, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return optics.seen(np.asarray(seen, np.float32), region, sensor_px)


def digitise(
    light: NDArray[np.float32],
    characteristics: SensorCharacteristics,
    *,
    gain_db: float,
    black_level_dn: float,
    pixel_format: PixelFormat,
    white_balance: tuple[float, float],
    rng: np.random.Generator,
    out: Pixels,
    gamma: float = 1.0,
    noise: bool = True,
) -> None:
    """Turn light into codes: photo-electrons, noise, saturation, gain, black level, rounding.

    ``light``: radiance * us, ``(rows, columns)`` for a mono format, else
    ``(rows, columns, 3)``. ``black_level_dn`` is in DN of the output format;
    ``white_balance`` multiplies red and blue after the pixel has saturated.
    ``out`` receives ``(rows, columns)`` or, for RGB, ``(rows, columns, 3)`` codes
    of the format's dtype; a mosaic begins at its top-left pixel. ``gamma``
    other than 1 is a camera's look-up table after the 12-bit converter.

    Shot and dark noise are drawn as one normal deviate of variance E + dark^2.
    Mean and variance are those of Poisson plus normal noise at every level. The
    skew of the Poisson distribution, visible below about 20 electrons, is not
    modelled.
    """
    if light.ndim != (3 if pixel_format.is_colour else 2):
        raise ValueError(f"light of shape {light.shape} for {pixel_format.name}")
    if not out.flags.c_contiguous or out.shape[:2] != light.shape[:2]:
        raise ValueError(f"codes of shape {out.shape} must be contiguous and match the light")
    if noise:
        # OpenCV has one generator per thread: seed it, so that each frame has its own noise.
        cv2.setRNGSeed(int(rng.integers(1, 2**31)))
    converter = _Converter.build(characteristics, pixel_format, gain_db, black_level_dn, gamma)
    codes = out.reshape(light.shape[0], -1)
    response, balance = (
        _row_pair(pixel_format, light.shape[1], values)
        for values in (characteristics.colour_response, (white_balance[0], 1.0, white_balance[1]))
    )
    # An even number of rows, so that each band begins with the mosaic's first row.
    band_rows = max(2, _BAND_SAMPLES // codes.shape[1] // 2 * 2)
    for first in range(0, len(codes), band_rows):
        band = slice(first, first + band_rows)
        electrons = _scratch_array("electrons", codes[band].shape)
        _photo_electrons(light[band], pixel_format, characteristics.electrons_per_us, electrons)
        if pixel_format.is_colour:
            _scale_rows(electrons, response)
        if noise:
            _add_noise(electrons, characteristics.temporal_dark_noise_e)
        np.minimum(electrons, np.float32(characteristics.saturation_capacity_e), out=electrons)
        if pixel_format.is_colour:
            _scale_rows(electrons, balance)
        converter.convert(electrons, codes[band])


def _photo_electrons(
    light: NDArray[np.float32],
    pixel_format: PixelFormat,
    electrons_per_us: float,
    out: NDArray[np.float32],
) -> None:
    scale = np.float32(electrons_per_us)
    if pixel_format.bayer is None:
        np.multiply(light.reshape(out.shape), scale, out=out)
        return
    for row, channels in enumerate(_MOSAIC[pixel_format.bayer]):
        for column, channel in enumerate(channels):
            samples = light[row::2, column::2, channel]
            np.multiply(samples, scale, out=out[row::2, column::2])


def _add_noise(electrons: NDArray[np.float32], dark_noise_e: float) -> None:
    deviate = _scratch_array("deviate", electrons.shape)
    spread = _scratch_array("spread", electrons.shape)
    # Three to four times faster than numpy's ziggurat, which alone takes too long for a frame.
    cv2.randn(deviate, 0.0, 1.0)  # type: ignore[call-overload]  # the stubs want arrays
    np.add(electrons, np.float32(dark_noise_e**2), out=spread)
    np.sqrt(spread, out=spread)
    np.multiply(spread, deviate, out=spread)
    np.add(electrons, spread, out=electrons)


def _row_pair(
    pixel_format: PixelFormat, columns: int, rgb: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Factor of each sample in an even and an odd row, shape ``(2, samples per row)``."""
    if pixel_format.bayer is None:
        return np.tile(np.array(rgb, np.float32), (2, columns))
    cell = np.array(rgb, np.float32)[np.array(_MOSAIC[pixel_format.bayer])]
    return np.tile(cell, (1, (columns + 1) // 2))[:, :columns]


def _scale_rows(samples: NDArray[np.float32], row_pair: NDArray[np.float32]) -> None:
    samples[0::2] *= row_pair[0]
    samples[1::2] *= row_pair[1]


@dataclass(frozen=True, slots=True)
class _Converter:
    """Gain, black level, rounding and, where gamma is not 1, the camera's look-up table."""

    gain_dn_per_e: float
    black_level_dn: float
    maximum_dn: int
    table: Pixels | None

    @classmethod
    def build(
        cls,
        characteristics: SensorCharacteristics,
        pixel_format: PixelFormat,
        gain_db: float,
        black_level_dn: float,
        gamma: float,
    ) -> "_Converter":
        bits = pixel_format.bits if gamma == 1.0 else max(_ADC_BITS, pixel_format.bits)
        table: Pixels | None = None
        if gamma != 1.0:
            codes = np.linspace(0.0, 1.0, 1 << bits) ** gamma * pixel_format.maximum_dn
            table = np.rint(codes).astype(pixel_format.dtype)
        return cls(
            gain_dn_per_e=characteristics.gain_dn_per_e(bits, gain_db),
            black_level_dn=black_level_dn * 2.0 ** (bits - pixel_format.bits),
            maximum_dn=(1 << bits) - 1,
            table=table,
        )

    def convert(self, electrons: NDArray[np.float32], codes: Pixels) -> None:
        if self.table is None:
            self._quantise(electrons, codes)
            return
        linear = _scratch_array("linear", codes.shape, np.uint16)
        self._quantise(electrons, linear)
        np.take(self.table, linear, out=codes, mode="clip")

    def _quantise(self, electrons: NDArray[np.float32], codes: Pixels) -> None:
        # One pass that scales, adds, rounds half to even and saturates at the type's range.
        cv2.addWeighted(
            electrons,
            self.gain_dn_per_e,
            electrons,
            0.0,
            self.black_level_dn,
            dst=codes,
            dtype=cv2.CV_8U if codes.dtype == np.uint8 else cv2.CV_16U,
        )
        if self.maximum_dn < np.iinfo(codes.dtype).max:
            np.minimum(codes, codes.dtype.type(self.maximum_dn), out=codes)


def _scratch_array(name: str, shape: tuple[int, ...], dtype: type = np.float32) -> NDArray[Any]:
    """Scratch memory of this thread; valid until ``name`` is requested again."""
    size = int(np.prod(shape))
    flat = getattr(_scratch, name, None)
    if flat is None or flat.size < size:
        flat = np.empty(size, dtype)
        setattr(_scratch, name, flat)
    return flat[:size].reshape(shape)
