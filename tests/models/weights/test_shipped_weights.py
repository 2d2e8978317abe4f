"""The weights that come with ngs, put to work: none of them may hurt a good picture."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from drivers.frame import Frame, FrameMetadata
from drivers.frame_conditions import FrameConditions
from drivers.pixel_format import PIXEL_FORMATS
from drivers.radiometry import Radiometry
from drivers.timing import SensorTiming
from models.encoding import srgb_encode
from models.metrics import psnr_db
from models.restorers.registry import open_restorer
from models.weights.shipped import shipped_weights

ROWS, COLUMNS = 120, 160
TIMING = SensorTiming(2000.0, 50.0, ROWS)
RADIOMETRY = Radiometry(PIXEL_FORMATS["Mono12"], 64.0, 4095.0)
CONDITIONS = FrameConditions(TIMING, RADIOMETRY)
CAPACITY_E = 10_000.0
PERIOD_NS = 16_000_000
CPU = torch.device("cpu")


def picture(shift_px: float | NDArray[np.float64] = 0.0) -> NDArray[np.float64]:
    """Light of a scene with fine and coarse texture, edges and a gradient, below saturation.

    ``shift_px`` is one for all rows, or ``(ROWS, 1)``.
    """
    x, y = np.meshgrid(np.arange(COLUMNS), np.arange(ROWS))
    x = x - shift_px
    light = 0.12 + 0.04 * np.sin(x / 3) * np.cos(y / 4) + 0.03 * np.sin((x + y) / 17)
    light += 0.05 * (((x // 20) + (y // 20)) % 2) + 0.03 * np.sin(x * 0.9)
    return np.asarray(light, np.float64)


def frame(light: NDArray[np.float64], number: int, dark_noise_e: float) -> Frame:
    """What an RSGR camera makes of still light, shot and dark noise included."""
    rng = np.random.default_rng(number)
    ratio = TIMING.exposure_ratio()[:, None]
    electrons = rng.poisson(light * ratio * CAPACITY_E) + rng.normal(0.0, dark_noise_e, light.shape)
    codes = RADIOMETRY.black_level_dn + electrons / CAPACITY_E * RADIOMETRY.span_dn
    pixels = np.clip(np.rint(codes), 0, RADIOMETRY.saturation_dn).astype(np.uint16)
    return Frame(pixels, FrameMetadata(number, number * PERIOD_NS))


def quality_db(model: str, frames: list[Frame], light: NDArray[np.float64]) -> float:
    restored = open_restorer(model, CPU, None if model == "row-gain" else "torch-fp32")
    with torch.inference_mode():
        given = restored.restore(frames, CONDITIONS).light
        error = srgb_encode(given) - srgb_encode(torch.from_numpy(light).float())
    return psnr_db(float(error.square().mean()))


@pytest.mark.parametrize("dark_noise_e", [1.0, 8.0, 40.0])
@pytest.mark.parametrize("model", sorted(shipped_weights()))
def test_what_stands_still_is_no_worse_than_by_row_gain(model: str, dark_noise_e: float) -> None:
    light = picture()
    frames = [frame(light, number, dark_noise_e) for number in range(5)]
    assert quality_db(model, frames, light) >= quality_db("row-gain", frames, light)


@pytest.mark.parametrize("model", sorted(shipped_weights()))
def test_without_a_frame_before_it_is_no_worse_than_row_gain(model: str) -> None:
    light = picture()
    frames = [frame(light, 0, 8.0)]
    assert quality_db(model, frames, light) >= quality_db("row-gain", frames, light) - 0.1


def blurred(speed_px_per_us: float, number: int) -> NDArray[np.float64]:
    """Mean light of each row's exposure while the scene runs to the right."""
    start_us = number * PERIOD_NS / 1e3
    ends_us = TIMING.row_exposure_us()[:, None]
    shares = (np.arange(32) + 0.5) / 32
    seen = [picture(speed_px_per_us * (start_us + share * ends_us)) for share in shares]
    return np.asarray(np.mean(seen, axis=0))


def test_live_undoes_the_blur_of_what_moves() -> None:
    speed_px_per_us = 6.0 / TIMING.row_exposure_us()[-1]
    frames = [frame(blurred(speed_px_per_us, number), number, 2.0) for number in range(2)]
    start_us = PERIOD_NS / 1e3
    instants_us = start_us + (np.arange(16) + 0.5) / 16 * TIMING.exposure_us
    light = np.mean([picture(speed_px_per_us * at_us) for at_us in instants_us], axis=0)
    row_gain = quality_db("row-gain", frames, light)
    assert quality_db("live", frames, light) > row_gain + 3


def test_the_network_file_is_all_a_model_needs(tmp_path: Path) -> None:
    copy = tmp_path / "mine.safetensors"
    copy.write_bytes(shipped_weights()["live"].read_bytes())
    frames = [frame(picture(), number, 2.0) for number in range(2)]
    by_name, by_path = (
        open_restorer(model, CPU, "torch-fp32").restore(frames, CONDITIONS).light
        for model in ("live", str(copy))
    )
    # DIS, whose flow both use, is not the same to the last digit each time.
    torch.testing.assert_close(by_name, by_path, atol=1e-3, rtol=0)
