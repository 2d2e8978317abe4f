"""The learning curve of a run, and its TensorBoard log."""

from pathlib import Path
from typing import Any, NamedTuple


class Point(NamedTuple):
    """One point of the learning curve."""

    step: int
    loss: float
    """Mean since the point before."""
    psnr_db: float
    psnr_db_thirds: tuple[float, float, float]
    """Rows read first, next and last."""
    row_gain_psnr_db: float
    learning_rate: float
    hours: float
    general_psnr_db: float | None = None
    """Of general scenes, where some are mixed in."""

    @classmethod
    def restored(cls, values: list[Any]) -> "Point":
        """A point as JSON gives it back."""
        point = cls(*values)
        first, middle, last = point.psnr_db_thirds
        return point._replace(psnr_db_thirds=(first, middle, last))


_GENERAL_LOSS_DB = 0.1
"""What a better validation may cost on general scenes, against the first point."""


def best_point(curve: list[Point]) -> Point | None:
    """The first of those with the largest PSNR; None without any.

    Where general scenes are mixed in, of those that lose hardly anything on them.
    """
    if not curve:
        return None
    first_db = curve[0].general_psnr_db
    admitted = [
        point
        for point in curve
        if point is curve[0]
        or first_db is None
        or point.general_psnr_db is None
        or point.general_psnr_db >= first_db - _GENERAL_LOSS_DB
    ]
    return max(admitted, key=lambda point: point.psnr_db)


def late_gain_db(curve: list[Point]) -> float | None:
    """Validation PSNR gained over the last fifth of the steps; None with too few points."""
    if len(curve) < 5:
        return None
    begin = 0.8 * curve[-1].step
    before = min(curve[:-1], key=lambda point: abs(point.step - begin))
    return round(curve[-1].psnr_db - before.psnr_db, 3)


class CurveLog:
    """The curve as a TensorBoard log; nothing where TensorBoard is not installed."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    @classmethod
    def open(cls, out: Path, step: int, rank: int) -> "CurveLog":
        """The log in ``out`` of a run that has come to ``step``; the first process keeps it."""
        if rank > 0:
            return cls(None)
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return cls(None)
        return cls(SummaryWriter(str(out / "tensorboard"), purge_step=step + 1))

    def add(self, point: Point) -> None:
        """Write a point."""
        if self._writer is None:
            return
        values = {
            "loss": point.loss,
            "learning rate": point.learning_rate,
            "PSNR/row gain": point.row_gain_psnr_db,
            "PSNR/all rows": point.psnr_db,
        }
        if point.general_psnr_db is not None:
            values["PSNR/general scenes"] = point.general_psnr_db
        for third, value in zip(("first", "middle", "last"), point.psnr_db_thirds, strict=True):
            values[f"PSNR/{third} third"] = value
        for name, value in values.items():
            self._writer.add_scalar(name, value, point.step)
        self._writer.flush()

    def __enter__(self) -> "CurveLog":
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
