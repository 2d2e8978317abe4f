"""Random sequences of faults and of an operator's acts in a running session.

Each sequence is drawn from its seed and number, plays on the virtual rig, and is watched from
outside: frames add up, recordings are whole, calls return, errors are one line, nothing is left
open. Sequences play in processes of their own, so that one that hangs or crashes is ended and told.
"""

import faulthandler
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from app.diagnostics.fault_selftest.defects import Defect, Trial
from app.diagnostics.fault_selftest.running_session import RunningSession
from app.diagnostics.fault_selftest.session_acts import Act, draw_act
from app.session.config import SessionConfig
from drivers.addresses import CameraOptions
from drivers.camera_settings import ExposureSettings
from drivers.genicam.hosting.exit_text import exit_text
from drivers.genicam.hosting.spawning import CONTEXT, spawned
from drivers.plain_text import one_line
from drivers.rig.wiring import Wiring, WiringRequest

_MOST_ACTS = 12
_LONGEST_PAUSE_S = 0.06

_IN_A_PROCESS = 25
"""A fresh one now and then: what a crash or a hang would take with it, and its start costs 3 s."""
_LONGEST_S = 180.0
"""For one sequence; then it hangs."""
_ENDS_WITHIN_S = 20.0
"""A process that has played everything; one that is killed leaves semaphores to be cleaned up."""


@dataclass(frozen=True, slots=True)
class FaultSequence:
    """A session and what happens to it, with a pause in seconds after each act."""

    name: str
    config: SessionConfig
    acts: tuple[tuple[Act, float], ...]

    @classmethod
    def drawn(cls, seed: int, number: int) -> "FaultSequence":
        """The same seed and number give the same sequence."""
        rng = Random(f"{seed}-{number}")
        config = _draw_config(rng)
        cameras = 1 if config.gs_camera is None else 2
        acts = tuple(
            (draw_act(rng, cameras), rng.uniform(0.0, _LONGEST_PAUSE_S))
            for _ in range(rng.randint(3, _MOST_ACTS))
        )
        wiring = "" if cameras == 1 else f"two cameras, {config.wiring.wiring}; "
        told = "; ".join(act.text for act, _ in acts)
        return cls(f"sequence {seed}-{number}: {wiring}{told}", config, acts)

    def undisturbed(self) -> "FaultSequence":
        """The same session, and nothing happens."""
        return replace(self, acts=())

    def play(self, folder: Path) -> Trial:
        """Play it in ``folder``, which is made and removed."""
        began_s = time.monotonic()
        folder.mkdir(parents=True)
        running = RunningSession(folder, self.config)
        with running.watched():
            running.operate("opening", running.session.open)
            running.operate("starting", running.session.start)
            for act, pause_s in self.acts:
                act.happens(running)
                time.sleep(pause_s)
            running.comes_back()
        shutil.rmtree(folder)
        return _trial(self.name, running, began_s)


def _trial(name: str, running: RunningSession, began_s: float) -> Trial:
    defects = tuple(dict.fromkeys(defect for defect, _ in running.problems))
    said = running.problems[0][1] if running.problems else running.said
    return Trial(name, defects, one_line(said), time.monotonic() - began_s)


def _draw_config(rng: Random) -> SessionConfig:
    config = SessionConfig(
        settings=ExposureSettings(exposure_us=500.0, fps=rng.choice([60.0, 100.0, 150.0])),
        size_px=(64, 16),
        options=CameraOptions(scene=Path("flat")),
        model=rng.choice(["row-gain", "row-gain", "warp", None]),
        ring_seconds=rng.choice([0.05, 0.3, 1.0]),
        pretrigger_s=rng.choice([0.0, 0.2]),
    )
    if rng.random() < 0.7:
        return config
    return replace(config, gs_camera="virtual:gs", wiring=WiringRequest(rng.choice(list(Wiring))))


def play_sequences(
    seed: int, numbers: Sequence[int], folder: Path, told: Callable[[Trial], None]
) -> list[Trial]:
    """Play the sequences of these numbers in other processes; ``told`` is called after each."""
    folder.mkdir(parents=True, exist_ok=True)
    trials: list[Trial] = []
    while left := numbers[len(trials) :]:
        for trial in _played_in_a_process(seed, left[:_IN_A_PROCESS], folder):
            trials.append(trial)
            told(trial)
    return trials


def _played_in_a_process(seed: int, numbers: Sequence[int], folder: Path) -> Iterator[Trial]:
    """Trials of these numbers, up to the first that did not end by itself."""
    ours, theirs = CONTEXT.Pipe()
    stacks = folder / "stacks.txt"
    stacks.write_text("")
    process = spawned("sequences", _play, theirs, seed, numbers, folder, stacks)
    theirs.close()
    try:
        for number in numbers:
            began_s = time.monotonic()
            try:
                # The process tells where it hangs before that.
                trial = ours.recv() if ours.poll(_LONGEST_S) else None
                if trial is not None:
                    yield trial
                    continue
                defect, said = Defect.HANG, stuck_at(stacks)
            except EOFError:
                process.join()
                defect, said = Defect.CRASH, f"its process {exit_text(process.exitcode)}"
            name = FaultSequence.drawn(seed, number).name
            yield Trial(name, (defect,), said, time.monotonic() - began_s)
            return
        process.join(_ENDS_WITHIN_S)
    finally:
        ours.close()
        process.kill()
        process.join()
        shutil.rmtree(folder / "played", ignore_errors=True)


def stuck_at(stacks: Path) -> str:
    """Where the main thread of a process that hangs is."""
    lines = stacks.read_text(errors="replace").splitlines()
    main = max(
        (at for at, line in enumerate(lines) if "most recent call first" in line), default=-1
    )
    return one_line(lines[main + 1].strip()) if main + 1 < len(lines) else "nobody knows where"


def _play(
    connection: Connection, seed: int, numbers: Sequence[int], folder: Path, stacks: Path
) -> None:
    """The main function of the process that plays."""
    with stacks.open("w") as file:
        faulthandler.enable(file)
        # What is loaded and set up once is not left open by the first sequence.
        FaultSequence.drawn(seed, numbers[0]).undisturbed().play(folder / "played")
        for number in numbers:
            faulthandler.dump_traceback_later(0.5 * _LONGEST_S, file=file)
            connection.send(FaultSequence.drawn(seed, number).play(folder / "played"))
            faulthandler.cancel_dump_traceback_later()
    connection.close()
