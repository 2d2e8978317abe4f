"""Automatic exposure, gain, black level and white balance of a virtual camera.

They evaluate each whole frame and change the settings of the next one in steps, as
in real cameras. A driver that does not switch them off gets a wrong exposure.
"""

import numpy as np

from drivers.pixel_format import Pixels
from drivers.virtual.camera.settings import (
    NOMINAL_BLACK_LEVEL_DN,
    CameraSettings,
    FrameSetup,
    Limits,
)

_TARGET = 0.45
"""Target for the mean code, as a share of the range above black."""
_SETTLED = 0.05
"""Relative deviation at which an automatic in mode Once is done."""
_STEP = 16
"""Pixels between samples, in rows and columns; even, so that mosaic colours are not mixed."""
_MOST_CHANGE = 2.0
"""Largest factor from one frame to the next."""


def are_idle(settings: CameraSettings) -> bool:
    """Whether every automatic is off."""
    names = ("ExposureAuto", "GainAuto", "BlackLevelAuto", "BalanceWhiteAuto")
    return not any(settings.is_on(name) for name in names)


def adjust(
    settings: CameraSettings, setup: FrameSetup, codes: Pixels, exposure: Limits, gain: Limits
) -> None:
    """Change the settings by the automatics, after a frame made with ``setup``."""
    if settings.is_on("BlackLevelAuto"):
        settings.put("BlackLevel", NOMINAL_BLACK_LEVEL_DN)
        _finish_once(settings, "BlackLevelAuto")
    full_scale = setup.pixel_format.maximum_dn - setup.black_level_dn
    level = (_mean(codes[::_STEP, ::_STEP]) - setup.black_level_dn) / full_scale
    # Undo the look-up table, so that the gain of the control loop does not depend on it.
    linear = max(level, 1e-3) ** (1.0 / setup.gamma)
    factor = float(np.clip(_TARGET ** (1.0 / setup.gamma) / linear, 1 / _MOST_CHANGE, _MOST_CHANGE))
    settled = abs(factor - 1.0) < _SETTLED
    if settings.is_on("ExposureAuto"):
        wanted_us = np.clip(setup.exposure_node_us * factor, exposure.minimum, exposure.maximum)
        settings.put("ExposureTime", float(np.rint(wanted_us)))
        if settled:
            _finish_once(settings, "ExposureAuto")
    elif settings.is_on("GainAuto"):
        wanted_db = np.clip(setup.gain_db + 20 * np.log10(factor), gain.minimum, gain.maximum)
        settings.put("Gain", float(np.round(wanted_db, 1)))
        if settled:
            _finish_once(settings, "GainAuto")
    if settings.is_on("BalanceWhiteAuto") and setup.pixel_format.is_colour:
        _balance(settings, setup, codes)


def _balance(settings: CameraSettings, setup: FrameSetup, codes: Pixels) -> None:
    """Make the picture's mean grey."""
    if codes.ndim == 3:
        means = [_mean(codes[::_STEP, ::_STEP, channel]) for channel in range(3)]
    else:
        bayer = setup.pixel_format.bayer or ""
        sites = (divmod(bayer.index(colour), 2) for colour in "RGB")
        means = [_mean(codes[row::_STEP, column::_STEP]) for row, column in sites]
    red, green, blue = (max(mean - setup.black_level_dn, 1.0) for mean in means)
    for key, mean, now in zip(
        ("BalanceRatio[Red]", "BalanceRatio[Blue]"), (red, blue), setup.white_balance, strict=True
    ):
        settings.put(key, float(np.clip(round(now * green / mean, 3), 0.25, 8.0)))
    _finish_once(settings, "BalanceWhiteAuto")


def _mean(codes: Pixels) -> float:
    return float(codes.mean())


def _finish_once(settings: CameraSettings, name: str) -> None:
    if settings.word(name) == "Once":
        settings.put(name, "Off")
