"""Replay: a recording or a folder of images, played back as a camera."""

from drivers.replay.image_folder import IMAGE_SUFFIXES, image_files, read_image
from drivers.replay.replay_address import open_replay

__all__ = ["IMAGE_SUFFIXES", "image_files", "open_replay", "read_image"]
