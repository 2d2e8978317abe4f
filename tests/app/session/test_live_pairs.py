"""Two cameras in one session: wired, paired, reported; a loss shifts no pair."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app import cli
from app.commands.json_report import live_report, pairs_report, to_json
from app.session import live_lag
from app.session.config import SessionConfig
from app.session.headless import Usage
from app.session.live_pairs import LivePairs
from app.session.run_statistics import Percentiles
from app.session.session import Session
from app.session.status import PairStatus
from calibration.temporal.frame_lag import LagState
from drivers.addresses import CameraOptions
from drivers.camera_settings import ExposureSettings, ShutterMode, TriggerSource
from drivers.errors import SettingRefusedError
from drivers.frame import FrameMetadata
from drivers.genicam.genicam_camera import GenicamCamera
from drivers.pixel_format import Pixels
from drivers.rig.pairing import GS, RSGR, FramePair, pair_frames
from drivers.rig.wiring import Wiring, WiringRequest
from tests.paired_recording import calibration_of
from tests.patience import wait_until
from tests.whole_family import whole

pytestmark = pytest.mark.usefixtures("virtual_rig")


def config(wiring: Wiring | None, *nodes: tuple[str, str], **changes: object) -> SessionConfig:
    small = SessionConfig(
        gs_camera="virtual:gs",
        wiring=WiringRequest(wiring),
        size_px=(320, 64),
        options=CameraOptions(node_settings=nodes),
        model=None,
    )
    return replace(small, **changes)


def pairs_of(session: Session) -> PairStatus:
    status = session.status().pairs
    assert status is not None
    return status


def write(session: Session, camera: int, node: str, text: str) -> None:
    target = session.camera_at(camera)
    assert isinstance(target, GenicamCamera)
    target.write_node(node, text)


def frames_kept(session: Session, camera: int) -> tuple[list[FrameMetadata], list[Pixels]]:
    """All frames that the camera's ring still holds."""
    reader = session.reader(10_000, camera=camera)
    form = session.camera_at(camera).frame_format
    metadata, pictures = [], []
    while reader.counters.waiting:
        pixels = np.empty(form.shape, form.pixel_format.dtype)
        told = reader.next(pixels, 0.1)
        if told is not None:
            metadata.append(told)
            pictures.append(pixels)
    return metadata, pictures


@pytest.mark.parametrize("losing", [whole(RSGR), GS])
def test_every_pair_shows_one_instant_as_its_pixels_prove(losing: int) -> None:
    """Under flickering light the brightness of a picture tells when it was taken."""
    flicker = (("SceneName", "Flat"), ("SceneFlickerDepth", "0.6"), ("SceneFlickerRate", "100"))
    settings = ExposureSettings(fps=43.0, exposure_us=2000.0)
    wanted = config(Wiring.EXTERNAL, *flicker, settings=settings, ring_seconds=8.0)
    with Session(wanted) as session:
        session.start()
        write(session, losing, "FaultLoseShare", "0.3")
        write(session, 1 - losing, "FaultLoseShare", "0.1")
        wait_until(lambda: pairs_of(session).pairing.pairs >= 60)
        (rsgr, rsgr_pictures), (gs, gs_pictures) = (frames_kept(session, c) for c in (RSGR, GS))
        live = pairs_of(session)
    pairing = pair_frames(rsgr, gs, Wiring.EXTERNAL)
    assert len(pairing.pairs) >= 60
    assert min(len(alone) for alone in pairing.unmatched) > 0
    assert min(live.pairing.unmatched) > 0
    first = np.array([rsgr_pictures[pair.rsgr_index].mean() for pair in pairing.pairs])
    second = np.array([gs_pictures[pair.gs_index].mean() for pair in pairing.pairs])
    assert _misfit(first, second) < 0.1
    # What it would be had each pair the neighbour's partner.
    assert _misfit(first[1:], second[:-1]) > 0.3


def _misfit(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Largest distance of a pair from the line between the two brightnesses, of their range."""
    line = np.polyval(np.polyfit(first, second, 1), first)
    return float(np.abs(second - line).max() / np.ptp(second))


@pytest.mark.parametrize("wiring", [Wiring.MASTER, Wiring.EXTERNAL])
def test_a_wired_rig_is_synchronous(wiring: Wiring) -> None:
    with Session(config(wiring, settings=ExposureSettings(fps=80.0))) as session:
        session.start()
        # Frames that lay ready on a busy machine prove nothing: more come.
        wait_until(lambda: pairs_of(session).pairing.pairs > 40)
        wait_until(lambda: pairs_of(session).pairing.synchronous)
        pairs, status = pairs_of(session), session.status()
        kept = [frames_kept(session, camera)[0] for camera in (RSGR, GS)]
        first, second = session.newest_raw(RSGR), session.newest_raw(GS)
    assert pairs.wiring is wiring
    assert pairs.pairing.synchronous is True
    assert pairs.pairing.residual_us_p99 < 1.0
    # Under a generator that runs already one camera hears the pulses before the other starts.
    begun_ns = max(frames[0].device_time_ns or 0 for frames in kept) - 1_000_000
    alone = [sum((frame.device_time_ns or 0) < begun_ns for frame in frames) for frames in kept]
    assert max(pairs.pairing.unmatched) <= max(alone) + 3
    assert pairs.overruns == (0, 0)
    assert pairs.pairing.tolerance_us == pytest.approx(0.4e6 / 80, rel=0.01)
    assert first is not None
    assert second is not None
    assert first.pixels.shape == second.pixels.shape
    assert status.device_state.warnings == ()


def test_the_master_is_the_wiring_where_nothing_else_is_asked_for() -> None:
    with Session(config(None)) as session:
        assert session.rig is not None
        assert session.rig.wiring is Wiring.MASTER
        assert session.status().gs_counters is not None
        assert session.camera_at(1).settings.exposure_us == session.camera.settings.exposure_us


def test_software_triggers_are_reported_as_not_synchronous() -> None:
    with Session(config(Wiring.SOFTWARE)) as session:
        session.start()
        wait_until(lambda: pairs_of(session).pairing.pairs > 20)
        status = session.status()
    usage = Usage(0.0, Percentiles(0.0, 0.0, 0.0))
    report = live_report(status, usage)["pairs"]
    assert report["synchronous"] is False
    assert "not synchronous" in report["synchronous_text"]
    assert any("not synchronous" in warning for warning in status.device_state.warnings)


def test_the_report_tells_pairs_by_stable_names() -> None:
    with Session(config(Wiring.MASTER)) as session:
        session.start()
        wait_until(lambda: pairs_of(session).pairing.pairs > 20)
        session.stop()
        status = session.status()
    report = live_report(status, Usage(0.0, Percentiles(0.0, 0.0, 0.0)))["pairs"]
    assert report["wiring"] == "master"
    assert report["method"] == "trigger count"
    assert report["unmatched"] == {"rsgr": 0, "gs": 0}
    assert report["overruns"] == {"rsgr": 0, "gs": 0}
    assert set(report) >= {"pairs", "residual_us", "tolerance_us", "offset_us", "drift_ppm"}
    assert "Line2 of the RSGR camera triggers Line1" in to_json(report)


def test_settings_change_on_both_while_frames_flow() -> None:
    with Session(config(Wiring.EXTERNAL)) as session:
        session.start()
        session.configure(ExposureSettings(exposure_us=3000.0))
        assert session.camera_at(1).settings.exposure_us == 3000.0
        session.configure(ExposureSettings(fps=30.0))
        wait_until(lambda: session.status().captured_fps == pytest.approx(30.0, abs=3.0))
        region = session.camera.controls.centred_region(128, 64)
        session.configure(ExposureSettings(region=region, pixel_format="Mono12"))
        assert session.camera_at(1).frame_format == session.camera.frame_format
        wait_until(lambda: pairs_of(session).pairing.synchronous)


def test_a_rate_the_gs_camera_cannot_follow_is_refused_and_nothing_changes() -> None:
    with Session(config(Wiring.MASTER)) as session:
        write(session, GS, "LineTime", "50")
        session.camera_at(1).configure(ExposureSettings())
        before = session.camera.settings
        with pytest.raises(SettingRefusedError, match="limit of the GS camera"):
            session.configure(ExposureSettings(fps=200.0))
        assert session.camera.settings == before


def test_a_trigger_chosen_while_wired_is_the_one_of_the_wiring() -> None:
    """The camera left its wire for its own timer, and could not be reconnected."""
    with Session(config(Wiring.EXTERNAL)) as session:
        for source in (TriggerSource.AUTO, "Line1"):
            asked = ExposureSettings(shutter=ShutterMode.GLOBAL_RESET, trigger_source=source)
            assert session.configure(asked).trigger_source == "Line1"
        before = session.camera.settings
        session.reconnect()
        assert session.camera.settings == before


def test_a_generator_set_up_by_hand_is_left_alone() -> None:
    nodes = (("RigGeneratorRate", "25"), ("RigGeneratorEnable", "1"))
    with Session(config(Wiring.EXTERNAL, *nodes)) as session:
        session.start()
        wait_until(lambda: session.status().captured_fps == pytest.approx(25.0, abs=2.0))


def test_a_lost_rig_comes_back_wired_as_before() -> None:
    with Session(config(Wiring.EXTERNAL)) as session:
        session.start()
        wait_until(lambda: pairs_of(session).pairing.pairs > 5)
        write(session, RSGR, "FaultDisconnect", "execute")
        wait_until(lambda: "camera lost" in session.status().message)
        session.reconnect()
        wait_until(lambda: pairs_of(session).pairing.synchronous)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--gs", "virtual:gs", "--wiring", "master", "--gs-delay-us", "50"), 0),
        (("--gs", "virtual:gs", "--wiring", "external", "--trigger", "software"), 1),
        (("--wiring", "external"), 2),
    ],
)
def test_wiring_is_an_option_of_the_command_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...], status: int
) -> None:
    report = tmp_path / "report.json"
    options = ("--headless", "--model", "none", "--json", str(report))
    for seconds in ("1", "6", "36"):  # more on a busy machine
        monkeypatch.setattr(
            sys, "argv", ["ngs", "live", *options, "--seconds", seconds, *arguments]
        )
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert int(ended.value.code or 0) == status
        if status != 0:
            break
        pairs = json.loads(report.read_text(encoding="utf-8"))["pairs"]
        if pairs["synchronous"] is not None:
            break
    if status == 0:
        assert pairs["synchronous"] is True
        # The chip's own 40 us and the delay asked for.
        assert pairs["offset_us"] == pytest.approx(90.0)


def test_two_replays_run_by_themselves_and_prove_nothing(tmp_path: Path) -> None:
    for name in ("rsgr", "gs"):
        (tmp_path / name).mkdir()
        for index in range(4):
            picture = np.full((48, 64), 20 * index, np.uint8)
            cv2.imwrite(str(tmp_path / name / f"{index}.png"), picture)
    replays = SessionConfig(
        camera=f"replay:{tmp_path / 'rsgr'}", gs_camera=f"replay:{tmp_path / 'gs'}", model=None
    )
    with Session(replays) as session:
        session.start()
        wait_until(lambda: session.newest_raw(GS) is not None)
        wait_until(lambda: session.newest_raw(RSGR) is not None)
        status = session.status()
    assert status.pairs is not None
    assert status.pairs.wiring is None
    assert status.pairs.pairing.synchronous is None
    assert status.device_state.warnings == ()


@pytest.mark.parametrize("off_by", [whole(0), 1])
def test_the_pictures_of_pairs_are_compared_under_a_calibration(
    off_by: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clocks and counters that lie about which frames belong together do not deceive it."""
    told = LivePairs.recent

    def other_pairs(pairs: LivePairs) -> tuple[FramePair, ...]:
        """The RSGR frame ``off_by`` triggers later, named as the partner."""
        return tuple(
            replace(pair, rsgr=replace(pair.rsgr, sequence=pair.rsgr.sequence + off_by))
            for pair in told(pairs)
        )

    monkeypatch.setattr(LivePairs, "recent", other_pairs)
    monkeypatch.setattr(live_lag, "_SOON_S", 0.1)
    moving = CameraOptions(scene=Path("slide"))
    wanted = config(Wiring.EXTERNAL, size_px=(240, 180), options=moving)
    wanted = replace(wanted, settings=ExposureSettings(fps=30.0, exposure_us=2000.0))
    with Session(replace(wanted, rig=calibration_of(wanted))) as session:
        session.start()
        state = LagState.APART if off_by else LagState.TOGETHER
        wait_until(lambda: (lag := pairs_of(session).lag) is not None and lag.state is state)
        status = pairs_of(session)
        assert status.lag is not None
        assert status.lag.lag == off_by
        assert status.synchronous is (False if off_by else pairs_of(session).synchronous)
        report = json.loads(to_json(pairs_report(status)))
        assert report["pictures"]["lag"] == off_by
        # Other settings than the calibrated ones cannot be compared.
        session.configure(ExposureSettings(gain_db=6.0))
        wait_until(lambda: pairs_of(session).lag is None)


def test_without_a_calibration_no_pictures_are_compared() -> None:
    with Session(config(Wiring.EXTERNAL)) as session:
        session.start()
        wait_until(lambda: pairs_of(session).pairing.pairs > 10)
        assert pairs_of(session).lag is None
