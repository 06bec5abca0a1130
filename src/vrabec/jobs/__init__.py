"""The engine that runs durable plans. It knows no VM."""
