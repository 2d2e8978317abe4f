"""Names of the protocols of published work; without torch, for the command line."""

from enum import StrEnum


class Protocol(StrEnum):
    """How published work scores, so that figures can stand beside its own.

    ``rsst``: Single Image Deblurring with Row-dependent Blur Magnitude (ICCV 2023). PSNR of 8 bit
    codes over 255, as the GS pictures have them: no gamma is undone. The mean over frames, of the
    whole picture and of its thirds.
    """

    RSST = "rsst"
