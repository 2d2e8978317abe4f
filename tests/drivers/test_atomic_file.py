"""Files are there whole or not at all."""

from pathlib import Path

import pytest

from drivers.atomic_file import whole_file, whole_folder, write_file
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


def test_what_a_killed_process_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "note.json.part").write_bytes(b"far longer than what comes")
    write_file(tmp_path / "note.json", b"new")
    assert (tmp_path / "note.json").read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [tmp_path / "note.json"]


def test_where_nothing_can_be_written_the_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(InstrumentError, match=r"note\.json cannot be written: No such file"):
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
        pytest.raises(InstrumentError, match="cannot be written: Not a directory"),
        whole_folder(tmp_path / "file" / "made"),
    ):
        pass
