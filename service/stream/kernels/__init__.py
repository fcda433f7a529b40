"""The stream at full speed: the same numbers as `service.stream.reference`, compiled with Numba.

Kernels release the GIL and write into buffers that their caller gives them. Each names the section
of docs/stream-v1.md that it implements. In every docstring n is the number of elements, and

    words, low_words   uint32, shape (n,)     random words of purpose 0 and purpose 1 (section 2)
    values             float32 or float64, shape (n,), written by the kernel
    std, mean, low, high and other constants of a draw: scalars of the dtype computed in
    out, encoded       bytes of the dtype, or unsigned integers of its width

Every operand has a type on purpose, since Numba's rules are not C's: uint32 + uint32 becomes
uint64, int32 + int32 becomes int64, and float32 with an int32, an int64 or a bare literal becomes
float64. Hence a cast after each operation on integers, and constants such as np.float32(0.5).

A product and the sum after it are rounded apart, as section 1 says. Numba's default, `fastmath`
off, keeps LLVM from fusing both; tests/stream/test_assembler.py reads the machine code.
"""
