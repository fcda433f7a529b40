"""File formats: the bytes before a tensor's values, and the name of the file.

This package imports neither schemes nor NumPy. The tests compare it with what NumPy and the
safetensors library write.
"""
