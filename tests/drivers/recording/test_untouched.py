"""Reading a recording never changes it, whatever state it is in, and repair removes nothing."""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InstrumentError
from drivers.recording import Recording, description, open_recording
from drivers.recording.completion import repair
from drivers.recording.compression import Compression
from drivers.recording.description import read_description
from drivers.recording.integrity import verify
from drivers.recording.recording import Progress
from drivers.recording.writing_lock import LOCK_NAME
from tests import small_recording as small
from tests.app.recordings.run_ngs import ngs
from tests.small_recording import snapshot

FRAMES = 12


def killed(folder: Path, compression: Compression = Compression.NONE) -> Path:
    """A recording as a killed writer leaves it: no end, no shapes, no tables, a lock file."""
    ticks = {"rsgr": range(FRAMES), "gs": range(FRAMES)}
    described = small.info({name: small.camera() for name in ticks}, compression)
    small.write(folder, ticks, described)
    recording = open_recording(folder)
    for stream in recording.streams.values():
        shard = stream.layout.shard_path(0)
        os.truncate(shard, shard.stat().st_size - stream.layout.table_bytes)
        stream.layout.write_metadata(0)
        index = folder / f"{stream.name}.index.jsonl"
        lines = index.read_bytes().splitlines(keepends=True)
        index.write_bytes(b"".join(line for line in lines if b"synced" not in line))
    edit_description(folder, lambda told: told.pop("end"))
    (folder / LOCK_NAME).touch()
    return folder


def edit_description(folder: Path, change: Callable[[dict], object]) -> None:
    path = folder / "recording.json"
    told = json.loads(path.read_bytes())
    change(told)
    path.write_text(json.dumps(told))


def check_frames(recording: Recording, name: str, wanted: range) -> None:
    stream = recording.stream(name)
    assert len(stream) == len(wanted)
    for number, frame in zip(wanted, stream.read(range(len(stream))), strict=True):
        np.testing.assert_array_equal(frame.pixels, small.codes(number, small.camera()))
        assert frame.metadata == small.metadata(number)


@pytest.mark.parametrize("compression", list(Compression))
def test_a_killed_recording_is_read_as_it_is_and_the_same_once_it_is_repaired(
    tmp_path: Path, compression: Compression
) -> None:
    folder = killed(tmp_path / "r", compression)
    before = snapshot(folder)
    found = open_recording(folder)
    assert found.progress is Progress.UNFINISHED
    for name in ("rsgr", "gs"):
        check_frames(found, name, range(FRAMES))
    assert verify(found) == []
    assert snapshot(folder) == before
    repaired = repair(folder)
    assert repaired.progress is Progress.COMPLETE
    assert repaired.info == found.info
    assert verify(repaired) == []
    for name in ("rsgr", "gs"):
        check_frames(repaired, name, range(FRAMES))
    assert not (folder / LOCK_NAME).exists()
    complete = snapshot(folder)
    repair(folder)
    assert snapshot(folder) == complete


@pytest.mark.parametrize(
    "words",
    [
        ["info", "{r}"],
        ["info", "{r}", "--json"],
        ["verify", "{r}"],
        ["export", "{r}", "{out}", "--format", "npy"],
        ["restore", "{r}", "{out}", "--model", "row-gain"],
        ["live", "--headless", "--seconds", "0.3", "--camera", "replay:{r}#rsgr"],
    ],
    ids=lambda words: " ".join(words[:3]),
)
def test_commands_that_read_write_nothing_into_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str]
) -> None:
    folder = killed(tmp_path / "films" / "r")
    before = snapshot(folder.parent)
    words = [word.format(r=folder, out=tmp_path / "out") for word in words]
    assert ngs(monkeypatch, *words) == 0
    assert snapshot(folder.parent) == before


def test_repair_is_a_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = killed(tmp_path / "r")
    assert ngs(monkeypatch, "info", folder) == 0
    assert "ngs repair completes it" in capsys.readouterr().out
    assert ngs(monkeypatch, "repair", folder) == 0
    assert "r completed: 12 frames of rsgr, 12 frames of gs" in capsys.readouterr().out
    assert ngs(monkeypatch, "repair", folder) == 0
    assert "r is complete: 12 frames of rsgr" in capsys.readouterr().out
    assert ngs(monkeypatch, "repair", tmp_path) == 1


def test_on_a_read_only_disk_it_is_read_and_repair_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Rights do not stop root: opening itself is made to fail as on such a disk."""
    folder = killed(tmp_path / "r")
    really_open, really_make = os.open, os.mkdir

    def refuse(path: object, writes: bool) -> None:
        if writes and str(path).startswith(str(folder)):
            raise OSError(30, "Read-only file system", str(path))

    def guarded_open(path, flags, *rest, **more):  # type: ignore[no-untyped-def]
        refuse(path, bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)))
        return really_open(path, flags, *rest, **more)

    def guarded_mkdir(path, *rest, **more):  # type: ignore[no-untyped-def]
        refuse(path, True)
        return really_make(path, *rest, **more)

    monkeypatch.setattr(os, "open", guarded_open)
    monkeypatch.setattr(os, "mkdir", guarded_mkdir)
    check_frames(open_recording(folder), "gs", range(FRAMES))
    with pytest.raises(InstrumentError, match="Read-only file system; it can be read as it is"):
        repair(folder)


@pytest.mark.parametrize("content", [b"", None, b"\x00\xff\x1b[2J\n" * 9, b"{}\n[]\n7\n"])
def test_without_its_index_nothing_is_removed(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
) -> None:
    folder = killed(tmp_path / "r")
    index, shard = folder / "rsgr.index.jsonl", folder / "rsgr" / "c" / "0" / "0" / "0"
    pixels = shard.read_bytes()
    if content is None:
        index.unlink()
    else:
        index.write_bytes(content)
    before = snapshot(folder)
    assert ngs(monkeypatch, "info", folder) == 0
    assert "12 frames without an index line" in capsys.readouterr().out
    ngs(monkeypatch, "verify", folder)
    assert snapshot(folder) == before
    assert ngs(monkeypatch, "repair", folder) == 0
    assert shard.read_bytes().startswith(pixels)
    check_frames(open_recording(folder), "gs", range(FRAMES))


def test_a_lost_shard_costs_its_frames_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames behind it were counted as missing, and their shards removed."""
    monkeypatch.setattr(description, "_SHARD_FRAMES", (16, 16))
    many = 40
    folder = small.write(tmp_path / "r", {"rsgr": range(many)})
    edit_description(folder, lambda told: told.pop("end"))
    first, second = (open_recording(folder).stream().layout.shard_path(each) for each in (0, 1))
    first.unlink()
    kept = second.read_bytes()
    assert len(open_recording(folder).stream()) == many
    assert len(repair(folder).stream()) == many
    assert second.read_bytes() == kept


def index_of(tmp_path: Path, checked: bool) -> tuple[Path, list[bytes]]:
    folder = small.write(tmp_path / "r", {"rsgr": range(FRAMES)})
    index = folder / "rsgr.index.jsonl"
    lines = index.read_bytes().splitlines(keepends=True)
    if not checked:
        lines = [line.partition(b', "check"')[0] + b"}\n" for line in lines]
    return index, lines


BAD_LINES = [
    b"\n",
    b"garbage\n",
    b"\x00\xff\xfe\x1b[2J\n",
    b"[" * 100_000 + b"\n",
    b'{"frame": 999999999999999, "sequence": 4, "host_time_ns": 1, "device_time_ns": null, '
    b'"trigger_count": null, "crc32": "00000000"}\n',
    b'{"frame": 9, "sequence": 4, "host_time_ns": 1, "device_time_ns": null, '
    b'"trigger_count": null, "crc32": "00000000"}\n',
    b'{"frame": 4, "sequence": "4", "host_time_ns": 1e9, "device_time_ns": null, '
    b'"trigger_count": null, "crc32": "00000000"}\n',
    b'{"gap": "many", "before_frame": 3, "cause": "disk"}\n',
    b'{"synced": -1}\n',
]


@pytest.mark.parametrize("checked", [True, False], ids=["checked", "as before"])
@pytest.mark.parametrize("bad", BAD_LINES, ids=range(len(BAD_LINES)))
def test_one_bad_line_costs_that_line(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    bad: bytes,
    checked: bool,
) -> None:
    index, lines = index_of(tmp_path, checked)
    index.write_bytes(b"".join([*lines[:4], bad, *lines[5:]]))
    recording = open_recording(index.parent)
    stream = recording.stream()
    known = dict(stream.known_metadata())
    assert known == {number: small.metadata(number) for number in range(FRAMES) if number != 4}
    assert stream.index.damaged_lines == (5,)
    with pytest.raises(InstrumentError, match="index line of frame 4 is damaged"):
        stream.metadata(4)
    codes = stream.empty()
    with stream.open() as reader:
        stream.read_checked(reader, 4, codes)
    np.testing.assert_array_equal(codes, small.codes(4, small.camera()))
    assert ngs(monkeypatch, "info", index.parent) == 0
    assert "1 damaged index lines" in capsys.readouterr().out


def test_a_changed_digit_is_seen(tmp_path: Path) -> None:
    index, lines = index_of(tmp_path, checked=True)
    changed = lines[4].replace(b'"host_time_ns": 4', b'"host_time_ns": 9')
    assert changed != lines[4]
    index.write_bytes(b"".join([*lines[:4], changed, *lines[5:]]))
    assert open_recording(index.parent).stream().index.damaged_lines == (5,)


def test_an_older_index_is_read(tmp_path: Path) -> None:
    index, lines = index_of(tmp_path, checked=False)
    index.write_bytes(b"".join(lines))
    recording = open_recording(index.parent)
    check_frames(recording, "rsgr", range(FRAMES))
    assert verify(recording) == []


@pytest.mark.parametrize(
    "name", ["../../x", "/etc", "..", "a/b", "", "c\n", "x" * 65, "rsgr.index"]
)
def test_a_camera_name_cannot_leave_the_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = small.write(tmp_path / "films" / "r", {"rsgr": range(3)})

    def rename(told: dict) -> None:
        told["cameras"] = {name: told["cameras"]["rsgr"]}
        told["end"]["frames"] = {name: 3}

    edit_description(folder, rename)
    before = snapshot(tmp_path)
    for command in ("info", "verify", "repair"):
        assert ngs(monkeypatch, command, folder) == 1
        (line,) = [each for each in capsys.readouterr().err.splitlines() if each]
        assert "is no plain name" in line
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    "inside", ["rsgr", "rsgr.index.jsonl", "rsgr/c", "rsgr/c/0/0/0", "rsgr/zarr.json"]
)
@pytest.mark.parametrize("loop", [False, True])
def test_a_link_cannot_lead_out_of_the_folder(tmp_path: Path, inside: str, loop: bool) -> None:
    folder = killed(tmp_path / "films" / "r")
    elsewhere = tmp_path / "elsewhere"
    shutil.move(folder / inside, elsewhere)
    (folder / inside).symlink_to(folder / inside if loop else elsewhere)
    before = snapshot(tmp_path)
    if loop:  # is the same as nothing
        with suppress(InstrumentError):
            recording = open_recording(folder)
            list(recording.stream().read(range(len(recording.stream()))))
            verify(recording)
    else:
        for act in (open_recording, repair):
            with pytest.raises(InstrumentError, match="is a link that leads out of the recording"):
                act(folder)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("inside", ["recording.json", "rsgr.index.jsonl", "rsgr/c/0/0/0"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, inside: str) -> None:
    folder = killed(tmp_path / "r")
    (folder / inside).unlink()
    os.mkfifo(folder / inside)
    with pytest.raises(InstrumentError, match="is no file"):
        open_recording(folder)


@pytest.mark.parametrize(
    "values",
    [
        {"pixel_format": "\x1b[2J\nMono8"},
        {"rows": 10**12},
        {"rows": 65_000, "columns": 65_000},
        {"a\nb": 1},
        {"exposure_us": "1e999"},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_wrong_description_is_one_printable_line(tmp_path: Path, values: dict) -> None:
    folder = small.write(tmp_path / "r", {"rsgr": range(3)})
    edit_description(folder, lambda told: told["cameras"]["rsgr"].update(values))
    with pytest.raises(InstrumentError, match=r"recording\.json is damaged: ") as refused:
        open_recording(folder)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("text", ["[/red]", "[bold", "\u200b"])
def test_brackets_in_a_note_are_letters(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    folder = small.write(tmp_path / "r", {"rsgr": range(3)})
    edit_description(folder, lambda told: told.update(note=text))
    assert ngs(monkeypatch, "info", folder) == 0
    assert text in capsys.readouterr().out


def test_more_frames_are_told_than_there_are(tmp_path: Path) -> None:
    folder = small.write(tmp_path / "r", {"rsgr": range(FRAMES)})
    edit_description(folder, lambda told: told["end"]["frames"].update(rsgr=10**15))
    assert read_description(folder).end is not None
    recording = open_recording(folder)
    assert len(recording.stream()) == recording.stream().layout.shard_frames
    told = [each for each in verify(recording) if each.frame is None]
    assert f"{10**15} frames were recorded, index and array know of" in told[0].text
