"""The producer as a GenTL client sees it."""

import importlib.machinery
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from genicam import genapi, gentl
from harvesters.core import Harvester

from drivers import virtual
from drivers.errors import InstrumentError
from drivers.virtual.camera.camera_models import MODELS, CameraModel
from drivers.virtual.camera.device_description import description_of
from drivers.virtual.camera.feature_table import Kind
from tests.drivers.virtual.camera.rig_client import open_camera, open_cameras, timer, triggered
from tests.patience import LONGEST_S, quickest_s, timed_s

_MODELS = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.device_id)


def test_lists_both_cameras() -> None:
    harvester = Harvester()
    harvester.add_file(str(virtual.producer_path()))
    harvester.update()
    listed = {info.id_: (info.vendor, info.model, info.serial_number) for info in
              harvester.device_info_list}  # fmt: skip
    harvester.reset()
    assert listed == {
        "rsgr": ("Neural Global Shutter", "NGS-V RSGR 1440", virtual.DEVICES["rsgr"]),
        "gs": ("Neural Global Shutter", "NGS-V GS 1440", virtual.DEVICES["gs"]),
    }


@_MODELS
def test_every_feature_of_the_table_is_in_the_node_map_with_its_default(model: CameraModel) -> None:
    special = {"PayloadSize", "SensorReadoutTime", "TrueLineTime", "LineMode", "CounterEventSource",
               "ChunkEnable"}  # fmt: skip
    with open_camera(model.device_id) as camera:
        for feature in description_of(model).features.values():
            node = camera.nodes.get_node(feature.name)
            assert node is not None, feature.name
            if node.get_access_mode() not in (genapi.EAccessMode.RO, genapi.EAccessMode.RW):
                continue
            if feature.kind in (Kind.INTEGER, Kind.FLOAT):
                assert node.min <= node.value <= node.max, feature.name
            if feature.name not in special and feature.kind is not Kind.COMMAND:
                assert node.value == feature.default, feature.name


def test_power_up_region_and_payload() -> None:
    with open_camera() as camera:
        assert [camera.get(name) for name in ("Width", "Height", "OffsetX", "OffsetY")] == [
            640, 480, 400, 300,
        ]  # fmt: skip
        assert camera.get("PayloadSize") == 640 * 480
        camera.set(PixelFormat="Mono12p")
        assert camera.get("PayloadSize") == 640 * 480 * 3 // 2


def test_powers_up_wrong_as_some_cameras_do_and_again_when_reopened() -> None:
    for _ in range(2):
        with open_camera() as camera:
            assert camera.get("ExposureAuto") == "Continuous"
            assert camera.get("Gamma") == pytest.approx(0.45)
            camera.make_linear(DeviceUserID="bench 3")
            assert camera.get("DeviceUserID") == "bench 3"


def test_a_second_client_is_refused() -> None:
    with open_camera() as camera:
        device = camera.acquirer.device.parent.device_info_list[0].create_device()
        with pytest.raises(gentl.ResourceInUseException):
            device.open(gentl.DEVICE_ACCESS_FLAGS_LIST.DEVICE_ACCESS_EXCLUSIVE)


def test_a_value_out_of_range_is_refused_and_nothing_changes() -> None:
    with open_camera() as camera:
        camera.make_linear()
        with pytest.raises(genapi.OutOfRangeException):
            camera.set(ExposureTime=2e6)
        assert camera.get("ExposureTime") == 4000.0


def test_the_reason_of_a_failure_reaches_the_client(tmp_path: Path) -> None:
    missing = str(tmp_path / "no such film.mp4")
    with open_camera() as camera:
        with pytest.raises((genapi.GenericException, gentl.GenericException)) as failure:
            camera.set(SceneFile=missing)
        assert "no such film.mp4" in str(failure.value)
        assert "no such film.mp4" in camera.get("SceneStatus")
        camera.set(SceneFile="")
        assert camera.get("SceneStatus") == "ok"


def test_stops_at_once_although_no_frame_ever_came() -> None:
    with open_camera() as camera:
        triggered(camera)

        def seconds_to_stop() -> float:
            camera.acquirer.start()
            assert camera.frame(timeout_s=0.1) is None
            return timed_s(camera.acquirer.stop)

        assert quickest_s(seconds_to_stop, 1.0) < 1.0


def test_starts_again_right_after_a_stop() -> None:
    with open_camera() as camera:
        timer(camera, 5000.0)
        for _ in range(3):
            with camera.streaming():
                assert [frame.frame_id for frame in camera.frames(3)] == [0, 1, 2]


def test_closing_while_streaming_ends_every_thread() -> None:
    with open_cameras("rsgr", "gs") as cameras:
        for camera in cameras:
            timer(camera, 5000.0)
            camera.acquirer.start()
            camera.frames(2)


def test_a_copy_of_the_producer_is_refused_instead_of_empty(tmp_path: Path) -> None:
    copy = tmp_path / "copy.cti"
    shutil.copy(virtual.producer_path(), copy)
    producer = gentl.GenTLProducer.create_producer()
    with pytest.raises(gentl.GenericException):
        producer.open(str(copy))


def test_without_the_compiled_part_the_error_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.machinery, "EXTENSION_SUFFIXES", [".not-built"])
    with pytest.raises(InstrumentError, match="apt install build-essential"):
        virtual.producer_path()


_STREAM_AND_LEAVE = """
import threading, time
{imports}
h.add_file(str(virtual.producer_path())); h.update()
acquirer = h.create({{"id_": "rsgr"}})
acquirer.timeout_period_on_update_event_data_call = 10_000
nodes = acquirer.remote_device.node_map
nodes.Width.value = 128; nodes.Height.value = 64
acquirer.start()
waits_for_ever = threading.Event()
def fetch():
    while True:
        buffer = acquirer.try_fetch(timeout=30.0)
        if buffer.module.frame_id >= 3:
            nodes.FaultFreeze.value = True
            waits_for_ever.set()
        buffer.queue()
threading.Thread(target=fetch, daemon=True).start()
waits_for_ever.wait(); time.sleep(0.2)
print("leaving", flush=True)
{ending}
"""
_VIRTUAL, _HARVESTERS = (
    "from drivers import virtual",
    "from harvesters.core import Harvester; h = Harvester()",
)


@pytest.mark.parametrize("ending", ["", "raise SystemExit(0)", "h.reset()"])
@pytest.mark.parametrize("imports", [(_VIRTUAL, _HARVESTERS), (_HARVESTERS, _VIRTUAL)])
def test_the_interpreter_may_exit_while_a_thread_waits_for_a_frame(
    imports: tuple[str, str], ending: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _STREAM_AND_LEAVE.format(imports="\n".join(imports), ending=ending)],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
        cwd=Path(virtual.__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "leaving"


def test_python_is_loaded_before_c_calls_it() -> None:
    """An interruption while C imports it would come through to nobody."""
    program = (
        "import sys; from drivers import virtual; virtual.load(); "
        "sys.exit('drivers.virtual.producer.system_functions' not in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
