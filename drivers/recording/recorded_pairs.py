"""Pairing of the frames of a recording's two cameras."""

from drivers.recording.recording import Recording
from drivers.rig.pairing import Pairing, pair_frames
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
    # Only the difference of the two matters: both must be known.
    periods_us = [each.shortest_period_us() for each in timings if each is not None]
    delivery_us = (periods_us[0], periods_us[1]) if len(periods_us) == 2 else (0.0, 0.0)
    named = {each.value: each for each in Wiring}
    return pair_frames(rsgr, gs, named.get(recording.info.wiring or ""), delivery_us)
