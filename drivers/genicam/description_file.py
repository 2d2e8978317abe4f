"""Device descriptions: GenApi XML, plain or in a zip (GenTL 1.6, section 4.1.2)."""

from pathlib import Path

from drivers.errors import InstrumentError
from drivers.input_file import read_input, zip_member

_ARCHIVE = b"PK\x03\x04"


def read_camera_description(path: Path) -> str:
    """The XML in a file; raises :class:`InstrumentError` where it cannot be read."""
    try:
        return description_text(read_input(path), str(path))
    except OSError as error:
        raise InstrumentError(
            f"{path} cannot be read: {error.strerror}; give a device description XML"
        ) from None


def description_text(data: bytes, origin: str) -> str:
    """The XML in the bytes of a description; ``origin`` is for the error."""
    if data.startswith(_ARCHIVE):
        try:
            data = zip_member(data)
        except OSError as error:
            raise InstrumentError(
                f"the device description of {origin} cannot be unpacked: {error.strerror}"
            ) from None
    return data.rstrip(b"\0").decode("utf-8", errors="replace")
