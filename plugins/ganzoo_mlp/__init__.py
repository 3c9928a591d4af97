"""Registers the fully connected pair of Goodfellow et al. 2014."""
