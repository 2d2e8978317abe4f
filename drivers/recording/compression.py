"""Compressions of a recording; a module of its own, so that importing it loads nothing else."""

from enum import StrEnum


class Compression(StrEnum):
    """How pixels are compressed, always without loss; Blosc with bit shuffling."""

    NONE = "none"
    LZ4 = "lz4"
    ZSTD = "zstd"
