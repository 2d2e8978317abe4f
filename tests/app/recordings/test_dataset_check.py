"""A judge that knows nothing of ngs finds exported pairs right, and wrong ones wrong."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from drivers.camera_settings import Region
from drivers.virtual.scene.named_scenes import named_scene
from tests.app.recordings import dataset_check
from tests.app.recordings.run_ngs import ngs
from tests.calibration.pair_frames import PairOfCameras
from tests.paired_recording import SENSOR, true_calibration, write
from tests.whole_family import whole

_UNLIKE_THE_BELT_US = 1e6 / 27.3
"""At 30 fps the bench's belt looks the same in every frame, and so it seems to stand still."""


def checked(dataset: Path, recording: Path) -> "subprocess.CompletedProcess[str]":
    """The script as somebody else would run it: alone, outside the checkout's packages."""
    return subprocess.run(
        [sys.executable, "-I", dataset_check.__file__, str(dataset), str(recording)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("off_by", "beside_px", "brighter", "said"),
    [
        (0, 0.0, 1.0, "codes as recorded: True"),
        whole(1, 0.0, 1.0, "lag -1  <- does not fit"),
        whole(0, 0.4, 1.0, "does not fit"),
        whole(0, 0.0, 1.02, "does not fit"),
    ],
)
def test_what_is_exported_is_looked_at_by_another_program(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    off_by: int,
    beside_px: float,
    brighter: float,
    said: str,
) -> None:
    rig = PairOfCameras(
        named_scene("Bench", *SENSOR),
        Region(480, 360, 480, 360),
        period_us=_UNLIKE_THE_BELT_US,
    )
    truth = true_calibration(rig)
    assert truth.geometry is not None
    assert truth.colour is not None
    true_map, light = truth.geometry.map, np.multiply(truth.colour.matrix, brighter)
    homography = np.array(true_map.homography)
    homography[2] += beside_px / (np.hypot(*SENSOR) / 2)
    beside = true_map.model_copy(update={"homography": tuple(homography.tolist())})
    wrong = truth.model_copy(
        update={
            "geometry": truth.geometry.model_copy(update={"map": beside}),
            "colour": truth.colour.model_copy(update={"matrix": tuple(map(tuple, light.tolist()))}),
        }
    )
    recording = write(
        tmp_path / "pairs", rig, 40, gs_trigger=lambda number: number + off_by, calibration=wrong
    )
    export = ("--format", "dataset", "--accept")
    assert ngs(monkeypatch, "export", recording, tmp_path / "dataset", *export) == 0
    found = checked(tmp_path / "dataset", recording)
    assert said in found.stdout, found.stdout + found.stderr
    right = (off_by, beside_px, brighter) == (0, 0.0, 1.0)
    assert found.returncode == (0 if right else 1), found.stdout
