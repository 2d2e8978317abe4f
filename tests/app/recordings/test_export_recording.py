"""``ngs export``: codes bit for bit, light as it was, whole or not at all."""

import csv
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import tifffile

from app.recordings.export_formats import SUFFIXES
from app.recordings.export_recording import ExportRequest, ExportSummary, export
from drivers.errors import InstrumentError
from drivers.pixel_format import Pixels
from drivers.recording import open_recording
from tests import small_recording as small
from tests.app.recordings.run_ngs import ngs
from tests.app.restore import small_footage as footage
from tests.app.restore.test_recorded_footage import record as record_scene
from tests.patience import LONGEST_S, wait_until

FORMATS = ["Mono8", "Mono12", "Mono16", "BayerRG8", "BayerGB12", "RGB8", "RGB16"]
TICKS = [0, 1, 2, 5, 6]
"""Two frames are lost."""


def record(folder: Path, pixel_format: str = "Mono8") -> Path:
    cameras = {"rsgr": small.camera(pixel_format), "gs": small.camera(pixel_format)}
    return small.write(folder, {"rsgr": TICKS, "gs": range(4)}, small.info(cameras))


def run(source: Path, target: Path, form: str, **options: object) -> ExportSummary:
    request = ExportRequest(source, target, form)
    return export(replace(request, **options), lambda done, total: None)


def read_png(path: Path) -> Pixels:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return picture[..., ::-1] if picture.ndim == 3 else picture


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_png_has_the_codes(tmp_path: Path, pixel_format: str) -> None:
    source, out = record(tmp_path / "r", pixel_format), tmp_path / "out"
    assert run(source, out, "png").line == f"{out}: 5 frames of rsgr"
    for number, tick in enumerate(TICKS):
        codes = small.codes(tick, small.camera(pixel_format))
        picture = read_png(out / f"{number:08d}.png")
        assert picture.dtype == codes.dtype
        np.testing.assert_array_equal(picture, codes)
    with (out / "frames.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["sequence"]) for row in rows] == TICKS
    assert [int(row["device_time_ns"]) for row in rows] == [t * small.PERIOD_NS for t in TICKS]
    told = json.loads((out / "camera.json").read_text(encoding="utf-8"))
    assert told["camera"]["line_time_us"] == 20.0
    assert told["lowest_bits_left_out"] == 0


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_tiff_has_the_codes(tmp_path: Path, pixel_format: str) -> None:
    source, out = record(tmp_path / "r", pixel_format), tmp_path / "out.tif"
    run(source, out, "tiff")
    expected = [small.codes(tick, small.camera(pixel_format)) for tick in TICKS]
    np.testing.assert_array_equal(tifffile.imread(out), expected)
    with tifffile.TiffFile(out) as tiff:
        assert tiff.is_bigtiff
        assert len(tiff.pages) == len(TICKS)
        assert tiff.shaped_metadata is not None
        told = tiff.shaped_metadata[0]
    assert told["camera"]["pixel_format"] == pixel_format
    assert told["camera"]["exposure_us"] == 1000.0
    assert told["frames"]["sequence"] == TICKS
    assert told["frames"]["trigger_count"] == [tick + small.TRIGGERS_BEFORE for tick in TICKS]


def test_a_tiff_of_one_frame_is_a_stack_too(tmp_path: Path) -> None:
    run(record(tmp_path / "r"), tmp_path / "out.tiff", "tiff", frames="2:3")
    assert tifffile.imread(tmp_path / "out.tiff").size == small.ROWS * small.COLUMNS


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_npy_is_an_array_of_the_codes(tmp_path: Path, pixel_format: str) -> None:
    source, out = record(tmp_path / "r", pixel_format), tmp_path / "out"
    run(source, out, "npy")
    found = np.load(out / "frames.npy", mmap_mode="r")
    expected = np.stack([small.codes(tick, small.camera(pixel_format)) for tick in TICKS])
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    with (out / "frames.csv").open(encoding="utf-8", newline="") as file:
        assert [int(row["sequence"]) for row in csv.DictReader(file)] == TICKS
    told = json.loads((out / "camera.json").read_text(encoding="utf-8"))
    assert told["camera"]["pixel_format"] == pixel_format


@pytest.mark.parametrize("form", ["png", "tiff", "npy"])
def test_camera_frames_and_bits_are_chosen(tmp_path: Path, form: str) -> None:
    source = record(tmp_path / "r", "Mono12")
    out = tmp_path / ("out.tiff" if form == "tiff" else "out")
    summary = run(source, out, form, camera="gs", frames="1:3", bits=8)
    assert summary.notes == ("the lowest 4 bits of the codes are left out",)
    found = {
        "png": lambda: [read_png(path) for path in sorted(out.glob("*.png"))],
        "tiff": lambda: tifffile.imread(out),
        "npy": lambda: np.load(out / "frames.npy"),
    }[form]()
    expected = [small.codes(tick, small.camera("Mono12")) >> 4 for tick in (1, 2)]
    np.testing.assert_array_equal(found, expected)
    assert np.asarray(found).dtype == np.uint8


def shown(path: Path) -> list[Pixels]:
    with av.open(str(path)) as video:
        return [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]


def panes(picture: Pixels) -> tuple[Pixels, Pixels]:
    """Raw and restored of a preview of the small footage."""
    rows = slice(34, 34 + footage.ROWS)
    left, right = 8, 8 + footage.COLUMNS + 8
    return (
        picture[rows, left : left + footage.COLUMNS],
        picture[rows, right : right + footage.COLUMNS],
    )


@pytest.mark.parametrize("colour", [False, True])
def test_a_preview_has_the_light_of_the_scene(tmp_path: Path, colour: bool) -> None:
    """On one scale: the top row equal left and right, then raw grows brighter by the ramp."""
    source = record_scene(tmp_path / "r", 8, colour=colour)
    assert run(source, tmp_path / "out.mp4", "mp4", model="row-gain").notes == ()
    pictures = shown(tmp_path / "out.mp4")
    assert len(pictures) == 8
    raw, restored = panes(pictures[5])
    truth = footage.light(8, colour=colour)[5]
    truth = truth if colour else truth[..., None]
    ramp = footage.TIMING.exposure_ratio()[:, None, None]
    inner = slice(4, -4)
    for seen, light in ((restored, truth), (raw, truth * ramp)):
        expected = footage.srgb_codes(np.clip(light, 0, 1)).astype(float)
        difference = (seen - expected)[inner, inner].mean(axis=(0, 1))
        assert np.abs(difference).max() < 2.5


def test_a_preview_is_a_plain_h264_video_at_the_true_rate(tmp_path: Path) -> None:
    source = record_scene(tmp_path / "r", 10, lost=frozenset({4}))
    run(source, tmp_path / "out.mp4", "mp4")
    with av.open(str(tmp_path / "out.mp4")) as video:
        stream: Any = video.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        times_s = [frame.time for frame in video.decode(stream)]
    np.testing.assert_allclose(times_s, [0.01 * tick for tick in range(10) if tick != 4], atol=1e-4)
    if shutil.which("ffprobe"):
        entries = "stream=codec_name,pix_fmt,nb_frames"
        probed = subprocess.run(
            ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "csv=p=0",
             str(tmp_path / "out.mp4")],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert probed.stdout.strip() == "h264,yuv420p,9"
        assert probed.stderr == ""


@pytest.mark.parametrize("pixel_format", ["BayerRG8", "BayerGR12", "RGB8"])
def test_colour_can_be_previewed(tmp_path: Path, pixel_format: str) -> None:
    run(record(tmp_path / "r", pixel_format), tmp_path / "out.mp4", "mp4", model="row-gain")
    assert len(shown(tmp_path / "out.mp4")) == len(TICKS)


def test_raw_alone_where_it_cannot_be_restored(tmp_path: Path) -> None:
    source = record_scene(tmp_path / "r", 3, line_time_us=None)
    notes = run(source, tmp_path / "out.mp4", "mp4").notes
    assert notes[0].startswith("raw frames only: r does not say how it was taken: give --line-time")
    assert shown(tmp_path / "out.mp4")[0].shape[1] == footage.COLUMNS + 16
    with pytest.raises(InstrumentError, match="give --line-time-us"):
        run(source, tmp_path / "again.mp4", "mp4", model="live")
    assert run(source, tmp_path / "raw.mp4", "mp4", model="none").notes == ()


@pytest.mark.parametrize(("form", "name"), [("png", "out"), ("npy", "out"), ("tiff", "out.tif")])
def test_a_recording_without_frames_is_told(tmp_path: Path, form: str, name: str) -> None:
    source = small.write(tmp_path / "r", {"rsgr": []}, small.info({"rsgr": small.camera()}))
    with pytest.raises(InstrumentError, match=r"^the recording holds no frames; ngs info tells"):
        run(source, tmp_path / name, form)


@pytest.mark.parametrize(
    ("form", "name", "options", "said"),
    [
        ("tiff", "out.png", {}, "must end in .tif or .tiff for --format tiff"),
        ("mp4", "out.mkv", {}, "must end in .mp4"),
        ("mp4", "out.mp4", {"bits": 8}, "--bits is for png, tiff"),
        ("mp4", "out.mp4", {"model": "magic"}, "unknown model 'magic'"),
        ("png", "out", {"model": "live"}, "--model is for mp4"),
        ("png", "out", {"bits": 12}, "give --bits 8 or --bits 16"),
        ("png", "out", {"camera": "left"}, "no camera 'left'; it has rsgr, gs"),
        ("png", "out", {"frames": "7:"}, "frames 7: are none of the 5 frames"),
        ("png", "r", {}, "exists and is not overwritten"),
        ("png", "r/out", {}, "lies inside the recording"),
        ("png", "no/out", {}, "its folder does not exist"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path, form: str, name: str, options: dict[str, object], said: str
) -> None:
    source = record(tmp_path / "r")
    with pytest.raises(InstrumentError, match=said):
        run(source, tmp_path / name, form, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


NAMES = {form: "".join(("out", *endings[:1])) for form, endings in SUFFIXES.items()}
del NAMES["dataset"]  # it has tests of its own
FORMS = [pytest.param(name, marks=pytest.mark.whole) if name == "mp4" else name for name in NAMES]


@pytest.mark.parametrize("form", list(NAMES))
def test_damage_is_refused_or_left_out(tmp_path: Path, form: str) -> None:
    source = record_scene(tmp_path / "r", 6)
    options = {"model": "row-gain"} if form == "mp4" else {}
    stream = open_recording(source).stream()
    shard = stream.layout.shard_path(0)
    content = bytearray(shard.read_bytes()[: 5 * stream.layout.frame_bytes])
    content[2 * stream.layout.frame_bytes] ^= 1
    shard.write_bytes(content)
    for frames, said in (("3:", "the chunk is missing"), (":4", "not those that were recorded")):
        with pytest.raises(InstrumentError, match=f"frame .: .*{said}.*--skip-damaged"):
            run(source, tmp_path / NAMES[form], form, frames=frames, **options)
        assert [path.name for path in tmp_path.iterdir()] == ["r"]
    summary = run(source, tmp_path / NAMES[form], form, skip_damaged=True, **options)
    assert "4 frames of rsgr" in summary.line
    assert summary.notes == ("2 damaged frames are left out; ngs verify tells which",)


@pytest.mark.parametrize("form", FORMS)
def test_a_full_disk_is_one_line_and_nothing_is_left(tmp_path: Path, form: str) -> None:
    """No file may grow beyond 4 blocks of the shell, and none is left of what was begun."""
    ticks = range(200)
    source = small.write(tmp_path / "r", {"rsgr": ticks})
    wanted = ["export", str(source), str(tmp_path / NAMES[form]), "--format", form]
    if form == "mp4":
        wanted += ["--model", "none"]
    program = [sys.executable, "-m", "ngs", *wanted]
    limited = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *program]
    ended = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    last = ended.stderr.strip().splitlines()[-1]
    assert "cannot be written: File too large" in last
    assert "Traceback" not in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


@pytest.mark.parametrize("form", FORMS)
def test_an_interruption_leaves_nothing(tmp_path: Path, form: str) -> None:
    source = small.write(tmp_path / "r", {"rsgr": range(3000)})
    wanted = ["export", str(source), str(tmp_path / NAMES[form]), "--format", form]
    if form == "mp4":
        wanted += ["--model", "none"]
    with subprocess.Popen(
        [sys.executable, "-m", "ngs", *wanted], stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: list(tmp_path.glob(".ngs-*.part")) or process.poll() is not None, 0.001)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 130
    assert said.strip().splitlines()[-1].startswith("ngs: interrupted")
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_as_typed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = record(tmp_path / "r")
    assert ngs(monkeypatch, "export", source, tmp_path / "out", "--format", "png") == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out'}: 5 frames of rsgr\n"
    assert ngs(monkeypatch, "export", source, tmp_path / "out", "--format", "gif") == 2
