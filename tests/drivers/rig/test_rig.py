"""The rig: one trigger for two cameras, by every wiring, and no pair shifted by a loss."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from drivers import virtual
from drivers.addresses import CameraOptions, open_camera
from drivers.camera_settings import ExposureSettings, Region, ShutterMode
from drivers.errors import InstrumentError, SettingRefusedError
from drivers.frame import FrameMetadata
from drivers.genicam.genicam_camera import GenicamCamera
from drivers.rig.pairing import GS, RSGR, Pairing, PairingMethod, pair_frames
from drivers.rig.rig import Rig
from drivers.rig.wiring import Wiring, WiringRequest
from drivers.virtual.camera import camera_models as model
from tests.patience import LONGEST_S

START_DELAY_NS = round(1000 * (model.GS.start_delay_us - model.RSGR.start_delay_us))
SMALL = Region(640, 500, 128, 64)


@contextmanager
def open_rig(
    request: WiringRequest | Wiring, fps: float = 60.0, **options: object
) -> Iterator[Rig]:
    """Both virtual cameras, wired, at a small region; RSGR in global reset."""
    try:
        virtual.producer_path()
    except InstrumentError as error:
        pytest.skip(str(error))
    if isinstance(request, Wiring):
        request = WiringRequest(request)
    cameras = []
    try:
        for name in ("rsgr", "gs"):
            cameras.append(open_camera(f"virtual:{name}", CameraOptions(**options)))  # type: ignore[arg-type]
        rig = Rig(cameras[0], cameras[1], request)
        source = rig.source_of_rsgr(None)
        rig.rsgr.configure(
            ExposureSettings(
                shutter=ShutterMode.GLOBAL_RESET, trigger_source=source, region=SMALL,
                exposure_us=2000.0,
            )
        )  # fmt: skip
        rig.wire()
        rig.follow(shape=True)
        rig.rsgr.configure(ExposureSettings(fps=fps))
        rig.follow()
        yield rig
    finally:
        for camera in cameras:
            camera.close()


def write(rig: Rig, camera: int, node: str, text: str) -> None:
    target = rig.cameras[camera]
    assert isinstance(target, GenicamCamera)
    target.write_node(node, text)


def shoot(
    rig: Rig, frames: int, *, triggers: bool = False
) -> tuple[list[FrameMetadata], list[FrameMetadata]]:
    """Metadata of at least so many frames of each camera, each grabbed by a thread."""
    taken: tuple[list[FrameMetadata], list[FrameMetadata]] = ([], [])
    enough = threading.Event()

    def grab(camera: int) -> None:
        form = rig.cameras[camera].frame_format
        into = np.empty(form.shape, form.pixel_format.dtype)
        while not enough.is_set():
            metadata = rig.cameras[camera].grab(into, 0.1)
            if metadata is not None:
                taken[camera].append(metadata)

    threads = [threading.Thread(target=grab, args=(camera,)) for camera in (RSGR, GS)]
    for index in rig.start_order:
        rig.cameras[index].start()
    for thread in threads:
        thread.start()
    deadline_s = time.monotonic() + LONGEST_S
    while min(len(each) for each in taken) < frames and time.monotonic() < deadline_s:
        if triggers:
            for camera in rig.cameras:
                camera.send_software_trigger()
        enough.wait(0.02)
    for index in reversed(rig.start_order):
        rig.cameras[index].stop()
    enough.set()
    for thread in threads:
        thread.join()
    assert min(len(each) for each in taken) >= frames
    return taken


def shifted(pairing: Pairing, truth: tuple[list[FrameMetadata], list[FrameMetadata]]) -> list[int]:
    """Pairs whose frames did not start on one trigger, by the virtual rig's one true clock."""
    return [
        number
        for number, pair in enumerate(pairing.pairs)
        if (truth[GS][pair.gs_index].device_time_ns or 0)
        - (truth[RSGR][pair.rsgr_index].device_time_ns or 0)
        != START_DELAY_NS
    ]


def common_starts(taken: tuple[list[FrameMetadata], list[FrameMetadata]]) -> int:
    """How many triggers both cameras sent a frame of, by the virtual rig's one true clock."""
    starts = [{frame.device_time_ns for frame in each} for each in taken]
    return len({(start or 0) + START_DELAY_NS for start in starts[RSGR]} & starts[GS])


def without(
    frames: tuple[list[FrameMetadata], list[FrameMetadata]], *fields: str
) -> tuple[list[FrameMetadata], list[FrameMetadata]]:
    """The frames of cameras that tell less, each delivered 8 ms after its start.

    Where the camera tells no time, the host's has to do; how late this machine is says nothing.
    """
    silent = dict.fromkeys(fields)
    first, second = (
        [
            replace(
                frame,
                **silent,
                host_time_ns=(frame.device_time_ns or 0) + 8_000_000,
                piled_up=False,
            )
            for frame in each
        ]
        for each in frames
    )
    return first, second


@pytest.mark.parametrize("wiring", [Wiring.EXTERNAL, Wiring.MASTER])
@pytest.mark.parametrize("losing", [RSGR, GS])
def test_frames_lost_at_random_shift_no_pair_after_them(wiring: Wiring, losing: int) -> None:
    with open_rig(wiring) as rig:
        write(rig, losing, "FaultLoseShare", "0.3")
        write(rig, 1 - losing, "FaultLoseShare", "0.1")
        taken = shoot(rig, 60)
        counters = [camera.counters for camera in rig.cameras]
    assert min(count.lost for count in counters) > 0
    common = common_starts(taken)
    for frames, method in (
        (taken, PairingMethod.TRIGGER_COUNT),
        (without(taken, "device_time_ns"), PairingMethod.TRIGGER_COUNT),
        (without(taken, "trigger_count"), None),
    ):
        pairing = pair_frames(*frames, wiring)
        assert shifted(pairing, taken) == []
        assert len(pairing.pairs) == common
        if method is not None:
            assert pairing.report.method is method
    # Whether it is proven hangs on punctual deliveries, which a busy machine does not give.
    assert pair_frames(*taken, wiring).report.synchronous is not False
    assert pair_frames(*without(taken), wiring).report.synchronous is True


def test_the_first_frames_lost_of_one_camera_only() -> None:
    with open_rig(Wiring.EXTERNAL) as rig:
        write(rig, GS, "FaultLose", "9")
        taken = shoot(rig, 40)
    for frames in (taken, without(taken, "device_time_ns"), without(taken, "trigger_count")):
        pairing = pair_frames(*frames, Wiring.EXTERNAL)
        assert len(pairing.pairs) == common_starts(taken)
        assert shifted(pairing, taken) == []


def test_the_master_leads_and_the_other_misses_no_pulse_from_the_first_on() -> None:
    with open_rig(Wiring.MASTER) as rig:
        assert rig.rsgr.settings.output_line == "Line2"
        assert rig.gs.settings.trigger_source == "Line1"
        assert rig.gs.settings.trigger_activation == "RisingEdge"
        assert rig.start_order == (GS, RSGR)
        taken = shoot(rig, 20)
    assert taken[GS][0].trigger_count == 1
    assert (taken[GS][0].device_time_ns or 0) - (taken[RSGR][0].device_time_ns or 0) == (
        START_DELAY_NS
    )


def test_a_delay_and_an_edge_of_the_gs_camera_are_its_own() -> None:
    request = WiringRequest(
        Wiring.MASTER, "Line2", "Line1", gs_activation="FallingEdge", gs_delay_us=300.0
    )
    with open_rig(request) as rig:
        assert rig.gs.settings.trigger_delay_us == 300.0
        taken = shoot(rig, 20)
        exposure_us = model.RSGR.exposure_offset_us + 2000.0 + 63 * model.RSGR.line_time_us
    pairing = pair_frames(*taken, Wiring.MASTER)
    late_us = {round(pair.gs.start_time_ns - pair.rsgr.start_time_ns) / 1e3
               for pair in pairing.pairs}  # fmt: skip
    # The pulse falls when the last row's exposure ends.
    assert late_us == {exposure_us + 300.0 + START_DELAY_NS / 1e3}


def test_on_a_common_wire_both_start_with_the_same_edge() -> None:
    with open_rig(Wiring.EXTERNAL) as rig:
        rig.rsgr.configure(ExposureSettings(trigger_activation="FallingEdge"))
        rig.wire()
        assert rig.gs.settings.trigger_activation == "FallingEdge"
        taken = shoot(rig, 20)
    assert shifted(pair_frames(*taken, Wiring.EXTERNAL), taken) == []


def test_a_generator_is_driven_where_the_camera_offers_it_whatever_its_address() -> None:
    try:
        by_file = f"genicam:{virtual.producer_path()}"
    except InstrumentError as error:
        pytest.skip(str(error))
    rsgr, gs = (open_camera(f"{by_file}#{serial}") for serial in ("VRSGR-1", "VGS-1"))
    try:
        assert isinstance(rsgr, GenicamCamera)
        assert not rsgr.has_node("GeneratorOfNobody")
        left_alone = Rig(rsgr, gs, WiringRequest(Wiring.EXTERNAL), drives_generator=False)
        assert not left_alone.paces_itself
        rig = Rig(rsgr, gs, WiringRequest(Wiring.EXTERNAL))
        assert rig.paces_itself
        rsgr.configure(ExposureSettings(trigger_source="Line1", fps=50.0))
        rig.wire()
        rig.follow()
        assert rsgr.read_node("RigGeneratorEnable") == "true"
        assert float(rsgr.read_node("RigGeneratorRate")) == 50.0
    finally:
        gs.close()
        rsgr.close()


def test_overruns_of_each_camera_are_its_own() -> None:
    with open_rig(Wiring.EXTERNAL) as rig:
        write(rig, RSGR, "RigGeneratorRate", "1000")
        taken = shoot(rig, 20)
        overruns = rig.overruns
    assert min(each or 0 for each in overruns) > 20
    report = pair_frames(*taken, Wiring.EXTERNAL).report
    assert report.overruns[RSGR] == pytest.approx(overruns[RSGR], abs=4)
    assert report.overruns[GS] == pytest.approx(overruns[GS], abs=4)


def test_software_triggers_pair_but_are_called_not_synchronous() -> None:
    with open_rig(Wiring.SOFTWARE) as rig:
        assert "not synchronous" in rig.text
        assert any("not synchronous" in warning for warning in rig.warnings)
        taken = shoot(rig, 20, triggers=True)
    report = pair_frames(*taken, Wiring.SOFTWARE).report
    # A busy host sends some triggers too late: those frames are left over, and counted.
    assert report.pairs >= 10
    assert [report.pairs + each for each in report.unmatched] == [len(each) for each in taken]
    assert report.synchronous is False


def test_the_gs_camera_follows_in_exposure_region_and_format() -> None:
    with open_rig(Wiring.MASTER) as rig:
        rig.rsgr.configure(
            ExposureSettings(exposure_us=3210.0, pixel_format="Mono12", region=SMALL)
        )
        rig.follow(shape=True)
        assert rig.gs.settings.exposure_us == 3210.0
        assert rig.gs.frame_format == rig.rsgr.frame_format
        assert rig.warnings == ()


def test_what_the_gs_camera_cannot_follow_is_refused_with_its_limit() -> None:
    slow = (("LineTime", "40"),)
    with open_rig(Wiring.MASTER, fps=20.0) as rig:
        assert isinstance(rig.gs, GenicamCamera)
        rig.gs.write_node(*slow[0])
        rig.gs.configure(ExposureSettings())
        with pytest.raises(SettingRefusedError, match=r"limit of the GS camera .* 64 rows of 40"):
            rig.check(ExposureSettings(fps=300.0))
        assert rig.limit_fps(None) == pytest.approx(1e6 / (2000 + 64 * 40 + 50), rel=0.01)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (WiringRequest(Wiring.MASTER, output_line="Line1"), r"Line1; lines that can: Line2"),
        (
            WiringRequest(Wiring.MASTER, gs_line="Line7"),
            r"GS camera .* Line7; lines it offers: Line1",
        ),
        (WiringRequest(Wiring.MASTER, gs_delay_us=1e9), r"trigger delay .* 1000000 us"),
    ],
)
def test_a_wiring_that_cannot_be_had_is_refused_with_what_is_offered(
    request_: WiringRequest, message: str
) -> None:
    with pytest.raises(SettingRefusedError, match=message), open_rig(request_):
        pass


def test_sources_that_contradict_the_wiring_are_refused() -> None:
    with open_rig(Wiring.EXTERNAL) as rig:
        with pytest.raises(SettingRefusedError, match=r"RSGR camera .* software; lines .* Line1"):
            rig.source_of_rsgr("software")
        assert rig.source_of_rsgr("auto") == "Line1"
    with open_rig(Wiring.SOFTWARE) as rig, pytest.raises(SettingRefusedError, match="exclude"):
        rig.source_of_rsgr("Line1")


def test_an_output_line_changes_only_while_the_camera_stands() -> None:
    with open_rig(Wiring.MASTER) as rig:
        rig.rsgr.start()
        with pytest.raises(SettingRefusedError, match="output line need a stopped camera"):
            rig.rsgr.configure(ExposureSettings(output_line="off"))
        rig.rsgr.stop()
        assert rig.rsgr.configure(ExposureSettings(output_line="off")).output_line == "off"
