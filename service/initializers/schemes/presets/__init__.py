"""Presets: what a framework's own layer does by default, under the framework's name."""
