"""The tests of Vrabec, a folder a level (docs/develop/testing.md)."""
