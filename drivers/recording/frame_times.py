"""Start times and period of recorded frames, by the camera's clock if it ran all the time."""

from collections.abc import Sequence

import numpy as np

from drivers.clock_steps import watched
from drivers.frame import FrameMetadata

_CLOCKS_AGREE_NS = 1e9
_CLOCKS_AGREE_SHARE = 0.01


def start_times_ns(metadata: Sequence[FrameMetadata]) -> list[int]:
    """Times of frames in order; by the host's clock if the camera's has gaps or steps."""
    host_ns = [each.host_time_ns for each in metadata]
    device_ns = [each.device_time_ns for each in metadata if each.device_time_ns is not None]
    if len(device_ns) < len(host_ns) or not device_ns:
        return host_ns
    clock = watched(metadata)
    if clock.steps or clock.wrong_times:
        return host_ns
    host_span_ns, device_span_ns = host_ns[-1] - host_ns[0], device_ns[-1] - device_ns[0]
    tolerance_ns = _CLOCKS_AGREE_NS + _CLOCKS_AGREE_SHARE * host_span_ns
    return device_ns if abs(host_span_ns - device_span_ns) < tolerance_ns else host_ns


def typical_period_ns(metadata: Sequence[FrameMetadata]) -> float | None:
    """Median time from one frame to the next, lost ones counted; None for a single frame.

    A few ignored triggers do not change it.
    """
    times_ns = np.array(start_times_ns(metadata), np.float64)
    numbers = np.array([each.sequence for each in metadata], np.float64)
    steps = np.diff(times_ns) / np.maximum(1, np.diff(numbers))
    typical = float(np.median(steps)) if steps.size else 0.0
    return typical if typical > 0 else None
