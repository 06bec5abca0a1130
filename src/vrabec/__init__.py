"""Vrabec: a small private cloud on the hypervisors a site already has."""

__version__ = "0.2.0"
