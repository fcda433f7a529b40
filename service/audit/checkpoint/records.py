"""The audit as JSON records."""

import json
import math
from collections.abc import Sequence
from typing import Any

from service.audit.checkpoint.overview import counts_of, fitted_count, not_fitted
from service.audit.checkpoint.verdicts import Audited
from service.audit.files.likeness import Difference
from service.audit.laws.candidates import Candidate
from service.audit.tally import Summary
from service.wire.json_text import json_bytes


def audit_json(
    audited: Sequence[Audited],
    differences: Sequence[Difference] | None,
    layout: str | None = None,
) -> bytes:
    """The whole audit. `differences` is None without `--like`, and `layout` without `--layout`.

    A tensor is a line: indented, the records of 200,000 tensors would need 4 GB of memory.
    """
    lines = (
        json.dumps(tensor_record(each), ensure_ascii=False, allow_nan=False).encode()
        for each in audited
    )
    others = json_bytes(_totals(audited, differences, layout)).removeprefix(b"{\n")
    return b"".join((b'{\n  "tensors": [\n', b",\n".join(lines), b"\n  ],\n", others))


def _totals(
    audited: Sequence[Audited], differences: Sequence[Difference] | None, layout: str | None
) -> dict[str, Any]:
    """What is known of all tensors together."""
    record: dict[str, Any] = {
        "elements": sum(each.summary.count for each in audited),
        "faults": sum(each.is_fault for each in audited),
        "verdicts": {verdict.value: count for verdict, count in counts_of(audited)},
    }
    if layout is not None:
        names = [each.tensor.name for each in not_fitted(audited, layout)]
        record["layout"] = {
            "requested": layout,
            "fitted": fitted_count(audited, layout),
            "not_fitted": names,
        }
    if differences is not None:
        record["differences"] = [_difference_record(each) for each in differences]
    return record


def tensor_record(audited: Audited) -> dict[str, Any]:
    """What is known of one tensor."""
    tensor, fans, gains = audited.tensor, audited.fans, audited.gains
    return {
        "name": tensor.name,
        "file": tensor.file,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "verdict": audited.verdict.value,
        "fault": audited.is_fault,
        "explanation": audited.explanation,
        "note": audited.note,
        "laws": [law_record(law) for law in audited.laws],
        "layer": None if audited.reading is None else audited.reading.layer,
        "layout": None if audited.reading is None else audited.reading.letters,
        "fan_in": None if fans is None else fans.fan_in,
        "fan_out": None if fans is None else fans.fan_out,
        "std_ratio": None
        if gains is None
        else {"he": gains.he, "glorot": gains.glorot, "lecun": gains.lecun},
        **summary_record(audited.summary),
        "sha256": audited.sha256,
    }


def law_record(law: Candidate) -> dict[str, Any]:
    """A distribution, the names that mean it, and laws of other gains that are not excluded."""
    limit = None
    if law.low is not None and law.high is not None and law.mean == 0:
        limit = max(abs(law.low), abs(law.high))
    return {
        "distribution": law.distribution,
        "mean": law.mean,
        "std": law.std,
        "limit": limit,
        "names": list(law.names),
        "near": [{"std": each.std, "names": list(each.names)} for each in law.near],
    }


def summary_record(summary: Summary) -> dict[str, Any]:
    """Counts, moments, extremes and the histogram."""
    histogram = summary.histogram
    return {
        "count": summary.count,
        "zeros": summary.zeros,
        "nan": summary.nan,
        "inf": summary.inf,
        "mean": summary.mean,
        "std": summary.std,
        "skewness": summary.skewness,
        "kurtosis": summary.kurtosis,
        "min": summary.min,
        "max": summary.max,
        "histogram": None
        if histogram is None
        else {
            "low": histogram.edges.low,
            "high": histogram.edges.high,
            "counts": list(histogram.counts),
            "below": histogram.below,
            "above": histogram.above,
        },
    }


def _difference_record(difference: Difference) -> dict[str, Any]:
    return {
        "name": difference.name,
        "what": difference.what,
        "count": difference.count,
        "index": None if difference.index is None else list(difference.index),
        "here": _finite(difference.here),
        "there": _finite(difference.there),
    }


def _finite(value: float | None) -> float | str | None:
    """The value, or NaN and infinities as text, which JSON has no numbers for."""
    return value if value is None or math.isfinite(value) else str(value)
