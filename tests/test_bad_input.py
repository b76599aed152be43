"""Wrong calls: each names the argument, what was expected and what came."""

from collections import namedtuple
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers import CELLS

from unrolled import (
    backward,
    bptt,
    fused,
    gradcheck,
    numerical_gradient,
    optimizers,
    readout,
    show,
    unroll,
)
from unrolled.cells import gru, lstm, rnn, rnn_relu
from unrolled.training import Model, init_model, loss_and_gradients, predict, train
from unrolled.tree import tree_map

T, D, H, B, K = 5, 2, 3, 4, 1
rng = np.random.default_rng(0)


def good(cell, dtype: Any = float):
    p = cell.init(np.random.default_rng(0), D, H, dtype)
    s0 = cell.zero_state(H, B, dtype)
    return p, s0, np.random.default_rng(1).standard_normal((T, D, B)).astype(dtype)


def with_nan(array, value=np.nan):
    array = array.copy()
    array[(0,) * array.ndim] = value
    return array


P, S, X = good(lstm)
STATES, CACHES = unroll(lstm, P, S, X)

UNROLL = {
    "xs is a list": ((P, S, X.tolist()), TypeError, "xs must be a NumPy array, got list"),
    "xs has no batch": (
        (P, S, X[:, :, 0]),
        ValueError,
        r"xs must have shape \(T, D, B\), got \(5, 2\)",
    ),
    "xs has no steps": ((P, S, X[:0]), ValueError, r"T >= 1, got \(0, 2, 4\)"),
    "xs has no sequences": ((P, S, X[:, :, :0]), ValueError, r"B >= 1, got \(5, 2, 0\)"),
    "xs has NaN": (
        (P, S, with_nan(X)),
        ValueError,
        r"xs must be finite, got nan at index \(0, 0, 0\)",
    ),
    "xs is infinite": ((P, S, with_nan(X, np.inf)), ValueError, "xs must be finite, got inf"),
    "xs is float32": (
        (P, S, X.astype("f4")),
        TypeError,
        "must be float32 like the other arrays, got float64",
    ),
    "xs is float16": (
        (P, S, X.astype("f2")),
        TypeError,
        "xs must be float32 or float64, got float16",
    ),
    "xs is whole numbers": (
        (P, S, X.astype(int)),
        TypeError,
        "xs must be float32 or float64, got int64",
    ),
    "xs is complex": ((P, S, X + 0j), TypeError, "xs must be float32 or float64, got complex128"),
    "xs has other D": (
        (P, S, X[:, :1]),
        ValueError,
        r"xs must have shape \(T, 2, B\), since p.W_x is \(4, 3, 2\), got \(5, 1, 4\)",
    ),
    "xs is masked": (
        (P, S, np.ma.masked_invalid(X)),
        TypeError,
        "xs must be a NumPy array, got MaskedArray",
    ),
    "s0 has another batch": (
        (P, lstm.zero_state(H, 2), X),
        ValueError,
        r"s0.h must have shape \(H, 4\), got \(3, 2\)",
    ),
    "s0 is of another cell": (
        (P, rnn.zero_state(H, B), X),
        TypeError,
        "s0 must be unrolled.cells.lstm.State",
    ),
    "s0.c has another H": (
        (P, S._replace(c=np.zeros((2, B))), X),
        ValueError,
        r"s0.c must have shape \(3, 4\), got \(2, 4\)",
    ),
    "s0.h has NaN": (
        (P, S._replace(h=with_nan(S.h)), X),
        ValueError,
        "s0.h must be finite, got nan",
    ),
    "p is a tuple": ((tuple(P), S, X), TypeError, "p must be .*Params.*W_x, W_h, b, got tuple"),
    "p is of another cell": (
        (gru.init(rng, D, H), S, X),
        ValueError,
        r"p.W_x must have shape \(4, 3, 2\), got \(3, 3, 2\)",
    ),
    "p is of another H": (
        (lstm.init(rng, D, 2), S, X),
        ValueError,
        r"p.W_x must have shape \(4, 3, 2\), got \(4, 2, 2\)",
    ),
    "W_h is float32": (
        (P._replace(W_h=P.W_h.astype("f4")), S, X),
        TypeError,
        "p.W_h must be float64 .* got float32",
    ),
    "W_h is infinite": (
        (P._replace(W_h=with_nan(P.W_h, -np.inf)), S, X),
        ValueError,
        "p.W_h must be finite, got -inf",
    ),
    "b is flat": (
        (P._replace(b=P.b[:, :, 0]), S, X),
        ValueError,
        r"p.b must have shape \(4, 3, 1\), got \(4, 3\)",
    ),
    "b is None": ((P._replace(b=None), S, X), TypeError, "p.b must be a NumPy array, got NoneType"),
}

LENGTHS = {
    "too long": ([1, 2, 3, 6], ValueError, r"lengths must be from 1 to T = 5, got \[1, 2, 3, 6\]"),
    "zero": ([0, 2, 3, 4], ValueError, "lengths must be from 1 to T = 5"),
    "ragged": ([1, 2, [3, 4]], ValueError, r"lengths must have shape \(4,\), got \[1, 2"),
    "times": (np.ones(4, "m8[s]"), TypeError, "lengths must be whole numbers, got timedelta64"),
    "fractions": ([1.0, 2, 3, 4], TypeError, "lengths must be whole numbers, got float64"),
    "too few": ([1, 2], ValueError, r"lengths must have shape \(4,\), got \(2,\)"),
}

UP = type(S)(*(np.ones_like(a) for a in STATES))
BACKWARD = {
    "caches of another cell": (
        (unroll(gru, *good(gru))[1], UP, {}),
        TypeError,
        "caches must be unrolled.cells.lstm.Cache",
    ),
    "a cache is cut": (
        (CACHES._replace(f=CACHES.f[:2]), UP, {}),
        ValueError,
        r"caches.f must have shape \(5, 3, 4\), got \(2, 3, 4\)",
    ),
    "dstates is one step": (
        (CACHES, S, {}),
        ValueError,
        r"dstates.h must have shape \(5, 3, 4\), got \(3, 4\)",
    ),
    "dstates is of another cell": (
        (CACHES, rnn.State(UP.h), {}),
        TypeError,
        "dstates must be unrolled.cells.lstm.State",
    ),
    "dstates has NaN": (
        (CACHES, UP._replace(c=with_nan(UP.c)), {}),
        ValueError,
        "dstates.c must be finite, got nan",
    ),
    "dstates is float32": (
        (CACHES, UP._replace(h=UP.h.astype("f4")), {}),
        TypeError,
        "dstates.h must be float64 .* got float32",
    ),
    "dstates is whole numbers": (
        (CACHES, UP._replace(h=UP.h.astype(int)), {}),
        TypeError,
        "dstates.h must be float32 or float64, got int64",
    ),
    "steps is 0": ((CACHES, UP, {"steps": 0}), ValueError, "steps must be at least 1, got 0"),
    "steps is a fraction": (
        (CACHES, UP, {"steps": 2.5}),
        TypeError,
        "steps must be a whole number, got 2.5",
    ),
    "steps is a truth value": (
        (CACHES, UP, {"steps": True}),
        TypeError,
        "steps must be a whole number",
    ),
    "lengths too long": (
        (CACHES, UP, {"lengths": [1, 2, 3, 6]}),
        ValueError,
        "lengths must be from 1 to T = 5",
    ),
}


LOOPS = pytest.mark.parametrize("loop", [bptt, fused], ids=["bptt", "fused"])


@LOOPS
@pytest.mark.parametrize("wrong", UNROLL)
def test_unroll_refuses(loop, wrong):
    arguments, error, message = UNROLL[wrong]
    with pytest.raises(error, match=message):
        loop.unroll(lstm, *arguments)


@LOOPS
@pytest.mark.parametrize("wrong", LENGTHS)
def test_unroll_refuses_lengths(loop, wrong):
    lengths, error, message = LENGTHS[wrong]
    with pytest.raises(error, match=message):
        loop.unroll(lstm, P, S, X, lengths)


@pytest.mark.parametrize("wrong", BACKWARD)
def test_backward_refuses(wrong):
    (caches, dstates, options), error, message = BACKWARD[wrong]
    with pytest.raises(error, match=message):
        backward(lstm, P, caches, dstates, **options)


@pytest.mark.parametrize("wrong", [name for name in BACKWARD if "cache" not in name])
def test_fused_backward_refuses(wrong):
    (_, dstates, options), error, message = BACKWARD[wrong]
    _, caches = fused.unroll(lstm, P, S, X)
    with pytest.raises(error, match=message):
        fused.backward(lstm, P, caches, dstates, **options)


def test_the_two_loops_refuse_each_others_caches():
    _, caches = fused.unroll(lstm, P, S, X)
    with pytest.raises(TypeError, match="caches must be unrolled.cells.lstm.Cache"):
        backward(lstm, P, caches, UP)
    with pytest.raises(TypeError, match="caches must be unrolled.fused.lstm.Cache .* V, A, tanh_c"):
        fused.backward(lstm, P, CACHES, UP)
    with pytest.raises(ValueError, match=r"caches.V must have shape \(T \+ 1, 6, B\), got"):
        fused.backward(lstm, P, caches._replace(V=caches.V[:, :-1]), UP)
    with pytest.raises(ValueError, match=r"caches.A must be as unroll left it, got \(2, 15, 4\)"):
        fused.backward(lstm, P, caches._replace(A=caches.A[:2]), UP)
    with pytest.raises(
        ValueError, match=r"caches.tanh_c must be as unroll left it, got \(5, 3, 2\)"
    ):
        fused.backward(lstm, P, caches._replace(tanh_c=caches.tanh_c[:, :, :2]), UP)
    with pytest.raises(ValueError, match=r"caches.tanh_c must be as unroll left it, got \(\)"):
        fused.backward(lstm, P, caches._replace(tanh_c=None), UP)
    with pytest.raises(TypeError, match="p must be unrolled.cells.protocol.Params"):
        fused.backward(lstm, tuple(P), caches, UP)
    single = tree_map(np.float32, (P, UP))
    with pytest.raises(TypeError, match="caches.V must be float32 like the other arrays"):
        fused.backward(lstm, single[0], caches, single[1])
    with pytest.raises(ValueError, match=r"p.W_x must have shape \(4, H, D\) with H >= 1, got"):
        fused.backward(lstm, P._replace(W_x=P.W_x[:, :0]), caches, UP)
    with pytest.raises(TypeError, match="p.W_x must be a NumPy array, got NoneType"):
        fused.backward(lstm, P._replace(W_x=None), caches, UP)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_every_cell_refuses_mixed_dtypes_and_nan(cell):
    p, s0, xs = good(cell)
    for field in p._fields:
        with pytest.raises(TypeError, match=f"p.{field} must be float64"):
            unroll(cell, p._replace(**{field: getattr(p, field).astype("f4")}), s0, xs)
        with pytest.raises(ValueError, match=f"p.{field} must be finite"):
            unroll(cell, p._replace(**{field: with_nan(getattr(p, field))}), s0, xs)


@LOOPS
@pytest.mark.parametrize("cell", [lstm.Params, "lstm", None])
def test_what_is_not_a_cell_is_refused(loop, cell):
    with pytest.raises(TypeError, match="cell must be a cell such as unrolled.cells.lstm"):
        loop.unroll(cell, P, S, X)
    with pytest.raises(TypeError, match="cell must be a cell such as unrolled.cells.lstm"):
        loop.backward(cell, P, CACHES, UP)


@LOOPS
@pytest.mark.parametrize(
    ("kind", "missing"),
    [("Params", "W_x"), ("State", "h"), ("Cache", "x"), ("Cache", "h_prev")],
)
def test_a_cell_of_ones_own_must_have_the_fields_that_are_relied_on(loop, kind, missing):
    fields = [field for field in getattr(rnn, kind)._fields if field != missing]
    own = SimpleNamespace(**vars(rnn) | {kind: namedtuple(kind, fields)})
    with pytest.raises(TypeError, match=rf"cell.{kind} must be .* got one without {missing}"):
        loop.unroll(own, *good(rnn))


@LOOPS
def test_what_overflows_is_an_error_and_never_an_infinity(loop):
    one = np.ones((1, 1))
    p, xs = rnn_relu.Params(one, 1e200 * one, one), np.ones((4, 1, 1))
    with pytest.raises(
        OverflowError, match=r"states.h overflows float64: inf at index \(2, 0, 0\)"
    ):
        loop.unroll(rnn_relu, p, rnn_relu.zero_state(1, 1), xs)
    # Infinity less infinity, or what the kernel of BLAS makes of it: no tanh hides that.
    for cell in (rnn, rnn_relu):
        for sign in (1, -1):
            p = cell.Params(1e200 * one, sign * 1e200 * one, one)
            with pytest.raises(OverflowError, match="overflows float64"):
                loop.unroll(cell, p, cell.State(-1e200 * one), np.full((2, 1, 1), 1e200))
    with pytest.raises(OverflowError, match=r"a weight times .* are 1e\+200 and 1e\+200"):
        loop.unroll(rnn, p, rnn.zero_state(1, 1), np.full((2, 1, 1), 1e200))
    p = rnn.Params(1e100 * one, 1e100 * one, one)  # large, and right
    states, _ = loop.unroll(rnn, p, rnn.State(-1e100 * one), np.full((2, 1, 1), 2e100))
    np.testing.assert_array_equal(states.h, 1)
    p = rnn.Params(0 * one, 1e4 * one, 0 * one)
    states, caches = loop.unroll(rnn, p, rnn.zero_state(1, 1), np.zeros((100, 1, 1)))
    up = rnn.State(np.ones_like(states.h))
    with pytest.raises(OverflowError, match=r"p\.\w+ overflows float64"):
        loop.backward(rnn, p, caches, up)
    loop.backward(rnn, p, caches, up, steps=50)  # 1e200 is not too large


MODEL = init_model(lstm, np.random.default_rng(0), D, H, K)
ADAM = optimizers.adam(0.01)
TARGET = np.zeros((K, B))


def run(model=MODEL, batch=(X, TARGET), loss=readout.squared_error, optimizer=ADAM, **options):
    options = {"progress": False} | options
    return list(train(lstm, model, [batch], loss, optimizer, **options))


TRAIN = {
    "model is a tuple": ({"model": tuple(MODEL)}, TypeError, "model must be .*Model"),
    "model.cell is of another cell": (
        {"model": Model(gru.init(rng, D, H), MODEL.readout)},
        ValueError,
        r"model.cell.W_x must have shape \(4, 3, 2\)",
    ),
    "model.cell has NaN": (
        {"model": MODEL._replace(cell=P._replace(b=with_nan(P.b)))},
        ValueError,
        "model.cell.b must be finite",
    ),
    "read-out is float32": (
        {"model": MODEL._replace(readout=readout.init(rng, H, K, np.float32))},
        TypeError,
        "must be float32 like",
    ),
    "read-out has another H": (
        {"model": MODEL._replace(readout=readout.init(rng, 7, K))},
        ValueError,
        r"model.cell.W_x must have shape \(4, 7, 2\)",
    ),
    "optimizer is a number": (
        {"optimizer": 0.1},
        TypeError,
        r"optimizer must be an Optimizer .* got 0.1",
    ),
    "clip is 0": ({"clip": 0}, ValueError, "clip must be positive or None, got 0"),
    "batch is an array": (
        {"batch": X},
        TypeError,
        r"batch 1 must be \(xs, target\) or \(xs, target, lengths\)",
    ),
    "batch has four parts": (
        {"batch": (X, TARGET, [1, 2, 3, 4], None)},
        TypeError,
        r"batch 1 must be \(xs, target\) or \(xs, target, lengths\)",
    ),
    "lengths are too long": (
        {"batch": (X, TARGET, [1, 2, 3, 6])},
        ValueError,
        r"lengths must be from 1 to T = 5, got \[1, 2, 3, 6\]",
    ),
    "target of every step has no steps beside lengths": (
        {"batch": (X, TARGET, [1, 2, 3, 4]), "every_step": True},
        ValueError,
        r"target must have shape \(5, 4\) or \(5, K, 4\) beside lengths, got \(1, 4\)",
    ),
    "xs is whole numbers": (
        {"batch": (X.astype(int), TARGET)},
        TypeError,
        "xs must be float32 or float64, got int64",
    ),
    "xs is float32": (
        {"batch": (X.astype("f4"), TARGET)},
        TypeError,
        "xs must be float64 .* got float32",
    ),
    "xs has NaN": ({"batch": (with_nan(X), TARGET)}, ValueError, "xs must be finite, got nan"),
    "xs has no steps": ({"batch": (X[:0], TARGET)}, ValueError, "T >= 1"),
    "xs has no sequences": ({"batch": (X[:, :, :0], TARGET)}, ValueError, "B >= 1"),
    "target has another shape": (
        {"batch": (X, np.zeros((B, K)))},
        ValueError,
        r"target must have shape \(1, 4\), got \(4, 1\)",
    ),
    "target is whole numbers": (
        {"batch": (X, TARGET.astype(int))},
        TypeError,
        "target must be float32 or float64",
    ),
    "labels are fractions": (
        {"batch": (X, np.zeros(B)), "loss": readout.cross_entropy},
        TypeError,
        "labels must be whole numbers, got float64",
    ),
    "labels are too large": (
        {"batch": (X, np.ones(B, int)), "loss": readout.cross_entropy},
        ValueError,
        "labels must be from 0 to K - 1 = 0, got 1 to 1",
    ),
    "labels have another shape": (
        {"batch": (X, np.ones((1, B), int)), "loss": readout.cross_entropy},
        ValueError,
        r"labels must have shape \(4,\), got \(1, 4\)",
    ),
}


@pytest.mark.parametrize("wrong", TRAIN)
def test_train_refuses(wrong):
    options, error, message = TRAIN[wrong]
    with pytest.raises(error, match=message):
        run(**options)


def test_train_refuses_a_bad_model_before_the_first_batch_is_asked_for():
    with pytest.raises(TypeError, match="model must be"):
        train(lstm, None, [], readout.squared_error, ADAM)
    with pytest.raises(TypeError, match="batches must yield pairs"):
        train(lstm, MODEL, X, readout.squared_error, ADAM)


@pytest.mark.parametrize("rate", [1e100, 1e154, 1e200, 1e308])
@pytest.mark.parametrize("cell", [lstm, rnn, rnn_relu])
def test_training_that_diverges_says_so(cell, rate):
    model = init_model(cell, np.random.default_rng(0), D, H, K)
    batches = [(100 * X, 1e100 * np.ones((K, B)))] * 50
    sgd = optimizers.sgd(rate)
    with pytest.raises(FloatingPointError, match=r"^update \d: .*a smaller learning rate"):
        list(train(cell, model, batches, readout.squared_error, sgd, progress=False))


ONE = np.ones(2)


def square(a):
    return float(a @ a)


def badly_shaped(y, target):
    return 1.0, np.ones(y.shape[1:])


OTHERS = {
    "the gradient that a loss returns": (
        lambda: run(loss=badly_shaped),
        ValueError,
        r"the loss's gradient must have shape \(1, 4\), got \(4,\)",
    ),
    "the gradient that a loss returns beside lengths": (
        lambda: run(
            batch=(X, np.zeros((T, K, B)), [1, 2, 3, 4]), loss=badly_shaped, every_step=True
        ),
        ValueError,
        r"the loss's gradient must have shape \(1, 10\), got \(10,\)",
    ),
    "train: loss": (lambda: run(loss=3), TypeError, "loss must be a function .* got 3"),
    "train: clip": (lambda: run(clip="a"), TypeError, "clip must be a number, got 'a'"),
    "train: clip is a truth value": (lambda: run(clip=True), TypeError, "clip must be a number"),
    "gradcheck: tolerance": (
        lambda: gradcheck(square, ONE, 2 * ONE, tolerance=np.nan),
        ValueError,
        "tolerance must be finite, got nan",
    ),
    "gradcheck: epsilon": (
        lambda: gradcheck(square, ONE, 2 * ONE, epsilon=0),
        ValueError,
        "epsilon must be positive and above rounding, got 0",
    ),
    "gradcheck: epsilon below rounding": (
        lambda: numerical_gradient(square, ONE, 1e-30),
        ValueError,
        "epsilon must be positive and above rounding, got 1e-30",
    ),
    "gradcheck: loss": (
        lambda: numerical_gradient(lambda a: np.nan, ONE),
        ValueError,
        r"loss must be finite, got nan and nan beside params\[0\]",
    ),
    "gradcheck: gradients are float32": (
        lambda: gradcheck(square, ONE, 2 * ONE.astype("f4")),
        TypeError,
        "gradient of params must be float64, got float32",
    ),
    "gradcheck: gradients are a list": (
        lambda: gradcheck(square, ONE, [2.0, 2.0]),
        TypeError,
        "gradient of params must be float64, got list",
    ),
    "gradcheck: gradients have other fields": (
        lambda: gradcheck(lambda p: square(p.h[0]), rnn.State(np.ones((1, 2))), (ONE, ONE)),
        TypeError,
        r"gradients must have the fields \['h'\] of params, got \['0', '1'\]",
    ),
    "gradcheck: nothing to check": (
        lambda: gradcheck(lambda a: 0.0, np.ones(0), np.ones(0)),
        ValueError,
        r"params must have entries, got shape \(0,\)",
    ),
    "init: dtype is no type": (
        lambda: lstm.init(rng, D, H, "nonsense"),
        TypeError,
        "dtype must be float32 or float64, got nonsense",
    ),
    "init: rng": (lambda: lstm.init(0, D, H), TypeError, "rng must be a numpy.random.Generator"),
    "init: D": (
        lambda: gru.init(rng, 0, H),
        ValueError,
        r"length of \(3, 3, 0\) must be at least 1",
    ),
    "init: H": (lambda: rnn.init(rng, D, 2.5), TypeError, "H must be a whole number, got 2.5"),
    "init: dtype": (lambda: lstm.init(rng, D, H, int), TypeError, "float32 or float64, got int64"),
    "init_model: cell": (
        lambda: init_model("lstm", rng, D, H, K),
        TypeError,
        "cell must be a cell",
    ),
    "init_model: K": (lambda: init_model(lstm, rng, D, H, 0), ValueError, "K must be at least 1"),
    "predict: xs": (lambda: predict(lstm, MODEL, X[0]), ValueError, "xs must have shape"),
    "loss_and_gradients: target": (
        lambda: loss_and_gradients(lstm, MODEL, X, TARGET, readout.squared_error, every_step=True),
        ValueError,
        r"target must have shape \(5, 1, 4\), got \(1, 4\)",
    ),
    "linear: h": (
        lambda: readout.linear(MODEL.readout, X),
        ValueError,
        r"p.W_y must have shape \(K, 2\), got \(1, 3\)",
    ),
    "linear: h is flat": (
        lambda: readout.linear(MODEL.readout, X[0, 0]),
        ValueError,
        r"h must have shape \(H, B\), got \(4,\)",
    ),
    "linear: p": (
        lambda: readout.linear(P, STATES.h),
        TypeError,
        "p must be unrolled.readout.Params",
    ),
    "linear_backward: dy": (
        lambda: readout.linear_backward(MODEL.readout, STATES.h, TARGET),
        ValueError,
        r"dy must have shape \(5, 1, 4\), got \(1, 4\)",
    ),
    "cross_entropy: y is flat": (
        lambda: readout.cross_entropy(np.zeros(3), [1]),
        ValueError,
        r"y must have shape \(K, B\)",
    ),
    "sgd: rate": (
        lambda: optimizers.sgd(0),
        ValueError,
        "learning_rate must be positive and finite, got 0",
    ),
    "adam: rate": (
        lambda: optimizers.adam(np.inf),
        ValueError,
        "learning_rate must be positive and finite, got inf",
    ),
    "adam: beta": (
        lambda: optimizers.adam(0.1, beta_2=1),
        ValueError,
        r"beta_2 must be in \[0, 1\), got 1",
    ),
    "adam: epsilon": (
        lambda: optimizers.adam(0.1, epsilon=-1),
        ValueError,
        "epsilon must be positive and finite, got -1",
    ),
    "clip: norm": (
        lambda: optimizers.clip_by_norm(P, np.nan),
        ValueError,
        "max_norm must be positive, got nan",
    ),
    "gradcheck: float32": (
        lambda: gradcheck(np.sum, np.ones(2, "f4"), np.ones(2)),
        TypeError,
        "params must be a float64 array, got float32",
    ),
    "gradcheck: a list": (
        lambda: numerical_gradient(np.sum, [1.0]),
        TypeError,
        "params must be a float64 array, got list",
    ),
    "gradcheck: shape": (
        lambda: gradcheck(np.sum, np.ones(2), np.ones((2, 1))),
        ValueError,
        r"gradient of params must have shape \(2,\), got \(2, 1\)",
    ),
    "show: no source": (
        lambda: show(np.sin),
        TypeError,
        "show needs functions or classes written in Python",
    ),
}


@pytest.mark.parametrize("wrong", OTHERS)
def test_other_calls_refuse(wrong):
    call, error, message = OTHERS[wrong]
    with pytest.raises(error, match=message):
        call()
