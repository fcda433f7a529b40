"""The stream, written to be read: docs/stream-v1.md line by line in NumPy.

The tests compare the kernels with it, and the planner takes the outermost values of a draw from
it. It shares constants with the kernels and no formula. It is slow and makes whole arrays, so use
it for ranges that fit in memory.
"""
