"""Plugins of an outside researcher: `GANZOO_PLUGINS_DIR` may name this directory."""
