"""What scripts/bench measures: ours beside a floor that does the same work. See docs/develop/measuring.md."""
