"""The printed page, looked at as a camera would: every corner, and the millimetres it promises."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PyQt6.QtCore import QSize
from PyQt6.QtGui import QGuiApplication, QImage
from PyQt6.QtPdf import QPdfDocument

from app.calibrate.page_size import PageSize
from app.calibrate.printed_board import PrintedBoard
from calibration.geometric.board_detection import BoardKind, BoardSpec, find_board, printed_board
from drivers.errors import InstrumentError
from tests.app.recordings.run_ngs import ngs
from tests.whole_family import whole

PX_PER_MM = 8


@pytest.fixture
def rendered(qapp: QGuiApplication):
    """The page of a PDF as grey values, (rows, columns)."""

    def render(path: Path) -> np.ndarray:
        document = QPdfDocument(None)
        document.load(str(path))
        points = document.pagePointSize(0)
        size_px = [
            round(side / 72 * 25.4 * PX_PER_MM) for side in (points.width(), points.height())
        ]
        image = document.render(0, QSize(*size_px)).convertToFormat(QImage.Format.Format_RGBA8888)
        bits = image.bits()
        assert bits is not None
        bits.setsize(image.sizeInBytes())
        rgba = np.frombuffer(bits, np.uint8).reshape(image.height(), image.width(), 4)
        alpha = rgba[..., 3:] / 255.0
        document.close()
        return np.asarray((rgba[..., :3] * alpha + 255 * (1 - alpha)).mean(axis=2), np.float32)

    return render


@pytest.mark.parametrize(
    ("option", "page"),
    [
        whole("charuco:26x20", "a4"),
        ("charuco:10x8:DICT_4X4_50:0.75", "a4"),
        whole("checkerboard:9x7", "a3"),
    ],
)
def test_a_printed_board_is_found_and_as_large_as_it_says(
    option: str,
    page: str,
    rendered,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "board.pdf"
    assert ngs(monkeypatch, "calibrate", "board", out, "--board", option, "--page", page) == 0
    square_mm = float(capsys.readouterr().out.split("squares of ")[1].split(" mm")[0])
    picture = rendered(out)
    short, long = sorted(picture.shape)
    assert (short, long) == pytest.approx([PX_PER_MM * mm for mm in PageSize(page).sides_mm], abs=2)
    kind, size, *more = option.split(":")
    columns, rows = map(int, size.split("x"))
    told = dict(zip(("dictionary", "marker_share"), more, strict=False))
    board = BoardSpec(kind=BoardKind(kind), squares_x=columns, squares_y=rows, **told)
    found = find_board(picture * np.float32(0.8), board, 255.0).corners_px
    assert len(found) == (columns - 1) * (rows - 1)
    corners = np.array(list(found.values()))
    extent_mm = (corners.max(axis=0) - corners.min(axis=0)) / PX_PER_MM
    assert extent_mm == pytest.approx([square_mm * (columns - 2), square_mm * (rows - 2)], abs=0.1)
    # The ruler lies on the left of the label: two strokes across, 100 mm apart.
    label = PrintedBoard.fitted(board, PageSize(page)).label_mm
    left, top, _, height = (round(PX_PER_MM * each) for each in label)
    ruler = picture[top : top + height, left - 8 : left + 102 * PX_PER_MM] < 128
    strokes = np.flatnonzero(ruler[height // 2 - 12])
    assert (strokes.max() - strokes.min()) / PX_PER_MM == pytest.approx(100.0, abs=0.5)
    assert ruler[height // 2 - 3 : height // 2 + 3].any(axis=0).sum() >= 100 * PX_PER_MM - 2


def test_ink_is_where_opencv_prints_it() -> None:
    board = BoardSpec(squares_x=7, squares_y=5, dictionary="DICT_4X4_50", marker_share=0.75)
    printed = PrintedBoard.fitted(board, PageSize.A4)
    side = 160
    wanted = printed_board(board).generateImage((7 * side, 5 * side), marginSize=0) < 128
    scale = side / printed.square_mm
    left = min(x for x, _, _, _ in printed.ink_mm)
    top = min(y for _, y, _, _ in printed.ink_mm)
    drawn = np.zeros(wanted.shape, bool)
    for x, y, width, height in printed.ink_mm:
        columns = slice(round((x - left) * scale), round((x - left + width) * scale))
        drawn[round((y - top) * scale) : round((y - top + height) * scale), columns] = True
    apart = cv2.morphologyEx((drawn ^ wanted).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5)))
    assert not apart.any()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("charuco:300x200", "has 1000 markers, too few for 300 x 200 squares"),
        ("checkerboard:300x200", "squares would be"),
        ("charuco:10x8:DICT_9X9", "is none of DICT_"),
        ("charuco:10x8:DICT_4X4_50:2", "marker_share"),
        ("checkerboard:9x7:DICT_4X4_50", "a ChArUco board may end in"),
    ],
)
def test_boards_that_cannot_be_are_refused_in_one_line(
    option: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "board.pdf"
    assert ngs(monkeypatch, "calibrate", "board", out, "--board", option) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.strip().count("\n") == 0
    assert not out.exists()


def test_a_name_without_pdf_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ngs(monkeypatch, "calibrate", "board", tmp_path / "board.png") == 1


def test_the_larger_page_has_the_larger_squares() -> None:
    sides = [PrintedBoard.fitted(BoardSpec(), page).square_mm for page in PageSize]
    assert sides == sorted(sides)
    with pytest.raises(InstrumentError, match="larger --page"):
        PrintedBoard.fitted(
            BoardSpec(kind=BoardKind.CHECKERBOARD, squares_x=120, squares_y=90), PageSize.A4
        )
