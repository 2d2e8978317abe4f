"""A GenTL producer in C that misbehaves by a script: building it, scripts, switching it live.

A hang is a call that does not return, a crash is a signal: use such a producer in a child
process, or end its hangs by :meth:`HostileProducer.release_hangs`. A copy of the library is a
library of its own, with cameras of its own; once loaded it stays in the process.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from drivers.virtual.camera.gentl import BufferInfo, DeviceInfo, ErrorCode, StreamInfo
from tests.drivers.genicam.hostile.hostile_description import HostileFeatures, describe

SOURCES = tuple(sorted(Path(__file__).parent.glob("*.c")))
COMPILER_OPTIONS = (
    *("-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"),
    # Copies of the library must not see each other's variables, and stay loaded with theirs.
    *("-fvisibility=hidden", "-Wl,-Bsymbolic", "-Wl,-z,nodelete"),
    # Python computes every pixel too; a fused multiply-add would round otherwise.
    "-ffp-contract=off",
)

Crash = Literal["segv", "bus", "abort", "exit"]
Action = Literal["delay", "hang", "error"] | Crash
REGISTERS = "Registers"
"""As the function of a fault: every read and write of a register, not of the description."""
LOAD = "Load"
"""As the function of a fault: loading the library."""
AWAY = "away"
"""As the calls of a fault: those made while the camera is away, or any camera for the library."""


def compiler() -> str | None:
    """The C compiler; None where there is none."""
    return shutil.which("gcc")


def build(folder: Path) -> Path:
    """The compiled producer in ``folder``; it takes some seconds."""
    library = folder / "hostile.cti"
    command = ["gcc", *COMPILER_OPTIONS, *map(str, SOURCES), "-lm", "-o", str(library)]
    subprocess.run(command, check=True, capture_output=True)
    return library


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens in some calls of one GenTL function, before it does anything.

    ``calls`` counts from 1: ``all``, ``3``, ``3-5``, ``3+``, :data:`AWAY`, or ``frames:9``,
    every call after nine frames were fetched. ``node`` limits register accesses to one
    feature. ``argument`` is the time of a delay in ms, the code of an error or of an exit.
    """

    function: str
    action: Action
    argument: int = 0
    calls: str = "all"
    node: str = ""

    def line(self) -> str:
        """The line of the script."""
        place = f"{self.function}@{self.node}" if self.node else self.function
        return f"fault {place} {self.calls} {self.action} {int(self.argument)}"


def delay(function: str, delay_ms: int, calls: str = "all", node: str = "") -> Fault:
    """A call that takes ``delay_ms`` longer."""
    return Fault(function, "delay", delay_ms, calls, node)


def hang(function: str, calls: str = "all", node: str = "") -> Fault:
    """A call that does not return."""
    return Fault(function, "hang", 0, calls, node)


def error(function: str, code: int, calls: str = "all", node: str = "") -> Fault:
    """A call that answers ``code`` and does nothing."""
    return Fault(function, "error", int(code), calls, node)


def crash(
    function: str,
    how: Crash = "segv",
    calls: str = "all",
    node: str = "",
    exit_status: int = 3,
) -> Fault:
    """A call that ends the process: by a signal, or without a word by ``exit``."""
    return Fault(function, how, exit_status, calls, node)


def busy(function: str, times: int, first: int = 1, code: int = ErrorCode.BUSY) -> Fault:
    """Calls number ``first`` and following that answer Busy, ``times`` in all."""
    return error(function, code, f"{first}-{first + times - 1}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What replaces an answer to an information command.

    ``set`` gives ``value``, ``add`` adds it to the truth, ``error`` answers it as a code.
    ``frames`` selects buffers by their place since the start: ``all``, ``3``, ``3-5``, ``3+``.
    """

    command: BufferInfo | StreamInfo | DeviceInfo
    value: int
    how: Literal["set", "add", "error"] = "set"
    frames: str = "all"

    def line(self) -> str:
        """The line of the script."""
        kind = {BufferInfo: "buffer_info", StreamInfo: "stream_info", DeviceInfo: "device_info"}
        key = kind[type(self.command)]
        return f"{key} {int(self.command)} {self.how} {int(self.value)} {self.frames}"


@dataclass(frozen=True, slots=True)
class Script:
    """What a producer does; a field of None or an empty one changes nothing.

    Every other field is a line ``name value`` of the script, for sequences a line each.
    """

    features: HostileFeatures = field(default_factory=HostileFeatures)
    faults: Sequence[Fault] = ()
    answers: Sequence[Answer] = ()
    xml: str | None = None
    """The text that is served as description, however broken; that of ``features`` if None."""

    # Identity and presence
    cameras: int | None = None
    """Number of cameras, all alike; at most 4."""
    only_camera: int | None = None
    """The camera that faults and absences are for."""
    serial: str | None = None
    """Serial number before "-0", "-1" and so on; the file's name if None."""
    vendor: str | None = None
    model: str | None = None
    transport: str | None = None
    access_status_open: int | None = None
    """Access status of a camera that is open; a negative value is an error code, here as below."""
    access_status_closed: int | None = None
    access_status_away: int | None = None
    away: bool | None = None
    """The camera is away from the beginning."""
    away_after_frames: int | None = None
    """The camera goes away once this many frames were fetched, one time only."""
    away_for_ms: float | None = None
    """It comes back after this time; never if None."""
    away_error: int | None = None
    """Code of register accesses while away; IO if None."""
    away_open_error: int | None = None
    """Code of IFOpenDevice while away; NOT_AVAILABLE if None."""
    away_event_error: int | None = None
    """Code of EventGetData while away; it only times out if None."""
    away_keeps_registers: bool | None = None
    """A camera that comes back has its registers; else they are those of power-up."""
    return_needs_reopen: bool | None = None
    """A camera that came back answers a new handle only (default), or the old one too."""
    listed_when_away: bool | None = None
    log: int | None = None
    """1 writes calls to NAME.log without polls, 2 writes all."""
    faults_hold_lock: bool | None = None
    """Other calls wait while a fault delays or hangs."""

    # Pace
    silent: bool | None = None
    silent_first_ms: float | None = None
    silent_after_frames: int | None = None
    frame_interval_ms: float | None = None
    """Time between frames, whatever the registers say."""
    ignore_triggers: bool | None = None
    busy_after_stop_ms: float | None = None
    """A start this soon after a stop answers ``busy_code``."""
    busy_code: int | None = None

    # Buffers and images
    line_padding_bytes: int | None = None
    stream_defines_payload: bool | None = None
    dn_per_us: float | None = None
    number_in_image: bool | None = None
    reverse_y_in: Literal["sensor", "memory"] | None = None
    stuck: Sequence[str] = ()
    """Features that take a write and do not keep it."""

    # Frame numbers and times
    number_first: int | None = None
    number_bits: int | None = None
    number_zero: bool | None = None
    """Whether the count goes through 0 (default) or from the last number to 1."""
    number_restart_after: int | None = None
    number_restart_at: int | None = None
    number_constant: int | None = None
    number_garbage: Sequence[tuple[str, int]] = ()
    """(delivery, number): single wrong numbers."""
    count_goes_on: bool | None = None
    """The count goes on over a stop."""
    numbers: Sequence[int] = ()
    """The numbers of the first deliveries; it goes on from the last of them."""
    order: Sequence[int] = ()
    """Sensor frames in the order of their delivery; it goes on from the last of them."""
    lose: Sequence[str] = ()
    """Sensor frames that are not delivered: ``3``, ``3-5``, ``3+``."""
    repeat: Sequence[str] = ()
    """Sensor frames that are delivered twice."""
    timestamp_first_ns: int | None = None
    """Device time at the start of an acquisition."""
    timestamp_zero: bool | None = None
    timestamp_frequency_hz: float | None = None
    timestamp_step: Sequence[tuple[int, int]] = ()
    """(sensor frame, nanoseconds): the device clock jumps from this frame on."""
    timestamp_drift_ppm: float | None = None

    def lines(self) -> Iterator[str]:
        """The lines of the script.

        >>> [line for line in Script(away=True, lose=("3", "5+")).lines()][-3:]
        ['away 1', 'lose 3', 'lose 5+']
        """
        yield from describe(self.features).lines
        yield from (fault.line() for fault in self.faults)
        yield from (answer.line() for answer in self.answers)
        for each in fields(self):
            if each.name in ("features", "faults", "answers", "xml"):
                continue
            value = getattr(self, each.name)
            if value is None or value == ():
                continue
            if each.name in ("numbers", "order"):
                yield f"{each.name} {','.join(map(str, value))}"
            elif isinstance(value, str | int | float):
                yield f"{each.name} {_text(value)}"
            else:
                for item in value:
                    words = item if isinstance(item, tuple) else (item,)
                    yield f"{each.name} {' '.join(map(_text, words))}"


def _text(value: str | float) -> str:
    return (
        value
        if isinstance(value, str)
        else f"{int(value)}"
        if value == int(value)
        else f"{value!r}"
    )


class HostileProducer:
    """One copy of the library, its script, and the file that switches it while it runs."""

    def __init__(self, library: Path, folder: Path, script: Script, name: str = "hostile") -> None:
        self.path = folder / f"{name}.cti"
        self.serial = f"{script.serial or name}-0"
        self._lines: dict[str, str] = {}
        self._faults: list[Fault] = []
        self._answers: list[Answer] = []
        xml = describe(script.features).xml if script.xml is None else script.xml
        folder.mkdir(parents=True, exist_ok=True)
        self.path.with_suffix(".xml").write_text(xml)
        self.path.with_suffix(".script").write_text("\n".join(script.lines()) + "\n")
        shutil.copyfile(library, self.path)

    @property
    def address(self) -> str:
        """Address of the first camera."""
        return f"genicam:{self.path}#{self.serial}"

    def switch(self, **values: float | str | None) -> None:
        """Set lines of the live file, by the names of :class:`Script`; None takes one away."""
        for name, value in values.items():
            if value is None:
                self._lines.pop(name, None)
            else:
                self._lines[name] = _text(value)
        self._write()

    def unplug(self) -> None:
        """The camera goes away at the next call."""
        self.switch(away=1)

    def plug_in(self) -> None:
        """The camera is there again."""
        self.switch(away=0)

    def pulse(self, count: int = 1) -> None:
        """Send pulses to Line1."""
        self.switch(line1_pulses=int(self._lines.get("line1_pulses", "0")) + count)

    def fault(self, *faults: Fault) -> None:
        """Let these faults begin, and those begun by an earlier call end.

        Their calls are counted from the last change of any kind that was made live.
        """
        self._faults = list(faults)
        self._write()

    def answer(self, *answers: Answer) -> None:
        """Replace answers from now on."""
        self._answers = list(answers)
        self._write()

    def release_hangs(self) -> None:
        """End every hang; the call answers ABORT."""
        self.switch(release_hangs=1)

    def calls(self) -> list[str]:
        """The calls so far, in order; needs ``log`` in the script."""
        log = self.path.with_suffix(".log")
        return log.read_text().split() if log.exists() else []

    def _write(self) -> None:
        lines = [f"{name} {value}" for name, value in self._lines.items()]
        lines += [fault.line() for fault in self._faults]
        lines += [answer.line() for answer in self._answers]
        # Another file each time, whole or not at all: the producer may read at any moment.
        new = self.path.with_suffix(".live.new")
        new.write_text("\n".join(lines) + "\n")
        os.replace(new, self.path.with_suffix(".live"))
