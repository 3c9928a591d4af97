"""A closer look at a checkpoint's generator: copies of training images, images between latents, truncation."""
