"""Networks whose training depends on their initial values learn from ours.

Each test compares with another initialization under the same conditions, which fails where ours
works. The figures are printed; `make test-all ARGS="tests/training -s"` shows them.
"""

import numpy as np
import pytest

from tests.training.drawing import Adam, Array, weights

pytestmark = pytest.mark.slow

LAYERS, WIDTH = 50, 256


def jacobian(scheme: str, slope_at: str) -> Array:
    """The singular values of the Jacobian of 50 layers at an input of variance 0.01, ascending."""
    x = 0.1 * weights("input", f"shape={WIDTH},1&scheme=normal&layout=OI")
    product = np.eye(WIDTH)
    for layer in range(LAYERS):
        w = weights(f"layer.{layer}", f"shape={WIDTH},{WIDTH}&scheme={scheme}")
        z = w @ x
        x = z if slope_at == "linear" else np.tanh(z)
        slopes = np.ones_like(z) if slope_at == "linear" else 1 - x * x
        product = slopes * (w @ product)
    return np.sort(np.linalg.svd(product, compute_uv=False))


def test_fifty_orthogonal_linear_layers_keep_every_singular_value() -> None:
    """Saxe et al. 2013: all stay 1. Those of Gaussian layers spread over many powers of ten."""
    ours, gaussian = jacobian("orthogonal", "linear"), jacobian("lecun_normal", "linear")
    print(
        f"linear: orthogonal {ours[0]:.15f} to {ours[-1]:.15f}, normal {gaussian[0]:.1e} to "
        f"{gaussian[-1]:.1e}"
    )
    assert np.abs(ours - 1).max() < 1e-12
    assert gaussian[-1] / gaussian[0] > 1e6


def test_fifty_orthogonal_tanh_layers_keep_the_singular_values_together() -> None:
    """Pennington et al. 2017: tanh shrinks them a little for small inputs; Gaussian ones spread."""
    ours, gaussian = jacobian("orthogonal", "tanh"), jacobian("lecun_normal", "tanh")
    print(
        f"tanh: orthogonal {ours[0]:.3f} to {ours[-1]:.3f}, normal {gaussian[0]:.1e} to "
        f"{gaussian[-1]:.1e}"
    )
    assert 0.3 < ours[0] < ours[-1] < 1.0
    assert gaussian[-1] / gaussian[0] > 1e6


STEPS_OF_TIME, HIDDEN, BATCH = 150, 32, 32
BASELINE = 1 / 6
"""The mean squared error of the constant 1: the variance of a sum of two U(0, 1)."""


def adding_problem(rng: np.random.Generator) -> tuple[Array, Array]:
    """Values and marks, shape (time, batch, 2), and the sum of the two marked values."""
    values = rng.random((STEPS_OF_TIME, BATCH))
    marks = np.zeros_like(values)
    half = STEPS_OF_TIME // 2
    marks[rng.integers(0, half, BATCH), np.arange(BATCH)] = 1
    marks[rng.integers(half, STEPS_OF_TIME, BATCH), np.arange(BATCH)] = 1
    return np.stack([values, marks], axis=2), (values * marks).sum(axis=0)


def error_after_training(recurrent: Array, steps: int) -> float:
    """The mean squared error of a ReLU RNN in the last 100 of so many steps of Adam."""
    w = recurrent.copy()
    u = weights("input", f"shape={HIDDEN},2&scheme=normal&std=0.1")
    v = weights("output", f"shape=1,{HIDDEN}&scheme=normal&std=0.1")
    b, c = np.zeros(HIDDEN), np.zeros(1)
    adam, rng, errors = Adam([w, u, v, b, c], 3e-3), np.random.default_rng(3), []
    for _ in range(steps):
        inputs, target = adding_problem(rng)
        states = [np.zeros((BATCH, HIDDEN))]
        for x in inputs:
            states.append(np.maximum(states[-1] @ w.T + x @ u.T + b, 0))
        miss = (states[-1] @ v.T + c)[:, 0] - target
        errors.append(float((miss * miss).mean()))
        back = 2 / BATCH * miss[:, np.newaxis]
        grads = [np.zeros_like(each) for each in (w, u, v, b, c)]
        grads[2][...], grads[4][...] = back.T @ states[-1], back.sum(axis=0)
        along = back @ v
        for time in reversed(range(STEPS_OF_TIME)):
            along = along * (states[time + 1] > 0)
            grads[0] += along.T @ states[time]
            grads[1] += along.T @ inputs[time]
            grads[3] += along.sum(axis=0)
            along = along @ w
        adam.update(grads, most_norm=1.0)
    return float(np.mean(errors[-100:]))


def test_an_irnn_learns_to_add_where_a_gaussian_one_does_not() -> None:
    """Le, Jaitly and Hinton 2015: W_hh = I solves the adding problem of 150 steps.

    Inputs and outputs have std 0.1. With the paper's 0.001 both networks need many more steps.
    """
    steps = 1500
    identity = weights("hidden", f"shape={HIDDEN},{HIDDEN}&scheme=identity")
    gaussian = weights("hidden", f"shape={HIDDEN},{HIDDEN}&scheme=lecun_normal")
    ours, other = error_after_training(identity, steps), error_after_training(gaussian, steps)
    print(f"adding: identity {ours:.4f}, normal {other:.4f}, constant {BASELINE:.4f}")
    assert ours < 0.1 * BASELINE
    assert other > 0.8 * BASELINE


SIDE, UNITS = 32, 64


def picture() -> tuple[Array, Array]:
    """Coordinates in [-1, 1]^2 and the brightness of a picture with edges and waves."""
    grid = np.linspace(-1, 1, SIDE)
    y, x = (each.reshape(-1) for each in np.meshgrid(grid, grid, indexing="ij"))
    light = np.sin(9 * x + 4 * y * y) * 0.5 + (x * x + y * y < 0.5)
    return np.stack([x, y], axis=1), (light - light.mean()) / light.std()


def psnr_after_training(first: Array, middle: list[Array], last: Array, steps: int = 120) -> float:
    """The peak signal-to-noise ratio in dB of a sine network after steps of Adam."""
    points, target = picture()
    ws = [first.copy(), *(each.copy() for each in middle), last.copy()]
    bs = [np.zeros(len(each)) for each in ws]
    adam = Adam([*ws, *bs], 1e-3)
    error = np.inf
    for _ in range(steps):
        layers, phases = [points], []
        for w, b in zip(ws[:-1], bs[:-1], strict=True):
            phases.append(30.0 * (layers[-1] @ w.T + b))
            layers.append(np.sin(phases[-1]))
        miss = (layers[-1] @ ws[-1].T + bs[-1])[:, 0] - target
        error = float((miss * miss).mean())
        along = 2 / len(target) * miss[:, np.newaxis]
        grads_w, grads_b = [along.T @ layers[-1]], [along.sum(axis=0)]
        for depth in reversed(range(len(phases))):
            along = along @ ws[depth + 1] * np.cos(phases[depth]) * 30.0
            grads_w.insert(0, along.T @ layers[depth])
            grads_b.insert(0, along.sum(axis=0))
        adam.update([*grads_w, *grads_b])
    return float(10 * np.log10(np.ptp(target) ** 2 / error))


def test_a_siren_fits_a_picture_as_well_from_ours_as_from_its_authors_formula() -> None:
    """Sitzmann et al. 2020: U(+-1/n) first, U(+-sqrt(6/n)/30) later; Glorot's is far behind."""
    ours = psnr_after_training(
        weights("first", f"shape={UNITS},2&scheme=siren_first"),
        [weights(f"hidden.{i}", f"shape={UNITS},{UNITS}&scheme=siren") for i in range(2)],
        weights("last", f"shape=1,{UNITS}&scheme=siren"),
    )
    rng, limit = np.random.default_rng(5), np.sqrt(6 / UNITS) / 30
    authors = psnr_after_training(
        rng.uniform(-1 / 2, 1 / 2, (UNITS, 2)),
        [rng.uniform(-limit, limit, (UNITS, UNITS)) for _ in range(2)],
        rng.uniform(-limit, limit, (1, UNITS)),
    )
    glorot = psnr_after_training(
        weights("first", f"shape={UNITS},2&scheme=glorot_uniform"),
        [weights(f"hidden.{i}", f"shape={UNITS},{UNITS}&scheme=glorot_uniform") for i in range(2)],
        weights("last", f"shape=1,{UNITS}&scheme=glorot_uniform"),
    )
    print(f"SIREN: ours {ours:.1f} dB, authors' formula {authors:.1f} dB, Glorot {glorot:.1f} dB")
    assert abs(ours - authors) < 3
    assert ours > glorot + 6
