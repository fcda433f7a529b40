"""The table of reason codes: each is part of the interface, and a page under /problems/."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """`title` is the same in every answer of this reason; `explanation` is what its page says."""

    title: str
    explanation: str


REASONS: dict[str, Reason] = {
    "ambiguous_axes": Reason(
        "Three axes can be read in several ways",
        "Three axes may be a 1-D convolution, experts or an attention kernel, whose fans differ by "
        "orders of magnitude. Give layer, or a letter for each axis as layout.",
    ),
    "bad_layout": Reason(
        "The layout's letters make no sense",
        "A layout is one letter per axis: O out, I in, D H W kernel, E independent copies; only E, "
        "O and I may stand more than once.",
    ),
    "bad_request": Reason(
        "The request cannot be read",
        "Send what the route describes in /docs.",
    ),
    "conflicting_fields": Reason(
        "Two fields exclude each other",
        "Each says what the other says, or leaves it no choice: keep one.",
    ),
    "duplicate_field": Reason(
        "A field is given more than once",
        "Which of two values counts would be a guess, so neither does.",
    ),
    "empty_field": Reason(
        "A field is given without a value",
        "Only name may be empty; leave any other field out to get its default.",
    ),
    "empty_range": Reason(
        "The range holds no number",
        "A range goes from low up to high, and both differ.",
    ),
    "format_cannot_carry_dtype": Reason(
        "The format has no word for the dtype",
        "A .npy file knows NumPy's own types only, so bfloat16 and float8 need safetensors or raw.",
    ),
    "format_cannot_carry_order": Reason(
        "The format has no word for the order",
        "A safetensors file is row-major; only npy and raw can be written with order F.",
    ),
    "header_too_large": Reason(
        "The request's header is too large",
        "Leave out headers that no route reads, cookies first; a long spec goes into a POST.",
    ),
    "impossible_groups": Reason(
        "The groups do not divide the channels",
        "Groups divide the outputs of a convolution, or the inputs of a transposed one.",
    ),
    "impossible_parts": Reason(
        "The parts do not divide the outputs",
        "Parts are equal blocks along O, so their number divides the outputs.",
    ),
    "impossible_slice": Reason(
        "The slice lies outside the tensor",
        "One start:stop for each axis, within its extent; a negative bound counts from the end.",
    ),
    "internal": Reason(
        "The server made a mistake",
        "No input should lead here. Report the request, the time and the server's version.",
    ),
    "layout_mismatch": Reason(
        "The layout does not fit the shape",
        "A layout has one letter for each axis, and as many kernel letters as the layer.",
    ),
    "malformed_json": Reason(
        "The body is no JSON object of fields",
        "Send one flat object in UTF-8, with finite numbers.",
    ),
    "malformed_number": Reason(
        "A number cannot be read",
        "Plain decimal digits: no sign +, no _, no NaN; an integer has no point.",
    ),
    "malformed_query": Reason(
        "The query cannot be read",
        "Items field=value, joined by &; % stands for itself only as %25.",
    ),
    "malformed_shape": Reason(
        "The shape cannot be read",
        "Extents joined by commas, slowest axis first, as in 64,3,7,7; no axes is scalar.",
    ),
    "malformed_slice": Reason(
        "The slice cannot be read",
        "A start:stop for each axis, joined by commas; either side may be left out.",
    ),
    "malformed_text": Reason(
        "A text cannot be read",
        "Text is UTF-8; a name has at most 512 bytes and no control characters.",
    ),
    "method_not_allowed": Reason(
        "The method is not allowed here",
        "The Allow header lists the methods this path knows.",
    ),
    "missing_field": Reason(
        "A field is missing",
        "Every tensor needs a shape.",
    ),
    "no_auto": Reason(
        "auto cannot choose a scheme",
        "The choice follows from the layer: give it, or a layout that belongs to one.",
    ),
    "no_fan": Reason(
        "The tensor has no such fan",
        "Biases, norm scales and axes without letters connect nothing; give the fan of their "
        "layer.",
    ),
    "no_pytorch_gain": Reason(
        "PyTorch has no gain for the activation",
        "torch.nn.init.calculate_gain knows a few; gain_rule=exact knows them all.",
    ),
    "no_such_layer": Reason(
        "The framework has no such layer",
        "A framework's name stands for the letters of the layers that it has. Any layout can be "
        "written as letters.",
    ),
    "not_depthwise": Reason(
        "The tensor is no depthwise kernel",
        "Each group of a depthwise layer has one input, so I is 1 and E or O counts the groups.",
    ),
    "not_found": Reason(
        "Nothing is at this path",
        "/docs lists every path there is.",
    ),
    "not_issued": Reason(
        "Fanin does not issue this",
        "The word has a meaning, but Fanin issues nothing of that name. The hint names what comes "
        "nearest.",
    ),
    "not_positive": Reason(
        "A number must be above 0",
        "A standard deviation, gain or scale of 0 is what scheme=zeros is for.",
    ),
    "not_ready": Reason(
        "The server is not ready yet",
        "It compiles and checks its kernels before it issues a byte; /readyz says when it is done.",
    ),
    "nothing_between": Reason(
        "No number lies between the bounds",
        "No float32 (or float64, for that dtype) lies between them, or next to none of the normal.",
    ),
    "out_of_range": Reason(
        "A number is out of range",
        "The hint says what the range is.",
    ),
    "overflows_dtype": Reason(
        "The dtype cannot hold the values",
        "The outermost value that can occur would be infinite in this dtype.",
    ),
    "payload_too_large": Reason(
        "The request's body is too large",
        "A spec as JSON is small; nothing larger is read.",
    ),
    "precondition_failed": Reason(
        "The precondition does not hold",
        "The tensor's ETag is not the one If-Match names: the URL now stands for other bytes.",
    ),
    "preset_layer": Reason(
        "A preset has a layer of its own",
        "A preset is the default of one layer of a framework. Its axes may be written in another "
        "order. For another layer, use a scheme that is no preset.",
    ),
    "range_not_satisfiable": Reason(
        "The range lies outside the body",
        "Content-Range says how long the body is.",
    ),
    "request_timeout": Reason(
        "The request took too long to arrive",
        "Send the header and the body without pauses.",
    ),
    "reserved_name": Reason(
        "The name is taken by the format",
        "safetensors keeps the key __metadata__ for itself; npy and raw know no such key.",
    ),
    "scheme_axes": Reason(
        "The scheme does not fit these axes",
        "identity fills two axes. orthogonal needs outputs for its rows, and inputs or a kernel "
        "for its columns.",
    ),
    "scheme_field": Reason(
        "The scheme does not take the field",
        "Each scheme takes the fields /schemes lists for it, so that none is silently ignored.",
    ),
    "scheme_needs": Reason(
        "The scheme needs another field",
        "The hint names what to add; /schemes says what each scheme takes.",
    ),
    "slope_not_taken": Reason(
        "The activation has no slope",
        "Only leaky_relu and prelu have a negative_slope; without an activation it means "
        "leaky_relu.",
    ),
    "spec_too_long": Reason(
        "The canonical URL is too long",
        "A tensor's URL has to pass every proxy on the way; names take up to three bytes of it "
        "for one of theirs.",
    ),
    "stride_mismatch": Reason(
        "The stride does not fit the kernel",
        "One number for all kernel axes, or one for each.",
    ),
    "too_busy": Reason(
        "Every stream is in use",
        "A process serves a bounded number of large tensors at a time, so that each gets on.",
    ),
    "too_large": Reason(
        "The tensor is too large",
        "Its elements must be countable, and its bytes within the server's limit; any part of "
        "what fits can be asked for.",
    ),
    "too_many_requests": Reason(
        "Too many requests",
        "Wait for as many seconds as Retry-After says.",
    ),
    "unauthorized": Reason(
        "A key is needed",
        "Send the key in the request's header.",
    ),
    "unknown_field": Reason(
        "There is no such field",
        "/docs lists the fields; none is ignored, since a misspelt one would change the tensor.",
    ),
    "unknown_revision": Reason(
        "There is no such revision",
        "A scheme's revisions are listed at /schemes; the bare name is revision 1 for ever.",
    ),
    "unknown_word": Reason(
        "The word is in none of the tables",
        "The hint has the nearest words, and the URL that lists all of them.",
    ),
    "unsupported_media_type": Reason(
        "The body's media type is not known",
        "Send JSON, with Content-Type: application/json and no Content-Encoding.",
    ),
    "uri_too_long": Reason(
        "The URL is too long",
        "Put long specs into the body of a POST.",
    ),
    "vanishes_in_dtype": Reason(
        "The values are too small for the dtype",
        "Even the outermost values round to 0, or the steps of a uniform are too small.",
    ),
    "zero_fan": Reason(
        "A fan that the variance divides by is 0",
        "An empty axis connects nothing; give the fan, or a scheme without one.",
    ),
}
"""Every reason that an answer can give."""
