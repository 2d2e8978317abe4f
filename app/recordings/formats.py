"""What a recording can be exported to; apart, so that the command line loads nothing for it."""

from enum import StrEnum


class ExportFormat(StrEnum):
    """Names for ``--format``."""

    PNG = "png"
    TIFF = "tiff"
    MP4 = "mp4"
