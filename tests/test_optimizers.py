"""Optimizers against PyTorch's numbers and their definitions; clipping."""

from typing import NamedTuple

import numpy as np
import pytest
from helpers import assert_close, random_like
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.cells import lstm, rnn
from unrolled.optimizers import adam, clip_by_norm, clip_by_value, rmsprop, sgd
from unrolled.training import init_model
from unrolled.tree import tree_leaves

OPTIMIZERS = {
    "sgd": sgd,
    "sgd with momentum": lambda rate: sgd(rate, momentum=0.9),
    "rmsprop": rmsprop,
    "rmsprop with momentum": lambda rate: rmsprop(rate, momentum=0.9),
    "adam": adam,
}

# Three parameters in float64 after each of four updates with given gradients, from PyTorch 2.13:
#     p = torch.tensor(START, dtype=torch.float64, requires_grad=True)
#     for g in GRADIENTS: p.grad = torch.tensor(g, dtype=torch.float64); optimizer.step()
# with torch.optim.SGD(lr=0.1), SGD(lr=0.1, momentum=0.9), RMSprop(lr=0.1) (whose alpha is 0.99),
# RMSprop(lr=0.1, alpha=0.9, eps=0.01), the same with momentum=0.8, Adam(lr=0.1),
# Adam(lr=0.1, betas=(0.8, 0.95), eps=0.01). An epsilon as large as 0.01 shows where it stands.
START = [1.0, -2.0, 0.5]
GRADIENTS = [[0.5, -1.0, 0.0], [-0.25, 3.0, 1e-3], [2.0, 0.1, -0.7], [0.5, 0.5, 0.5]]
TORCH = {
    "sgd": (sgd(0.1), [
        [0.95, -1.9, 0.5],
        [0.975, -2.2, 0.4999],
        [0.775, -2.21, 0.5699],
        [0.725, -2.26, 0.5199],
    ]),
    "sgd with momentum": (sgd(0.1, momentum=0.9), [
        [0.95, -1.9, 0.5],
        [0.93, -2.11, 0.4999],
        [0.712, -2.309, 0.56981],
        [0.4658, -2.5381, 0.582729],
    ]),
    "rmsprop": (rmsprop(0.1, decay=0.99), [
        [1.99999960481811e-07, -1.00000009999999, 0.5],
        [0.449013374421751, -1.94915806572246, -0.499900009999],
        [-0.514699322030245, -1.98093999050618, 0.500098836941615],
        [-0.750040182201918, -2.13865143710784, -0.0830728795653598],
    ]),
    "rmsprop, large epsilon": (rmsprop(0.1, epsilon=0.01), [
        [0.702582564240122, -1.69346569968284, 0.5],
        [0.841813148514234, -1.99197689387618, 0.490306534300317],
        [0.539967812444992, -2.00245404956908, 0.792865788589379],
        [0.462923098112757, -2.05681161571041, 0.609627639469587],
    ]),
    "rmsprop with momentum": (rmsprop(0.1, decay=0.9, epsilon=0.01, momentum=0.8), [
        [0.702582564240123, -1.69346569968284, 0.5],
        [0.603879199906332, -1.74674945362246, 0.490306534300317],
        [0.223071172370057, -1.79985361246705, 0.785111016029633],
        [-0.158619963991197, -1.89669450568405, 0.837716452293293],
    ]),
    "adam": (adam(0.1), [
        [0.900000002, -1.900000001, 0.5],
        [0.873366298707846, -1.94941898410874, 0.42558736973369],
        [0.806301534529153, -1.9896211009249, 0.489386529882596],
        [0.739283639434301, -2.03122828693485, 0.49811681930369],
    ]),
    "adam, other settings": (adam(0.1, beta_1=0.8, beta_2=0.95, epsilon=0.01), [
        [0.901960784313726, -1.9009900990099, 0.5],
        [0.881243069826005, -1.95485893348714, 0.494815699886706],
        [0.81092702851349, -1.99648400929862, 0.562326286659266],
        [0.742628658778993, -2.03888881593828, 0.56680315010301],
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", TORCH)
def test_each_takes_pytorchs_steps(name):
    optimizer, expected = TORCH[name]
    p = np.array(START)
    memory = optimizer.init(p)
    for g, after in zip(GRADIENTS, expected, strict=True):
        p, memory = optimizer.update(p, np.array(g), memory)
        assert_close(p, np.array(after), 1e-14)


def test_sgd_and_adam_take_the_steps_of_their_definition():
    rng = np.random.default_rng(0)
    p = rnn.init(rng, 2, 3)
    g_1, g_2 = random_like(rng, p), random_like(rng, p)

    q, memory = sgd(0.1).update(p, g_1, sgd(0.1).init(p))
    assert memory is None
    for a, b, c in zip(q, p, g_1, strict=True):
        assert_close(a, b - 0.1 * c, 1e-15)

    optimizer = adam(0.1, beta_1=0.8, beta_2=0.9, epsilon=1e-3)
    memory = optimizer.init(p)
    once, memory = optimizer.update(p, g_1, memory)
    twice, memory = optimizer.update(once, g_2, memory)
    for a, b, c, d, e in zip(p, once, twice, g_1, g_2, strict=True):
        assert_close(b, a - 0.1 * d / (np.abs(d) + 1e-3), 1e-12)
        m = (0.8 * 0.2 * d + 0.2 * e) / (1 - 0.8**2)
        v = (0.9 * 0.1 * d**2 + 0.1 * e**2) / (1 - 0.9**2)
        assert_close(c, b - 0.1 * m / (np.sqrt(v) + 1e-3), 1e-12)
    assert memory.steps == 2


def test_momentum_follows_a_steady_gradient_at_the_rate_over_one_minus_momentum():
    optimizer, p, g = sgd(0.01, momentum=0.75), np.zeros(2), np.array([1.0, -2.0])
    memory = optimizer.init(p)
    for _ in range(200):
        before = p
        p, memory = optimizer.update(p, g, memory)
    assert_close(p - before, -0.04 * g, 1e-12)


@pytest.mark.parametrize("name", ["rmsprop", "adam"])
def test_the_scale_of_the_gradient_does_not_matter_to_those_that_divide_by_it(name):
    rng = np.random.default_rng(0)
    gradients = rng.standard_normal((20, 5))
    ends = []
    for scale in (1.0, 1000.0):
        optimizer, p = OPTIMIZERS[name](0.1), np.zeros(5)
        memory = optimizer.init(p)
        for g in gradients:
            p, memory = optimizer.update(p, scale * g, memory)
        ends.append(p)
    assert_close(ends[0], ends[1], 1e-6)
    assert np.abs(ends[0]).min() > 0.01


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_whole_model_moves_as_its_fields_alone_and_nothing_passed_in_is_changed(name, dtype):
    """Also with a rate that is a NumPy number, which would turn float32 into float64."""
    rng = np.random.default_rng(0)
    model = init_model(lstm, rng, 2, 3, 1, dtype)
    gradients = type(model)(*(random_like(rng, part) for part in model))
    optimizer = OPTIMIZERS[name](np.float64(0.05))
    before = [a.copy() for _, a in (*tree_leaves(model), *tree_leaves(gradients))]
    memory = optimizer.init(model)
    first, memory = optimizer.update(model, gradients, memory)
    second, _ = optimizer.update(first, gradients, memory)
    second_again, _ = optimizer.update(first, gradients, memory)
    for (_, a), b in zip((*tree_leaves(model), *tree_leaves(gradients)), before, strict=True):
        assert np.array_equal(a, b)
    for (_, p), (_, g), (_, q), (_, q_again) in zip(
        *map(tree_leaves, (model, gradients, second, second_again)), strict=True
    ):
        alone, memory = p, optimizer.init(p)
        for _ in range(2):
            alone, memory = optimizer.update(alone, g, memory)
        assert q.dtype == dtype
        assert np.array_equal(q, alone)
        assert np.array_equal(q, q_again)
        assert not np.array_equal(q, p)


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_clipping_keeps_the_direction_and_caps_the_joint_norm(scale, most, seed):
    rng = np.random.default_rng(seed)
    g = random_like(rng, init_model(lstm, rng, 2, 3, 1).cell, scale)
    clipped, norm = clip_by_norm(g, most)
    flat = np.concatenate([a.ravel() for a in g])
    flat_clipped = np.concatenate([a.ravel() for a in clipped])
    assert_close(norm, np.linalg.norm(flat), 1e-12)
    assert_close(flat_clipped, flat * min(1, most / norm), 1e-12)


def test_clipping_by_value_cuts_each_entry_and_so_turns_the_gradient():
    g = rnn.Params(np.array([[0.1, -7.0]]), np.array([[0.5]]), np.array([[-0.5]]))
    clipped = clip_by_value(g, 0.5)
    assert [a.tolist() for a in clipped] == [[[0.1, -0.5]], [[0.5]], [[-0.5]]]
    assert g.W_x[0, 1] == -7
    flat, cut = (np.concatenate([a.ravel() for a in tree]) for tree in (g, clipped))
    kept = np.concatenate([a.ravel() for a in clip_by_norm(g, 0.5)[0]])

    def cosine(a, b):
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    assert_close(cosine(flat, kept), 1.0, 1e-12)
    assert cosine(flat, cut) < 0.7


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipping_keeps_the_dtype(dtype):
    g = rnn.Params(*(np.full(n, 3, dtype) for n in ((1, 2), (1, 1), (1, 1))))
    for clipped in (clip_by_value(g, np.float64(0.1)), clip_by_norm(g, np.float64(0.1))[0]):
        assert {a.dtype for a in clipped} == {np.dtype(dtype)}


class Extra(NamedTuple):
    W_x: np.ndarray
    W_h: np.ndarray
    b: np.ndarray
    more: np.ndarray


P = rnn.init(np.random.default_rng(0), 2, 3)


def update(gradients, optimizer=None):
    optimizer = optimizer or adam(0.1)
    return optimizer.update(P, gradients, optimizer.init(P))


BIG = (np.full(3, 1e20, np.float32),)
FOUR = (np.full(4, 1.7e308),)


def step_of(optimizer, gradients, memory=...):
    params = tuple(np.ones_like(g) for g in gradients)
    return optimizer.update(params, gradients, optimizer.init(params) if memory is ... else memory)


WRONG = {
    "update: NaN": (
        lambda: step_of(sgd(0.1), (np.array([np.nan, 1.0]),)),
        ValueError,
        "gradient of 0 must be finite, got NaN or infinity",
    ),
    "adam: a square overflows": (
        lambda: step_of(adam(0.1), BIG),
        OverflowError,
        r"square of gradients.0 overflows float32: inf at index \(0,\)",
    ),
    "rmsprop: a square overflows": (
        lambda: step_of(rmsprop(0.1), BIG),
        OverflowError,
        "square of gradients.0 overflows float32",
    ),
    "adam: no memory": (
        lambda: step_of(adam(0.1), (np.ones(2),), None),
        TypeError,
        "memory must be unrolled.optimizers.AdamMemory .* got NoneType",
    ),
    "rmsprop: memory of another": (
        lambda: step_of(rmsprop(0.1), (np.ones(2),), adam(0.1).init((np.ones(2),))),
        TypeError,
        "memory must be unrolled.optimizers.RMSPropMemory .* got AdamMemory",
    ),
    "clip_by_norm: NaN beside finite ones": (
        lambda: clip_by_norm((np.zeros(3), np.array([np.nan, 1.0])), 1.0),
        ValueError,
        r"gradients.1 must be finite, got nan at index \(0,\)",
    ),
    "clip_by_norm: infinity": (
        lambda: clip_by_norm((np.array([1.0, np.inf]),), 1.0),
        ValueError,
        r"gradients.0 must be finite, got inf at index \(1,\)",
    ),
    "clip_by_norm: the norm overflows": (
        lambda: clip_by_norm(FOUR, 1.0),
        ValueError,
        "the norm of gradients must be at most 1.8e",
    ),
    "sgd: rate is 0": (lambda: sgd(0), ValueError, "learning_rate must be positive and .*, got 0"),
    "sgd: rate is text": (
        lambda: sgd("0.1"),
        TypeError,
        "learning_rate must be a number, got '0.1'",
    ),
    "sgd: momentum": (
        lambda: sgd(0.1, 1),
        ValueError,
        r"momentum must be in \[0, 1\), got 1",
    ),
    "sgd: momentum is a truth value": (
        lambda: sgd(0.1, True),
        TypeError,
        "momentum must be a number, got True",
    ),
    "rmsprop: rate": (
        lambda: rmsprop(np.nan),
        ValueError,
        "learning_rate must be positive and finite, got nan",
    ),
    "rmsprop: decay": (
        lambda: rmsprop(0.1, decay=-0.1),
        ValueError,
        r"decay must be in \[0, 1\), got -0.1",
    ),
    "rmsprop: epsilon": (
        lambda: rmsprop(0.1, epsilon=0),
        ValueError,
        "epsilon must be positive and finite, got 0",
    ),
    "rmsprop: momentum": (
        lambda: rmsprop(0.1, momentum=np.nan),
        ValueError,
        r"momentum must be in \[0, 1\), got nan",
    ),
    "adam: beta": (
        lambda: adam(0.1, beta_1=1.0),
        ValueError,
        r"beta_1 must be in \[0, 1\), got 1.0",
    ),
    "adam: beta is None": (
        lambda: adam(0.1, beta_2=None),
        TypeError,
        "beta_2 must be a number, got None",
    ),
    "update: shape": (
        lambda: update(P._replace(W_h=P.W_h[:1, :1])),
        ValueError,
        r"gradient of W_h must have shape \(3, 3\), got \(1, 1\)",
    ),
    "update: dtype": (
        lambda: update(P._replace(b=P.b.astype("f4")), sgd(0.1)),
        TypeError,
        "gradient of b must be float64, got float32",
    ),
    "update: not an array": (
        lambda: update(P._replace(b=0.0), rmsprop(0.1)),
        TypeError,
        "gradient of b must be float64, got float",
    ),
    "update: a field too many": (
        lambda: update(Extra(*P, P.b)),
        TypeError,
        "gradients must have the fields of params, got also more",
    ),
    "clip_by_norm: 0": (
        lambda: clip_by_norm(P, 0),
        ValueError,
        "max_norm must be positive, got 0",
    ),
    "clip_by_norm: None": (
        lambda: clip_by_norm(P, None),
        TypeError,
        "max_norm must be a number, got None",
    ),
    "clip_by_value: negative": (
        lambda: clip_by_value(P, -1),
        ValueError,
        "max_value must be positive, got -1",
    ),
    "clip_by_value: text": (
        lambda: clip_by_value(P, "1"),
        TypeError,
        "max_value must be a number, got '1'",
    ),
    "clip_by_value: infinity": (
        lambda: clip_by_value(P._replace(b=np.full((3, 1), np.inf)), 1),
        ValueError,
        r"gradients.b must be finite, got inf at index \(0, 0\)",
    ),
    "clip_by_value: a list": (
        lambda: clip_by_value([1.0], 1),
        TypeError,
        "gradients must be a NumPy array, got list",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_calls_are_refused(wrong):
    call, error, message = WRONG[wrong]
    with pytest.raises(error, match=message):
        call()
