"""The benchmark: a grid of combinations trained, scored, recorded and shown."""
