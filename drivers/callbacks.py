"""Functions that C calls: an exception raised inside one does not come through to Python."""

from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

_called_by_c: set[CodeType] = set()


def callback(function: Callable[..., Any]) -> Callable[..., Any]:
    """Note that C calls this Python function; the function itself stays as it is."""
    _called_by_c.add(function.__code__)
    return function


def inside_callback(frame: FrameType | None) -> bool:
    """Whether C is still waiting below this frame for such a function to return."""
    while frame is not None:
        if frame.f_code in _called_by_c:
            return True
        frame = frame.f_back
    return False
