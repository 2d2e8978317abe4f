"""Registers, packing and the generator, for any input; no client in between."""

import struct
import xml.etree.ElementTree as ElementTree
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.pixel_format import copy_pixels, pixel_format
from drivers.virtual.camera.device_description import XML_ADDRESS, Aspect
from drivers.virtual.camera.feature_table import Feature, Kind
from drivers.virtual.camera.gentl import ErrorCode, GenTLError
from drivers.virtual.camera.rendering import pack
from drivers.virtual.camera.virtual_camera import VirtualCamera
from drivers.virtual.camera.virtual_rig import Rig
from drivers.virtual.producer.registers import read_registers, write_registers

_RIG = Rig()
_NUMBERS = [
    feature
    for feature in _RIG.cameras["rsgr"].description.features.values()
    if feature.kind in (Kind.INTEGER, Kind.FLOAT) and not feature.read_only
]
_CAMERAS = st.sampled_from(sorted(_RIG.cameras))


def _open(device_id: str) -> VirtualCamera:
    camera = _RIG.cameras[device_id]
    camera.close()
    _RIG.client_opens(camera)
    # Otherwise ExposureTime is locked and BalanceRatio is not there.
    camera.write_feature(camera.description.features["ExposureAuto"], "Off")
    camera.write_feature(camera.description.features["PixelFormat"], "RGB8")
    return camera


@given(_CAMERAS, st.sampled_from(_NUMBERS), st.floats(0.0, 1.0))
def test_a_number_within_its_limits_is_read_back(
    device_id: str, feature: Feature, share: float
) -> None:
    camera = _open(device_id)
    feature = camera.description.features[feature.name]
    code = "<d" if feature.kind is Kind.FLOAT else "<q"

    def read(aspect: Aspect) -> float:
        address = camera.description.address_of(feature, aspect)
        return struct.unpack(code, read_registers(camera, address, 8))[0]

    minimum, maximum, increment = map(read, (Aspect.MINIMUM, Aspect.MAXIMUM, Aspect.INCREMENT))
    value = minimum + share * (maximum - minimum)
    if feature.kind is Kind.INTEGER:
        value = int(minimum + (value - minimum) // increment * increment)
    address = camera.description.address_of(feature, Aspect.VALUE)
    write_registers(camera, address, struct.pack(code, value))
    step = increment if feature.kind is Kind.FLOAT else 0
    assert read(Aspect.VALUE) == pytest.approx(value, abs=step / 2 + 1e-6)


@given(_CAMERAS, st.sampled_from(_NUMBERS), st.floats(0.001, 1e6), st.booleans())
def test_a_number_beyond_its_limits_is_refused_and_changes_nothing(
    device_id: str, feature: Feature, beyond: float, above: bool
) -> None:
    camera = _open(device_id)
    feature = camera.description.features[feature.name]
    limits, before = camera.limits(feature), camera.read_feature(feature)
    value = limits.maximum + 1 + beyond if above else limits.minimum - 1 - beyond
    if feature.kind is Kind.INTEGER:
        value = int(value)
    with pytest.raises(GenTLError, match=feature.name) as refusal:
        camera.write_feature(feature, value)
    assert refusal.value.code is ErrorCode.INVALID_VALUE
    assert camera.read_feature(feature) == before


@given(_CAMERAS, st.integers(0, 2**40))
def test_an_address_is_a_register_or_an_error(device_id: str, address: int) -> None:
    assert _read_four_bytes(_open(device_id), address) in (4, ErrorCode.INVALID_ADDRESS)


def _read_four_bytes(camera: VirtualCamera, address: int) -> int:
    try:
        return len(read_registers(camera, address, 4))
    except GenTLError as error:
        return error.code


@pytest.mark.parametrize("device_id", sorted(_RIG.cameras))
def test_the_description_is_sound_and_names_nothing_that_is_missing(device_id: str) -> None:
    camera = _open(device_id)
    length = len(camera.description.xml)
    root = ElementTree.fromstring(read_registers(camera, XML_ADDRESS, length))
    names = {node.get("Name") for node in root}
    assert len(names) == len(root), "two nodes of one name"
    referred = {
        item.text
        for node in root
        for item in node.iter()
        if item.tag.rpartition("}")[2].startswith("p") and item.text and item.text.strip()
    }
    assert referred <= names


@given(
    st.sampled_from(["Mono10p", "Mono12p"]),
    st.integers(1, 9),
    st.randoms(use_true_random=False),
)
def test_packing_is_undone_by_unpacking(name: str, rows: int, random: Random) -> None:
    coding = pixel_format(name)
    codes = np.random.default_rng(random.randrange(2**32)).integers(
        0, coding.maximum_dn + 1, (rows, 8), dtype=np.uint16
    )
    packed = np.empty(coding.frame_bytes(8, rows), np.uint8)
    pack(codes.reshape(-1), coding, packed)
    unpacked = np.empty_like(codes)
    copy_pixels(packed, coding, unpacked, 0)
    assert np.array_equal(unpacked, codes)


@given(st.floats(0.1, 1e4), st.integers(0, 10**11), st.booleans())
def test_the_generators_edges_are_a_period_apart(
    rate_hz: float, offset_ns: int, falling: bool
) -> None:
    camera = _open("rsgr")
    camera.write_feature(camera.description.features["RigGeneratorRate"], rate_hz)
    camera.write_feature(camera.description.features["RigGeneratorEnable"], True)
    edge_ns = offset_ns
    edges = []
    for _ in range(4):
        following = _RIG.next_generator_edge_ns(edge_ns, falling=falling)
        assert following is not None
        assert following > edge_ns
        edge_ns = following
        edges.append(following)
    assert np.diff(edges) == pytest.approx(1e9 / rate_hz, abs=1.01)
