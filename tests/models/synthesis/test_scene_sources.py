"""Sources: no file serves two splits, and cut-outs bring nothing of their old background."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import InstrumentError
from models.dataset.layout import SPLITS
from models.synthesis.scene_sources import (
    Sources,
    SplitFractions,
    cut_out,
    laid_on,
    marker_card,
)

FRACTIONS = SplitFractions(validation=0.1, test=0.15)


def test_every_source_belongs_to_one_split() -> None:
    paths = tuple(Path(f"still{number}.jpg") for number in range(400))
    sources = Sources(paths)
    parts = [sources.of_split(split, FRACTIONS).stills for split in SPLITS]
    assert sorted(path for part in parts for path in part) == sorted(paths)
    assert [len(part) / 400 for part in parts] == pytest.approx([0.75, 0.1, 0.15], abs=0.06)


@given(st.text(min_size=1), st.floats(0.15, 0.5))
def test_held_out_sources_stay_held_out_when_more_are_tested_on(name: str, test: float) -> None:
    if FRACTIONS.split_of(name) == "test":
        assert SplitFractions(validation=0.1, test=test).split_of(name) == "test"


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.2), (0.6, 0.6)])
def test_impossible_fractions_are_refused(validation: float, test: float) -> None:
    with pytest.raises(InstrumentError, match="fractions"):
        SplitFractions(validation, test)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(InstrumentError, match="holds no stills"):
        Sources.find(tmp_path)


def object_folder(folder: Path, centre: tuple[int, int]) -> Path:
    """A red disc before a bright green background, and its mask, slightly too large."""
    (folder / "frames").mkdir(parents=True)
    (folder / "masks").mkdir()
    picture = np.zeros((240, 320, 3), np.uint8)
    picture[:] = (0, 255, 0)
    cv2.circle(picture, centre, 60, (0, 0, 200), cv2.FILLED, cv2.LINE_AA)
    mask = np.zeros((240, 320), np.uint8)
    cv2.circle(mask, centre, 61, 255, cv2.FILLED)
    cv2.imwrite(str(folder / "frames" / "00000.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 100])
    cv2.imwrite(str(folder / "masks" / "00000.png"), mask)
    return folder


def test_a_cut_out_has_no_halo(tmp_path: Path) -> None:
    folder = object_folder(tmp_path / "ball", (160, 120))
    texture = cut_out(folder, np.random.default_rng(0), 500.0)
    assert texture is not None
    assert texture.alpha is not None
    visible = texture.alpha > 0.02
    colour = texture.light[visible] / texture.alpha[visible][:, None]
    assert colour[:, 1].max() < 0.05
    assert colour[:, 0].min() > 0.3
    assert np.sqrt(texture.alpha.sum() / np.pi) == pytest.approx(60, abs=2)
    edge = (texture.alpha > 0.1) & (texture.alpha < 0.9)
    assert edge.sum() > 2 * np.pi * 60


def test_an_object_cut_off_by_the_border_is_not_used(tmp_path: Path) -> None:
    folder = object_folder(tmp_path / "ball", (20, 120))
    assert cut_out(folder, np.random.default_rng(0), 500.0) is None


def test_a_mask_without_its_frame_is_named(tmp_path: Path) -> None:
    folder = object_folder(tmp_path / "ball", (160, 120))
    (folder / "frames" / "00000.jpg").unlink()
    with pytest.raises(InstrumentError, match="has no frame 00000"):
        cut_out(folder, np.random.default_rng(0), 500.0)


def test_the_markers_of_a_card_are_found() -> None:
    card = marker_card([5, 9], 7.0, np.random.default_rng(1))
    background = np.full((200, 300, 3), 0.3, np.float32)
    laid_on(background, card, 60, 40)
    grey = np.sqrt(background[..., 1]) * 255
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_100)
    _, numbers, _ = cv2.aruco.ArucoDetector(dictionary).detectMarkers(grey.astype(np.uint8))
    assert sorted(numbers.ravel().tolist()) == [5, 9]
