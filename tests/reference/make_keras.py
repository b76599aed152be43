"""Make the reference vectors of Keras on JAX (a tool for maintainers, not for readers).

    make test-weekly  # makes .venv-frameworks, too
    .venv-frameworks/bin/python tests/reference/make_keras.py

Every file keras/<cell>.npz holds CASES random cases in float64 of keras.layers.SimpleRNN, GRU or LSTM
with a mask for sequences of different lengths. Weights and their gradients are in Keras's own layout,
"weights/0" (kernel), "weights/1" (recurrent kernel), "weights/2" (bias), "d_weights/...", all random.
For case n: s_0, xs, lengths, a random upstream gradient on every h and on the last c ("up_h", "up_c"),
and Keras's h, last c and gradients ("d_..."), by jax.grad. All but the weights is batch last.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import keras
import numpy as np
from cases import HERE, Case, fields_of, random_layer_case, random_sizes, write

CASES = 8
LAYERS = {
    "rnn": (keras.layers.SimpleRNN, {}),
    "rnn_relu": (keras.layers.SimpleRNN, {"activation": "relu"}),
    "gru": (keras.layers.GRU, {"reset_after": False}),
    "gru_reset_after": (keras.layers.GRU, {"reset_after": True}),
    "lstm": (keras.layers.LSTM, {}),
}


def make_layer(name: str, D: int, H: int, dtype: str) -> keras.Layer:
    """Return Keras's layer for a cell."""
    keras.config.set_floatx(dtype)
    kind, options = LAYERS[name]
    if dtype == "float64":  # Keras's own tanh rounds to float32 on JAX, whatever the dtype
        options = {"activation": jnp.tanh} | options
    layer = kind(H, return_sequences=True, return_state=True, dtype=dtype, **options)
    layer.build((None, None, D))
    return layer


def layer_answer(name: str, weights: list[np.ndarray], given: Case) -> Case:
    """Return the states and gradients of Keras's layer, masked after each sequence's length."""
    T, D, B = given["xs"].shape
    fields = fields_of(name)
    layer = make_layer(name, D, given["s0_h"].shape[0], given["xs"].dtype.name)
    layer.set_weights(weights)
    fixed = [variable.value for variable in layer.non_trainable_variables]
    mask = np.arange(T) < given["lengths"].reshape(B, 1)

    def loss(values, start, xs):
        (h, *last), _ = layer.stateless_call(
            values, fixed, xs.transpose(2, 0, 1), initial_state=[s.T for s in start], mask=mask
        )
        total = (h.transpose(1, 2, 0) * given["up_h"]).sum()
        if "c" in fields:
            total += (last[1].T * given["up_c"]).sum()
        return total, (h, last)

    values = [variable.value for variable in layer.trainable_variables]
    start = [jnp.asarray(given[f"s0_{field}"]) for field in fields]
    (d_values, d_start, d_xs), (h, last) = jax.jit(jax.grad(loss, argnums=(0, 1, 2), has_aux=True))(
        values, start, jnp.asarray(given["xs"])
    )
    found = {"h": np.asarray(h).transpose(1, 2, 0), "d_xs": np.asarray(d_xs)}
    if "c" in fields:
        found["c_last"] = np.asarray(last[1]).T
    found |= {f"d_s0_{field}": np.asarray(d) for field, d in zip(fields, d_start, strict=True)}
    return found | {f"d_weights/{n}": np.asarray(d) for n, d in enumerate(d_values)}


def layer_case(name: str, rng: np.random.Generator) -> Case:
    """Return one random case, with the weights in Keras's layout."""
    T, B, D, H = random_sizes(rng)
    given, scale = random_layer_case(name, rng, T, B, D, H), rng.uniform(0.1, 0.7)
    shapes = [weight.shape for weight in make_layer(name, D, H, "float64").get_weights()]
    weights = [rng.normal(0, scale, shape) for shape in shapes]
    given |= {f"weights/{n}": weight for n, weight in enumerate(weights)}
    return given | layer_answer(name, weights, given)


def main() -> None:
    """Write one file a layer."""
    made = f"keras {keras.__version__}, jax {jax.__version__}, numpy {np.__version__}"
    for seed, (name, (kind, options)) in enumerate(LAYERS.items(), start=200):
        rng = np.random.default_rng(seed)
        cases = [layer_case(name, rng) for _ in range(CASES)]
        how = f"{made}, keras.layers.{kind.__name__} {options}, masked, make_keras.py, seed {seed}"
        write(HERE / "keras" / f"{name}.npz", cases, how)


if __name__ == "__main__":
    main()
