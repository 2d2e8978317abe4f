"""The physics of the virtual sensor, held to the identities of image formation."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from drivers.camera_settings import Region, ShutterMode
from drivers.pixel_format import PIXEL_FORMATS
from drivers.timing import ReadoutDirection, SensorTiming
from drivers.virtual.scene.bench import ProceduralScene
from drivers.virtual.scene.optics import View
from drivers.virtual.scene.sensor import (
    GS_SENSOR,
    RSGR_SENSOR,
    SensorCharacteristics,
    digitise,
    expose,
    row_windows_us,
)

COLUMNS, ROWS = 320, 240
IDENTITY = View.identity(COLUMNS, ROWS)
REGION = Region(16, 8, 288, 224)


@pytest.fixture(scope="module")
def moving_scene() -> ProceduralScene:
    return ProceduralScene(COLUMNS, ROWS)


@dataclass(frozen=True)
class StaticScene:
    """A ramp of radiance that never changes."""

    def integrate(
        self,
        region: Region,
        start_us: NDArray[np.float64],
        end_us: NDArray[np.float64],
        *,
        colour: bool,
    ) -> NDArray[np.float32]:
        ramp = np.linspace(0.02, 0.5, region.width_px)
        light = ramp * (end_us - start_us)[:, None]
        return np.repeat(light[..., None], 3, axis=2) if colour else light.astype(np.float32)


def codes(
    light: NDArray[np.float32], name: str = "Mono12", **changes: object
) -> NDArray[np.uint16]:
    pixel_format = PIXEL_FORMATS[name]
    shape = (*light.shape[:2], 3) if pixel_format.channels == 3 else light.shape[:2]
    out = np.zeros(shape, pixel_format.dtype)
    arguments: dict[str, object] = {
        "characteristics": RSGR_SENSOR,
        "gain_db": 0.0,
        "black_level_dn": 64.0,
        "white_balance": (1.0, 1.0),
        "rng": np.random.default_rng(7),
        "noise": False,
    }
    digitise(light, pixel_format=pixel_format, out=out, **(arguments | changes))
    return out


# --- row windows ---


@pytest.mark.parametrize("direction", list(ReadoutDirection))
def test_windows_follow_the_readout_direction(direction: ReadoutDirection) -> None:
    timing = SensorTiming(1000.0, 10.0, 5, direction)
    start, end = row_windows_us(ShutterMode.GLOBAL_RESET, timing)
    np.testing.assert_array_equal(start, 0.0)
    np.testing.assert_allclose(end, 1000.0 + 10.0 * timing.readout_index())
    start, end = row_windows_us(ShutterMode.ROLLING, timing)
    np.testing.assert_allclose(start, 10.0 * timing.readout_index())
    np.testing.assert_allclose(end - start, 1000.0)
    start, end = row_windows_us(ShutterMode.GLOBAL, timing)
    assert (start == 0.0).all()
    assert (end == 1000.0).all()


# --- identities of physics.md ---


def test_without_line_time_global_reset_is_a_global_shutter(moving_scene: ProceduralScene) -> None:
    timing = SensorTiming(2000.0, 0.0, REGION.height_px)
    reset, shutter = (
        expose(moving_scene, IDENTITY, REGION, mode, timing, 1234.5, colour=False)
        for mode in (ShutterMode.GLOBAL_RESET, ShutterMode.GLOBAL)
    )
    np.testing.assert_array_equal(reset, shutter)


@pytest.mark.parametrize("colour", [False, True])
def test_static_scene_in_global_reset_is_the_global_shutter_times_row_exposure(
    colour: bool,
) -> None:
    timing = SensorTiming(1500.0, 6.0, REGION.height_px)
    reset, shutter = (
        expose(StaticScene(), IDENTITY, REGION, mode, timing, 0.0, colour=colour)
        for mode in (ShutterMode.GLOBAL_RESET, ShutterMode.GLOBAL)
    )
    ratio = (timing.row_exposure_us() / timing.exposure_us).reshape(-1, *[1] * (reset.ndim - 1))
    np.testing.assert_allclose(reset, shutter * ratio, rtol=1e-6)
    np.testing.assert_allclose(reset / ratio, shutter, rtol=1e-6)


def test_rolling_shutter_shows_no_ramp_on_a_static_scene() -> None:
    timing = SensorTiming(1500.0, 6.0, REGION.height_px)
    rolling, shutter = (
        expose(StaticScene(), IDENTITY, REGION, mode, timing, 0.0, colour=False)
        for mode in (ShutterMode.ROLLING, ShutterMode.GLOBAL)
    )
    np.testing.assert_allclose(rolling, shutter, rtol=1e-6)


def test_exposure_must_fit_the_region(moving_scene: ProceduralScene) -> None:
    timing = SensorTiming(1000.0, 6.0, REGION.height_px + 1)
    with pytest.raises(ValueError, match="rows"):
        expose(moving_scene, IDENTITY, REGION, ShutterMode.GLOBAL, timing, 0.0, colour=False)


def test_a_bent_view_is_for_global_shutters_only(moving_scene: ProceduralScene) -> None:
    timing = SensorTiming(1000.0, 6.0, REGION.height_px)
    view = View.behind_splitter(COLUMNS, ROWS)
    with pytest.raises(ValueError, match="identity"):
        expose(moving_scene, view, REGION, ShutterMode.GLOBAL_RESET, timing, 0.0, colour=False)


# --- from light to codes ---


@pytest.mark.parametrize(
    ("name", "bits"), [("Mono8", 8), ("Mono10", 10), ("Mono12", 12), ("Mono12p", 12)]
)
def test_codes_are_gain_times_electrons_plus_black(name: str, bits: int) -> None:
    light = np.full((4, 6), 2000.0, np.float32)
    black = 2.0 ** (bits - 6)
    expected = 2000.0 * RSGR_SENSOR.electrons_per_us * RSGR_SENSOR.gain_dn_per_e(bits, 6.0) + black
    assert (codes(light, name, gain_db=6.0, black_level_dn=black) == round(expected)).all()


@given(
    light=st.floats(0.0, 1e6),
    gain_db=st.floats(0.0, 24.0),
    black=st.floats(0.0, 255.0),
    gamma=st.sampled_from([1.0, 0.45, 2.2]),
    noise=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_codes_stay_within_their_bits(
    light: float, gain_db: float, black: float, gamma: float, noise: bool
) -> None:
    got = codes(
        np.full((2, 8), light, np.float32),
        "Mono10",
        gain_db=gain_db,
        black_level_dn=black,
        gamma=gamma,
        noise=noise,
    )
    assert got.max() <= PIXEL_FORMATS["Mono10"].maximum_dn


def test_a_full_pixel_stops_at_its_capacity_before_gain() -> None:
    small_well = SensorCharacteristics(0.4, 2.0, saturation_capacity_e=2000.0, electrons_per_us=1.0)
    light = np.array([[1999.0, 2001.0, 50_000.0]], np.float32)
    got = codes(light, characteristics=small_well, black_level_dn=0.0)
    np.testing.assert_array_equal(got, [[800, 800, 800]])


def test_gamma_acts_behind_the_black_level_and_keeps_both_ends() -> None:
    light = np.array([[0.0, 2500.0, 1e6]], np.float32)
    got = codes(light, "Mono8", black_level_dn=0.0, gamma=0.45)
    np.testing.assert_array_equal(got, [[0, round(255 * (1000 / 4095) ** 0.45), 255]])


@pytest.mark.parametrize(
    ("name", "cell"), [("BayerRG12", "RGGB"), ("BayerGR12", "GRBG"), ("BayerGB12", "GBRG"),
                       ("BayerBG12", "BGGR")]
)  # fmt: skip
def test_mosaic_takes_each_channel_at_its_place(name: str, cell: str) -> None:
    radiance = {"R": 100.0, "G": 300.0, "B": 700.0}
    light = np.tile(np.array(list(radiance.values()), np.float32), (70, 1000, 1))
    got = codes(light, name, black_level_dn=0.0)
    for place, channel in enumerate(cell):
        response = RSGR_SENSOR.colour_response["RGB".index(channel)]
        expected = round(radiance[channel] * response * RSGR_SENSOR.system_gain_dn_per_e)
        assert (got[place // 2 :: 2, place % 2 :: 2] == expected).all()


@pytest.mark.parametrize("sensor", [RSGR_SENSOR, GS_SENSOR])
def test_neutral_white_balance_makes_grey_grey(sensor: SensorCharacteristics) -> None:
    light = np.full((4, 4, 3), 2000.0, np.float32)
    got = codes(light, "RGB8", characteristics=sensor, white_balance=sensor.neutral_white_balance)
    assert np.ptp(got) == 0


def test_light_must_suit_the_format() -> None:
    with pytest.raises(ValueError, match="RGB8"):
        codes(np.zeros((4, 4), np.float32), "RGB8")
    strided = np.zeros((4, 8), np.uint16)[:, ::2]
    with pytest.raises(ValueError, match="contiguous"):
        digitise(
            np.zeros((4, 4), np.float32),
            RSGR_SENSOR,
            gain_db=0.0,
            black_level_dn=0.0,
            pixel_format=PIXEL_FORMATS["Mono12"],
            white_balance=(1.0, 1.0),
            rng=np.random.default_rng(),
            out=strided,
        )


# --- noise ---


@pytest.mark.parametrize("sensor", [RSGR_SENSOR, GS_SENSOR])
@pytest.mark.parametrize(("name", "gain_db", "brightest"), [("Mono12", 0.0, 8000.0),
                                                            ("Mono8", 12.0, 1500.0)])  # fmt: skip
def test_photon_transfer_slope_is_the_system_gain(
    sensor: SensorCharacteristics, name: str, gain_db: float, brightest: float
) -> None:
    """EMVA 1288: variance against mean is a line of slope K."""
    rng = np.random.default_rng(11)
    means, variances = [], []
    for light in np.linspace(brightest / 8, brightest, 8):
        flat = np.full((400, 500), light, np.float32)
        first, second = (
            codes(flat, name, characteristics=sensor, gain_db=gain_db, rng=rng, noise=True)
            .astype(np.float64)
            for _ in range(2)
        )  # fmt: skip
        means.append((first.mean() + second.mean()) / 2)
        # Half the variance of a difference; rounding to whole codes adds 1/12.
        variances.append(np.var(first - second) / 2 - 1 / 12)
    slope, _ = np.polyfit(means, variances, 1, w=1 / np.array(variances))
    gain = sensor.gain_dn_per_e(PIXEL_FORMATS[name].bits, gain_db)
    assert slope == pytest.approx(gain, rel=0.02)


@pytest.mark.parametrize("sensor", [RSGR_SENSOR, GS_SENSOR])
def test_a_dark_frame_shows_the_dark_noise_about_the_black_level(
    sensor: SensorCharacteristics,
) -> None:
    dark = codes(np.zeros((500, 500), np.float32), characteristics=sensor, gain_db=12.0, noise=True)
    noise_e = np.sqrt(np.var(dark.astype(float)) - 1 / 12) / sensor.gain_dn_per_e(12, 12.0)
    assert noise_e == pytest.approx(sensor.temporal_dark_noise_e, rel=0.01)
    assert dark.mean() == pytest.approx(64.0, abs=0.05)


def test_noise_is_fresh_in_every_frame_and_repeats_with_the_seed() -> None:
    flat = np.full((200, 300), 3000.0, np.float32)
    rng = np.random.default_rng(5)
    first, second = (codes(flat, rng=rng, noise=True).astype(float) for _ in range(2))
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.02
    again = codes(flat, rng=np.random.default_rng(5), noise=True)
    np.testing.assert_array_equal(first, again)


def test_noise_is_white_within_a_frame() -> None:
    flat = np.full((400, 400), 3000.0, np.float32)
    residual = codes(flat, noise=True).astype(float)
    residual -= residual.mean()
    spectrum = np.abs(np.fft.fft2(residual)[:200, :200]) ** 2
    blocks = spectrum[:200, :200].reshape(4, 50, 4, 50).mean(axis=(1, 3))
    assert blocks.max() / blocks.min() < 1.25
