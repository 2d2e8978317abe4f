"""What is said of a number outside its range."""

import math

import pytest

from drivers.camera_settings import NumericControl
from drivers.errors import SettingRefusedError


@pytest.mark.parametrize(
    ("unit", "value", "said"),
    [
        ("dB", 30.0, "share 30 dB is outside 0 to 24 dB; nearest: 24"),
        ("", -1.0, "share -1 is outside 0 to 24; nearest: 0"),
        ("", math.nan, "share nan is outside 0 to 24"),
        ("dB", math.inf, "share inf dB is outside 0 to 24 dB; nearest: 24"),
    ],
)
def test_a_number_outside_its_range_is_told_with_the_nearest_there_is(
    unit: str, value: float, said: str
) -> None:
    with pytest.raises(SettingRefusedError) as refused:
        NumericControl(0.0, 24.0, 0.0, unit).check("share", value)
    assert str(refused.value) == said
