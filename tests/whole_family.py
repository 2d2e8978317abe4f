"""Members of a family of tests that only ``make test-all`` runs."""

from typing import Any

import pytest


def whole(*values: Any, **options: Any) -> Any:
    """``pytest.param`` of a member whose like ``make test`` runs already."""
    return pytest.param(*values, marks=pytest.mark.whole, **options)
