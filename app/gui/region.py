"""The region of interest: four numbers, drawing on the picture, the full sensor."""

from PyQt6.QtCore import QSignalBlocker, pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.gui.fields import NumberField, Row
from app.gui.plain_label import PlainLabel
from app.gui.presenter import snapped_region
from drivers.camera_settings import CameraControls, Region


def _pair(name: str, first: QWidget, second: QWidget) -> Row:
    both = QWidget()
    layout = QHBoxLayout(both)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    layout.addWidget(first)
    layout.addWidget(second)
    return Row(name, both)


class RegionEditor(QWidget):
    """Shows the region in force and reports the one asked for.

    ``drawing_changed`` says whether a rectangle is to be drawn on the picture;
    ``drawing_done`` that it is to be taken.
    """

    asked = pyqtSignal(object)
    drawing_changed = pyqtSignal(bool)
    drawing_done = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._region: Region | None = None
        self._controls = CameraControls()
        self.width_field = NumberField("width", "px", labelled=False)
        self.height_field = NumberField("height", "px", labelled=False)
        self.left_field = NumberField("left", "px", labelled=False)
        self.top_field = NumberField("top", "px", labelled=False)
        self.draw_button = QPushButton("Draw")
        self.draw_button.setCheckable(True)
        self.draw_button.setToolTip("Draw the region on the raw picture; Esc leaves it as it is")
        self.draw_button.toggled.connect(self._on_drawing)
        self.apply_button = QPushButton("Apply")
        self.apply_button.setEnabled(False)
        self.apply_button.clicked.connect(self._on_apply)
        self.full_button = QPushButton("Full sensor")
        self.full_button.clicked.connect(self._on_full)
        for field in (self.width_field, self.height_field, self.left_field, self.top_field):
            field.edited.connect(self._on_edited)
        self._size = PlainLabel()
        self._size.setObjectName("quiet")
        grid = QGridLayout()
        grid.setSpacing(6)
        for column, button in enumerate((self.draw_button, self.apply_button, self.full_button)):
            grid.addWidget(button, 0, column)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(_pair("width, height", self.width_field, self.height_field))
        layout.addWidget(_pair("left, top", self.left_field, self.top_field))
        layout.addLayout(grid)
        layout.addWidget(self._size)

    def show_region(self, region: Region | None, controls: CameraControls, force: bool) -> None:
        """Show what is in force; None or no controls: the camera has no region of interest."""
        self._region, self._controls = region, controls
        for field, name, control in (
            (self.width_field, "width_px", controls.width_px),
            (self.height_field, "height_px", controls.height_px),
            (self.left_field, "offset_x_px", controls.offset_x_px),
            (self.top_field, "offset_y_px", controls.offset_y_px),
        ):
            field.show_value(getattr(region, name, None), control, force)
        can_set = region is not None and controls.width_px is not None
        for button in (self.draw_button, self.full_button):
            button.setEnabled(can_set and controls.sensor_size_px is not None)
        if not self.draw_button.isChecked():
            self._show_sensor()

    def show_drawn(self, drawn: tuple[int, int, int, int]) -> None:
        """Say what the rectangle on the present picture comes to on the sensor."""
        region = self._on_sensor(*drawn)
        if region is not None:
            self._size.setText(
                f"drawn: {region.width_px} × {region.height_px} px "
                f"at {region.offset_x_px}, {region.offset_y_px}"
            )

    def _show_sensor(self) -> None:
        size = self._controls.sensor_size_px
        self._size.setText(f"sensor {size[0]} × {size[1]} px" if size else "")

    def ask_drawn(self, left: int, top: int, width: int, height: int) -> None:
        """Ask for a rectangle drawn on the present picture, in its pixels."""
        region = self._on_sensor(left, top, width, height)
        if region is not None:
            self.asked.emit(region)

    def _on_sensor(self, left: int, top: int, width: int, height: int) -> Region | None:
        present = self._region
        if present is None:
            return None
        wanted = Region(present.offset_x_px + left, present.offset_y_px + top, width, height)
        return snapped_region(wanted, self._controls)

    def cancel_drawing(self) -> None:
        """Leave the region as it is."""
        self.draw_button.setChecked(False)

    def _on_drawing(self, drawing: bool) -> None:
        self.apply_button.setEnabled(drawing)
        if not drawing:
            self._show_sensor()
        self.drawing_changed.emit(drawing)

    def _on_apply(self) -> None:
        self.drawing_done.emit()
        with QSignalBlocker(self.draw_button):
            self.draw_button.setChecked(False)
        self.apply_button.setEnabled(False)
        self._show_sensor()

    def _on_full(self) -> None:
        self.cancel_drawing()
        self.asked.emit(self._controls.centred_region(None, None))

    def _on_edited(self) -> None:
        fields = (self.left_field, self.top_field, self.width_field, self.height_field)
        self.asked.emit(Region(*(round(field.spin.value()) for field in fields)))
