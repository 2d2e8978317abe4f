"""What lies on disk played back as a camera: a recording, or a folder of images."""

from drivers.replay.address import open_replay
from drivers.replay.images import IMAGE_SUFFIXES, image_files, read_image

__all__ = ["IMAGE_SUFFIXES", "image_files", "open_replay", "read_image"]
