"""What the virtual rig looks at: radiance at every place and time, integrated over exposures."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from drivers.camera import Region


class Scene(Protocol):
    """Radiance over the scene plane and time; safe to use from several threads."""

    def integrate(
        self,
        region: Region,
        start_us: NDArray[np.float64],
        end_us: NDArray[np.float64],
        *,
        colour: bool,
    ) -> NDArray[np.float32]:
        """Radiance integrated over each row's window of scene time.

        Row r of ``region`` sees ``[start_us[r], end_us[r])``; both have shape
        ``(rows,)``. Returns linear light in radiance * us, float32, of shape
        ``(rows, columns)``, luminance, or with ``colour`` ``(rows, columns, 3)``,
        linear RGB with the primaries of sRGB. Radiance 1.0 is a white diffuse
        surface. The array is new and the caller's own. Integrals add: a window
        cut in two gives two results whose sum is that of the whole.

        ``region`` counts pixels of the RSGR sensor and may reach 64 px beyond it.
        """


_PANEL_RADIANCE = 0.5

SCENE_NAMES = ("Bench", "Dark", "Flat", "Board", "Chart", "Slide", "Lamp")
"""What the rig can look at beside footage; see :func:`named_scene`."""


def named_scene(name: str, sensor_columns: int, sensor_rows: int) -> Scene:
    """One of :data:`SCENE_NAMES`, filling the sensor.

    ``Bench`` is a test bench in motion; the others are what an operator holds before
    the cameras to calibrate them: ``Dark`` lens caps, ``Flat`` an evenly lit panel,
    ``Board`` a ChArUco board in one pose after the other, ``Chart`` patches of colour,
    ``Slide`` a print that moves right and left, ``Lamp`` a panel lit by a blinking lamp.
    """
    match name:
        case "Bench":
            from drivers.virtual.scene.bench import ProceduralScene

            return ProceduralScene(sensor_columns, sensor_rows)
        case "Board":
            from drivers.virtual.scene.board_scene import BoardScene

            return BoardScene(sensor_columns, sensor_rows)
        case "Chart":
            from drivers.virtual.scene.colour_chart import PrintedScene

            return PrintedScene.chart(sensor_columns, sensor_rows)
        case "Slide":
            from drivers.virtual.scene.linear_stage import SlideScene

            return SlideScene(sensor_columns, sensor_rows)
        case "Lamp":
            from drivers.virtual.scene.lamp import BlinkingScene
            from drivers.virtual.scene.uniform import UniformScene

            return BlinkingScene(UniformScene(_PANEL_RADIANCE))
        case "Dark" | "Flat":
            from drivers.virtual.scene.uniform import UniformScene

            return UniformScene(0.0 if name == "Dark" else _PANEL_RADIANCE)
    raise ValueError(f"no scene {name!r}")


def open_footage_scene(
    path: Path,
    field_columns: int,
    field_rows: int,
    sensor_columns: int,
    sensor_rows: int,
) -> Scene:
    """Footage fitted to a field in the middle of the sensor.

    A video file or a folder of images, scaled to cover ``field_columns`` x
    ``field_rows``. Raises :class:`InstrumentError` when it cannot be read.
    """
    # Imported here: each kind of scene is built on this module's protocol.
    from drivers.virtual.scene.footage_scene import open_footage

    return open_footage(path, field_columns, field_rows, sensor_columns, sensor_rows)
