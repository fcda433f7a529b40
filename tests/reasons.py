"""Which reason codes the source of the service can answer."""

import ast
from collections.abc import Iterator
from pathlib import Path

import service
from service.api.problems import STATUSES


def modules(package: str) -> list[ast.Module]:
    """Every module of a package of the service, "" being all of it."""
    [root] = service.__path__
    paths = sorted((Path(root) / package).rglob("*.py"))
    return [ast.parse(path.read_text()) for path in paths]


def functions(node: ast.AST) -> Iterator[tuple[str, list[str]]]:
    """The names a function or class can be called by, each with its parameters."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.name, [a.arg for a in node.args.args if a.arg != "self"]
    if isinstance(node, ast.ClassDef):
        fields = [child.target for child in node.body if isinstance(child, ast.AnnAssign)]
        yield node.name, [field.id for field in fields if isinstance(field, ast.Name)]
        for name, parameters in (found for child in node.body for found in functions(child)):
            yield node.name if name == "__init__" else name, parameters


def places(trees: list[ast.Module]) -> dict[str, int]:
    """Where whatever takes a `reason` takes it: name to argument number."""
    nodes = (node for tree in trees for node in ast.walk(tree))
    calls = (found for node in nodes for found in functions(node))
    found = {name: names.index("reason") for name, names in calls if "reason" in names}
    return {branch.__name__: 0 for branch in STATUSES} | found


def reasons_of(trees: list[ast.Module]) -> set[str]:
    """Every reason code that a call in these modules spells out."""
    where = {name: place for name, place in places(trees).items() if name != "__init__"}
    found: set[str] = set()
    for call in (n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Call)):
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name in where:
            given = [k.value for k in call.keywords if k.arg == "reason"]
            for argument in given or call.args[where[name] :][:1]:
                words = (c.value for c in ast.walk(argument) if isinstance(c, ast.Constant))
                found |= {word for word in words if isinstance(word, str)}
    return found
