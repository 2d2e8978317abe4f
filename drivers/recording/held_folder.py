"""A folder that is held while it is written to, so that it stays the same one when renamed."""

import errno
import os
from contextlib import suppress
from pathlib import Path

_GONE = (errno.ENOENT, errno.ENOTDIR)


class HeldFolder:
    """An existing folder; ``path`` names it wherever it is moved meanwhile.

    Under a path of names, what opens its files one after the other, as acquire-zarr does,
    makes a folder anew that was renamed or removed. Linux names an open folder by its
    descriptor. Elsewhere ``path`` is the folder's own; Windows keeps folders with open files
    in place.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._descriptor: int | None = None
        self.path = folder
        there = os.stat(folder)
        self._identity = (there.st_dev, there.st_ino)
        with suppress(OSError):  # Windows opens files alone
            self._descriptor = os.open(folder, os.O_RDONLY)
            # acquire-zarr asks whether it may write to the parent of what it is given.
            named = Path(f"/proc/self/fd/{self._descriptor}")
            if named.is_dir():
                self.path = named

    def close(self) -> None:
        """Let it go; safe more than once."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def why_gone(self) -> str:
        """What happened to it, with where it is now if that is known; empty while it is there."""
        try:
            there = os.stat(self.folder)
            if (there.st_dev, there.st_ino) == self._identity:
                return ""
        except OSError as error:
            if error.errno not in _GONE:
                return f"cannot be reached any more ({error.strerror})"
        if self.removed:
            return "was removed"
        place = self._place()
        if place is None:
            return "went away (renamed, removed, or with its disk)"
        return f"was renamed or moved to {place}"

    @property
    def removed(self) -> bool:
        """Whether it is known to be no more."""
        return self._descriptor is not None and os.fstat(self._descriptor).st_nlink == 0

    def _place(self) -> Path | None:
        """Where it is now; None if that cannot be told, as when its disk was pulled."""
        try:
            place = Path(os.readlink(self.path))
            there = os.stat(place)
        except OSError:
            return None
        return place if (there.st_dev, there.st_ino) == self._identity else None
