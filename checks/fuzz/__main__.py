"""python -m checks.fuzz [--share] [--document FILE]: exits with the status of Schemathesis.

It serves on a free port of the loopback interface and stops the server at the end. Without
`--share` there are about 20,000 cases, which take some minutes. With it there are some thousand.
Both have a fixed seed. `--document` is the file of another OpenAPI document than the served one.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
SCHEMATHESIS = ROOT / "build" / "fuzz-venv" / "bin" / "schemathesis"

MOST_BYTES = 2**18
"""The largest tensor of the server, so that no answer is long."""

READY_SECONDS = 300
"""A first start compiles every kernel."""

WHOLE = (["--phases=examples,coverage,fuzzing", "--max-examples=60"],)
SHARE = (
    ["--phases=examples,fuzzing", "--max-examples=6"],
    ["--phases=coverage", "--include-operation-id=get_weights_json"],
)
"""The options of each run of Schemathesis."""


def main(arguments: list[str]) -> int:
    """Run Schemathesis and return the first status that is not 0."""
    parser = argparse.ArgumentParser("python -m checks.fuzz")
    parser.add_argument("--share", action="store_true")
    parser.add_argument("--document", type=Path)
    options, more = parser.parse_known_args(arguments)
    with served() as origin:
        document = options.document or f"{origin}/openapi.json"
        for run in SHARE if options.share else WHOLE:
            status = fuzz(origin, str(document), [*run, *more])
            if status != 0:
                return status
    return 0


def fuzz(origin: str, document: str, options: list[str]) -> int:
    """Run Schemathesis once; its report goes to standard output."""
    command = [str(SCHEMATHESIS), f"--config-file={HERE / 'schemathesis.toml'}", "run", document]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "checks.fuzz.hooks",
        "NO_PROXY": "127.0.0.1",
    }
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            [*command, f"--url={origin}", "--no-color", *options],
            cwd=folder,
            env=environment,
            check=False,
        ).returncode


@contextmanager
def served() -> Iterator[str]:
    """A server that is ready while the block runs: its origin."""
    command = [sys.executable, "-m", "service", "serve", "--host=127.0.0.1", "--port=0"]
    environment = os.environ | {"FANIN_MAX_BYTES": str(MOST_BYTES)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"http://[0-9.]+:[0-9]+", process.stdout.readline())
            assert found, "the server does not greet"
            wait_until_ready(found[0])
            yield found[0]
        finally:
            process.terminate()
            process.wait()


def wait_until_ready(origin: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            opener.open(f"{origin}/readyz", timeout=30).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
