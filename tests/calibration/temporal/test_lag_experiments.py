"""Scenes and cameras of which nothing is ours: no wrong pairs are called right."""

import pytest

from tests.calibration.temporal.lag_experiments import experiments


@pytest.mark.parametrize(
    ("number", "seed"), [(10, 1), pytest.param(400, 200, marks=pytest.mark.whole)]
)
def test_no_wrong_pairs_are_called_right_and_no_right_ones_wrong(number: int, seed: int) -> None:
    counts = experiments(number, seed)
    assert counts["wrong pairs called right"] == 0
    assert counts["right pairs called wrong"] <= number / 200
    assert counts["right"] >= 0.1 * number
    assert counts["wrong, lag told"] >= 0.1 * number
