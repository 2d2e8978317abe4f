"""What a camera tells of itself: who it is, what it offers, all its nodes."""

import time
from typing import Protocol, runtime_checkable

from app.diagnostics.camera_selftest.camera_under_test import CameraUnderTest
from app.diagnostics.verdicts import Figure, Finding, failed, not_possible, passed
from drivers.camera import Camera
from drivers.camera_settings import NUMBER_SETTINGS, NumericControl
from drivers.genicam.node_snapshot import NodeSnapshot

_NAMED = 3


@runtime_checkable
class _HasSnapshot(Protocol):
    def node_snapshot(self, private: bool = False) -> NodeSnapshot:
        """Every node's value."""


def opens(tested: CameraUnderTest) -> Finding:
    """The camera opens, and tells what it offers."""
    before_s = time.monotonic()
    camera = tested.opened()
    seconds = time.monotonic() - before_s
    identity, timing = camera.identity, camera.row_timing
    tested.serial = identity.serial
    return passed(
        f"{identity.maker} {identity.model}, firmware {identity.firmware or 'not told'}",
        Figure("opened in", seconds, "s"),
        *_offers(camera),
        Figure("line time", timing.line_time_us, f"us, source: {timing.source.value}"),
        *(Figure("warning", warning) for warning in camera.state.warnings),
    )


def _offers(camera: Camera) -> list[Figure]:
    controls = camera.controls
    sensor = controls.sensor_size_px
    listed = (
        ("shutter modes", tuple(mode.value for mode in controls.shutter_modes)),
        ("triggers", controls.trigger_sources),
        ("output lines", controls.output_lines),
        ("pixel formats", controls.pixel_formats),
    )
    return [
        Figure("sensor", None if sensor is None else f"{sensor[0]} x {sensor[1]}", "px"),
        *(Figure(name, ", ".join(values) or "none told") for name, values in listed),
        *(
            Figure(setting.name, _range_text(control), setting.unit)
            for name, setting in NUMBER_SETTINGS.items()
            if (control := getattr(controls, name)) is not None
        ),
    ]


def _range_text(control: NumericControl) -> str:
    step = f" in steps of {control.increment:.7g}" if control.increment else ""
    return f"{control.minimum:.7g} to {control.maximum:.7g}{step}"


def tells_its_nodes(tested: CameraUnderTest) -> Finding:
    """Every node is read, and goes into the zip with the description and the registers."""
    camera = tested.opened()
    if not isinstance(camera, _HasSnapshot):
        return not_possible("it is no GenICam camera: it has no nodes")
    before_s = time.monotonic()
    snapshot = camera.node_snapshot(tested.private)
    figures = (
        Figure("nodes", len(snapshot.nodes)),
        Figure("description", len(snapshot.description), "characters"),
        Figure("reading took", time.monotonic() - before_s, "s"),
        Figure("withheld as private", ", ".join(snapshot.withheld) or "none"),
    )
    tested.snapshot = snapshot
    unread = [node for node in snapshot.nodes if node.failure]
    if unread:
        named = "; ".join(f"{node.name}: {node.failure}" for node in unread[:_NAMED])
        return failed(
            f"{len(unread)} of {len(snapshot.nodes)} nodes could not be read: {named}",
            "harmless where nothing else fails; nodes.json in the zip names all of them",
            *figures,
        )
    return passed(f"{len(snapshot.nodes)} nodes read, none failed", *figures)
