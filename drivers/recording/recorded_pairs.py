"""Pairing of the frames of a recording's two cameras."""

from drivers.recording.recording import Recording
from drivers.rig.pairing import Pairing, known_delivery_us, pair_frames
from drivers.rig.wiring import Wiring

RSGR, GS = "rsgr", "gs"


def pair_recording(recording: Recording) -> Pairing | None:
    """Pair the two cameras; None if there are not two.

    Indices count the frames with a whole index line, see
    :meth:`drivers.recording.RecordedStream.known_metadata`.
    """
    streams = recording.streams
    if RSGR not in streams or GS not in streams:
        return None
    rsgr, gs = ([each for _, each in streams[name].known_metadata()] for name in (RSGR, GS))
    timings = [streams[name].camera.timing for name in (RSGR, GS)]
    return pair_frames(rsgr, gs, recorded_wiring(recording), known_delivery_us(*timings))


def recorded_wiring(recording: Recording) -> Wiring | None:
    """How the cameras were wired; None where nothing triggered them or it is not told."""
    return {each.value: each for each in Wiring}.get(recording.info.wiring or "")
