"""Scoring: the features of generated and real images, and the metrics computed from them."""
