"""Light of both cameras on the RSGR camera's pixels, as calibrated."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.pair_quality import AlignedPair
from calibration.radiometric.temporal_noise import QUANTISATION_VARIANCE_DN2
from calibration.rig_calibration import CameraConditions, RigCalibration
from calibration.temporal.exposure_delay import TriggerDelays
from drivers.camera import Camera, FrameFormat
from drivers.camera_settings import Region
from drivers.errors import InstrumentError
from drivers.pixel_format import Pixels
from drivers.radiometry import Radiometry
from drivers.recording.description import RecordedCamera
from drivers.rig.wiring import Wiring
from drivers.timing import SensorTiming
from models.frame_light import FrameLight, grey

_LEAST_OVERLAP = 0.1
"""Share of the RSGR picture that the GS picture shows too."""


@dataclass(frozen=True)
class ViewedCamera:
    """What a picture depends on beside the calibration, as the camera's nodes say."""

    conditions: CameraConditions
    frame_format: FrameFormat
    region: Region
    exposure_us: float | None
    trigger_delay_us: float | None
    restored: bool = False
    """Whether its codes are linear light of restored frames."""

    @classmethod
    def recorded(cls, camera: RecordedCamera, *, restored: bool = False) -> "ViewedCamera":
        """A recorded camera, as it was, or what was restored of it."""
        return cls(
            CameraConditions.recorded(camera),
            camera.frame_format,
            Region(camera.offset_x_px, camera.offset_y_px, camera.columns, camera.rows),
            camera.exposure_us,
            camera.trigger_delay_us,
            restored,
        )

    @classmethod
    def open(cls, camera: Camera) -> "ViewedCamera":
        """An open camera, as it is now."""
        form, settings = camera.frame_format, camera.settings
        region = settings.region or Region(0, 0, form.columns, form.rows)
        return cls(
            CameraConditions.of(camera),
            form,
            region,
            settings.exposure_us,
            settings.trigger_delay_us,
        )


@dataclass(frozen=True)
class GsLight:
    """A GS picture on the RSGR camera's pixels; 1.0 is RSGR saturation in its first row.

    ``light`` is float32, ``(rows, columns)`` or for a colour camera ``(rows, columns, 3)``.
    ``valid`` is where the GS camera looked, ``clipped`` where it was saturated.
    """

    light: NDArray[np.float32]
    valid: NDArray[np.bool_]
    clipped: NDArray[np.bool_]


class PairView:
    """Turns codes of both cameras into light that can be compared, pixel by pixel.

    Raises :class:`InstrumentError` where the calibration is one of other cameras or settings,
    where a step of it is missing, or where the cameras do not look at the same.
    """

    def __init__(
        self, rig: RigCalibration, rsgr: ViewedCamera, gs: ViewedCamera, wiring: Wiring | None
    ) -> None:
        taken = rsgr.conditions
        if rsgr.restored:  # the codes are not the camera's any more, the rest is
            as_calibrated = {"pixel_format": rig.rsgr.conditions.pixel_format}
            taken = taken.model_copy(update=as_calibrated)
        rig.check_fits(taken, gs.conditions)
        check_alike(rsgr.frame_format, gs.frame_format)
        missing = [
            name
            for name, step in (
                ("dark", rig.rsgr.dark),
                ("dark of the GS camera", rig.gs and rig.gs.dark),
                ("line-time", rig.rsgr.line_time),
                ("geometry", rig.geometry),
                ("colour", rig.colour),
            )
            if step is None
        ]
        if missing:
            raise InstrumentError(
                f"the rig calibration lacks {', '.join(missing)}; run ngs calibrate for them first"
            )
        assert rig.geometry is not None  # looked at
        assert rig.colour is not None
        self.rig = rig
        self.triggers = trigger_delays(wiring, rsgr.trigger_delay_us, gs.trigger_delay_us)
        self._map, self._colour = rig.geometry.map, rig.colour
        self._cameras = rsgr, gs
        self._regions = rsgr.region, gs.region
        blank = np.zeros((gs.frame_format.rows, gs.frame_format.columns), np.float32)
        overlap = float(self._map.warp_to_rsgr(blank, *self._regions)[1].mean())
        if overlap < _LEAST_OVERLAP:
            raise InstrumentError(
                f"the GS picture shows {overlap:.0%} of the RSGR picture, "
                f"{_LEAST_OVERLAP:.0%} are needed; record with --rig, which lets the GS camera "
                "look where the RSGR camera does"
            )
        self.timing = self._row_timing()
        self._light_scale = self._scale_of_light()
        self._rsgr_light = self._light(0, self.timing)
        self._gs_light = self._light(1)

    def _row_timing(self) -> SensorTiming:
        camera = self._cameras[0]
        if camera.exposure_us is None:
            raise InstrumentError("the RSGR camera does not tell its exposure, as pairs need")
        timing = self.rig.timing(camera.exposure_us, camera.frame_format.rows)
        assert timing is not None  # the line time is calibrated
        return replace(timing, line_time_us=0.0) if camera.restored else timing

    def _light(self, index: int, timing: SensorTiming | None = None) -> FrameLight:
        form = self._cameras[index].frame_format
        return FrameLight(self.radiometry(index), form.rows, form.columns, timing)

    @property
    def gs_exposure_us(self) -> float:
        """Effective exposure of the GS camera, its offset included where a lamp showed it.

        That of the RSGR camera's first row where the camera tells none.
        """
        node_us = self._cameras[1].exposure_us
        return self.timing.exposure_us if node_us is None else node_us + self._gs_offset_us

    @property
    def _gs_offset_us(self) -> float:
        delay = self.rig.exposure_delay
        return (None if delay is None else delay.gs_exposure_offset_us) or 0.0

    def _scale_of_light(self) -> np.float32:
        """How much more GS light counts than when colour was calibrated.

        GS light is per GS exposure and RSGR light per exposure of its first row, whose ratio is
        another one where other exposures are set.
        """
        line_time, colour = self.rig.rsgr.line_time, self._colour
        assert line_time is not None  # looked at
        then_us = colour.exposure_us + line_time.exposure_offset_us
        gs_then_us = (colour.gs_exposure_us or colour.exposure_us) + self._gs_offset_us
        ratio = self.timing.exposure_us / self.gs_exposure_us
        return np.float32(ratio * gs_then_us / then_us)

    @property
    def delay_us(self) -> float | None:
        """How much later the GS exposure begins, as calibrated; None where that does not hold."""
        delay = self.rig.exposure_delay
        return None if delay is None else delay.delay_with_us(self.triggers)

    @property
    def middles_apart_us(self) -> NDArray[np.float64]:
        """How much later the middle of the GS exposure is than that of each RSGR row."""
        return (self.delay_us or 0.0) + (self.gs_exposure_us - self.timing.row_exposure_us()) / 2

    @property
    def beyond_geometry(self) -> float:
        """Share of the RSGR picture outside the region geometry was calibrated with."""
        assert self.rig.geometry is not None  # looked at
        return self.rig.geometry.share_beyond(self._regions[0])

    def radiometry(self, index: int) -> Radiometry:
        """Of the RSGR (0) or GS (1) camera as calibrated, or of restored codes."""
        if self._cameras[index].restored:
            restored = self._cameras[index].frame_format.pixel_format
            return Radiometry(restored, 0.0, restored.maximum_dn)
        black_level_dn = self.rig.black_level_dn(index)
        assert black_level_dn is not None  # dark is calibrated
        coding = self._cameras[index].frame_format.pixel_format
        return Radiometry(
            coding, black_level_dn, self.rig.saturation_dn(index) or coding.maximum_dn
        )

    def gs(self, codes: Pixels) -> GsLight:
        """A GS picture as training and judging take it."""
        seen = self._gs_light(codes)
        colour, (rsgr_region, gs_region) = self._colour, self._regions
        if colour.shading_gs is not None:
            seen = colour.shading_gs.flatten(seen, gs_region)
        warped, valid = self._map.warp_to_rsgr(seen, rsgr_region, gs_region)
        matched = colour.match(warped * self._light_scale)
        if colour.shading_rsgr is not None:
            matched = colour.shading_rsgr.shade(matched, rsgr_region)
        matched[~valid] = 0.0
        clipped = _any_channel(codes >= self.radiometry(1).saturation_dn)
        return GsLight(matched, valid, self._map.touched(clipped, rsgr_region, gs_region))

    def rsgr(self, codes: Pixels) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Light of an RSGR picture with row gain, one value per pixel, and where it is clipped."""
        clipped = _any_channel(codes >= self.radiometry(0).saturation_dn)
        return grey(self._rsgr_light(codes)), clipped

    def aligned(self, rsgr_codes: Pixels, gs: GsLight) -> AlignedPair:
        """A pair as the measures of :mod:`calibration` take it."""
        rsgr, clipped = self.rsgr(rsgr_codes)
        light = grey(gs.light)
        return AlignedPair(
            rsgr,
            light,
            self._noise(light),
            gs.valid,
            clipped | gs.clipped,
            noise_is_least=not self._knows_noise,
        )

    @property
    def _knows_noise(self) -> bool:
        """Whether a panel showed the noise of both cameras' light; restoring changes it."""
        if self._cameras[0].restored:
            return False
        darks = [None if each is None else each.dark for each in (self.rig.rsgr, self.rig.gs)]
        return all(each is not None and each.photon_transfer is not None for each in darks)

    def _noise(self, gs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standard deviation to be expected of the difference of both cameras."""
        row_gain = self.timing.row_gain().astype(np.float32)[:, None]
        gs_gain = np.float32(self._colour.gain) * self._light_scale
        variance = self._variance(0, gs / row_gain) * row_gain**2
        variance += self._variance(1, gs / gs_gain) * gs_gain**2
        return np.asarray(np.sqrt(variance), np.float32)

    def _variance(self, index: int, light: NDArray[np.float32]) -> NDArray[np.float32]:
        """Variance to be expected of light of one camera, in the square of light (EMVA 1288)."""
        calibrated = (self.rig.rsgr, self.rig.gs)[index]
        assert calibrated is not None  # looked at
        assert calibrated.dark is not None
        radiometry = self.radiometry(index)
        dark_dn = calibrated.dark.temporal_dark_noise_dn or 0.0
        transfer = calibrated.dark.photon_transfer
        shot = 0.0 if transfer is None else transfer.system_gain_dn_per_e / radiometry.span_dn
        floor = (dark_dn**2 + QUANTISATION_VARIANCE_DN2) / radiometry.span_dn**2
        return np.asarray(floor + shot * np.maximum(light, 0.0), np.float32)


def check_alike(rsgr: FrameFormat, gs: FrameFormat) -> None:
    """Raise :class:`InstrumentError` for a camera with colour beside one without.

    Light of one cannot be made light of the other, pixel by pixel.
    """
    if rsgr.pixel_format.is_colour != gs.pixel_format.is_colour:
        raise InstrumentError(
            f"the RSGR camera gives {rsgr.pixel_format.name} and the GS camera "
            f"{gs.pixel_format.name}: both have to be of colour, or neither; choose --pixel-format "
            "and --gs-pixel-format"
        )


def trigger_delays(
    wiring: Wiring | None, rsgr_us: float | None, gs_us: float | None
) -> TriggerDelays | None:
    """How the cameras are triggered; None where nothing here triggers both by one wire."""
    if wiring in (None, Wiring.SOFTWARE):
        return None
    return TriggerDelays(wiring=wiring, rsgr_us=rsgr_us or 0.0, gs_us=gs_us or 0.0)


def _any_channel(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(mask.any(axis=2) if mask.ndim == 3 else mask)
