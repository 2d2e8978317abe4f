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
    named = {each.value: each for each in Wiring}
    return pair_frames(
        rsgr, gs, named.get(recording.info.wiring or ""), known_delivery_us(*timings)
    )
