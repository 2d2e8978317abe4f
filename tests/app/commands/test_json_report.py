"""JSON for scripts: every digit of every number, null for what is none, whole or not at all."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.commands.json_report import to_json, write_json


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_written_as_they_are(value: float) -> None:
    assert json.loads(to_json({"value": [value, (np.float64(value),)]})) == {
        "value": [value, [value]]
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_what_json_does_not_know_is_null(value: float) -> None:
    assert json.loads(to_json({"deep": [{"value": value}]}), parse_constant=pytest.fail) == {
        "deep": [{"value": None}]
    }


def test_keys_keep_their_order_and_text_its_letters(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    write_json({"second": 1, "first": "± µ", "third": {}}, str(target))
    text = target.read_text(encoding="utf-8")
    assert text == '{\n  "second": 1,\n  "first": "± µ",\n  "third": {}\n}\n'


def test_values_json_has_no_form_for_are_refused() -> None:
    with pytest.raises(ValueError, match="serialize unknown type"):
        to_json({"value": object()})
