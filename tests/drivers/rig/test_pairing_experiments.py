"""Random experiments: what is called synchronous is true, whatever the cameras do."""

import pytest

from tests.drivers.rig.pairing_experiments import tried


def outcomes_of(seeds: range) -> None:
    outcomes = [tried(seed) for seed in seeds]
    assert [each for each in outcomes if each.synchronous and each.wrong] == []
    both_clocks = [each for each in outcomes if each.group.startswith("2 clocks")]
    assert sum(each.synchronous is True for each in both_clocks) > 0.95 * len(both_clocks)
    for each in outcomes:
        if each.synchronous is None:
            assert any(advice in each.text for advice in ("record", "lower", "too few", "too much"))


def test_nothing_wrong_is_called_synchronous() -> None:
    outcomes_of(range(30_000, 30_150))


@pytest.mark.whole
def test_nothing_wrong_is_called_synchronous_in_a_thousand() -> None:
    outcomes_of(range(30_150, 31_150))
