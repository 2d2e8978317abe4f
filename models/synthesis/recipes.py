"""Recipes of datasets: ranges for random scenes, sensors and timings.

Low and high ends of ranges are given as pairs.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

from drivers.errors import InstrumentError
from models.synthesis.scene_sources import SplitFractions

Range: TypeAlias = tuple[float, float]

DEFAULT_FRACTIONS = SplitFractions(validation=0.10, test=0.15)


@dataclass(frozen=True, slots=True)
class Recipe:
    """One kind of dataset.

    Blur lengths are in pixels over the exposure of the row read last;
    ``white_at_last_row`` is the signal of a white surface in that row, 1.0 =
    saturation; ``gap_share`` is the pause between frames as a share of the row
    read last's exposure.
    """

    name: str
    sequences: tuple[int, int, int] = (80, 10, 10)
    """Sequences for training, validation and testing."""
    frames: int = 8
    columns: int = 640
    rows: int = 480
    seed: int = 0
    pixel_formats: tuple[str, ...] = ("Mono8", "Mono10", "Mono12")
    fractions: SplitFractions = DEFAULT_FRACTIONS
    exposure_ratio: Range = (1.0, 8.0)
    """Exposure of the row read last over that of the row read first; drawn evenly."""
    last_row_exposure_us: Range = (3000.0, 30000.0)
    gap_share: Range = (0.02, 0.8)
    white_at_last_row: Range = (0.6, 2.5)
    saturation_capacity_e: Range = (4000.0, 20000.0)
    temporal_dark_noise_e: Range = (1.5, 8.0)
    mean_blur_px: float = 9.0
    largest_blur_px: float = 40.0
    still_background_share: float = 0.25
    still_scene_share: float = 0.05
    objects: tuple[int, int] = (1, 4)
    marker_share: float = 0.3
    video_share: float = 0.15
    """Share of sequences made from real video, where videos are given."""


BENCHMARK_V1 = Recipe(
    # FROZEN. Figures in the documentation were measured on exactly this set: a
    # change makes them incomparable. A better benchmark is benchmark-v2.
    name="benchmark-v1",
    sequences=(0, 0, 26),
    frames=8,
    columns=640,
    rows=480,
    seed=20221001,
    pixel_formats=("Mono12",),
    fractions=SplitFractions(validation=0.10, test=0.15),
    exposure_ratio=(1.5, 6.0),
    last_row_exposure_us=(4000.0, 20000.0),
    gap_share=(0.05, 0.5),
    white_at_last_row=(1.0, 2.0),
    saturation_capacity_e=(10000.0, 10000.0),
    temporal_dark_noise_e=(3.0, 3.0),
    mean_blur_px=7.0,
    largest_blur_px=25.0,
    still_background_share=0.1,
    still_scene_share=0.0,
    objects=(1, 4),
    marker_share=0.4,
    # Motion between video frames is itself estimated by optical flow: such
    # sequences would favour restorers that use the same flow.
    video_share=0.0,
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(name="mono"),
        Recipe(
            name="colour",
            pixel_formats=("BayerRG8", "BayerRG12", "BayerGR10", "BayerGB12", "BayerBG12"),
        ),
        BENCHMARK_V1,
    )
}
"""Recipes by the name given to ``--preset``."""


def recipe_named(
    name: str,
    *,
    sequences: int | None = None,
    frames: int | None = None,
    size: tuple[int, int] | None = None,
    seed: int | None = None,
    fractions: SplitFractions | None = None,
) -> Recipe:
    """A recipe with some values replaced; ``size`` is (columns, rows).

    ``sequences`` in all are divided among the splits as the sources are. Raises
    :class:`InstrumentError` for unknown names, changes to the frozen benchmark,
    and fractions that would train on the benchmark's sources.
    """
    if name not in RECIPES:
        raise InstrumentError(f"unknown preset {name!r}; known: {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    wanted = (sequences, frames, size, seed, fractions)
    if recipe is BENCHMARK_V1:
        if any(value is not None for value in wanted):
            raise InstrumentError(
                f"{name} is frozen; leave out sequences, frames, size, seed and split fractions, "
                "or choose another preset"
            )
        return recipe
    if fractions is not None:
        if fractions.test < BENCHMARK_V1.fractions.test:
            raise InstrumentError(
                f"test fraction {fractions.test:g} is below {BENCHMARK_V1.fractions.test:g}, "
                f"that of {BENCHMARK_V1.name}: its sources would be trained on; raise it"
            )
        recipe = replace(recipe, fractions=fractions)
    if sequences is not None:
        recipe = replace(recipe, sequences=_divided(sequences, recipe.fractions))
    if frames is not None:
        recipe = replace(recipe, frames=frames)
    if seed is not None:
        recipe = replace(recipe, seed=seed)
    if size is not None:
        recipe = replace(recipe, columns=size[0], rows=size[1])
    if recipe.frames < 1 or min(recipe.columns, recipe.rows) < 16 or sum(recipe.sequences) < 1:
        raise InstrumentError(
            f"{sum(recipe.sequences)} sequences of {recipe.frames} frames of {recipe.columns} x "
            f"{recipe.rows} px: at least 1 sequence of 1 frame of 16 x 16 px"
        )
    return recipe


def _divided(sequences: int, fractions: SplitFractions) -> tuple[int, int, int]:
    validation = round(sequences * fractions.validation)
    test = round(sequences * fractions.test)
    return sequences - validation - test, validation, test
