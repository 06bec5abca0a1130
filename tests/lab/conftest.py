"""The lab's own tests use its fixtures."""

from tests.lab.fixtures import fleet_host, fresh_lab_host, lab_host, lab_pair, other_lab_host

__all__ = ["fleet_host", "fresh_lab_host", "lab_host", "lab_pair", "other_lab_host"]
