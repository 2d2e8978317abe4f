"""Pairing of the frames of a recording's two cameras."""

from drivers.recording.recording import Recording
from drivers.rig.pairing import Pairing, known_delivery_us, pair_frames
from drivers.rig.wiring import Wiring

RSGR, GS = "rsgr", "gs"
RESTORED = "restored"
"""The RSGR camera's frames, restored: a recording has either."""


def paired_streams(recording: Recording) -> tuple[str, str] | None:
    """Names of the two streams that are pairs, the RSGR camera's first; None if there are none."""
    names = recording.streams.keys()
    first = next((name for name in (RSGR, RESTORED) if name in names), None)
    return None if first is None or GS not in names else (first, GS)


def pair_recording(recording: Recording) -> Pairing | None:
    """Pair the two cameras; None if there are not two.

    Indices count the frames with a whole index line, see
    :meth:`drivers.recording.RecordedStream.known_metadata`.
    """
    names = paired_streams(recording)
    if names is None:
        return None
    streams = [recording.streams[name] for name in names]
    rsgr, gs = ([each for _, each in stream.known_metadata()] for stream in streams)
    delivery_us = known_delivery_us(*(stream.camera.timing for stream in streams))
    if names[0] == RESTORED:  # it tells no line time any more, so the readout is not known
        delivery_us = (0.0, 0.0)
    return pair_frames(rsgr, gs, recorded_wiring(recording), delivery_us)


def recorded_wiring(recording: Recording) -> Wiring | None:
    """How the cameras were wired; None where nothing triggered them or it is not told."""
    return {each.value: each for each in Wiring}.get(recording.info.wiring or "")
