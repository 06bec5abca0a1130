"""The cast, for tests through HTTP."""

import os

from tests.cast import site

__all__ = ["site"]
collect_ignore = ["test_proxies.py"] if os.environ["VRABEC_TEST_DATABASE"] == "postgresql" else []
"""They start a Vrabec of their own, and need not do so twice."""
