"""Networks put to work: what they are shown is what training shows them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from drivers.errors import InstrumentError
from drivers.frame import Frame, FrameMetadata
from drivers.frame_conditions import FrameConditions
from drivers.pixel_format import PIXEL_FORMATS
from drivers.radiometry import Radiometry
from drivers.timing import SensorTiming
from models.dataset.sequences import open_dataset
from models.networks import build_network
from models.restorers.fallback import Ladder
from models.restorers.network_restorer import NetworkRestorer
from models.restorers.registry import check_model, open_restorer, restorer_names
from models.restorers.row_gain import RowGain
from models.training.clips import Clips
from tests.models.network_files import Insatiable, Mean, live_network, offer, write_weights
from tests.models.small_dataset import written

CPU = torch.device("cpu")
ROWS, COLUMNS = 61, 83
TIMING = SensorTiming(1000.0, 50.0, ROWS)
PERIOD_NS = 8_000_000


def taken(name: str = "Mono8") -> FrameConditions:
    pixel_format = PIXEL_FORMATS[name]
    return FrameConditions(TIMING, Radiometry(pixel_format, 4.0, float(pixel_format.maximum_dn)))


def moving_frame(number: int, name: str = "Mono8", later_ns: int = 0) -> Frame:
    """Waves that run to the right by 3 px per period."""
    x_px, y_px = np.arange(COLUMNS) - 3.0 * number, np.arange(ROWS)[:, None]
    scene = 60 + 25 * np.sin(x_px / 5 + y_px / 7) + 20 * np.sin(x_px / 8.3 - y_px / 5)
    codes = scene * (TIMING.exposure_ratio() / 2)[:, None]
    if name.startswith("RGB"):
        codes = codes[..., None] * np.array([0.9, 1.0, 0.7])
    start_ns = number * PERIOD_NS + later_ns
    return Frame(codes.astype(np.uint8), FrameMetadata(number, start_ns, start_ns))


def restorer(engine: str = "torch-fp32") -> NetworkRestorer:
    return NetworkRestorer("live", live_network(), CPU, "test", engine=engine)


def test_a_network_sees_what_it_was_trained_on(tmp_path: Path) -> None:
    written(tmp_path, noise_dn=6.0)
    (sequence,) = open_dataset(tmp_path, "test")
    network = live_network()
    frames = [sequence.frame(index) for index in range(3)]
    restored = restorer().restore(frames[1:], sequence.info.conditions)
    seen = Clips([sequence], 1, (16, 16)).whole(sequence, newest=2, before=1).observation
    with torch.no_grad():
        expected = network(type(seen)(*(each[None] for each in seen)))[0, -1, 0]
    torch.testing.assert_close(restored.light, expected, rtol=0, atol=1e-5)


def test_frames_before_change_nothing_but_the_time_it_takes() -> None:
    frames = [moving_frame(number) for number in range(4)]
    remembering = restorer()
    for newest in range(4):
        given = frames[max(0, newest - 1) : newest + 1]
        light = remembering.restore(given, taken()).light
        fresh = restorer().restore(given, taken()).light
        # OpenCV's search is not quite the same in a frame's last cells when it was used before.
        torch.testing.assert_close(light, fresh, rtol=0, atol=1e-3)


def test_motion_counts_until_the_frame_before_is_too_old() -> None:
    alone = restorer().restore([moving_frame(1)], taken()).light

    def after(wait_ms: int) -> torch.Tensor:
        frames = [moving_frame(0), moving_frame(1, later_ns=wait_ms * 1_000_000)]
        return restorer().restore(frames, taken()).light

    assert not torch.equal(after(0), alone)
    assert not torch.equal(after(60), after(0)), "half the speed, half the blur"
    torch.testing.assert_close(after(1000), alone, rtol=0, atol=0)


def test_changed_timing_is_not_mixed_with_what_was_kept() -> None:
    frames = [moving_frame(0), moving_frame(1)]
    changed = replace(taken(), timing=replace(TIMING, exposure_us=700.0))
    used = restorer()
    used.restore(frames, taken())
    light = used.restore(frames, changed).light
    torch.testing.assert_close(light, restorer().restore(frames, changed).light, rtol=0, atol=1e-3)


def test_colour_is_restored_in_its_shape() -> None:
    frames = [moving_frame(number, "RGB8") for number in range(2)]
    restored = restorer().restore(frames, taken("RGB8"))
    assert restored.light.shape == (ROWS, COLUMNS, 3)
    assert restored.light.dtype == torch.float32


def test_a_clip_that_has_only_begun_is_filled_with_its_oldest_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, "mean", Mean)
    path = write_weights(tmp_path / "mean.safetensors", "mean", Mean())
    mean = open_restorer(str(path), CPU, "torch-fp32")
    assert mean.frames_needed == 3
    frames = [moving_frame(number) for number in range(3)]
    gained = [RowGain(CPU).restore([each], taken()).light for each in frames]
    for count, weights in ((1, (3, 0, 0)), (2, (2, 1, 0)), (3, (1, 1, 1))):
        light = mean.restore(frames[:count], taken()).light
        expected = 2 * sum(weight / 3 * each for weight, each in zip(weights, gained, strict=True))
        torch.testing.assert_close(light, expected, rtol=0, atol=1e-5)


def test_a_network_that_looks_ahead_restores_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, "mean", Mean)
    path = write_weights(tmp_path / "mean.safetensors", "mean", Mean())
    mean = open_restorer(str(path), CPU, "torch-fp32")
    frames = [moving_frame(number) for number in range(5)]
    restored = mean.restore_clip(frames, taken())  # type: ignore[attr-defined]
    gained = [RowGain(CPU).restore([each], taken()).light for each in frames]
    assert len(restored) == 5
    for each in restored:
        torch.testing.assert_close(each.light, 2 * torch.stack(gained).mean(0))
    assert not hasattr(restorer(), "restore_clip"), "the live network does not look ahead"


def test_a_restorer_tells_its_cost() -> None:
    opened = restorer()
    live = opened.state
    assert (live.name, live.device, live.engine) == ("live", "cpu", "")
    assert live.params == sum(each.numel() for each in build_network("live").parameters())
    assert 1e9 < opened.macs_per_megapixel < 30e9
    assert live.converged is None


def test_memory_that_runs_out_steps_down_the_ladder_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, "insatiable", Insatiable)
    path = write_weights(tmp_path / "insatiable.safetensors", "insatiable", Insatiable())
    ladder = Ladder(str(path), CPU)
    frames = [moving_frame(0), moving_frame(1)]
    light = ladder.restore(frames, taken()).light
    assert ladder.state.name == "warp"
    assert "out of memory for" in ladder.state.fallback
    expected = open_restorer("warp", CPU).restore(frames, taken()).light
    torch.testing.assert_close(light, expected, rtol=0, atol=0)


def test_what_is_no_number_is_given_by_row_gain_and_counted(tmp_path: Path) -> None:
    network = live_network()
    next(network.parameters()).data[0] = torch.nan
    path = write_weights(tmp_path / "broken.safetensors", network=network)
    ladder = Ladder(str(path), CPU, "torch-fp32")
    frames = [moving_frame(0), moving_frame(1)]
    expected = RowGain(CPU).restore(frames, taken()).light
    for count in (1, 2):
        light = ladder.restore(frames, taken()).light
        torch.testing.assert_close(light, expected, rtol=0, atol=0)
        assert ladder.state.replaced == count
    assert ladder.state.fallback == ""


def test_other_errors_are_not_taken_for_lack_of_memory() -> None:
    with pytest.raises(ValueError, match="rows"):
        Ladder("warp", CPU).restore(
            [moving_frame(0)], replace(taken(), timing=replace(TIMING, rows=7))
        )


def test_models_are_named_once_and_wrong_ones_told_in_a_line(tmp_path: Path) -> None:
    assert restorer_names()[:2] == ("row-gain", "warp")
    whole = write_weights(tmp_path / "mine.safetensors")
    assert check_model(str(whole)) == str(whole)
    truncated = tmp_path / "truncated.safetensors"
    truncated.write_bytes(whole.read_bytes()[:-100])
    for path, reason in (
        (truncated, "truncated or no safetensors file"),
        (tmp_path / "absent.safetensors", "no weights file"),
    ):
        with pytest.raises(InstrumentError, match=reason) as refusal:
            check_model(str(path))
        assert "\n" not in str(refusal.value)
