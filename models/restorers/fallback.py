"""The fallback ladder: network, warp, row gain; also replaces NaN and infinity."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch

from drivers.frame import Frame
from drivers.frame_conditions import FrameConditions
from drivers.system_limits import is_out_of_memory
from models.restorers.registry import open_restorer
from models.restorers.restorer import Restored, Restorer
from models.restorers.restorer_state import RestorerState
from models.restorers.row_gain import RowGain

_BELOW_EVERY_NETWORK = ("warp", RowGain.name)


class Ladder:
    """A restorer that changes to the next simpler one when memory runs out, and stays with it.

    Its state tells what happened. A picture with values that are no numbers is given by
    row gain instead, and counted. To try again, make another one. Use from one thread,
    or from one for each of the two parts.
    """

    def __init__(self, name: str, device: torch.device, engine: str | None = None) -> None:
        """Raises :class:`InstrumentError` as ``open_restorer`` does."""
        self._device = device
        self._asked = name
        self._row_gain = RowGain(device)
        self._below = list(_BELOW_EVERY_NETWORK)
        if name in self._below:
            self._below = self._below[self._below.index(name) + 1 :]
        self._fallback = ""
        self._replaced = 0
        try:
            self._restorer: Restorer = open_restorer(name, device, engine)
        except (MemoryError, RuntimeError) as error:
            self._restorer = self._lower_rung(error)

    @property
    def frames_needed(self) -> int:
        """See :class:`models.restorers.restorer.Restorer`."""
        return self._restorer.frames_needed

    @property
    def state(self) -> RestorerState:
        """State of the restorer in use: why it was changed, and the frames it could not give."""
        return replace(self._restorer.state, fallback=self._fallback, replaced=self._replaced)

    def count_anew(self) -> None:
        """Count no frame as replaced so far: what came before were no frames of a camera."""
        self._replaced = 0

    def restore(self, frames: Sequence[Frame], conditions: FrameConditions) -> Restored:
        """Restore the newest of ``frames``; see :class:`models.restorers.restorer.Restorer`.

        Raises what a restorer raises that no smaller one could help.
        """
        return self.prepare(frames, conditions)()

    def prepare(
        self, frames: Sequence[Frame], conditions: FrameConditions
    ) -> Callable[[], Restored]:
        """See :class:`models.restorers.restorer.Restorer`.

        Raises like :meth:`restore`, and so does what is returned.
        """
        restorer = self._restorer
        try:
            rest = restorer.prepare(frames[-restorer.frames_needed :], conditions)
        except (MemoryError, RuntimeError) as error:
            self._step_down(restorer, error)
            rest = partial(self.restore, frames, conditions)
        return partial(self._finish, rest, restorer, frames, conditions)

    def _finish(
        self,
        rest: Callable[[], Restored],
        restorer: Restorer,
        frames: Sequence[Frame],
        conditions: FrameConditions,
    ) -> Restored:
        try:
            restored = rest()
            # One NaN makes the sum NaN; that is several times faster than testing every value.
            if bool(torch.isfinite(restored.light.sum())):
                return restored
            self._replaced += 1
            return self._row_gain.restore(frames, conditions)
        except (MemoryError, RuntimeError) as error:
            self._step_down(restorer, error)
        # Outside the handler: the error no longer refers to tensors of the failed call.
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        return self.restore(frames, conditions)

    def reset(self) -> None:
        """Forget earlier frames."""
        self._restorer.reset()

    def _step_down(self, failed: Restorer, error: Exception) -> None:
        """Take the next rung, or raise ``error`` where it is another one or there is none."""
        if not is_out_of_memory(error):
            raise error
        # Otherwise the previous frame has stepped down already.
        if failed is self._restorer:
            self._restorer = self._lower_rung(error)

    def _lower_rung(self, error: Exception) -> Restorer:
        if not self._below or not is_out_of_memory(error):
            raise error
        rung = self._below.pop(0)
        self._fallback = (
            f"out of memory for {self._asked}: {rung} runs instead; choose a smaller region, or "
            "the model again to try again"
        )
        return open_restorer(rung, self._device)
