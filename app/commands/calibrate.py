"""``ngs calibrate``: the commands, and the file they build step by step."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import terminal
from app.calibrate.page_size import PageSize
from app.commands.camera_options import takes_cameras
from app.commands.option_values import Accept
from app.commands.progress import Bar, progress
from drivers.atomic_file import check_file
from drivers.errors import InstrumentError

if TYPE_CHECKING:
    from app.session.config import SessionConfig
    from calibration.geometric.board_detection import BoardSpec
    from calibration.rig_calibration import RigCalibration
    from calibration.temporal.exposure_delay import ExposureDelayCalibration

calibrate_app = typer.Typer(
    help="Measure what the rig is: levels, line time, geometry, light, delay.",
    no_args_is_help=True,
)

_Out = Annotated[
    Path,
    typer.Option(
        "--out", metavar="rig.json", help="File to make, or to add to; steps build on each other."
    ),
]
_Ready = Annotated[
    bool, typer.Option("--ready", help="Do not ask: everything is in place as it should be.")
]
_Board = Annotated[
    str | None,
    typer.Option(
        metavar="KIND:WxH",
        help="charuco:26x20 or checkerboard:9x7, squares counted; a ChArUco board may go on "
        "with :DICTIONARY and :MARKER, its side over the square's, as in "
        "charuco:10x8:DICT_4X4_50:0.75. Default: charuco:26x20:DICT_5X5_1000:0.72.",
    ),
]
_NoBoard = Annotated[
    bool,
    typer.Option(
        "--no-board", help="There is no board at hand: match features of a still scene instead."
    ),
]
_NoPanel = Annotated[bool, typer.Option("--no-panel", help="There is no evenly lit panel at hand.")]
_NoLamp = Annotated[bool, typer.Option("--no-lamp", help="There is no blinking lamp at hand.")]

_Compensate = Annotated[
    bool,
    typer.Option(
        "--compensate", help="Set the trigger delay that takes the delay away; measure again."
    ),
]

_Rehearse = Annotated[
    bool,
    typer.Option("--rehearse", help="Of the virtual rig, too, ask for what people have to do."),
]

_RIG = Path("rig.json")


@calibrate_app.command()
@takes_cameras
def dark(
    config: "SessionConfig",
    out: _Out = _RIG,
    ready: _Ready = False,
    accept: Accept = False,
    no_panel: _NoPanel = False,
) -> None:
    """Black level, dark noise, hot pixels; with a flat panel system gain and saturation too."""
    run = _Run(config, out, ready)
    run.dark(with_panel=not no_panel)
    run.finish(accept=accept)


@calibrate_app.command("line-time")
@takes_cameras
def line_time(
    config: "SessionConfig", out: _Out = _RIG, ready: _Ready = False, accept: Accept = False
) -> None:
    """Line time and exposure offset from two exposures of a still scene; needs dark."""
    run = _Run(config, out, ready)
    run.line_time()
    run.finish(accept=accept)


@calibrate_app.command()
@takes_cameras
def geometry(
    config: "SessionConfig",
    out: _Out = _RIG,
    ready: _Ready = False,
    accept: Accept = False,
    board: _Board = None,
    no_board: _NoBoard = False,
) -> None:
    """Where the GS camera sees what the RSGR camera sees, from a board in several poses."""
    run = _Run(config, out, ready)
    run.geometry(_board_spec(board, no_board=no_board))
    run.finish(accept=accept)


@calibrate_app.command()
@takes_cameras
def colour(
    config: "SessionConfig",
    out: _Out = _RIG,
    ready: _Ready = False,
    accept: Accept = False,
    no_panel: _NoPanel = False,
) -> None:
    """GS light in RSGR terms; needs dark, line-time and geometry."""
    run = _Run(config, out, ready)
    run.colour(with_panel=not no_panel)
    run.finish(accept=accept)


@calibrate_app.command("exposure-delay")
@takes_cameras
def exposure_delay(
    config: "SessionConfig",
    out: _Out = _RIG,
    ready: _Ready = False,
    accept: Accept = False,
    no_lamp: _NoLamp = False,
    compensate: _Compensate = False,
) -> None:
    """How much later the GS camera begins to expose; needs line-time, geometry and colour."""
    run = _Run(config, out, ready)
    run.exposure_delay(with_lamp=not no_lamp, compensate=compensate)
    run.finish(accept=accept)


@calibrate_app.command("all")
@takes_cameras
def everything(
    config: "SessionConfig",
    out: _Out = _RIG,
    ready: _Ready = False,
    accept: Accept = False,
    board: _Board = None,
    no_board: _NoBoard = False,
    no_panel: _NoPanel = False,
    no_lamp: _NoLamp = False,
    compensate: _Compensate = False,
    rehearse: _Rehearse = False,
) -> None:
    """All steps in order, guided; with one camera those that one camera can do.

    Stopped between or in the steps, it goes on with the first one that is missing.
    """
    run = _Run(config, out, ready, rehearse)
    spec = _board_spec(board, no_board=no_board)
    steps: dict[str, Callable[[], None]] = {
        "dark": lambda: run.dark(with_panel=not no_panel),
        "line-time": run.line_time,
    }
    if config.gs_camera is not None:
        steps |= {
            "geometry": lambda: run.geometry(spec),
            "colour": lambda: run.colour(with_panel=not no_panel),
            "exposure-delay": lambda: run.exposure_delay(
                with_lamp=not no_lamp, compensate=compensate
            ),
        }
    for name in run.left_of(list(steps)):
        steps[name]()
    run.finish(accept=accept)


@calibrate_app.command()
def board(
    target: Annotated[Path, typer.Argument(metavar="OUT.pdf", help="Page to print.")],
    board: _Board = None,
    page: Annotated[PageSize, typer.Option(help="Paper; the board fills it.")] = PageSize.A4,
) -> None:
    """A calibration board to print, with its size on it."""
    from app.gui.board_page import write_board

    if target.suffix.lower() != ".pdf":
        raise InstrumentError(f"{target} must end in .pdf")
    check_file(target)
    spec = _board_spec(board, no_board=False)
    assert spec is not None
    square_mm = write_board(target, spec, page)
    terminal.say(
        f"{target}: squares of {square_mm:g} mm on {page.value}; print it at 100 %, on something "
        "stiff and flat"
    )


@calibrate_app.command()
def show(
    rig: Annotated[Path, typer.Argument(metavar="rig.json", help="Calibration to show.")],
) -> None:
    """What a calibration says, and whether it can be trusted."""

    from app.calibrate.print_rig import print_rig
    from calibration.rig_calibration import read_rig

    print_rig(read_rig(rig), terminal.console())


@dataclass
class _Run:
    """Steps done one after the other; the file is written after each."""

    config: "SessionConfig"
    out: Path
    ready: bool
    rehearse: bool = False

    def __post_init__(self) -> None:

        from app.calibrate.frame_acquisition import scene_setup_for
        from calibration.rig_calibration import read_rig

        check_file(self.out)
        self._console = terminal.console()
        self._bar: Bar | None = None
        self._done: set[str] = set()
        self._alike = False
        self._staging = scene_setup_for(
            self.config,
            terminal.console(stderr=True),
            self._without_bar,
            ready=self.ready,
            rehearse=self.rehearse,
        )
        self._rig: RigCalibration | None = read_rig(self.out) if self.out.is_file() else None
        # A former calibration must not influence the next one.
        self.config = replace(self.config, rig=None, model=None)

    def left_of(self, steps: list[str]) -> list[str]:
        """Those from the first missing one on; all where none is missing, or of other cameras."""
        from calibration.verdict import Grade

        verdicts = {} if self._rig is None else dict(self._rig.verdicts())
        done = [name for name in steps if name in verdicts]
        first = next(
            (
                place
                for place, name in enumerate(steps)
                if name not in verdicts or verdicts[name].grade is Grade.REDO
            ),
            len(steps),
        )
        if self._rig is None or not first or len(done) == len(steps):
            return steps
        try:
            self._rig.check_fits(*self._conditions())
        except InstrumentError as error:
            self._console.print(f"begins anew: {error}", highlight=False, soft_wrap=True)
            return steps
        self._console.print(
            f"{self.out} has {', '.join(steps[:first])} of {self._rig.created:%Y-%m-%d %H:%M} UTC: "
            f"going on with {steps[first]}; remove it to begin anew",
            highlight=False,
            soft_wrap=True,
        )
        return steps[first:]

    def dark(self, *, with_panel: bool) -> None:
        from app.calibrate.dark_step import calibrate_dark, print_dark
        from calibration.rig_calibration import CalibratedCamera

        if self.config.gs_camera is not None:
            self._two_cameras()
        with self._step("dark", "exposures") as on_progress:
            results = calibrate_dark(self.config, self._staging, on_progress, with_panel=with_panel)
        for name, result in zip(("RSGR", "GS"), results, strict=False):
            self._console.rule(f"dark, {name} camera", align="left")
            print_dark(result, self._console)
        cameras = [
            CalibratedCamera(conditions=conditions, dark=result)
            for conditions, result in zip(self._conditions(), results, strict=True)
        ]
        former = None if self._rig is None else self._rig.rsgr
        if former is not None and former.conditions == cameras[0].conditions:
            cameras[0] = cameras[0].model_copy(update={"line_time": former.line_time})
        self._keep(rsgr=cameras[0], **({"gs": cameras[1]} if len(cameras) > 1 else {}))

    def line_time(self) -> None:
        from app.calibrate.line_time_step import calibrate_line_time, print_line_time

        rig = self._needed("dark")
        dark = rig.rsgr.dark
        assert dark is not None  # needed
        rig.check_fits(
            self._conditions()[0]
        )  # else its line time would be kept for the wrong camera
        one_camera = replace(self.config, gs_camera=None)
        with self._step("line-time", "blocks") as on_progress:
            result = calibrate_line_time(one_camera, self._staging, dark, on_progress)
        self._console.rule("line-time", align="left")
        print_line_time(result, self._console)
        self._keep(rsgr=rig.rsgr.model_copy(update={"line_time": result}))

    def geometry(self, board: "BoardSpec | None") -> None:
        from app.calibrate.geometry_step import (
            calibrate_geometry,
            calibrate_geometry_without_board,
            print_geometry,
        )

        self._two_cameras()
        config = self._as_calibrated()
        with self._step("geometry", "scenes" if board is None else "poses") as on_progress:
            result = (
                calibrate_geometry_without_board(config, self._staging, on_progress.instruct)
                if board is None
                else calibrate_geometry(config, self._staging, board, on_progress.instruct)
            )
        self._console.rule("geometry", align="left")
        print_geometry(result, self._console)
        self._keep(geometry=result)

    def colour(self, *, with_panel: bool) -> None:
        from app.calibrate.colour_step import calibrate_colour, print_colour

        self._two_cameras()
        rig = self._needed("dark", "gs dark", "line-time", "geometry")
        assert rig.geometry is not None  # needed
        with self._step("colour", "scenes") as on_progress:
            result = calibrate_colour(
                self._as_calibrated(),
                self._staging,
                rig.geometry.map,
                on_progress,
                with_panel=with_panel,
            )
        self._console.rule("colour", align="left")
        print_colour(result, self._console)
        self._keep(colour=result)

    def exposure_delay(self, *, with_lamp: bool, compensate: bool) -> None:
        from app.calibrate.exposure_delay_step import compensating

        self._two_cameras()
        config = self._as_calibrated()
        result = self._exposure_delay(config, with_lamp=with_lamp)
        again = compensating(config, result) if compensate else None
        if again is not None:
            result = self._exposure_delay(again, with_lamp=with_lamp)
        self._keep(exposure_delay=result)

    def _exposure_delay(
        self, config: "SessionConfig", *, with_lamp: bool
    ) -> "ExposureDelayCalibration":
        from app.calibrate.exposure_delay_step import calibrate_exposure_delay, print_exposure_delay

        rig = self._needed("dark", "gs dark", "line-time", "geometry", "colour")
        with self._step("exposure-delay", "scenes") as on_progress:
            result = calibrate_exposure_delay(
                config, self._staging, rig, on_progress, with_lamp=with_lamp
            )
        self._console.rule("exposure-delay", align="left")
        print_exposure_delay(result, self._console)
        return result

    def finish(self, *, accept: bool) -> None:
        """Say what was written; raise :class:`InstrumentError` for what should be done again."""
        from calibration.verdict import Grade

        assert self._rig is not None  # a step was done
        self._console.rule(align="left")
        for name, verdict in self._rig.verdicts():
            self._console.print(f"{name:16} {verdict}", highlight=False, soft_wrap=True)
        written = f"{self.out} written: {self._rig.grade.value}"
        self._console.print(written, highlight=False, soft_wrap=True)
        again = [
            name
            for name, verdict in self._rig.verdicts()
            if name.removeprefix("gs ") in self._done and verdict.grade is Grade.REDO
        ]
        if again and not accept:
            raise InstrumentError(
                f"do again what the verdict says of {', '.join(again)}; pairs recorded with "
                f"{self.out} as it is are refused, unless accepted (--accept)"
            )

    @contextmanager
    def _step(self, doing: str, unit: str) -> Iterator[Bar]:
        with progress(doing, unit) as self._bar:
            yield self._bar
        self._done.add(doing)

    def _without_bar(self) -> AbstractContextManager[None]:
        return nullcontext() if self._bar is None else self._bar.paused()

    def _as_calibrated(self) -> "SessionConfig":
        """The cameras with what has been measured of them so far."""
        return replace(self.config, rig=self._rig)

    def _two_cameras(self) -> None:
        """Refuse one camera, and two whose light cannot be compared, before anything is asked."""
        from app.pairs.pair_view import check_alike
        from app.session.session import Session

        if self.config.gs_camera is None:
            raise InstrumentError("this step looks at both cameras; give the second one with --gs")
        if self._alike:
            return
        with Session(self.config) as session:
            check_alike(*(session.camera_at(index).frame_format for index in (0, 1)))
        self._alike = True

    def _needed(self, *steps: str) -> "RigCalibration":
        done = set() if self._rig is None else {name for name, _ in self._rig.verdicts()}
        missing = [step for step in steps if step not in done]
        if missing or self._rig is None:
            raise InstrumentError(
                f"{self.out} lacks {', '.join(missing)}; calibrate that first, or run "
                "ngs calibrate all"
            )
        return self._rig

    def _conditions(self) -> list[Any]:
        """The cameras as this run opens them."""
        from app.session.session import Session
        from calibration.rig_calibration import CameraConditions

        with Session(self.config) as session:
            cameras = [session.camera_at(index) for index in range(session.camera_count)]
            return [CameraConditions.of(camera) for camera in cameras]

    def _keep(self, **steps: Any) -> None:
        """Write steps into the file; remove those of other cameras or conditions."""
        from calibration.rig_calibration import CalibratedCamera, RigCalibration, write_rig

        now: dict[str, Any] = {
            "created": datetime.now(UTC),
            "program": f"ngs {version('neural-global-shutter')}",
        }
        if self._rig is None or ("rsgr" in steps and self._is_other(steps["rsgr"])):
            if "rsgr" not in steps:
                conditions = self._conditions()
                steps["rsgr"] = CalibratedCamera(conditions=conditions[0])
                if len(conditions) > 1:
                    steps["gs"] = CalibratedCamera(conditions=conditions[1])
            self._rig = RigCalibration(**now, **steps)
        else:
            self._rig = self._rig.model_copy(update={**now, **steps})
        write_rig(self.out, self._rig)

    def _is_other(self, camera: Any) -> bool:
        assert self._rig is not None
        return bool(self._rig.rsgr.conditions.serial != camera.conditions.serial)


def _board_spec(text: str | None, *, no_board: bool) -> "BoardSpec | None":
    """The board of ``--board``; None where there is none at hand."""
    from pydantic import ValidationError

    from calibration.geometric.board_detection import BoardKind, BoardSpec, printed_board
    from drivers.input_file import first_fault

    if no_board:
        if text is not None:
            raise InstrumentError(f"--board {text} and --no-board contradict; give one of them")
        return None
    if text is None:
        return BoardSpec()
    kind, _, rest = text.partition(":")
    size, *more = rest.split(":")
    found = re.fullmatch(r"([0-9]{1,3})[xX]([0-9]{1,3})", size)
    if kind not in list(BoardKind) or not found or min(map(int, found.groups())) < 3:
        raise InstrumentError(
            f"--board {text} is not understood; give charuco:26x20 or checkerboard:9x7, squares "
            "counted along each side, 3 to 999"
        )
    columns, rows = map(int, found.groups())
    told: dict[str, Any] = dict(zip(("dictionary", "marker_share"), more, strict=False))
    if more and (kind != BoardKind.CHARUCO or len(more) > 2):
        raise InstrumentError(
            f"--board {text} is not understood; a ChArUco board may end in :DICTIONARY:MARKER, as "
            "in charuco:10x8:DICT_4X4_50:0.75"
        )
    try:
        spec = BoardSpec(kind=BoardKind(kind), squares_x=columns, squares_y=rows, **told)
    except ValidationError as error:
        raise InstrumentError(f"--board {text}: {first_fault(error)}") from None
    if spec.kind is BoardKind.CHARUCO:
        printed_board(spec)  # refused now, not after the first look
    return spec
