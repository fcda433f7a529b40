"""`make bench`: measure every line, write bench/results/ and quote it in docs/performance.md.

python -m bench [SECTION ...]: with sections named the table is printed and nothing is written.
"""

import json
import sys

from bench.contest import hold
from bench.curves import curves
from bench.machine import machine
from bench.plot import plot
from bench.processes import ROOT, end_with_sigterm
from bench.quotation import PAGE, requoted
from bench.report import as_json, as_markdown, table
from bench.sections import SECTIONS
from bench.summary import Line, line_of

RESULTS = ROOT / "bench" / "results"

NOTES = [
    "Every process is pinned: a kernel to the first core, or to all where the line says so; in "
    "lines over HTTP the client, which is the same for both sides, to the last core.",
    "The servers of `1 GiB` lines may use every core, as they are deployed, or the first one only "
    "where the line says `server on one core`.",
    "In process, normal, uniform and truncated normal are filled into an array of 2^24 elements "
    "that was there before, by both sides; JAX makes a new one. Lines against Fanin itself make "
    "the tensor in chunks, as the service does.",
    "NumPy's generator is the fastest of its five on the day.",
    "The sink's ceiling: a C program that writes one piece of memory to the socket. That copies "
    "every byte once, as whoever makes bytes must; nginx's sendfile does not even do that.",
]


def main(names: list[str]) -> int:
    """Measure the sections named, or all, and the curves."""
    end_with_sigterm()
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        print(f"no section {unknown[0]}: there are {', '.join(SECTIONS)}", file=sys.stderr)
        return 2
    lines = measure(names or list(SECTIONS))
    print(table(lines))
    if not names:
        _write(lines)
    return 0


def measure(names: list[str]) -> list[Line]:
    """The lines of these sections, each told as soon as it is known."""
    lines = []
    for name in names:
        for contest in SECTIONS[name]():
            line = line_of(hold(contest))
            print(table([line]).splitlines()[-1], file=sys.stderr, flush=True)
            lines.append(line)
    return lines


def _write(lines: list[Line]) -> None:
    facts = machine()
    RESULTS.mkdir(exist_ok=True)
    results = as_json(lines, facts, NOTES)
    record = json.dumps(results, indent=2, ensure_ascii=False)
    (RESULTS / "latest.json").write_text(record + "\n")
    PAGE.write_text(requoted(PAGE.read_text(), results))
    (RESULTS / "latest.md").write_text(as_markdown(lines, facts, NOTES))
    drawing = plot(curves(), f"{facts['processor']}, {facts['kernel']}, {facts['Python']}")
    (RESULTS / "time-per-element.svg").write_text(drawing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
