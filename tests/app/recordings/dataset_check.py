"""An exported dataset of pairs, looked at by numpy, OpenCV and zarr alone: nothing of ngs::

    python tests/app/recordings/dataset_check.py DATASET [RECORDING ...]

Of every sequence: whether RSGR pictures are the recorded codes; how far GS lies beside RSGR, by
phase correlation of tiles in which nothing moves; how much their light differs, by band of rows;
and which neighbour of a GS picture looks most like its RSGR picture where something moves. Ends
with status 1 beyond 0.1 px, 0.5 %, or where that is not the picture itself.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import zarr
from numpy.typing import NDArray

Pictures = NDArray[np.float64]

_TILE_PX = 48
_COARSE = 0.15
"""Cycles in a pixel."""
_LAGS = range(-2, 3)

_STILL_NOISES = 4.0
"""Light that changes by less, in times its usual change, stands still."""
_LEAST_TEXTURE = 0.02
"""Standard deviation of a tile over its mean; flat ones tell no place."""

LIMIT_PX, LIMIT_LIGHT = 0.1, 0.005


@dataclass(frozen=True)
class Found:
    """Of one sequence; None where nothing tells. ``codes`` is whether they are those recorded."""

    name: str
    codes: bool | None
    displacement_px: float | None
    light: float | None
    lag: int | None

    @property
    def fits(self) -> bool:
        """Whether nothing speaks against training on it."""
        return (
            self.codes is not False
            and (self.displacement_px or 0.0) <= LIMIT_PX
            and (self.light or 0.0) <= LIMIT_LIGHT
            and not self.lag
        )

    def __str__(self) -> str:
        told = [
            "codes not compared" if self.codes is None else f"codes as recorded: {self.codes}",
            _text("beside by {:.3f} px at most", self.displacement_px),
            _text("light differs by {:.2%} at most", self.light),
            "nothing moves" if self.lag is None else f"lag {self.lag}",
        ]
        return f"{self.name}: {'; '.join(told)}"


def _text(form: str, value: float | None) -> str:
    return "nothing stands still" if value is None else form.format(value)


def check(sequence: Path, recordings: dict[str, Path]) -> Found:
    """Look at the folder of one sequence."""
    told = json.loads((sequence / "sequence.json").read_bytes())
    names = sorted(path.name for path in (sequence / "GS" / "PNG").glob("*.png"))
    codes = [_read(sequence / "RSGR" / "PNG" / name) for name in names]
    rows = np.arange(told["rows"]) if told["direction"] == "top-down" else None
    if rows is None or codes[0].ndim != 2:
        raise SystemExit(f"{sequence}: only mono cameras read top-down are looked at")
    ratio = (told["exposure_us"] + rows * told["line_time_us"]) / told["exposure_us"]
    span = told["saturation_dn"] - told["black_level_dn"]
    left, top, columns, height = told["overlap_px"]
    inside = (slice(None), slice(top, top + height), slice(left, left + columns))
    rsgr = (np.array(codes, float) - told["black_level_dn"]) / span / ratio[:, None]
    gs = np.array([_read(sequence / "GS" / "PNG" / name) for name in names], float) / 65535
    clipped = (np.array(codes) >= 0.98 * told["saturation_dn"]) | (gs > 0.98)
    rsgr, gs, clipped = rsgr[inside], gs[inside], clipped[inside]
    still = _still(rsgr) & _still(gs) & ~clipped.any(axis=0)
    return Found(
        sequence.name,
        _as_recorded(codes, sequence.name, recordings),
        _displacement_px(rsgr.mean(axis=0), gs.mean(axis=0), still),
        _light(rsgr.mean(axis=0), gs.mean(axis=0), still),
        _lag(rsgr, gs, still),
    )


def _read(path: Path) -> NDArray[np.uint16]:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise SystemExit(f"{path} cannot be read")
    return np.asarray(picture, np.uint16)


def _as_recorded(
    codes: list[NDArray[np.uint16]], name: str, recordings: dict[str, Path]
) -> bool | None:
    """Whether each picture is a frame of the recording, one after the other."""
    folder = recordings.get(name.rpartition("-")[0])
    if folder is None:
        return None
    recorded = zarr.open_group(folder, mode="r")["rsgr"]
    sums = [
        int(np.asarray(recorded[number], np.int64).sum()) for number in range(recorded.shape[0])
    ]
    wanted = [int(each.astype(np.int64).sum()) for each in codes]
    first = next((n for n, total in enumerate(sums) if total == wanted[0]), None)
    if first is None:
        return False
    frames = [np.asarray(recorded[first + number]) for number in range(len(codes))]
    return all(np.array_equal(a, b) for a, b in zip(frames, codes, strict=True))


def _still(pictures: Pictures) -> NDArray[np.bool_]:
    """Where light changes no more than noise does."""
    change = np.abs(np.diff(cv2.GaussianBlur(_stacked(pictures), (5, 5), 0), axis=2)).max(axis=2)
    return np.asarray(change < _STILL_NOISES * np.median(change))


def _stacked(pictures: Pictures) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.moveaxis(pictures, 0, 2), np.float32)


def _tiles(rows: int, columns: int) -> list[tuple[slice, slice]]:
    return [
        (slice(top, top + _TILE_PX), slice(left, left + _TILE_PX))
        for top in range(0, rows - _TILE_PX + 1, _TILE_PX)
        for left in range(0, columns - _TILE_PX + 1, _TILE_PX)
    ]


def _still_tiles(still: NDArray[np.bool_]) -> list[tuple[slice, slice]]:
    return [tile for tile in _tiles(*still.shape) if still[tile].mean() > 0.95]


def _displacement_px(rsgr: Pictures, gs: Pictures, still: NDArray[np.bool_]) -> float | None:
    found = [
        _apart_px(rsgr[tile], gs[tile])
        for tile in _still_tiles(still)
        if rsgr[tile].std() > _LEAST_TEXTURE * rsgr[tile].mean()
    ]
    return float(np.percentile(found, 95)) if len(found) >= 4 else None


def _apart_px(here: Pictures, there: Pictures) -> float:
    """By the phase of the cross power spectrum, a plane through its coarse frequencies.

    The peak of cv2.phaseCorrelate errs by 0.1 px where two lenses and a resampling differ in what
    is fine.
    """
    window = np.outer(np.hanning(_TILE_PX), np.hanning(_TILE_PX))
    spectra = [np.fft.fft2((each - each.mean()) * window) for each in (here, there)]
    cross = spectra[0] * np.conj(spectra[1])
    frequency = np.fft.fftfreq(_TILE_PX)
    y, x = np.meshgrid(frequency, frequency, indexing="ij")
    coarse = (np.hypot(x, y) < _COARSE) & (np.hypot(x, y) > 0)
    weight = np.sqrt(np.abs(cross[coarse]))
    plane = 2 * np.pi * np.stack([x[coarse], y[coarse]], axis=1)
    phase = np.angle(cross[coarse])
    apart, *_ = np.linalg.lstsq(plane * weight[:, None], phase * weight, rcond=None)
    return float(np.hypot(*apart))


def _light(rsgr: Pictures, gs: Pictures, still: NDArray[np.bool_]) -> float | None:
    """The largest difference in a band of tiles."""
    bands: dict[int, tuple[float, float]] = {}
    for tile in _still_tiles(still):
        first, second = bands.get(tile[0].start, (0.0, 0.0))
        bands[tile[0].start] = first + rsgr[tile].sum(), second + gs[tile].sum()
    differences = [abs(first / second - 1.0) for first, second in bands.values()]
    return float(max(differences)) if differences else None


def _lag(rsgr: Pictures, gs: Pictures, still: NDArray[np.bool_]) -> int | None:
    """Of the frames that differ most from the one before, the lag that fits most of them."""
    moving = ~cv2.erode((still).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    # Rows read first are exposed as long as GS.
    moving[len(moving) // 2 :] = False
    if moving.mean() < 0.002:
        return None
    votes = []
    for number in range(2, len(rsgr) - 2):
        errors = [np.square(rsgr[number] - gs[number + lag])[moving].mean() for lag in _LAGS]
        if max(errors) > 2.0 * min(errors):
            votes.append(_LAGS[int(np.argmin(errors))])
    if len(votes) < 3:
        return None
    values, counts = np.unique(votes, return_counts=True)
    return int(values[np.argmax(counts)])


def main(dataset: Path, recordings: list[Path]) -> int:
    """Look at every sequence of every split; the exit status."""
    known = {folder.resolve().name: folder for folder in recordings}
    sequences = sorted(path.parent for path in dataset.glob("*/*/sequence.json"))
    if not sequences:
        raise SystemExit(f"{dataset} holds no sequences")
    every = [check(sequence, known) for sequence in sequences]
    for found in every:
        print(found, "" if found.fits else " <- does not fit")
    return 0 if all(found.fits for found in every) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), [Path(each) for each in sys.argv[2:]]))
