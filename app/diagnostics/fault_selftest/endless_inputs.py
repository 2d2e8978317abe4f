"""Paths that are read, and what nobody can read to its end: each is refused in one line."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from app.diagnostics.fault_selftest.commands_under_test import (
    SMALL,
    CommandUnderTest,
    nothing_left,
)
from app.diagnostics.fault_selftest.surroundings import Surrounding

PLACE = "{}"
"""Stands in a command line for the path."""

_CALIBRATIONS = ("dark", "line-time", "geometry", "colour", "exposure-delay", "all")
_CAMERA_COMMANDS = (
    ("live", "--headless", "--seconds", "1", *SMALL),
    ("record", "made", "--frames", "2", *SMALL),
    *(("calibrate", step, "--ready", "--out", "made", *SMALL) for step in _CALIBRATIONS),
    ("selftest", "soak", "--seconds", "1", "--out", "made", *SMALL),
    ("selftest", "camera", "virtual:rsgr", "--seconds", "1", "--no-unplug", "--out", "made"),
)
_CAMERA_PATHS = ("--rig", "--scene", "--description")
_TO_TRAIN = ("--steps", "1", "--device", "cpu", "--out", "made")

READING: tuple[tuple[str, ...], ...] = (
    *((*words, option, PLACE) for words, option in product(_CAMERA_COMMANDS, _CAMERA_PATHS)),
    *((*words, "--gs", "virtual:gs", "--gs-description", PLACE) for words in _CAMERA_COMMANDS),
    ("live", "--headless", "--seconds", "1", "--model", PLACE, *SMALL),
    ("record", "made", "--frames", "2", "--camera", f"replay:{PLACE}"),
    ("record", "made", "--frames", "2", "--camera", f"genicam:{PLACE}#0"),
    ("record", "made", "--frames", "2", "--gs", f"replay:{PLACE}", *SMALL),
    ("bench", "capture", "--seconds", "1", "--camera", f"replay:{PLACE}"),
    ("info", PLACE),
    ("verify", PLACE),
    ("verify", "recording", "--rig", PLACE),
    ("repair", PLACE),
    ("export", PLACE, "made", "--format", "png"),
    ("export", "recording", "made", "--format", "dataset", "--rig", PLACE),
    ("export", "recording", "made.mp4", "--format", "mp4", "--model", PLACE),
    ("restore", PLACE, "made", "--model", "warp", "--exposure-us", "10", "--fps", "9"),
    ("restore", "recording", "made", "--model", PLACE),
    ("synthesize", "made", "--sequences", "1", "--stills", PLACE),
    ("synthesize", "made", "--sequences", "1", "--stills", "stills", "--objects", PLACE),
    ("synthesize", "made", "--sequences", "1", "--stills", "stills", "--video", PLACE),
    ("train", PLACE, "--model", "live", *_TO_TRAIN),
    ("train", "dataset", "--model", PLACE, *_TO_TRAIN),
    ("train", "dataset", "--model", "live", "--init", PLACE, *_TO_TRAIN),
    ("train", "dataset", "--model", "live", "--general", PLACE, *_TO_TRAIN),
    ("finetune", PLACE, "--out", "made"),
    ("finetune", "recording", "--rig", PLACE, "--out", "made"),
    ("finetune", "recording", "--init", PLACE, "--out", "made"),
    ("finetune", "recording", "--general", PLACE, "--out", "made"),
    ("evaluate", PLACE, "--model", "warp"),
    ("evaluate", "dataset", "--model", PLACE),
    ("export-model", PLACE, "made.onnx"),
    ("calibrate", "show", PLACE),
)
"""Command lines in which a path is read, at each place where one can be given."""

_FILES = ("recording.json", "rsgr.index.jsonl", "dataset.json", "sequence.json", "frames.csv")
_PICTURES = ("1.png", "2.png", "1.tif", "1.mp4")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A path without an end: ``made`` by a line of shell, and its name."""

    name: str
    path: str
    made: str = ":"


UNREADABLE: tuple[Unreadable, ...] = (
    Unreadable("zeros", "/dev/zero"),
    Unreadable("random numbers", "/dev/urandom"),
    Unreadable("standard input", "/dev/stdin"),
    Unreadable("memory", "/proc/self/mem"),
    Unreadable("a FIFO", "../pipe", "mkfifo ../pipe"),
    Unreadable("an empty folder", "../empty", "mkdir ../empty"),
    *(
        Unreadable(f"zeros called {end}", f"../zeros{end}", f"ln -s /dev/zero ../zeros{end}")
        for end in (".mp4", ".png", ".tif", ".safetensors", ".json", ".cti")
    ),
    *(
        Unreadable(f"a FIFO called {end}", f"../pipe{end}", f"mkfifo ../pipe{end}")
        for end in (".mp4", ".tif", ".safetensors", ".cti")
    ),
    *(
        Unreadable(
            f"a folder of {name}",
            "../folder",
            f"mkdir ../folder; for each in {' '.join(files)}; do {make} ../folder/$each; done",
        )
        for files in (_FILES, _PICTURES)
        for name, make in (
            (f"endless {files[0]}", "ln -s /dev/zero"),
            (f"FIFOs {files[0]}", "mkfifo"),
        )
    ),
)

_MADE = ("made", "made.onnx", "made.mp4", "made.html", "made.zip")
_LONGEST_S = 180.0
_ENOUGH_KB = 12_000_000
"""Address space that every command runs in; libraries ask for much that they never use."""


def endless_inputs() -> dict[str, list[tuple[Surrounding, CommandUnderTest]]]:
    """By command line: each of :data:`UNREADABLE` at its place."""
    return {f"endless input, {' '.join(words)}": list(_each(words)) for words in READING}


def _each(words: tuple[str, ...]) -> Iterator[tuple[Surrounding, CommandUnderTest]]:
    for given in UNREADABLE:
        line = tuple(word.replace(PLACE, given.path) for word in words)
        shell = (
            "rm -rf ../pipe* ../zeros* ../empty ../folder; "
            f'{given.made}; ulimit -v {_ENOUGH_KB}; exec "$@" < /dev/zero'
        )
        yield (
            Surrounding(f"endless input, {given.name}", shell, longest_s=_LONGEST_S, bounded=True),
            CommandUnderTest(" ".join(words), line, _MADE, nothing_left),
        )
