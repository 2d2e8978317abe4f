"""Losses: what they measure, and that there is a way down from anywhere."""

import math

import pytest
import torch

from models.encoding import srgb_encode
from models.training.losses import charbonnier, perceived, restoration_loss, spectral


def test_light_is_perceived_as_metrics_encode_it() -> None:
    light = torch.linspace(0, 1, 101)
    torch.testing.assert_close(perceived(light), srgb_encode(light), atol=1e-6, rtol=0)


def test_light_outside_the_screen_still_has_a_gradient() -> None:
    light = torch.tensor([-0.05, 0.0, 0.5, 1.3], requires_grad=True)
    perceived(light).sum().backward()
    assert light.grad is not None
    assert torch.isfinite(light.grad).all()
    assert (light.grad > 0.3).all()


def test_charbonnier_is_the_absolute_error_of_large_errors() -> None:
    assert float(charbonnier(torch.tensor([3.0, -1.0]))) == pytest.approx(2.0, rel=1e-5)
    assert float(charbonnier(torch.zeros(4))) == pytest.approx(1e-3)


def test_the_spectral_term_of_a_constant_error_is_its_size() -> None:
    # All of it lies in one of the rows * (columns / 2 + 1) frequencies.
    error = torch.full((1, 1, 8, 8), 0.5)
    assert float(spectral(error)) == pytest.approx(0.5 * math.sqrt(64) / (8 * 5))


def test_the_loss_is_least_at_the_target() -> None:
    target = torch.rand(1, 1, 1, 8, 8)
    least = restoration_loss(target, target, 0.02)
    assert restoration_loss(target + 0.01, target, 0.02) > least
    assert restoration_loss(target * 0.9, target, 0.0) > restoration_loss(target, target, 0.0)
