"""Restored frames as a recording of their own, beside the raw one."""

import json
from contextlib import suppress
from pathlib import Path

import numpy as np

from app.restore.recipe import Recipe
from app.restore.recorded_footage import RecordedFootage
from drivers.atomic_file import check_folder, is_unfinished, remove_folder
from drivers.camera_settings import ShutterMode
from drivers.errors import InstrumentError
from drivers.frame import FrameMetadata
from drivers.pixel_format import Pixels
from drivers.recording import RecordedCamera, Recording, is_recording
from drivers.recording import open_recording as open_existing
from drivers.recording.completion import repair
from drivers.recording.description import write_description
from drivers.recording.recorded_pairs import RESTORED
from drivers.recording.recording import Progress
from drivers.recording.writer import RecordingWriter
from drivers.recording.writing_lock import LOCK_NAME

_MARKS = (LOCK_NAME, ".reserve")
"""What a run that was killed at its very beginning may leave; the latter by older programs."""


class RestoredRecordingWriter:
    """Keeps the contract of :class:`app.restore.footage.FootageWriter`.

    Frames gather in a recording beside OUT, ``NAME.part``, with the numbers, times and
    gaps of the raw ones. A second camera's frames go with them as they are, with the
    calibration, so that pairs can be compared. What a killed run left of it is copied into a
    new one, as nothing can be appended to a recording; so there are two places that take turns.
    """

    unit_frames = 1
    goes_on = True

    def __init__(
        self,
        folder: Path,
        footage: RecordedFootage,
        form: str,
        recipe: Recipe,
        beside: RecordedFootage | None = None,
    ) -> None:
        """``form`` is the pixel format of the restored codes, which are linear.

        ``beside`` are the frames of the second camera, where there is one.
        """
        self._folder = folder
        self._beside = beside
        self._copied = 0
        self._footage = footage
        self._recipe = recipe
        camera = footage.stream.camera
        self._camera = camera.model_copy(
            update={
                "pixel_format": form,
                "black_level_dn": 0.0,
                "shutter_mode": ShutterMode.GLOBAL,
                "shutter_proven": None,
                "line_time_us": 0.0,
            }
        )
        self._writer: RecordingWriter | None = None
        self._complete = is_recording(folder)
        places = [folder.with_name(folder.name + suffix) for suffix in (".part", ".part2")]
        if not self._complete:
            for place in places:
                check_folder(place)
        looked_at = [folder] if self._complete else [*places, folder]
        found = [_existing(place, recipe) for place in looked_at]
        there = [0 if each is None else len(each.stream(RESTORED)) for each in found]
        best = there.index(max(there))
        self._previous, self._there = found[best], there[best]
        self._places = places
        # Not where the frames are that are to be copied.
        self._place = places[1] if best == 0 and self._previous is not None else places[0]
        if self._complete and self._there < footage.frames:
            raise InstrumentError(f"{folder} is not complete; remove it or name another OUT")

    def is_done(self, unit: range, since_ns: int) -> bool:
        """See :class:`app.restore.footage.FootageWriter`."""
        return unit.stop <= self._there

    def write(self, index: int, codes: Pixels) -> None:
        """See :class:`app.restore.footage.FootageWriter`."""
        if self._writer is None:
            self._begin()
        self._append(index, codes)

    def finish(self) -> None:
        """Give the recording its name."""
        if self._complete:
            return
        if self._writer is not None:
            self._copy_beside(None)
            ended = self._writer.finish(RESTORED).end
            if ended is None or ended.frames[RESTORED] < self._footage.frames:
                raise InstrumentError(
                    f"{self._place} could not be completed: the disk is full; free some space, "
                    "the same command goes on"
                )
            done = self._place
        else:
            # A run that was killed when all was written.
            assert self._previous is not None
            done = self._previous.folder
            info = repair(done).info
            assert info.end is not None  # completed
            end = info.end.model_copy(update={"reason": RESTORED})
            write_description(done, info.model_copy(update={"end": end}))
        try:
            done.rename(self._folder)
        except OSError as error:
            raise InstrumentError(f"{self._folder} cannot be made: {error.strerror}") from None
        self._complete = True
        for place in self._places:
            remove_folder(place)

    def leave(self) -> None:
        """End what is begun in order; the next run copies it."""
        if self._writer is not None:
            with suppress(InstrumentError):  # the failure that led here is the one to tell
                self._writer.finish("interrupted")

    def _begin(self) -> None:
        remove_folder(self._place)
        self._copied = 0
        raw = self._footage.recording.info
        info = raw.model_copy(
            update={
                "cameras": {RESTORED: self._camera, **self._camera_beside},
                "wiring": raw.wiring if self._beside else None,
                "calibration": raw.calibration if self._beside else None,
                "processing": self._recipe.model_dump(mode="json"),
                "end": None,
            }
        )
        self._writer = RecordingWriter(self._place, info)
        if self._previous is not None:
            stream = self._previous.stream(RESTORED)
            for index, frame in enumerate(stream.read(range(self._there))):
                self._append(index, frame.pixels)
            remove_folder(self._previous.folder)

    def _append(self, index: int, codes: Pixels) -> None:
        assert self._writer is not None  # write() begins it
        for gap in self._footage.gap_before(index):
            self._writer.gap(RESTORED, gap)
        metadata: FrameMetadata = self._footage.metadata[index]
        self._copy_beside(metadata.host_time_ns)
        self._writer.append(RESTORED, np.ascontiguousarray(codes), metadata)

    @property
    def _camera_beside(self) -> dict[str, RecordedCamera]:
        if self._beside is None:
            return {}
        return {self._beside.stream.name: self._beside.stream.camera}

    def _copy_beside(self, until_ns: int | None) -> None:
        """Copy the second camera's frames that were delivered until then; None: all."""
        beside, writer = self._beside, self._writer
        if beside is None:
            return
        assert writer is not None  # write() begins it
        end = self._copied
        while end < beside.frames and (
            until_ns is None or beside.metadata[end].host_time_ns <= until_ns
        ):
            end += 1
        for index, codes in zip(
            range(self._copied, end), beside.codes(range(self._copied, end)), strict=True
        ):
            for gap in beside.gap_before(index):
                writer.gap(beside.stream.name, gap)
            writer.append(beside.stream.name, codes, beside.metadata[index])
        self._copied = end


def _existing(place: Path, recipe: Recipe) -> Recording | None:
    """What an earlier run left there; raises :class:`InstrumentError` where that is another's."""
    if not place.exists():
        return None
    if not is_recording(place):
        # A run that was killed at its very beginning leaves nothing else.
        if all(item.name in _MARKS or is_unfinished(item.name) for item in place.iterdir()):
            return None
        raise InstrumentError(f"{place} exists and is no recording; name another OUT")
    recording = open_existing(place)
    if recording.progress is Progress.BEING_WRITTEN:
        raise InstrumentError(f"{place} is being written right now; wait for that, or stop it")
    if recording.info.processing is None:
        raise InstrumentError(f"{place} is a raw recording; name another OUT")
    recipe.check_against(json.dumps(recording.info.processing), place)
    return recording
