"""Frame pairs of a recording, aligned in geometry and radiometry, for datasets and reports."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from app.pairs.pair_view import GsLight, PairView, ViewedCamera
from calibration.rig_calibration import RigCalibration, read_rig, recorded_rig
from drivers.errors import InstrumentError
from drivers.frame import FrameMetadata
from drivers.frame_conditions import FrameConditions
from drivers.pixel_format import Pixels
from drivers.recording import RecordedStream, Recording
from drivers.recording.frame_times import typical_period_ns
from drivers.recording.recorded_pairs import (
    RESTORED,
    pair_recording,
    paired_streams,
    recorded_wiring,
)
from drivers.recording.zarr_shards import ShardReader
from drivers.rig.pairing import FramePair, Pairing

LATE_PERIODS = 1.5
"""A pair this many periods after the one before follows it no more."""


@dataclass(frozen=True)
class Aligned:
    """One pair: the RSGR frame's codes as recorded, and GS on its pixels."""

    pair: FramePair
    rsgr: Pixels
    gs: GsLight


class PairedRecording:
    """A recording of both cameras under a rig calibration.

    The calibration is the one given, else the one recorded. ``restored`` is whether the RSGR
    frames are restored ones, light without a ramp. Raises :class:`InstrumentError` where there is
    no second camera, no calibration, or one of other cameras, or a step of it is missing.
    """

    def __init__(self, recording: Recording, rig: RigCalibration) -> None:
        self.recording = recording
        self.rig = rig
        names = paired_streams(recording)
        if names is None:
            raise InstrumentError(
                f"{recording.folder} is of one camera; pairs need --gs when recording"
            )
        self.restored = names[0] == RESTORED
        self.rsgr, self.gs = (recording.streams[name] for name in names)
        rsgr = ViewedCamera.recorded(self.rsgr.camera, restored=self.restored)
        gs = ViewedCamera.recorded(self.gs.camera)
        self.view = PairView(rig, rsgr, gs, recorded_wiring(recording))

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

    @cached_property
    def pairing(self) -> Pairing:
        """Which frames belong together; indices count the frames of known metadata."""
        paired = pair_recording(self.recording)
        assert paired is not None  # there are two cameras
        return paired

    @property
    def conditions(self) -> FrameConditions:
        """What the RSGR frames were taken under, as calibrated."""
        return FrameConditions(self.view.timing, self.view.radiometry(0))

    @property
    def interval_us(self) -> float:
        """Time between frames of the RSGR camera."""
        typical_ns = typical_period_ns([metadata for _, metadata in self.known[0]])
        if typical_ns is None:
            raise InstrumentError(f"{self.recording.folder} has too few frames to tell their rate")
        return typical_ns / 1000.0

    def runs(
        self, least: int, most: int, pairs: Iterable[FramePair] | None = None
    ) -> list[list[FramePair]]:
        """Pairs that follow one another without a gap, in lists of ``least`` to ``most``.

        A longer run is divided evenly. Without ``pairs`` all are taken.
        """
        late_ns = LATE_PERIODS * self.interval_us * 1000.0
        unbroken: list[list[FramePair]] = []
        before: FramePair | None = None
        for pair in self.pairing.pairs if pairs is None else pairs:
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
        with self.frames() as frames:
            for pair in pairs:
                codes, gs = frames.rsgr(pair.rsgr_index), self.view.gs(frames.gs(pair.gs_index))
                yield Aligned(pair, codes, gs)

    @contextmanager
    def frames(self) -> Iterator["PairedFrames"]:
        """Codes of any frame of both cameras."""
        with self.rsgr.open() as rsgr, self.gs.open() as gs:
            yield PairedFrames((self.rsgr, self.gs), (rsgr, gs), self.known)

    @cached_property
    def known(self) -> tuple[list[tuple[int, FrameMetadata]], list[tuple[int, FrameMetadata]]]:
        """Place in the stream and metadata of the (RSGR, GS) frames whose index line is whole."""
        return self.rsgr.known_metadata(), self.gs.known_metadata()


@dataclass(frozen=True)
class PairedFrames:
    """Reads frames by the indices of :class:`drivers.rig.pairing.FramePair`."""

    _streams: tuple[RecordedStream, RecordedStream]
    _readers: tuple[ShardReader, ShardReader]
    _known: tuple[list[tuple[int, FrameMetadata]], list[tuple[int, FrameMetadata]]]

    def rsgr(self, index: int) -> Pixels:
        """Codes of an RSGR frame; raises ``DamagedFrameError``."""
        return self._codes(0, index)

    def gs(self, index: int) -> Pixels:
        """Codes of a GS frame; raises ``DamagedFrameError``."""
        return self._codes(1, index)

    def _codes(self, camera: int, index: int) -> Pixels:
        stream = self._streams[camera]
        codes = stream.empty()
        stream.read_checked(self._readers[camera], self._known[camera][index][0], codes)
        return codes
