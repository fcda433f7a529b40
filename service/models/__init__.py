"""Whole models: a manifest names the tensors, and a recipe may make them from a config."""
