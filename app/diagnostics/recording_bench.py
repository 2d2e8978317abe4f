"""``ngs bench record``: recording speed beside a raw, durable write to the same disk."""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from drivers.errors import InstrumentError
from drivers.frame import FrameMetadata
from drivers.recording.compression import Compression
from drivers.recording.description import RecordedCamera, RecordingInfo
from drivers.recording.writer import RecordingWriter

_TURNS = 3
_PICTURES = 16
"""Different pictures written over and over: more would not fit the caches any better."""


@dataclass(frozen=True, slots=True)
class RecordBench:
    """Medians over turns, MB/s of pixels in memory; ``ratio`` is that of each turn's own pair."""

    folder: str
    columns: int
    rows: int
    cameras: int
    megabytes: float
    compression: str
    raw_mb_per_s: float
    recording_mb_per_s: float
    ratio: float
    bytes_per_code: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def bench_record(
    folder: Path,
    size_px: tuple[int, int],
    megabytes: float,
    compression: Compression,
    console: Console,
) -> RecordBench:
    """Write the same noisy 8 bit pictures of two cameras raw and as a recording, in turns.

    Both end when the disk has everything (fsync). Raises :class:`InstrumentError` where
    there is no room for both.
    """
    columns, rows = size_px
    # Sharp edges, smooth shading and the noise of a real camera: what compression meets.
    rng = np.random.default_rng(4)
    shading = 60 + 50 * np.sin(np.arange(columns) / 90) + 8 * (np.arange(rows)[:, None] // 24 % 2)
    noise = rng.normal(0, 3, (_PICTURES, rows, columns))
    pictures = np.clip(shading + noise, 0, 255).astype(np.uint8)
    frames = max(1, round(megabytes * 1e6 / (2 * columns * rows)))
    total_mb = 2 * frames * columns * rows / 1e6
    _check_room(folder, total_mb)
    raw, ours, sizes = [], [], []
    with tempfile.TemporaryDirectory(prefix="ngs-bench-", dir=folder) as place:
        for turn in range(_TURNS):
            console.print(f"{total_mb:.0f} MB raw, then recorded, turn {turn + 1} of {_TURNS} ...")
            raw.append(total_mb / _timed(lambda: _write_raw(Path(place, "raw"), pictures, frames)))
            target = Path(place, "recording")
            ours.append(
                total_mb / _timed(lambda: _record(target, pictures, frames, compression))  # noqa: B023
            )
            sizes.append(sum(path.stat().st_size for path in target.rglob("*") if path.is_file()))
            shutil.rmtree(target)
            Path(place, "raw").unlink()
    return RecordBench(
        folder=str(folder),
        columns=columns,
        rows=rows,
        cameras=2,
        megabytes=total_mb,
        compression=compression.value,
        raw_mb_per_s=statistics.median(raw),
        recording_mb_per_s=statistics.median(ours),
        ratio=statistics.median(mine / bare for mine, bare in zip(ours, raw, strict=True)),
        bytes_per_code=statistics.median(sizes) / (total_mb * 1e6),
    )


def _check_room(folder: Path, total_mb: float) -> None:
    if not folder.is_dir():
        raise InstrumentError(f"{folder} is no folder; name one on the disk to measure")
    free_mb = shutil.disk_usage(folder).free / 1e6
    if free_mb < 2.2 * total_mb:
        raise InstrumentError(
            f"{folder} has {free_mb:.0f} MB free, the measurement needs {2.2 * total_mb:.0f} MB; "
            "lower --megabytes or name another folder"
        )


def _timed(work: Callable[[], None]) -> float:
    # What an earlier turn left to be written must not count into this one.
    if hasattr(os, "sync"):  # not on Windows
        os.sync()
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


def _write_raw(path: Path, pictures: NDArray[np.uint8], frames: int) -> None:
    with path.open("wb", buffering=0) as file:
        for index in range(2 * frames):
            file.write(pictures[index // 2 % _PICTURES].data)
        os.fsync(file.fileno())


def _record(
    target: Path, pictures: NDArray[np.uint8], frames: int, compression: Compression
) -> None:
    rows, columns = pictures.shape[1:]
    camera = RecordedCamera(
        address="bench", maker="", model="", serial="", firmware="",
        rows=rows, columns=columns, pixel_format="Mono8",
    )  # fmt: skip
    info = RecordingInfo(
        started=datetime.now(UTC),
        started_host_time_ns=time.monotonic_ns(),
        cameras={"rsgr": camera, "gs": camera},
        compression=compression,
    )
    writer = RecordingWriter(target, info)
    for index in range(frames):
        for name in info.cameras:
            metadata = FrameMetadata(index, time.monotonic_ns())
            writer.append(name, pictures[index % _PICTURES], metadata)
    writer.finish("measured")


def print_record_bench(bench: RecordBench, console: Console) -> None:
    """The figures for a person."""
    table = Table(
        title=f"{bench.cameras} cameras {bench.columns} x {bench.rows}, 8 bit, "
        f"{bench.megabytes:.0f} MB to {bench.folder}",
        title_justify="left",
    )
    for heading in ("", "MB/s", "of raw", "bytes per code"):
        table.add_column(heading, justify="right" if heading else "left")
    table.add_row("raw, durable", f"{bench.raw_mb_per_s:.0f}", "1.00", "1.00")
    table.add_row(
        f"ngs recording, compression {bench.compression}",
        f"{bench.recording_mb_per_s:.0f}",
        f"{bench.ratio:.2f}",
        f"{bench.bytes_per_code:.2f}",
    )
    console.print(table)
