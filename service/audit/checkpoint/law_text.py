"""Laws in words: the distribution with its parameters, and the names that mean it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import isclose

from service.audit.laws.candidates import Candidate, is_well_known


def parameters(law: Candidate) -> str:
    """The distribution with the numbers that tell it: `uniform ±0.0357, std 0.0206`."""
    distribution = law.distribution.replace("_", " ")
    std = f"std {law.std:.4g}"
    if law.mean and law.distribution != "uniform":
        std = f"mean {law.mean:.4g}, {std}"
    if law.low is None or law.high is None:
        return f"{distribution} {std}"
    symmetric = isclose(law.high, -law.low, rel_tol=1e-4)
    if law.distribution == "uniform":
        ends = f"±{law.high:.4g}" if symmetric else f"{law.low:.4g} to {law.high:.4g}"
        return f"{distribution} {ends}, {std}"
    ends = f"±{law.high:.4g}" if symmetric else f"{law.low:.4g} and {law.high:.4g}"
    return f"{distribution} {std}, cut at {ends}"


def named(law: Candidate, most: int) -> str:
    """A law in one line: its parameters, the first names that mean it, and how many laws of other
    gains are not excluded."""
    names = ", ".join(law.names[:most]) + (", ..." if len(law.names) > most else "")
    near = f"; {len(law.near)} near" if law.near else ""
    return f"{parameters(law)} ({names}{near})"


def listed(laws: Sequence[Candidate], most_names: int, most_laws: int) -> list[str]:
    """The law, or the first of several, and how many others there are of each distribution.

    Of several laws each has one name. The first ones are those with well-known names.
    """
    if len(laws) == 1:
        return [named(laws[0], most_names)]
    ordered = sorted(laws, key=_rareness)
    texts = [named(law, 1) for law in ordered[:most_laws]]
    others = Counter(law.distribution.replace("_", " ") for law in ordered[most_laws:])
    if others:
        texts.append(", ".join(f"{count} more {name}" for name, count in others.items()))
    return texts


def _rareness(law: Candidate) -> int:
    """0 for a well-known name without fields, 1 for one with fields, and 2 for all others."""
    plain = replace(law, names=tuple(name for name in law.names if "&" not in name))
    return 0 if is_well_known(plain) else 1 if is_well_known(law) else 2
