"""A combination explained: facts of the built networks → one system of parts and arrows → terminal, SVG, HTML."""
