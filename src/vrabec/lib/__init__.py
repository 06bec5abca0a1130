"""Errors, units, names and the clock: neither Django nor libvirt."""
