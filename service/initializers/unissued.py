"""Words for what Fanin does not issue: what each is, and what is issued that comes nearest.

One row a thing. The schemes are those that `/recommend` speaks of and those of other frameworks.
"""

from service.initializers.words import Unissued

UNISSUED_SCHEMES: tuple[Unissued, ...] = (
    Unissued(
        ("deltaorthogonal", "convdeltaorthogonal", "convolutionorthogonal"),
        "an orthogonal matrix in the middle of a convolution's kernel and 0 around it",
        "lecun_normal, which keeps the variance of a linear convolution as well",
        yet=True,
    ),
    Unissued(
        ("dirac", "convidentity"),
        "1 in the middle of the kernel from each input to its own output, and 0 elsewhere",
        "lecun_normal, which keeps the variance of its input but not the input",
        yet=True,
    ),
    Unissued(
        ("bilinear", "upsampling", "icnr"),
        "the kernel of an upsampling, the same for each channel",
        "glorot_uniform, as for any other convolution",
        yet=True,
    ),
    Unissued(
        ("sparse",),
        "normal values of which a fixed share of each column is set to 0",
        "normal and add std=0.01, which is the same without the zeros",
    ),
    Unissued(
        ("pretrained", "imagenet", "checkpoint"),
        "the weights of a trained model, which no draw can give",
        "auto for the tensors that the model lacks",
    ),
    Unissued(
        ("knownfilters", "gabor", "sobel", "scharr", "laplacian", "edgedetector"),
        "a filter known beforehand, such as an edge detector, written into the kernel",
        "he_normal for the filters that are to be learned",
        yet=True,
    ),
    Unissued(
        ("lsuv", "layersequentialunitvariance", "datadependent"),
        "orthogonal weights divided by the std of their output on a batch of data",
        "variance_scaling, whose gain makes that std 1 for a normal input",
    ),
    Unissued(
        ("fixup", "zeroresidual"),
        "He's weights scaled down with the depth, and 0 in the last layer of each branch",
        "he_normal or zeros, the latter for the last layer of a branch",
    ),
    Unissued(
        ("rezero", "skipinit", "zerogamma", "zeroinitresidual"),
        "a learned factor for each residual branch, which begins at 0",
        "zeros for that factor",
    ),
    Unissued(
        ("layerscale",),
        "a learned factor for each channel of a residual branch, which begins near 0",
        "constant and add value=1e-4",
    ),
    Unissued(
        ("deepnorm",),
        "Glorot's weights scaled down with the depth, beside a scaled residual stream",
        "glorot_normal and add gain=0.319472, which is (8 N)^(-1/4) for a decoder of N = 12 layers",
    ),
    Unissued(
        ("mup", "maximalupdate", "mutransfer"),
        "a rule for widths, variances and learning rates together",
        "lecun_normal or zeros, the latter for the output layer",
    ),
    Unissued(
        ("siren",),
        "uniform weights for sines of frequency 30",
        "he_uniform and add gain=0.0471405, which makes the limit sqrt(6 / fan_in) / 30",
    ),
    Unissued(
        ("smallinit",),
        "normal weights of std sqrt(2 / (5 fan_in))",
        "lecun_normal and add gain=0.632456, which is that",
    ),
    Unissued(
        ("metainit", "gradinit"),
        "a search for each tensor's scale by the gradients on data",
        "variance_scaling, whose gain follows from the activation",
    ),
    Unissued(
        ("classpriorbias", "priorbias", "focalbias"),
        "a bias of ln(p / (1 - p)) for a class of frequency p",
        "constant and add value=-4.59512, which is that for p = 0.01",
    ),
    Unissued(
        ("forgetgate", "forgetbias", "unitforgetbias", "lstmbias", "chrono"),
        "an LSTM's bias of 1 for the forget gate and 0 for the others",
        "zeros or ones, the latter for the quarter of the forget gate",
    ),
    Unissued(
        ("cauchy", "exponential", "lognormal", "geometric", "bernoulli", "rademacher", "laplace"),
        "a distribution that Fanin has not",
        "normal or uniform",
    ),
)

UNISSUED_LAYERS: tuple[Unissued, ...] = (
    Unissued(
        ("experts", "expert", "moe", "mixtureofexperts"),
        "a stack of dense weights, E of which are copies",
        "dense and add layout=EOI",
    ),
    Unissued(
        ("attention", "selfattention", "multiheadattention", "mha", "transformer", "mlp"),
        "a block of several weights, each of which is a tensor",
        "dense for each of them",
    ),
    Unissued(
        ("separableconv", "separableconv1d", "separableconv2d"),
        "a depthwise kernel and a pointwise one, each of which is a tensor",
        "depthwise_conv2d or conv2d, the latter for the pointwise kernel",
    ),
)

UNISSUED_DTYPES: tuple[Unissued, ...] = (
    Unissued(
        (
            *("int", "int2", "int4", "int8", "int16", "int32", "int64", "i8", "i16", "i32", "i64"),
            *("uint", "uint4", "uint8", "uint16", "uint32", "uint64", "u8", "u16", "u32", "u64"),
            *("long", "short", "byte", "char", "integer", "qint8", "quint8", "qint32"),
        ),
        "an integer type",
        "float32, and quantise the weights",
    ),
    Unissued(("bool", "boolean"), "a type of truth values", "float32"),
    Unissued(
        ("complex", "complex64", "complex128", "cfloat", "cdouble", "c64", "c128"),
        "a type of complex numbers",
        "float32 for the real and for the imaginary part",
    ),
    Unissued(
        ("fp4", "f4e2m1", "float4", "float4e2m1fn", "float4e2m1fnx2", "mxfp4", "nvfp4", "nf4"),
        "a type of 4 bits",
        "float8_e4m3fn, the narrowest there is beside float8_e5m2",
    ),
    Unissued(
        ("fp6", "float6", "float6e2m3fn", "float6e3m2fn", "mxfp6"),
        "a type of 6 bits",
        "float8_e4m3fn, the narrowest there is beside float8_e5m2",
    ),
    Unissued(
        ("float8e4m3fnuz", "e4m3fnuz", "float8e4m3b11fnuz", "float8e3m4", "mxfp8"),
        "another type of 8 bits",
        "float8_e4m3fn",
    ),
    Unissued(("float8e5m2fnuz", "e5m2fnuz"), "another type of 8 bits", "float8_e5m2"),
    Unissued(("float8e8m0fnu", "e8m0"), "a type of powers of 2, for scales", "float32"),
    Unissued(
        ("float80", "float96", "float128", "longdouble", "quad", "fp128"),
        "wider than float64",
        "float64",
    ),
)
