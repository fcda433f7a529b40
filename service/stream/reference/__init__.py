"""The stream, written to be read: docs/stream-v1.md line by line in NumPy, slow and plain.

It shares literals with the kernels and nothing else. Arrays are whole: use it for ranges that
fit in memory.
"""
