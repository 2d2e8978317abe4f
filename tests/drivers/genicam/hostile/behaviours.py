"""What ``ngs`` says of each behaviour of a hostile producer: ``python -m`` this module [WORD ...].

Real commands are run, one for each behaviour, or for those whose name has one of the words. The
table is that of docs/hostile-producer.md; the exit status is 1 where an answer is not the one
that is expected.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from drivers.virtual.camera.gentl import BufferInfo, ErrorCode
from tests.drivers.genicam.hostile.hostile_description import HostileFeatures, describe
from tests.drivers.genicam.hostile.hostile_producer import (
    LOAD,
    REGISTERS,
    Answer,
    Fault,
    HostileProducer,
    Script,
    build,
    busy,
    crash,
    delay,
    error,
    hang,
)

ROOT = Path(__file__).resolve().parents[4]
LIMIT_S = 600.0
"""Ends a command that does not end by itself; none may take as long."""
SLOW = HostileFeatures(frame_rate_hz=25.0)
"""A rate at which a busy machine loses nothing by itself."""

CAMERAS = ("cameras",)
LIVE = ("live", "--camera", "ADDRESS", "--headless", "--model", "none", "--seconds", "2")
RECORD = ("record", "--camera", "ADDRESS", "--seconds", "2", "FOLDER/recording")
TOLD = ("frames", "losses", "waiting", "warning")
"""Rows of the summary that tell of frames."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a producer does, the command that meets it, and what is to be said and returned."""

    name: str
    script: Script
    expected: str
    command: tuple[str, ...] = LIVE
    status: int = 0
    library: str = ""
    """What the producer's file is instead of a library: ``text`` or ``cut``."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What was said, in how many seconds, and the exit status; None for one that did not end."""

    says: str
    seconds: float
    status: int | None


def _fault(name: str, fault: Fault, expected: str, status: int = 1, **more: object) -> Behaviour:
    return Behaviour(name, Script(SLOW, faults=[fault]), expected, status=status, **more)  # type: ignore[arg-type]


def _frames(name: str, losses: str, **script: object) -> Behaviour:
    return Behaviour(name, Script(SLOW, **script), losses)  # type: ignore[arg-type]


def _features(name: str, expected: str, *options: str, **features: object) -> Behaviour:
    made = replace(SLOW, **features)  # type: ignore[arg-type]
    return Behaviour(name, Script(made), expected, command=(*LIVE, *options))


GOOD = "0 lost, 0 incomplete"
ENDED = "in 2.0 s"

BEHAVIOURS = (
    Behaviour("nothing unusual", Script(SLOW), GOOD),
    Behaviour("nothing unusual, listed", Script(), "Hostile H1", CAMERAS),
    # Access and slowness
    _frames("access status 3 (open, read-only) while we hold it", GOOD, access_status_open=3),
    _frames("access status 4 (no access) while we hold it", GOOD, access_status_open=4),
    _fault("0.2 s for each register", delay(REGISTERS, 200), GOOD, 0),
    _fault("1 s for each register", delay(REGISTERS, 1000), GOOD, 0),
    _fault("5 s to open", delay("IFOpenDevice", 5000), GOOD, 0),
    _fault("2 s for each fetch", delay("EventGetData", 2000), "captured", 0),
    _fault("2.5 s to stop", delay("DSStopAcquisition", 2500), GOOD, 0),
    _fault("5 s to list", delay("IFUpdateDeviceList", 5000), "Hostile H1", 0, command=CAMERAS),
    # Hanging
    _fault("hangs when loaded", hang(LOAD), "did not answer for 20 s", 0, command=CAMERAS),
    _fault("hangs when listed", hang("IFUpdateDeviceList"), "did not answer for 20 s", 0,
           command=CAMERAS),
    _fault("hangs when opened", hang("IFOpenDevice"), "not answered for 15 s while opening"),
    _fault("hangs when started", hang("DSStartAcquisition"),
           "not answered for 15 s while starting"),
    _fault("hangs while streaming", hang("EventGetData", "frames:5"),
           "not answered for 15 s while streaming",
           command=(*LIVE[:-1], "30")),
    _fault("hangs when stopped", hang("DSStopAcquisition"), "not answered for 3 s while stopping",
           0),
    _fault("hangs when closed", hang("DevClose"), GOOD, 0),
    _fault("hangs when closed, recording", hang("DevClose"), ENDED, 0, command=RECORD),
    # Crashing
    _fault("crashes when loaded (SIGSEGV)", crash(LOAD), "SIGSEGV", 0, command=CAMERAS),
    _fault("crashes when listed (SIGBUS)", crash("IFUpdateDeviceList", "bus"), "SIGBUS", 0,
           command=CAMERAS),
    _fault("crashes when opened (SIGSEGV)", crash("IFOpenDevice"), "SIGSEGV"),
    _fault("crashes when started (SIGABRT)", crash("DSStartAcquisition", "abort"), "SIGABRT"),
    _fault("crashes while streaming (SIGSEGV)", crash("EventGetData", calls="frames:5"),
           "SIGSEGV"),
    _fault("crashes while recording (SIGBUS)", crash("EventGetData", "bus", "frames:20"),
           "SIGBUS", command=RECORD),
    _fault("crashes when stopped", crash("DSStopAcquisition"), "SIGSEGV", 0),
    _fault("crashes when closed", crash("DevClose"), GOOD, 0),
    Behaviour("a text file called .cti", Script(), "cannot be loaded", CAMERAS, library="text"),
    Behaviour("a library cut short", Script(), r"cut\.cti|SIGBUS|cannot be loaded", CAMERAS,
              library="cut"),
    # Silence, loss, busy
    Behaviour("silent after 20 frames", Script(SLOW, silent_after_frames=20), "no frame for",
              command=(*LIVE[:-1], "5")),
    Behaviour("silent for want of triggers", Script(SLOW), "no trigger on Line1",
              command=(*LIVE[:-1], "5", "--trigger", "Line1")),
    Behaviour("goes away while streaming, comes back after 1 s",
              Script(SLOW, away_after_frames=20, away_for_ms=1000), "camera lost", status=1,
              command=(*LIVE[:-1], "10")),
    Behaviour("goes away while recording",
              Script(SLOW, away_after_frames=20), "camera lost", status=1, command=RECORD),
    Behaviour("goes away, stays open and busy",
              Script(SLOW, away_after_frames=20,
                     faults=[error("DevClose", ErrorCode.BUSY), busy("GCCloseLib", 1000)]),
              "camera lost", status=1, command=(*LIVE[:-1], "10")),
    _fault("busy when reset", busy("GCCloseLib", 1000), GOOD, 0),
    _fault("busy at two starts", busy("DSStartAcquisition", 2), GOOD, 0),
    _fault("busy at every start", error("DSStartAcquisition", ErrorCode.BUSY), "starting failed"),
    # Buffers
    _frames("height 0 in every buffer", GOOD, answers=[Answer(BufferInfo.HEIGHT, 0)]),
    _frames("height 0 in every buffer, some too short", "0 lost, 5 incomplete", answers=[
        Answer(BufferInfo.HEIGHT, 0), Answer(BufferInfo.SIZE_FILLED, -100, "add", "5-9")]),
    _frames("5 bytes after each line", GOOD, line_padding_bytes=5),
    _frames("padding that is not there", "0 lost, 5 incomplete", answers=[
        Answer(BufferInfo.XPADDING, 7, frames="5-9")]),
    _frames("100 bytes less than a frame", "0 lost, 5 incomplete", answers=[
        Answer(BufferInfo.SIZE_FILLED, -100, "add", "5-9")]),
    _frames("another pixel format", "0 lost, 5 incomplete", answers=[
        Answer(BufferInfo.PIXELFORMAT, 0x01100007, frames="5-9")]),
    _frames("incomplete buffers", "0 lost, 5 incomplete", answers=[
        Answer(BufferInfo.IS_INCOMPLETE, 1, frames="5-9")]),
    # Frame numbers
    _frames("numbers wrap at 65535 to 1", GOOD, number_first=65516, number_bits=16,
            number_zero=False),
    _frames("that with two lost at the wrap", "2 lost", number_first=65516, number_bits=16,
            number_zero=False, lose=["20-21"]),
    _frames("numbers wrap at 65535 to 0", GOOD, number_first=65516, number_bits=16),
    _frames("that with 65535 lost", "1 lost", number_first=65516, number_bits=16, lose=["20"]),
    _frames("numbers wrap at 32 bits", GOOD, number_first=2**32 - 20, number_bits=32),
    _frames("that with five lost", "5 lost", number_first=2**32 - 20, number_bits=32,
            lose=["18-22"]),
    _frames("the count begins anew", "0 lost", number_first=4980, number_restart_after=20,
            number_restart_at=1),
    _frames("a number that comes twice", GOOD, numbers=[*range(1, 21), 20, 21]),
    _frames("always number 0", "unknown lost", number_constant=0),
    _frames("loses five frames", "5 lost", lose=["20-24"]),
    _frames("delivers a frame twice", GOOD, repeat=["20"]),
    _frames("delivers two frames in the wrong order", "1 lost",
            order=[*range(1, 20), 21, 20, 22]),
    # Descriptions
    _features("a heading called Gain, GainRaw only", GOOD, "--gain-raw", "10",
              gain_category=True, gain="GainRaw", gain_selectors=("Tap1", "All")),
    Behaviour("GainRaw only, gain asked for in dB", Script(replace(SLOW, gain="GainRaw")),
              "has no node Gain", command=(*LIVE, "--gain-db", "6"), status=1),
    _features("a formula that divides by zero", GOOD, broken_formula="divide by zero"),
    _features("a formula of an unreadable register", GOOD, broken_formula="unreadable register"),
    _features("a formula of a missing node", "NodeThatIsNowhere", broken_formula="missing node"),
    _features("nodes that come and go with a mode", GOOD, mode_node="Sharpness",
              implemented_by_mode=True),
    _features("no OffsetX and OffsetY", GOOD, "--width", "32", "--height", "16",
              has_offsets=False),
    _features("ExposureTimeAbs only", GOOD, "--exposure-us", "2000", exposure="ExposureTimeAbs"),
    _features("ExposureTimeRaw only", "1 us is assumed", "--exposure-us", "2000",
              exposure="ExposureTimeRaw"),
    _features("a trigger left over", GOOD, trigger_left_on="Line1"),
    Behaviour("ReverseY in the sensor", Script(replace(SLOW, has_reverse=True),
                                               reverse_y_in="sensor"), GOOD),
    Behaviour("ReverseY in the memory", Script(replace(SLOW, has_reverse=True),
                                               reverse_y_in="memory"), GOOD),
    Behaviour("a description cut short", Script(xml=describe(SLOW).xml[:5000]),
              "description it brings is broken", status=1),
    Behaviour("a description of an unknown schema",
              Script(xml=describe(SLOW).xml.replace("Version_1_1", "Version_1_9")),
              "description it brings is broken", status=1),
)  # fmt: skip


def answer(behaviour: Behaviour, library: Path, folder: Path) -> Answered:
    """Run the command of a behaviour, with a producer of its own in ``folder``."""
    producer = HostileProducer(library, folder, behaviour.script, "hostile")
    if behaviour.library == "text":
        producer.path.write_text("no library")
    elif behaviour.library == "cut":
        producer.path.write_bytes(library.read_bytes()[:9000])
    words = {"ADDRESS": producer.address, "FOLDER": str(folder)}
    command = [
        *(sys.executable, "-m", "ngs"),
        *(re.sub("ADDRESS|FOLDER", lambda word: words[word[0]], each)
          for each in behaviour.command),
    ]  # fmt: skip
    environment = {
        **os.environ,
        "COLUMNS": "500",
        "GENICAM_GENTL64_PATH": str(producer.path),
        "PYTHONPATH": str(ROOT),
    }
    began_s = time.monotonic()
    try:
        ended = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return Answered("it does not end", time.monotonic() - began_s, None)
    seconds = time.monotonic() - began_s
    says = _said(behaviour, ended.stdout, ended.stderr)
    for hidden, shown in ((producer.address, "ADDRESS"), (str(producer.path), "PRODUCER"),
                          (str(folder), "FOLDER")):  # fmt: skip
        says = says.replace(hidden, shown)
    return Answered(says, seconds, ended.returncode)


def _said(behaviour: Behaviour, output: str, errors: str) -> str:
    """What tells of the behaviour: the error if there is one, else of the summary what matters."""
    last = errors.strip().splitlines()[-1:]
    if last and last[0].startswith("ngs: "):
        return last[0]
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if behaviour.command[0] == "cameras":
        told = [line for line in lines if line.startswith("problem:") or "Hostile H1" in line]
    elif behaviour.command[0] == "live":
        told = [line for line in lines if line.split()[0] in TOLD]
    else:
        told = lines[-1:]
    return "; ".join(re.sub(r"\s{2,}", " ", line) for line in told)


def is_as_expected(behaviour: Behaviour, answered: Answered) -> bool:
    """Whether it was said and ended as it should, in words only."""
    return (
        answered.status == behaviour.status
        and re.search(behaviour.expected, answered.says) is not None
        and "Traceback" not in answered.says
    )


def rows(words: list[str], library: Path, folder: Path) -> Iterator[tuple[Behaviour, Answered]]:
    """Every behaviour whose name has one of ``words``, and its answer."""
    for number, behaviour in enumerate(BEHAVIOURS):
        if not words or any(word in behaviour.name for word in words):
            yield behaviour, answer(behaviour, library, folder / str(number))


def main(words: list[str]) -> int:
    """Print the table; the exit status."""
    others = 0
    print("| what the producer does | command | what `ngs` says | status | s |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as scratch:
        library = build(Path(scratch))
        for behaviour, answered in rows(words, library, Path(scratch)):
            good = is_as_expected(behaviour, answered)
            others += not good
            said = answered.says.replace("|", "/")
            print(
                f"| {behaviour.name} | `{behaviour.command[0]}` | {said} "
                f"| {answered.status} | {answered.seconds:.1f} |"
                f"{'' if good else f' NOT {behaviour.expected}, {behaviour.status}'}",
                flush=True,
            )
    return int(others > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
