"""Byte layouts: the file formats, and the header that each puts before a tensor's values.

Knows no scheme, no HTTP and no NumPy; NumPy and the safetensors library judge it in the tests.
"""
