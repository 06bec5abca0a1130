"""Stored facts, their states and migrations: one Django app, one file a noun."""
