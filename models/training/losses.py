"""The training loss: a robust error on encoded light, and one of its spectrum."""

import torch
from torch import Tensor

from drivers.srgb import srgb_curve


def perceived(light: Tensor) -> Tensor:
    """sRGB-encoded light, not clipped to [0, 1] as by :func:`models.encoding.srgb_encode`.

    Clipped values would have no gradient.
    """
    return srgb_curve(light, torch.where)


def charbonnier(error: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean of sqrt(error^2 + epsilon^2): absolute error, smooth at zero (Charbonnier, ICIP 1994).

    Real global-shutter targets carry noise; a squared error would follow it.
    """
    return torch.sqrt(error.square() + epsilon**2).mean()


def spectral(error: Tensor) -> Tensor:
    """Mean magnitude of the orthonormal Fourier transform of the last two dimensions.

    Blurred edges are few pixels and many frequencies.
    """
    spectrum: Tensor = torch.fft.rfft2(error, norm="ortho")
    return spectrum.abs().mean()


def restoration_loss(light: Tensor, target: Tensor, spectral_weight: float) -> Tensor:
    """Charbonnier and Fourier error of linear light against the global shutter's."""
    error = perceived(light.float()) - perceived(target)
    loss = charbonnier(error)
    return loss + spectral_weight * spectral(error) if spectral_weight else loss
