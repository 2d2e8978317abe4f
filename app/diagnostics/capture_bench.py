"""``ngs bench``: figures of this machine, each as a ratio to a reference of the same run."""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import genicam
import numpy as np
from rich.console import Console
from rich.table import Table

from app.session.run_statistics import Percentiles, WakeMeter, processor_s
from app.session.status_text import CONSOLE, count_text
from drivers.addresses import open_camera
from drivers.camera import Camera
from drivers.camera_settings import ExposureSettings, TriggerSource
from drivers.errors import InstrumentError
from drivers.genicam.reference_loop import BareLoop
from drivers.ring import FrameRing


@dataclass(frozen=True, slots=True)
class LoopFigures:
    """One loop over one camera for some seconds."""

    frames: int
    lost: int | None
    seconds: float
    cpu_ms_per_frame: float
    wake_ms: Percentiles


@dataclass(frozen=True, slots=True)
class CaptureBench:
    """Our capture beside a bare Harvesters fetch-and-copy loop on the same camera."""

    camera: str
    fps: float
    width: int
    height: int
    bare: LoopFigures
    ours: LoopFigures

    @property
    def captured_ratio(self) -> float:
        """Frames per second of ours over those of the bare loop."""
        return (self.ours.frames / self.ours.seconds) / (self.bare.frames / self.bare.seconds)

    @property
    def cpu_ratio(self) -> float:
        """CPU seconds per frame of ours over those of the bare loop."""
        return self.ours.cpu_ms_per_frame / self.bare.cpu_ms_per_frame

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **asdict(self),
            "captured_ratio": self.captured_ratio,
            "cpu_ratio": self.cpu_ratio,
        }


def viky_address() -> str:
    """The test producer inside the genicam wheel: a camera every machine has."""
    return f"genicam:{Path(genicam.__file__).parent / 'viky.cti'}#0"


def bench_capture(
    address: str | None, fps: float, size_px: tuple[int, int], seconds: float, console: Console
) -> CaptureBench:
    """Run both loops, restorer off, in turns of equal length.

    Producers share the machine with the loops; interleaving keeps slow drifts
    of a shared machine out of the ratio.
    """
    address = address or viky_address()
    if not (address.startswith("genicam:") and "#" in address):
        raise InstrumentError(
            f"{address} cannot be compared: name producer and serial, genicam:FILE.cti#SERIAL"
        )
    turn_s = seconds / 2
    ours: list[LoopFigures] = []
    bare: list[LoopFigures] = []
    for turn in range(2):
        for name, figures, run in (
            ("bare Harvesters loop", bare, _run_bare),
            ("ngs capture", ours, _run_ours),
        ):
            console.print(f"{name}, {turn_s:g} s, turn {turn + 1} of 2 ...")
            figures.append(run(address, fps, size_px, turn_s))
    return CaptureBench(address, fps, *size_px, bare=_together(bare), ours=_together(ours))


def _configured(address: str, fps: float, size_px: tuple[int, int]) -> Camera:
    camera = open_camera(address)
    try:
        camera.configure(
            ExposureSettings(
                region=camera.controls.centred_region(*size_px), trigger_source=TriggerSource.OFF
            )
        )
        camera.configure(ExposureSettings(fps=fps))
    except BaseException:
        camera.close()
        raise
    return camera


def _run_ours(address: str, fps: float, size_px: tuple[int, int], seconds: float) -> LoopFigures:
    from app.session.capture import Capture

    camera = _configured(address, fps, size_px)
    failures: list[Exception] = []
    try:
        ring = FrameRing(camera.frame_format, 16, camera.frame_slots)
        capture = Capture(camera, ring, "bench", failures.append)
        camera.start()
        capture.start()
        measured = _measure(seconds, lambda: camera.counters.captured)
        lost = camera.counters.lost
        camera.stop()
        capture.stop()
    finally:
        camera.close()
    if failures:
        raise failures[0]
    return LoopFigures(measured[0], lost, *measured[1:])


def _run_bare(address: str, fps: float, size_px: tuple[int, int], seconds: float) -> LoopFigures:
    producer, _, serial = address.partition(":")[2].rpartition("#")
    loop = BareLoop(Path(producer), serial, fps, size_px)
    stopping = threading.Event()
    thread = threading.Thread(target=loop.run, args=(stopping,), name="bare loop")
    thread.start()
    try:
        measured = _measure(seconds, lambda: loop.frames)
    finally:
        stopping.set()
        thread.join()
    return LoopFigures(measured[0], loop.lost, *measured[1:])


def _others_cpu_s() -> float:
    """CPU time of all processes but for this thread, whose measuring is no part of the loop."""
    return processor_s() - time.thread_time()


def _measure(seconds: float, frames: Callable[[], int]) -> tuple[int, float, float, Percentiles]:
    """Frames, seconds, CPU ms per frame and main-thread wake-ups of a running loop."""
    first_deadline = time.monotonic() + 5.0
    while frames() == 0 and time.monotonic() < first_deadline:
        time.sleep(0.01)
    wakes = WakeMeter()
    before_frames, before_s, before_cpu_s = frames(), time.monotonic(), _others_cpu_s()
    while time.monotonic() - before_s < seconds:
        wakes.sleep()
    count = frames() - before_frames
    elapsed_s = time.monotonic() - before_s
    cpu_ms = (_others_cpu_s() - before_cpu_s) * 1e3 / max(1, count)
    return count, elapsed_s, cpu_ms, wakes.percentiles()


def _together(turns: list[LoopFigures]) -> LoopFigures:
    """The turns of one loop as one; of the wake-ups the median turn counts."""
    frames = sum(turn.frames for turn in turns)
    lost = [turn.lost for turn in turns]
    return LoopFigures(
        frames=frames,
        lost=None if None in lost else sum(each for each in lost if each is not None),
        seconds=sum(turn.seconds for turn in turns),
        cpu_ms_per_frame=sum(turn.cpu_ms_per_frame * turn.frames for turn in turns) / frames,
        wake_ms=Percentiles(
            *np.median([(t.wake_ms.p50, t.wake_ms.p95, t.wake_ms.p99) for t in turns], axis=0)
        ),
    )


def print_capture_bench(bench: CaptureBench, console: Console) -> None:
    """Both loops side by side, and the ratios."""
    console.print(
        f"{bench.camera}, {bench.width} x {bench.height} px, {bench.fps:g} fps asked, "
        f"{bench.ours.seconds:.0f} s each"
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "bare Harvesters", "ngs capture", "ratio"):
        table.add_column(heading, justify="left" if not heading else "right")
    bare, ours = bench.bare, bench.ours
    table.add_row(
        "captured, fps",
        f"{bare.frames / bare.seconds:.1f}",
        f"{ours.frames / ours.seconds:.1f}",
        f"{bench.captured_ratio:.3f}",
    )
    lost = (count_text(loop.lost, CONSOLE) for loop in (bare, ours))
    table.add_row("gaps in the producer's frame IDs", *lost, "")
    table.add_row(
        "CPU ms per frame",
        f"{bare.cpu_ms_per_frame:.3f}",
        f"{ours.cpu_ms_per_frame:.3f}",
        f"{bench.cpu_ratio:.3f}",
    )
    for name in ("p50", "p99"):
        table.add_row(
            f"main thread's 1 ms sleep, {name}, ms",
            f"{getattr(bare.wake_ms, name):.2f}",
            f"{getattr(ours.wake_ms, name):.2f}",
            "",
        )
    console.print(table)
