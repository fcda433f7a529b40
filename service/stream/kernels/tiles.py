"""Register tiles: a few rows of vectors that stay in registers while products are added to them.

A plain loop over a matrix has its accumulators in memory, since LLVM does not hold a tile of them
in registers. These tiles are LLVM's own vectors of float64. Each element has one accumulator, and
each step is a rounded multiplication and then a rounded addition or subtraction, so a tile has the
bits of the plain loop. LLVM splits a vector that is wider than the processor's, with equal bits.
The shape of a tile therefore moves no bit, and is chosen for the processor that code is made for.
"""

from llvmlite import ir
from numba import types
from numba.core.registry import cpu_target
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

_WORD, _DOUBLE = ir.IntType(64), ir.DoubleType()


def _shape() -> tuple[int, int, int]:
    """Rows of a tile, vectors in a row, and float64 in a vector: the fastest that were measured.

    With more accumulators than registers a tile would be written to memory at every step.
    """
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    available = features.split(",")
    if "+avx512f" in available:
        return 8, 1, 8
    if "+avx" in available:
        return 4, 1, 8
    return 2, 4, 2


ROWS, _VECTORS, _WIDTH = _shape()
COLUMNS = _VECTORS * _WIDTH
"""The rows and the columns of a tile."""


def _tile(rows, subtracts):
    """A function that adds products to a tile of `rows` rows, or subtracts them.

    sums[r, c] = sums[r, c] +- scalars[r, t] vectors[t, c] for t = 0 ... count - 1, in this order.
    Each operand is a float64 array of one axis, the place of its first element, and its steps: of
    `scalars` from r to r + 1 and from t to t + 1, of the others from row to row.
    """

    @intrinsic
    def tile(
        _typing,
        scalars,
        scalar,
        row_step,
        scalar_step,
        vectors,
        vector,
        vector_step,
        sums,
        place,
        sum_step,
        count,
    ):
        del scalar, row_step, scalar_step, vector, vector_step, place, sum_step, count
        place_and_steps = (types.int64,) * 3
        signature = types.void(
            scalars, *place_and_steps, vectors, *place_and_steps[:2], sums, *place_and_steps
        )

        def generate(context, builder, _signature, arguments):
            _generate(context, builder, (scalars, vectors, sums), arguments, rows, subtracts)
            return context.get_dummy_value()

        return signature, generate

    return tile


def _generate(context, builder, arrays, arguments, rows, subtracts):
    """The code of a tile: load the sums, add to them in a loop over t, store them."""
    scalars, scalar, row_step, scalar_step, vectors, vector, vector_step = arguments[:7]
    sums, place, sum_step, count = arguments[7:]
    kind = ir.VectorType(_DOUBLE, _WIDTH)
    combine = builder.fsub if subtracts else builder.fadd

    def first(array_type, array, start):
        data = make_array(array_type)(context, builder, array).data
        return builder.gep(data, [start])

    def vector_at(pointer, offset):
        return builder.bitcast(builder.gep(pointer, [offset]), kind.as_pointer())

    def load(pointer, offset):
        loaded = builder.load(vector_at(pointer, offset))
        loaded.align = 8
        return loaded

    def splat(value):
        single = builder.insert_element(ir.Constant(kind, ir.Undefined), value, _WORD(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), _WIDTH), None)
        return builder.shuffle_vector(single, ir.Constant(kind, ir.Undefined), zeros)

    scalar_start = first(arrays[0], scalars, scalar)
    vector_start = first(arrays[1], vectors, vector)
    sum_start = first(arrays[2], sums, place)
    places = [
        builder.add(builder.mul(sum_step, _WORD(row)), _WORD(v * _WIDTH))
        for row in range(rows)
        for v in range(_VECTORS)
    ]
    loaded = [load(sum_start, offset) for offset in places]

    before = builder.block
    loop = builder.append_basic_block("tile.loop")
    after = builder.append_basic_block("tile.after")
    builder.cbranch(builder.icmp_signed(">", count, _WORD(0)), loop, after)

    builder.position_at_end(loop)
    t = builder.phi(_WORD)
    tile = [builder.phi(kind) for _ in places]
    row_of_vectors = builder.mul(t, vector_step)
    factors = [
        load(vector_start, builder.add(row_of_vectors, _WORD(v * _WIDTH))) for v in range(_VECTORS)
    ]
    column_of_scalars = builder.gep(scalar_start, [builder.mul(t, scalar_step)])
    added = []
    for row in range(rows):
        place_of_scalar = builder.mul(row_step, _WORD(row))
        factor = splat(builder.load(builder.gep(column_of_scalars, [place_of_scalar])))
        for v in range(_VECTORS):
            product = builder.fmul(factor, factors[v])
            added.append(combine(tile[row * _VECTORS + v], product))
    following = builder.add(t, _WORD(1))
    t.add_incoming(_WORD(0), before)
    t.add_incoming(following, loop)
    for phi, start, step in zip(tile, loaded, added, strict=True):
        phi.add_incoming(start, before)
        phi.add_incoming(step, loop)
    builder.cbranch(builder.icmp_signed("<", following, count), loop, after)

    builder.position_at_end(after)
    results = [builder.phi(kind) for _ in places]
    for result, start, step in zip(results, loaded, added, strict=True):
        result.add_incoming(start, before)
        result.add_incoming(step, loop)
    for offset, result in zip(places, results, strict=True):
        builder.store(result, vector_at(sum_start, offset)).align = 8


ADD, ADD_ROW = _tile(ROWS, subtracts=False), _tile(1, subtracts=False)
SUBTRACT, SUBTRACT_ROW = _tile(ROWS, subtracts=True), _tile(1, subtracts=True)
