"""A calibration board as a PDF, with its size on it."""

from pathlib import Path

from PyQt6.QtCore import QBuffer, QMarginsF, QPointF, QRectF, QSizeF, Qt
from PyQt6.QtGui import (
    QFont,
    QGuiApplication,
    QPageLayout,
    QPageSize,
    QPainter,
    QPainterPath,
    QPdfWriter,
    QPen,
)

from app.calibrate.page_size import PageSize
from app.calibrate.printed_board import PrintedBoard
from calibration.geometric.board_detection import BoardSpec
from drivers.atomic_file import write_file

_DPI = 1200
_RULER_MM = 100.0
_TEXT_MM = 3.0


def write_board(target: Path, board: BoardSpec, page: PageSize) -> float:
    """Write the page; the side of a square in mm.

    Raises :class:`InstrumentError` where the board does not fit or the file cannot be written.
    """
    printed = PrintedBoard.fitted(board, page)
    # Fonts need an application; none has to be running.
    application = QGuiApplication.instance() or QGuiApplication([])
    content = QBuffer()
    content.open(QBuffer.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(content)
    writer.setResolution(_DPI)
    size = QPageSize(QSizeF(*printed.page_mm), QPageSize.Unit.Millimeter)
    writer.setPageLayout(QPageLayout(size, QPageLayout.Orientation.Portrait, QMarginsF(0, 0, 0, 0)))
    writer.setTitle(f"ngs calibration board {printed.option}")
    painter = QPainter(writer)
    _draw(painter, printed)
    painter.end()
    write_file(target, content.data().data())
    del application
    return printed.square_mm


def _draw(painter: QPainter, printed: PrintedBoard) -> None:
    scale = _DPI / 25.4
    painter.scale(scale, scale)  # millimetres from here on
    ink = QPainterPath()
    for rectangle in printed.ink_mm:
        ink.addRect(QRectF(*rectangle))
    painter.fillPath(ink, Qt.GlobalColor.black)
    left, top, width, height = printed.label_mm
    font = QFont("sans-serif")
    font.setPixelSize(round(_TEXT_MM))
    painter.setFont(font)
    painter.setPen(Qt.GlobalColor.black)
    text = (
        f"squares of {printed.square_mm:g} mm; --board {printed.option}\n"
        f"print at 100 %: the line is {_RULER_MM:g} mm long; mount it on something stiff and flat"
    )
    aligned = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    painter.drawText(QRectF(left + _RULER_MM, top, width - _RULER_MM, height), aligned, text)
    painter.setPen(QPen(Qt.GlobalColor.black, 0.2))
    middle = top + height / 2
    painter.drawLine(QPointF(left, middle), QPointF(left + _RULER_MM, middle))
    for end in (left, left + _RULER_MM):
        painter.drawLine(QPointF(end, middle - 2), QPointF(end, middle + 2))
