"""What is read whole is a plain file of a size that fits; everything else is refused at once."""

import os
from pathlib import Path

import cv2
import pytest

from calibration.rig_calibration import read_rig
from drivers.errors import InstrumentError
from drivers.input_file import check_plain, read_start, read_whole
from drivers.picture_file import read_picture
from models.dataset.sequence_info import read_info


def test_a_plain_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")
    (tmp_path / "link").symlink_to(path)
    assert read_whole(path) == read_whole(tmp_path / "link") == b"content"
    assert read_start(path, 4) == b"cont"
    check_plain(path)


@pytest.fixture(params=["fifo", "/dev/zero", "link"])
def endless(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """What nobody can read to its end."""
    if request.param == "/dev/zero":
        return Path("/dev/zero")
    path = tmp_path / "endless.png"
    if request.param == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    return path


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="devices and FIFOs of POSIX")
def test_what_has_no_end_is_refused_at_once(endless: Path) -> None:
    for read in (check_plain, read_whole, lambda path: read_start(path, 9)):
        with pytest.raises(OSError, match="it is a device, a FIFO or a socket, no file"):
            read(endless)
    for reads in (read_rig, read_info):
        with pytest.raises(InstrumentError, match=r"cannot be read.*no file"):
            reads(endless)
    assert read_picture(endless, cv2.IMREAD_COLOR) is None


def test_more_than_fits_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(3_000_000)
    with pytest.raises(OSError, match="it has 3 MB, at most 2 are read"):
        read_whole(path, 2_000_000)


def test_what_is_missing_or_a_folder_is_told_by_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_whole(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError):
        read_whole(tmp_path)
