"""Every command in starved and lying surroundings: it works, or fails in one line.

Nothing hangs or is ended by the system, no traceback is shown, material and everything else stays
as it was, nothing is lost that is not counted, and what is left can be read.
"""

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.diagnostics.fault_selftest.commands_under_test import (
    COMMANDS,
    CommandUnderTest,
    nothing_left,
    recording,
)
from app.diagnostics.fault_selftest.defects import Defect, Trial
from app.diagnostics.fault_selftest.surroundings import SURROUNDINGS, Surrounding
from app.diagnostics.fault_selftest.trial_place import (
    Ended,
    TrialPlace,
    contents,
    defects_of_files,
    defects_of_outputs,
)

Short = tuple[Surrounding, CommandUnderTest]
"""A command, and what it is short of."""

_SHORTEST_S = 0.1


@dataclass(frozen=True, slots=True)
class _Surrounded(CommandUnderTest):
    """A command as a shell runs it."""

    inner: CommandUnderTest = COMMANDS[0]
    shell: str = ""

    def line(self) -> list[str]:
        return ["sh", "-c", self.shell, "sh", *self.inner.line()]


def surrounded(command: CommandUnderTest, shell: str) -> CommandUnderTest:
    """``command`` where ``shell`` runs it as ``"$@"``."""
    return _Surrounded(command.name, (), command.makes, command.check, inner=command, shell=shell)


@dataclass
class Shortages:
    """Trials in ``place``; ``seed`` repeats them."""

    place: TrialPlace
    seed: int = 0
    _seconds: dict[str, float] = field(default_factory=dict)

    def run(
        self, groups: Mapping[str, Sequence[Short]], times: int, told: Callable[[Trial], None]
    ) -> list[Trial]:
        """``times`` of each group, in an order, at levels and moments by chance."""
        self.place.prepare()
        trials = []
        for name, group in groups.items():
            chance = random.Random(f"{self.seed} {name}")
            order = chance.sample(group, len(group))
            for surrounding, command in itertools.islice(itertools.cycle(order), times):
                if lacks := surrounding.lacks():
                    told(Trial(f"{surrounding.name}: not tried, needs {lacks}", (), "", 0.0))
                    break
                trials.append(self.trial(surrounding, command, chance))
                told(trials[-1])
        return trials

    def trial(
        self, surrounding: Surrounding, command: CommandUnderTest, chance: random.Random
    ) -> Trial:
        """One command in one surrounding, at a level and a moment by ``chance``."""
        level, share = chance.randint(*surrounding.levels), chance.random()
        what, shell = f"{surrounding.name}: {command.name}", surrounding.shell
        if "{level}" in shell:
            what, shell = f"{what}, level {level}", shell.replace("{level}", str(level))
        if "{moment}" in shell:
            moment_s = max(_SHORTEST_S, share * self._seconds_of(command))
            what = f"{what}, after {moment_s:.2f} s"
            shell = shell.replace("{moment}", f"{moment_s:.2f}")
        folder = self.place.fresh()
        before = contents(folder)
        process = self.place.start(surrounded(command, shell), folder)
        ended = self.place.wait(process, surrounding.longest_s)
        after = contents(folder)
        defects = (
            *_of_the_end(ended, surrounding, untouched=after == before),
            *defects_of_files(command, before, after, killed=False),
            *defects_of_outputs(command, folder),
        )
        return Trial(what, tuple(dict.fromkeys(defects)), ended.last_line, ended.seconds)

    def _seconds_of(self, command: CommandUnderTest) -> float:
        if command.name not in self._seconds:
            self._seconds[command.name] = self.place.undisturbed(command).seconds
        return self._seconds[command.name]


def _of_the_end(ended: Ended, surrounding: Surrounding, *, untouched: bool) -> Iterator[Defect]:
    if ended.status is None:
        yield Defect.HANG
    elif ended.status < 0 or ended.status > 128:
        if not (surrounding.may_abort and untouched):
            yield Defect.ABORTED
    elif ended.status not in ((0,) if surrounding.works else (0, 1, 2)):
        yield Defect.WRONG_STATUS
    elif ended.status and not surrounding.mute and not ended.last_line.startswith("ngs: "):
        yield Defect.UNTOLD
    if "Traceback" in ended.said:
        yield Defect.TRACEBACK
    if surrounding.bounded and ended.last_line.startswith("ngs: not enough memory"):
        yield Defect.UNBOUNDED
    if ended.last_line.startswith("ngs: unexpected"):
        yield Defect.UNEXPECTED


def surrounded_commands() -> dict[str, list[Short]]:
    """By the name of a surrounding: it with each of its commands."""
    commands = (*COMMANDS, *_more_commands())
    return {
        each.name: [(each, command) for command in commands if each.takes(command.name)]
        for each in SURROUNDINGS
    }


def _more_commands() -> tuple[CommandUnderTest, ...]:
    """Commands besides those that signals strike: what prints, and a camera in its process."""
    import genicam

    viky = Path(genicam.__file__).parent / "viky.cti"
    hosted = ("record", "hosted", "--camera", f"genicam:{viky}#0", "--seconds", "2")
    return (
        CommandUnderTest("info", ("info", "recording"), (), nothing_left),
        CommandUnderTest("help", ("--help",), (), nothing_left),
        CommandUnderTest("record a hosted camera", hosted, ("hosted",), recording("hosted")),
    )
