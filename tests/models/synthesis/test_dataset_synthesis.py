"""Synthesis: the same on any number of processes, resumed, split by source, true to the physics."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from drivers.errors import InstrumentError
from models.dataset.layout import SPLITS
from models.dataset.sequences import Sequence, open_dataset
from models.restorers.row_gain import RowGain
from models.synthesis.dataset_synthesis import synthesize
from models.synthesis.recipes import BENCHMARK_V1, RECIPES, Recipe, recipe_named
from models.synthesis.scene_sources import Sources, SplitFractions
from models.synthesis.sequence_plan import SequencePlan, plan_sequence
from tests.footage import Footage

SMALL = recipe_named("mono", sequences=4, frames=3, size=(96, 64), seed=7)


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stills and objects enough for every split: blobs, and discs before blobs."""
    folder = tmp_path_factory.mktemp("material")
    rng = np.random.default_rng(0)

    def blobs(rows: int, columns: int) -> np.ndarray:
        noise = cv2.GaussianBlur(rng.uniform(0, 255, (rows, columns, 3)), (0, 0), 3.0)
        stretched = (noise - noise.min()) / np.ptp(noise) * 255
        return stretched.astype(np.uint8)

    (folder / "stills").mkdir()
    for number in range(24):
        cv2.imwrite(str(folder / "stills" / f"still{number}.png"), blobs(80, 130))
    for number in range(12):
        place = folder / "objects" / f"object{number}"
        (place / "frames").mkdir(parents=True)
        (place / "masks").mkdir()
        mask = np.zeros((120, 160), np.uint8)
        cv2.circle(mask, (80, 60), 40, 255, cv2.FILLED)
        cv2.imwrite(str(place / "frames" / "00000.jpg"), blobs(120, 160))
        cv2.imwrite(str(place / "masks" / "00000.png"), mask)
    return folder


def made(out: Path, material: Path, recipe: Recipe = SMALL, workers: int = 1) -> Path:
    synthesize(
        out,
        recipe,
        stills=material / "stills",
        objects=material / "objects",
        workers=workers,
    )
    return out


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def planned(material: Path, recipe: Recipe, number: int = 0) -> SequencePlan:
    sources = Sources.find(material / "stills", material / "objects")
    return plan_sequence(recipe, sources.of_split("train", recipe.fractions), "train", number)


def test_the_result_is_the_same_on_any_number_of_processes(tmp_path: Path, material: Path) -> None:
    one = contents(made(tmp_path / "one", material))
    assert one == contents(made(tmp_path / "two", material, workers=2))
    other_seed = contents(made(tmp_path / "other", material, replace(SMALL, seed=8)))
    assert one != other_seed


def test_an_interrupted_synthesis_continues_to_the_same_result(
    tmp_path: Path, material: Path
) -> None:
    class KilledError(Exception):
        pass

    def kill_after_two(done: int, total: int) -> None:
        assert total == 4
        if done == 2:
            raise KilledError

    out = tmp_path / "killed"
    with pytest.raises(KilledError):
        synthesize(
            out,
            SMALL,
            stills=material / "stills",
            objects=material / "objects",
            on_progress=kill_after_two,
        )
    complete = sorted(out.glob("*/?????"))
    assert len(complete) == 2
    untouched = complete[0] / "sequence.json"
    written_ns = untouched.stat().st_mtime_ns
    # What a process that died in the middle of a sequence leaves behind.
    left = out / "train" / ".ngs-0123456789abcdef.part" / "GS" / "PNG"
    left.mkdir(parents=True)
    (left / "00000000.png").write_bytes(b"half")
    made(out, material)
    assert untouched.stat().st_mtime_ns == written_ns
    assert contents(out) == contents(made(tmp_path / "undisturbed", material))


def test_what_is_written_opens_as_a_dataset(tmp_path: Path, material: Path) -> None:
    out = made(tmp_path / "out", material)
    sequences = [
        sequence
        for split in SPLITS
        if (out / split).exists()
        for sequence in open_dataset(out, split)
    ]
    assert [len(sequence) for sequence in sequences] == [3, 3, 3, 3]
    for sequence in sequences:
        assert sequence.info.synthetic
        assert sequence.frame(0).pixels.shape == (64, 96)
        assert 0 < sequence.target(0).max() <= 1


def test_no_source_serves_two_splits(tmp_path: Path, material: Path) -> None:
    recipe = replace(SMALL, sequences=(3, 3, 3), frames=1)
    out = made(tmp_path / "out", material, recipe)
    used = {
        split: {name for sequence in open_dataset(out, split) for name in sequence.info.sources}
        for split in SPLITS
    }
    assert all(used.values())
    assert not used["train"] & used["val"]
    assert not (used["train"] | used["val"]) & used["test"]


def row_gained(sequence: Sequence, index: int) -> torch.Tensor:
    info = sequence.info
    restorer = RowGain(torch.device("cpu"))
    return restorer.restore([sequence.frame(index)], info.conditions).light


@pytest.mark.parametrize("name", ["mono", "colour"])
def test_of_a_still_scene_row_gain_returns_the_target(
    tmp_path: Path, material: Path, name: str
) -> None:
    still = replace(
        RECIPES[name],
        sequences=(2, 0, 0),
        frames=1,
        columns=96,
        rows=64,
        still_scene_share=1.0,
        saturation_capacity_e=(1e8, 1e8),
        white_at_last_row=(0.8, 0.9),
        marker_share=0.0,
    )
    for sequence in open_dataset(made(tmp_path / "out", material, still), "train"):
        assert sequence.info.mean_blur_px is None
        error = row_gained(sequence, 0).numpy() - sequence.target(0)
        # Demosaicing has little to guess in soft blobs; the rest is rounding to 8 bit.
        step = 1 / (sequence.info.saturation_dn - sequence.info.black_level_dn)
        assert abs(error.mean()) < 0.25 * step
        assert np.percentile(np.abs(error), 99) < 0.005 + step


def test_saturation_is_where_the_sensor_clips(material: Path) -> None:
    bright = replace(SMALL, white_at_last_row=(6.0, 6.0), still_scene_share=1.0)
    clipped_below_the_largest_code = 0
    for number in range(8):
        plan = planned(material, bright, number)
        codes = plan.rsgr(0)
        assert codes.max() == plan.info.saturation_dn
        assert (codes == codes.max()).mean() > 0.02
        largest = plan.info.radiometry.pixel_format.maximum_dn
        clipped_below_the_largest_code += plan.info.saturation_dn < largest
    assert 0 < clipped_below_the_largest_code < 8


def test_noise_is_that_of_the_stated_sensor(material: Path) -> None:
    still = replace(SMALL, still_scene_share=1.0, pixel_formats=("Mono12",), frames=24)
    plan = planned(material, still, 1)
    codes = np.stack([plan.rsgr(index) for index in range(plan.frames)]).astype(np.float64)
    info = plan.info
    mean, variance = codes.mean(axis=0), codes.var(axis=0, ddof=1)
    inside = mean < 0.8 * info.saturation_dn
    signal_e = (mean - info.black_level_dn) / info.system_gain_dn_per_e
    expected = info.system_gain_dn_per_e**2 * (signal_e + info.temporal_dark_noise_e**2) + 1 / 12
    assert (variance / expected)[inside].mean() == pytest.approx(1.0, abs=0.03)


def test_timing_stays_within_the_recipe(material: Path) -> None:
    for number in range(12):
        info = planned(material, SMALL, number).info
        exposures = info.timing.row_exposure_us()
        assert 1.0 <= exposures[-1] / exposures[0] <= 8.0
        assert 3000 <= exposures[-1] <= 30000
        assert info.frame_interval_us >= info.timing.shortest_period_us()


def test_a_folder_begun_with_another_recipe_is_refused(tmp_path: Path, material: Path) -> None:
    recipe = replace(SMALL, sequences=(1, 0, 0), frames=1)
    out = made(tmp_path / "out", material, recipe)
    before = contents(out)
    with pytest.raises(InstrumentError, match="another recipe"):
        made(out, material, replace(recipe, seed=99))
    assert contents(out) == before
    made(out, material, recipe)
    assert contents(out) == before


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path, material: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InstrumentError, match="something else"):
        made(tmp_path, material)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_too_few_sources_are_refused_before_anything_is_written(
    tmp_path: Path, material: Path
) -> None:
    lone = tmp_path / "stills"
    lone.mkdir()
    (lone / "still0.png").write_bytes((material / "stills" / "still0.png").read_bytes())
    with pytest.raises(InstrumentError, match="no still falls into the split"):
        synthesize(tmp_path / "out", replace(SMALL, sequences=(1, 1, 1)), stills=lone)
    assert not (tmp_path / "out").exists()


def test_video_is_a_source(tmp_path: Path, some_footage: Footage) -> None:
    recipe = replace(SMALL, video_share=1.0, sequences=(1, 0, 0), frames=2)
    synthesize(tmp_path, recipe, stills=some_footage.stills, video=some_footage.films)
    (sequence,) = open_dataset(tmp_path, "train")
    assert sequence.info.sources[0].endswith(".mp4")
    assert sequence.info.mean_blur_px is None
    # Little moves in a few milliseconds: row gain is close, and no two frames are the same.
    error = row_gained(sequence, 0).numpy() - sequence.target(0)
    assert np.abs(error).mean() < 0.1 * sequence.target(0).mean()
    assert not np.array_equal(sequence.target(0), sequence.target(1))


def test_the_frozen_benchmark_takes_no_options() -> None:
    assert recipe_named("benchmark-v1") is BENCHMARK_V1
    with pytest.raises(InstrumentError, match="frozen"):
        recipe_named("benchmark-v1", sequences=3)
    with pytest.raises(InstrumentError, match="would be trained on"):
        recipe_named("mono", fractions=SplitFractions(0.1, 0.05))
    with pytest.raises(InstrumentError, match="known: mono, colour, benchmark-v1"):
        recipe_named("benchmark")


@dataclass(frozen=True)
class Expected:
    """Sequence 2 of the benchmark: what it is made of, and means of frame 3 in 4 x 4 parts."""

    sources: tuple[str, ...]
    mean_blur_px: float
    rsgr: list[list[float]]
    gs: list[list[float]]


OF_DRAWN_FOOTAGE = Expected(
    ("still045.png", "object003", "object009", "object032", "object020"), 5.605,
    rsgr=[[795, 516, 624, 510], [762, 739, 516, 571], [704, 668, 712, 485], [823, 745, 958, 1346]],
    gs=[[10759, 6715, 8413, 6716], [8981, 8539, 5789, 6431],
        [6994, 6641, 7084, 4667], [7299, 6508, 8672, 12192]],
)  # fmt: skip

OF_REAL_FOOTAGE = Expected(
    ("urban011.jpg", "bmx-trees", "horsejump-high", "breakdance"), 5.919,
    rsgr=[[1078, 677, 705, 966], [1236, 777, 971, 1708],
          [1214, 911, 1727, 2011], [1370, 1334, 2445, 1981]],
    gs=[[14972, 9151, 9489, 13390], [14788, 8996, 11389, 20517],
        [12484, 9262, 17922, 21161], [12561, 12054, 22676, 18500]],
)  # fmt: skip


def held_out_for_the_benchmark(footage: Footage) -> Sources:
    sources = Sources.find(footage.stills, footage.objects)
    return sources.of_split("test", BENCHMARK_V1.fractions)


def test_the_benchmark_is_what_it_was(some_footage: Footage, shared_folder: Path | None) -> None:
    expected = OF_DRAWN_FOOTAGE if shared_folder is None else OF_REAL_FOOTAGE
    plan = plan_sequence(BENCHMARK_V1, held_out_for_the_benchmark(some_footage), "test", 2)
    info = plan.info
    assert info.sources == expected.sources
    assert [info.exposure_us, info.line_time_us, info.frame_interval_us] == pytest.approx(
        [2223.3222623, 3.76161963, 4944.87307723]
    )
    assert info.mean_blur_px == pytest.approx(expected.mean_blur_px, abs=0.02)
    # Another CPU may round a little differently.
    for picture, means in ((plan.rsgr(3), expected.rsgr), (plan.gs(3), expected.gs)):
        measured = cv2.resize(picture.astype(np.float32), (4, 4), interpolation=cv2.INTER_AREA)
        np.testing.assert_allclose(measured, means, rtol=3e-3)


def test_the_benchmark_holds_what_it_promises(some_footage: Footage) -> None:
    held_out = held_out_for_the_benchmark(some_footage)
    plans = [plan_sequence(BENCHMARK_V1, held_out, "test", number) for number in range(26)]
    blurs = [plan.info.mean_blur_px for plan in plans]
    assert 6.0 <= np.mean(blurs) <= 7.0
    assert sum(plan.frames for plan in plans) >= 200
    assert len({name for plan in plans for name in plan.info.sources}) >= 10
    assert 5 <= sum(plan.info.has_markers for plan in plans) <= 20
    assert json.loads(plans[0].info.model_dump_json())["pixel_format"] == "Mono12"
