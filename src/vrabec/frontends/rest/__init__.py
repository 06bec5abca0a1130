"""The REST interface under /api/v1: schemas, routes, and the mapping of errors to HTTP."""
