"""Metrics by what they mean, and an evaluation through the command line's own path."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from app import cli
from models.dataset.sequences import open_dataset
from models.evaluation.comparison import evaluate
from models.evaluation.figures import comparison_figure
from models.evaluation.markers import corner_errors_px, detect_markers
from models.evaluation.tables import markdown_report
from models.metrics import flicker_levels, gmsd, readout_third, ssim, static_region
from models.restorers.registry import open_restorer
from models.synthesis.dataset_synthesis import synthesize
from models.synthesis.recipes import recipe_named

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset from stills of our own making."""
    stills = tmp_path_factory.mktemp("stills")
    rng = np.random.default_rng(5)
    for index in range(24):
        coarse = rng.integers(0, 255, (30, 40, 3), np.uint8).astype(np.uint8)
        still = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(stills / f"still{index}.png"), still)
    out = tmp_path_factory.mktemp("data") / "set"
    recipe = recipe_named("mono", sequences=8, frames=3, size=(160, 120), seed=1)
    synthesize(out, recipe, stills=stills)
    return out


def test_raw_row_gain_and_warp_stand_in_one_table(dataset: Path) -> None:
    seen: list[tuple[int, int]] = []
    sequences = open_dataset(dataset, "train")
    evaluation = evaluate(
        sequences, {"warp": open_restorer("warp", CPU)}, CPU, lambda *done: seen.append(done)
    )
    results = {result.restorer: result for result in evaluation.results}
    assert list(results) == ["raw", "row-gain", "warp"]
    assert results["row-gain"].psnr_db > results["raw"].psnr_db + 3
    assert results["row-gain"].worst_delta_db == 0
    assert results["raw"].psnr_db_bottom < results["raw"].psnr_db_top
    assert results["warp"].ms_per_frame is not None
    assert seen[-1] == (sum(map(len, sequences)), sum(map(len, sequences)))
    document = evaluation.document()
    wanted = {
        "restorer", "split", "psnr_db", "psnr_db_pooled", "psnr_db_linear", "ssim", "psnr_db_top",
        "psnr_db_middle", "psnr_db_bottom", "worst_delta_db", "flicker", "by_motion",
        "by_exposure_ratio", "markers_found", "corner_error_px", "params", "macs_per_megapixel",
        "ms_per_frame", "device", "converged",
    }  # fmt: skip
    assert wanted <= _flat_keys(document["results"][0])
    table = markdown_report(evaluation)
    assert "Synthetic" in table
    assert table.count("| warp |") >= 3
    figure = comparison_figure(evaluation)
    assert figure.dtype == np.uint8
    assert figure.ndim == 3


def _flat_keys(value: object) -> set[str]:
    if not isinstance(value, dict):
        return set()
    return set(value) | {key for item in value.values() for key in _flat_keys(item)}


def test_the_command_writes_table_figure_and_json(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, figure, figures = tmp_path / "t.md", tmp_path / "f.png", tmp_path / "e.json"
    arguments = ["--split", "train", "--model", "warp"]
    outputs = ["--table", str(table), "--figure", str(figure), "--json", str(figures)]
    monkeypatch.setattr(sys, "argv", ["ngs", "evaluate", str(dataset), *arguments, *outputs])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    assert "| row-gain |" in table.read_text(encoding="utf-8")
    assert cv2.imread(str(figure)) is not None
    assert len(json.loads(figures.read_text(encoding="utf-8"))["results"]) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("evaluate", "/nowhere"), "has no split 'test'"),
        (("evaluate", "{dataset}", "--split", "holiday"), "has no split 'holiday'"),
        (("evaluate", "{dataset}", "--model", "magic"), "known: row-gain, warp"),
        (("evaluate", "{dataset}", "--figure", "f.jpg"), "must end in .png"),
        (("synthesize", "{dataset}", "--stills", "/nowhere"), "/nowhere"),
        (("synthesize", "new", "--stills", "{dataset}", "--preset", "none"), "unknown preset"),
        (
            (
                "synthesize",
                "new",
                "--stills",
                "{dataset}",
                "--preset",
                "benchmark-v1",
                "--seed",
                "1",
            ),
            "frozen",
        ),
    ],
)
def test_wrong_input_is_one_clear_line(
    dataset: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    given = [argument.format(dataset=dataset) for argument in arguments]
    monkeypatch.setattr(sys, "argv", ["ngs", *given])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    error = capsys.readouterr().err.strip().splitlines()
    assert words in error[-1]
    assert error[-1].startswith("ngs: ")
    assert not Path("new").exists()


def test_ssim_is_one_for_equal_pictures_and_falls_with_noise() -> None:
    picture = torch.rand(32, 40, generator=torch.Generator().manual_seed(1))
    noise = 0.1 * torch.randn(32, 40, generator=torch.Generator().manual_seed(2))
    assert ssim(picture, picture) == pytest.approx(1.0)
    assert ssim(picture + noise, picture) < 0.97


def test_gmsd_grows_with_blur_and_with_noise_and_not_with_light() -> None:
    picture = torch.zeros(64, 80)
    picture[16:48, 20:60] = 0.6
    blurred = torch.from_numpy(cv2.blur(picture.numpy(), (9, 1)))
    noisy = picture + 0.1 * torch.randn(64, 80, generator=torch.Generator().manual_seed(2))
    assert gmsd(picture, picture) == 0.0
    assert gmsd(picture + 0.2, picture) == pytest.approx(0.0, abs=1e-5)
    assert gmsd(blurred, picture) > 0.05
    assert gmsd(noisy, picture) > 0.05
    more_blurred = torch.from_numpy(cv2.blur(picture.numpy(), (17, 1)))
    assert gmsd(more_blurred, picture) > gmsd(blurred, picture)
    coloured = picture[..., None].expand(64, 80, 3)
    assert gmsd(coloured, coloured.flip(0)) == gmsd(picture, picture.flip(0))


def test_gmsd_stands_in_the_figures_and_in_the_table(dataset: Path) -> None:
    evaluation = evaluate(open_dataset(dataset, "train")[:2], {}, CPU)
    results = {each["restorer"]: each for each in evaluation.document()["results"]}
    assert 0.0 < results["row-gain"]["gmsd"] < results["raw"]["gmsd"]
    header = next(line for line in markdown_report(evaluation).splitlines() if "SSIM |" in line)
    assert "| GMSD |" in header


def test_thirds_follow_the_readout_and_not_the_picture() -> None:
    from drivers.timing import ReadoutDirection, SensorTiming

    up = SensorTiming(1000.0, 10.0, 6, ReadoutDirection.BOTTOM_UP)
    assert readout_third(up).tolist() == [2, 2, 1, 1, 0, 0]


def test_flicker_is_measured_where_nothing_moves() -> None:
    still = np.full((80, 80), 0.5, np.float32)
    moved = still.copy()
    moved[:10, :10] = 1.0
    region = static_region(moved, still)
    assert not region[:10, :10].any()
    assert region[60:, 60:].all()
    assert flicker_levels(0.0, 0) is None


def test_markers_are_found_with_sub_pixel_corners() -> None:
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_100)
    marker = cv2.aruco.generateImageMarker(dictionary, 7, 60)
    picture = np.full((140, 160), 255, np.uint8)
    picture[40:100, 50:110] = marker
    found = detect_markers(picture)
    assert list(found) == [7]
    truth = {7: np.array([[50, 40], [110, 40], [110, 100], [50, 100]], np.float32) - 0.5}
    assert corner_errors_px(found, truth)[7] < 0.7
    assert detect_markers(np.full((50, 50), 128, np.uint8)) == {}
