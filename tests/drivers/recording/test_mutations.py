"""Recordings with damage of any kind: one clear line or the right frames, and nothing written."""

import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from app.recordings.summary import print_recording, recording_document
from drivers.errors import InstrumentError
from drivers.recording import Recording, open_recording
from drivers.recording.completion import repair
from drivers.recording.compression import Compression
from drivers.recording.integrity import verify
from tests import small_recording as small
from tests.drivers.recording.test_untouched import killed
from tests.small_recording import snapshot

FRAMES = 12
MUTATIONS = 8
"""Of each kind of file, state and compression; ``--kills N`` has N times as many."""

FILES = ("rsgr.index.jsonl", "recording.json", "rsgr/c/0/0/0")


def finished(folder: Path, compression: Compression) -> Path:
    ticks = {"rsgr": range(FRAMES), "gs": range(FRAMES)}
    described = small.info({name: small.camera() for name in ticks}, compression)
    return small.write(folder, ticks, described)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """A byte or a block changed, a line or a block lost, doubled or moved, the end cut off."""
    size = len(content)
    first, last = sorted(rng.choices(range(size + 1), k=2))
    last = min(last, first + rng.choice((1, 8, 200, size)))
    lines = content.splitlines(keepends=True)
    line = rng.randrange(len(lines))
    other = rng.randrange(len(lines))
    match rng.randrange(9):
        case 0:
            at = rng.randrange(size)
            return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]
        case 1:
            return content[:first] + rng.randbytes(last - first) + content[last:]
        case 2:
            return content[:first]
        case 3:
            return content[:first] + content[last:]
        case 4:
            return content[:first] + rng.randbytes(rng.choice((1, 40, 3000))) + content[first:]
        case 5:
            return b"".join([*lines[:line], *lines[line + 1 :]])
        case 6:
            return b"".join([*lines[:line], lines[other], *lines[line:]])
        case 7:
            return content[:first] + bytes(last - first) + content[last:]
        case _:
            at = rng.randrange(size)
            digit = rng.choice(b'0123456789-eE."[{,')
            return content[:at] + bytes([digit]) * rng.choice((1, 1, 20)) + content[at + 1 :]


def read_all(folder: Path, *, times: bool) -> str:
    """What became of it; everything that reading gives is as it was written.

    ``times``: they are checked too. A description, which people may edit, can change no frame.
    """
    recording = open_recording(folder)
    document = recording_document(recording)
    print_recording(recording, QUIET)
    assert document["recording"] == str(folder)
    verify(recording)
    read = 0
    for name, stream in recording.streams.items():
        known = dict(stream.known_metadata())
        codes = stream.empty()
        with stream.open() as reader:
            for number in range(len(stream)):
                try:
                    stream.read_checked(reader, number, codes)
                except InstrumentError:
                    continue
                if number not in known:
                    continue  # no checksum tells that its codes are right
                if times:
                    assert known[number] == small.metadata(number), (name, number)
                expected = small.codes(known[number].sequence, small.camera())
                np.testing.assert_array_equal(codes.reshape(-1), expected.reshape(-1))
                read += 1
    return "all read" if read == 2 * FRAMES else "some read" if read else "none read"


class _Quiet:
    def print(self, *_: object, **__: object) -> None:
        """As a console that nobody looks at."""


QUIET: object = _Quiet()


@pytest.fixture(
    scope="module",
    params=[(make, form) for make in (finished, killed) for form in ("none", "lz4")],
    ids=lambda param: f"{param[0].__name__} {param[1]}",
)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    make, form = request.param
    recording: Path = make(tmp_path_factory.mktemp("whole") / form, Compression(form))
    return recording


@pytest.mark.parametrize("file", FILES)
def test_damage_of_any_kind(
    tmp_path: Path, request: pytest.FixtureRequest, whole: Path, file: str
) -> None:
    folder = tmp_path / "films" / "r"
    shutil.copytree(whole, folder)
    intact = (folder / file).read_bytes()
    others = snapshot(folder)
    rng = random.Random(request.node.name)
    told: dict[str, int] = {}
    for number in range(MUTATIONS * request.config.getoption("--kills")):
        content = mutated(intact, rng)
        (folder / file).write_bytes(content)
        before = snapshot(tmp_path)
        line = "none"
        try:
            outcome = read_all(folder, times=file != "recording.json")
        except InstrumentError as error:
            outcome, line = "refused", str(error)
        assert len(line.splitlines()) == 1, (number, line)
        told[outcome] = told.get(outcome, 0) + 1
        assert snapshot(tmp_path) == before, number
        assert (folder / file).read_bytes() == content
        if number % 5 == 0:
            check_repair(folder, file)
            shutil.rmtree(folder)
            shutil.copytree(whole, folder)
    print(f"{request.node.name}: {told}")
    assert sum(told.values()) == MUTATIONS * request.config.getoption("--kills")
    assert snapshot(folder).keys() == others.keys()
    assert list(tmp_path.iterdir()) == [tmp_path / "films"]


def check_repair(folder: Path, file: str) -> None:
    """It refuses or completes, and every byte of every array and index stays."""
    kept = {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("recording.json", "zarr.json", ".writing")
    }
    try:
        before: Recording | None = open_recording(folder)
    except InstrumentError:
        before = None
    try:
        after = repair(folder)
    except InstrumentError:
        assert before is None
    else:
        assert before is not None
        assert after.info == before.info
    for path, content in kept.items():
        assert path.read_bytes().startswith(content), (path, file)
