"""A producer that is busy when a stream starts: one set of buffers, and none left behind."""

from collections import Counter
from collections.abc import Callable

import pytest

from drivers.errors import InstrumentError
from drivers.genicam.genicam_camera import GenicamCamera
from drivers.virtual.camera.gentl import ErrorCode
from tests.drivers.genicam.hostile.hostile_producer import (
    Fault,
    HostileProducer,
    Script,
    busy,
    error,
)

Maker = Callable[..., HostileProducer]
BUFFERS = 8
CAMERA_IS_BUSY = error("GCWritePort", ErrorCode.BUSY, "1-2", node="AcquisitionStart")


def buffers(producer: HostileProducer) -> tuple[int, int]:
    """How many were announced and how many revoked so far."""
    calls = Counter(producer.calls())
    return calls["DSAnnounceBuffer"], calls["DSRevokeBuffer"]


@pytest.mark.parametrize(
    "fault",
    [
        busy("DSStartAcquisition", 2),
        busy("DSStartAcquisition", 4, code=ErrorCode.RESOURCE_IN_USE),
        CAMERA_IS_BUSY,
    ],
    ids=["busy stream", "stream in use", "busy camera"],
)
def test_retries_use_the_buffers_that_were_announced(hostile: Maker, fault: Fault) -> None:
    producer = hostile(Script(log=1, faults=[fault]))
    camera = GenicamCamera(producer.address, producer.path, producer.serial)
    camera.start()
    assert buffers(producer) == (BUFFERS, 0)
    camera.stop()
    assert buffers(producer) == (BUFFERS, BUFFERS)
    camera.start()
    camera.close()
    assert buffers(producer) == (2 * BUFFERS, 2 * BUFFERS)


@pytest.mark.parametrize(
    ("fault", "announced"),
    [
        (error("DSStartAcquisition", ErrorCode.BUSY), BUFFERS),
        (error("DSStartAcquisition", ErrorCode.ERROR), BUFFERS),
        (error("GCWritePort", ErrorCode.BUSY, node="AcquisitionStart"), BUFFERS),
        (error("DSQueueBuffer", ErrorCode.ERROR, "3+"), BUFFERS),
        (error("DSAnnounceBuffer", ErrorCode.ERROR, "4+"), 3),
    ],
    ids=["always busy", "refused", "camera always busy", "cannot queue", "few buffers"],
)
def test_a_start_that_fails_for_good_leaves_no_buffer_and_can_be_tried_again(
    hostile: Maker, fault: Fault, announced: int
) -> None:
    producer = hostile(Script(log=1))
    producer.fault(fault)
    camera = GenicamCamera(producer.address, producer.path, producer.serial)
    with pytest.raises(InstrumentError, match="starting failed"):
        camera.start()
    failed_calls = int(fault.function == "DSAnnounceBuffer")
    assert buffers(producer) == (announced + failed_calls, announced)
    producer.fault()
    camera.start()
    camera.stop()
    camera.close()
    announced += BUFFERS
    assert buffers(producer) == (announced + failed_calls, announced)
