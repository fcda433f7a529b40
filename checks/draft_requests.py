"""Requests of drafts: one derived from the name of each draft, and others listed here.

Each is what follows `/v1/weights.`, as in `frozen_requests`. A further request by hand is for what
the derived one does not ask: other fields, layouts, orders, slices and parts.
"""

from collections.abc import Mapping
from typing import Any

from service.dtypes import DTYPES
from service.initializers.activations import ACTIVATIONS
from service.initializers.schemes import SCHEMES
from service.initializers.schemes.record import EXAMPLE

_TABLES: dict[str, tuple[str, Mapping[str, Any]]] = {
    "scheme": ("npy?{example}&scheme={name}&seed=1&name=a", SCHEMES),
    "activation": (
        "npy?shape=12,6&scheme=variance_scaling&activation={name}&parts=2&seed=1&name=a",
        ACTIVATIONS,
    ),
    "dtype": ("raw?shape=12,5&scheme=normal&dtype={name}&seed=1&name=a", DTYPES),
}
"""The request of an entry of each table, with {} for its name."""


def _example(record: Any) -> str:
    """A scheme's example, or two small axes if it has the default one."""
    example: str = getattr(record, "example", EXAMPLE)
    return "shape=12,5" if example == EXAMPLE else example


DERIVED: tuple[str, ...] = tuple(
    request.format(name=name, example=_example(record))
    for request, table in _TABLES.values()
    for name, record in table.items()
    if record.draft is not None
)

BY_HAND: tuple[str, ...] = (
    # identity: gain, layouts, orders, slices, parts
    "npy?shape=4,6&scheme=identity&order=F",
    "raw?shape=6,4&scheme=identity&layout=IO&gain=0.1&dtype=float64",
    "raw?shape=7,5&scheme=identity&slice=1:6,2:&dtype=bfloat16",
    "raw?shape=8,3&scheme=identity&parts=2",
    "raw?shape=8,3&scheme=identity&parts=5,3",
    "raw?shape=3,8&scheme=identity&layer=embedding&parts=5,3",
    # orthogonal: tall, wide, convolutions, copies, parts, slices
    "raw?shape=20,35&scheme=orthogonal&seed=1&name=a&dtype=float64",
    "raw?shape=35,20&scheme=orthogonal&seed=1&name=a&gain=1.4142135623730951&order=F",
    "raw?shape=8,4,3,3&scheme=orthogonal&seed=1&name=a&dtype=float16",
    "raw?shape=3,3,4,8&scheme=orthogonal&layout=HWIO&seed=1&name=a",
    "raw?shape=2,6,5&scheme=orthogonal&layout=EOI&seed=1&name=a&slice=1:,2:5,:",
    "raw?shape=12,5&scheme=orthogonal&parts=3&seed=1&name=a",
    "raw?shape=12,5&scheme=orthogonal&parts=6,2,4&seed=1&name=a&dtype=float64",
    # presets that read a tensor by the positions of its axes: kernels, stacks, layouts, slices
    "raw?shape=8,4,3,3&scheme=torch.orthogonal&gain=2&seed=1&name=a&dtype=float64",
    "raw?shape=3,3,4,8&scheme=paddle.orthogonal&layout=HWIO&seed=1&name=a",
    "raw?shape=6,2,5&scheme=burn.orthogonal&seed=1&name=a&slice=2:5,:,1:",
    "raw?shape=3,4,8&scheme=jax.delta_orthogonal&layer=conv1d&seed=1&name=a&order=F",
    "raw?shape=12,5&scheme=torch.sparse&layout=IO&sparsity=0.4&seed=1&name=a",
    "raw?shape=12,5&scheme=mlx.sparse&sparsity=0.4&mean=3&std=0.5&seed=1&name=a&dtype=float64",
    "raw?shape=12,5&scheme=flux.sparse_init&layer=embedding&sparsity=0.4&seed=1&name=a",
    "raw?shape=6,2,4&scheme=torch.dirac&layer=conv1d&groups=3",
    "raw?shape=4,2,3,2&scheme=flux.identity_init&gain=0.1&dtype=float64",
    # depth and width: sides, bases, layouts, parts, slices, dtypes
    "raw?shape=12,5&scheme=gpt2_residual&depth=12&branches=1&std=0.1&seed=1&name=a&dtype=float64",
    "raw?shape=5,12&scheme=wang_init&layout=IO&depth=12&parts=8,4&seed=1&name=a",
    "raw?shape=8,4,3,3&scheme=fixup&depth=17&branch_layers=3&scale=1&seed=1&name=a&slice=2:5,:,:,1:2",
    "raw?shape=12,5&scheme=t_fixup&depth=6&variant=decoder&distribution=normal&seed=1&name=a",
    "raw?shape=12,5&scheme=deepnorm&depth=6&decoder_depth=7&seed=1&name=a&dtype=bfloat16",
    "raw?shape=12,5&scheme=deepnorm&depth=6&decoder_depth=7&variant=decoder&seed=1&name=a",
    "raw?shape=12,5&scheme=sub_ln&depth=6&decoder_depth=7&seed=1&name=a&order=F",
    "raw?shape=12,5&scheme=sub_ln&depth=6&decoder_depth=7&variant=decoder&seed=1&name=a",
    "raw?shape=12,5&scheme=olmo_mitchell&bounds=2&std_kind=corrected&seed=1&name=a&dtype=float64",
    "raw?shape=12,5&scheme=small_init&layer=embedding&seed=1&name=a",
    "raw?shape=12,5&scheme=siren&omega=10&fan_in=7&seed=1&name=a&dtype=float64",
    "raw?shape=7&scheme=layer_scale&value=0.1&dtype=float16",
    "raw?shape=7&scheme=prior_bias&prior=0.3&dtype=float64",
    # zero_hadamard: wide, kernels, layouts, groups, parts, copies, slices
    "raw?shape=3,5&scheme=zero_hadamard",
    "raw?shape=3,4,3,7&scheme=zero_hadamard&layout=HWIO&dtype=float64",
    "raw?shape=12,2,3&scheme=zero_hadamard&layout=OIW&groups=2",
    "raw?shape=4,6,2,2&scheme=zero_hadamard&layer=conv_transpose2d&groups=2&order=F",
    "raw?shape=14,4&scheme=zero_hadamard&parts=8,4,2&dtype=float64&slice=3:11,1:",
    "raw?shape=2,6,3&scheme=zero_hadamard&layout=EOI&dtype=bfloat16",
    "raw?shape=9,5&scheme=orthogonal&layer=embedding&layout=flux&seed=1&name=a",
    # delta_orthogonal: kernels of one to three axes, an even kernel, copies, parts, slices
    "raw?shape=5,3,4&scheme=delta_orthogonal&layer=conv1d&gain=1.5&seed=1&name=a&dtype=float64",
    "raw?shape=3,2,4,8&scheme=delta_orthogonal&layout=HWIO&parts=2&seed=1&name=a",
    "raw?shape=2,5,3,3&scheme=delta_orthogonal&layout=EOIW&seed=1&name=a&slice=:,1:4,:,1:",
    "raw?shape=9,2,3,2,3&scheme=delta_orthogonal&parts=4,5&order=F&seed=1&name=a&dtype=bfloat16",
    # presets in other layouts
    "npy?shape=5,12&scheme=torch.linear&layout=IO&seed=1&name=a",
    "npy?shape=12,5&scheme=keras.dense&layout=OI&seed=1&name=a",
    # the variance gain; abs and seglu, whose exact gain is 1, are left out of a URL without a rule
    "npy?shape=12,6&scheme=variance_scaling&activation=relu&gain_rule=variance&seed=1&name=a",
    "raw?shape=12,6&scheme=variance_scaling&negative_slope=0.3&gain_rule=variance&seed=1&name=a",
    "raw?shape=12,6&scheme=variance_scaling&activation=abs&gain_rule=variance&seed=1&name=a",
    "raw?shape=12,6&scheme=variance_scaling&activation=seglu&gain_rule=backward&seed=1&name=a",
    # parts of different heights
    "npy?shape=12,5&scheme=glorot_uniform&parts=8,2,2&seed=1&name=a",
    "npy?shape=5,12&scheme=glorot_normal&layout=IO&parts=8,2,2&order=F&seed=1&name=a",
    "raw?shape=2,3,4,5&scheme=glorot_uniform&layout=EOOI&parts=7,5&seed=1&name=a&slice=:,1:,:,2:",
    "raw?shape=12,4,3,3&scheme=he_normal&mode=fan_out&parts=8,4&seed=1&name=a&dtype=bfloat16",
    # gates: other orders, values, heights, copies, layouts, slices
    "raw?shape=12&parts=3&scheme=forget_gate_bias&gates=ofi&value=2.5&dtype=float16",
    "raw?shape=12&parts=5,4,3&scheme=forget_gate_bias&gates=fio",
    "raw?shape=64&parts=4&scheme=chrono_bias&gates=iofc&period=100&seed=1&name=a&dtype=float64",
    "raw?shape=48&parts=3&scheme=chrono_bias&gates=rzn&period=100&seed=1&name=a",
    "raw?shape=32,3&layout=OE&parts=4&scheme=chrono_bias&period=9&seed=1&name=a&slice=5:30,1:",
    # state spaces: variants, layouts, slices, dtypes
    "raw?shape=9,4&layout=IO&scheme=mamba_a_log&slice=2:8,1:&dtype=bfloat16",
    "raw?shape=40&scheme=mamba_dt_bias&dt_min=0.002&dt_max=20&dt_floor=0.01&seed=1&name=a",
    "raw?shape=40&scheme=mamba_dt_bias&seed=1&name=a&dtype=float64&slice=7:33",
    "raw?shape=3,16&scheme=s4d_log_decay&variant=real",
    "raw?shape=3,16&scheme=s4d_frequency&variant=inv&dtype=float64",
    "raw?shape=12,4&scheme=hippo_legs_a&parts=3&order=F",
    "raw?shape=30&scheme=retnet_decays&variant=plain",
    "raw?shape=30&scheme=retnet_decays&dtype=float64",
    "raw?shape=40&scheme=lru_nu_log&r_min=0.9&r_max=0.999&seed=1&name=a&dtype=float64",
    "raw?shape=40&scheme=lru_theta_log&max_phase=0.314&seed=1&name=a",
    "raw?shape=40&scheme=lru_gamma_log&r_min=0.9&r_max=0.999&seed=1&name=a&dtype=float64",
    "raw?shape=40&scheme=rg_lru_lambda&r_min=0.5&r_max=0.9&seed=1&name=a&dtype=float8_e4m3fn",
    # structured kernels: groups, blocks, layouts, even kernels
    "npy?shape=4,2,4,3&scheme=identity&groups=2&gain=0.1",
    "npy?shape=6,2,1,3&scheme=identity&parts=2,3,1&order=F",
    "npy?shape=3,4,5&scheme=identity&layout=EIO",
    "npy?shape=2,3,4,6&scheme=dirac&layout=HWIO&dtype=float64",
    "npy?shape=4,1,5,5&scheme=bilinear&groups=4",
    # tables: the other variants and fields
    "npy?shape=9,12&scheme=sinusoidal_positions&variant=halves&dtype=float64",
    "npy?shape=9,12&scheme=sinusoidal_positions&variant=grid&base=500&dtype=float64",
    "npy?shape=9,12&scheme=sinusoidal_positions&variant=mae&slice=3:,2:9",
    "npy?shape=9,1,16&scheme=stft&layout=OIW&variant=imag&window=blackman&scaling=spectrum",
    "npy?shape=8,1,5&scheme=stft&layout=WIO&window=bartlett&periodic=true&dtype=float64",
    "npy?shape=5,8&scheme=dct&variant=type4&dtype=float64",
    "npy?shape=5,5&scheme=dct&variant=type1",
    "npy?shape=33,6&scheme=mel_filter_bank&layout=IO&variant=htk&normalise=none&sample_rate=8000",
    # filters: channels, normalisation, variants
    "npy?shape=4,2,3,5&scheme=sobel&variant=y&channels=each&normalise=l1",
    "npy?shape=2,2,3,3,3&scheme=laplacian&variant=all",
    "npy?shape=4,3,7,7&scheme=gabor&normalise=l2&phase=0.5&aspect=0.8&dtype=float64",
    "npy?shape=5,2,3&scheme=literal&layout=WIO&kernel=1,-2,1,0.5,3&normalise=sum",
)

REQUESTS = (*DERIVED, *BY_HAND)
