"""The commands that are killed, and small material of the virtual rig that they work on."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from drivers.recording import is_recording, open_recording
from drivers.recording.integrity import verify

SMALL = ("--width", "160", "--height", "120")
_SIZE_PX = (160, 120)
_FRAMES = 60
_STILLS = 12
_SHARES = ("--val-share", "0.3", "--test-share", "0.3")


@dataclass(frozen=True, slots=True)
class CommandUnderTest:
    """A command of ``ngs``, run in a folder with the material.

    ``makes`` are the files and folders that it may make or change; ``check`` raises
    :class:`InstrumentError` or ``AssertionError`` where what an interrupted run left of them
    cannot be read. ``goes_on``: the same command finishes what was begun. Instants count from when
    ``awaits`` is there, or from the start.
    """

    name: str
    words: tuple[str, ...]
    makes: tuple[str, ...]
    check: Callable[[Path], None]
    goes_on: bool = True
    awaits: str = ""

    def line(self) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "ngs", *self.words]


def nothing_left(folder: Path) -> None:
    """Nothing is left that could be unreadable."""


def recording(name: str) -> Callable[[Path], None]:
    """A recording that exists can be read, every frame that it names."""

    def check(folder: Path) -> None:
        if is_recording(folder / name):
            assert verify(open_recording(folder / name)) == []

    return check


def _whole_or_absent(name: str) -> Callable[[Path], None]:
    """A file that is there has its end: JSON ends with its bracket, a video can be opened."""

    def check(folder: Path) -> None:
        path = folder / name
        if path.suffix == ".json" and path.exists():
            assert path.read_text(encoding="utf-8").rstrip().endswith("}")
        elif path.is_file():
            video = cv2.VideoCapture(str(path))
            assert video.read()[0]
            video.release()

    return check


def _pictures(name: str) -> Callable[[Path], None]:
    """Every picture is whole."""

    def check(folder: Path) -> None:
        for path in (folder / name).glob("*.png"):
            assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED) is not None, path.name

    return check


COMMANDS: tuple[CommandUnderTest, ...] = (
    CommandUnderTest(
        "live",
        ("live", "--headless", "--seconds", "2", "--model", "row-gain", *SMALL, "--json", "l.json"),
        ("l.json",),
        _whole_or_absent("l.json"),
    ),
    CommandUnderTest(
        "record",
        ("record", "r", "--seconds", "2", "--fps", "40", *SMALL, "--json", "r.json"),
        ("r", "r.json"),
        recording("r"),
        goes_on=False,
    ),
    CommandUnderTest(
        "record two cameras",
        (
            *("record", "pair", "--gs", "virtual:gs", "--frames", "60", "--fps", "40", *SMALL),
            *("--compression", "zstd", "--pretrigger-s", "0.5"),
        ),
        ("pair",),
        recording("pair"),
        goes_on=False,
    ),
    CommandUnderTest(
        "restore a recording",
        ("restore", "recording", "restored", "--model", "warp", "--json", "x.json"),
        ("restored", "restored.part", "restored.part2", "x.json"),
        recording("restored"),
    ),
    CommandUnderTest(
        "restore pictures",
        (
            *("restore", "pictures", "sharp", "--model", "warp", "--exposure-us", "1000"),
            *("--line-time-us", "20", "--fps", "60", "--input-encoding", "srgb"),
        ),
        ("sharp",),
        _pictures("sharp"),
    ),
    CommandUnderTest(
        "restore to a video",
        ("restore", "recording", "sharp.mp4", "--model", "row-gain"),
        ("sharp.mp4", "sharp.mp4.part"),
        _whole_or_absent("sharp.mp4"),
    ),
    CommandUnderTest(
        "export pictures",
        ("export", "recording", "png", "--format", "png"),
        ("png",),
        _pictures("png"),
    ),
    CommandUnderTest(
        "export a video",
        ("export", "recording", "out.mp4", "--format", "mp4", "--model", "row-gain"),
        ("out.mp4",),
        _whole_or_absent("out.mp4"),
    ),
    CommandUnderTest(
        "synthesize",
        (
            *("synthesize", "made", "--stills", "stills", "--sequences", "6", "--frames", "4"),
            *("--size", "96x64", "--workers", "2", "--seed", "3", *_SHARES),
        ),
        ("made",),
        _pictures("made/train"),
    ),
    CommandUnderTest(
        "evaluate",
        ("evaluate", "dataset", "--model", "warp", "--json", "e.json", "--table", "e.md"),
        ("e.json", "e.md"),
        _whole_or_absent("e.json"),
    ),
    CommandUnderTest(
        "train",
        (
            *("train", "dataset", "--model", "live", "--out", "run", "--steps", "12"),
            *("--batch", "4", "--crop", "32", "--frames", "1", "--validate-every", "4"),
            *("--set", "width=8", "--set", "deep_width=8", "--set", "blocks=1", "--device", "cpu"),
        ),
        ("run",),
        nothing_left,
    ),
    CommandUnderTest(
        "calibrate dark",
        ("calibrate", "dark", "--ready", "--out", "new-rig.json", *SMALL),
        ("new-rig.json",),
        _whole_or_absent("new-rig.json"),
    ),
    CommandUnderTest(
        "verify", ("verify", "recording", "--json", "v.json"), ("v.json",), nothing_left
    ),
    CommandUnderTest("cameras", ("cameras", "--json"), (), nothing_left),
    CommandUnderTest("models", ("models",), (), nothing_left),
)
"""Each way in which the program writes, and two that only read."""


def make_material(folder: Path, run: Callable[[Sequence[str]], None]) -> None:
    """Fill ``folder``: ``recording``, ``pictures``, ``stills`` and ``dataset``.

    ``run`` runs ``ngs`` with these words in the folder and raises where it fails.
    """
    folder.mkdir(parents=True)
    run(("record", "recording", "--frames", str(_FRAMES), "--fps", "40", *SMALL))
    run(("export", "recording", "pictures", "--format", "png"))
    (folder / "pictures" / "frames.csv").unlink(missing_ok=True)
    rng = np.random.default_rng(1)
    (folder / "stills").mkdir()
    for number in range(_STILLS):
        coarse = rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)
        still = cv2.resize(coarse, _SIZE_PX, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "stills" / f"{number}.png"), still)
    run(
        (
            *("synthesize", "dataset", "--stills", "stills", "--sequences", "6", "--frames", "4"),
            *("--size", "96x64", "--workers", "1", "--seed", "1", *_SHARES),
        )
    )
