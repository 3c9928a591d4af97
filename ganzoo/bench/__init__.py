"""The benchmark: train and score a grid of combinations, record the results and show them."""
