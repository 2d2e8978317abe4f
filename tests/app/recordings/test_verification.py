"""``ngs verify`` finds every kind of damage, says where, and everything else stays readable."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.recording import open_recording
from drivers.recording.compression import Compression
from drivers.recording.zarr_shards import DamagedFrameError, read_table
from tests import small_recording as small
from tests.app.recordings.run_ngs import ngs

FRAMES = 12


def record(folder: Path, compression: Compression = Compression.NONE) -> Path:
    cameras = {"rsgr": small.camera(), "gs": small.camera("BayerRG12")}
    ticks = {"rsgr": [tick for tick in range(FRAMES + 1) if tick != 3], "gs": range(FRAMES)}
    return small.write(folder, ticks, small.info(cameras, compression))


def shard(folder: Path, camera: str = "rsgr") -> Path:
    return open_recording(folder).stream(camera).layout.shard_path(0)


def flip(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 0xFF
    path.write_bytes(content)


def verified(monkeypatch: pytest.MonkeyPatch, folder: Path, status: int) -> dict[str, Any]:
    report = folder.parent / "report.json"
    assert ngs(monkeypatch, "verify", folder, "--json", report) == status
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return told


@pytest.mark.parametrize("compression", list(Compression))
def test_a_whole_recording(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    compression: Compression,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A gap has a cause and is no damage."""
    told = verified(monkeypatch, record(tmp_path / "r", compression), 0)
    assert (told["ok"], told["frames"], told["damaged"]) == (True, 2 * FRAMES, [])
    assert told["gaps"] == [{"camera": "rsgr", "before_frame": 3, "frames": 1, "cause": "camera"}]
    said = capsys.readouterr().out
    assert "rsgr: 12 frames, 1 lost in 1 gaps" in said
    assert "1 before frame 3, by camera" in said


@pytest.mark.parametrize("option", ["--json", "--report"])
def test_a_report_takes_the_place_of_no_file_of_the_recording(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    option: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recording = record(tmp_path / "r")
    before = {path: path.read_bytes() for path in recording.rglob("*") if path.is_file()}
    assert ngs(monkeypatch, "verify", recording, option, recording / "recording.json") == 1
    assert "recording.json lies inside" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in recording.rglob("*") if path.is_file()} == before


def a_flipped_byte(folder: Path) -> None:
    flip(shard(folder), 5 * small.ROWS * small.COLUMNS + 7)


def a_missing_shard(folder: Path) -> None:
    shard(folder).unlink()


def a_shard_cut_short(folder: Path) -> None:
    path = shard(folder)
    path.write_bytes(path.read_bytes()[: 9 * small.ROWS * small.COLUMNS + 100])


def a_damaged_table(folder: Path) -> None:
    path = shard(folder)
    flip(path, path.stat().st_size - 10)


def a_damaged_index_line(folder: Path) -> None:
    index = folder / "rsgr.index.jsonl"
    index.write_bytes(index.read_bytes().replace(b'"frame": 4,', b'"fr#me": 4,'))


def an_index_line_of_a_gap_lost(folder: Path) -> None:
    index = folder / "rsgr.index.jsonl"
    kept = [line for line in index.read_bytes().splitlines(True) if b"gap" not in line]
    index.write_bytes(b"".join(kept))


def a_missing_index(folder: Path) -> None:
    (folder / "rsgr.index.jsonl").unlink()


def a_damaged_zarr_json(folder: Path) -> None:
    (folder / "rsgr" / "zarr.json").write_text("{}", encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "places", "text", "unreadable"),
    [
        (a_flipped_byte, [5], "not those that were recorded (CRC-32)", []),
        (a_missing_shard, list(range(FRAMES)), "c/0/0/0 cannot be read", list(range(FRAMES))),
        (a_shard_cut_short, [None, 9, 10, 11], "table of its chunks is damaged", [9, 10, 11]),
        (a_damaged_table, [None], "table of its chunks is damaged", []),
        (a_damaged_index_line, [None, 4], "of its index is damaged", []),
        (an_index_line_of_a_gap_lost, [3], "1 frames are missing before it, the index", []),
        (a_missing_index, [None], "rsgr.index.jsonl is missing", []),
        (a_damaged_zarr_json, [None], "zarr.json is damaged: other programs cannot", []),
    ],
)  # fmt: skip
def test_damage_is_located_and_the_rest_stays_readable(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    places: list[int | None],
    text: str,
    unreadable: list[int],
) -> None:
    folder = record(tmp_path / "r")
    damage(folder)
    told = verified(monkeypatch, folder, 1)
    assert told["ok"] is False
    assert [each["frame"] for each in told["damaged"]] == places
    assert {each["camera"] for each in told["damaged"]} == {"rsgr"}
    assert text in told["damaged"][0]["text"]
    last = capsys.readouterr().err.strip().splitlines()[-1]
    count = "1 place is" if len(places) == 1 else f"{len(places)} places are"
    assert last.startswith(f"ngs: {folder}: {count} damaged, first: rsgr")
    recording = open_recording(folder)
    for frame in recording.stream("gs").read(range(FRAMES)):
        tick = frame.metadata.sequence
        np.testing.assert_array_equal(frame.pixels, small.codes(tick, small.camera("BayerRG12")))
    stream = recording.stream("rsgr")
    codes = stream.empty()
    with stream.open() as reader:
        for number, tick in enumerate(tick for tick in range(FRAMES + 1) if tick != 3):
            if number in unreadable:
                with pytest.raises(DamagedFrameError):
                    reader.read(number, codes)
                continue
            reader.read(number, codes)
            if number not in places or text.startswith(("1 frames", "of its")):
                np.testing.assert_array_equal(codes, small.codes(tick, small.camera()))


@pytest.mark.parametrize("compression", [Compression.LZ4, Compression.ZSTD])
def test_a_flipped_byte_of_a_compressed_frame(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, compression: Compression
) -> None:
    folder = record(tmp_path / "r", compression)
    layout = open_recording(folder).stream("rsgr").layout
    table = read_table(layout, 0)
    assert table is not None
    offset, length = table[6]
    flip(layout.shard_path(0), offset + length // 2)
    told = verified(monkeypatch, folder, 1)
    assert [each["frame"] for each in told["damaged"]] == [6]


@pytest.mark.parametrize("content", ["", "{", '{"version": 9}'])
def test_a_damaged_description_leaves_the_pixels_to_others(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    read_zarr: Callable[[Path], Any],
    content: str,
) -> None:
    folder = record(tmp_path / "r")
    (folder / "recording.json").write_text(content, encoding="utf-8")
    told = verified(monkeypatch, folder, 1)
    assert told["ok"] is False
    assert "recording.json is damaged" in told["damaged"][0]["text"]
    assert "Traceback" not in capsys.readouterr().err
    assert read_zarr(folder / "gs").shape == (FRAMES, small.ROWS, small.COLUMNS)


def test_what_is_no_recording_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ngs(monkeypatch, "verify", tmp_path) == 1
    assert "is no recording" in capsys.readouterr().err
