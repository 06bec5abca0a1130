"""Backups of a whole controller in one file, and back: rows of every table, keys, templates, history.

Rows are dumped, not the database's own files: a backup of SQLite can be restored on PostgreSQL and the
other way round. `archive` knows the file, `rows` the database, `make` and `restore` the order of things.
"""
