"""Leaving out what tells which piece a camera is, and whose: serial numbers, user names."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from app.diagnostics.camera_selftest.camera_under_test import CameraUnderTest

_LEAST_LENGTH = 4
"""Shorter serial numbers, such as 1, would take other words with them; addresses lose them."""


class PrivateWords:
    """Words that are replaced in everything that is written."""

    def __init__(self, serials: Iterable[str], homes: Iterable[str]) -> None:
        self._serials = sorted({each for each in serials if each}, key=len, reverse=True)
        self._homes = [each for each in homes if len(each) > 1]

    @classmethod
    def none(cls) -> "PrivateWords":
        """Everything may be told."""
        return cls((), ())

    @classmethod
    def of(cls, cameras: Sequence[CameraUnderTest]) -> "PrivateWords":
        """Serial numbers of the cameras, also as their addresses name them, and the home folder."""
        serials = [camera.serial for camera in cameras]
        for camera in cameras:
            scheme, _, rest = camera.config.camera.partition(":")
            if scheme == "genicam":
                serials.append(rest.rpartition("#")[2])
        return cls(serials, (str(Path.home()),))

    def left_out(self, text: str) -> str:
        """The text without them.

        >>> words = PrivateWords(["40012345", "1"], ["/home/ada"])
        >>> words.left_out("genicam:/home/ada/a.cti#1 is 40012345, 1 of 140012345")
        'genicam:~/a.cti#SERIAL is SERIAL, 1 of 140012345'
        """
        for serial in self._serials:
            word = re.escape(serial)
            text = re.sub(rf"#{word}(?!\w)", "#SERIAL", text)
            text = re.sub(rf"genicam:{word}(?!\w)", "genicam:SERIAL", text)
            if len(serial) >= _LEAST_LENGTH:
                text = re.sub(rf"(?<!\w){word}(?!\w)", "SERIAL", text)
        for home in self._homes:
            text = text.replace(home, "~")
        return text

    def left_out_of_registers(self, hexadecimal: str) -> str:
        """Bytes in hexadecimal, with serial numbers written as letters made zero.

        >>> PrivateWords(["40012345"], []).left_out_of_registers("413430303132333435ff")
        '410000000000000000ff'
        """
        for serial in self._serials:
            if len(serial) >= _LEAST_LENGTH:
                letters = serial.encode().hex()
                hexadecimal = hexadecimal.replace(letters, "0" * len(letters))
        return hexadecimal
