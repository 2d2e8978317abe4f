"""Row gain by the identities of the physics; colour in the stated order."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import InstrumentError
from drivers.frame import Frame, FrameMetadata
from drivers.frame_conditions import FrameConditions
from drivers.pixel_format import PIXEL_FORMATS
from drivers.radiometry import Radiometry
from drivers.srgb import linear_from_srgb
from drivers.timing import ReadoutDirection, SensorTiming
from models.demosaic import Demosaic
from models.encoding import srgb_encode, to_screen
from models.restorers.registry import open_restorer
from models.restorers.row_gain import RowGain

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
    ),
]


def frame(pixels: np.ndarray) -> Frame:
    return Frame(pixels, FrameMetadata(sequence=0, host_time_ns=0))


@pytest.mark.parametrize("device", DEVICES)
@given(
    ramp=st.floats(1.0, 8.0),
    direction=st.sampled_from(ReadoutDirection),
    black_level_dn=st.floats(0, 300),
    name=st.sampled_from(["Mono10", "Mono12", "Mono16"]),
)
@settings(deadline=None, max_examples=40)
def test_row_gain_returns_the_global_shutter_picture_of_a_static_scene(
    device: str, ramp: float, direction: ReadoutDirection, black_level_dn: float, name: str
) -> None:
    rows, columns = 40, 24
    pixel_format = PIXEL_FORMATS[name]
    timing = SensorTiming(1000.0, (ramp - 1) * 1000.0 / (rows - 1), rows, direction)
    radiometry = Radiometry(pixel_format, black_level_dn, pixel_format.maximum_dn)
    span_dn = pixel_format.maximum_dn - black_level_dn
    scene = np.random.default_rng(1).uniform(0, 0.95 / ramp, (rows, columns))
    exposed = scene * (timing.row_exposure_us() / timing.exposure_us)[:, None]
    codes = np.round(black_level_dn + span_dn * exposed).astype(np.uint16)
    restored = RowGain(torch.device(device)).restore(
        [frame(codes)], FrameConditions(timing, radiometry)
    )
    # Half a code of rounding is all that may be left.
    np.testing.assert_allclose(restored.light.cpu().numpy(), scene, atol=0.51 / span_dn)
    assert not restored.saturated.any()


@pytest.mark.parametrize("device", DEVICES)
def test_saturation_is_marked_from_raw_codes(device: str) -> None:
    timing = SensorTiming(1000.0, 100.0, 4)
    codes = np.full((4, 3), 200, np.uint8)
    codes[3, 1] = 255
    conditions = FrameConditions(timing, Radiometry(PIXEL_FORMATS["Mono8"], 4.0, 255.0))
    restored = RowGain(torch.device(device)).restore([frame(codes)], conditions)
    assert restored.saturated.cpu().nonzero().tolist() == [[3, 1]]


@pytest.mark.parametrize("name", ["BayerRG8", "BayerGR8", "BayerGB8", "BayerBG8"])
@pytest.mark.parametrize("size", [(16, 20), (17, 21)])
def test_colour_is_gained_on_the_mosaic_balanced_and_demosaiced(
    name: str, size: tuple[int, int]
) -> None:
    rows, columns = size
    pixel_format = PIXEL_FORMATS[name]
    timing = SensorTiming(1000.0, 100.0, rows)
    light = {"R": 0.10, "G": 0.20, "B": 0.05}
    pattern = np.array(list(_cell(name))).reshape(2, 2)
    mosaic = np.vectorize(light.get)(pattern[np.arange(rows)[:, None] % 2, np.arange(columns) % 2])
    exposed = mosaic * (timing.row_exposure_us() / 1000.0)[:, None]
    codes = np.round(10 + 245 * exposed).astype(np.uint8)
    radiometry = Radiometry(pixel_format, 10.0, 255.0, white_balance=(2.0, 1.0, 4.0))
    conditions = FrameConditions(timing, radiometry)
    restored = RowGain(torch.device("cpu")).restore([frame(codes)], conditions).light
    assert restored.shape == (rows, columns, 3)
    np.testing.assert_allclose(restored.numpy(), np.full((rows, columns, 3), 0.2), atol=0.03)


def _cell(name: str) -> str:
    return {"RG": "RGGB", "GR": "GRBG", "GB": "GBRG", "BG": "BGGR"}[name[5:7]]


def test_rgb_frames_keep_their_channels() -> None:
    codes = np.zeros((4, 5, 3), np.uint8)
    codes[..., 0] = 255
    radiometry = Radiometry(PIXEL_FORMATS["RGB8"], 0.0, 255.0)
    restored = RowGain(torch.device("cpu")).restore(
        [frame(codes)], FrameConditions(SensorTiming(1000.0, 0.0, 4), radiometry)
    )
    assert restored.light[..., 0].eq(1).all()
    assert restored.light[..., 1:].eq(0).all()


@pytest.mark.parametrize("pattern", ["RG", "GR", "GB", "BG"])
def test_demosaicing_is_exact_on_a_grey_gradient(pattern: str) -> None:
    vertical, horizontal = np.mgrid[0:12, 0:14]
    # Grey lies on the mosaic as it is: every interpolation samples one plane.
    codes = (400 + 20 * vertical + 40 * horizontal).astype(np.uint16)
    scale = np.full(codes.shape, 1 / 4095, np.float32)
    rgb = Demosaic(pattern, 100.0, scale)(codes)
    expected = np.repeat(((codes - 100.0) / 4095)[..., None], 3, -1)
    np.testing.assert_allclose(rgb[2:-2, 2:-2], expected[2:-2, 2:-2], atol=2e-4)


def test_noise_below_black_survives_demosaicing() -> None:
    codes = np.full((8, 8), 90, np.uint16)
    rgb = Demosaic("RG", 100.0, np.full(codes.shape, 1 / 4095, np.float32))(codes)
    np.testing.assert_allclose(rgb, -10 / 4095, atol=1e-4)


@given(light=st.floats(0, 1))
def test_encoding_and_decoding_are_inverse(light: float) -> None:
    decoded = linear_from_srgb(srgb_encode(torch.tensor([light], dtype=torch.float64)).numpy())
    assert decoded.item() == pytest.approx(light, abs=1e-6)


def test_screen_codes_are_rounded_and_clipped() -> None:
    light = torch.tensor([-0.1, 0.0, 0.2140, 1.0, 7.0])
    assert to_screen(light).tolist() == [0, 0, 127, 255, 255]


def test_screen_codes_agree_with_the_curve() -> None:
    light = torch.linspace(0, 1, 9999)
    exact = srgb_encode(light) * 255
    assert (torch.from_numpy(to_screen(light).astype(np.float32)) - exact).abs().max() < 0.7


def test_wrong_radiometry_and_model_are_refused() -> None:
    with pytest.raises(InstrumentError, match="black level 300 DN"):
        Radiometry(PIXEL_FORMATS["Mono8"], 300.0, 255.0)
    with pytest.raises(InstrumentError, match="unknown model 'magic'; known: row-gain"):
        open_restorer("magic", torch.device("cpu"))


def test_a_frame_of_other_rows_is_a_defect() -> None:
    radiometry = Radiometry(PIXEL_FORMATS["Mono8"], 0.0, 255.0)
    with pytest.raises(ValueError, match="frame of 4 rows, timing of 5"):
        RowGain(torch.device("cpu")).restore(
            [frame(np.zeros((4, 4), np.uint8))],
            FrameConditions(SensorTiming(1000.0, 1.0, 5), radiometry),
        )
