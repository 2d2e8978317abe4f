"""Text on the screen as it is: names and notes of cameras and files never become markup."""

from html import escape

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QWidget


class PlainLabel(QLabel):
    """A label that shows its text letter for letter."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)


def plain_tip(text: str) -> str:
    """A tool tip that shows ``text`` letter for letter; Qt has no plain form of it.

    >>> plain_tip("gain, dB"), plain_tip("<b>A</b>")
    ('gain, dB', '<qt>&lt;b&gt;A&lt;/b&gt;</qt>')
    """
    return f"<qt>{escape(text)}</qt>".replace("\n", "<br>") if "<" in text else text
