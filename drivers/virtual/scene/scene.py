"""What the virtual rig looks at: radiance at every place and time, integrated over exposures."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from drivers.camera import Region


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

        Row r of ``region`` sees ``[start_us[r], end_us[r])``; both have shape
        ``(rows,)``. Returns linear light in radiance * us, float32, of shape
        ``(rows, columns)``, luminance, or with ``colour`` ``(rows, columns, 3)``,
        linear RGB with the primaries of sRGB. Radiance 1.0 is a white diffuse
        surface. The array is new and the caller's own. Integrals add: a window
        cut in two gives two results whose sum is that of the whole.

        ``region`` counts pixels of the RSGR sensor and may reach 64 px beyond it.
        """
