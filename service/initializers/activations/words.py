"""Other frameworks' words for activations: what to write instead, and what has no row."""

from service.initializers.unknown_words import NotIssued

REPLACEMENTS: dict[str, str] = {
    **dict.fromkeys(("none", "null", "id", "noop", "passthrough"), "linear"),
    **dict.fromkeys(("rectifier", "rectifiedlinear"), "relu"),
    **dict.fromkeys(("lrelu", "leaky"), "leaky_relu"),
    "randomizedleakyrelu": "rrelu",
    **dict.fromkeys(("absolute", "absolutevalue"), "abs"),
    "trelu": "thresholded_relu",
    **dict.fromkeys(("geluerf", "gelupython", "geluexact"), "gelu"),
    **dict.fromkeys(("gelunew", "gelufast", "gelupytorchtanh", "geluaccurate"), "gelu_tanh"),
    **dict.fromkeys(("geluapprox", "geluapproximate", "geluapproximated"), "gelu_tanh"),
    **dict.fromkeys(("hswish", "hardsilu", "hsilu"), "hardswish"),
    "hmish": "hard_mish",
    **dict.fromkeys(("hsigmoid", "hardlogistic"), "hardsigmoid"),
    **dict.fromkeys(("htanh", "clip"), "hardtanh"),
    **dict.fromkeys(("logistic", "expit"), "sigmoid"),
    **dict.fromkeys(("arctan", "arctangent"), "atan"),
    "sine": "sin",
    "cosine": "cos",
    **dict.fromkeys(("relu2", "squaredrelu", "relusquare", "sqrrelu"), "relu_squared"),
    # ONNX's Shrink keeps the values outside its bounds as they are, by default.
    "shrink": "hardshrink",
    **{"siluandmul": "swiglu", "geluandmul": "geglu", "geluandmultanh": "geglu_tanh"},
    "gatedtanhunit": "gtu",
}
"""Squashed words of other frameworks, with the name of the row that they mean."""

_BY_GAIN = "linear and give gain, which is 1 / sqrt(E[f(z)^2])"

NOT_ISSUED_ACTIVATIONS: tuple[NotIssued, ...] = (
    NotIssued(
        ("logsoftmax", "softmin", "softmax2d", "sparsemax", "gumbelsoftmax", "hardmax"),
        "a function of all outputs together, not of one",
        "softmax, whose row has the numbers of linear, as that of any other head would",
    ),
    NotIssued(
        ("multiheadattention", "attention"),
        "a layer with weights of its own",
        "linear for each of its projections",
    ),
    NotIssued(
        ("threshold",),
        "z above a threshold and a value below it, and frameworks have no default for either",
        "thresholded_relu or relu, the former for threshold 1 and value 0, the latter for 0 and 0",
    ),
    NotIssued(
        ("crelu", "concatrelu", "concatenatedrelu"),
        "relu(z) beside relu(-z), so that the next layer has twice the inputs",
        "relu, whose gain it has, with that fan_in",
    ),
    NotIssued(
        ("step", "heaviside", "sign", "binary"),
        "constant on each side of 0, so that its gradient is 0",
        "hardtanh, whose derivative is used in place of its own",
    ),
    NotIssued(
        ("stanh", "scaledtanh"),
        "b tanh(a z), and frameworks differ in a and b",
        "lecun_tanh, which has a = 2/3 and b = 1.7159",
    ),
    NotIssued(
        ("serf",),
        "z erf(softplus(z))",
        "mish, which it resembles",
    ),
    NotIssued(
        ("maxout", "asinh", "symlog", "sinc", "laplace", "starrelu", "xielu"),
        "a nonlinearity without a row in the table of gains",
        _BY_GAIN,
    ),
)
"""Names of activations that have no row."""
