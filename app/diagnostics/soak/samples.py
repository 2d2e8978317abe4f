"""What a soak measures: facts at its beginning, samples as it goes, counts at its end.

The file of samples has a line of JSON for the facts, then one for each sample: whoever kills the
process finds all of them but perhaps the last.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pydantic_core
from pydantic import TypeAdapter, ValidationError

from drivers.errors import InstrumentError


@dataclass(frozen=True, slots=True)
class SoakFacts:
    """What runs, and what is known before.

    ``cameras`` are maker, model and address by name. All that has a bound, such as rings and
    remembered figures, is full after ``warm_up_s``; everything repeats after ``cycle_s``, 0 where
    nothing is done by turns.
    """

    started: datetime
    program: str
    machine: str
    command: str
    cameras: Mapping[str, str]
    stream: str
    model: str
    seconds: float
    every_s: float
    warm_up_s: float
    cycle_s: float


@dataclass(frozen=True, slots=True)
class CameraSample:
    """Counts since the start; None where the camera cannot tell.

    ``clock_offset_ns`` is the camera's clock less the host's, by the quickest delivery since the
    sample before.
    """

    captured: int
    lost: int | None
    incomplete: int
    overruns: int | None
    clock_offset_ns: int | None
    clock_steps: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a soak, ``seconds`` after its start.

    Memory is resident, that of child processes apart; ``handles`` and ``threads`` are of all
    processes. ``cpu_share`` is in cores and the latencies are of the frames since the sample
    before, None where none was restored. ``recorded`` counts the frames of all pieces,
    ``waiting`` those in memory that are still to be written.
    """

    seconds: float
    memory_bytes: int
    children_bytes: int
    handles: int
    threads: int
    cpu_share: float
    cameras: Mapping[str, CameraSample]
    restored: int
    skipped: int
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    waiting: int
    ring_frames: int
    recorded: int
    lost_to_disk: int

    @property
    def all_bytes(self) -> int:
        """Memory of all processes."""
        return self.memory_bytes + self.children_bytes


@dataclass(frozen=True, slots=True)
class CameraAccount:
    """A camera's counts after the last frame; ``published`` is what its ring had of it.

    ``numbers`` are the frame numbers from the first to the last frame, None where they do not
    count frames.
    """

    captured: int
    published: int
    lost: int | None
    incomplete: int
    numbers: int | None


@dataclass(frozen=True, slots=True)
class SoakAccount:
    """All counts after the last frame.

    ``message`` says why the session ended by itself, empty where it did not; ``piece_problem``
    what was wrong with a piece of the recording.
    """

    cameras: Mapping[str, CameraAccount]
    restoring: bool
    restored: int
    skipped: int
    in_work: int
    pieces: int
    recorded: int
    lost_to_disk: int
    piece_problem: str
    message: str


class SampleFile(Protocol):
    """Where samples go, each at once."""

    def add(self, sample: Sample) -> None:
        """Write one more."""


class _Lines:
    def __init__(self, path: Path) -> None:
        self._path = path
        # Without a buffer: each line is one write, and there when the process is killed.
        self._file = path.open("xb", buffering=0)

    def write(self, value: object) -> None:
        try:
            self._file.write(pydantic_core.to_json(value) + b"\n")
        except OSError as error:
            raise InstrumentError(f"{self._path} cannot be written: {error.strerror}") from None

    def add(self, sample: Sample) -> None:
        self.write(sample)

    def close(self) -> None:
        self._file.close()


@contextmanager
def sample_file(path: Path, facts: SoakFacts) -> Iterator[SampleFile]:
    """A new file that begins with ``facts``; raises :class:`InstrumentError` on a full disk."""
    lines = _Lines(path)
    try:
        lines.write(facts)
        yield lines
    finally:
        lines.close()


def read_samples(path: Path) -> tuple[SoakFacts, list[Sample]]:
    """Facts and samples, a last line that was cut off left out.

    Raises :class:`InstrumentError` where another line is no sample.
    """
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    first, *others = whole.split(b"\n")
    try:
        facts = TypeAdapter(SoakFacts).validate_json(first)
        read = TypeAdapter(Sample).validate_json
        return facts, [read(line) for line in others]
    except ValidationError as error:
        raise InstrumentError(
            f"{path} is no file of samples: {error.errors()[0]['msg']}; run ngs selftest soak"
        ) from None
