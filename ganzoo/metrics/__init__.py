"""Scoring: features of generated and real pictures, and what metrics make of them."""
