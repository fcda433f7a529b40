"""Refuse operations that may round differently on other machines, in the code that computes values.

The check reads the names, operators and keywords of the source. It does not infer types. An
operation that is not on the lists below is refused. tests/stream/test_assembler.py checks the
compiled code.
"""

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

# Modules that compute no floats, or only as Python defines them to the last bit.
HARMLESS_MODULES = frozenset(
    {
        "__future__",
        "collections",
        "contextlib",
        "dataclasses",
        "decimal",  # rounds as its context says, ln and exp included: constants at plan time
        "difflib",  # near words for error messages
        "enum",
        "fractions",  # exact
        "functools",
        "hashlib",
        "itertools",
        "numpy.typing",
        "os",
        "pathlib",
        "service",  # checked itself
        "struct",
        "threading",
        "types",
        "typing",
        "weakref",
    }
)

# Of the modules that do compute: the names that give the same bits everywhere, and why they do.
EXACT_NAMES: dict[str, dict[str, str]] = {
    "math": {
        "one IEEE operation": "ldexp sqrt",
        "the exact sum, rounded once": "fsum",
        "integers": "ceil comb floor gcd isqrt lcm prod trunc",
        "bits of a float": "copysign frexp inf isfinite isinf isnan nan nextafter ulp",
    },
    "numpy": {
        "types": """bool_ dtype finfo float16 float32 float64 floating generic iinfo int8 int16
            int32 int64 integer intp ndarray number uint8 uint16 uint32 uint64 unsignedinteger""",
        "elements moved": """arange array asarray ascontiguousarray broadcast_to concatenate copyto
            empty empty_like flatnonzero frombuffer full full_like lib.stride_tricks.as_strided
            moveaxis newaxis nonzero ones ones_like ravel repeat reshape split stack take tile
            transpose where zeros zeros_like""",
        "one IEEE operation": "add divide multiply negative sqrt subtract",
        "rounding to integers": "ceil floor rint trunc",
        "choice and comparison": """abs absolute all any argsort array_equal clip copysign equal
            errstate fabs greater isfinite isinf isnan less maximum minimum nextafter searchsorted
            sign signbit unique""",
        "bits": "bitwise_and bitwise_or bitwise_xor invert left_shift right_shift",
        "counting, as it is used: without weights": "bincount",
    },
    "numba": {
        "compiling": """config.CACHE_DIR config.CACHE_LOCATOR_CLASSES core.registry.cpu_target
            njit""",
        "keeping what is compiled": """core.caching.FunctionCache
            core.caching.UserProvidedCacheLocator""",
        "bits": "extending.intrinsic",
        "arrays as they are": "np.arrayobj.make_array",
        "types": """boolean float32 float64 int8 int16 int32 int64 intp types uint8 uint16 uint32
            uint64 uintp void""",
    },
    "llvmlite": {
        "LLVM's types; its instructions are methods, read by tests/stream/test_assembler.py": "ir",
    },
}

# The order in which an array is added up differs by machine and by NumPy's version.
REDUCING_METHODS = frozenset(
    {"accumulate", "cumprod", "cumsum", "dot", "mean", "prod", "reduce", "std", "sum", "var"}
)

# Each lets the compiler regroup floats.
LOOSE_OPTIONS = frozenset({"fastmath", "parallel"})

HIDING_BUILTINS = frozenset({"__import__", "eval", "exec"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line of the source and its problem."""

    line: int
    what: str


def refusals(source: str) -> list[Refusal]:
    """The refusals in the source of one module, in order of line."""
    tree = ast.parse(source)
    reader = _Reader(_imported_modules(tree))
    reader.visit(tree)
    return sorted(reader.found, key=lambda refusal: refusal.line)


def _imported_modules(tree: ast.Module) -> dict[str, str]:
    """Local name to module: `import numpy as np, numpy.linalg` is np and numpy, both numpy."""
    aliases = [
        alias for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    ]
    renamed = {alias.asname: alias.name for alias in aliases if alias.asname}
    plain = {alias.name.partition(".")[0] for alias in aliases if not alias.asname}
    return renamed | {name: name for name in plain}


class _Reader(ast.NodeVisitor):
    """Walks one module and collects its refusals."""

    def __init__(self, modules: dict[str, str]) -> None:
        self.modules = modules
        self.found: list[Refusal] = []

    def refuse(self, node: ast.stmt | ast.expr, what: str) -> None:
        self.found.append(Refusal(node.lineno, what))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name not in EXACT_NAMES and not _harmless(alias.name):
                self.refuse(node, f"import {alias.name}: not known to be exact")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            name = f"{node.module}.{alias.name}"
            if node.level == 0 and not _exact(name):
                self.refuse(node, f"{name}: not known to be exact")

    def visit_Name(self, node: ast.Name) -> None:
        if self.modules.get(node.id) in EXACT_NAMES:
            self.refuse(node, f"{node.id} as a value: its names cannot be followed")
        if node.id in HIDING_BUILTINS:
            self.refuse(node, f"{node.id}: hides what it computes")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = self._in_module(node)
        if name is None:
            self.generic_visit(node)
        elif not _exact(name):
            self.refuse(node, f"{name}: not known to be exact")

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self._operator(node, node.op, exact_power=_exact_power(node))

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._operator(node, node.op, exact_power=False)

    def _operator(
        self, node: ast.BinOp | ast.AugAssign, operator: ast.operator, exact_power: bool
    ) -> None:
        if isinstance(operator, ast.MatMult):
            self.refuse(node, "@: adds up in an order of its own")
        if isinstance(operator, ast.Pow) and not exact_power:
            self.refuse(node, "**: libm's pow")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        match node.func:
            case ast.Name(id="sum") if not _counts(node):
                self.refuse(node, "sum: Python 3.12 began to compensate it; add in a loop")
            case ast.Name(id="pow"):
                self.refuse(node, "pow: libm's")
            case ast.Attribute(attr=name) if name in REDUCING_METHODS:
                if self._in_module(node.func) is None:
                    self.refuse(node, f".{name}(): adds up in an order of its own")
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg in LOOSE_OPTIONS:
            self.refuse(node.value, f"{node.arg}: floats may be regrouped")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if node.value in LOOSE_OPTIONS:
            self.refuse(node, f"{node.value!r}: floats may be regrouped")

    def _in_module(self, node: ast.Attribute) -> str | None:
        """`np.lib.pad` as "numpy.lib.pad"; None for an attribute of anything but a module."""
        parts = [node.attr]
        value = node.value
        while isinstance(value, ast.Attribute):
            parts.append(value.attr)
            value = value.value
        if not isinstance(value, ast.Name) or value.id not in self.modules:
            return None
        return ".".join([self.modules[value.id], *reversed(parts)])


def _exact(dotted: str) -> bool:
    module, _, name = dotted.partition(".")
    lists = EXACT_NAMES.get(module, {}).values()
    return _harmless(dotted) or any(name in names.split() for names in lists)


def _harmless(dotted: str) -> bool:
    return any(f"{dotted}.".startswith(f"{module}.") for module in HARMLESS_MODULES)


def _exact_power(node: ast.BinOp) -> bool:
    """Whether it is 2 to a literal integer or a natural literal to another: exact with any pow."""
    match node.left, node.right:
        case ast.Constant(value=2), ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int())):
            return True
        case ast.Constant(value=base), ast.Constant(value=int()):
            return type(base) is int or base == 2.0
    return False


def _counts(node: ast.Call) -> bool:
    """Whether it is a sum of comparisons, or of values converted to integers in the same call."""
    match node.args:
        case [ast.GeneratorExp(elt=ast.Compare())]:
            return True
        case [ast.GeneratorExp(elt=ast.Call(func=ast.Name(id="int" | "len")))]:
            return True
    return False


def main(folders: list[str]) -> int:
    """Print every refusal in the modules below `folders`; 1 if there is any or nothing to read."""
    files = sorted(path for folder in folders for path in Path(folder).rglob("*.py"))
    found = [
        f"{file}:{refusal.line}: {refusal.what}"
        for file in files
        for refusal in refusals(file.read_text(encoding="utf-8"))
    ]
    print(*found, f"{len(files)} modules read, {len(found)} inexact places", sep="\n")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
