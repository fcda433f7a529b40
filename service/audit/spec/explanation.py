"""Why an audit says what it says, in sentences."""

from service.audit.spec.verdict import Bin, Comparison, Extreme, Statistics
from service.audit.tally import Summary


def explained(
    found: Summary,
    statistics: Statistics,
    bins: tuple[Bin, ...],
    inconsistencies: tuple[str, ...],
    *,
    deterministic: bool,
) -> str:
    """One sentence if nothing is inconsistent, else one for each inconsistency."""
    if inconsistencies:
        return " ".join(_reason(name, found, statistics, bins) for name in inconsistencies)
    if not found.count:
        return "The tensor has no values."
    if deterministic:
        return "All bytes are equal to those of the definition, which has no random words."
    return (
        f"Mean, std and share of zeros and all {len(bins)} counts of the histogram are as near to "
        "what is expected as those of a correct tensor, and no value is impossible."
    )


def _reason(name: str, found: Summary, statistics: Statistics, bins: tuple[Bin, ...]) -> str:
    if name == "sha256":
        return "The bytes are not those of the definition, which has no random words."
    if name == "not_finite":
        return f"Some values are infinite or no numbers: {found.count - found.finite}."
    if name == "histogram":
        return _of_histogram([each for each in bins if not each.consistent], len(bins))
    statistic = getattr(statistics, name)
    if isinstance(statistic, Extreme):
        return (
            f"The {name} is {_number(statistic.realised)} instead of {_possible(name, statistic)}."
        )
    subject = {"zeros": "share of zeros"}.get(name, name)
    return f"The {subject} is {_beside(statistic.realised, statistic)}"


def _possible(name: str, statistic: Extreme) -> str:
    """What an extreme should be: the bound, unless the values are random and beyond it."""
    bound = _number(statistic.bound)
    if statistic.realised is None or statistic.bound is None:
        return bound
    if name == "min" and statistic.realised < statistic.bound:
        return f"{bound} or more"
    if name == "max" and statistic.realised > statistic.bound:
        return f"{bound} or less"
    return bound


def _of_histogram(wrong: list[Bin], number: int) -> str:
    worst = max(wrong, key=lambda each: (abs(each.z or 0.0), abs(each.count - each.expected)))
    if worst.low is None:
        place = f"below {_number(worst.high)}"
    elif worst.high is None:
        place = f"above {_number(worst.low)}"
    else:
        place = f"from {_number(worst.low)} to {_number(worst.high)}"
    wrong_ones = "1 count" if len(wrong) == 1 else f"{len(wrong)} counts"
    return (
        f"{wrong_ones} of the {number} in the histogram cannot be right; the farthest off is that "
        f"{place}: {_beside(worst.count, worst)}"
    )


def _beside(realised: float | None, entry: Comparison | Bin) -> str:
    """The end of a sentence: the number, the expected one, and how far they are apart."""
    found = f"{_number(realised)} instead of {_number(entry.expected)}"
    if entry.z is None or entry.z_limit is None:
        return f"{found}."
    return f"{found}, {abs(entry.z):.3g} standard errors away; {entry.z_limit:.3g} are allowed."


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
