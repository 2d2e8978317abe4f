"""Video files, opened by FFmpeg as files alone: no name is taken for a protocol or a pattern."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

from drivers.errors import InstrumentError
from drivers.input_file import open_input
from drivers.picture_file import check_size

_ALONE = {"protocol_whitelist": "file"}
"""Nothing that a file names elsewhere is opened, such as the parts of a playlist in a network."""


@contextmanager
def opened_video(path: Path) -> Iterator[tuple[Any, Any]]:
    """The container and its first video stream; errors of reading are :class:`InstrumentError`."""
    try:
        open_input(path).close()
        with av.open(f"file:{path}", options=_ALONE, metadata_errors="replace") as container:
            # FFmpeg would show a text file as a terminal's screen.
            if not container.streams.video or container.format.name == "tty":
                raise InstrumentError(f"{path} is no video; give a video or a folder of pictures")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise InstrumentError(f"{path} has a coding that is not known; give another video")
            check_size(path, stream.codec_context.width, stream.codec_context.height)
            yield container, stream
    except (av.FFmpegError, OSError) as error:
        raise InstrumentError(
            f"{path} cannot be read as video ({error.strerror}); "
            "give a whole video or a folder of pictures"
        ) from None
