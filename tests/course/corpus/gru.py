"""Right and wrong submissions of "The GRU's elegant simplification"."""

from . import Change, edited

RIGHT = {
    "the solution": Change(),
    "a loop over units": Change(answers={
        "gates": """\
def gru_gates(p, h_prev, x):
    H, B = h_prev.shape
    z, r = np.empty((H, B)), np.empty((H, B))
    for out, g in ((z, 0), (r, 1)):
        for k in range(H):
            a = p.W_x[g, k] @ x + p.W_h[g, k] @ h_prev + p.b[g, k]
            out[k] = 1 / (1 + np.exp(-a))
    return z, r""",
        "blend": """\
def gru_blend(z, h_prev, h_tilde):
    h = np.empty_like(h_prev)
    for k in np.ndindex(h.shape):
        h[k] = (1 - z[k]) * h_prev[k] + z[k] * h_tilde[k]
    return h""",
    }),
    "einsum": Change(answers={
        "step": """\
def gru_step(p, h_prev, x):
    z, r = gru_gates(p, h_prev, x)
    a = np.einsum("hd,db->hb", p.W_x[2], x) + np.einsum("hk,kb->hb", p.W_h[2], r * h_prev) + p.b[2]
    return gru_blend(z, h_prev, np.tanh(a))""",
        "step-backward": """\
def gru_step_backward(p, h_prev, x, dh):
    z, r = gru_gates(p, h_prev, x)
    n = np.tanh(p.W_x[2] @ x + p.W_h[2] @ (r * h_prev) + p.b[2])
    az = dh * (n - h_prev) * z * (1 - z)
    an = dh * z * (1 - n * n)
    q = np.einsum("hk,hb->kb", p.W_h[2], an)
    ar = q * h_prev * r * (1 - r)
    a = np.array([az, ar, an])
    dW_x = np.einsum("ghb,db->ghd", a, x)
    dW_h = np.array([np.einsum("hb,kb->hk", one, v) for one, v in zip(a, (h_prev, h_prev, r * h_prev))])
    db = np.einsum("ghb->gh", a)[..., None]
    back = np.einsum("ghk,ghb->kb", p.W_h[:2], a[:2])
    return Params(dW_x, dW_h, db), back + q * r + dh * (1 - z), np.einsum("ghd,ghb->db", p.W_x, a)""",
    }),
    "the blend as a correction": edited("blend", "(1 - z) * h_prev + z * h_tilde", "h_prev + z * (h_tilde - h_prev)"),
    "other names": Change(answers={
        "step": """\
def gru_step(weights, old, now):
    u, w, b = weights
    update, reset = gru_gates(weights, old, now)
    new = np.tanh(u[2] @ now + w[2] @ (reset * old) + b[2])
    return update * new + old - update * old""",
    }),
    "a helper in a cell of its own": Change(
        cells={"gates": ["def sigma(a):\n    return 1 / (1 + np.exp(-a))"]},
        answers={"gates": """\
def gru_gates(p, h_prev, x):
    return [sigma(p.W_x[g] @ x + p.W_h[g] @ h_prev + p.b[g]) for g in (0, 1)]"""},
    ),
    "float32 throughout": Change(answers={
        "gates": """\
def gru_gates(p, h_prev, x):
    W_x, W_h, b, h, v = (np.asarray(one, "f4") for one in (*p, h_prev, x))
    s = 1 / (1 + np.exp(-(W_x @ v + W_h @ h + b)))
    return s[0].astype("f4"), s[1].astype("f4")""",
        "blend-backward": """\
def gru_blend_backward(z, h_prev, h_tilde, dh):
    z, h, n, d = (one.astype(np.float32) for one in (z, h_prev, h_tilde, dh))
    return d * n - d * h, d - d * z, d * z""",
    }),
    "in place, on copies": Change(answers={
        "blend": """\
def gru_blend(z, h_prev, h_tilde):
    h = np.array(h_prev)
    h *= 1 - z
    h += z * h_tilde
    return h""",
        "conventions": """\
def to_other_convention(p):
    W_x, W_h, b = (one.copy() for one in p)
    for one in (W_x, W_h, b):
        one[0] *= -1
    return Params(W_x, W_h, b)""",
    }),
    "plain tuples": Change(answers={
        "conventions": """\
def to_other_convention(p):
    return tuple(np.concatenate([-one[:1], one[1:]]) for one in p)""",
    }),
    "after, with a fold": Change(answers={
        "step-after": """\
def gru_step_after(p, h_prev, x):
    z, r = gru_gates(p, h_prev, x)
    below = p.W_h[2].dot(h_prev)
    below = below + p.b_hn
    n = np.tanh(p.W_x[2].dot(x) + p.b[2] + np.multiply(r, below))
    return h_prev - z * h_prev + z * n""",
    }),
    "after, written out": Change(answers={
        "step-after": """\
def gru_step_after(p, h_prev, x):
    a = p.W_x @ x + p.b
    u = p.W_h @ h_prev
    s = lambda v: 1 / (1 + np.exp(-v))
    z, r = s(a[0] + u[0]), s(a[1] + u[1])
    return (1 - z) * h_prev + z * np.tanh(a[2] + r * (u[2] + p.b_hn))""",
    }),
    "half-life by base 2": edited("memory", "np.log(0.5) / np.log(1 - z)", "-1 / np.log2(1 - z)"),
    "half-life by log1p": edited("memory", "np.log(0.5) / np.log(1 - z)", "-np.log(2) / np.log1p(-z)"),
    "prints and plots that fail": Change(cells={"step": ["import nothing_at_all", "print('still here')"]}),
}  # fmt: skip

WRONG = {
    "blend: z for the old": edited("blend", "(1 - z) * h_prev + z * h_tilde", "z * h_prev + (1 - z) * h_tilde"),
    "blend: not convex": edited("blend", "(1 - z) * h_prev", "h_prev"),
    "blend: tanh on top": edited("blend", "return (1 - z) * h_prev + z * h_tilde", "return np.tanh((1 - z) * h_prev + z * h_tilde)"),
    "blend: one z for all units": edited("blend", "(1 - z) * h_prev + z * h_tilde", "(1 - z.mean()) * h_prev + z.mean() * h_tilde"),
    "blend: nothing returned": edited("blend", "return (1", "h = (1"),
    "gates: no bias": edited("gates", " + p.b[:2]", ""),
    "gates: z and r swapped": edited("gates", "return z, r", "return r, z"),
    "gates: tanh": edited("gates", "1 / (1 + np.exp(-a))", "np.tanh(a)"),
    "gates: 1 - z": edited("gates", "return z, r", "return 1 - z, r"),
    "gates: 1 - r": edited("gates", "return z, r", "return z, 1 - r"),
    "gates: W_h transposed": edited("gates", "p.W_h[:2] @ h_prev", "p.W_h[:2].mT @ h_prev"),
    "gates: last two rows": edited("gates", "[:2]", "[1:]"),
    "gates: no recurrence": edited("gates", " + p.W_h[:2] @ h_prev", ""),
    "gates: a third value": edited("gates", "return z, r", "return z, r, a"),
    "step: convention flipped": edited("step", "gru_blend(z,", "gru_blend(1 - z,"),
    "step: reset after": edited("step", "p.W_h[2] @ (r * h_prev)", "r * (p.W_h[2] @ h_prev)"),
    "step: no reset": edited("step", "r * h_prev", "h_prev"),
    "step: z resets": edited("step", "r * h_prev", "z * h_prev"),
    "step: sigma for tanh": edited("step", "np.tanh(a)", "1 / (1 + np.exp(-a))"),
    "step: no bias of the candidate": edited("step", " + p.b[2]", ""),
    "step: candidate alone": edited("step", "gru_blend(z, h_prev, np.tanh(a))", "np.tanh(a)"),
    "step: W_hh transposed": edited("step", "p.W_h[2] @", "p.W_h[2].T @"),
    "step: old and new swapped": edited("step", "z, h_prev, np.tanh(a)", "z, np.tanh(a), h_prev"),
    "step-after: reset before": edited("step-after", "r * (p.W_h[2] @ h_prev + p.b_hn)", "p.W_h[2] @ (r * h_prev) + p.b_hn"),
    "step-after: b_hn outside": edited("step-after", "r * (p.W_h[2] @ h_prev + p.b_hn)", "r * (p.W_h[2] @ h_prev) + p.b_hn"),
    "step-after: b_hn forgotten": edited("step-after", " + p.b_hn", ""),
    "step-after: b inside": edited("step-after", "p.W_x[2] @ x + p.b[2] + r * (p.W_h[2]", "p.W_x[2] @ x + r * (p.b[2] + p.W_h[2]"),
    "step-after: convention flipped": edited("step-after", "gru_blend(z,", "gru_blend(1 - z,"),
    "step-after: the step of part 4": edited("step-after", "return gru_blend", "return gru_step(p, h_prev, x)\n    return gru_blend"),
    "blend-backward: sign of dz": edited("blend-backward", "h_tilde - h_prev", "h_prev - h_tilde"),
    "blend-backward: z and 1 - z": edited("blend-backward", "dh * (1 - z), dh * z", "dh * z, dh * (1 - z)"),
    "blend-backward: sigma's derivative too": edited("blend-backward", "dh * (h_tilde - h_prev)", "dh * (h_tilde - h_prev) * z * (1 - z)"),
    "blend-backward: dz of the candidate alone": edited("blend-backward", "h_tilde - h_prev", "h_tilde"),
    "blend-backward: summed over columns": edited("blend-backward", "dh * z\n", "(dh * z).sum(axis=1, keepdims=True)\n"),
    "step-backward: path through r missing": edited("step-backward", " + p.W_h[1].T @ da[1]", ""),
    "step-backward: path through z missing": edited("step-backward", " + p.W_h[0].T @ da[0]", ""),
    "step-backward: path through the candidate missing": edited("step-backward", " + drh * r", ""),
    "step-backward: direct path missing": edited("step-backward", "dh_prev = dh_prev + drh * r", "dh_prev = drh * r"),
    "step-backward: W_hh for its transpose": edited("step-backward", "p.W_h[2].T @ da_h", "p.W_h[2] @ da_h"),
    "step-backward: dW_hh without the reset": edited("step-backward", "da_h @ (r * h_prev).T", "da_h @ h_prev.T"),
    "step-backward: reset after": edited("step-backward", "drh * h_prev * r", "da_h * (p.W_h[2] @ h_prev) * r"),
    "step-backward: tanh's derivative": edited("step-backward", "(1 - h_tilde**2)", "(1 - h_tilde)"),
    "step-backward: bias not summed": edited("step-backward", "da.sum(axis=2, keepdims=True)", "da[:, :, :1]"),
    "step-backward: mean over columns": edited("step-backward", "da @ x.T", "da @ x.T / x.shape[1]"),
    "step-backward: dx of the gates alone": edited("step-backward", "(p.W_x.mT @ da).sum(axis=0)", "(p.W_x.mT @ da)[:2].sum(axis=0)"),
    "step-backward: dx before dh_prev": edited("step-backward", "return dp, dh_prev, (p.W_x.mT @ da).sum(axis=0)", "return dp, (p.W_x.mT @ da).sum(axis=0), dh_prev"),
    "memory: of z": edited("memory", "1 - z", "z"),
    "memory: whole steps": edited("memory", "np.log(0.5) / np.log(1 - z)", "np.ceil(np.log(0.5) / np.log(1 - z))"),
    "memory: 1 / z": edited("memory", "np.log(0.5) / np.log(1 - z)", "1 / z"),
    "memory: 0.69 / z": edited("memory", "np.log(0.5) / np.log(1 - z)", "np.log(2) / z"),
    "memory: sign": edited("memory", "np.log(0.5)", "np.log(2)"),
    "memory: a number": edited("memory", "np.log(0.5) / np.log(1 - z)", "(np.log(0.5) / np.log(1 - z)).mean()"),
    "conventions: unchanged": edited("conventions", "[-1, 1, 1]", "[1, 1, 1]"),
    "conventions: bias not": edited("conventions", "sign * p.b", "p.b"),
    "conventions: r as well": edited("conventions", "[-1, 1, 1]", "[-1, -1, 1]"),
    "conventions: all": edited("conventions", "[-1, 1, 1]", "[-1, -1, -1]"),
    "conventions: one minus": edited("conventions", "sign * p.b", "np.concatenate([1 - p.b[:1], p.b[1:]])"),
    "conventions: two fields": edited("conventions", "return Params(sign * p.W_x, sign * p.W_h, sign * p.b)", "return sign * p.W_x, sign * p.W_h"),
}  # fmt: skip
