"""``ngs restore`` as typed: the report, and one clear line for whatever cannot be."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from app import cli
from tests.app.restore import small_footage as footage

FPS = ["--fps", "60"]


def ngs_restore(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """Run the command in this process and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["ngs", "restore", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_the_report_tells_what_was_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = footage.write_pictures(tmp_path / "in", footage.frames(4))
    report = tmp_path / "report.json"
    arguments = [source, tmp_path / "out", *footage.OPTIONS, *FPS, "--json", report]
    assert ngs_restore(monkeypatch, *arguments, "--readout", "bottom-up") == 0
    assert "4 frames restored by live" in capsys.readouterr().out
    told = json.loads(report.read_text(encoding="utf-8"))
    assert told["frames"] == {"restored": 4, "already_there": 0, "fallen_back": 0}
    assert told["rate_fps"] > 0
    assert told["timing"] == {
        "exposure_us": 1000.0,
        "line_time_us": 20.0,
        "rows": footage.ROWS,
        "readout": "bottom-up",
        "frame_interval_us": pytest.approx(1e6 / 60, abs=1e-3),
        "source": "given",
        "from_metadata": False,
    }


def folder(tmp_path: Path) -> Path:
    return footage.write_pictures(tmp_path / "in", footage.frames(8))


def no_such(tmp_path: Path) -> Path:
    return tmp_path / "missing"


def text_files(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("not a picture", encoding="utf-8")
    return tmp_path / "in"


def mixed_sizes(tmp_path: Path) -> Path:
    source = folder(tmp_path)
    cv2.imwrite(str(source / "frame_5.png"), np.zeros((20, 30), np.uint8))
    return source


def mixed_depths(tmp_path: Path) -> Path:
    source = folder(tmp_path)
    cv2.imwrite(str(source / "frame_5.png"), np.zeros((footage.ROWS, footage.COLUMNS), np.uint16))
    return source


def truncated_picture(tmp_path: Path) -> Path:
    source = folder(tmp_path)
    picture = source / "frame_5.png"
    picture.write_bytes(picture.read_bytes()[:900])
    return source


def equal_stems(tmp_path: Path) -> Path:
    source = folder(tmp_path)
    (source / "frame_3.tif").write_bytes((source / "frame_3.png").read_bytes())
    return source


def deep(tmp_path: Path) -> Path:
    return footage.write_pictures(tmp_path / "in", footage.frames(2, bits=16))


def single_picture(tmp_path: Path) -> Path:
    return folder(tmp_path) / "frame_1.png"


def broken_description(tmp_path: Path) -> Path:
    source = folder(tmp_path)
    (source / "sequence.json").write_text('{"exposure_us": -1}', encoding="utf-8")
    return source


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (no_such, [], "missing does not exist; give a recording, a folder of pictures"),
        (text_files, [], "holds no pictures (.bmp, .jpeg"),
        (mixed_sizes, [], "frame_5.png is 30 x 20 px, 8 bit grey, frame_1.png is 64 x 48 px"),
        (mixed_depths, [], "frame_5.png is 64 x 48 px, 16 bit grey, frame_1.png is 64 x 48 px"),
        (truncated_picture, [], "frame_5.png cannot be read as an image; replace or remove it"),
        (equal_stems, [], "would both become frame_3.png; rename one of them"),
        (deep, [], "does not say how it was taken: give --pixel-format (such as Mono12"),
        (deep, ["--pixel-format", "Mono12"], "exceeds 4095 DN, the largest of Mono12"),
        (folder, ["--pixel-format", "Mono12"], "in holds 8 bit grey pictures, Mono12 is 16 bit"),
        (
            folder,
            ["--pixel-format", "Grey"],
            "pixel format Grey cannot be read; choose",
        ),
        (folder, ["--model", "magic"], "unknown model 'magic'; known: row-gain"),
        (folder, ["--bits", "12"], "12 bit cannot be written; give --bits 8 or --bits 16"),
        (folder, ["--crf", "20"], "--crf is for videos"),
        (folder, ["--fps", "600"], "longer than the 1667 us from frame to frame"),
        (folder, ["--json", "/no/where.json"], "its folder does not exist"),
        (single_picture, [], "is a single picture; give the folder of its sequence"),
        (broken_description, [], "sequence.json: exposure_us:"),
    ],
)
def test_a_folder_that_cannot_be_restored_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], Path],
    options: list[str],
    words: str,
) -> None:
    # Without a network, whose beginning takes longer than all the rest.
    simple = ("--model", "row-gain")
    arguments = [make(tmp_path), tmp_path / "out", *footage.OPTIONS, *FPS, *simple, *options]
    assert ngs_restore(monkeypatch, *arguments) == 1
    _check_line(capsys.readouterr().err, words)
    assert list(tmp_path.rglob("*.part")) == []


def video(tmp_path: Path) -> Path:
    return footage.write_video(tmp_path / "in.mkv", footage.frames(90), "gray")


def no_video(tmp_path: Path) -> Path:
    path = tmp_path / "in.mp4"
    path.write_bytes(bytes(range(256)) * 40)
    return path


def text_as_video(tmp_path: Path) -> Path:
    path = tmp_path / "in.txt"
    path.write_text("no moving pictures\n" * 50, encoding="utf-8")
    return path


def cut_short(tmp_path: Path) -> Path:
    path = video(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def damaged(tmp_path: Path) -> Path:
    path = video(tmp_path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    path.write_bytes(content)
    return path


def uneven(tmp_path: Path) -> Path:
    return footage.write_video(
        tmp_path / "in.mkv", footage.frames(9), "gray", skipped=frozenset({4, 5})
    )


@pytest.mark.parametrize(
    ("make", "target", "options", "words"),
    [
        (no_video, "out.mp4", [], "in.mp4 cannot be read as video"),
        (text_as_video, "out.mp4", [], "in.txt is no video; give a video or a folder"),
        (cut_short, "out.mp4", [], "in.mkv is cut short: "),
        (damaged, "out.mkv", [], "in.mkv"),
        (uneven, "out.mp4", [], "does not say how it was taken: give --fps"),
        (video, "out.avi", [], "out.avi must end in .mp4 (H.264) or .mkv (FFV1, lossless)"),
        (video, "out", [], "out must end in .mp4"),
        (video, "in.mkv", [], "in.mkv is the input itself; name another OUT"),
        (video, "nowhere/else/out.mp4", ["--model", "magic"], "unknown model 'magic'"),
        (video, "out.mkv", ["--crf", "9"], "--crf is for .mp4; .mkv is lossless"),
        (video, "out.mp4", ["--bits", "16"], "holds 8 bit, not 16; give --bits 8, or OUT as .mkv"),
        (video, "out.mp4", ["--pixel-format", "RGB8"], "in.mkv holds 8 bit grey pictures, RGB8"),
    ],
)
def test_a_video_that_cannot_be_restored_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], Path],
    target: str,
    options: list[str],
    words: str,
) -> None:
    arguments = [make(tmp_path), tmp_path / target, *footage.OPTIONS, *options]
    assert ngs_restore(monkeypatch, *arguments) == 1
    _check_line(capsys.readouterr().err, words)
    assert not (tmp_path / "out.mp4").exists()
    assert not (tmp_path / "out.mkv").exists()


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("in", "is the input itself; name another OUT"),
        ("in/restored", "lies inside the input"),
        ("strange", "is not empty (theirs.txt) and holds no restore.json"),
        ("strange/theirs.txt", "theirs.txt is a file"),
        ("strange/theirs.txt/out", "theirs.txt is no folder"),
        ("/proc/restored", "cannot be written: "),
        ("out.mp4", "out.mp4 is a file"),
        ("out.avi", "out.avi must end in .mp4 (H.264) or .mkv"),
    ],
)
def test_a_folder_that_cannot_be_written_to_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    target: str,
    words: str,
) -> None:
    source = folder(tmp_path)
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "theirs.txt").write_text("theirs", encoding="utf-8")
    assert ngs_restore(monkeypatch, source, tmp_path / target, *footage.OPTIONS, *FPS) == 1
    _check_line(capsys.readouterr().err, words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "strange"]
    assert [path.name for path in (tmp_path / "strange").iterdir()] == ["theirs.txt"]


@pytest.mark.parametrize(
    ("report", "words"),
    [("in/00000000.png", "lies inside"), ("out", "read or written as")],
)
def test_a_report_takes_no_place_of_input_or_output(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    report: str,
    words: str,
) -> None:
    source = folder(tmp_path)
    before = {path: path.read_bytes() for path in source.iterdir()}
    arguments = [source, tmp_path / "out", *footage.OPTIONS, *FPS, "--json", tmp_path / report]
    assert ngs_restore(monkeypatch, *arguments) == 1
    _check_line(capsys.readouterr().err, words)
    assert {path: path.read_bytes() for path in source.iterdir()} == before
    assert not (tmp_path / "out").exists()


def test_a_video_of_another_maker_is_never_overwritten(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = footage.write_video(tmp_path / "out.mkv", footage.frames(2), "gray")
    before = theirs.read_bytes()
    assert ngs_restore(monkeypatch, video(tmp_path), theirs, *footage.OPTIONS) == 1
    _check_line(capsys.readouterr().err, "was not made by this version of ngs restore")
    assert theirs.read_bytes() == before


def _check_line(errors: str, words: str) -> None:
    lines = [line for line in errors.splitlines() if line.startswith("ngs: ")]
    assert len(lines) == 1
    assert words in lines[0]
    assert "Traceback" not in errors
    assert "unexpected" not in errors
