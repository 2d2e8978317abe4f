"""Flow on a GPU without the launches: hundreds of small kernels cost more than they compute."""

import torch
from torch import Tensor

from models.captured_graph import CapturedGraph
from models.flow.estimator import Flow
from models.flow.lucas_kanade import LucasKanade


class CapturedFlow:
    """:class:`LucasKanade` as a CUDA graph; captured anew for frames of another size.

    Use from one thread.
    """

    def __init__(self) -> None:
        self._search = LucasKanade()
        self._size: torch.Size | None = None
        self._graph: CapturedGraph | None = None

    def prepare(self, light: Tensor) -> Tensor:
        """See :meth:`LucasKanade.prepare`."""
        return self._search.prepare(light)

    def estimate(self, previous: Tensor, current: Tensor) -> Flow:
        """See :class:`FlowEstimator`; float32 throughout."""
        pair = (previous, current)
        if self._graph is None or self._size != current.shape:
            self._graph = None  # its memory is free for the next
            self._graph = CapturedGraph(self._flow, pair)
            self._size = current.shape
        return Flow(*self._graph(pair))

    def _flow(self, previous: Tensor, current: Tensor) -> tuple[Tensor, Tensor]:
        flow = self._search.estimate(previous, current)
        return flow.flow_px, flow.confidence
