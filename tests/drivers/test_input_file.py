"""Input files: plain ones up to a size; everything else is refused at once, by every reader."""

import io
import json
import os
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from app.diagnostics.camera_selftest.selftest_zip import read_snapshot
from app.diagnostics.fault_selftest.file_specimens import RECIPE
from app.restore.picture_footage import ImageFolder
from app.restore.recipe import FILE_NAME as RESTORE_FILE
from app.restore.recipe import claim_folder
from app.restore.video_footage import VideoFile
from app.session.window_settings import WindowSettings, read_settings
from calibration.rig_calibration import read_rig
from drivers.errors import InstrumentError
from drivers.genicam.description_file import read_camera_description
from drivers.input_file import first_fault, open_input, read_input, words, zip_member
from drivers.plain_text import one_line
from drivers.recording import open_recording
from drivers.recording.writing_lock import LOCK_NAME, is_being_written
from models.dataset.sequence_info import read_info
from models.dataset.sequences import open_dataset
from models.engines.engine_memory import read_memory
from models.weights.weights_file import read_header
from tests.models import small_dataset

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="FIFOs and links of POSIX")


def a_hole(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 36)


STRANGE: dict[str, Callable[[Path], object]] = {
    "folder": Path.mkdir,
    "FIFO": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "64 GB": a_hole,
}


@pytest.fixture(params=STRANGE)
def strange(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Something that is no file to read; each would take for ever, or all memory."""
    path = tmp_path / "strange"
    STRANGE[request.param](path)
    return path


def test_strange_files_are_refused_with_a_reason(strange: Path) -> None:
    with pytest.raises(OSError, match=r".") as refusal:
        read_input(strange)
    assert refusal.value.strerror


def picture(path: Path) -> None:
    path.rename(path.with_name("0.png"))
    ImageFolder(path.parent)


def recording(path: Path) -> None:
    path.rename(path.with_name("recording.json"))
    open_recording(path.parent)


def restored(path: Path) -> None:
    path.rename(path.with_name(RESTORE_FILE))
    claim_folder(path.parent, RECIPE)


def dataset(path: Path) -> None:
    folder = path.with_name("dataset")
    small_dataset.written(folder)
    png = next(folder.rglob("RSGR/PNG/*.png"))
    png.unlink()
    path.rename(png)
    open_dataset(folder, "test")


@pytest.mark.parametrize(
    "read",
    [
        *(read_rig, read_info, read_snapshot, read_camera_description, read_header),
        *(recording, restored, picture, dataset, lambda path: VideoFile(path, None)),
    ],
)
def test_every_reader_refuses_strange_files(strange: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(InstrumentError) as refusal:
        read(strange)
    text = str(refusal.value)
    assert text == one_line(text)
    assert str(strange.parent) in text


def test_what_is_only_remembered_is_done_without(strange: Path) -> None:
    assert read_memory(strange, {}) is None
    assert read_settings(strange) == WindowSettings()


def test_a_lock_that_is_no_file_is_nobodys(strange: Path) -> None:
    strange.rename(strange.with_name(LOCK_NAME))
    assert not is_being_written(strange.parent)


def test_a_name_with_a_zero_is_refused() -> None:
    with pytest.raises(OSError, match="its name holds a zero"):
        open_input(Path("a\0b"))


def test_a_file_of_just_the_size_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1234")
    assert read_input(path, 4) == b"1234"
    with pytest.raises(OSError, match="at most 0 are read"):
        read_input(path, 3)


def packed(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def test_a_member_is_unpacked_up_to_a_size() -> None:
    archive = packed(a=bytes(1000), b=b"x")
    assert zip_member(archive, "b") == b"x"
    assert zip_member(archive) == bytes(1000)
    with pytest.raises(OSError, match="unpacks to more"):
        zip_member(archive, "a", 999)
    for wrong in (packed(), archive.replace(b"PK\1\2", b"PK\1\3")):
        with pytest.raises(OSError, match="the zip is damaged or lacks"):
            zip_member(wrong, "c")


@given(place=st.integers(0, 250), put=st.binary(min_size=1, max_size=8))
def test_a_damaged_zip_is_refused_in_one_way(place: int, put: bytes) -> None:
    archive = packed(a=b"some text that is packed", b=b"x" * 50)
    damaged = archive[:place] + put + archive[place + len(put) :]
    with suppress(OSError):
        assert zip_member(damaged, "a") is not None


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    value: int


@given(key=st.text(min_size=1, max_size=3000), value=st.text())
def test_faults_are_told_as_a_few_plain_words(key: str, value: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Strict.model_validate({"value": 1, "other": 2} | {key: value + "x"})
    text = first_fault(refusal.value)
    assert text == one_line(text)
    assert len(text) < 500
    assert words("a" * 500) == "a" * 200 + "..."


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, json.dumps({"\x1b[2J": 1})])
def test_documents_nested_without_end_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rig.json"
    path.write_text(text)
    with pytest.raises(InstrumentError, match=r"rig\.json is no rig calibration") as refusal:
        read_rig(path)
    assert str(refusal.value) == one_line(refusal.value)
