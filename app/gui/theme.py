"""Style of the window: neutral greys for judging pictures; colours only for states."""

from enum import StrEnum

from PyQt6.QtGui import QFont, QFontDatabase
from PyQt6.QtWidgets import QApplication, QWidget

GROUND = "#1e1e1e"
PANEL = "#262626"
RAISED = "#333333"
LINE = "#3a3a3a"
SURROUND = "#2b2b2b"
"""Around the pictures."""
TEXT = "#dcdcdc"
QUIET = "#969696"
FAINT = "#6a6a6a"

CURVE_RAW = "#8c8c8c"
CURVE_RESTORED = "#f2f2f2"


class Level(StrEnum):
    """How much attention a value wants."""

    NORMAL = "normal"
    QUIET = "quiet"
    GOOD = "good"
    WARNING = "warning"
    ALARM = "alarm"


COLOURS = {
    Level.NORMAL: TEXT,
    Level.QUIET: QUIET,
    Level.GOOD: "#86b894",
    Level.WARNING: "#e3ac4d",
    Level.ALARM: "#ee7466",
}

_STYLE = f"""
* {{ font-size: 12px; }}
QMainWindow, QWidget#ground {{ background: {GROUND}; }}
QWidget {{ color: {TEXT}; }}
QWidget:disabled {{ color: {FAINT}; }}
QToolTip {{ background: {RAISED}; color: {TEXT}; border: 1px solid {LINE}; padding: 4px; }}
QFrame#panel, QFrame#strip, QWidget#panel_body, QScrollArea#panel_scroll {{
    background: {PANEL}; border: none; }}
QFrame#rule {{ background: {LINE}; border: none; }}
QLabel#heading {{ color: {QUIET}; font-size: 10px; font-weight: 600; letter-spacing: 1px; }}
QLabel#title {{ color: {TEXT}; font-weight: 600; letter-spacing: 1px; }}
QLabel#subtitle, QLabel#quiet {{ color: {QUIET}; }}
QLabel#heading:disabled, QLabel#quiet:disabled, QLabel#badge:disabled {{ color: {FAINT}; }}
QLabel#cell_name {{ color: {QUIET}; font-size: 10px; }}
QLabel#cell_value {{ font-size: 14px; }}
QLabel#note {{ color: {TEXT}; background: rgba(20, 20, 20, 200); border-radius: 6px;
    padding: 12px 18px; font-size: 13px; }}
QLabel#badge {{ border-radius: 8px; padding: 1px 8px; font-size: 11px; background: {RAISED}; }}
QFrame#message {{ background: {RAISED}; border-left: 3px solid {COLOURS[Level.WARNING]};
    border-radius: 3px; }}
QFrame#message[level="quiet"] {{ border-left-color: {QUIET}; }}
QFrame#banner {{ background: #47302d; border-left: 3px solid {COLOURS[Level.ALARM]};
    border-radius: 3px; }}
QPushButton, QToolButton {{ background: {RAISED}; border: 1px solid #444444; border-radius: 4px;
    padding: 4px 10px; min-height: 16px; }}
QPushButton:hover, QToolButton:hover {{ background: #3e3e3e; }}
QPushButton:pressed, QToolButton:pressed {{ background: #2a2a2a; }}
QPushButton:checked, QToolButton:checked {{ background: #505050; border-color: #6a6a6a; }}
QPushButton:disabled, QToolButton:disabled {{ background: {PANEL}; border-color: #333333;
    color: {FAINT}; }}
QPushButton:focus, QToolButton:focus {{ border-color: #8a8a8a; }}
QPushButton#primary {{ background: #dcdcdc; color: #1a1a1a; border-color: #dcdcdc;
    font-weight: 600; min-width: 64px; }}
QPushButton#primary:hover {{ background: #f0f0f0; }}
QPushButton#primary:disabled {{ background: #555555; color: #2a2a2a; border-color: #555555; }}
QToolButton#plain {{ background: transparent; border: none; padding: 2px 6px; color: {QUIET}; }}
QToolButton#plain:hover {{ color: {TEXT}; }}
QToolButton#plain::menu-indicator {{ image: none; }}
QDoubleSpinBox, QComboBox {{ background: #1b1b1b; border: 1px solid {LINE}; border-radius: 3px;
    padding: 2px 6px; min-height: 18px; selection-background-color: #5a5a5a; }}
QDoubleSpinBox:focus, QComboBox:focus {{ border-color: #8a8a8a; }}
QDoubleSpinBox:disabled, QComboBox:disabled {{ background: {PANEL}; }}
QComboBox::drop-down {{ border: none; width: 18px; }}
QComboBox::down-arrow {{ image: none; width: 0; height: 0; margin-right: 6px;
    border-left: 4px solid #1b1b1b; border-right: 4px solid #1b1b1b;
    border-top: 5px solid {QUIET}; }}
QComboBox QAbstractItemView {{ background: {RAISED}; border: 1px solid {LINE};
    selection-background-color: #555555; outline: none; }}
QSlider::groove:horizontal {{ height: 3px; background: #454545; border-radius: 1px; }}
QSlider::sub-page:horizontal {{ background: #7c7c7c; border-radius: 1px; }}
QSlider::handle:horizontal {{ width: 12px; height: 12px; margin: -5px 0; border-radius: 6px;
    background: #cfcfcf; }}
QSlider::handle:horizontal:hover {{ background: #ffffff; }}
QSlider::handle:horizontal:disabled, QSlider::sub-page:horizontal:disabled {{
    background: #4a4a4a; }}
QScrollBar:vertical {{ background: transparent; width: 8px; margin: 0; }}
QScrollBar::handle:vertical {{ background: #4a4a4a; border-radius: 4px; min-height: 24px; }}
QScrollBar::add-line:vertical, QScrollBar::sub-line:vertical {{ height: 0; }}
QDialog {{ background: {PANEL}; }}
QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
QMenu {{ background: {RAISED}; border: 1px solid {LINE}; padding: 4px; }}
QMenu::item {{ padding: 4px 16px; }}
QMenu::item:selected {{ background: #505050; }}
"""


def apply_theme(application: QApplication) -> None:
    """Set the style of the application."""
    application.setStyle("Fusion")
    application.setFont(_tabular(application.font()))
    application.setStyleSheet(_STYLE)


def _tabular(font: QFont) -> QFont:
    """The system's font with digits of equal width, so that counters do not move."""
    font = QFont(font)
    font.setFeature(QFont.Tag(b"tnum"), 1)
    return font


def figures_font() -> QFont:
    """Fixed-width font for the read-out."""
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)


def set_level(widget: QWidget, level: Level) -> None:
    """Colour a label by how much attention it wants."""
    widget.setStyleSheet(f"color: {COLOURS[level]};")
