"""The reason codes. Each code is part of the interface and has a page under /problems/."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """`title` is the title of every answer with this reason; `explanation` is for its page."""

    title: str
    explanation: str


REASONS: dict[str, Reason] = {
    "ambiguous_axes": Reason(
        "Three axes can be read in several ways",
        "The tensor may be a 1-D convolution, a stack of experts or an attention kernel. Their "
        "fans differ by orders of magnitude. Give layer, or give layout with a letter for each "
        "axis.",
    ),
    "bad_block": Reason(
        "A residual branch has no end, or begins within another one",
        "A branch begins with the layer of position=branch_first and ends with the next layer of "
        "position=branch_last.",
    ),
    "bad_config": Reason(
        "The config does not fit the architecture",
        "A number is missing, or it has a value that the recipe does not support. Compare the "
        "config with the config.json of a model of this architecture. /recipes lists the keys "
        "and their limits.",
    ),
    "bad_host": Reason(
        "The Host header is missing or wrong",
        "An HTTP/1.1 request has exactly one Host header: a host name or an address, and a port if "
        "it is not the usual one (RFC 9112, section 3.2).",
    ),
    "bad_layout": Reason(
        "The layout has wrong letters",
        "A layout has one letter for each axis: O out, I in, D H W kernel, E independent "
        "copies. Only E, O and I may repeat.",
    ),
    "bad_request": Reason(
        "The request cannot be read",
        "/docs describes the requests that each path accepts.",
    ),
    "bad_weights_url": Reason(
        "The weights_url is not that of a tensor",
        "Send the weights_url of an answer as it stands: the path and the query of a tensor, "
        "without scheme and host.",
    ),
    "cannot_join": Reason(
        "The parts of a fused tensor differ",
        "With names=module, several tensors of the checkpoint form one tensor. They need one "
        "dtype and their whole shapes. Change the rules, or use names=checkpoint.",
    ),
    "conflicting_fields": Reason(
        "Two fields exclude each other",
        "The fields set the same number, or one leaves no choice for the other. Leave one of "
        "them out.",
    ),
    "dead_output": Reason(
        "The measured outputs do not vary",
        "A variance of 0 stays 0 at every scale of the weights. Look for a constant input, for "
        "weights that are 0, and for units that are 0 on the whole batch.",
    ),
    "duplicate_field": Reason(
        "A field is given more than once",
        "The service does not guess which of the values is meant. Give each field once.",
    ),
    "duplicate_name": Reason(
        "Two tensors have one name",
        "The keys of a file are different. Rename one of the tensors, or check the ranges in "
        "the names.",
    ),
    "empty_field": Reason(
        "A field has no value",
        "Only name may be empty. Leave any other field out to get its default.",
    ),
    "empty_range": Reason(
        "The range contains no number",
        "low must be less than high.",
    ),
    "entry_not_found": Reason(
        "The repository has no such file",
        "A Hub client asked for a file that is not there. Many clients ask for files that a model "
        "need not have, and go on without them.",
    ),
    "format_cannot_carry_dtype": Reason(
        "The format does not support the dtype",
        "A .npy file supports NumPy's own types only. Use safetensors or raw for bfloat16 and "
        "float8.",
    ),
    "format_cannot_carry_order": Reason(
        "The format does not support the order",
        "A safetensors file is always row-major. Use npy or raw for order=F.",
    ),
    "header_too_large": Reason(
        "The request's headers are too large",
        "Send fewer headers; no path reads cookies. Send a long spec in the body of a POST.",
    ),
    "http_version_not_supported": Reason(
        "The version of HTTP is not supported",
        "The server speaks HTTP/1.1 and HTTP/1.0. A proxy in front of it may speak HTTP/2 and "
        "HTTP/3.",
    ),
    "impossible_blocks": Reason(
        "The blocks cannot be listed",
        "Give start:stop with start below stop and stop at most the number of blocks of the file. "
        "One request lists at most 256 blocks.",
    ),
    "impossible_groups": Reason(
        "The groups do not divide the channels",
        "groups must divide the output channels of a convolution, or the input channels of a "
        "transposed convolution.",
    ),
    "impossible_parts": Reason(
        "The parts do not fit the outputs",
        "Parts are blocks along O. A number of equal parts must divide the number of outputs, and "
        "a list of parts must add up to it.",
    ),
    "impossible_slice": Reason(
        "The slice does not fit the tensor",
        "Give one start:stop for each axis, within the axis. A negative bound counts from the end.",
    ),
    "internal": Reason(
        "The server made an error",
        "No request should lead here. Report the request, the time and the server's version.",
    ),
    "layout_mismatch": Reason(
        "The layout does not fit the tensor",
        "A layout needs one letter for each axis of the shape, and as many kernel letters as "
        "the layer has kernel axes.",
    ),
    "malformed_blocks": Reason(
        "The block numbers cannot be read",
        "Write start:stop in plain digits, as in 0:256. Blocks are counted from 0, and stop itself "
        "is not listed.",
    ),
    "malformed_json": Reason(
        "The body is not a JSON object of fields",
        "Send one flat JSON object in UTF-8, with finite numbers.",
    ),
    "malformed_list": Reason(
        "The value is not a list",
        "Write a JSON list, even for one member.",
    ),
    "malformed_number": Reason(
        "A number cannot be read",
        "Write decimal digits without a sign +, without _ and without NaN. An integer has no "
        "decimal point.",
    ),
    "malformed_query": Reason(
        "The query cannot be read",
        "A query is a list of field=value joined by &. Write the character % as %25.",
    ),
    "malformed_range": Reason(
        "A range in a name cannot be read",
        "Write {0..11} for the numbers 0 to 11. A name has no other braces.",
    ),
    "malformed_shape": Reason(
        "The shape cannot be read",
        "Write the extents joined by commas, slowest axis first, as in 64,3,7,7. A tensor "
        "without axes has the shape scalar.",
    ),
    "malformed_slice": Reason(
        "The slice cannot be read",
        "Write a start:stop for each axis, joined by commas. Either bound may be left out.",
    ),
    "malformed_text": Reason(
        "A text cannot be read",
        "Text is UTF-8. A name has at most 512 bytes and no control characters.",
    ),
    "malformed_token": Reason(
        "The token of a model is damaged",
        "A token has a letter, a digest and compressed text. Copy the whole token from the "
        "answer of POST /v1/models, or send the manifest there again.",
    ),
    "manifest_too_long": Reason(
        "The manifest does not fit into a URL",
        "The token of a model has at most 6,000 characters. Ranges in names, rules and an "
        "architecture with its config make the manifest shorter.",
    ),
    "method_not_allowed": Reason(
        "The path does not allow the method",
        "The Allow header lists the methods of this path.",
    ),
    "missing_field": Reason(
        "A field is missing",
        "Every tensor needs a shape, and every calibration a measured variance.",
    ),
    "no_auto": Reason(
        "auto cannot choose a scheme",
        "auto chooses by the layer. Give layer, or a layout that belongs to one layer.",
    ),
    "no_fan": Reason(
        "The tensor does not have this fan",
        "Biases, norm scales and axes without letters have no fans. Give fan_in or fan_out of "
        "the layer that the tensor belongs to.",
    ),
    "no_pytorch_gain": Reason(
        "PyTorch has no gain for the activation",
        "torch.nn.init.calculate_gain covers a few activations; gain_rule=exact covers all of "
        "them.",
    ),
    "no_seed": Reason(
        "The tensor has no seed",
        "Without a seed a tensor is drawn anew each time, so a measurement says nothing about the "
        "next one. The header Weights-Seed has the seed of a tensor that was fetched.",
    ),
    "no_such_layer": Reason(
        "The framework does not have this layer",
        "The name of a framework stands for that framework's letters of the layer. Write the "
        "letters themselves instead.",
    ),
    "not_a_layer": Reason(
        "The tensor is no layer of a network",
        "A network is made of weights between units and of embeddings. Biases and norms are fields "
        "of a layer: bias_std and normalization.",
    ),
    "not_depthwise": Reason(
        "The tensor is not a depthwise kernel",
        "Each group of a depthwise layer has one input. So I is 1, and E or O is the number of "
        "groups.",
    ),
    "not_found": Reason(
        "There is nothing at this path",
        "/docs lists all paths.",
    ),
    "not_implemented": Reason(
        "The server does not know the method or the transfer coding",
        "Methods are written in capitals, and CONNECT is for proxies. A body has a Content-Length, "
        "or the Transfer-Encoding chunked.",
    ),
    "not_issued": Reason(
        "Fanin does not issue this",
        "The word is known, but Fanin does not implement it. The hint names the nearest "
        "alternative.",
    ),
    "not_positive": Reason(
        "A number must be greater than 0",
        "For a standard deviation, gain or scale of 0, use scheme=zeros.",
    ),
    "not_random": Reason(
        "The weights are not random with mean 0",
        "Mean-field theory is about independent random weights of mean 0. Weights of zeros are "
        "accepted, too.",
    ),
    "not_ready": Reason(
        "The server is not ready yet",
        "The server compiles and checks its kernels before it issues bytes. /readyz answers 200 "
        "when it has finished.",
    ),
    "nothing_between": Reason(
        "There is no number between the bounds",
        "No float32 value (for float64 tensors: no float64 value) lies between the bounds, or "
        "the normal distribution has almost no mass there.",
    ),
    "nothing_to_scale": Reason(
        "The tensor has no scale",
        "Weights are calibrated by a number that all their values are proportional to: a gain, a "
        "std or bounds. Constants, biases and fixed filters have none.",
    ),
    "other_edition": Reason(
        "The recipe has changed",
        "The token is of another edition of the recipe, whose bytes differed. `url` in the "
        "answer is that of the present edition.",
    ),
    "out_of_range": Reason(
        "A number is out of range",
        "The hint gives the range.",
    ),
    "overflows_dtype": Reason(
        "The dtype cannot represent the values",
        "The largest possible value would be infinite in this dtype.",
    ),
    "payload_too_large": Reason(
        "The request's body is too large",
        "Leave out fields and spaces that are not needed. The limit is many times the size of the "
        "longest spec.",
    ),
    "precondition_failed": Reason(
        "The precondition is false",
        "If-Match does not list the current ETag of this URL.",
    ),
    "preset_layer": Reason(
        "A preset has a layer of its own",
        "A preset is the default of one layer of a framework. Its axes may be written in another "
        "order. For another layer, use a scheme that is no preset.",
    ),
    "range_not_satisfiable": Reason(
        "The ranges cannot be served",
        "Write bytes=first-last, bytes=first- or bytes=-count, up to 100 of them joined by commas, "
        "and at least one that begins before the end. Content-Range gives the number of bytes. "
        "Separate ranges are at most 16.",
    ),
    "repo_not_found": Reason(
        "There is no such repository",
        "A Hub client asked for a repo id that names no model here, or whose model cannot be "
        "issued. /hub lists the families, their sizes and the keys that may follow.",
    ),
    "request_timeout": Reason(
        "The request did not arrive in time",
        "A head may take 10 seconds and a body 20. Send the request again on a new connection.",
    ),
    "reserved_name": Reason(
        "The format reserves the name",
        "safetensors uses the key __metadata__ itself. The formats npy and raw accept the name.",
    ),
    "revision_not_found": Reason(
        "The repository has no such revision",
        "A revision is main, a seed such as seed-42, a seed and a dtype such as seed-42-bfloat16, "
        "or the commit of one of them.",
    ),
    "scheme_axes": Reason(
        "The scheme does not fit these axes",
        "Some schemes fill only vectors, matrices or kernels of a convolution, or need extents "
        "that fit together. The hint gives a shape or a layout.",
    ),
    "scheme_field": Reason(
        "The scheme does not take the field",
        "/schemes lists the fields that each scheme takes. A field without effect is refused, "
        "so that it is not ignored by mistake.",
    ),
    "scheme_needs": Reason(
        "The scheme needs another field",
        "The hint names the field to add. /schemes lists the fields that each scheme takes.",
    ),
    "shutting_down": Reason(
        "The server is shutting down",
        "The server got a signal to end. It answers for a few more seconds, so that load balancers "
        "have time to send their requests elsewhere.",
    ),
    "simulation_too_large": Reason(
        "The network is too large to simulate",
        "A simulation has limits on width, depth and time. The theory covers any network of at "
        "most 1,000 layers: leave simulate out.",
    ),
    "slope_not_taken": Reason(
        "The activation has no negative slope",
        "Only leaky_relu, prelu and rrelu take negative_slope. Without an activation, "
        "negative_slope means leaky_relu.",
    ),
    "spec_too_long": Reason(
        "The canonical URL is too long",
        "The canonical URL must be short enough for every proxy. Each byte of the name may take "
        "three bytes of it.",
    ),
    "stream_collision": Reason(
        "Two names have equal random words",
        "The stream of a tensor is a number of 64 bits that is made from its name. These two "
        "names have the same number, so the tensors would be equal. Rename one of them.",
    ),
    "stride_mismatch": Reason(
        "The stride does not fit the kernel",
        "Give one number for all kernel axes, or one number for each.",
    ),
    "token_not_canonical": Reason(
        "The token is of another spelling",
        "A token has the canonical text of its manifest. `url` in the answer is the right one.",
    ),
    "too_busy": Reason(
        "The server has too much to do",
        "A server sends a limited number of large tensors at a time, so that each is fast enough. "
        "The work that waits and the memory of matrices are limited, too. Retry-After has the "
        "seconds after which to try again.",
    ),
    "too_large": Reason(
        "The tensor is too large",
        "The number of elements must be countable, and the bytes must be within the server's "
        "limit. For a slice, the whole tensor counts.",
    ),
    "too_many_layers": Reason(
        "The network has too many layers",
        "A network has at most 1,000 layers, repetitions included, and at most 100 different ones.",
    ),
    "too_many_tensors": Reason(
        "The model is too large to be listed",
        "The number of tensors, of rules, of kinds of tensors and of bytes in names is limited.",
    ),
    "unknown_field": Reason(
        "There is no such field",
        "/docs lists the fields. An unknown field is refused, since a misspelt one would change "
        "the tensor.",
    ),
    "unknown_key": Reason(
        "The file has no such tensor",
        "keys lists names of tensors, or patterns for names. The listing of the model has all "
        "names.",
    ),
    "unknown_revision": Reason(
        "There is no such revision",
        "/schemes lists the revisions of each scheme. The name alone always means revision 1.",
    ),
    "unknown_word": Reason(
        "The word is not known",
        "The hint gives the nearest words, and the path that lists all of them.",
    ),
    "unsupported_media_type": Reason(
        "The body's media type is not supported",
        "Send a media type that the message names, and without Content-Encoding. Most paths take "
        "application/json only.",
    ),
    "unused_field": Reason(
        "A field has no effect",
        "The field is for models that a recipe makes. Leave it out, or give an architecture.",
    ),
    "uri_too_long": Reason(
        "The URL is too long",
        "Send a long spec in the body of a POST.",
    ),
    "vanishes_in_dtype": Reason(
        "The values are too small for the dtype",
        "All values would round to 0, or the steps of a uniform distribution are too small for "
        "the dtype.",
    ),
    "zero_fan": Reason(
        "A fan that the variance divides by is 0",
        "A tensor with an axis of extent 0 can have a fan of 0. Give the fan, or use a scheme "
        "without fans.",
    ),
}
"""Every reason that an answer can have."""
