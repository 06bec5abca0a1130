"""WHAT IS: watches the hosts and writes the facts into the models."""
