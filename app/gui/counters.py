"""The strip of counters, always visible; losses are coloured."""

from PyQt6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.gui.plain_label import PlainLabel, plain_tip
from app.gui.presenter import Cell
from app.gui.theme import set_level


class _CellWidget(QWidget):
    """A small name over a value."""

    def __init__(self) -> None:
        super().__init__()
        self._name = PlainLabel()
        self._name.setObjectName("cell_name")
        self._value = PlainLabel()
        self._value.setObjectName("cell_value")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addWidget(self._name)
        layout.addWidget(self._value)
        self._shown: Cell | None = None
        self._widest_px = 0

    @property
    def value(self) -> str:
        """What the cell says."""
        return self._value.text()

    def show_cell(self, cell: Cell) -> None:
        """Show the cell; update only what changed."""
        if cell == self._shown:
            return
        if self._shown is None or cell.level != self._shown.level:
            set_level(self._value, cell.level)
        self._name.setText(cell.name)
        self._value.setText(cell.value)
        self.setToolTip(plain_tip(cell.meaning))
        self._shown = cell
        # The width only grows, so that the cells to the right do not move with every digit.
        self._widest_px = max(self._widest_px, self.sizeHint().width())
        self.setMinimumWidth(self._widest_px)


class CounterStrip(QFrame):
    """Groups of cells with a thin rule between groups."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("strip")
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(14, 6, 14, 7)
        self._layout.setSpacing(14)
        self._cells: dict[str, _CellWidget] = {}
        self._names: list[list[str]] = []

    def show_groups(self, groups: list[list[Cell]]) -> None:
        """Show the counters, the strip built anew where others than before are given."""
        names = [[cell.name for cell in group] for group in groups]
        if names != self._names:
            self._names = names
            self._build(groups)
        for group in groups:
            for cell in group:
                self._cells[cell.name].show_cell(cell)

    def value(self, name: str) -> str:
        """What the counter of this name says."""
        return self._cells[name].value

    def _build(self, groups: list[list[Cell]]) -> None:
        while (item := self._layout.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self._cells.clear()
        for position, group in enumerate(groups):
            if position:
                rule = QFrame()
                rule.setObjectName("rule")
                rule.setFixedSize(1, 28)
                self._layout.addStretch(1)
                self._layout.addWidget(rule)
                self._layout.addStretch(1)
            for cell in group:
                widget = _CellWidget()
                self._cells[cell.name] = widget
                self._layout.addWidget(widget)
