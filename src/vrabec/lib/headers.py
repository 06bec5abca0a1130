"""Headers by which the edge of the port tells the front ends what it knows of a connection."""

CERTIFICATE_HEADER = "X-Vrabec-Certificate"
"""The common name, percent-encoded, in the certificate that the caller showed; callers cannot send it."""
