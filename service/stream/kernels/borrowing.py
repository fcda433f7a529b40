"""Arrays of which compiled code counts no references, since its caller holds them all the while.

Counting is an atomic operation for each slice and each call; for a strip it comes to a fifth of
the time.
"""

from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from service.stream.kernels.compiled import inlined
from service.stream.kernels.recipe import Recipe
from service.stream.kernels.scratch import Scratch


@intrinsic
def borrowed(_typing, array):
    """The same memory, which must outlive the result."""

    def uncounted(context, builder, _signature, arguments):
        view = make_array(array)(context, builder, arguments[0])
        view.meminfo = view.meminfo.type(None)
        return view._getvalue()

    return array(array), uncounted


@inlined
def borrowed_recipe(recipe):
    return Recipe(
        recipe.kind,
        recipe.code,
        recipe.itemsize,
        borrowed(recipe.address),
        borrowed(recipe.constants32),
        borrowed(recipe.constants64),
        borrowed(recipe.bounds),
    )


@inlined
def borrowed_scratch(scratch):
    return Scratch(
        borrowed(scratch.blocks),
        borrowed(scratch.words),
        borrowed(scratch.low_words),
        borrowed(scratch.values32),
        borrowed(scratch.values64),
        borrowed(scratch.codes),
    )
