"""Optics between scene plane and sensor: mirror, homography and radial distortion.

Scene pixels are the sensor pixels of the RSGR camera, whose view is the
identity. A pixel's centre has whole-number coordinates ``(x, y)``.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region

Homography = tuple[
    tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]
]
_IDENTITY: Homography = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True, slots=True)
class RemapTables:
    """Scene position of each pixel of a camera's region, for ``cv2.remap``.

    ``x_px`` and ``y_px`` are float32, of the region's shape, counted from the
    top-left pixel of ``source``, the scene region that must be rendered.
    """

    source: Region
    x_px: NDArray[np.float32]
    y_px: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class View:
    """Map between a camera's pixels and scene pixels.

    From the scene: inverse ``homography``, mirror (the splitter's reflection,
    left and right exchanged), then the lens. The lens moves an ideal point at
    radius r from the sensor's centre to r (1 + k1 r^2), r in half diagonals of
    the sensor (Brown's model, first radial term). ``homography`` takes ideal,
    unmirrored camera pixels to scene pixels. What lies in the lower half of the scene is nearer:
    a camera beside the first sees it ``parallax_px`` columns further right in the scene.
    """

    sensor_columns: int
    sensor_rows: int
    mirrored: bool = False
    homography: Homography = _IDENTITY
    k1: float = 0.0
    parallax_px: float = 0.0

    @classmethod
    def identity(cls, sensor_columns: int, sensor_rows: int) -> "View":
        """The view of the RSGR camera: its pixels are the scene pixels."""
        return cls(sensor_columns, sensor_rows)

    @classmethod
    def behind_splitter(cls, sensor_columns: int, sensor_rows: int) -> "View":
        """The default view of the second camera: mirrored, 2 px of distortion at the corners.

        It is turned by 0.3 degrees, 0.6 % closer, shifted by a few pixels and tilted.
        """
        centre_x, centre_y = (sensor_columns - 1) / 2, (sensor_rows - 1) / 2
        half_diagonal_px = float(np.hypot(sensor_columns, sensor_rows) / 2)
        angle, scale = np.radians(0.3), 0.994
        cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
        to_centre = np.array([[1, 0, -centre_x], [0, 1, -centre_y], [0, 0, 1]])
        about_centre = np.array(
            [
                [cosine, -sine, 5.3],
                [sine, cosine, -3.6],
                [0.002 / half_diagonal_px, -0.0015 / half_diagonal_px, 1.0],
            ]
        )
        matrix = np.linalg.inv(to_centre) @ about_centre @ to_centre
        rows = [tuple(float(value) for value in row) for row in matrix / matrix[2, 2]]
        return cls(
            sensor_columns,
            sensor_rows,
            mirrored=True,
            homography=(rows[0], rows[1], rows[2]),  # type: ignore[arg-type]
            k1=-2.0 / half_diagonal_px,
        )

    def magnified(self, magnification: float, parallax_px: float = 0.0) -> "View":
        """The same with pixels that show so much less of the scene, and with that parallax."""
        if magnification == 1.0:
            return replace(self, parallax_px=parallax_px)
        (centre_x, centre_y), _ = self._centre()
        share = 1.0 / magnification
        about_centre = np.array(
            [
                [share, 0.0, (1.0 - share) * centre_x],
                [0.0, share, (1.0 - share) * centre_y],
                [0.0, 0.0, 1.0],
            ]
        )
        first, second, third = (np.array(self.homography) @ about_centre).tolist()
        homography = (tuple(first), tuple(second), tuple(third))
        return replace(self, homography=homography, parallax_px=parallax_px)

    @property
    def is_identity(self) -> bool:
        """Whether camera pixels are scene pixels."""
        straight = self.homography == _IDENTITY and self.k1 == 0.0
        return straight and not self.mirrored and self.parallax_px == 0.0

    def to_scene(self, points_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scene position of camera points; shape ``(..., 2)``, order (x, y)."""
        centre, half_diagonal_px = self._centre()
        offset = (np.asarray(points_px, np.float64) - centre) / half_diagonal_px
        ideal = centre + self._undistorted(offset) * half_diagonal_px
        return _project(np.array(self.homography), self._mirror(ideal))

    def to_camera(self, points_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Camera position of scene points, the inverse of :meth:`to_scene`."""
        centre, half_diagonal_px = self._centre()
        inverse = np.linalg.inv(np.array(self.homography))
        ideal = self._mirror(_project(inverse, np.asarray(points_px, np.float64)))
        offset = (ideal - centre) / half_diagonal_px
        radius_squared = np.sum(offset**2, axis=-1, keepdims=True)
        return np.asarray(centre + offset * (1.0 + self.k1 * radius_squared) * half_diagonal_px)

    def remap_tables(self, region: Region) -> RemapTables:
        """Tables for ``cv2.remap``; cached for the regions used last."""
        return _remap_tables(self, region)

    def _centre(self) -> tuple[NDArray[np.float64], float]:
        centre = np.array([(self.sensor_columns - 1) / 2, (self.sensor_rows - 1) / 2])
        return centre, float(np.hypot(self.sensor_columns, self.sensor_rows) / 2)

    def _mirror(self, points_px: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.mirrored:
            return points_px
        return points_px * [-1.0, 1.0] + [self.sensor_columns - 1.0, 0.0]

    def _undistorted(self, offset: NDArray[np.float64]) -> NDArray[np.float64]:
        """Solve r (1 + k1 r^2) = distorted radius for r by Newton's method.

        Six steps reach the limit of float64 for any lens whose distortion is
        monotonic over the sensor.
        """
        distorted = np.sqrt(np.sum(offset**2, axis=-1, keepdims=True))
        radius = distorted
        for _ in range(6):
            error = radius * (1.0 + self.k1 * radius**2) - distorted
            radius = radius - error / (1.0 + 3.0 * self.k1 * radius**2)
        return np.asarray(offset / (1.0 + self.k1 * radius**2))


def _project(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    homogeneous = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(homogeneous[..., :2] / homogeneous[..., 2:])


@lru_cache(maxsize=4)
def _remap_tables(view: View, region: Region) -> RemapTables:
    x, y = np.meshgrid(
        np.arange(region.width_px) + float(region.offset_x_px),
        np.arange(region.height_px) + float(region.offset_y_px),
    )
    scene_points = view.to_scene(np.stack([x, y], axis=-1))
    if view.parallax_px:
        scene_points[..., 0] += view.parallax_px * (scene_points[..., 1] > view.sensor_rows / 2)
    first = np.floor(scene_points.min(axis=(0, 1))).astype(int) - 1
    last = np.ceil(scene_points.max(axis=(0, 1))).astype(int) + 1
    source = Region(
        offset_x_px=int(first[0]),
        offset_y_px=int(first[1]),
        width_px=int(last[0] - first[0]) + 1,
        height_px=int(last[1] - first[1]) + 1,
    )
    maps = (scene_points - first).astype(np.float32)
    return RemapTables(
        source, np.ascontiguousarray(maps[..., 0]), np.ascontiguousarray(maps[..., 1])
    )
