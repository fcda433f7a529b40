"""Every constant of stream version 1, bit for bit. Reference and kernels share these alone.

Names follow docs/stream-v1.md. Polynomial coefficients are listed from the constant term up.
"""


def _floats(text: str) -> tuple[float, ...]:
    return tuple(map(float.fromhex, text.split()))


PHILOX_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
PHILOX_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
PHILOX_ROUNDS = 10

PURPOSE_VALUES = 0
PURPOSE_LOW_WORDS = 1
PURPOSE_SHIFT = 24
"""The purpose stands above the 24 high bits of the block number, so blocks stay below 2^56."""

THREE_QUARTERS = 0xC0000000
"""The first word w with (w + 1/2) 2^-32 above 3/4, from where the logarithm is taken of 1 - p."""

LOG_CENTRE = 0x3F400000
"""The bits of 0.75 in float32: mantissas are taken from [3/4, 3/2)."""
LOG_CENTRE_64 = 0x3FE8000000000000
"""The bits of 0.75 in float64."""

MINUS_TWO_LN_2 = float.fromhex("-0x1.62e430p+0")
LOG_32 = _floats(
    """
    0x1.000000p+0 -0x1.5555b2p-1 0x1.ffecee0p-2 -0x1.993cc6p-2 0x1.57d552p-2 -0x1.313f08p-2
    0x1.f03a92p-3 -0x1.c783e8p-4
    """
)
"""P with -2 ln(1 + f) = f f P(f) - 2 f on [-1/4, 1/2], relative error below 4.1e-8."""

SIN_TURN_32 = _floats("0x1.921fb6p+2 -0x1.4abc24p+5 0x1.4680a4p+6 -0x1.33198ep+6")
"""S with sin(2 pi t) = t S(t t) on |t| <= 1/8, relative error below 2.8e-8."""
COS_TURN_32 = _floats("-0x1.3bd3ccp+4 0x1.03c1aep+6 -0x1.55b146p+6 0x1.d47d60p+5")
"""C with cos(2 pi t) = 1 + t t C(t t) on |t| <= 1/8, error below 4.1e-10."""

MINUS_TWO_LN_2_HIGH = float.fromhex("-0x1.62e42fefa38p+0")
"""-2 ln 2 to 42 binary places, so that its product with an exponent is exact."""
MINUS_TWO_LN_2_LOW = float.fromhex("-0x1.ef35793c76730p-44")
LOG_64 = _floats(
    """
    0x1.555555555554fp+0 0x1.999999999c17ap-1 0x1.24924921e43bep-1 0x1.c71c748fd5465p-2
    0x1.745c4ad462f64p-2 0x1.3b35c20aebe42p-2 0x1.0dcb7aeb98bf2p-2 0x1.1b8270dff046ep-2
    """
)
"""R with 4 atanh(s) - 4 s = s s s R(s s) on [-1/7, 1/5], relative error of the log 1.4e-19."""

TWO_PI_HIGH = float.fromhex("0x1.921fb54442d18p+2")
TWO_PI_LOW = float.fromhex("0x1.1a62633145c07p-52")
SIN_TURN_64 = _floats(
    """
    -0x1.4abbce625be46p+5 0x1.466bc67758c90p+6 -0x1.32d2cce323da1p+6 0x1.5078300d6c78dp+5
    -0x1.e3009a85a17f7p+3 0x1.e4000637e0202p+1
    """
)
"""S with sin(2 pi t) = 2 pi t + t t t S(t t) on |t| <= 1/8, error below 2.4e-17."""
COS_TURN_64 = _floats(
    """
    -0x1.3bd3cc9be45dep+4 0x1.03c1f081b5a65p+6 -0x1.55d3c7e3c2d7bp+6 0x1.e1f5067b057f8p+5
    -0x1.a6d1e6b52f412p+4 0x1.f9c840cb57470p+2 -0x1.b14b5b3de0d19p+0
    """
)
"""C with cos(2 pi t) = 1 + t t C(t t) on |t| <= 1/8, error below 3.8e-19."""

CENTRAL_MASS = float.fromhex("0x1.e8b4307d3627ap-2")
"""Phi(2) - 1/2: up to this mass, that is for bounds within 2 sigma, the central form is used."""
SQRT_TWO_PI = float.fromhex("0x1.40d932p+1")
"""sqrt(2 pi) to 1.2e-10, a float32."""
CENTRAL_32_OVER = _floats(
    """
    0x1.7ccc12p-14 0x1.fa8446p-7 0x1.70d712p-2 0x1.56003ep+0 0x1.64d914p-3
    """
)
"""N and D with Phi^-1(1/2 + p) = p (sqrt(2 pi) + p p N(y) / D(y)), y = 1/4 - p p, for |z| <= 2;
relative error below 1.4e-8. The leading 1 of D is not multiplied."""
CENTRAL_32_UNDER = _floats("0x1.8e9a2cp-18 0x1.b9a558p-10 0x1.1d57c6p-4 0x1.3acef4p-1")
"""D below its leading 1."""
WIDE_32_OVER = _floats(
    """
    0x1.55e3dcp+17 0x1.8cf0fcp+14 0x1.41373ap+12 0x1.b9d4e4p+8 0x1.d3293cp+4 0x1.a3a204p-4
    """
)
"""N and D with Phi^-1(1/2 + p) = p (sqrt(2 pi) + L N(L) / D(L)), L = -ln(4 y), for |z| <= 6.4;
relative error below 1.3e-8."""
WIDE_32_UNDER = _floats(
    """
    0x1.047e72p+18 0x1.8d6c2ep+14 0x1.2101b4p+13 0x1.34f92ap+9 0x1.0978b2p+6
    """
)
"""D below its leading 1."""
WIDE_LOG_CENTRE = 0x3E400000
"""The bits of 3/16 in float32: 4 y = 2^e (1 + 4 g) with g in [-1/16, 1/8)."""
LN_2 = float.fromhex("0x1.62e430p-1")
WIDE_LOG_32 = _floats(
    """
    -0x1.00000ap+2 0x1.00006ap+3 -0x1.5543dp+4 0x1.ff6a44p+5 -0x1.9cd1f8p+7 0x1.65a64ep+9
    -0x1.1dbc26p+11 0x1.020612p+12
    """
)
"""G with -ln(1 + 4 g) = g G(g), absolute error below 3.2e-8."""

SQRT_TWO_PI_HIGH = float.fromhex("0x1.40d931ff62706p+1")
SQRT_TWO_PI_LOW = float.fromhex("-0x1.a6a0d6f814637p-53")
CENTRAL_64_OVER = _floats(
    """
    0x1.ce3798a013c02p-34 0x1.b0f89d4644412p-24 0x1.567816c41f0bbp-16 0x1.6e184451315f2p-10
    0x1.3942d9663390bp-5 0x1.c5ccae1bd6f51p-2 0x1.10b0abbca1bdep+1 0x1.e6645ed610ff6p+1
    0x1.d53ce85684534p+0 0x1.d15a39cac832cp-6
    """
)
"""N and D as in CENTRAL_32, in double."""
CENTRAL_64_UNDER = _floats(
    """
    0x1.933fa433a3fc5p-38 0x1.03da8aa209bcfp-27 0x1.0b7acedf4aa7p-19 0x1.74a71c627f342p-13
    0x1.aaf2629b9b241p-8 0x1.b3c6a89b7a079p-4 0x1.923eaf93e76d5p-1 0x1.41807bf2ebca8p+1
    0x1.86ffcd986fc21p+1
    """
)
"""D below its leading 1."""
WIDE_64_OVER = _floats(
    """
    0x1.9d7ea36bbb196p+57 0x1.5a9044c01542ep+55 0x1.b382605d4868p+53 0x1.06302dc545389p+51
    0x1.39b07f8a90d9dp+48 0x1.09b94a2fa8f14p+45 0x1.82487c2ba9d62p+41 0x1.c418c66874f73p+37
    0x1.b897f005b207dp+33 0x1.6f5635931383dp+29 0x1.a9f3e5edf31a5p+24 0x1.15adf5b495461p+20
    0x1.3e609e6c73329p+14 0x1.5d7a96be82719p+6 0x1.4c0d7794fa7a6p-5
    """
)
"""N and D as in WIDE_32, in double, for |z| <= 9.1; even and odd coefficients
are evaluated apart."""
WIDE_64_UNDER = _floats(
    """
    0x1.3b0d268359a08p+58 0x1.92a5a8411fcc5p+55 0x1.5678be9d26463p+54 0x1.5e3f2eb5adfa3p+51
    0x1.05618e465c833p+49 0x1.9dd016cb5db26p+45 0x1.58cb8e7d364bfp+42 0x1.99f3322dee516p+38
    0x1.acb5af98b8108p+34 0x1.7ea78ee33ef47p+30 0x1.ef862922fb692p+25 0x1.35777e238fb32p+21
    0x1.13b92eb35c48cp+16 0x1.30503ed00f0e5p+9
    """
)
"""D below its leading 1."""
WIDE_LOG_CENTRE_64 = 0x3FC8000000000000
"""The bits of 3/16 in float64."""
LN_2_64 = float.fromhex("0x1.62e42fefa39efp-1")
WIDE_LOG_64 = _floats(
    """
    -0x1.0p+1 -0x1.555555555556dp-1 -0x1.999999997cd24p-2 -0x1.24924951743bbp-2
    -0x1.c71c3d608a2f4p-3 -0x1.746b9dab90793p-3 -0x1.390565d08943ep-3 -0x1.3587371ccaae7p-3
    """
)
"""G with -ln((1 + s) / (1 - s)) = s G(s s), 4 y = 2^e (1 + s) / (1 - s)."""
FAR_LOG = 42.0
"""-ln(4 y) beyond which the far form is used, from |z| = 8.99 on."""
FAR_OVER = _floats(
    """
    0x1.2cdf82069a431p+41 0x1.5ad0b3309f1f7p+42 0x1.ee665bf2609e6p+41 0x1.0418219591a3p+43
    0x1.94d7a8c066e94p+41 0x1.6b2b0f42f8951p+38 0x1.9f558f32a7cabp+33 0x1.ee4e04d51f28p+26
    """
)
"""N and D with |z| = N(r) / D(r), r = sqrt(-ln(4 y)), for 8.8 <= |z| <= 37.5."""
FAR_UNDER = _floats(
    """
    0x1.211b5b1334257p+42 0x1.1b962508d93b4p+42 0x1.85039179809aap+42 0x1.207494c21f0bcp+41
    0x1.01080360ec691p+38 0x1.25b13c1eac037p+33 0x1.5d8631111c75ap+26
    """
)
"""D below its leading 1."""
