"""Rendering of one exposure to the bytes of a buffer: light, codes, packing, chunks."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivers.pixel_format import PixelFormat, Pixels
from drivers.virtual.camera.data_stream import ChunkPlace
from drivers.virtual.camera.device_description import CHUNK_BYTES, CHUNK_NODES
from drivers.virtual.camera.settings import FrameSetup
from drivers.virtual.scene.frozen import StillScene
from drivers.virtual.scene.scene import Scene
from drivers.virtual.scene.sensor import digitise, expose


@dataclass(frozen=True, slots=True)
class Exposure:
    """One exposed frame. ``start_ns`` is its start in device time, ``scene_us`` in scene time.

    ``powered_s`` is for how long the camera had its power then.
    """

    frame_id: int
    start_ns: int
    scene_us: float
    powered_s: float
    trigger_count: int
    setup: FrameSetup


def render(
    scene: Scene, exposure: Exposure, rng: np.random.Generator, payload: NDArray[np.uint8]
) -> Pixels:
    """Fill ``payload`` with image and chunks.

    Returns the codes, shape ``(rows, columns)`` or ``(rows, columns, 3)``.
    """
    setup = exposure.setup
    image = payload[: setup.image_bytes]
    coding = setup.pixel_format
    shape: tuple[int, ...] = (setup.region.height_px, setup.region.width_px)
    if coding.channels > 1:
        shape += (coding.channels,)
    codes: Pixels
    codes = np.empty(shape, coding.dtype) if coding.is_packed else image.view(coding.dtype)
    codes = codes.reshape(shape)
    if setup.test_pattern:
        _draw_moving_ramp(codes, exposure.frame_id, coding.maximum_dn)
    elif isinstance(scene, StillScene) and not setup.noise:
        codes[...] = scene.picture(setup, lambda: _taken(scene, exposure, rng, shape))
    else:
        _take_picture(scene, exposure, rng, codes)
    if coding.is_packed:
        pack(codes.reshape(-1), coding, image)
    for place, value in zip(chunk_places(setup), _chunk_values(exposure), strict=True):
        payload[place.offset : place.offset + place.length] = np.frombuffer(value, np.uint8)
    return codes


def _taken(
    scene: Scene, exposure: Exposure, rng: np.random.Generator, shape: tuple[int, ...]
) -> Pixels:
    codes: Pixels = np.empty(shape, exposure.setup.pixel_format.dtype)
    _take_picture(scene, exposure, rng, codes)
    return codes


def _take_picture(
    scene: Scene, exposure: Exposure, rng: np.random.Generator, codes: Pixels
) -> None:
    setup = exposure.setup
    light = expose(
        scene,
        setup.view,
        setup.region,
        setup.shutter,
        setup.timing,
        exposure.scene_us,
        colour=setup.pixel_format.is_colour,
        optics=setup.optics,
    )
    drifted_dn = setup.black_level_drift_dn_per_min * exposure.powered_s / 60.0
    digitise(
        light,
        setup.characteristics,
        gain_db=setup.gain_db,
        black_level_dn=setup.black_level_dn + drifted_dn,
        pixel_format=setup.pixel_format,
        white_balance=setup.white_balance,
        gamma=setup.gamma,
        rng=rng,
        noise=setup.noise,
        out=codes,
    )


def _draw_moving_ramp(codes: Pixels, frame_id: int, maximum_dn: int) -> None:
    ramp = (np.arange(codes.shape[1]) + frame_id) & maximum_dn
    codes[...] = ramp.astype(codes.dtype).reshape((1, -1) + (1,) * (codes.ndim - 2))


def pack(codes: Pixels, coding: PixelFormat, packed: NDArray[np.uint8]) -> None:
    """Pack codes without gaps, least significant bits first (PFNC 2.4, Mono10p and Mono12p).

    ``codes`` are a whole number of groups: 4 of 10 bits, 2 of 12 bits.
    """
    wide = codes.astype(np.uint16, copy=False)
    if coding.bits == 12:
        first, second = wide[0::2], wide[1::2]
        packed[0::3] = first & 0xFF
        packed[1::3] = (first >> 8) | ((second & 0x0F) << 4)
        packed[2::3] = second >> 4
        return
    a, b, c, d = (wide[k::4] for k in range(4))
    packed[0::5] = a & 0xFF
    packed[1::5] = (a >> 8) | ((b & 0x3F) << 2)
    packed[2::5] = (b >> 6) | ((c & 0x0F) << 4)
    packed[3::5] = (c >> 4) | ((d & 0x03) << 6)
    packed[4::5] = d >> 2


def chunk_places(setup: FrameSetup) -> tuple[ChunkPlace, ...]:
    """Places of the chunks, after the image."""
    return tuple(
        ChunkPlace(
            CHUNK_NODES[chunk].chunk_id, setup.image_bytes + index * CHUNK_BYTES, CHUNK_BYTES
        )
        for index, chunk in enumerate(setup.chunks)
    )


def _chunk_values(exposure: Exposure) -> list[bytes]:
    values = {
        "FrameID": struct.pack("<q", exposure.frame_id),
        "Timestamp": struct.pack("<q", exposure.start_ns),
        "ExposureTime": struct.pack("<d", exposure.setup.exposure_node_us),
        "CounterValue": struct.pack("<q", exposure.trigger_count),
    }
    return [values[chunk] for chunk in exposure.setup.chunks]
