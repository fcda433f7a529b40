"""Presets: the default initializers of frameworks' layers, named `framework.layer`."""
