"""What this computer lacks is told in one line, by whatever library it was noticed."""

import errno
import os

import cv2
import numpy as np
import pytest

from drivers.system_limits import is_out_of_memory, limit_text


def refused(number: int) -> OSError:
    return OSError(number, os.strerror(number), "a.png")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "not enough memory; close other programs"),
        (refused(errno.ENOMEM), "not enough memory (a.png); "),
        (ImportError("liba.so: failed to map segment from shared object"), "not enough memory (l"),
        (cv2.error("OpenCV: Insufficient memory\nFailed to allocate"), "not enough memory (OpenCV"),
        (refused(errno.EMFILE), "too many open files (a.png); raise the limit"),
        (ImportError("liba.so: cannot open shared object file: Too many open files"), "too many"),
        (RuntimeError("can't start new thread"), "no thread or process can be started"),
        (refused(errno.EFBIG), "nothing more can be written (a.png); free some space"),
        (refused(errno.ENOSPC), "nothing more can be written (a.png)"),
        (refused(errno.ENOENT), ""),
        (ValueError("shapes differ"), ""),
    ],
)
def test_each_limit_is_told_with_what_to_do(error: Exception, told: str) -> None:
    line = limit_text(error)
    assert line.startswith(told)
    assert bool(line) == bool(told)
    assert "\n" not in line
    assert is_out_of_memory(error) == told.startswith("not enough memory")


def test_an_array_that_fits_nowhere() -> None:
    with pytest.raises(MemoryError) as refusal:
        np.empty(1 << 60, np.uint8)
    assert limit_text(refusal.value).startswith("not enough memory (Unable to allocate")
