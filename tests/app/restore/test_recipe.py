"""A run that an earlier version began goes on: its recipe is read and written as it was."""

import json
from pathlib import Path

import pytest

from app.restore.recipe import FILE_NAME, Recipe, claim_folder
from drivers.errors import InstrumentError

BEFORE = """{
  "program": "0.1.0",
  "input": "00000",
  "input_frames": 4,
  "input_fingerprint": "cd3683b3",
  "model": "live",
  "weights_sha256": "84ec5dfa",
  "device": "cpu",
  "engine": "torch-fp32",
  "exposure_us": 1000.0,
  "line_time_us": 60.0,
  "rows": 48,
  "direction": "bottom-up",
  "frame_interval_us": 5000.0,
  "pixel_format": "BayerRG12",
  "black_level_dn": 64.0,
  "saturation_dn": 4095.0,
  "white_balance": [
    1.5,
    1.0,
    1.3
  ],
  "input_encoding": "linear",
  "encoding": "srgb",
  "bits": 16,
  "codec": "png",
  "crf": null
}
"""
"""As written before its fields were shared with ``sequence.json``."""


def test_a_recipe_of_before_is_read_and_written_as_it_was(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(BEFORE)
    recipe = Recipe.model_validate_json(BEFORE)
    claim_folder(tmp_path, recipe)
    assert recipe.model_dump_json(indent=2) + "\n" == BEFORE


def test_a_value_of_any_length_is_told_in_short(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(BEFORE.replace('"torch-fp32"', json.dumps("x\n" * 9999)))
    with pytest.raises(InstrumentError, match=r"made with engine x\\nx\\nx") as refusal:
        claim_folder(tmp_path, Recipe.model_validate_json(BEFORE))
    assert len(str(refusal.value)) < 1000


def test_another_exposure_is_another_recipe(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(BEFORE)
    other = Recipe.model_validate_json(BEFORE.replace("1000.0", "900.0"))
    with pytest.raises(InstrumentError, match=r"exposure us 1000\.0, now it is 900\.0"):
        claim_folder(tmp_path, other)


def test_another_engine_is_told_with_the_option_that_goes_on(tmp_path: Path) -> None:
    """The fastest engine may have changed since, without a word from whoever goes on."""
    (tmp_path / FILE_NAME).write_text(BEFORE)
    other = Recipe.model_validate_json(BEFORE.replace("torch-fp32", "openvino-fp32"))
    with pytest.raises(InstrumentError, match="give --engine torch-fp32 to go on, name another"):
        claim_folder(tmp_path, other)
