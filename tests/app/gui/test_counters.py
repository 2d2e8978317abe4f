"""The strip of counters."""

from pytestqt.qtbot import QtBot

from app.gui.counters import CounterStrip
from app.gui.presenter import Cell


def test_a_counter_that_joins_later_is_shown_too(qtbot: QtBot) -> None:
    strip = CounterStrip()
    qtbot.addWidget(strip)
    strip.show_groups([[Cell("captured", "1")], [Cell("lost", "0")]])
    strip.show_groups([[Cell("captured", "2"), Cell("replaced", "1")], [Cell("lost", "0")]])
    assert strip.value("captured") == "2"
    assert strip.value("replaced") == "1"
