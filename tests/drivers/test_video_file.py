"""Video files of any name and with any words in them."""

from pathlib import Path

import av
import numpy as np
import pytest

from app.restore.video_footage import VideoFile
from drivers import picture_file
from drivers.errors import InstrumentError
from drivers.video_file import opened_video


def film(path: Path) -> Path:
    with av.open(f"file:{path}", "w", format="mp4") as container:
        container.metadata["comment"] = "COMMENT"
        stream = container.add_stream("mpeg4", rate=50)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for level in (0, 99):
            codes = np.full((48, 64, 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(codes, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    "name", ["12:30:00.mp4", "http:x.mp4", "a%03d.mp4", "a b\nc.mp4", "-f.mp4"]
)
def test_a_name_is_a_name_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert VideoFile(film(Path(name)), None).frames == 2


def test_words_that_are_no_text_do_not_matter(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4")
    content = path.read_bytes()
    assert b"COMMENT" in content
    path.write_bytes(content.replace(b"COMMENT", b"\xb9\xff\xfeMENT"))
    assert VideoFile(path, None).frames == 2


@pytest.mark.parametrize(
    ("written", "put", "told"),
    [
        (b"V_FFV1", b"V_XXX1", "coding that is not known"),
        (b"\xba\x82\x01\x00", b"\xba\x82\xff\xfe", "claims 320 x 65534 px"),
    ],
)
def test_what_cannot_be_decoded_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: bytes, put: bytes, told: str
) -> None:
    monkeypatch.setattr(picture_file, "MOST_PX", 1 << 20)
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=50)
        stream.width, stream.height, stream.pix_fmt = 320, 256, "gray"
        codes = np.zeros((256, 320), np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(codes, format="gray")))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    assert content.count(written) == 1
    path.write_bytes(content.replace(written, put))
    with pytest.raises(InstrumentError, match=rf"a\.mkv.*{told}"), opened_video(path):
        pass
