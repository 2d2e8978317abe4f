"""One random sequence of a synthetic dataset, rendered frame by frame."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region, ShutterMode
from drivers.frame_conditions import FrameConditions, record_fields
from drivers.pixel_format import PIXEL_FORMATS, PixelFormat, Pixels
from drivers.radiometry import Radiometry
from drivers.timing import SensorTiming
from drivers.virtual.scene.footage_scene import open_footage
from drivers.virtual.scene.optics import View
from drivers.virtual.scene.scene import Scene
from drivers.virtual.scene.sensor import RSGR_SENSOR, SensorCharacteristics, digitise, expose
from models.dataset.layout import SPLITS
from models.dataset.sequence_info import GS_FULL_SCALE, SequenceInfo
from models.synthesis.layered_scene import Layer, LayeredScene, Texture
from models.synthesis.recipes import Range, Recipe
from models.synthesis.scene_sources import (
    Sources,
    cut_out,
    fitted_background,
    laid_on,
    marker_card,
    mirrored,
    read_still,
)
from models.synthesis.trajectory import Swing, Trajectory

GENERATOR = "ngs synthesize 1"

_ADC_BITS = 12
"""Depth that :class:`SensorCharacteristics` states its gain at."""
_MARKERS = 100
"""Markers in the dictionary."""
_BLUR_SHAPE = 1.6
"""Shape of the gamma distribution of blur lengths."""
_MOVING_PX = 0.25
"""Blur above which a pixel counts as moving."""
_BLUR_ROW_STEP = 16
"""Every so many rows the blur is measured."""
_VIDEO_START_US = 1_500_000.0
"""Latest start within a video; it plays to and fro, so none is too late."""


@dataclass(frozen=True)
class SequencePlan:
    """A scene, a sensor and a timing: everything that frames are rendered from."""

    info: SequenceInfo
    scene: Scene
    scene_start_us: float
    sensor: SensorCharacteristics
    noise_seeds: tuple[int, ...]
    """One for each frame."""

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.noise_seeds)

    @property
    def region(self) -> Region:
        """The whole frame."""
        return Region(0, 0, self.info.columns, self.info.rows)

    def start_us(self, index: int) -> float:
        """Scene time at which a frame's exposure starts."""
        return self.scene_start_us + index * self.info.frame_interval_us

    def pair(self, index: int) -> tuple[Pixels, NDArray[np.uint16]]:
        """RSGR codes with noise and GS codes without; see :mod:`models.dataset.sequence_info`."""
        return self.rsgr(index), self.gs(index)

    def rsgr(self, index: int) -> Pixels:
        """What the RSGR camera delivers."""
        radiometry = self.info.radiometry
        coding = radiometry.pixel_format
        codes = np.empty((self.info.rows, self.info.columns), coding.dtype)
        digitise(
            self._light(index, ShutterMode.GLOBAL_RESET),
            self.sensor,
            gain_db=0.0,
            black_level_dn=radiometry.black_level_dn,
            pixel_format=coding,
            white_balance=(1.0, 1.0),
            rng=np.random.default_rng(self.noise_seeds[index]),
            out=codes,
        )
        return codes

    def gs(self, index: int) -> NDArray[np.uint16]:
        """Linear light of the ideal global shutter, ``GS_FULL_SCALE`` = its saturated signal."""
        radiometry, gain_dn_per_e = self.info.radiometry, self.info.system_gain_dn_per_e
        assert gain_dn_per_e is not None  # the plan says it
        response = self.sensor.colour_response[1] if radiometry.pixel_format.is_colour else 1.0
        electrons_per_us = self.sensor.electrons_per_us * response
        dn_per_light_us = (electrons_per_us * gain_dn_per_e) / radiometry.span_dn
        codes = self._light(index, ShutterMode.GLOBAL) * np.float32(dn_per_light_us * GS_FULL_SCALE)
        return np.asarray(np.rint(np.clip(codes, 0, GS_FULL_SCALE)), np.uint16)

    def _light(self, index: int, shutter: ShutterMode) -> NDArray[np.float32]:
        return expose(
            self.scene,
            View.identity(self.info.columns, self.info.rows),
            self.region,
            shutter,
            self.info.timing,
            self.start_us(index),
            colour=self.info.radiometry.pixel_format.is_colour,
        )


@dataclass(frozen=True, slots=True)
class _Timing:
    exposure_us: float
    line_time_us: float
    last_row_exposure_us: float
    frame_interval_us: float
    frames: int

    @classmethod
    def drawn(cls, recipe: Recipe, rng: np.random.Generator) -> "_Timing":
        last_us = _log_even(rng, recipe.last_row_exposure_us)
        first_us = last_us / rng.uniform(*recipe.exposure_ratio)
        line_time_us = (last_us - first_us) / max(1, recipe.rows - 1)
        gap_us = line_time_us + last_us * rng.uniform(*recipe.gap_share)
        return cls(first_us, line_time_us, last_us, last_us + gap_us, recipe.frames)

    @property
    def middle_us(self) -> float:
        return (self.frames - 1) * self.frame_interval_us / 2

    def instants_us(self) -> list[float]:
        """Where exposures start and where the global shutter's and the last row's end."""
        starts = [index * self.frame_interval_us for index in range(self.frames)]
        ends = (0.0, self.exposure_us, self.last_row_exposure_us)
        return sorted({start + end for start in starts for end in ends})


def plan_sequence(recipe: Recipe, sources: Sources, split: str, number: int) -> SequencePlan:
    """Draw one sequence; the same arguments give the same sequence on any machine.

    Every still of a split is used once before one is used again.
    """
    seed, split_number = recipe.seed, SPLITS.index(split)
    turn, place = divmod(number, len(sources.stills))
    order = np.random.default_rng([seed, split_number, turn]).permutation(len(sources.stills))
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(split_number, number)))
    timing = _Timing.drawn(recipe, rng)
    coding = PIXEL_FORMATS[str(rng.choice(list(recipe.pixel_formats)))]
    sensor, radiometry = _sensor(recipe, timing, coding, rng)
    from_video = rng.random() < recipe.video_share
    noise_seeds = tuple(int(value) for value in rng.integers(1, 2**31, recipe.frames))
    if from_video and sources.videos:
        video = sources.videos[int(rng.integers(len(sources.videos)))]
        drawn = _footage(recipe, video, rng)
    else:
        still = sources.stills[int(order[place])]
        drawn = _layered(recipe, still, sources.objects, timing, rng)
    if coding.is_colour:
        red, blue = sensor.neutral_white_balance
        radiometry = replace(radiometry, white_balance=(red, 1.0, blue))
    rows = SensorTiming(timing.exposure_us, timing.line_time_us, recipe.rows)
    info = SequenceInfo(
        **record_fields(FrameConditions(rows, radiometry), timing.frame_interval_us),
        columns=recipe.columns,
        system_gain_dn_per_e=sensor.gain_dn_per_e(coding.bits, 0.0),
        temporal_dark_noise_e=sensor.temporal_dark_noise_e,
        synthetic=True,
        sources=drawn.sources,
        seed=seed,
        generator=f"{GENERATOR}, {recipe.name}",
        has_markers=drawn.has_markers,
        mean_blur_px=drawn.blur_px,
    )
    return SequencePlan(info, drawn.scene, drawn.start_us, sensor, noise_seeds)


def _sensor(
    recipe: Recipe, timing: _Timing, coding: PixelFormat, rng: np.random.Generator
) -> tuple[SensorCharacteristics, Radiometry]:
    """A sensor, its black level and its saturation."""
    black_level_dn = float(round(rng.uniform(0.004, 0.05) * coding.maximum_dn))
    # Pixels that are full before the converter clip below the largest code.
    well_first = rng.random() < 0.25
    saturation_dn = float(coding.maximum_dn)
    if well_first:
        saturation_dn = float(round(coding.maximum_dn * rng.uniform(0.85, 0.99)))
    capacity_e = _log_even(rng, recipe.saturation_capacity_e)
    radiometry = Radiometry(coding, black_level_dn, saturation_dn)
    gain_dn_per_e = radiometry.span_dn / capacity_e
    response = RSGR_SENSOR.colour_response
    white = rng.uniform(*recipe.white_at_last_row) * capacity_e
    sensor = SensorCharacteristics(
        system_gain_dn_per_e=gain_dn_per_e * 2.0 ** (_ADC_BITS - coding.bits),
        temporal_dark_noise_e=rng.uniform(*recipe.temporal_dark_noise_e),
        saturation_capacity_e=capacity_e if well_first else 1.1 * capacity_e,
        electrons_per_us=white
        / timing.last_row_exposure_us
        / (response[1] if coding.is_colour else 1.0),
        colour_response=response,
    )
    return sensor, radiometry


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A scene and what is known of it."""

    scene: Scene
    sources: tuple[str, ...]
    start_us: float = 0.0
    has_markers: bool = False
    blur_px: float | None = None


def _footage(recipe: Recipe, video: Path, rng: np.random.Generator) -> _Drawn:
    size = (recipe.columns, recipe.rows)
    scene = open_footage(video, *size, *size)
    return _Drawn(scene, (video.name,), start_us=rng.uniform(0.0, _VIDEO_START_US))


def _layered(
    recipe: Recipe,
    still: Path,
    objects: tuple[Path, ...],
    timing: _Timing,
    rng: np.random.Generator,
) -> _Drawn:
    used = [still.name]
    background = _background(recipe, still, rng)
    numbers = [int(value) for value in rng.permutation(_MARKERS)]
    has_markers = rng.random() < recipe.marker_share
    on_background = has_markers and rng.random() < 0.5
    if on_background:
        for _ in range(int(rng.integers(1, 4))):
            _lay_card(recipe, background, _card(recipe, numbers, rng), rng)
    still_scene = rng.random() < recipe.still_scene_share
    still_background = still_scene or rng.random() < recipe.still_background_share
    middle = ((recipe.columns - 1) / 2, (recipe.rows - 1) / 2)
    blur_px = 0.0 if still_background else _blur_px(recipe, rng)
    layers = [Layer(Texture(background), _trajectory(middle, blur_px, recipe, timing, rng))]
    fewest, most = recipe.objects
    textures = []
    for _ in range(int(rng.integers(fewest, most + 1)) if objects else 0):
        folder = objects[int(rng.integers(len(objects)))]
        texture = cut_out(folder, rng, recipe.rows * rng.uniform(0.2, 0.6))
        if texture is not None:
            used.append(folder.name)
            textures.append(mirrored(texture) if rng.random() < 0.5 else texture)
    if has_markers and not on_background:
        textures += [_card(recipe, numbers, rng) for _ in range(int(rng.integers(1, 3)))]
    for texture in textures:
        middle = (
            recipe.columns * rng.uniform(0.15, 0.85),
            recipe.rows * rng.uniform(0.2, 0.9),
        )
        blur_px = 0.0 if still_scene else _blur_px(recipe, rng)
        layers.append(Layer(texture, _trajectory(middle, blur_px, recipe, timing, rng)))
    region = Region(0, 0, recipe.columns, recipe.rows)
    scene = LayeredScene(layers, region, timing.instants_us())
    return _Drawn(
        scene,
        tuple(dict.fromkeys(used)),
        has_markers=has_markers,
        blur_px=_mean_blur_px(scene, timing, region),
    )


def _background(recipe: Recipe, still: Path, rng: np.random.Generator) -> NDArray[np.float32]:
    light = fitted_background(read_still(still), recipe.columns, recipe.rows, rng.uniform(0.6, 1.0))
    return np.ascontiguousarray(light[:, ::-1] if rng.random() < 0.5 else light)


def _card(recipe: Recipe, numbers: list[int], rng: np.random.Generator) -> Texture:
    """A card with one to three markers, whose numbers are taken off the list."""
    module_px = rng.uniform(0.008, 0.018) * recipe.rows
    count = int(rng.integers(1, 4))
    return marker_card([numbers.pop() for _ in range(count)], module_px, rng)


def _lay_card(
    recipe: Recipe, background: NDArray[np.float32], card: Texture, rng: np.random.Generator
) -> None:
    """Place a card in the part of the background that is visible in the middle of the clip."""
    rows, columns = background.shape[:2]
    left = (columns - recipe.columns) // 2 + rng.uniform(0, 0.7) * recipe.columns
    top = (rows - recipe.rows) // 2 + rng.uniform(0, 0.8) * recipe.rows
    laid_on(background, card, max(0, int(left)), max(0, int(top)))


def _trajectory(
    middle_px: tuple[float, float],
    blur_px: float,
    recipe: Recipe,
    timing: _Timing,
    rng: np.random.Generator,
) -> Trajectory:
    """Motion whose blur in the row read last is about ``blur_px``; at its place in mid clip."""
    if blur_px == 0.0:
        return Trajectory(middle_px)
    speed = blur_px / timing.last_row_exposure_us
    heading = rng.uniform(0, 2 * np.pi)
    # People, vehicles and turning heads move sideways more than up and down.
    velocity = (speed * np.cos(heading), speed * np.sin(heading) * rng.uniform(0.3, 1.0))
    radius_px = recipe.rows / 3

    def swing(peak_rate: float) -> Swing:
        period_us = timing.frame_interval_us * rng.uniform(6.0, 24.0)
        amplitude = peak_rate * period_us / (2 * np.pi)
        return Swing(float(amplitude), period_us, rng.uniform(0, 2 * np.pi))

    return Trajectory(
        middle_px=(
            middle_px[0] - velocity[0] * timing.middle_us,
            middle_px[1] - velocity[1] * timing.middle_us,
        ),
        velocity_px_per_us=(float(velocity[0]), float(velocity[1])),
        sway_x=swing(speed * rng.uniform(0.0, 0.4)),
        sway_y=swing(speed * rng.uniform(0.0, 0.4)),
        turn=swing(speed * rng.uniform(0.0, 0.3) / radius_px),
        zoom=swing(speed * rng.uniform(0.0, 0.3) / radius_px),
    )


def _blur_px(recipe: Recipe, rng: np.random.Generator) -> float:
    """Many slow motions, few fast ones: gamma-distributed, never above the recipe's largest."""
    drawn = rng.gamma(_BLUR_SHAPE, recipe.mean_blur_px / _BLUR_SHAPE)
    return float(min(drawn, recipe.largest_blur_px))


def _mean_blur_px(scene: LayeredScene, timing: _Timing, region: Region) -> float | None:
    """See :attr:`SequenceInfo.mean_blur_px`; from every sixteenth row."""
    lengths = [
        np.linalg.norm(
            scene.displacement_px(
                Region(0, row, region.width_px, 1), start, start + timing.last_row_exposure_us
            ),
            axis=-1,
        ).ravel()
        for start in np.arange(timing.frames) * timing.frame_interval_us
        for row in range(0, region.height_px, _BLUR_ROW_STEP)
    ]
    every = np.concatenate(lengths)
    moving = every[every > _MOVING_PX]
    return float(moving.mean()) if moving.size else None


def _log_even(rng: np.random.Generator, ends: Range) -> float:
    return float(np.exp(rng.uniform(*np.log(ends))))
