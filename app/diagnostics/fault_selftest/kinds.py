"""The kinds of faults that can be tried, and what is asked of each."""

from collections.abc import Callable
from dataclasses import dataclass

from app.diagnostics.fault_selftest.broken_files import BrokenFiles
from app.diagnostics.fault_selftest.commands_under_test import COMMANDS
from app.diagnostics.fault_selftest.defects import Trial
from app.diagnostics.fault_selftest.endless_inputs import endless_inputs
from app.diagnostics.fault_selftest.fault_sequences import FaultSequence, play_sequences
from app.diagnostics.fault_selftest.file_readers import READERS
from app.diagnostics.fault_selftest.kill_matrix import KillMatrix
from app.diagnostics.fault_selftest.shortages import Shortages, surrounded_commands
from app.diagnostics.fault_selftest.trial_place import TrialPlace


@dataclass(frozen=True, slots=True)
class TrialOrder:
    """Which trials to run, and where.

    Each kind has a quick number of trials; ``times`` as many are run. The same ``seed`` gives the
    same trials. ``only``: those with one of these texts in their name, all where it is empty.
    ``told`` is called after each.
    """

    place: TrialPlace
    seed: int
    times: int
    only: tuple[str, ...]
    told: Callable[[Trial], None]

    def wants(self, name: str) -> bool:
        """Whether trials of this name are asked for."""
        return not self.only or any(text in name for text in self.only)


def _kills(order: TrialOrder) -> list[Trial]:
    wanted = [each for each in COMMANDS if order.wants(each.name)]
    return KillMatrix(order.place, order.seed).run(wanted, order.times, order.told)


_QUICK_SEQUENCES = 20


def _sequences(order: TrialOrder) -> list[Trial]:
    wanted = [
        number
        for number in range(_QUICK_SEQUENCES * order.times)
        if order.wants(FaultSequence.drawn(order.seed, number).name)
    ]
    return play_sequences(order.seed, wanted, order.place.folder / "sequences", order.told)


def _shortages(order: TrialOrder) -> list[Trial]:
    groups = {**surrounded_commands(), **endless_inputs()}
    wanted = {name: group for name, group in groups.items() if order.wants(name)}
    return Shortages(order.place, order.seed).run(wanted, order.times, order.told)


def _files(order: TrialOrder) -> list[Trial]:
    wanted = [each for each in READERS if order.wants(each.name)]
    return BrokenFiles(order.place.folder / "files", order.seed).run(
        wanted, order.times, order.told
    )


KINDS: dict[str, Callable[[TrialOrder], list[Trial]]] = {
    "kills": _kills,
    "sequences": _sequences,
    "files": _files,
    "shortages": _shortages,
}
"""By the name on the command line: every command struck by every signal; random sequences of faults
and acts in a running session; every kind of file damaged; commands in starved and lying
surroundings."""
