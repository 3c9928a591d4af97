"""Plugins of a researcher outside of the project. Tests set `GANZOO_PLUGINS_DIR` to this directory."""
