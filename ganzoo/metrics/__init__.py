"""Scoring: FID, KID, precision and recall of generated pictures."""
