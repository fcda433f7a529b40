"""Byte layouts: what stands before a tensor's values, and how the result is called.

Knows no scheme, no HTTP and no NumPy; NumPy and the safetensors library judge it in the tests.
"""
