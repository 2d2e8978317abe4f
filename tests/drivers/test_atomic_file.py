"""Files are there whole or not at all."""

import errno
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from drivers.atomic_file import (
    check_file,
    check_folder,
    is_unfinished,
    is_waiting_for_a_reader,
    remove_folder,
    remove_unfinished,
    waiting_told_by,
    whole_file,
    whole_folder,
    write_file,
)
from drivers.errors import InstrumentError


@pytest.mark.parametrize("durable", [False, True])
def test_what_fails_halfway_leaves_the_former_file(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "note.json"
    write_file(path, b"former")

    def fail() -> None:
        with whole_file(path, durable=durable) as file:
            file.write(b"ne")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]
    with whole_file(path, durable=durable) as file:
        file.write(b"new")
        assert path.read_bytes() == b"former"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    """Also those that look like unfinished ones."""
    others = {f"note.json{end}": f"mine {end}".encode() for end in (".part", ".tmp", "~")}
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
    write_file(tmp_path / "note.json", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        **others,
        "note.json": b"new",
    }


def test_the_unfinished_file_is_known_by_its_name_and_removed(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a") as first, whole_file(tmp_path / "a") as second:
        names = {Path(first.name).name, Path(second.name).name}
        assert len(names) == 2
        assert all(is_unfinished(name) for name in names)
    left = tmp_path / ".ngs-0123456789abcdef.part"
    left.mkdir()
    (tmp_path / ".ngs-of-mine.part").write_bytes(b"")
    remove_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".ngs-of-mine.part", "a"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_permissions_of_what_was_there_stay(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "note.json"
    path.write_bytes(b"former")
    path.chmod(mode)
    with whole_file(path) as file:
        assert stat.S_IMODE(Path(file.name).stat().st_mode) == mode
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_new_files_have_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_file(tmp_path / "new", b"")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("there", [True, False], ids=["a file", "nothing yet"])
def test_links_stay_links(tmp_path: Path, there: bool) -> None:
    real = tmp_path / "elsewhere" / "real.json"
    real.parent.mkdir()
    if there:
        real.write_bytes(b"former")
    (tmp_path / "inner").symlink_to(Path("elsewhere") / "real.json")
    (tmp_path / "outer").symlink_to(tmp_path / "inner")
    write_file(tmp_path / "outer", b"new")
    assert real.read_bytes() == b"new"
    assert (tmp_path / "inner").is_symlink()
    assert (tmp_path / "outer").is_symlink()
    assert list(real.parent.iterdir()) == [real]


def test_a_circle_of_links_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(InstrumentError, match="cannot be written: Too many levels"):
        check_file(tmp_path / "a")


def test_a_fifo_is_written_into(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    # Open for both, so that neither end waits for the other.
    reader = os.open(fifo, os.O_RDWR)
    try:
        write_file(fifo, b"through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert fifo.is_fifo()
    assert list(tmp_path.iterdir()) == [fifo]


def test_a_fifo_without_a_reader_is_told_and_waited_for(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    told: list[str] = []
    readers: list[int] = []

    def tell(line: str) -> None:
        told.append(line)
        readers.append(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK))
        assert is_waiting_for_a_reader()

    with waiting_told_by(tell):
        write_file(fifo, b"through")
    assert told == [f"waiting until somebody reads {fifo} (Ctrl-C ends)"]
    assert os.read(readers[0], 100) == b"through"
    assert not is_waiting_for_a_reader()
    os.close(readers[0])


def test_a_fifo_gets_nothing_of_what_fails(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)

    def fail() -> None:
        with whole_file(fifo) as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()  # without a reader it would wait for one


def test_an_open_descriptor_is_written_at_its_place(tmp_path: Path) -> None:
    """As ``--json /dev/stdout > log``: the file is not replaced, and what was there stays."""
    with (tmp_path / "log").open("wb", buffering=0) as log:
        log.write(b"before, ")
        for place in (f"/dev/fd/{log.fileno()}", f"/proc/self/fd/{log.fileno()}"):
            write_file(Path(place), b"within, ")
        log.write(b"after")
    assert (tmp_path / "log").read_bytes() == b"before, within, within, after"


def test_a_descriptor_for_reading_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    with (tmp_path / "log").open("rb") as log, pytest.raises(InstrumentError, match="for reading"):
        check_file(f"/dev/fd/{log.fileno()}")
    with pytest.raises(InstrumentError, match="Bad file descriptor"):
        check_file("/dev/fd/987")


def test_devices_are_written_into() -> None:
    before = Path("/dev/null").stat()
    write_file(Path("/dev/null"), b"gone")
    assert Path("/dev/null").stat().st_rdev == before.st_rdev
    with pytest.raises(InstrumentError, match="/dev/full cannot be written: No space left"):
        write_file(Path("/dev/full"), b"much")


@pytest.mark.parametrize("fails", ["fsync", "open"])
def test_a_full_disk_leaves_the_former_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    path = tmp_path / "note.json"
    write_file(path, b"former")

    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, fails, full)
        with (
            pytest.raises(InstrumentError, match=r"note\.json cannot be written: No space left"),
            whole_file(path, durable=True) as file,
        ):
            file.write(b"new")
    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=100, free=0))
    for check in (check_file, check_folder):
        with pytest.raises(InstrumentError, match=r"the disk of .* is full"):
            check(tmp_path / "new")
    check_file("/dev/null", "-", None)


@pytest.mark.parametrize("check", [check_file, check_folder])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a" * 256, "the name has 256 bytes, at most 255 are allowed"),
        ("ä" * 128, "the name has 256 bytes"),
        ("two\nlines", "control characters"),
        ("\x1b[31mred", "control characters"),
        ("gpj.\u202ebmp", "control characters"),
        (os.fsdecode(b"caf\xe9"), "not UTF-8"),
    ],
)
def test_names_that_cannot_be_or_be_shown_are_refused(
    tmp_path: Path, check: Callable[[Path], None], name: str, words: str
) -> None:
    with pytest.raises(InstrumentError, match=words):
        check(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a" * 255, "[bold]", "a b", "-", "é" * 127, ":smile:"])
def test_other_names_are_taken(tmp_path: Path, name: str) -> None:
    check_file(tmp_path / name)
    write_file(tmp_path / name, b"new")
    assert (tmp_path / name).read_bytes() == b"new"
    with whole_folder(tmp_path / "in" / name):
        pass
    assert (tmp_path / "in" / name).is_dir()


def test_what_is_there_already_may_have_any_name(tmp_path: Path) -> None:
    strange = tmp_path / "two\nlines"
    strange.mkdir()
    (strange / "old\t.json").write_bytes(b"former")
    write_file(strange / "old\t.json", b"new")
    write_file(strange / "new.json", b"new")
    check_folder(strange)


def test_targets_that_can_never_be_are_refused_before(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for target, words in (
        (tmp_path, "is a folder; name a file"),
        (tmp_path / "missing" / "note", "its folder does not exist"),
        (tmp_path / "file" / "note", "its folder does not exist"),
    ):
        with pytest.raises(InstrumentError, match=words):
            check_file(target)
    with pytest.raises(InstrumentError, match="file is no folder"):
        check_folder(tmp_path / "file" / "made")
    check_folder(tmp_path / "made" / "deep" / "inside")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_read_only_targets_are_refused_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system says of rights is put in its mouth: root may do everything."""
    path = tmp_path / "note.json"
    path.write_bytes(b"former")
    for forbidden, check, words in (
        (path, check_file, "note.json cannot be written: it is read-only"),
        (tmp_path, check_file, "the folder .* is read-only"),
        (tmp_path, check_folder, "the folder .* is read-only"),
    ):
        monkeypatch.setattr(os, "access", lambda place, _, no=forbidden: Path(place) != no)
        with pytest.raises(InstrumentError, match=words):
            check(path if check is check_file else tmp_path / "made")


def test_where_nothing_can_be_written_the_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        InstrumentError, match=r"note\.json cannot be written: its folder does not exist"
    ):
        write_file(tmp_path / "missing" / "note.json", b"new")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "made") as folder:
        (folder / "one").write_text("1", encoding="utf-8")
        assert not (tmp_path / "made").exists()
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["one"]

    def interrupted() -> None:
        with whole_folder(tmp_path / "begun") as folder:
            (folder / "one").write_text("1", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(InstrumentError, match="file is no folder"),
        whole_folder(tmp_path / "file" / "made"),
    ):
        pass


def test_what_a_kill_left_of_a_removed_folder_goes_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run.part"
    folder.mkdir()
    (folder / "frames").write_bytes(b"1")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # killed before it began
        remove_folder(folder)
    (left,) = tmp_path.iterdir()
    assert is_unfinished(left.name)
    remove_folder(folder)
    assert list(tmp_path.iterdir()) == []


def test_no_output_takes_the_place_of_another_or_of_what_is_read(tmp_path: Path) -> None:
    recording, other = tmp_path / "recording", tmp_path / "other.json"
    recording.mkdir()
    own, link = recording / "recording.json", tmp_path / "link.json"
    own.write_bytes(b"mine")
    link.symlink_to(own)
    for target in (own, recording / "new.json", link):
        with pytest.raises(InstrumentError, match=r"lies inside .*recording; name a file elsewh"):
            check_file(target, spares=(None, recording))
    with pytest.raises(InstrumentError, match=r"read or written as .*link.json too"):
        check_file(own, spares=(link,))
    with pytest.raises(InstrumentError, match=r"read or written as .*other.json too"):
        check_file(other, tmp_path / "." / "other.json")
    not_made = tmp_path / "made" / "OUT"
    with pytest.raises(InstrumentError, match=r"read or written as .*OUT too"):
        check_file(not_made, makes=not_made, spares=(not_made,))
    check_file(other, tmp_path / "third.json", "-", None, spares=(recording,))
    check_file(tmp_path / "made" / "a.json", makes=not_made, spares=(not_made,))
    check_file("/dev/null", "/dev/null")
