"""Clips to train on: true to their absolute rows, drawn the same again, faults and all."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from drivers.errors import InstrumentError
from models.training.clips import Clip, Clips, FlowFaults
from tests.models.small_dataset import COLUMNS, FRAMES, INFO, ROWS, opened


def drawn(clips: Clips, place: int, epoch: int = 0) -> Clip:
    return clips[epoch * len(clips) + place][0]


def test_a_crop_keeps_the_exposures_of_its_absolute_rows(tmp_path: Path) -> None:
    clips = Clips([opened(tmp_path)], 2, (16, 24))
    assert len(clips) == FRAMES - 1
    firsts = set()
    for epoch in range(20):
        clip = drawn(clips, 1, epoch)
        seen = clip.observation
        assert seen.light.shape == clip.target.shape == (2, 1, 16, 24)
        assert seen.saturated.shape == (2, 1, 16, 24)
        assert seen.flow_px.shape == (2, 8, 12)
        first = round((float(seen.exposure_ratio[0]) - 1) * 1000.0 / 60.0)
        firsts.add(first)
        expected = INFO.timing.row_exposure_us()[first : first + 16] / INFO.exposure_us
        np.testing.assert_allclose(seen.exposure_ratio, expected, rtol=1e-6)
        # Row gain with any other rows' exposures would miss the target.
        torch.testing.assert_close(seen.light, clip.target, atol=3e-4, rtol=0)
        assert float(seen.exposure_share) == pytest.approx(1000 / 5000)
    assert {0, ROWS - 16} < firsts


def test_clips_are_flipped_left_and_right_only_and_all_alike(tmp_path: Path) -> None:
    clips = Clips([opened(tmp_path)], 2, (ROWS, COLUMNS))
    rising = set()
    for epoch in range(12):
        clip = drawn(clips, 0, epoch)
        both = torch.cat([clip.observation.light, clip.target])
        slopes = torch.sign(both.mean(dim=(1, 2)).diff().mean(-1))
        assert len(set(slopes.tolist())) == 1
        rising.add(float(slopes[0]))
        assert clip.target[1].mean() > clip.target[0].mean()
        assert clip.observation.exposure_ratio[0] < clip.observation.exposure_ratio[-1]
    assert rising == {-1.0, 1.0}


def test_the_same_seed_and_epoch_draw_the_same_clips(tmp_path: Path) -> None:
    sequence = opened(tmp_path)
    faults = FlowFaults(absent=0.3, wrong=0.3, older=0.3)
    first, second = (
        Clips([sequence], 2, (16, 24), crops=3, seed=5, faults=faults) for _ in range(2)
    )
    for place in range(len(first)):
        torch.testing.assert_close(first[place], second[place], rtol=0, atol=0)
    other = Clips([sequence], 2, (16, 24), crops=3, seed=6, faults=faults)
    assert not torch.equal(first[0][0].observation.light, other[0][0].observation.light)
    next_epoch = first[len(first)]
    assert not torch.equal(first[0][0].observation.light, next_epoch[0].observation.light)


def test_faults_of_flow_are_shown_as_the_restorer_will_see_them(tmp_path: Path) -> None:
    sequence = opened(tmp_path)
    absent = Clips([sequence], 1, (16, 24), faults=FlowFaults(1.0, 0.0, 0.0))
    for place in range(len(absent)):
        seen = drawn(absent, place).observation
        assert not seen.flow_px.any()
        assert not seen.confidence.any()
        assert float(seen.exposure_share) == 0
    wrong = Clips([sequence], 1, (16, 24), faults=FlowFaults(0.0, 1.0, 0.0))
    assert any(drawn(wrong, place).observation.flow_px.abs().max() > 1 for place in range(3))
    older = Clips([sequence], 1, (16, 24), faults=FlowFaults(0.0, 0.0, 1.0))
    shares = {round(float(drawn(older, place).observation.exposure_share), 3) for place in (0, 1)}
    assert shares == {0.2, 0.1}


def test_crops_make_batches(tmp_path: Path) -> None:
    clips = Clips([opened(tmp_path)], 3, (16, 24), crops=2)
    batch = default_collate(clips[0])
    assert batch.observation.light.shape == (2, 3, 1, 16, 24)
    assert batch.observation.exposure_ratio.shape == (2, 16)
    assert {each.dtype for each in batch.observation} == {torch.float32}


def test_clips_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    sequence = opened(tmp_path)
    for frames, crop in ((FRAMES + 1, (16, 24)), (2, (ROWS + 2, 24))):
        with pytest.raises(InstrumentError, match="too few"):
            Clips([sequence], frames, crop)
    with pytest.raises(InstrumentError, match="even"):
        Clips([sequence], 2, (15, 24))


def test_crops_stay_where_both_cameras_see(tmp_path: Path) -> None:
    """Outside the overlap GS means nothing, and nothing there may be learnt."""
    sequence = opened(tmp_path)
    top, rows, left, columns = 5, ROWS - 12, 3, COLUMNS - 8
    info = INFO.model_copy(update={"overlap_px": (left, top, columns, rows)})
    clips = Clips([replace(sequence, info=info)], 2, (16, 16), crops=20)
    allowed = INFO.timing.row_exposure_us()[info.inside[0]] / INFO.exposure_us
    for clip in clips[0]:
        ratio = clip.observation.exposure_ratio
        assert allowed[0] - 1e-6 <= float(ratio[0])
        assert float(ratio[-1]) <= allowed[-1] + 1e-6
    with pytest.raises(InstrumentError, match="too few"):
        Clips([replace(sequence, info=info)], 2, (rows + 2, 16))
