"""Times at which a looping replay plays a recording's frames; two cameras stay in step."""

from collections.abc import Sequence
from dataclasses import dataclass

from drivers.frame import FrameMetadata
from drivers.recording import RecordedStream, Recording
from drivers.recording.frame_times import start_times_ns

_DEFAULT_PERIOD_NS = 1e9 / 30


@dataclass(frozen=True, slots=True)
class Timeline:
    """Frames to play and their times, in recorded time since the first frame of any camera.

    Each round adds ``round_ns`` to all times, ``round_triggers`` to trigger counts and
    ``round_frames`` to frame numbers, as if the trigger had continued. The first two are
    the same for all cameras of a recording.
    """

    numbers: tuple[int, ...]
    metadata: tuple[FrameMetadata, ...]
    offsets_ns: tuple[int, ...]
    round_ns: int
    round_triggers: int
    round_frames: int
    period_ns: float

    def at(self, place: int, round_: int) -> tuple[int, int]:
        """Number of a frame in the recording, and its time in ns."""
        return self.numbers[place], self.offsets_ns[place] + round_ * self.round_ns

    def numbered(self, place: int, round_: int, host_time_ns: int) -> FrameMetadata:
        """Metadata of a frame as played in round ``round_``."""
        recorded = self.metadata[place]
        device_ns, triggers = recorded.device_time_ns, recorded.trigger_count
        return FrameMetadata(
            sequence=recorded.sequence + round_ * self.round_frames,
            host_time_ns=host_time_ns,
            device_time_ns=None if device_ns is None else device_ns + round_ * self.round_ns,
            trigger_count=None if triggers is None else triggers + round_ * self.round_triggers,
            after_break=recorded.after_break,
        )


def timeline(recording: Recording, stream: RecordedStream, frames: range) -> Timeline | None:
    """The timeline of ``frames`` of one camera; None if the index has none of them."""
    known = {name: _known(each, frames) for name, each in recording.streams.items()}
    known = {name: each for name, each in known.items() if each}
    if stream.name not in known:
        return None
    # Take the period from one camera, so that all use the same.
    leader = [metadata for _, metadata in next(iter(known.values()))]
    period_ns = _period_ns(leader)
    begin_ns = min(each[0][1].host_time_ns for each in known.values())
    ticks = 1 + max(
        round((each[0][1].host_time_ns - begin_ns) / period_ns)
        + _ticks(each[-1][1])
        - _ticks(each[0][1])
        for each in known.values()
    )
    numbers, metadata = zip(*known[stream.name], strict=True)
    first, last = metadata[0], metadata[-1]
    ignored = _ticks(last) - _ticks(first) - (last.sequence - first.sequence)
    times_ns = start_times_ns(metadata)
    lead_ns = first.host_time_ns - begin_ns
    return Timeline(
        numbers=numbers,
        metadata=metadata,
        offsets_ns=tuple(lead_ns + time_ns - times_ns[0] for time_ns in times_ns),
        round_ns=round(ticks * period_ns),
        round_triggers=ticks,
        round_frames=ticks - ignored,
        period_ns=period_ns,
    )


def _known(stream: RecordedStream, frames: range) -> list[tuple[int, FrameMetadata]]:
    return [item for item in stream.known_metadata() if item[0] in frames]


def _ticks(metadata: FrameMetadata) -> int:
    """Trigger count, else frame number: both count trigger periods."""
    return metadata.sequence if metadata.trigger_count is None else metadata.trigger_count


def _period_ns(metadata: Sequence[FrameMetadata]) -> float:
    first, last = metadata[0], metadata[-1]
    times_ns = start_times_ns(metadata)
    ticks, span_ns = _ticks(last) - _ticks(first), times_ns[-1] - times_ns[0]
    return span_ns / ticks if ticks > 0 and span_ns > 0 else _DEFAULT_PERIOD_NS
