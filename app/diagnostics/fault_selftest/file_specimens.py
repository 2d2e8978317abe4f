"""Small genuine files of every kind that the program reads, made by the program itself."""

import json
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from app.restore.recipe import FILE_NAME as RESTORE_FILE
from app.restore.recipe import Recipe
from calibration.geometric.board_detection import FoundBoard
from calibration.geometric.geometry_from_board import BoardPair, geometry_calibration
from calibration.radiometric.colour import PanelLight, colour_calibration
from calibration.radiometric.dark import DarkShot, dark_calibration
from calibration.rig_calibration import (
    CalibratedCamera,
    CameraConditions,
    RigCalibration,
    write_rig,
)
from calibration.temporal.exposure_delay import ExposureDelayCalibration
from calibration.temporal.line_time import GlobalReset, LineTimeCalibration
from calibration.verdict import Grade, Verdict
from drivers.camera_settings import Region
from drivers.frame import FrameMetadata
from drivers.genicam.node_snapshot import NodeSnapshot
from drivers.pixel_format import pixel_format
from drivers.recording import RecordedCamera, RecordingInfo, open_recording
from drivers.recording.compression import Compression
from drivers.recording.description import write_description
from drivers.recording.writer import RecordingWriter
from drivers.recording.writing_lock import LOCK_NAME
from drivers.timing import ReadoutDirection, TimingSource
from models.dataset.layout import GS_FOLDER, RSGR_FOLDER
from models.dataset.sequence_info import FILE_NAME as SEQUENCE_FILE
from models.dataset.sequence_info import SequenceInfo
from models.engines.engine_memory import EngineMemory
from models.engines.engine_timing import Spread
from models.networks import build_network, network_config
from models.training.material import TrainingMaterial
from models.training.schedule import schedule_named
from models.training.training_run import train
from models.weights.weights_file import Header, Training, encode_weights

RECORDING = "recording"
"""Folder of a recording in that of its reader."""

_ROWS, _COLUMNS = 24, 32
_FRAMES = 6
_GOOD = Verdict(grade=Grade.GOOD)
SMALL = {"width": 4, "deep_width": 4, "blocks": 1}
_MOMENT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def _codes(number: int, maximum: int = 255) -> NDArray[np.uint8 | np.uint16]:
    """A picture that no other number has."""
    kind = np.uint8 if maximum < 256 else np.uint16
    return np.random.default_rng(number).integers(0, maximum, (_ROWS, _COLUMNS), dtype=kind)


def _recorded_camera() -> RecordedCamera:
    return RecordedCamera(
        address="virtual:rsgr",
        maker="maker",
        model="model",
        serial="1",
        firmware="1.0",
        rows=_ROWS,
        columns=_COLUMNS,
        pixel_format="Mono8",
        exposure_us=1000.0,
        black_level_dn=8.0,
        fps=100.0,
        line_time_us=20.0,
        timing_source=TimingSource.NODE,
    )


def recording(folder: Path, compression: Compression = Compression.NONE) -> None:
    """A finished recording of two cameras, with a calibration in it."""
    info = RecordingInfo(
        started=_MOMENT,
        started_host_time_ns=0,
        cameras={name: _recorded_camera() for name in ("rsgr", "gs")},
        compression=compression,
        calibration=_rig().model_dump(mode="json"),
    )
    writer = RecordingWriter(folder / RECORDING, info)
    for number in range(_FRAMES):
        time_ns = number * 10_000_000
        for name in info.cameras:
            writer.append(name, _codes(number), FrameMetadata(number, time_ns, time_ns, number))
    writer.finish("stopped")


def compressed_recording(folder: Path) -> None:
    """The same, compressed."""
    recording(folder, Compression.LZ4)


def older_recording(folder: Path) -> None:
    """The same as older programs wrote it: no index line has a checksum."""
    recording(folder)
    for path in (folder / RECORDING).glob("*.index.jsonl"):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        told = [{name: line[name] for name in line if name != "check"} for line in lines]
        path.write_text("".join(json.dumps(line) + "\n" for line in told), encoding="utf-8")


def unfinished_recording(folder: Path) -> None:
    """The same as a killed process leaves it: no end, no tables, a lock file."""
    recording(folder, Compression.LZ4)
    opened = open_recording(folder / RECORDING)
    for stream in opened.streams.values():
        shard = stream.layout.shard_path(0)
        os.truncate(shard, shard.stat().st_size - stream.layout.table_bytes)
    write_description(opened.folder, opened.info.model_copy(update={"end": None}))
    (opened.folder / LOCK_NAME).write_bytes(b"held")


def _rig() -> RigCalibration:
    rng = np.random.default_rng(1)
    boards = []
    for _ in range(6):
        here = rng.uniform((0, 0), (640, 480), (40, 2))
        there = here + 0.2 * np.sin(here / 200.0) + [4.0, -3.0]
        pair = (FoundBoard(dict(enumerate(places)), False) for places in (here, there))
        boards.append(BoardPair(*pair))
    light = rng.uniform(0.0, 0.6, (20, 30, 3)).repeat(16, 0).repeat(16, 1).astype(np.float32)
    panel = PanelLight(0 * light + 0.3, 0 * light + 0.4, Region(8, 8, 480, 320))
    dark = [np.asarray(rng.normal(64, 2, (48, 64)), np.uint16) for _ in range(4)]
    conditions = CameraConditions(
        maker="maker",
        model="model",
        serial="1",
        firmware="1.0",
        pixel_format="Mono12",
        gain_db=0.0,
        black_level_dn=64.0,
        readout={"BinningVertical": "1"},
    )
    return RigCalibration(
        created=_MOMENT,
        program="ngs",
        rsgr=CalibratedCamera(
            conditions=conditions,
            dark=dark_calibration([DarkShot(100.0, dark)], pixel_format("Mono12")),
            line_time=_line_time(),
        ),
        gs=CalibratedCamera(conditions=conditions),
        geometry=geometry_calibration(boards, (640, 480), (640, 480)),
        colour=colour_calibration(1.3 * light, light, light[..., 0] >= 0, 4000.0, panel),
        exposure_delay=ExposureDelayCalibration(
            delay_us=40.0,
            delay_error_us=0.1,
            exposure_us=2000.0,
            lamp=None,
            motion=None,
            verdict=_GOOD,
        ),
    )


def _line_time() -> LineTimeCalibration:
    return LineTimeCalibration(
        pixel_format="Mono12",
        line_time_us=6.0,
        line_time_error_us=0.01,
        exposure_offset_us=12.0,
        exposure_offset_error_us=0.4,
        direction=ReadoutDirection.TOP_DOWN,
        long_exposure_us=8000.0,
        short_exposure_us=2000.0,
        frames_per_exposure=32,
        rows=480,
        rows_used=478,
        residual_us=0.7,
        band_residuals_us=(0.1, None, -0.1),
        chi_square=1.1,
        band_chi_square=1.3,
        black_shift_dn=0.02,
        clipped_percent=0.0,
        moving_percent=0.1,
        drift_percent=0.1,
        flicker=None,
        flat_ramp=None,
        global_reset=GlobalReset.PROVEN,
        global_reset_text="global reset proven",
        verdict=_GOOD,
    )


def rig(folder: Path) -> None:
    """A ``rig.json`` with every step."""
    write_rig(folder / "rig.json", _rig())


def weights(folder: Path) -> None:
    """Weights of a small network."""
    network = build_network("live", SMALL)
    training = Training(
        dataset="none",
        sources=("a",),
        steps=1,
        samples=1,
        seed=0,
        command="ngs train",
        device="CPU",
        hours=0.0,
        torch="2",
        learning_rate=0.1,
        row_gain_psnr_db=30.0,
        validation_psnr_db=31.0,
        late_gain_db=None,
    )
    header = Header(network="live", config=network_config(network), training=training)
    (folder / "w.safetensors").write_bytes(encode_weights(header, network.state_dict()))


def dataset(folder: Path) -> None:
    """A dataset with one sequence of two pairs to train on, and one to validate with."""
    info = SequenceInfo(
        exposure_us=1000.0,
        line_time_us=60.0,
        rows=_ROWS,
        columns=_COLUMNS,
        frame_interval_us=5000.0,
        pixel_format="Mono8",
        black_level_dn=8.0,
        saturation_dn=255.0,
        synthetic=True,
        generator="ngs",
    )
    for split in ("train", "val"):
        sequence = folder / split / "00000"
        for kind, maximum in ((RSGR_FOLDER, 255), (GS_FOLDER, 65535)):
            (sequence / kind).mkdir(parents=True)
            for number in range(2):
                path = sequence / kind / f"{number:08d}.png"
                cv2.imwrite(str(path), _codes(number, maximum))
        (sequence / SEQUENCE_FILE).write_text(info.model_dump_json(), encoding="utf-8")


def training_run(folder: Path) -> None:
    """A training run at its end, and the dataset it was trained on."""
    dataset(folder / "dataset")
    schedule = schedule_named("live", options=SMALL, **TRAINED)
    material = TrainingMaterial.open(folder / "dataset")
    train(material, schedule, folder / "run", command="ngs", device="cpu", threads=1)
    for path in (folder / "run").iterdir():
        if path.name != "checkpoint.pt" and path.is_file():
            path.unlink()


TRAINED: dict[str, Any] = {
    "steps": 1,
    "batch": 2,
    "crops_per_clip": 2,
    "crop_px": 16,
    "precision": "fp32",
}
"""The schedule of :func:`training_run`, where it is not the usual one."""


def pictures(folder: Path) -> None:
    """Folders of two pictures of each form, with what describes them."""
    dataset(folder / "made")
    described = (folder / "made" / "train" / "00000" / SEQUENCE_FILE).read_bytes()
    for form, maximum in PICTURES:
        place = folder / form
        place.mkdir()
        for number in range(2):
            cv2.imwrite(str(place / f"{number}.{form.partition('-')[0]}"), _codes(number, maximum))
        if form == "png":
            (place / SEQUENCE_FILE).write_bytes(described)
    colour = np.stack([_codes(number) for number in range(3)], axis=-1)
    for form in ("png", "jpg"):
        (folder / f"{form}-colour").mkdir()
        cv2.imwrite(str(folder / f"{form}-colour" / f"0.{form}"), colour)
    for path in sorted((folder / "made").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (folder / "made").rmdir()


PICTURES = (
    ("png", 255),
    ("png-16", 65535),
    ("tif", 255),
    ("tif-16", 65535),
    ("jpg", 255),
    ("bmp", 255),
    ("pgm", 255),
)
"""Folders of :func:`pictures`, and the largest code in them."""


def stills(folder: Path) -> None:
    """Material of synthesis: a still, and an object with a mask."""
    for name in ("stills", "objects/ball/frames", "objects/ball/masks"):
        (folder / name).mkdir(parents=True)
    coarse = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    mask = np.zeros((96, 128), np.uint8)
    mask[20:80, 30:90] = 255
    for path, picture in (
        ("stills/0.png", coarse),
        ("stills/1.jpg", coarse),
        ("objects/ball/frames/0.png", coarse),
        ("objects/ball/masks/0.png", mask),
    ):
        cv2.imwrite(str(folder / path), picture)


def videos(folder: Path) -> None:
    """Videos in each container and coding that is written or often met."""
    for name, codec, form in (
        ("a.mp4", "mpeg4", "yuv420p"),
        ("b.mp4", "libx264", "yuv420p"),
        ("c.mkv", "ffv1", "gray16le"),
        ("d.avi", "mjpeg", "yuvj420p"),
    ):
        with av.open(str(folder / name), "w") as container:
            stream: Any = container.add_stream(codec, rate=50)
            stream.width, stream.height, stream.pix_fmt = 64, 48, form
            for number in range(4):
                wide = "gray16le" if form == "gray16le" else "gray"
                codes: Any = cv2.resize(
                    _codes(number, 65535 if wide == "gray16le" else 255), (64, 48)
                )
                frame = av.VideoFrame.from_ndarray(codes, format=wide).reformat(format=form)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


_DESCRIPTION = """<?xml version="1.0" encoding="utf-8"?>
<RegisterDescription ModelName="Camera" VendorName="Maker" ToolTip="A camera"
 StandardNameSpace="None" SchemaMajorVersion="1" SchemaMinorVersion="1" SchemaSubMinorVersion="0"
 MajorVersion="1" MinorVersion="0" SubMinorVersion="0" ProductGuid="1" VersionGuid="2"
 xmlns="http://www.genicam.org/GenApi/Version_1_1"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://www.genicam.org/GenApi/Version_1_1 GenApiSchema.xsd">
<Category Name="Root" NameSpace="Standard"><pFeature>Width</pFeature><pFeature>Height</pFeature>
<pFeature>ExposureTime</pFeature><pFeature>PixelFormat</pFeature><pFeature>Gain</pFeature>
<pFeature>AcquisitionStart</pFeature></Category>
<Integer Name="Width" NameSpace="Standard"><pValue>WidthRegister</pValue><Min>8</Min>
<pMax>WidthMax</pMax><Inc>8</Inc></Integer>
<IntReg Name="WidthRegister"><Address>0x100</Address><Length>4</Length><AccessMode>RW</AccessMode>
<pPort>Device</pPort><Sign>Unsigned</Sign><Endianess>LittleEndian</Endianess></IntReg>
<Integer Name="WidthMax"><Value>640</Value></Integer>
<Integer Name="Height" NameSpace="Standard"><Value>480</Value><Min>1</Min><Max>480</Max></Integer>
<Float Name="ExposureTime" NameSpace="Standard"><pValue>ExposureConverter</pValue>
<Unit>us</Unit></Float>
<Converter Name="ExposureConverter"><FormulaTo>FROM / 2.5</FormulaTo>
<FormulaFrom>TO * 2.5</FormulaFrom><pValue>ExposureRegister</pValue></Converter>
<IntReg Name="ExposureRegister"><Address>0x104</Address><Length>4</Length>
<AccessMode>RW</AccessMode><pPort>Device</pPort><Sign>Unsigned</Sign>
<Endianess>LittleEndian</Endianess></IntReg>
<Float Name="Gain" NameSpace="Standard"><Value>0</Value><Min>0</Min><Max>24</Max></Float>
<Enumeration Name="PixelFormat" NameSpace="Standard">
<EnumEntry Name="Mono8"><Value>17301505</Value></EnumEntry>
<EnumEntry Name="Mono12"><Value>17825797</Value></EnumEntry><Value>17301505</Value></Enumeration>
<Command Name="AcquisitionStart" NameSpace="Standard"><pValue>StartRegister</pValue>
<CommandValue>1</CommandValue></Command>
<IntReg Name="StartRegister"><Address>0x108</Address><Length>4</Length>
<AccessMode>WO</AccessMode><pPort>Device</pPort><Sign>Unsigned</Sign>
<Endianess>LittleEndian</Endianess></IntReg>
<Port Name="Device" NameSpace="Standard"/>
</RegisterDescription>
"""


def camera_description(folder: Path) -> None:
    """A device description, and the same in a zip as devices bring it."""
    (folder / "d.xml").write_text(_DESCRIPTION, encoding="utf-8")
    with zipfile.ZipFile(folder / "d.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("d.xml", _DESCRIPTION)


def selftest_zip(folder: Path, snapshot: NodeSnapshot) -> None:
    """What ``ngs selftest camera`` keeps of a camera to replay."""
    document = snapshot.model_dump(mode="json")
    described = document.pop("description")
    with zipfile.ZipFile(folder / "s.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rsgr/description.xml", described)
        archive.writestr("rsgr/nodes.json", json.dumps(document))
        archive.writestr("figures.json", "{}")


MEMORY = EngineMemory(
    facts={"cpu": "some", "shape": [1, 2]},
    engine="torch-fp32",
    spreads={"torch-fp32": Spread(low_ms=1.0, median_ms=2.0, high_ms=3.0)},
)

RECIPE = Recipe(
    program="0.1.0",
    input="in",
    input_frames=4,
    input_fingerprint="1",
    model="live",
    weights_sha256=None,
    device="cpu",
    engine="torch-fp32",
    exposure_us=1000.0,
    line_time_us=60.0,
    rows=_ROWS,
    frame_interval_us=5000.0,
    pixel_format="Mono8",
    black_level_dn=8.0,
    saturation_dn=255.0,
    input_encoding="linear",  # type: ignore[arg-type]
    encoding="srgb",  # type: ignore[arg-type]
    bits=8,
    codec="png",
    crf=None,
)


def restored_pictures(folder: Path) -> None:
    """The mark of a folder of restored pictures."""
    (folder / RESTORE_FILE).write_text(RECIPE.model_dump_json(indent=2), encoding="utf-8")
