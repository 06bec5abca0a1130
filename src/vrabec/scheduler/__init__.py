"""WHERE: pure functions on frozen dataclasses."""
