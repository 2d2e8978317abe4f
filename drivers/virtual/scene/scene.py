"""The interface of scenes of the virtual rig: radiance integrated over exposures."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region


class Scene(Protocol):
    """Radiance over the scene plane and time; safe to use from several threads."""

    def integrate(
        self,
        region: Region,
        start_us: NDArray[np.float64],
        end_us: NDArray[np.float64],
        *,
        colour: bool,
    ) -> NDArray[np.float32]:
        """Radiance integrated over each row's window of scene time.

        Row r of ``region`` is exposed for ``[start_us[r], end_us[r])``; both have
        shape ``(rows,)``. Returns linear light in radiance * us, float32: luminance
        of shape ``(rows, columns)``, or with ``colour`` linear RGB with the primaries
        of sRGB, ``(rows, columns, 3)``. Radiance 1.0 is a white diffuse surface. The
        array is new in each call. Integrals add: the results of two adjacent windows
        sum to that of the whole window.

        ``region`` counts pixels of the RSGR sensor and may reach 64 px beyond it.
        """
