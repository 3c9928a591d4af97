"""Scoring: features of generated and real images, and what metrics make of them."""
