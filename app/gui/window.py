"""The window: raw beside restored, controls, counters; pulls what it shows at its own pace."""

from dataclasses import dataclass
from pathlib import Path

from PyQt6.QtCore import QSettings, QStandardPaths, Qt, QTimer
from PyQt6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PyQt6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QMainWindow, QVBoxLayout, QWidget

from app.gui.controller import Controller
from app.gui.controls import ControlPanel
from app.gui.counters import CounterStrip
from app.gui.messages import BannerBar, MessageBar
from app.gui.presenter import (
    SHUTTER_NAMES,
    banner,
    counter_groups,
    restored_note,
    snapshot_name,
)
from app.gui.profile import RowProfile
from app.gui.theme import figures_font
from app.gui.toolbar import Toolbar
from app.gui.views import ImagePane, PaneRow, code_text
from app.screen import RawEncoder, raw_row_light, screen_row_light
from app.session import Session
from app.status import SessionState, SessionStatus
from app.worker_types import RestoredFrame
from drivers.frame import Frame
