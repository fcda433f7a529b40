"""Write known-values.json: what other libraries compute for requests of deterministic schemes.

Run it where they are installed: `python tests/peers/write_known_values.py`. The tests only read the
file, so the project does not depend on these libraries.
"""

import json
import os
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "numpy"

PATH = Path(__file__).with_name("known-values.json")

PACKAGES = (
    *("torch", "transformers", "diffusers", "vit-pytorch", "scipy", "keras"),
    *("librosa", "opencv-python-headless"),
)

SINGLE, DOUBLE = 1e-6, 1e-12
"""Tolerances for values that a library computes in single and in double, of values up to 1."""

torch: Any = import_module("torch")
scipy_fft: Any = import_module("scipy.fft")
keras: Any = import_module("keras")
filters: Any = import_module("librosa").filters
cv2: Any = import_module("cv2")
np: Any = import_module("numpy")
bloom: Any = import_module("transformers.models.bloom.modeling_bloom")
distilbert: Any = import_module("transformers.models.distilbert.modeling_distilbert")
m2m: Any = import_module("transformers.models.m2m_100.modeling_m2m_100")
llama: Any = import_module("transformers.models.llama.modeling_llama")
diffusers: Any = import_module("diffusers.models.embeddings")
simple_vit: Any = import_module("vit_pytorch.simple_vit")

Cases = list[tuple[str, str, Any, float]]
"""A request, the call, its values and their tolerance."""


def dirac() -> Cases:
    shapes = (((4, 2, 3, 3), 1), ((6, 2, 3), 3), ((4, 6, 2, 4), 2), ((2, 3, 2, 3, 4), 1))
    cases = []
    for shape, groups in shapes:
        request = f"shape={','.join(map(str, shape))}&groups={groups}&scheme=dirac"
        request += "&layer=conv1d" if len(shape) == 3 else ""
        values = torch.nn.init.dirac_(torch.empty(shape, dtype=torch.float64), groups)
        cases.append((request, f"torch.nn.init.dirac_, groups={groups}", values.numpy(), 0.0))
    return cases


def positions() -> Cases:
    scheme = "scheme=sinusoidal_positions&layer=embedding"
    vaswani = distilbert.create_sinusoidal_embeddings(50, 12, torch.empty(50, 12))
    halves = m2m.M2M100SinusoidalPositionalEmbedding.get_embedding(50, 12)
    grid = simple_vit.posemb_sincos_2d(5, 5, 16)
    mae = diffusers.get_2d_sincos_pos_embed(16, 5, base_size=5, output_type="pt")
    config = llama.LlamaConfig(hidden_size=128, num_attention_heads=2, num_hidden_layers=1)
    rotary = llama.LlamaRotaryEmbedding(config).inv_freq
    # Angles of single have half a unit in the last place of 49, which is 2e-6.
    return [
        (f"shape=50,12&{scheme}", "transformers' DistilBERT", vaswani, SINGLE),
        (f"shape=50,12&{scheme}&variant=halves", "transformers' M2M100", halves, 1e-5),
        (f"shape=25,16&{scheme}&variant=grid", "vit_pytorch.simple_vit", grid, SINGLE),
        (f"shape=25,16&{scheme}&variant=mae", "diffusers", mae, SINGLE),
        ("shape=32&scheme=rotary_frequencies", "transformers' Llama, head of 64", rotary, SINGLE),
        *(
            (
                f"shape={heads}&scheme=alibi_slopes",
                "transformers' BLOOM",
                bloom._get_alibi_slopes(heads, torch.device("cpu")),
                SINGLE,
            )
            for heads in (1, 2, 3, 8, 12, 20, 32, 71)
        ),
    ]


def bilinear() -> Cases:
    """The only kernel with which a transposed convolution equals torch's own interpolation."""
    kernel = torch.nn.functional.interpolate
    picture = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    picture[0, 0, 2, 2] = 1
    grown = kernel(picture, scale_factor=2, mode="bilinear", align_corners=False)[0, 0, 3:7, 3:7]
    call = "torch interpolate of a single 1 by 2, bilinear"
    return [("shape=1,1,4,4&scheme=bilinear", call, grown.reshape(1, 1, 4, 4), DOUBLE)]


def cosine_transforms() -> Cases:
    cases = []
    for kind in (1, 2, 3, 4):
        for length in (2, 5, 8):
            matrix = scipy_fft.dct(np.eye(length), type=kind, axis=0, norm="ortho")
            request = f"shape={length},{length}&scheme=dct&variant=type{kind}"
            cases.append((request, f"scipy.fft.dct, type={kind}, norm='ortho'", matrix, DOUBLE))
    return cases


def short_time_fourier() -> Cases:
    cases = []
    choices = (
        ("real", "hann", "density", False),
        ("imag", "hann", "spectrum", True),
        ("real", "hamming", "density", True),
        ("imag", "blackman", None, False),
        ("real", "bartlett", "spectrum", False),
        ("imag", "bartlett", "density", True),
        ("real", None, None, False),
    )
    for side, window, scaling, periodic in choices:
        request = f"shape=16,1,9&layout=WIO&scheme=stft&variant={side}&window={window or 'none'}"
        if window is not None:
            request += f"&scaling={scaling or 'none'}&periodic={str(periodic).lower()}"
        made = keras.initializers.STFT(side, window, scaling, periodic)
        call = f"keras.initializers.STFT({side!r}, {window!r}, {scaling!r}, {periodic})"
        # Keras takes pi in single, in float64 too. The angles here are up to 47, of which half a
        # unit in the last place is 2e-6. Dividing by the sum of the window makes the error smaller.
        tolerance = 3e-6 if scaling is None else SINGLE
        cases.append((request, call, np.asarray(made((16, 1, 9), dtype="float32")), tolerance))
    return cases


def mel_filter_banks() -> Cases:
    cases = []
    choices: tuple[tuple[int, int, int, dict[str, float]], ...] = (
        (8, 64, 16000, {}),
        (13, 128, 22050, {"fmin": 60.0, "fmax": 7600.0}),
    )
    for bands, size, rate, ends in choices:
        for htk in (False, True):
            for norm in ("slaney", None):
                request = f"shape={bands},{size // 2 + 1}&scheme=mel_filter_bank"
                request += f"&sample_rate={rate}&variant={'htk' if htk else 'slaney'}"
                request += f"&normalise={'area' if norm else 'none'}"
                if ends:
                    request += "&low_frequency=60&high_frequency=7600"
                options = {"htk": htk, "norm": norm, "dtype": np.float64, **ends}
                bank = filters.mel(sr=rate, n_fft=size, n_mels=bands, **options)
                call = f"librosa.filters.mel, sr={rate}, n_fft={size}, htk={htk}, norm={norm!r}"
                cases.append((request, call, bank, DOUBLE))
    return cases


def known_filters() -> Cases:
    cases = []
    for size in (3, 5, 7, 31):
        slope, smooth = (part.ravel() for part in cv2.getDerivKernels(1, 0, size, ktype=cv2.CV_64F))
        call = f"cv2.getDerivKernels, ksize={size}"
        request = f"shape=1,1,{size},{size}&scheme=sobel"
        if size < 31:
            cases.append((request, call, np.outer(smooth, slope), 0.0))
            cases.append((f"{request}&variant=y", call, np.outer(slope, smooth), 0.0))
        else:
            cases.append((f"shape={size}&layout=W&scheme=sobel", call, slope, 0.0))
    spot = np.zeros((3, 3))
    spot[1, 1] = 1
    spread = cv2.Laplacian(spot, cv2.CV_64F, ksize=1, borderType=cv2.BORDER_CONSTANT)
    cases.append(("shape=1,1,3,3&scheme=laplacian", "cv2.Laplacian of a spot", spread, 0.0))
    for size, sigma in ((3, 0.8), (5, 1.5), (11, 2.5)):
        line = cv2.getGaussianKernel(size, sigma, cv2.CV_64F)
        request = f"shape=1,1,{size},{size}&scheme=gaussian_filter&normalise=sum&sigma={sigma}"
        call = f"cv2.getGaussianKernel, sigma={sigma}, by its transpose"
        cases.append((request, call, line @ line.T, DOUBLE))
    waves = ((3, 4, (2.0, 4.0, 0.5, 0.0)), (5, 3, (1.3, 3.0, 0.8, 0.7)))
    for size, turns, (sigma, length, aspect, phase) in waves:
        bank = [
            cv2.getGaborKernel((size, size), sigma, np.pi * o / turns, length, aspect, phase)
            for o in range(turns)
        ]
        request = f"shape={turns},1,{size},{size}&scheme=gabor&sigma={sigma}&wavelength={length}"
        request += f"&aspect={aspect}&phase={phase}"
        cases.append((request, "cv2.getGaborKernel, theta = pi o / O", np.array(bank), DOUBLE))
    return cases


def main() -> None:
    """Compute all cases and write the file."""
    made = (dirac, positions, bilinear, cosine_transforms, short_time_fourier, mel_filter_banks)
    cases = [case for make in (*made, known_filters) for case in make()]
    told = {
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "cases": [
            {
                "request": request,
                "call": call,
                "tolerance": tolerance,
                "values": np.asarray(values, np.float64).ravel().tolist(),
            }
            for request, call, values, tolerance in cases
        ],
    }
    rows = ",\n".join(json.dumps(case) for case in told["cases"])
    head = json.dumps(told["versions"])
    PATH.write_text(f'{{"versions": {head}, "cases": [\n{rows}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
