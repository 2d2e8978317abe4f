"""Frame pairs of a recording as a dataset or a report wants them: aligned in place and light."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.rig import CameraConditions, RigCalibration, read_rig
from drivers.errors import InstrumentError
from drivers.pairing import FramePair, Pairing, pair_frames
from drivers.pixel_format import Pixels
from drivers.recording import RecordedStream, Recording
from drivers.wiring import Wiring

_LATE_PERIODS = 1.5
"""A pair this many periods after the one before follows it no more."""

_SPREAD_DN2 = 1.0 / 12.0
"""Variance of rounding (EMVA 1288, release 4.0, section 2.4)."""


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

    @classmethod
    def open(cls, recording: Recording, rig_file: Path | None) -> "PairedRecording":
        """With the calibration of ``rig_file``, else the one in the recording."""
        if rig_file is not None:
            return cls(recording, read_rig(rig_file))
        if recording.info.calibration is None:
            raise InstrumentError(
                f"{recording.folder} was recorded without a calibration; give --rig rig.json"
            )
        return cls(recording, RigCalibration.model_validate(recording.info.calibration))

    @cached_property
    def pairing(self) -> Pairing:
        """Which frames belong together; indices count frames of known metadata."""
        wiring = self.recording.info.wiring
        return pair_frames(
            [metadata for _, metadata in self._known[0]],
            [metadata for _, metadata in self._known[1]],
            None if wiring is None else Wiring(wiring),
            delivery_us=self._delivery_us(),
        )

    @cached_property
    def _known(self) -> tuple[list[tuple[int, object]], list[tuple[int, object]]]:
        return self.rsgr.known_metadata(), self.gs.known_metadata()
