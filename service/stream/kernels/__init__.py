"""The stream at full speed: the same numbers as the reference, compiled with Numba.

Kernels release the GIL and write into buffers they are given. Every operand is typed on
purpose: Numba widens uint32 + uint32 to uint64, and float32 with a bare literal to float64.
"""
