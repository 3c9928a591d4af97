"""A closer look at a checkpoint's generator: does it copy, what lies between its latents, what does truncation do."""
