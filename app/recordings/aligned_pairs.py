"""Frame pairs of a recording, aligned in geometry and radiometry, for datasets and reports."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.pair_quality import AlignedPair
from calibration.radiometric.temporal_noise import QUANTISATION_VARIANCE_DN2
from calibration.rig_calibration import CameraConditions, RigCalibration, read_rig, recorded_rig
from drivers.camera_settings import Region
from drivers.errors import InstrumentError
from drivers.frame import FrameMetadata
from drivers.frame_conditions import FrameConditions
from drivers.pixel_format import Pixels
from drivers.radiometry import Radiometry
from drivers.recording import RecordedStream, Recording
from drivers.recording.frame_times import typical_period_ns
from drivers.recording.recorded_pairs import pair_recording
from drivers.rig.pairing import FramePair, Pairing
from drivers.timing import SensorTiming
from models.frame_light import FrameLight, grey

_LATE_PERIODS = 1.5
"""A pair this many periods after the one before follows it no more."""

_LEAST_OVERLAP = 0.1
"""Share of the RSGR picture that the GS picture shows too."""


@dataclass(frozen=True)
class Aligned:
    """One pair on the RSGR camera's pixels; see :class:`PairedRecording`.

    ``rsgr`` are the codes as recorded, ``gs`` light, float32, ``(rows, columns)`` or for a
    colour camera ``(rows, columns, 3)``; 1.0 = the RSGR camera's saturated signal in the
    exposure of its first row. ``valid`` is where the GS camera looked, ``gs_clipped``
    where it was saturated.
    """

    pair: FramePair
    rsgr: Pixels
    gs: NDArray[np.float32]
    valid: NDArray[np.bool_]
    gs_clipped: NDArray[np.bool_]


class PairedRecording:
    """A recording of both cameras under a rig calibration.

    The calibration is the one given, else the one recorded. Raises
    :class:`InstrumentError` where there is no second camera, no calibration, or one of
    other cameras, or a step of it is missing.
    """

    def __init__(self, recording: Recording, rig: RigCalibration) -> None:
        self.recording = recording
        self.rig = rig
        if {"rsgr", "gs"} - recording.streams.keys():
            raise InstrumentError(
                f"{recording.folder} is of one camera; pairs need --gs when recording"
            )
        self.rsgr: RecordedStream = recording.streams["rsgr"]
        self.gs: RecordedStream = recording.streams["gs"]
        rig.check_fits(*(CameraConditions.recorded(each.camera) for each in (self.rsgr, self.gs)))
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
        if self._overlap < _LEAST_OVERLAP:
            raise InstrumentError(
                f"the GS picture shows {self._overlap:.0%} of the RSGR picture, "
                f"{_LEAST_OVERLAP:.0%} are needed; record with --rig, which lets the GS camera "
                "look where the RSGR camera does"
            )

    @classmethod
    def open(cls, recording: Recording, rig_file: Path | None) -> "PairedRecording":
        """With the calibration of ``rig_file``, else the one in the recording."""
        if rig_file is not None:
            return cls(recording, read_rig(rig_file))
        rig = recorded_rig(recording.info, f"what {recording.folder} holds")
        if rig is None:
            raise InstrumentError(
                f"{recording.folder} was recorded without a calibration; give --rig rig.json"
            )
        return cls(recording, rig)

    @property
    def _overlap(self) -> float:
        """Share of the RSGR picture that the GS camera looked at."""
        assert self.rig.geometry is not None  # checked when it was made
        form = self.gs.camera.frame_format
        blank = np.zeros((form.rows, form.columns), np.float32)
        regions = (_region(stream) for stream in (self.rsgr, self.gs))
        return float(self.rig.geometry.map.warp_to_rsgr(blank, *regions)[1].mean())

    @property
    def beyond_geometry(self) -> float:
        """Share of the RSGR picture outside the region geometry was calibrated with."""
        assert self.rig.geometry is not None  # checked when it was made
        return self.rig.geometry.share_beyond(_region(self.rsgr))

    @property
    def gs_gain(self) -> float:
        """What GS light is multiplied by to be RSGR light."""
        assert self.rig.colour is not None  # checked when it was made
        return self.rig.colour.gain

    @cached_property
    def pairing(self) -> Pairing:
        """Which frames belong together; indices count the frames of known metadata."""
        paired = pair_recording(self.recording)
        assert paired is not None  # there are two cameras
        return paired

    @property
    def timing(self) -> SensorTiming:
        """Row timing of the RSGR camera as calibrated."""
        camera = self.rsgr.camera
        assert camera.exposure_us is not None  # a calibrated camera tells it
        timing = self.rig.timing(camera.exposure_us, camera.rows)
        assert timing is not None  # the line time is calibrated
        return timing

    def radiometry(self, index: int) -> Radiometry:
        """Of the RSGR (0) or GS (1) camera as calibrated."""
        camera = (self.rsgr, self.gs)[index].camera
        black_level_dn = self.rig.black_level_dn(index)
        assert black_level_dn is not None  # dark is calibrated
        coding = camera.frame_format.pixel_format
        saturation_dn = self.rig.saturation_dn(index) or coding.maximum_dn
        return Radiometry(coding, black_level_dn, saturation_dn)

    @property
    def conditions(self) -> FrameConditions:
        """What the RSGR frames were taken under, as calibrated."""
        return FrameConditions(self.timing, self.radiometry(0))

    @property
    def interval_us(self) -> float:
        """Time between frames of the RSGR camera."""
        typical_ns = typical_period_ns([metadata for _, metadata in self._known[0]])
        if typical_ns is None:
            raise InstrumentError(f"{self.recording.folder} has too few frames to tell their rate")
        return typical_ns / 1000.0

    def runs(self, least: int, most: int) -> list[list[FramePair]]:
        """Pairs that follow one another without a gap, in lists of ``least`` to ``most``.

        A longer run is divided evenly.
        """
        late_ns = _LATE_PERIODS * self.interval_us * 1000.0
        unbroken: list[list[FramePair]] = []
        before: FramePair | None = None
        for pair in self.pairing.pairs:
            follows = (
                before is not None
                and pair.rsgr.sequence == before.rsgr.sequence + 1
                and pair.rsgr.start_time_ns - before.rsgr.start_time_ns < late_ns
            )
            if not follows:
                unbroken.append([])
            unbroken[-1].append(pair)
            before = pair
        runs: list[list[FramePair]] = []
        for run in unbroken:
            pieces = -(-len(run) // most)
            edges = [round(piece * len(run) / pieces) for piece in range(pieces + 1)]
            runs += [run[first:end] for first, end in pairwise(edges)]
        return [run for run in runs if len(run) >= least]

    def read(self, pairs: Iterable[FramePair]) -> Iterator[Aligned]:
        """Both frames of each pair, GS aligned.

        Raises :class:`drivers.recording.zarr_shards.DamagedFrameError`.
        """
        geometry, colour = self.rig.geometry, self.rig.colour
        assert geometry is not None  # checked when it was made
        assert colour is not None
        rsgr_region, gs_region = (_region(stream) for stream in (self.rsgr, self.gs))
        form, radiometry = self.gs.camera.frame_format, self.radiometry(1)
        light = FrameLight(radiometry, form.rows, form.columns)
        with self.rsgr.open() as rsgr_reader, self.gs.open() as gs_reader:
            for pair in pairs:
                codes, gs_codes = self.rsgr.empty(), self.gs.empty()
                self.rsgr.read_checked(rsgr_reader, self._known[0][pair.rsgr_index][0], codes)
                self.gs.read_checked(gs_reader, self._known[1][pair.gs_index][0], gs_codes)
                seen = light(gs_codes)
                if colour.shading_gs is not None:
                    seen = colour.shading_gs.flatten(seen, gs_region)
                warped, valid = geometry.map.warp_to_rsgr(seen, rsgr_region, gs_region)
                matched = colour.match(warped)
                if colour.shading_rsgr is not None:
                    matched = colour.shading_rsgr.shade(matched, rsgr_region)
                matched[~valid] = 0.0
                clipped = _any_channel(gs_codes >= radiometry.saturation_dn)
                touched = geometry.map.touched(clipped, rsgr_region, gs_region)
                yield Aligned(pair, codes, matched, valid, touched)

    @cached_property
    def _known(self) -> tuple[list[tuple[int, FrameMetadata]], list[tuple[int, FrameMetadata]]]:
        return self.rsgr.known_metadata(), self.gs.known_metadata()


def _region(stream: RecordedStream) -> Region:
    camera = stream.camera
    return Region(camera.offset_x_px, camera.offset_y_px, camera.columns, camera.rows)


def _any_channel(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(mask.any(axis=2) if mask.ndim == 3 else mask)


def assessed(paired: PairedRecording, aligned: Aligned) -> AlignedPair:
    """The pair as input of :func:`calibration.pair_quality.pair_quality`."""
    form, radiometry = paired.rsgr.camera.frame_format, paired.radiometry(0)
    timing = paired.timing
    light = FrameLight(radiometry, form.rows, form.columns, timing)
    clipped = _any_channel(aligned.rsgr >= radiometry.saturation_dn)
    gain = timing.row_gain().astype(np.float32)[:, None]
    gs, gs_gain = grey(aligned.gs), np.float32(paired.gs_gain)
    variance = _variance(paired, 0, gs / gain) * gain**2
    variance += _variance(paired, 1, gs / gs_gain) * gs_gain**2
    return AlignedPair(
        grey(light(aligned.rsgr)),
        gs,
        np.sqrt(variance),
        aligned.valid,
        clipped | aligned.gs_clipped,
    )


def _variance(
    paired: PairedRecording, index: int, light: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Variance to be expected of light of one camera, in the square of light (EMVA 1288)."""
    calibrated = (paired.rig.rsgr, paired.rig.gs)[index]
    assert calibrated is not None  # checked when it was made
    assert calibrated.dark is not None
    radiometry = paired.radiometry(index)
    dark_dn = calibrated.dark.temporal_dark_noise_dn or 0.0
    transfer = calibrated.dark.photon_transfer
    shot = 0.0 if transfer is None else transfer.system_gain_dn_per_e / radiometry.span_dn
    floor = (dark_dn**2 + QUANTISATION_VARIANCE_DN2) / radiometry.span_dn**2
    return np.asarray(floor + shot * np.maximum(light, 0.0), np.float32)
