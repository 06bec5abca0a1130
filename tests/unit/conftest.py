"""Options of the unit tests."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--regenerate` writes the golden files anew; read the diff before you commit it."""
    parser.addoption("--regenerate", action="store_true", help="write the golden files of tests/data anew")
