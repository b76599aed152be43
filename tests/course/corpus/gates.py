"""Right and wrong submissions of "How gates beat the vanishing gradient"."""

from . import Change, edited

RIGHT = {
    "the solution": Change(),
    "lists and loops": Change(answers={
        "forward": """\
def rnn_forward(p, h_0, xs):
    T, H, B = len(xs), *h_0.shape
    hs = np.zeros((T, H, B))
    h = h_0
    for t in range(T):
        new = np.zeros((H, B))
        for k in range(H):
            for j in range(B):
                new[k, j] = np.tanh(
                    sum(p.W_x[k, d] * xs[t, d, j] for d in range(xs.shape[1]))
                    + sum(p.W_h[k, m] * h[m, j] for m in range(H))
                    + p.b[k, 0]
                )
        hs[t] = h = new
    return hs""",
        "path": """\
def direct_path(f):
    return np.array([np.prod(f[t + 1:], axis=0) for t in range(len(f))])""",
    }),
    "all steps of the input at once": Change(answers={
        "forward": """\
def rnn_forward(p, h_0, xs):
    below = p.W_x @ xs + p.b
    hs, h = np.empty_like(below), h_0
    for t, a in enumerate(below):
        h = hs[t] = np.tanh(a + p.W_h @ h)
    return hs""",
        "backward": """\
def rnn_backward(p, h_0, xs, hs, dhs):
    da, dh = np.empty_like(hs), 0
    for t in range(len(xs))[::-1]:
        da[t] = (dhs[t] + dh) * (1 - hs[t] ** 2)
        dh = p.W_h.T @ da[t]
    before = np.concatenate([h_0[None], hs[:-1]])
    dW_x = (da @ xs.mT).sum(axis=0)
    dW_h = (da @ before.mT).sum(axis=0)
    return Params(dW_x, dW_h, da.sum(axis=(0, 2))[:, None]), dh""",
    }),
    "einsum": Change(answers={
        "backward": """\
def rnn_backward(p, h_0, xs, hs, dhs):
    before = np.concatenate([h_0[None], hs[:-1]])
    da, dh = np.zeros_like(hs), np.zeros_like(h_0)
    for t in reversed(range(len(xs))):
        da[t] = (dhs[t] + dh) * (1 - hs[t] * hs[t])
        dh = np.einsum("hk,hb->kb", p.W_h, da[t])
    dW_x = np.einsum("thb,tdb->hd", da, xs)
    dW_h = np.einsum("thb,tkb->hk", da, before)
    return Params(dW_x, dW_h, np.einsum("thb->h", da)[:, None]), dh""",
    }),
    "a recursion": Change(answers={
        "forward": """\
def rnn_forward(p, h_0, xs):
    if len(xs) == 0:
        return np.empty((0, *h_0.shape))
    h = np.tanh(p.W_x @ xs[0] + p.W_h @ h_0 + p.b)
    return np.concatenate([h[None], rnn_forward(p, h, xs[1:])])""",
    }),
    "other names": Change(answers={
        "backward": """\
def rnn_backward(weights, start, inputs, states, losses):
    u, w, _ = weights
    gu, gw, gb, arriving = 0, 0, 0, 0
    previous = [start, *states[:-1]]
    for now, before, state, loss in list(zip(inputs, previous, states, losses))[::-1]:
        inner = (arriving + loss) * (1 - state**2)
        gu, gw = gu + inner @ now.T, gw + inner @ before.T
        gb = gb + inner.sum(axis=1, keepdims=True)
        arriving = w.T @ inner
    return (gu, gw, gb), arriving""",
    }),
    "float32 throughout": Change(answers={
        "forward": """\
def rnn_forward(p, h_0, xs):
    W_x, W_h, b = (np.asarray(one, "f4") for one in p)
    h, hs = np.asarray(h_0, "f4"), []
    for x in np.asarray(xs, "f4"):
        h = np.tanh(W_x @ x + W_h @ h + b)
        hs.append(h)
    return np.array(hs)""",
    }),
    "singular values": Change(answers={
        "norms": """\
def gradient_norms(J):
    T, n = J.shape[:2]
    norms, P = np.ones(T), np.eye(n)
    for t in range(T - 1, 0, -1):
        P = P @ J[t]
        norms[t - 1] = np.linalg.svd(P, compute_uv=False)[0]
    return norms""",
    }),
    "products from the front": Change(answers={
        "norms": """\
def gradient_norms(J):
    def product(t):
        P = np.eye(J.shape[1])
        for step in J[t + 1:]:
            P = step @ P
        return np.sqrt(np.linalg.eigvalsh(P.T @ P)[-1])
    return np.array([product(t) for t in range(len(J))])""",
    }),
    "cumulative products": Change(answers={
        "path": """\
def direct_path(f):
    after = np.concatenate([f[1:], np.ones_like(f[:1])])
    return np.cumprod(after[::-1], axis=0)[::-1]""",
    }),
    "in place, on copies": Change(answers={
        "path": """\
def direct_path(f):
    path = f.copy()
    path[:-1] = path[1:]
    path[-1] = 1
    for t in range(len(f) - 2, -1, -1):
        path[t] *= path[t + 1]
    return path""",
    }),
    "a relative check": Change(answers={
        "check": """\
def is_right(way_back, p, h_0, xs, dhs):
    def L(W_x, W_h, b, h):
        return (dhs * rnn_forward(Params(W_x, W_h, b), h, xs)).sum()

    (dW_x, dW_h, db), dh_0 = way_back(p, h_0, xs, rnn_forward(p, h_0, xs), dhs)
    parts = [one.copy() for one in (p.W_x, p.W_h, p.b, h_0)]
    eps = 1e-6
    worst = 0
    for number, gradient in enumerate((dW_x, dW_h, db, dh_0)):
        numerical = np.zeros_like(parts[number])
        for k in np.ndindex(numerical.shape):
            up, down = [one.copy() for one in parts], [one.copy() for one in parts]
            up[number][k] += eps
            down[number][k] -= eps
            numerical[k] = (L(*up) - L(*down)) / (2 * eps)
        worst = max(worst, np.abs(numerical - gradient).max() / (np.abs(numerical).max() + 1e-12))
    return worst < 1e-5""",
    }),
    "measured one by one": Change(answers={
        "measure": """\
log_rnn = np.log10(gradient_norms(jacobians_of("rnn"))[0])
log_gru = np.log10(gradient_norms(jacobians_of("gru"))[0])
log_lstm = float(np.log10(gradient_norms(jacobians_of("lstm"))[0]))""",
    }),
    "the culprit with a longer sequence": edited("culprit", "size=(5,", "size=(9,"),
    "plots of its own": Change(cells={"measure": ["import matplotlib.pyplot as plt\nplt.plot([1, 2])", "raise ValueError('a try')"]}),
}  # fmt: skip

WRONG = {
    "forward: no bias": edited("forward", " + p.b", ""),
    "forward: h_0 ignored": edited("forward", "h, hs = h_0, []", "h, hs = 0 * h_0, []"),
    "forward: with h_0": edited("forward", "np.stack(hs)", "np.stack([h_0, *hs])"),
    "forward: W_h transposed": edited("forward", "p.W_h @ h", "p.W_h.T @ h"),
    "forward: sigma": edited("forward", "np.tanh(p.W_x @ x + p.W_h @ h + p.b)", "1 / (1 + np.exp(-(p.W_x @ x + p.W_h @ h + p.b)))"),
    "forward: the last alone": edited("forward", "np.stack(hs)", "hs[-1]"),
    "forward: backwards in time": edited("forward", "in xs", "in xs[::-1]"),
    "forward: no memory": edited("forward", "h = np.tanh(p.W_x @ x + p.W_h @ h + p.b)", "h = np.tanh(p.W_x @ x + p.W_h @ h_0 + p.b)"),
    "forward: not squashed": edited("forward", "np.tanh(p.W_x @ x + p.W_h @ h + p.b)", "p.W_x @ x + p.W_h @ h + p.b"),
    "backward: W_h for its transpose": edited("backward", "p.W_h.T @ da", "p.W_h @ da"),
    "backward: no sum over time": edited("backward", "dW_h += da", "dW_h[:] = da"),
    "backward: the last loss alone": edited("backward", "(dh + dhs[t])", "(dh + dhs[t] * (t == len(xs) - 1))"),
    "backward: nothing from later steps": edited("backward", "(dh + dhs[t])", "dhs[t]"),
    "backward: no tanh'": edited("backward", " * (1 - hs[t] ** 2)", ""),
    "backward: tanh' of the step before": edited("backward", "hs[t] ** 2", "hs[t - 1] ** 2"),
    "backward: the new state in dW_h": edited("backward", "(hs[t - 1] if t > 0 else h_0).T", "hs[t].T"),
    "backward: h_0 forgotten": edited("backward", "(hs[t - 1] if t > 0 else h_0).T", "(hs[t - 1] if t > 0 else 0 * h_0).T"),
    "backward: wraps round to the last state": edited("backward", "(hs[t - 1] if t > 0 else h_0).T", "hs[t - 1].T"),
    "backward: bias not summed over columns": edited("backward", "da.sum(axis=1, keepdims=True)", "da[:, :1]"),
    "backward: truncated": edited("backward", "for t in reversed(range(len(xs))):", "for t in reversed(range(1, len(xs))):"),
    "backward: forwards in time": edited("backward", "reversed(range(len(xs)))", "range(len(xs))"),
    "backward: mean over time": edited("backward", "Params(dW_x, dW_h, db)", "Params(*(one / len(xs) for one in (dW_x, dW_h, db)))"),
    "backward: no dh_0": edited("backward", ", db), dh", ", db)"),
    "norms: order of the product": edited("norms", "P = P @ step", "P = step @ P"),
    "norms: product of norms": edited("norms", "P = P @ step", "P = P * np.linalg.norm(step, 2)"),
    "norms: Frobenius": edited("norms", "np.linalg.norm(P, 2)", "np.linalg.norm(P)"),
    "norms: the other way round": edited("norms", "np.array(norms[::-1])", "np.array(norms)"),
    "norms: a step late": edited("norms", "norms.append(np.linalg.norm(P, 2))\n        P = P @ step", "P = P @ step\n        norms.append(np.linalg.norm(P, 2))"),
    "norms: eigenvalues": edited("norms", "np.linalg.norm(P, 2)", "np.abs(np.linalg.eigvals(P)).max()"),
    "norms: logarithm": edited("norms", "np.array(norms[::-1])", "np.log10(norms[::-1])"),
    "measure: natural logarithm": edited("measure", "np.log10", "np.log"),
    "measure: no logarithm": edited("measure", "np.log10(gradient_norms(jacobians_of(name))[0])", "gradient_norms(jacobians_of(name))[0]"),
    "measure: over one step less": edited("measure", "[0])", "[1])"),
    "measure: cells swapped": edited("measure", "log_rnn, log_gru, log_lstm", "log_gru, log_rnn, log_lstm"),
    "measure: two of three": edited("measure", '("rnn", "gru", "lstm")', '("rnn", "gru")'),
    "path: with step t's own": edited("path", "path[t + 1] * f[t + 1]", "path[t + 1] * f[t]"),
    "path: from the start": edited("path", "reversed(range(len(f) - 1))", "range(len(f) - 1)"),
    "path: the last is f": edited("path", "np.ones_like(f)", "f.copy()"),
    "path: a sum": edited("path", "path[t + 1] * f[t + 1]", "path[t + 1] + f[t + 1]"),
    "path: the whole product": edited("path", "return path", "return path * 0 + path[0]"),
    "path: on the argument": edited("path", "path = np.ones_like(f)", "path = f; path[-1] = 1"),
    "check: always true": edited("check", "return False", "return True"),
    "check: never true": edited("check", "    return True", "    return False"),
    "check: bias alone": edited("check", "zip(parts, (*dp, dh_0), strict=True)", "list(zip(parts, (*dp, dh_0)))[2:3]"),
    "check: W_x alone": edited("check", "zip(parts, (*dp, dh_0), strict=True)", "list(zip(parts, (*dp, dh_0)))[:1]"),
    "check: far too tight": edited("check", "> 1e-5:", "> 1e-16:"),
    "check: far too wide": edited("check", "> 1e-5:", "> 1e5:"),
    "check: one step": edited("check", "hs = rnn_forward(p, h_0, xs)", "xs, dhs = xs[:1], dhs[:1]\n    hs = rnn_forward(p, h_0, xs)"),
    "check: a coarse step": edited("check", "1e-5\n", "1.0\n"),
    "check: says it in words": edited("check", "return False", 'return "no"'),
    "check: the last loss alone": edited("check", "np.sum(dhs *", "np.sum((dhs * (np.arange(len(dhs)) == len(dhs) - 1)[:, None, None]) *"),
    "culprit: another": edited("culprit", "(culprit,) = (\n    name for name in ways if not", "culprit = next(\n    name for name in ways if"),
    "culprit: a number": Change(answers={"culprit": "culprit = 2"}),
    "culprit: a small letter": Change(answers={"culprit": "culprit = 'abc'[0]"}),
    "culprit: not defined": Change(answers={"culprit": "answer = 'B'"}),
}  # fmt: skip
