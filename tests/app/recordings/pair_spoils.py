"""Recordings of two cameras with one thing wrong each, and what ``ngs verify`` says of them.

    python -m tests.app.recordings.pair_spoils

prints a table: what is wrong, whether the verdict is right, and the verdict.
"""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from app.recordings.aligned_pairs import PairedRecording
from app.recordings.pair_report import assess
from calibration.rig_calibration import RigCalibration
from calibration.verdict import Grade, Verdict
from drivers.camera_settings import Region
from drivers.errors import InstrumentError
from drivers.pixel_format import Pixels
from drivers.recording import open_recording
from drivers.virtual.scene.belt import Belt
from drivers.virtual.scene.flicker import FlickeringScene
from drivers.virtual.scene.frozen import StillScene
from drivers.virtual.scene.linear_stage import SlideScene
from drivers.virtual.scene.named_scenes import named_scene
from drivers.virtual.scene.scene import Scene
from drivers.virtual.scene.uniform import UniformScene
from tests.calibration.moving_belt import texture
from tests.calibration.pair_frames import PairOfCameras
from tests.paired_recording import SENSOR, true_calibration, write

REGION = Region(480, 330, 480, 360)
FRAMES = 24


@dataclass(frozen=True)
class Spoil:
    """``says`` are parts of the reasons one of which has to be there; empty: nothing is wrong."""

    name: str
    says: tuple[str, ...]
    rig: Callable[[], PairOfCameras] = lambda: bench()
    grade: Grade = Grade.REDO
    gs: Callable[[Pixels], Pixels] = lambda codes: codes
    rsgr: Callable[[Pixels], Pixels] = lambda codes: codes
    calibration: Callable[[RigCalibration], RigCalibration] = lambda truth: truth
    recording: dict[str, object] = field(default_factory=dict)


def bench(**values: object) -> PairOfCameras:
    return replace(PairOfCameras(named_scene("Bench", *SENSOR), REGION), **values)  # type: ignore[arg-type]


def still(**values: object) -> PairOfCameras:
    return bench(scene=StillScene(named_scene("Bench", *SENSOR), 0.0), **values)


@dataclass(frozen=True)
class BeltBefore:
    """A belt that moves by its own pattern from frame to frame, before a still bench."""

    belt: Belt
    behind: Scene

    @classmethod
    def repeating(cls) -> "BeltBefore":
        window = Region(480, 480, 480, 100)
        shown = np.ascontiguousarray(texture(60)[: window.height_px])
        behind = StillScene(named_scene("Bench", *SENSOR), 0.0)
        return cls(Belt.build(window, shown, 60 * 30.0), behind)

    def integrate(
        self,
        region: Region,
        start_us: NDArray[np.float64],
        end_us: NDArray[np.float64],
        *,
        colour: bool,
    ) -> NDArray[np.float32]:
        """See :meth:`drivers.virtual.scene.scene.Scene.integrate`."""
        light = self.behind.integrate(region, start_us, end_us, colour=colour).copy()
        self.belt.paint(
            light.reshape(*light.shape[:2], -1), region, start_us, end_us, colour=colour
        )
        return light


def blurred(sigma_px: float) -> Callable[[Pixels], Pixels]:
    return lambda codes: np.asarray(cv2.GaussianBlur(codes, (0, 0), sigma_px))


def ghost(codes: Pixels) -> Pixels:
    """A second, weak image beside the first one, as an uncoated splitter gives."""
    beside = np.roll(codes, 14, axis=1).astype(np.float32)
    return np.asarray(0.92 * codes + 0.08 * beside, codes.dtype)


def brighter(share: float) -> Callable[[Pixels], Pixels]:
    return lambda codes: np.asarray(np.clip(64 + (codes - 64.0) * share, 0, 4095), codes.dtype)


def black_up(dn: int) -> Callable[[Pixels], Pixels]:
    return lambda codes: np.asarray(np.minimum(codes + dn, 4095), codes.dtype)


def capped(codes: Pixels) -> Pixels:
    noise = np.random.default_rng(3).normal(64.0, 1.5, codes.shape)
    return np.asarray(np.rint(noise), codes.dtype)


def line_time(scale: float) -> Callable[[RigCalibration], RigCalibration]:
    def change(truth: RigCalibration) -> RigCalibration:
        found = truth.rsgr.line_time
        assert found is not None
        wrong = found.model_copy(update={"line_time_us": scale * found.line_time_us})
        return truth.model_copy(update={"rsgr": truth.rsgr.model_copy(update={"line_time": wrong})})

    return change


def swapped(truth: RigCalibration) -> RigCalibration:
    """The calibration of the cameras the other way round."""
    assert truth.gs is not None
    return truth.model_copy(update={"rsgr": truth.gs, "gs": truth.rsgr})


def redo_step(truth: RigCalibration) -> RigCalibration:
    """A calibration whose geometry nobody should have used."""
    assert truth.geometry is not None
    verdict = Verdict(grade=Grade.REDO, reasons=("corners lie 2 px beside the fit",))
    return truth.model_copy(
        update={"geometry": truth.geometry.model_copy(update={"verdict": verdict})}
    )


SPOILS = (
    Spoil("nothing", (), grade=Grade.GOOD, rig=still),
    Spoil("pairs one frame off", ("from 1 frame after the RSGR",),
          recording={"gs_trigger": lambda number: number + 1}),
    Spoil(
        "one frame off from the middle on",
        ("some pairs show the same instant", "from 1 frame after the RSGR"),
        recording={"gs_trigger": lambda number: number + (number >= FRAMES // 2)},
    ),
    Spoil(
        "GS begins 3 ms late",
        ("calibrate exposure-delay again",),
        rig=lambda: bench(scene=SlideScene(*SENSOR, 800.0), gs_delay_us=3040.0),
    ),
    Spoil(
        "GS exposes twice as long",
        ("the GS camera exposes 4000 us",),
        rig=lambda: still(gs_offset_us=2005.0),
        recording={"gs_exposure_us": 4000.0},
    ),
    Spoil("map off by 1 px", ("calibrate geometry again",), rig=lambda: still(map_error_px=(0, 0)),
          gs=lambda codes: np.roll(codes, 1, axis=1)),
    Spoil("GS out of focus", ("the GS camera is out of focus",), rig=still,
          gs=blurred(3.0)),
    Spoil("RSGR out of focus", ("the RSGR camera is out of focus",), rig=still,
          rsgr=blurred(3.0)),
    Spoil("ghost of the splitter", ("light differs", "GS lies", "times their noise"),
          rig=still, gs=ghost),
    Spoil("GS light 8 % more", ("calibrate colour again",), rig=still, gs=brighter(1.08)),
    Spoil("RSGR black level drifted by 12 DN", ("calibrate dark again",), rig=still,
          rsgr=black_up(12)),
    Spoil("GS under its lens cap", ("a lens cap",), rig=still, gs=capped),
    Spoil("line time 10 % wrong", ("calibrate line-time again",), rig=still,
          calibration=line_time(1.1)),
    Spoil("light that flickers by 30 %", ("light changes",),
          rig=lambda: bench(scene=FlickeringScene(still().scene, 0.3, 100.0))),
    Spoil("a belt that repeats", ("(a belt)",), rig=lambda: bench(scene=BeltBefore.repeating())),
    Spoil("clipped highlights", ("saturated",), rig=lambda: bench(exposure_us=30_000.0),
          grade=Grade.USABLE),
    Spoil("nothing to see", ("has no texture",),
          rig=lambda: bench(scene=UniformScene(0.3)), grade=Grade.USABLE),
    Spoil("cameras swapped", ("serial number",), rig=still, calibration=swapped),
    Spoil("a step that was to be done again", ("calibrate geometry again",), rig=still,
          calibration=redo_step),
)  # fmt: skip


def verdict_of(spoil: Spoil, folder: Path) -> str:
    """What is said of the recording; an error is said as well."""
    rig = spoil.rig()
    truth = true_calibration(replace(rig, gs_offset_us=5.0, gs_delay_us=40.0))
    spoilt = _Spoilt(rig, spoil)
    try:
        write(folder, spoilt, FRAMES, calibration=spoil.calibration(truth), **spoil.recording)  # type: ignore[arg-type]
        return str(assess(PairedRecording.open(open_recording(folder), None)).verdict)
    except InstrumentError as error:
        return f"{Grade.REDO.value}: {error}"


class _Spoilt(PairOfCameras):
    """The cameras, with codes changed after the sensor."""

    def __init__(self, rig: PairOfCameras, spoil: Spoil) -> None:
        self.__dict__.update(rig.__dict__)
        self._spoil = spoil

    def codes(self, trigger_us: float) -> tuple[Pixels, Pixels]:
        rsgr, gs = super().codes(trigger_us)
        return self._spoil.rsgr(rsgr), self._spoil.gs(gs)


def is_right(spoil: Spoil, said: str) -> bool:
    """Whether the grade is as bad as it has to be, and the cause is named."""
    order = [Grade.GOOD, Grade.USABLE, Grade.REDO]
    grade = Grade(said.split(":")[0])
    if not spoil.says:
        return grade is not Grade.REDO
    named = any(part in said for part in spoil.says)
    return order.index(grade) >= order.index(spoil.grade) and named


def main() -> int:
    wrong = 0
    with tempfile.TemporaryDirectory() as place:
        for number, spoil in enumerate(SPOILS):
            said = verdict_of(spoil, Path(place) / f"{number:02d}")
            right = is_right(spoil, said)
            wrong += not right
            print(
                f"| {spoil.name} | {'as it has to be' if right else 'NOT RIGHT'} | {said} |",
                flush=True,
            )
    return wrong


if __name__ == "__main__":
    sys.exit(main())
