"""The lab's own tests use its fixtures."""

from tests.lab.fixtures import (
    fleet_host,
    fresh_lab_host,
    lab_host,
    lab_pair,
    lab_trio,
    other_lab_host,
    shared,
)

__all__ = ["fleet_host", "fresh_lab_host", "lab_host", "lab_pair", "lab_trio", "other_lab_host", "shared"]
