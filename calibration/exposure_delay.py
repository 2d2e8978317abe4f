"""Offset between the two cameras' exposure starts (being written)."""

from pydantic import BaseModel, ConfigDict

from calibration.verdict import Verdict


class ExposureDelayCalibration(BaseModel):
    """Result."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    verdict: Verdict
