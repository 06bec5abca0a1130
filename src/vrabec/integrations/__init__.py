"""Other systems the engine talks to, one folder a kind."""
