"""``ngs verify``: whether a recording is whole, and where it is not."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from app.recordings.summary import progress_text
from drivers.errors import InstrumentError
from drivers.recording import is_recording, open_recording
from drivers.recording.description import FILE_NAME
from drivers.recording.frame_index import Gap
from drivers.recording.integrity import Damage, verify
from drivers.recording.recording import Progress

_LISTED = 20


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found; ``frames`` and ``gaps`` by camera. Gaps have a cause and are no damage.

    ``progress_text`` says what it means that the recording is not complete, which is no damage.
    """

    folder: Path
    frames: dict[str, int]
    gaps: dict[str, tuple[Gap, ...]]
    damaged: tuple[Damage, ...]
    progress: Progress = Progress.COMPLETE
    progress_text: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return not self.damaged

    def document(self) -> dict[str, Any]:
        """The report of ``--json``: stable keys ``ok``, ``frames``, ``gaps``, ``damaged``."""
        return {
            "recording": str(self.folder),
            "ok": self.ok,
            "progress": self.progress.value,
            "frames": sum(self.frames.values()),
            "frames_by_camera": self.frames,
            "gaps": [
                {"camera": camera, **asdict(gap), "cause": gap.cause.value}
                for camera, gaps in self.gaps.items()
                for gap in gaps
            ],
            "damaged": [{**asdict(each), "camera": each.camera or None} for each in self.damaged],
        }

    def failure(self) -> str:
        """How much is damaged and what first, in one line."""
        first = self.damaged[0]
        places = "1 place is" if len(self.damaged) == 1 else f"{len(self.damaged)} places are"
        return f"{self.folder}: {places} damaged, first: {_place(first)}"


def verify_recording(folder: Path, on_progress: Callable[[int, int], None]) -> Verification:
    """Read the whole recording; raises :class:`InstrumentError` for other folders."""
    try:
        recording = open_recording(folder)
    except InstrumentError as error:
        if not is_recording(folder) or not str(error).startswith(str(folder / FILE_NAME)):
            raise
        return Verification(folder, {}, {}, (Damage("", None, str(error)),))
    damaged = verify(recording, on_progress)
    streams = recording.streams
    return Verification(
        folder,
        {name: len(stream) for name, stream in streams.items()},
        {name: stream.gaps for name, stream in streams.items()},
        tuple(damaged),
        recording.progress,
        progress_text(recording),
    )


def print_verification(result: Verification, console: Console) -> None:
    """Gaps with their causes, then the damage."""
    for name, frames in result.frames.items():
        gaps = result.gaps[name]
        lost = sum(gap.frames for gap in gaps)
        console.print(f"{name}: {frames} frames, {lost} lost in {len(gaps)} gaps", highlight=False)
        _print_some(
            [f"  {gap.frames} before frame {gap.before_frame}, by {gap.cause}" for gap in gaps],
            console,
        )
    _print_some([f"  damaged: {_place(each)}" for each in result.damaged], console)
    if result.progress_text:
        console.print(result.progress_text, highlight=False, soft_wrap=True)
    if result.ok:
        console.print("every frame is there and as it was recorded", highlight=False)


def _print_some(lines: list[str], console: Console) -> None:
    for line in lines[:_LISTED]:
        console.print(line, highlight=False, soft_wrap=True)
    if len(lines) > _LISTED:
        console.print(f"  and {len(lines) - _LISTED} more: --json lists all", highlight=False)


def _place(damage: Damage) -> str:
    if not damage.camera:
        return damage.text
    frame = "" if damage.frame is None else f" frame {damage.frame}"
    return f"{damage.camera}{frame}: {damage.text}"
