"""What became of one recording of a session, compared with the frames that its cameras gave."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.diagnostics.fault_selftest.defects import Defect
from app.diagnostics.fault_selftest.watched_camera import Run, is_whole, shown_number
from drivers.errors import InstrumentError
from drivers.recording import RecordedStream, open_recording
from drivers.recording.completion import repair
from drivers.recording.frame_index import GapCause
from drivers.recording.integrity import verify
from drivers.recording.recording import Progress

Problem = tuple[Defect, str]


@dataclass(slots=True)
class Coverage:
    """The frames of one camera's ``run`` that a recording has to have or to count as lost.

    From number ``first`` in the run on; those before number ``until`` had come when it was told
    to stop.
    """

    run: Run
    first: int
    until: int = 0


@dataclass(slots=True)
class Take:
    """A recording: ``place`` is where its folder is now, None where it was removed.

    ``counted`` are the session's last figures of it, frames and losses by camera, None where
    nobody asked in time. ``harmed``: somebody or the disk interfered, so that its end may lack.
    """

    place: Path | None
    cameras: dict[str, Coverage]
    harmed: bool = False
    gone_meanwhile: bool = False
    """Whether its files were gone before it ended."""
    counted: tuple[Mapping[str, int], Mapping[str, int]] | None = None
    reason: str = ""
    ended: bool = False

    def problems(self) -> Iterator[Problem]:
        """What is wrong with it, now that it has ended."""
        if self.place is None:
            return
        try:
            recording = open_recording(self.place)
            if recording.progress is not Progress.COMPLETE and self.harmed:
                recording = repair(self.place)
            damages = verify(recording)
        except InstrumentError as error:
            yield Defect.UNREADABLE, str(error)
            return
        if recording.progress is not Progress.COMPLETE:
            yield Defect.UNREADABLE, f"{self.place.name} is {recording.progress.value}"
        for damage in damages:
            yield Defect.UNREADABLE, f"{self.place.name}, {damage.camera}: {damage.text}"
        end = recording.info.end
        assert end is not None  # opening tells it
        if self.counted is not None and not self.harmed and self.counted != (end.frames, end.lost):
            told = f"{dict(end.frames)} and {dict(end.lost)} lost"
            yield Defect.WRONG_FRAMES, f"the session told {self.counted}, recording.json {told}"
        for name, coverage in self.cameras.items():
            stream = recording.streams[name]
            gaps = sum(gap.frames for gap in stream.gaps)
            if len(stream) != end.frames[name] or (not self.harmed and gaps != end.lost[name]):
                yield (
                    Defect.WRONG_FRAMES,
                    f"recording.json tells {end.frames[name]} frames of {name} and "
                    f"{end.lost[name]} lost, its index {len(stream)} and {gaps}",
                )
            yield from self._uncounted(stream, coverage)
            if not damages:
                yield from _wrong_frames(stream, coverage.run)

    def _uncounted(self, stream: RecordedStream, coverage: Coverage) -> Iterator[Problem]:
        """Frames that came meanwhile, and are neither recorded nor counted as lost."""
        run = coverage.run
        at = {sequence: number for number, sequence in enumerate(run.sequences)}
        recorded = [at.get(each.sequence, -1) for _, each in stream.known_metadata()]
        lost = {(gap.before_frame, gap.cause): gap.frames for gap in stream.gaps if gap.frames}
        before = coverage.first - 1
        for frame, number in enumerate(recorded):
            missing = max(0, number - before - 1)
            counted = lost.get((frame, GapCause.DISK), 0)
            # Before the first, some of the past may be counted too.
            if missing > counted or (frame and missing != counted):
                yield (
                    Defect.SILENT_LOSS,
                    f"{missing} frames of {stream.name} came and are not recorded before frame "
                    f"{frame}, {counted} are counted as lost to the disk",
                )
            if frame:
                sent = run.sequences[number] - run.sequences[before] - 1 - missing
                if sent != lost.get((frame, GapCause.CAMERA), 0):
                    yield (
                        Defect.SILENT_LOSS,
                        f"{sent} frames of {stream.name} did not come before frame {frame}, "
                        f"{lost.get((frame, GapCause.CAMERA), 0)} are counted",
                    )
            before = number
        until = self._has_to_reach(coverage)
        if before + 1 < until:
            yield (
                Defect.SILENT_LOSS,
                f"{until - before - 1} frames of {stream.name} came before the end and are not "
                f"recorded ({self.reason})",
            )

    def _has_to_reach(self, coverage: Coverage) -> int:
        """Number of the run's frames before the end of the recording."""
        if self.harmed:
            return 0
        if self.reason == "stopped":
            return coverage.until
        if self.reason == "the camera stopped delivering frames" and len(self.cameras) == 1:
            return len(coverage.run.sequences)
        return 0


def _wrong_frames(stream: RecordedStream, run: Run) -> Iterator[Problem]:
    """Recorded frames whose pixels are not those that the camera gave under their number."""
    shown = dict(zip(run.sequences, run.shown, strict=False))
    form = stream.camera.frame_format
    for frame in stream.read(range(len(stream))):
        sequence = frame.metadata.sequence
        if sequence not in shown:
            yield Defect.WRONG_FRAMES, f"frame {sequence} of {stream.name} never came"
        elif shown_number(frame.pixels) != shown[sequence] or not is_whole(frame.pixels, form):
            yield Defect.WRONG_FRAMES, f"the pixels of frame {sequence} of {stream.name} are others"
