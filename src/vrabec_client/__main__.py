"""`python -m vrabec_client` is the vrabec command."""

from vrabec_client.cli import main

main()
