"""The compressions a recording can have; apart, so that naming one loads nothing."""

from enum import StrEnum


class Compression(StrEnum):
    """How pixels are compressed, always without loss; Blosc with bit shuffling."""

    NONE = "none"
    LZ4 = "lz4"
    ZSTD = "zstd"
