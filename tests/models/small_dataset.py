"""A dataset of one sequence, small and known to the code: a grey ramp that brightens."""

from pathlib import Path

import cv2
import numpy as np

from models.dataset.sequence_info import SequenceInfo
from models.dataset.sequences import Sequence, open_dataset

ROWS, COLUMNS, FRAMES = 48, 64, 4
INFO = SequenceInfo(
    exposure_us=1000.0,
    line_time_us=60.0,
    rows=ROWS,
    columns=COLUMNS,
    frame_interval_us=5000.0,
    pixel_format="Mono12",
    black_level_dn=64.0,
    saturation_dn=4095.0,
    system_gain_dn_per_e=0.4,
    temporal_dark_noise_e=2.5,
    synthetic=True,
    generator="test",
)


def rsgr_codes(info: SequenceInfo, index: int) -> np.ndarray:
    """A grey picture that brightens from left to right and from frame to frame."""
    ramp = info.timing.exposure_ratio()
    grey = np.linspace(0.02, 0.1, COLUMNS) * (1 + 0.1 * index)
    span_dn = info.radiometry.span_dn
    codes = np.rint(info.black_level_dn + span_dn * ramp[:, None] * grey)
    return codes.astype(np.uint8 if info.saturation_dn < 256 else np.uint16)


def gs_codes(index: int) -> np.ndarray:
    grey = np.linspace(0.02, 0.1, COLUMNS) * (1 + 0.1 * index)
    return np.rint(65535 * np.tile(grey, (ROWS, 1))).astype(np.uint16)


def written(
    folder: Path,
    info: SequenceInfo = INFO,
    *,
    described: bool = True,
    split: str = "test",
    noise_dn: float = 0.0,
) -> Path:
    """A dataset with one sequence, ``<split>/00000``, below ``folder``."""
    rng = np.random.default_rng(0)
    place = folder / split / "00000"
    for index in range(FRAMES):
        rsgr = rsgr_codes(info, index)
        if noise_dn:
            noisy = rsgr + rng.normal(0.0, noise_dn, rsgr.shape)
            rsgr = np.clip(np.rint(noisy), 0, info.saturation_dn).astype(rsgr.dtype)
        for kind, codes in (("RSGR", rsgr), ("GS", gs_codes(index))):
            (place / kind / "PNG").mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(place / kind / "PNG" / f"{index:08d}.png"), codes)
    if described:
        (place / "sequence.json").write_text(info.model_dump_json())
    return place


def opened(folder: Path, info: SequenceInfo = INFO) -> Sequence:
    written(folder, info)
    (sequence,) = open_dataset(folder, "test")
    return sequence
