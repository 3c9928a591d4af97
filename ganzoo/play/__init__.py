"""A page on which one moves through a generator's latents: see ganzoo.play.write for what is in its folder."""
