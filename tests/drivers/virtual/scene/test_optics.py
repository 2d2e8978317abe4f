"""The map between camera pixels and scene pixels."""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drivers.camera_settings import Region, ShutterMode
from drivers.timing import SensorTiming
from drivers.virtual.scene.bench import ProceduralScene
from drivers.virtual.scene.optics import View
from drivers.virtual.scene.sensor import expose

SPLITTER = View.behind_splitter(1440, 1080)
CORNERS = np.array([[0.0, 0.0], [1439.0, 0.0], [0.0, 1079.0], [1439.0, 1079.0]])


@given(x=st.floats(-20, 1460), y=st.floats(-20, 1100), k1=st.floats(-0.05, 0.05))
def test_to_camera_undoes_to_scene(x: float, y: float, k1: float) -> None:
    view = View(1440, 1080, mirrored=True, homography=SPLITTER.homography, k1=k1)
    point = np.array([x, y])
    np.testing.assert_allclose(view.to_camera(view.to_scene(point)), point, atol=1e-8)
    np.testing.assert_allclose(view.to_scene(view.to_camera(point)), point, atol=1e-8)


def test_identity_leaves_points_alone() -> None:
    view = View.identity(1440, 1080)
    assert view.is_identity
    np.testing.assert_allclose(view.to_scene(CORNERS), CORNERS, atol=1e-9)


def test_the_splitter_mirrors_and_its_lens_bends_one_to_three_pixels_at_the_corners() -> None:
    assert not SPLITTER.is_identity
    left, right = SPLITTER.to_scene(np.array([[100.0, 540.0], [1340.0, 540.0]]))
    assert left[0] > right[0]
    straight = View(1440, 1080, SPLITTER.mirrored, SPLITTER.homography, k1=0.0)
    bend_px = np.linalg.norm(SPLITTER.to_camera(straight.to_scene(CORNERS)) - CORNERS, axis=1)
    assert (bend_px > 1.0).all()
    assert (bend_px < 3.0).all()


def test_the_view_stays_within_the_scene_margin() -> None:
    source = SPLITTER.remap_tables(Region(0, 0, 1440, 1080)).source
    assert source.offset_x_px >= -64
    assert source.offset_y_px >= -64
    assert source.offset_x_px + source.width_px <= 1440 + 64
    assert source.offset_y_px + source.height_px <= 1080 + 64


def test_a_region_is_a_cut_out_of_the_whole() -> None:
    whole, part = (
        SPLITTER.remap_tables(region)
        for region in (Region(0, 0, 1440, 1080), Region(400, 300, 640, 480))
    )
    np.testing.assert_allclose(
        part.x_px + part.source.offset_x_px,
        whole.x_px[300:780, 400:1040] + whole.source.offset_x_px,
        atol=2e-4,
    )


def test_markers_appear_where_the_view_says() -> None:
    scene = ProceduralScene(1440, 1080)
    region = Region(400, 300, 640, 480)
    timing = SensorTiming(200.0, 0.0, 480)
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    detector = cv2.aruco.ArucoDetector(
        cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_100), parameters
    )
    corners = []
    for view in (View.identity(1440, 1080), SPLITTER):
        light = expose(scene, view, region, ShutterMode.GLOBAL, timing, 0.0, colour=False)
        picture = np.clip(255 * np.sqrt(light / 200.0), 0, 255).astype(np.uint8)
        mirror = -1 if view.mirrored else 1
        found, ids, _ = detector.detectMarkers(np.ascontiguousarray(picture[:, ::mirror]))
        assert ids is not None
        (place,) = np.nonzero(ids.ravel() == 7)[0]
        points = found[place][0].astype(np.float64)
        if view.mirrored:
            points[:, 0] = region.width_px - 1 - points[:, 0]
        corners.append(points + np.array([region.offset_x_px, region.offset_y_px]))
    np.testing.assert_allclose(SPLITTER.to_scene(corners[1]), corners[0], atol=0.2)
