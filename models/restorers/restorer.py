"""Restorers: codes of an RSGR camera in, linear global-shutter light out.

Order of processing, for every restorer: black level, saturation mask (from
raw codes), row gain (on the mosaic, if colour), white balance, demosaic in
linear light, restore. Radiometry is arithmetic and never left to a network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from drivers.frame import Frame
from drivers.frame_conditions import FrameConditions
from models.restorers.restorer_state import RestorerState


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restorer gives back.

    ``light`` is float32 linear light ``(rows, columns)`` or ``(rows, columns,
    3)`` on the restorer's device, 1.0 = the saturated global-shutter signal.
    ``saturated`` marks pixels whose raw code was clipped: they carry no ramp.
    """

    light: Tensor
    saturated: Tensor


class Restorer(Protocol):
    """One way to undo the shutter, ready to run on one device.

    Restoring has two parts, each for a thread of its own: :meth:`prepare`, and the
    call that it returns. The second part of one frame and the first part of the next
    may overlap.
    """

    @property
    def frames_needed(self) -> int:
        """How many frames, the newest last, a call wants; fewer are accepted."""

    @property
    def state(self) -> RestorerState:
        """Its present state."""

    def reset(self) -> None:
        """Forget earlier frames: the next ones are unrelated to them."""

    def prepare(
        self, frames: Sequence[Frame], conditions: FrameConditions
    ) -> Callable[[], Restored]:
        """The first part of :meth:`restore`; what it returns does the second."""

    def restore(self, frames: Sequence[Frame], conditions: FrameConditions) -> Restored:
        """Restore the newest of ``frames``.

        ``frames`` carry codes of the conditions' pixel format and their start times.
        All were taken under ``conditions``, whose timing has as many rows; frames
        between them may have been lost. A frame given again as an earlier one is
        the same object, its pixels unchanged.
        """


@runtime_checkable
class ClipRestorer(Restorer, Protocol):
    """A restorer that can look ahead, off-line."""

    def restore_clip(self, frames: Sequence[Frame], conditions: FrameConditions) -> list[Restored]:
        """Restore all of some consecutive frames; each result may use all of them."""
