"""Every reader of files, each with something genuine to read.

Not here: the libraries of GenTL producers, which are programs, and what is part of the
installation.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from app import terminal
from app.calibrate.print_rig import print_rig
from app.diagnostics.camera_selftest.selftest_zip import read_snapshot
from app.diagnostics.fault_selftest import file_specimens as specimens
from app.diagnostics.fault_selftest.reading_process import FileReader
from app.restore.picture_footage import ImageFolder
from app.restore.recipe import claim_folder
from app.restore.recorded_footage import RecordedFootage
from app.restore.video_footage import VideoFile
from app.session.window_settings import WindowSettings, read_settings, write_settings
from calibration.rig_calibration import RigCalibration, read_rig, recorded_rig
from drivers.camera_settings import Region
from drivers.genicam import nodes
from drivers.genicam.node_snapshot import replayed_map, take_snapshot
from drivers.pixel_format import PIXEL_FORMATS
from drivers.recording import Recording, open_recording
from drivers.recording.frame_times import start_times_ns
from drivers.recording.integrity import verify
from drivers.recording.recorded_pairs import pair_recording
from drivers.replay import image_files, open_replay, read_image
from models.dataset.sequences import open_dataset
from models.engines.engine_memory import read_memory
from models.restorers.registry import summary_of
from models.synthesis.dataset_synthesis import synthesize
from models.synthesis.recipes import Recipe
from models.synthesis.scene_sources import Sources, SplitFractions, cut_out, read_still
from models.training.material import TrainingMaterial
from models.training.schedule import schedule_named
from models.training.training_run import train
from models.weights.weights_file import read_network


def _read_recording(folder: Path) -> None:
    recording = open_recording(folder / specimens.RECORDING)
    recorded_rig(recording.info, str(folder))
    for stream in recording.streams.values():
        start_times_ns([each for _, each in stream.known_metadata()])
    pair_recording(recording)
    damages = verify(recording)
    for damage in damages:
        _ = damage.text
    _replay(f"{recording.folder}?speed=max")
    _restore(recording)


def _replay(target: str) -> None:
    camera = open_replay(f"replay:{target}", target)
    try:
        form = camera.frame_format
        codes = np.empty(form.shape, form.pixel_format.dtype)
        camera.start()
        camera.grab(codes, 0.1)
        camera.stop()
    finally:
        camera.close()


def _restore(recording: Recording) -> None:
    stream = recording.stream()
    footage = RecordedFootage(recording, stream, range(len(stream)))
    for _ in footage.codes(range(footage.frames)):
        pass


def _read_rig(folder: Path) -> None:
    rig = read_rig(folder / "rig.json")
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        print_rig(rig, terminal.console(file=nowhere))
    rig.timing(1000.0, 480)
    rig.check_fits(rig.rsgr.conditions)
    _use_rig(rig)


def _use_rig(rig: RigCalibration) -> None:
    """As ``ngs export --format dataset`` brings two pictures together."""
    region = Region(0, 0, 64, 48)
    light = np.full((48, 64, 3), 0.5, np.float32)
    if rig.geometry is not None:
        gs = rig.geometry.map.gs_region(region)
        light, _ = rig.geometry.map.warp_to_rsgr(light, region, gs)
    if rig.colour is not None:
        rig.colour.match(light)
        for shading in (rig.colour.shading_rsgr, rig.colour.shading_gs):
            if shading is not None:
                shading.flatten(light, region)


def _read_weights(folder: Path) -> None:
    path = folder / "w.safetensors"
    summary_of(str(path))
    read_network(path)


def _go_on_training(folder: Path) -> None:
    schedule = schedule_named("live", options=specimens.SMALL, **specimens.TRAINED)
    material = TrainingMaterial.open(folder / "dataset")
    train(material, schedule, folder / "run", command="ngs", device="cpu", threads=1)


def _read_dataset(folder: Path) -> None:
    for split in ("train", "val"):
        for sequence in open_dataset(folder, split):
            for index in range(len(sequence)):
                sequence.frame(index)
                sequence.target(index)
            _ = sequence.info.conditions


def _read_pictures(folder: Path) -> None:
    for place in sorted(folder.iterdir()):
        footage = ImageFolder(place)
        for _ in footage.codes(range(footage.frames)):
            pass
        _replay(str(place))
        for path in image_files(place):
            read_image(path)


def _read_stills(folder: Path) -> None:
    sources = Sources.find(folder / "stills", folder / "objects")
    for path in sources.stills:
        read_still(path)
    for place in sources.objects:
        cut_out(place, np.random.default_rng(0), 40.0)


def _read_videos(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        for asked in (None, PIXEL_FORMATS["Mono8"]):
            footage = VideoFile(path, asked)
            for _ in footage.codes(range(footage.frames)):
                pass


class _Silent:
    """A device whose registers are all zero."""

    url_info_list: Sequence[Any] = ()

    def read(self, address: int, length: int) -> tuple[int, bytes]:
        return length, bytes(length)

    def write(self, address: int, data: bytes) -> None:
        """Nothing is kept."""


class _Describing(_Silent):
    """The same, with a description of its own."""

    def __init__(self, described: bytes) -> None:
        self._described = described
        url = f"Local:///d.zip;1000;{len(described):x}"
        self.url_info_list = (SimpleNamespace(url=url),)

    def read(self, address: int, length: int) -> tuple[int, bytes]:
        if address == 0x1000:
            return length, self._described[:length]
        return super().read(address, length)


def _read_description(folder: Path) -> None:
    for name in ("d.xml", "d.zip"):
        take_snapshot(_Silent(), folder / name)
    take_snapshot(_Describing((folder / "d.zip").read_bytes()))


def _make_selftest_zip(folder: Path) -> None:
    specimens.camera_description(folder)
    snapshot = take_snapshot(_Silent(), folder / "d.xml")
    for name in ("d.xml", "d.zip"):
        (folder / name).unlink()
    specimens.selftest_zip(folder, snapshot)


def _read_selftest_zip(folder: Path) -> None:
    node_map, _ = replayed_map(read_snapshot(folder / "s.zip"))
    for _, node in nodes.implemented_features(node_map):
        if nodes.kind_of(node) != "category":
            nodes.text_if_readable(node)


def _make_memory(folder: Path) -> None:
    (folder / "m.json").write_text(specimens.MEMORY.model_dump_json(), encoding="utf-8")


def _recall(folder: Path) -> None:
    memory = read_memory(folder / "m.json", specimens.MEMORY.facts)
    if memory is not None:
        _ = memory.expected_ms


def _make_window_settings(folder: Path) -> None:
    write_settings(folder / "window.json", WindowSettings(geometry="01d9d0cb", profile=False))


def _read_window_settings(folder: Path) -> None:
    read_settings(folder / "window.json")


def _go_on_restoring(folder: Path) -> None:
    claim_folder(folder, specimens.RECIPE)


_NO_SEQUENCES = Recipe("none", sequences=(0, 0, 0), fractions=SplitFractions(0.1, 0.1))


def _make_synthesis(folder: Path) -> None:
    specimens.stills(folder)
    synthesize(folder / "out", _NO_SEQUENCES, stills=folder / "stills")


def _go_on_synthesizing(folder: Path) -> None:
    synthesize(folder / "out", _NO_SEQUENCES, stills=folder / "stills")


READERS: tuple[FileReader, ...] = (
    FileReader("recording", specimens.recording, _read_recording, share=3),
    FileReader("compressed recording", specimens.compressed_recording, _read_recording),
    FileReader("older recording", specimens.older_recording, _read_recording),
    FileReader("unfinished recording", specimens.unfinished_recording, _read_recording, share=3),
    FileReader("rig calibration", specimens.rig, _read_rig, share=3),
    FileReader("weights", specimens.weights, _read_weights, share=3),
    FileReader(
        "training run",
        specimens.training_run,
        _go_on_training,
        files=("run/checkpoint.pt",),
        makes=("run/live.safetensors", "run/tensorboard", "run/curve.json", "run/checkpoint.pt"),
        share=1,
    ),
    FileReader("dataset", specimens.dataset, _read_dataset, share=3),
    FileReader("pictures", specimens.pictures, _read_pictures, share=4),
    FileReader("stills and objects", specimens.stills, _read_stills, share=1),
    FileReader("videos", specimens.videos, _read_videos, share=4),
    FileReader("camera description", specimens.camera_description, _read_description, share=3),
    FileReader("selftest zip", _make_selftest_zip, _read_selftest_zip, share=3),
    FileReader("engine memory", _make_memory, _recall, share=1),
    FileReader("window settings", _make_window_settings, _read_window_settings, share=1),
    FileReader(
        *("restored pictures", specimens.restored_pictures, _go_on_restoring),
        makes=("restore.json",),
        share=1,
    ),
    FileReader(
        *("synthesis", _make_synthesis, _go_on_synthesizing),
        files=("out/*",),
        makes=("out/recipe.json",),
        share=1,
    ),
)
"""All of them."""
