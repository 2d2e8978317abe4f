"""Pictures side by side, with one zoom and one pan."""

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, Qt, pyqtSignal
from PyQt6.QtGui import QImage, QPainter, QPen
from PyQt6.QtWidgets import (
    QGraphicsObject,
    QHBoxLayout,
    QStyleOptionGraphicsItem,
    QVBoxLayout,
    QWidget,
)

from app.gui.plain_label import PlainLabel
from app.gui.theme import SURROUND

_DIMMED = 0.35
_NOTE_WIDTH_PX = 340
_SMALLEST_VIEW_PX = 8.0


class PictureItem(QGraphicsObject):
    """A picture in image coordinates: one unit is one pixel, row 0 on top.

    Enlarged, its pixels are squares; reduced, they are averaged over their
    area, since left-out pixels would turn fine texture into moiré that is not
    in the frame.
    """

    def __init__(self) -> None:
        super().__init__()
        self._picture: NDArray[np.uint8] | None = None

    @property
    def size_px(self) -> tuple[int, int]:
        """Rows and columns; (0, 0) before the first picture."""
        return (0, 0) if self._picture is None else self._picture.shape[:2]

    def set_picture(self, picture: NDArray[np.uint8]) -> None:
        """Show uint8 ``(rows, columns)`` or RGB ``(rows, columns, 3)``; kept, not copied."""
        if picture.shape[:2] != self.size_px:
            self.prepareGeometryChange()
        self._picture = picture
        self.update()

    def code_at(self, column: int, row: int) -> str:
        """The 8 bit code or codes of one pixel as text; empty outside the picture."""
        return code_text(self._picture, column, row)

    def boundingRect(self) -> QRectF:  # noqa: N802 - Qt's name
        """The picture's rectangle."""
        rows, columns = self.size_px
        return QRectF(0, 0, columns, rows)

    def paint(
        self,
        painter: QPainter | None,
        option: QStyleOptionGraphicsItem | None,
        widget: QWidget | None = None,
    ) -> None:
        """Draw what can be seen."""
        if self._picture is None or painter is None or widget is None:
            return
        # Not deviceTransform: that one adds where the widget lies in its window.
        to_widget = painter.worldTransform()
        scale = to_widget.m11() * widget.devicePixelRatioF()
        visible = to_widget.inverted()[0].mapRect(QRectF(widget.rect())).toAlignedRect()
        seen = visible & self.boundingRect().toAlignedRect()
        if seen.isEmpty():
            return
        part = self._picture[seen.top() : seen.bottom() + 1, seen.left() : seen.right() + 1]
        if scale < 1.0:
            size = (max(1, round(seen.width() * scale)), max(1, round(seen.height() * scale)))
            part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
        part = np.ascontiguousarray(part)
        painter.drawImage(QRectF(seen), _image(part))


def _image(picture: NDArray[np.uint8]) -> QImage:
    """A view of contiguous pixels; valid as long as they are."""
    rows, columns = picture.shape[:2]
    # PyQt takes any buffer where its stubs say bytes.
    coding = QImage.Format.Format_RGB888 if picture.ndim == 3 else QImage.Format.Format_Grayscale8
    return QImage(cast(bytes, picture.data), columns, rows, picture.strides[0], coding)


def code_text(picture: NDArray[np.uint8 | np.uint16] | None, column: int, row: int) -> str:
    """One pixel's code or codes as text; empty outside the picture."""
    if picture is None or not (0 <= row < picture.shape[0] and 0 <= column < picture.shape[1]):
        return ""
    return " ".join(f"{code:d}" for code in np.atleast_1d(picture[row, column]))


class ImagePane(QWidget):
    """One picture under a title, with a note in its place when there is none."""

    pointed = pyqtSignal(object)
    """The mouse is over (column, row) of this pane's picture; None: over none."""
    moved_by_hand = pyqtSignal()
    """The operator zoomed or panned."""

    def __init__(self) -> None:
        super().__init__()
        self._title = PlainLabel()
        self._title.setObjectName("title")
        self._how = PlainLabel()
        self._how.setObjectName("subtitle")
        self.subtitle = PlainLabel()
        self.subtitle.setObjectName("subtitle")
        self.subtitle.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.picture = PictureItem()
        self.view_box = pg.ViewBox(
            invertY=True, lockAspect=True, enableMenu=False, defaultPadding=0.0
        )
        self.view_box.setLimits(minXRange=_SMALLEST_VIEW_PX, minYRange=_SMALLEST_VIEW_PX)
        self.view_box.addItem(self.picture)
        self.view_box.sigRangeChangedManually.connect(self.moved_by_hand)
        self._view = pg.GraphicsView(background=SURROUND)
        self._view.setCentralItem(self.view_box)
        self._view.scene().sigMouseMoved.connect(self._on_mouse_moved)
        self._note = PlainLabel(parent=self._view)
        self._note.setObjectName("note")
        self._note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._note.setWordWrap(True)
        self._note.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._note.hide()

        header = QHBoxLayout()
        header.setContentsMargins(2, 0, 2, 0)
        header.setSpacing(8)
        header.addWidget(self._title)
        header.addWidget(self._how)
        header.addStretch(1)
        header.addWidget(self.subtitle)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(header)
        layout.addWidget(self._view, stretch=1)
        self.setMinimumSize(180, 140)

    def set_title(self, what: str, how: str) -> None:
        """What the picture is, and how it came to be."""
        self._title.setText(what)
        self._how.setText(how)

    def set_picture(self, picture: NDArray[np.uint8]) -> bool:
        """Show a picture; True when its size is another than before."""
        resized = picture.shape[:2] != self.picture.size_px
        self.picture.set_picture(picture)
        if resized:
            self.view_box.updateAutoRange()
        return resized

    def set_dimmed(self, dimmed: bool) -> None:
        """Dim a picture that is no longer live."""
        self.picture.setOpacity(_DIMMED if dimmed else 1.0)

    def set_note(self, text: str) -> None:
        """Show a text in the middle of the pane; empty for none."""
        if text != self._note.text():
            self._note.setText(text)
            self._place_note()
        self._note.setVisible(bool(text))

    @property
    def note(self) -> str:
        """Text in the middle of the pane."""
        return self._note.text()

    def resizeEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """Keep the note in the middle."""
        self._place_note()

    def leaveEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """The mouse left: nothing is pointed at."""
        self.pointed.emit(None)

    def _place_note(self) -> None:
        # Wrapped labels adjust to an odd width of their own choice; a fixed one reads better.
        self._note.setFixedWidth(min(_NOTE_WIDTH_PX, max(120, self._view.width() - 40)))
        self._note.adjustSize()
        self._note.move(
            (self._view.width() - self._note.width()) // 2,
            (self._view.height() - self._note.height()) // 2,
        )

    def _on_mouse_moved(self, position: QPointF) -> None:
        point = self.view_box.mapSceneToView(position)
        column, row = int(np.floor(point.x())), int(np.floor(point.y()))
        rows, columns = self.picture.size_px
        inside = 0 <= column < columns and 0 <= row < rows
        self.pointed.emit((column, row) if inside else None)


class PaneRow(QWidget):
    """Panes side by side that zoom and pan as one."""

    pointed = pyqtSignal(object)
    fit_changed = pyqtSignal(bool)
    """Whether the whole picture is kept in view."""
    region_changing = pyqtSignal(object)
    """(left, top, width, height) of the rectangle on the first pane, in its pixels."""
    region_drawn = pyqtSignal(object)
    """The same, when it is to be taken."""

    def __init__(self, panes: Sequence[ImagePane]) -> None:
        super().__init__()
        self._panes = panes
        self._leader = panes[0].view_box
        self._rectangle: pg.RectROI | None = None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for pane in panes:
            # Equal widths whatever the titles say: linked views must be of one size.
            layout.addWidget(pane, stretch=1)
            pane.pointed.connect(self.pointed)
            pane.moved_by_hand.connect(lambda: self.fit_changed.emit(False))
        # Not pyqtgraph's links: those shift the range by how views lie on the screen.
        self._leader.sigRangeChanged.connect(self._lead)
        for pane in panes[1:]:
            pane.view_box.disableAutoRange()
            pane.view_box.sigRangeChangedManually.connect(lambda *_, to=pane.view_box: self._go(to))
            pane.view_box.sigResized.connect(self._lead)
        self.fit()

    def _lead(self) -> None:
        """Show in every pane what the first one shows."""
        for pane in self._panes[1:]:
            pane.view_box.setRange(rect=self._leader.viewRect(), padding=0)

    def _go(self, moved: pg.ViewBox) -> None:
        """Follow a pane the operator moved."""
        self._leader.setRange(rect=moved.viewRect(), padding=0)

    def fit(self) -> None:
        """Show the whole picture, and keep it whole when the window is resized."""
        self._leader.enableAutoRange()
        self._leader.updateAutoRange()
        self.fit_changed.emit(True)

    def one_to_one(self) -> None:
        """One image pixel is one pixel of the screen, around the present centre."""
        pixels_per_point = self._panes[0].devicePixelRatioF()
        view = self._leader.viewRect()
        half_width = self._leader.width() * pixels_per_point / 2
        half_height = self._leader.height() * pixels_per_point / 2
        centre = view.center()
        self._leader.setRange(
            xRange=(centre.x() - half_width, centre.x() + half_width),
            yRange=(centre.y() - half_height, centre.y() + half_height),
            padding=0,
        )
        self.fit_changed.emit(False)

    def draw_region(self, drawing: bool) -> None:
        """Show a rectangle to move and resize over the first picture, or hide it."""
        if self._rectangle is not None:
            self._leader.removeItem(self._rectangle)
            self._rectangle = None
        rows, columns = self._panes[0].picture.size_px
        if not drawing or not rows:
            return
        pen = QPen(Qt.GlobalColor.white)
        pen.setCosmetic(True)
        self._rectangle = pg.RectROI(
            (columns // 4, rows // 4),
            (columns // 2, rows // 2),
            pen=pen,
            hoverPen=pen,
            handlePen=pen,
            maxBounds=QRectF(0, 0, columns, rows),
            rotatable=False,
            sideScalers=True,
        )
        self._rectangle.addScaleHandle((0, 0), (1, 1))
        # A rectangle dragged over the edge must not change the view of the picture.
        self._leader.addItem(self._rectangle, ignoreBounds=True)
        self._rectangle.sigRegionChanged.connect(
            lambda: self.region_changing.emit(self._drawn_px(self._rectangle))
        )
        self.region_changing.emit(self._drawn_px(self._rectangle))

    @staticmethod
    def _drawn_px(rectangle: pg.RectROI) -> tuple[int, ...]:
        position, size = rectangle.pos(), rectangle.size()
        return tuple(round(value) for value in (position.x(), position.y(), size.x(), size.y()))

    def take_region(self) -> None:
        """Report the rectangle and take it away."""
        if self._rectangle is None:
            return
        drawn = self._drawn_px(self._rectangle)
        self.draw_region(False)
        self.region_drawn.emit(drawn)
