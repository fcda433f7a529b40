"""The clients that a stranger copies, before the application and before servers that lie."""

import io
import json
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.application import ask, ready
from tests.server import Address, running

CLIENTS = Path(__file__).resolve().parent.parent.parent / "clients"
SOURCES = {
    "rust": CLIENTS / "rust" / "fanin.rs",
    "node": CLIENTS / "node" / "fanin.mjs",
    "octave": CLIENTS / "octave" / "fanin.m",
}
MARKS = {
    "rust": pytest.mark.needs("rustc"),
    "node": pytest.mark.needs("node"),
    "octave": pytest.mark.needs("octave-cli", "curl"),
}
OCTAVE = ("octave-cli", "--norc", "--no-history")
"""Without the user's settings, and without a history that not every home can store."""

Client = list[str]
"""A command that lacks its two arguments."""

Values = npt.NDArray[np.floating[Any]]

Files = Callable[[bool], bytes]
"""What is answered without and with order=F."""

Application = Callable[..., Awaitable[None]]


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=mark) for name, mark in MARKS.items()]
)
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Client:
    source = str(SOURCES[request.param])
    if request.param == "rust":
        program = str(tmp_path_factory.mktemp("rust") / "fanin")
        compiler = ["rustc", "-D", "warnings", "-O", source, "-o", program]
        subprocess.run(compiler, check=True, timeout=300)
        return [program]
    return ["node", source] if request.param == "node" else [*OCTAVE, source]


@pytest.fixture(scope="module")
def server() -> Iterator[Address]:
    with ready() as address:
        yield address


def run(client: Client, server: Address, layer: str) -> "subprocess.CompletedProcess[str]":
    command = [*client, server.url, layer]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("layer", "scheme", "shape", "std"),
    [
        ("shape=64,3,7,7&activation=relu", "he_normal", [64, 3, 7, 7], "0.116642"),
        ("shape=100,300&distribution=uniform", "glorot_uniform", [100, 300], "0.070711"),
        ("shape=1,300&distribution=uniform", "glorot_uniform", [1, 300], "0.081514"),
        ("shape=100&layer=bias", "zeros", [100], "0.000000"),
    ],
)
def test_what_is_recommended_is_fetched_and_checked(
    client: Client, server: Address, layer: str, scheme: str, shape: list[int], std: str
) -> None:
    """One line says what came; its std is NumPy's, in float64, of the same tensor."""
    layer += "&seed=42&name=a'b"
    url = json.loads(ask(server, f"/recommend?{layer}").body)["weights_url"]
    values = np.load(io.BytesIO(ask(server, url).body)).astype(np.float64)
    done = run(client, server, layer)
    line = f"{scheme} {shape} float32, std {values.std():.6f}, recommended {std}"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.rstrip("\n") in (line, f"{line}, the same in both orders")


def test_without_a_seed_one_tensor_is_fetched(client: Client, server: Address) -> None:
    """A drawn seed is no obstacle, not even to who compares two downloads."""
    assert run(client, server, "shape=64,48&activation=relu").returncode == 0


def test_a_refusal_is_told_with_the_way_out(client: Client, server: Address) -> None:
    """A misspelt scheme ends in failure, and standard error has the problem's own hint."""
    done = run(client, server, "shape=64,48&scheme=KaimingNormal")
    assert_failed(done, "'KaimingNormal' is not known; write he_normal")


WEIGHTS: Values = np.random.default_rng(3).normal(0, 0.1, (40, 30)).astype(np.float32)
ADVICE = {
    "scheme": "normal",
    "std": 0.1,
    "rationale": ['"std": 7, {["weights_url": "\\'],
    "alternatives": [{"std": 9.0, "weights_url": "/nowhere"}],
    "weights_url": "/v1/weights.npy?shape=40,30&scheme=normal&std=0.1&seed=1&name=w",
}
"""What a server tells of WEIGHTS: the numbers that count stand among others of the same name."""


def assert_failed(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    """It printed no line, and gave one of the reasons."""
    assert (done.returncode, done.stdout) == (1, "")
    assert any(reason in done.stderr for reason in words), done.stderr


def npy(values: Values) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def stored(values: Values) -> Files:
    """The files of these values, in either order."""
    return lambda fortran: npy(np.asfortranarray(values) if fortran else values)


def stand_in(files: Files, withheld: int = 0) -> Application:
    """An application that gives ADVICE and these files, `withheld` bytes short of the announced."""

    async def app(scope: dict[str, Any], _: object, send: Application) -> None:
        asked = scope["path"] == "/v1/weights.npy"
        body = files(b"order=F" in scope["query_string"]) if asked else json.dumps(ADVICE).encode()
        length = str(len(body) + withheld * asked).encode()
        head = {"type": "http.response.start", "status": 200}
        await send(head | {"headers": [(b"content-length", length)]})
        # An application that stops in the middle of an answer has its connection closed.
        cut = asked and withheld > 0
        await send({"type": "http.response.body", "body": body, "more_body": cut})

    return app


def run_against(client: Client, app: Application) -> "subprocess.CompletedProcess[str]":
    with running(app, lifespan="off") as address:
        return run(client, address, "shape=40,30&name=w")


def test_an_honest_stand_in_passes(client: Client) -> None:
    """The refusals below are not of the stand-in as such."""
    done = run_against(client, stand_in(stored(WEIGHTS)))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("normal [40, 30] float32, std 0.")


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        (stored(np.float32(1.2) * WEIGHTS), ("was recommended",)),
        (stored(WEIGHTS.reshape(30, 40)), ("shape",)),
        (stored(WEIGHTS.astype(np.float16)), ("not float32",)),
        (lambda _: npy(WEIGHTS)[:-4], ("shape",)),
        (lambda _: b"as long as a short tensor", ("no .npy",)),
    ],
    ids=["std", "shape", "dtype", "data cut off", "format"],
)
def test_a_lie_is_noticed(client: Client, lie: Files, words: tuple[str, ...]) -> None:
    """Weights other than those that were recommended fail, with the reason."""
    assert_failed(run_against(client, stand_in(lie)), *words)


def test_a_download_cut_short_is_noticed(client: Client) -> None:
    """Fewer bytes than Content-Length announced are no tensor."""
    done = run_against(client, stand_in(stored(WEIGHTS), withheld=100))
    assert_failed(done, "bytes came", "closed", "curl ended with 18")


@MARKS["octave"]
@pytest.mark.parametrize(
    ("lie", "words"),
    [
        (lambda _: stored(WEIGHTS)(False), "order=F was asked, and C came"),
        (lambda fortran: stored(-WEIGHTS if fortran else WEIGHTS)(fortran), "different numbers"),
    ],
    ids=["order", "numbers"],
)
def test_octave_compares_both_orders(lie: Files, words: str) -> None:
    """An order=F that is ignored, or has other numbers, fails."""
    assert_failed(run_against([*OCTAVE, str(SOURCES["octave"])], stand_in(lie)), words)


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
def test_a_client_is_short(source: Path) -> None:
    """Under 100 lines: an example is read whole or not at all."""
    assert len(source.read_text(encoding="utf-8").splitlines()) < 100
