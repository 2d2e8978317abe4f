"""The order in which training sees its clips."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler

from models.training.schedule import Schedule


class ClipOrder(Sampler[list[int]]):
    """Which clips each remaining step sees, decided by the seed and the number of the step."""

    def __init__(
        self,
        own: int,
        general: int,
        general_share: float,
        schedule: Schedule,
        first_step: int,
        rank: int,
        ranks: int,
    ) -> None:
        """Of ``own`` clips and as many ``general`` ones after them, evenly mixed by the share."""
        self._clips = own + general
        self._share = general_share if general else 0.0
        self._own = _Shuffled(0, own, schedule.seed)
        self._general = _Shuffled(own, general, schedule.seed)
        self._steps = range(first_step, schedule.steps)
        self._per_step = schedule.batch // schedule.crops_per_clip
        self._mine = range(rank * self._per_step // ranks, (rank + 1) * self._per_step // ranks)

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[list[int]]:
        for step in self._steps:
            yield [self._index(step * self._per_step + each) for each in self._mine]

    def _index(self, count: int) -> int:
        general_before = int(count * self._share)
        if int((count + 1) * self._share) > general_before:
            epoch, place = self._general.drawn(general_before)
        else:
            epoch, place = self._own.drawn(count - general_before)
        return epoch * self._clips + place


class _Shuffled:
    """Clips from ``first`` on: every one once in an epoch, in an order of its own."""

    def __init__(self, first: int, clips: int, seed: int) -> None:
        self._first, self._clips, self._seed = first, clips, seed
        self._epoch, self._permutation = -1, torch.empty(0)

    def drawn(self, count: int) -> tuple[int, int]:
        """Epoch and place of the clip that comes after ``count`` others."""
        epoch, place = divmod(count, self._clips)
        if epoch != self._epoch:
            self._permutation = self._order(epoch)
            self._epoch = epoch
        return epoch, self._first + int(self._permutation[place])

    def _order(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
        return torch.randperm(self._clips, generator=generator)
