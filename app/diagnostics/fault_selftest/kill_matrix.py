"""Every command, every signal, instants from its start to its end: what is promised holds.

Nothing hangs, no traceback is shown, the exit status tells the signal, material and everything
else stays as it was, what was begun can be read or finished by the same command.
"""

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.diagnostics.fault_selftest.commands_under_test import CommandUnderTest
from app.diagnostics.fault_selftest.defects import Defect, Trial
from app.diagnostics.fault_selftest.trial_place import (
    LONGEST_S,
    Ended,
    TrialPlace,
    contents,
    defects_of_files,
    defects_of_outputs,
)
from app.session import interruption

SIGNALS = (*interruption.ENDING, *([signal.SIGKILL] if hasattr(signal, "SIGKILL") else []))

_END_WITHIN_S = 60.0
"""After a signal; a busy machine may take long to finish what was begun."""
_POLL_S = 0.005


@dataclass
class KillMatrix:
    """Trials in ``place``; ``seed`` repeats them, each command by itself too."""

    place: TrialPlace
    seed: int = 0

    def run(
        self, commands: Sequence[CommandUnderTest], instants: int, told: Callable[[Trial], None]
    ) -> list[Trial]:
        """Every command with every signal at ``instants`` instants each."""
        self.place.prepare()
        trials = []
        for command in commands:
            undisturbed = self.place.undisturbed(command)
            made = frozenset(contents(self.place.copy) if command.goes_on else ())
            for number in SIGNALS:
                for share in instant_shares(self.seed, f"{command.name} {number.name}", instants):
                    after_s = share * undisturbed.seconds
                    trials.append(self.strike(command, number, after_s, made))
                    told(trials[-1])
        return trials

    def strike(
        self,
        command: CommandUnderTest,
        number: signal.Signals,
        after_s: float,
        made: frozenset[str] = frozenset(),
    ) -> Trial:
        """Run ``command`` in a fresh copy of the material and send it a signal.

        With all files there that it has ``made`` at its end, there is nothing left to go on with.
        """
        folder = self.place.fresh()
        before = contents(folder)
        process = self.place.start(command, folder)
        _await(command, process, folder)
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        ended = self.place.wait(process, _END_WITHIN_S)
        after = contents(folder)
        done = bool(made) and made <= after.keys()
        defects = [
            *_of_the_end(ended, number, at_work=not done and after != before),
            *defects_of_files(command, before, after, killed=number == _KILL),
            *defects_of_outputs(command, folder),
        ]
        if command.goes_on and not done and not defects:
            again = self.place.wait(self.place.start(command, folder), LONGEST_S)
            if again.status != 0:
                defects.append(Defect.NOT_RESUMED)
                ended = again
        what = f"{command.name}, {number.name} after {after_s:.2f} s"
        said = ended.last_line
        if Defect.WRONG_STATUS in defects:
            said = f"(status {ended.status}) {said}"
        return Trial(what, tuple(dict.fromkeys(defects)), said, ended.seconds)


def instant_shares(seed: int, of: str, count: int) -> Iterator[float]:
    """One at random in each of ``count`` equal parts of the time, as shares of it.

    ``of`` has instants of its own: they are the same whatever else is tried.

    >>> [round(share, 2) for share in instant_shares(0, "live SIGINT", 3)]
    [0.27, 0.46, 0.92]
    """
    chosen = random.Random(f"{seed} {of}")
    for part in range(count):
        yield (part + chosen.random()) / count


def _await(command: CommandUnderTest, process: "subprocess.Popen[str]", folder: Path) -> None:
    """Return when what the command awaits is there, it ended, or was given up."""
    until_s = time.monotonic() + LONGEST_S
    while command.awaits and not (folder / command.awaits).exists():
        if process.poll() is not None or time.monotonic() > until_s:
            return
        time.sleep(_POLL_S)


_KILL = getattr(signal, "SIGKILL", None)


def _of_the_end(ended: Ended, number: signal.Signals, *, at_work: bool) -> Iterator[Defect]:
    if ended.status is None:
        yield Defect.HANG
    if ended.left_running:
        yield Defect.LEFT_RUNNING
    if "Traceback" in ended.said:
        yield Defect.TRACEBACK
    right = {0, 128 + number}
    if not at_work or number == _KILL:
        # So does the system, before Python has begun to listen and after it has done its work; to
        # a shell this is the same.
        right.add(-number)
    if ended.status is not None and ended.status not in right:
        yield Defect.WRONG_STATUS
