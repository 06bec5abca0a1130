"""The cast, for tests through HTTP."""

from tests.cast import site

__all__ = ["site"]
