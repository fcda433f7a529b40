"""What the compiler made of the kernels: no fused multiply-add, no double where single is meant."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FUSED = re.compile(r"\b(vfn?m(add|sub)\w*|fn?m(add|sub|la|ls)\w*)\b")
DOUBLE = re.compile(r"\bv?(add|sub|mul|div|sqrt|max|min|cvt\w*|u?comi)[a-z0-9]*[ps]d\b")

PRINT_ASSEMBLER = """
import numpy as np
from service.stream.kernels import {module} as kernels
kernel = kernels.{kernel}
words, one, values = np.zeros(2048, np.uint32), np.{dtype}(1), np.empty(2048, np.{dtype})
kernel({arguments}, values)
print(*kernel.inspect_asm().values())
"""
SINGLE = [
    ("uniform", "symmetric_uniform32", "words" + 3 * ", one"),
    ("normal", "normal32", "words" + 4 * ", one"),
    ("normal", "normal_rows32", "words, 512" + 4 * ", one"),
    ("truncated_normal", "central_truncated32", "words" + 6 * ", one"),
    ("truncated_normal", "wide_truncated32", "words" + 6 * ", one"),
]


def assembler(source: str, folder: Path) -> str:
    """Compile in a process of its own with an empty cache; return the kernels' own functions.

    The wrappers that unpack Python floats are left out: they handle doubles by nature.
    """
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", source], env=environment, capture_output=True, text=True, check=True
    )
    functions = re.split(r"^(?=[A-Za-z_]\S*:)", done.stdout, flags=re.MULTILINE)
    return "".join(f for f in functions if not f.startswith(("_ZN7cpython", "cfunc")))


@pytest.mark.parametrize(("module", "kernel", "arguments"), SINGLE)
def test_single_precision_kernels_compute_in_single_precision(
    module: str, kernel: str, arguments: str, tmp_path: Path
) -> None:
    """Neither a double operation nor a conversion to one, and many single ones."""
    source = PRINT_ASSEMBLER.format(
        module=module, kernel=kernel, arguments=arguments, dtype="float32"
    )
    code = assembler(source, tmp_path)
    assert not DOUBLE.search(code)
    assert not FUSED.search(code)
    assert re.search(r"mulps|fmul", code)


def test_a_double_operation_would_be_seen(tmp_path: Path) -> None:
    """Negative control: the float64 normal kernel is full of them, and still without fusion."""
    source = PRINT_ASSEMBLER.format(
        module="normal64",
        kernel="normal64",
        arguments="words, words" + 4 * ", one",
        dtype="float64",
    )
    code = assembler(source, tmp_path)
    assert DOUBLE.search(code) or "fmul" in code
    assert not FUSED.search(code)


def test_a_fused_multiply_add_would_be_seen(tmp_path: Path) -> None:
    """Negative control: the same sum compiled with contraction allowed, where the CPU has it."""
    source = """
import numba, numpy as np
def f(x, out):
    for i in range(out.size):
        out[i] = x[i] * x[i] + x[i]
kernel = numba.njit(fastmath={"contract"})(f)
kernel(np.ones(64, np.float32), np.ones(64, np.float32))
print(*kernel.inspect_asm().values())
"""
    code = assembler(source, tmp_path)
    if "fma" not in Path("/proc/cpuinfo").read_text(encoding="ascii").split():
        pytest.skip("this processor has no fused multiply-add to show")
    assert FUSED.search(code)


def test_the_whole_data_path_has_no_fused_multiply_add(tmp_path: Path) -> None:
    """`run` and `scatter` with everything that was inlined into them."""
    source = """
import numpy as np
from service.stream import fill
from service.stream.address import Address
from service.stream.draws import Normal
from service.stream.kernels.boxes import scatter
from service.stream.kernels.run import run
from service.stream.lattice import Lattice
for lattice in Lattice(0, (8,), (1,)), Lattice(0, (2, 2), (1, 2)):
    out = np.empty(lattice.size * 4, np.uint8)
    fill.filler(Normal(0.0, 1.0), "float32", Address(0, 0), lattice).fill(0, lattice.size, out)
print(*run.inspect_asm().values(), *scatter.inspect_asm().values())
"""
    code = assembler(source, tmp_path)
    assert len(code) > 10_000
    assert not FUSED.search(code)


def test_the_elementary_functions_have_no_fused_multiply_add(tmp_path: Path) -> None:
    """All of their kernels, which are full of double operations."""
    source = """
from service.stream import elementary
from service.stream.kernels import elementary as kernels
for function in elementary.exp, elementary.expm1, elementary.log, elementary.sin:
    function(0.5)
elementary.sin_turns(1, 7)
for kernel in (
    kernels.exponential, kernels.exponential_minus_one, kernels.logarithm, kernels.sine,
    kernels.sine_of_turns,
):
    print(*kernel.inspect_asm().values())
"""
    code = assembler(source, tmp_path)
    assert len(code) > 10_000
    assert DOUBLE.search(code) or "fmul" in code
    assert not FUSED.search(code)


def test_the_index_functions_have_no_fused_multiply_add(tmp_path: Path) -> None:
    """All of their kernels, with everything that they call."""
    source = """
from service.stream import selfcheck
from service.stream.kernels import index
for values_of in selfcheck.INDEX_FUNCTIONS:
    values_of(selfcheck.INDEX_ELEMENTS)
for kernel in (
    index.tiled, index.centred, index.interpolating, index.gabor, index.fourier, index.triangles,
    index.interleaved, index.in_parts, index.hadamard, index.cosine,
):
    print(*kernel.inspect_asm().values())
"""
    code = assembler(source, tmp_path)
    assert len(code) > 10_000
    assert DOUBLE.search(code) or "fmul" in code
    assert not FUSED.search(code)


def test_the_tiles_of_a_matrix_have_no_fused_multiply_add(tmp_path: Path) -> None:
    """Each step of an orthogonal matrix is a multiplication and then an addition, in vectors."""
    source = """
import numpy as np
from service.stream.kernels import orthogonal as kernels
m, n = 40, 37
packed, signs = np.ones(kernels.packed_size(m, n)), np.empty(n)
scales, products = np.empty(n), np.empty(n * kernels.BLOCK)
for block in range(3):
    kernels.prepare(packed, m, n, block, signs, scales, products)
kernels.fill_panel(packed, m, n, scales, products, 0, np.empty(3 * m * kernels.STRIP))
for kernel in (kernels.prepare, kernels.fill_panel, kernels.project, kernels.subtract):
    print(*kernel.inspect_asm().values())
"""
    code = assembler(source, tmp_path)
    assert re.search(r"mulpd|fmul\s+v\d+\.2d", code)
    assert not FUSED.search(code)
