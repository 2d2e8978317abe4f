"""The row profile: mean brightness of every row, raw and restored.

In global reset the raw curve rises with the exposure T_r = T0 + r * t_line; the restored one must
not.
"""

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from app.gui.theme import CURVE_RAW, CURVE_RESTORED, PANEL, QUIET

_HEIGHT_PX = 150
_HEADROOM = 1.15


class RowProfile(QWidget):
    """Mean light of every row, in percent of saturation."""

    def __init__(self) -> None:
        super().__init__()
        self._plot = pg.PlotWidget(background=PANEL)
        self._plot.setFixedHeight(_HEIGHT_PX)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.setMenuEnabled(False)
        self._plot.hideButtons()
        self._plot.showGrid(x=False, y=True, alpha=0.12)
        for side, text in (("left", "mean, % of sat."), ("bottom", "image row")):
            axis = self._plot.getAxis(side)
            axis.setPen(QUIET)
            axis.setTextPen(QUIET)
            axis.setLabel(text, **{"font-size": "11px", "color": QUIET})
            axis.enableAutoSIPrefix(False)
        legend = self._plot.addLegend(offset=(12, 4), labelTextColor=QUIET, colCount=2)
        legend.setParentItem(self._plot.getPlotItem().getViewBox())
        self._raw = self._plot.plot(pen=pg.mkPen(CURVE_RAW), name="raw")
        self._restored = self._plot.plot(pen=pg.mkPen(CURVE_RESTORED), name="restored")
        self.raw_percent = np.empty(0)
        self.restored_percent = np.empty(0)
        self._top_percent = 0.0
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)

    def show_rows(self, raw: NDArray[np.float64], restored: NDArray[np.float64] | None) -> None:
        """Draw mean light per row, shape ``(rows,)``, 1.0 = saturation."""
        self.raw_percent = 100 * raw
        self.restored_percent = np.empty(0) if restored is None else 100 * restored
        self._raw.setData(self.raw_percent)
        self._restored.setData(self.restored_percent)
        top = max(float(self.raw_percent.max()), float(self.restored_percent.max(initial=0.0)))
        # The scale follows in steps, so that the curves move and not the axis.
        if not 0.6 * self._top_percent < _HEADROOM * top <= self._top_percent:
            self._top_percent = max(1.0, _HEADROOM**2 * top)
            self._plot.setYRange(0, self._top_percent, padding=0)
        self._plot.setXRange(0, len(raw), padding=0)
