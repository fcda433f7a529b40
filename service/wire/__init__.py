"""Byte layouts: the file formats, and the header that each puts before a tensor's values.

This package imports neither schemes nor NumPy. The tests compare it with what NumPy and the
safetensors library write.
"""
