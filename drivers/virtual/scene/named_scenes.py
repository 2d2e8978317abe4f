"""The scenes of the virtual rig by name."""

from drivers.virtual.scene.bench import ProceduralScene
from drivers.virtual.scene.board_scene import BoardScene
from drivers.virtual.scene.colour_chart import PrintedScene
from drivers.virtual.scene.lamp import BlinkingScene
from drivers.virtual.scene.linear_stage import SlideScene
from drivers.virtual.scene.scene import Scene
from drivers.virtual.scene.uniform import UniformScene

_PANEL_RADIANCE = 0.5

SCENE_NAMES = ("Bench", "Dark", "Flat", "Board", "Chart", "Slide", "Lamp")
"""Names of the scenes beside footage; see :func:`named_scene`."""


def named_scene(name: str, sensor_columns: int, sensor_rows: int) -> Scene:
    """One of :data:`SCENE_NAMES`, filling the sensor.

    ``Bench`` is a test bench in motion. The others are calibration targets: ``Dark`` lens
    caps, ``Flat`` an evenly lit panel, ``Board`` a ChArUco board in one pose after the
    other, ``Chart`` patches of colour, ``Slide`` a print that moves right and left, ``Lamp``
    a panel lit by a blinking lamp.
    """
    match name:
        case "Bench":
            return ProceduralScene(sensor_columns, sensor_rows)
        case "Board":
            return BoardScene(sensor_columns, sensor_rows)
        case "Chart":
            return PrintedScene.chart(sensor_columns, sensor_rows)
        case "Slide":
            return SlideScene(sensor_columns, sensor_rows)
        case "Lamp":
            return BlinkingScene(UniformScene(_PANEL_RADIANCE))
        case "Dark" | "Flat":
            return UniformScene(0.0 if name == "Dark" else _PANEL_RADIANCE)
    raise ValueError(f"no scene {name!r}")
