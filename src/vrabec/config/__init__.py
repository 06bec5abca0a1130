"""Wiring: settings, URLs and the entry points of the processes. Nothing else reads the environment."""
