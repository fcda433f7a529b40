"""nginx with its cache before three replicas of the service, each a process."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.front.gates import Gate, gate
from tests.front.nginx import Edit, Front, nginx
from tests.process import server
from tests.server import Address

REPLICAS = 3

QUIET_SECONDS = 0.1
"""A replica that has sent nothing for so long has sent everything."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """A front, and a gate before each of the replicas."""

    front: Front
    gates: Sequence[Gate]

    @property
    def address(self) -> Address:
        """Where clients ask."""
        return self.front.address

    def sent(self) -> int:
        """How many bytes the replicas have sent so far, with all heads."""
        return sum(each.sent for each in self.gates)

    def sent_at_last(self) -> int:
        """How many they have sent once they send no more. A slice may outlast its answer."""
        sent = -1
        while sent != self.sent():
            sent = self.sent()
            time.sleep(QUIET_SECONDS)
        return sent

    def requests(self) -> list[bytes]:
        """The methods and targets that went to the replicas so far, one replica after the other."""
        return [request for each in self.gates for request in each.requests]


@contextmanager
def gated_replicas() -> Iterator[list[Gate]]:
    """A gate before each of three replicas, which are ready."""
    with ExitStack() as stack:
        servers = [stack.enter_context(server()) for _ in range(REPLICAS)]
        for each in servers:
            each.wait_until_all_ready()
        yield [stack.enter_context(gate(each.address)) for each in servers]


@contextmanager
def fronted(gates: Sequence[Gate], folder: Path, edit: Edit = str) -> Iterator[Fleet]:
    """nginx before these gates. `folder` exists and is empty."""
    with nginx([each.address for each in gates], folder, edit) as front:
        yield Fleet(front, gates)


@contextmanager
def fleet_of_three(folder: Path) -> Iterator[Fleet]:
    """Everything at once, for tests that ask for the address of a front and nothing else."""
    with gated_replicas() as gates, fronted(gates, folder) as fleet:
        yield fleet
