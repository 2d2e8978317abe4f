"""Fields of the control panel: they show what is in force and report what is asked for."""

import math
from collections.abc import Sequence

from PyQt6.QtCore import QLocale, QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtGui import QKeyEvent, QWheelEvent
from PyQt6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.gui.plain_label import PlainLabel
from drivers.camera_settings import NumericControl

LABEL_WIDTH_PX = 92
_NARROWEST_PX = 72
_SLIDER_STEPS = 1000
_WIDEST = 1e9
"""What may be typed: more than any device takes, so that the device says its limits."""


class _SpinBox(QDoubleSpinBox):
    """Takes any number typed; steps stay within the range of the device."""

    def __init__(self, suffix: str) -> None:
        super().__init__()
        self.setLocale(QLocale.c())
        self.setRange(-_WIDEST, _WIDEST)
        self.setKeyboardTracking(False)
        self.setAccelerated(True)
        self.setSuffix(f" {suffix}" if suffix else "")
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        # The range is wide on purpose; the field need not be.
        self.setMinimumWidth(_NARROWEST_PX)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.control: NumericControl | None = None

    def stepBy(self, steps: int) -> None:  # noqa: N802 - Qt's name
        """Step by the increment, or by a round share of the value where it is finer."""
        if self.control is None:
            return
        value = self.value()
        coarse = 10 ** math.floor(math.log10(abs(value) / 5)) if abs(value) > 1e-6 else 0.1
        step = max(self.control.increment, coarse, 10.0 ** -self.decimals())
        self.setValue(self.control.nearest(value + steps * step))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 - Qt's name
        """Return sends the typed value and gives the focus back to the window."""
        super().keyPressEvent(event)
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.clearFocus()

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802 - Qt's name
        """Scrolling past a field must not change it."""
        if self.hasFocus():
            super().wheelEvent(event)
        elif event is not None:
            event.ignore()


class _ComboBox(QComboBox):
    """Scrolling past it does not change it."""

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802 - Qt's name
        """Leave the wheel to the panel."""
        if event is not None:
            event.ignore()


class Row(QWidget):
    """A name on the left, a field on the right."""

    def __init__(self, name: str, field: QWidget, *more: QWidget) -> None:
        super().__init__()
        label = PlainLabel(name)
        label.setFixedWidth(LABEL_WIDTH_PX)
        label.setBuddy(field)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(label)
        layout.addWidget(field, stretch=1)
        for widget in more:
            layout.addWidget(widget)


def decimals_of(control: NumericControl) -> int:
    """Decimals that show every settable value; two where the device has no increment."""
    if control.increment <= 0:
        return 2
    for decimals in range(3):
        scaled = (control.increment * 10**decimals, control.minimum * 10**decimals)
        if all(abs(value - round(value)) < 1e-6 for value in scaled):
            return decimals
    return 3


class NumberField(QWidget):
    """A number with its unit, and a slider where its range is worth sweeping.

    ``edited`` carries what the operator asks for. What is shown is what
    :meth:`show_value` was last told, so a refused request goes back by itself.
    """

    edited = pyqtSignal(float)

    def __init__(self, name: str, unit: str, slider: bool = False, labelled: bool = True) -> None:
        super().__init__()
        self._name = name
        self.spin = _SpinBox(unit)
        self.spin.setAccessibleName(name)
        self.spin.valueChanged.connect(self.edited)
        self._hint = PlainLabel()
        self._hint.setObjectName("quiet")
        self._hint.hide()
        self.slider = QSlider(Qt.Orientation.Horizontal) if slider else None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(Row(name, self.spin, self._hint) if labelled else self.spin)
        if self.slider is not None:
            self.slider.setRange(0, _SLIDER_STEPS)
            self.slider.setAccessibleName(f"{name} slider")
            self.slider.valueChanged.connect(self._on_slider)
            layout.addWidget(self.slider)

    def show_value(
        self, value: float | None, control: NumericControl | None, force: bool = False
    ) -> None:
        """Show what is in force; ``control`` None says the camera has no such setting.

        A number being typed and a slider being dragged are left alone unless
        ``force``.
        """
        self.setEnabled(control is not None and value is not None)
        if control is None or value is None:
            self.setToolTip(f"this camera offers no {self._name}")
            return
        self.setToolTip(f"{control.minimum:g} to {control.maximum:g} {control.unit}".rstrip())
        self.spin.control = control
        line = self.spin.lineEdit()
        typing = self.spin.hasFocus() and line is not None and line.isModified()
        dragging = self.slider is not None and self.slider.isSliderDown()
        if force or not (typing or dragging):
            with QSignalBlocker(self.spin):
                self.spin.setDecimals(decimals_of(control))
                self.spin.setValue(value)
        if self.slider is not None and not dragging:
            with QSignalBlocker(self.slider):
                self.slider.setValue(round(_SLIDER_STEPS * _share(value, control)))

    def show_hint(self, text: str) -> None:
        """A few quiet words beside the number."""
        self._hint.setText(text)
        self._hint.setVisible(bool(text))

    def _on_slider(self, step: int) -> None:
        control = self.spin.control
        if control is None:
            return
        value = control.nearest(_of_share(step / _SLIDER_STEPS, control))
        with QSignalBlocker(self.spin):
            self.spin.setValue(value)
        self.edited.emit(value)


def _is_wide(control: NumericControl) -> bool:
    """Whether a range spans decades, which only a logarithmic slider can sweep."""
    return control.minimum > 0 and control.maximum / control.minimum > 100


def _share(value: float, control: NumericControl) -> float:
    """Where in its range a value lies, 0 to 1."""
    low, high = control.minimum, control.maximum
    value = min(max(value, low), high)
    if high <= low:
        return 0.0
    if _is_wide(control):
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def _of_share(share: float, control: NumericControl) -> float:
    """The value at a share of its range, to three significant digits where it spans decades."""
    low, high = control.minimum, control.maximum
    if not _is_wide(control):
        return low + share * (high - low)
    return float(f"{low * (high / low) ** share:.3g}")


class ChoiceField(QWidget):
    """One of a few values; ``chosen`` carries what the operator asks for."""

    chosen = pyqtSignal(object)

    def __init__(self, name: str, *more: QWidget) -> None:
        super().__init__()
        self._name = name
        self.combo = _ComboBox()
        self.combo.setAccessibleName(name)
        self.combo.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.combo.setMinimumContentsLength(6)
        self.combo.activated.connect(lambda index: self.chosen.emit(self.combo.itemData(index)))
        self._choices: list[tuple[object, str]] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(Row(name, self.combo, *more))

    def show_choice(self, value: object, choices: Sequence[tuple[object, str]]) -> None:
        """Show the value in force among the (value, text) the camera offers."""
        offered = list(choices)
        if value is not None and value not in [choice for choice, _ in offered]:
            # In force, though not to be had again once left.
            offered.append((value, str(value)))
        with QSignalBlocker(self.combo):
            if offered != self._choices:
                self._choices = offered
                self.combo.clear()
                for choice, text in offered:
                    self.combo.addItem(text, choice)
            current = [choice for choice, _ in offered]
            self.combo.setCurrentIndex(current.index(value) if value in current else -1)
        self.combo.setEnabled(len(offered) > 1)
        self.combo.setToolTip(
            "" if len(offered) > 1 else f"this camera offers no other {self._name}"
        )
