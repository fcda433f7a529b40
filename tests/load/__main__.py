"""`make load`: every attack, accident and mixed load, one after the other, with what was measured.

    python -m tests.load [WORD ...]

With words, only those whose name has one of the words. The exit status is 1 if something is wrong.
"""

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial

from tests.load import accidents
from tests.load.accidents import Story
from tests.load.attacks import ATTACKS, MIB, Attack, Outcome, measured_again
from tests.load.serving import CORES

STORIES: dict[str, Callable[[], Story]] = {
    "worker killed": accidents.worker_killed,
    "SIGTERM, 1 process": accidents.stopped_under_load,
    "SIGTERM, 2 processes": partial(accidents.stopped_under_load, workers=2),
    "parent killed": accidents.parent_killed,
    "places of a killed worker": accidents.places_back,
    "places for all": accidents.places_for_all,
    "places not read": accidents.places_not_read,
    "mixed, 1 process": accidents.mixed,
    "mixed, 2 processes": partial(accidents.mixed, workers=2),
    "worker killed, empty cache": accidents.worker_killed_cold,
}

HEAD = (
    f"{'attack':<20}{'p50':>7}{'p99':>8}  {'p50':>7}{'p99':>8}{'worst':>8}{'limit':>7}"
    f"{'MiB':>6}{'bound':>7}{'kernel':>8}{'bound':>7}{'log':>5}{'cut after':>11}"
)


def row(outcome: Outcome) -> str:
    """A line of the table of attacks."""
    attack, before, during = outcome.attack, outcome.before, outcome.during
    cut = f"{outcome.attackers['longest']:.1f} s" if attack.seconds else "-"
    return (
        f"{attack.name:<20}{before.p50:>7.1f}{before.p99:>8.1f}  {during.p50:>7.1f}"
        f"{during.p99:>8.1f}{during.worst:>8.0f}{outcome.limit:>7.0f}{outcome.growth // MIB:>6}"
        f"{attack.most_growth // MIB:>7}{outcome.kernel_growth // MIB:>8}"
        f"{attack.most_kernel_growth // MIB:>7}{outcome.log_lines:>5}{cut:>11}"
    )


def attacks(wanted: Callable[[str], bool]) -> Iterator[str]:
    """Print the table of attacks; yield what is wrong."""
    chosen: list[Attack] = [attack for attack in ATTACKS if wanted(attack.name)]
    if chosen:
        print(f"{len(CORES)} cores, load of the machine {os.getloadavg()[0]:.1f}; times in ms,")
        print("of a healthy client before an attack, and while it goes on")
        print(HEAD, flush=True)
    for attack in chosen:
        outcome = measured_again(attack)
        print(row(outcome), flush=True)
        yield from (f"{attack.name}: {fault}" for fault in outcome.faults().values())


def stories(wanted: Callable[[str], bool]) -> Iterator[str]:
    """Print what each story measured; yield what is wrong."""
    for name, tell in STORIES.items():
        if wanted(name):
            story = tell()
            print(f"{story.name}: {story.figures}", flush=True)
            yield from (f"{story.name}: {fault}" for fault in story.faults)


def main(words: list[str]) -> int:
    """Run what the words choose, and return the exit status."""

    def wanted(name: str) -> bool:
        return not words or any(word in name for word in words)

    faults = [*attacks(wanted), *stories(wanted)]
    for fault in faults:
        print(f"WRONG {fault}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
