"""Biases of gated recurrent layers. Each gate is a block of the outputs."""

from dataclasses import dataclass, replace
from itertools import accumulate

from service.errors import ImpossibleError, Problem
from service.initializers.references import JOZEFOWICZ_2015, TALLEC_2018
from service.initializers.schemes.laws import uniform_function_law
from service.initializers.schemes.plain import constant_law
from service.initializers.schemes.record import Law, Numbers, Request, Scheme, missing
from service.spelling import shortest
from service.stream import elementary
from service.stream.draws import Float64

FORGET, INPUT, UPDATE = "f", "i", "z"
"""The letters of the gates that have a bias other than 0. All other letters mean other gates."""

LEAST_PERIOD = 2.0
"""U(1, T - 1) needs a T above it."""


def logarithm(values: Float64) -> Float64:
    """ln v."""
    return elementary.log(values)


def negative_logarithm(values: Float64) -> Float64:
    """-ln v. The negative of ln 1 is +0."""
    negative: Float64 = 0.0 - elementary.log(values)
    return negative


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate of a block. `first` are the first outputs of all gates, by letter."""

    letter: str
    outputs: int
    first: dict[str, int]
    heights: dict[str, int]


def gate_of(request: Request, needed: str) -> Gate:
    """The gate that the block of a law is.

    Raises ImpossibleError: `scheme_axes` for a tensor that is no bias, `impossible_parts` unless
    there is a letter for each block, `scheme_needs` unless one of the letters `needed` is there.
    """
    gates = request.numbers.gates or ""
    _refuse_axes(request)
    _refuse_other_count(request, gates)
    if not set(gates) & set(needed):
        message = f"{request.scheme} needs the gate {' or '.join(needed)}, and {gates} has none"
        problem = Problem("gates", message, f"write gates={needed[0]}{gates[1:]}")
        raise ImpossibleError("scheme_needs", problem)
    heights = _heights(request, len(gates))
    first = (0, *accumulate(heights[:-1]))
    block = request.block
    return Gate(
        gates[block.number],
        block.outputs,
        dict(zip(gates, first, strict=True)),
        dict(zip(gates, heights, strict=True)),
    )


def _refuse_axes(request: Request) -> None:
    letters, rank = request.weight.letters, len(request.shape)
    if rank == 0:
        problem = Problem("shape", f"{request.scheme} fills a bias", "write shape=1024")
        raise ImpossibleError("scheme_axes", problem)
    if "O" not in letters or set(letters) & set("IDHW"):
        message = f"{request.scheme} fills a bias, whose axes are outputs, or copies of them"
        hint = f"write layout={'E' * (rank - 1)}O"
        raise ImpossibleError("scheme_axes", Problem("layout", message, hint))


def _refuse_other_count(request: Request, gates: str) -> None:
    parts, outputs = request.weight.parts, request.weight.count("O")
    blocks = parts if isinstance(parts, int) else len(parts)
    if blocks == len(gates):
        return
    message = f"the gates {gates} are {len(gates)} blocks, and the tensor has {blocks}"
    if outputs % len(gates) == 0:
        problem = Problem("parts", message, f"write parts={len(gates)}")
    else:
        hint = f"write shape={len(gates) * 256} and parts={len(gates)}"
        problem = Problem("shape", f"{message}, and {outputs} outputs do not divide evenly", hint)
    raise ImpossibleError("impossible_parts", problem)


def _heights(request: Request, gates: int) -> tuple[int, ...]:
    parts = request.weight.parts
    if isinstance(parts, tuple):
        return parts
    return (request.weight.count("O") // gates,) * gates


def _forget_gate_bias(request: Request) -> Law:
    """b = value in the block of the forget gate, and 0 in all others."""
    gate = gate_of(request, FORGET)
    return constant_law((request.numbers.value or 0.0) if gate.letter == FORGET else 0.0)


def _chrono_bias(request: Request) -> Law:
    """b_f = ln u, u ~ U(1, T - 1), and b_i = -b_f of the same unit. Without f, b_z = ln u.

    Raises ImpossibleError: `scheme_needs` without a period, `out_of_range` for one of at most 2,
    `impossible_parts` if the gates i and f have different heights.
    """
    gate = gate_of(request, FORGET + UPDATE)
    between = (1.0, _period(request) - 1.0)
    retaining = FORGET if FORGET in gate.first else UPDATE
    if gate.letter == retaining:
        return uniform_function_law(logarithm, between)
    if gate.letter == INPUT and retaining == FORGET:
        _refuse_other_height(request, gate)
        shift = gate.first[FORGET] - gate.first[INPUT]
        return uniform_function_law(negative_logarithm, between, (), shift)
    return replace(constant_law(0.0), distribution="function_of_uniform", low=0.0, high=0.0)


def _period(request: Request) -> float:
    period = request.numbers.period
    if period is None:
        raise missing(request.scheme, period="784")
    if period <= LEAST_PERIOD:
        message = f"period is {shortest(period)}; it must be above 2"
        problem = Problem("period", message, "write 784")
        raise ImpossibleError("out_of_range", problem)
    return period


def _refuse_other_height(request: Request, gate: Gate) -> None:
    """Refuse blocks of i and f of different heights: a unit has one bias in each."""
    if gate.heights[FORGET] == gate.outputs:
        return
    message = f"i has {gate.outputs} outputs, and f has {gate.heights[FORGET]}"
    count = len(gate.first)
    hint = f"write parts={count}"
    if request.weight.count("O") % count:
        hint = f"write shape={count * 256} and parts={count}"
    raise ImpossibleError("impossible_parts", Problem("parts", message, hint))


SCHEMES = (
    Scheme(
        name="forget_gate_bias",
        summary=(
            "The bias of an LSTM: 1 for the forget gate, so that the cell keeps its state, and 0 "
            "for the other gates. PyTorch adds bias_ih and bias_hh: use this for one of them, and "
            "scheme=zeros for the other."
        ),
        formula="b = value in the block of gate f, 0 in the others",
        distribution="constant",
        fields=("value", "gates"),
        law=_forget_gate_bias,
        aliases=("lstm_bias", "unit_forget_bias"),
        defaults=Numbers(value=1.0, gates="ifgo"),
        references=(JOZEFOWICZ_2015,),
        draft=1,
        gated=True,
        example="shape=1024&parts=4",
        source=(
            "keras-team/keras@edc1dfa keras/src/layers/rnn/lstm.py, unit_forget_bias; "
            "apache/mxnet@69799f3 python/mxnet/initializer.py, LSTMBias"
        ),
    ),
    Scheme(
        name="chrono_bias",
        summary=(
            "The bias of an LSTM or a GRU whose units remember for 1 to T time steps, T being the "
            "period. PyTorch adds bias_ih and bias_hh: use this for one of them, and scheme=zeros "
            "for the other."
        ),
        formula="b_f = ln u, b_i = -ln u, u ~ U(1, period - 1); without f: b_z = ln u; others 0",
        distribution="function_of_uniform",
        fields=("period", "gates"),
        law=_chrono_bias,
        aliases=("chrono",),
        defaults=Numbers(gates="ifgo"),
        references=(TALLEC_2018,),
        draft=1,
        gated=True,
        example="shape=1024&parts=4&period=784",
    ),
)
