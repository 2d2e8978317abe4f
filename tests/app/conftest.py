"""Sessions on the virtual rig, with its fault page at hand."""

import pytest

from drivers import virtual
from drivers.errors import InstrumentError


@pytest.fixture
def virtual_rig() -> None:
    """Skip where the virtual rig's compiled part was not built."""
    try:
        virtual.producer_path()
    except InstrumentError as error:
        pytest.skip(str(error))
