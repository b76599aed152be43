"""Right and wrong submissions of "The heart of the LSTM"."""

from . import Change, edited

SIGMOID = "def sigmoid(a):\n    return 1 / (1 + np.exp(-a))"

RIGHT = {
    "the solution": Change(),
    "a loop over units and columns": Change(answers={
        "gates": """\
def lstm_gates(p, h_prev, x):
    H, B = h_prev.shape
    out = np.zeros((4, H, B))
    for g in range(4):
        for k in range(H):
            for j in range(B):
                a = p.b[g][k][0]
                for d in range(x.shape[0]):
                    a = a + p.W_x[g][k][d] * x[d][j]
                for m in range(H):
                    a = a + p.W_h[g][k][m] * h_prev[m][j]
                out[g, k, j] = np.tanh(a) if g == 2 else 1 / (1 + np.exp(-a))
    return out[0], out[1], out[2], out[3]""",
    }),
    "einsum": Change(answers={
        "gates": """\
def lstm_gates(p, h_prev, x):
    a = np.einsum("ghd,db->ghb", p.W_x, x) + np.einsum("ghk,kb->ghb", p.W_h, h_prev) + p.b
    s = 1 / (1 + np.exp(-a))
    return s[0], s[1], np.tanh(a[2]), s[3]""",
        "step-backward": """\
def lstm_step_backward(p, h_prev, c_prev, x, dh, dc):
    i, f, g, o = lstm_gates(p, h_prev, x)
    di, df, dg, do, dc_prev = lstm_state_backward(i, f, g, o, c_prev, dh, dc)
    da = np.array([di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o)])
    dW_x = np.einsum("ghb,db->ghd", da, x)
    dW_h = np.einsum("ghb,kb->ghk", da, h_prev)
    db = np.einsum("ghb->gh", da)[:, :, None]
    return (
        Params(dW_x, dW_h, db),
        np.einsum("ghk,ghb->kb", p.W_h, da),
        dc_prev,
        np.einsum("ghd,ghb->db", p.W_x, da),
    )""",
    }),
    "stacked weights": Change(answers={
        "gates": """\
def lstm_gates(p, h_prev, x):
    W = np.concatenate([p.W_x, p.W_h], axis=2)
    z = np.concatenate([x, h_prev], axis=0)
    a = W @ z + p.b
    return tuple(np.tanh(one) if k == 2 else 1 / (1 + np.exp(-one)) for k, one in enumerate(a))""",
    }),
    "other names, a helper in a cell of its own": Change(
        cells={"gates": [SIGMOID]},
        answers={
            "gates": """\
def lstm_gates(parameters, old, now):
    u, v, w = parameters
    first = sigmoid(u[0] @ now + v[0] @ old + w[0])
    second = sigmoid(u[1] @ now + v[1] @ old + w[1])
    third = np.tanh(u[2] @ now + v[2] @ old + w[2])
    return first, second, third, sigmoid(u[3] @ now + v[3] @ old + w[3])""",
        },
    ),
    "float32 throughout": Change(answers={
        "gates": """\
def lstm_gates(p, h_prev, x):
    W_x, W_h, b, h, v = (np.asarray(one, dtype=np.float32) for one in (*p, h_prev, x))
    a = W_x @ v + W_h @ h + b
    s = np.float32(1) / (np.float32(1) + np.exp(-a))
    return s[0], s[1], np.tanh(a[2]), s[3]""",
        "state": """\
def lstm_state(i, f, c_tilde, o, c_prev):
    i, f, c_tilde, o, c_prev = (one.astype("float32") for one in (i, f, c_tilde, o, c_prev))
    c = f * c_prev + i * c_tilde
    return o * np.tanh(c), c""",
    }),
    "in place, on copies": Change(answers={
        "state": """\
def lstm_state(i, f, c_tilde, o, c_prev):
    c = c_prev.copy()
    c *= f
    c += i * c_tilde
    h = np.tanh(c)
    h *= o
    return h, c""",
        "state-backward": """\
def lstm_state_backward(i, f, c_tilde, o, c_prev, dh, dc):
    t = np.tanh(f * c_prev + i * c_tilde)
    total = dc.copy()
    total += dh * o * (1 - t * t)
    grads = [total.copy() for _ in range(4)]
    grads[0] *= c_tilde
    grads[1] *= c_prev
    grads[2] *= i
    grads[3] *= f
    return grads[0], grads[1], grads[2], dh * t, grads[3]""",
    }),
    "lists and dictionaries": Change(answers={
        "gates": """\
def lstm_gates(p, h_prev, x):
    a = dict(zip("ifco", p.W_x @ x + p.W_h @ h_prev + p.b))
    found = {k: 1 / (1 + np.exp(-v)) for k, v in a.items()}
    found["c"] = np.tanh(a["c"])
    return [found[k] for k in "ifco"]""",
        "state": "def lstm_state(i, f, c_tilde, o, c_prev):\n    c = f * c_prev + i * c_tilde\n    return {'h': o * np.tanh(c), 'c': c}",
    }),
    "sigma by tanh": Change(answers={
        "gates": """\
def lstm_gates(p, h_prev, x):
    a = p.W_x @ x + p.W_h @ h_prev + p.b
    sigma = lambda v: 0.5 * (1 + np.tanh(v / 2))
    return sigma(a[0]), sigma(a[1]), np.tanh(a[2]), sigma(a[3])""",
    }),
    "the step written out": Change(answers={
        "step": """\
def lstm_step(p, h_prev, c_prev, x):
    (Wi, Wf, Wc, Wo), (Ui, Uf, Uc, Uo), (bi, bf, bc, bo) = p
    s = lambda a: 1 / (1 + np.exp(-a))
    c = s(Wf @ x + Uf @ h_prev + bf) * c_prev
    c = c + s(Wi @ x + Ui @ h_prev + bi) * np.tanh(Wc @ x + Uc @ h_prev + bc)
    return s(Wo @ x + Uo @ h_prev + bo) * np.tanh(c), c""",
    }),
    "a class": Change(answers={
        "step": """\
class Cell:
    def __init__(self, p):
        self.p = p

    def __call__(self, h, c, x):
        return lstm_state(*lstm_gates(self.p, h, x), c)


def lstm_step(p, h_prev, c_prev, x):
    return Cell(p)(h_prev, c_prev, x)""",
    }),
    "backward gate by gate": Change(answers={
        "step-backward": """\
def lstm_step_backward(p, h_prev, c_prev, x, dh, dc):
    gates = lstm_gates(p, h_prev, x)
    *d, dc_prev = lstm_state_backward(*gates, c_prev, dh, dc)
    dW_x, dW_h, db = np.zeros_like(p.W_x), np.zeros_like(p.W_h), np.zeros_like(p.b)
    dh_prev, dx = np.zeros_like(h_prev), np.zeros_like(x)
    for k, (gate, grad) in enumerate(zip(gates, d)):
        da = grad * (1 - gate**2 if k == 2 else gate * (1 - gate))
        dW_x[k], dW_h[k] = da.dot(x.T), da.dot(h_prev.T)
        db[k] = da.sum(axis=1).reshape(-1, 1)
        dh_prev += p.W_h[k].T.dot(da)
        dx += p.W_x[k].T.dot(da)
    return Params(dW_x, dW_h, db), dh_prev, dc_prev, dx""",
    }),
    "numbers by hand": Change(answers={
        "example": """\
import math

sigma = 1 / (1 + math.exp(-1.6))
f_t, i_t, o_t = sigma, sigma, sigma
c_tilde_t = math.tanh(1.6)
c_t = f_t * 0.2 + i_t * c_tilde_t
h_t = o_t * math.tanh(c_t)""",
        "latch": "def latch(c_tilde):\n    T = len(c_tilde)\n    return [0.9999] * T, [0.99] + [1e-4] * (T - 1)",
    }),
    "magics and prints": Change(
        cells={"gates": ["%matplotlib inline\nprint('working')\n!ls", "1 / 0"]},
        edits={"gates": ('"""Return', 'print(x.shape)\n    """Return')},
    ),
}  # fmt: skip

WRONG = {
    "gates: no bias": edited("gates", " + p.b", ""),
    "gates: i and f swapped": edited("gates", "return i, f,", "return f, i,"),
    "gates: o and i swapped": edited("gates", "return i, f, np.tanh(a[2]), o", "return o, f, np.tanh(a[2]), i"),
    "gates: sigma for the candidate": edited("gates", "np.tanh(a[2])", "1 / (1 + np.exp(-a[2]))"),
    "gates: candidate not squashed": edited("gates", "np.tanh(a[2])", "a[2]"),
    "gates: tanh for the gates": edited("gates", "1 / (1 + np.exp(-a[[0, 1, 3]]))", "np.tanh(a[[0, 1, 3]])"),
    "gates: sign in sigma": edited("gates", "np.exp(-a[[0, 1, 3]])", "np.exp(a[[0, 1, 3]])"),
    "gates: candidate from the wrong row": edited("gates", "a[2]", "a[3]"),
    "gates: W_h transposed": edited("gates", "p.W_h @ h_prev", "p.W_h.mT @ h_prev"),
    "gates: no recurrence": edited("gates", " + p.W_h @ h_prev", ""),
    "gates: no input": edited("gates", "p.W_x @ x + ", ""),
    "gates: first column alone": edited("gates", "p.W_x @ x +", "p.W_x @ x[:, :1] +"),
    "gates: b twice": edited("gates", "+ p.b", "+ 2 * p.b"),
    "gates: three values": edited("gates", "return i, f, np.tanh(a[2]), o", "return i, f, o"),
    "gates: for one column": edited("gates", "return i, f, np.tanh(a[2]), o", "return i[:, 0], f[:, 0], np.tanh(a[2])[:, 0], o[:, 0]"),
    "gates: forget bias added": edited("gates", "a = p.W_x", "a = np.array([0, 1, 0, 0.0]).reshape(4, 1, 1) + p.W_x"),
    "gates: the visible numbers by heart": Change(answers={"gates": """\
from unrolled.course.assignments import load
from unrolled.course.check import visible_cases

part = load("lstm").part("gates")
known = {case.arguments[1].tobytes(): part.reference(*case.arguments) for case in visible_cases(part, 0)}


def lstm_gates(p, h_prev, x):
    return known[np.asarray(h_prev).tobytes()]"""}),
    "state: f and i swapped": edited("state", "f * c_prev + i * c_tilde", "i * c_prev + f * c_tilde"),
    "state: no tanh": edited("state", "o * np.tanh(c)", "o * c"),
    "state: sigma for tanh": edited("state", "np.tanh(c)", "1 / (1 + np.exp(-c))"),
    "state: h from the old c": edited("state", "np.tanh(c)", "np.tanh(c_prev)"),
    "state: convex by f": edited("state", "i * c_tilde", "(1 - f) * c_tilde"),
    "state: c and h swapped": edited("state", "return o * np.tanh(c), c", "return c, o * np.tanh(c)"),
    "state: forgets what it should keep": edited("state", "f * c_prev", "(1 - f) * c_prev"),
    "state: matrix product": edited("state", "f * c_prev", "f @ c_prev.T @ c_prev"),
    "state: h alone": edited("state", "return o * np.tanh(c), c", "return o * np.tanh(c)"),
    "state: o twice": edited("state", "o * np.tanh(c)", "o * np.tanh(o * c)"),
    "state: in place on the argument": edited("state", "c = f * c_prev + i * c_tilde", "c_prev *= f; c = c_prev; c += i * c_tilde"),
    "step: old c returned": edited("step", "return lstm_state(i, f, c_tilde, o, c_prev)", "return lstm_state(i, f, c_tilde, o, c_prev)[0], c_prev"),
    "step: h fed as c": edited("step", "o, c_prev)", "o, h_prev)"),
    "step: gates swapped between the two": edited("step", "lstm_state(i, f,", "lstm_state(f, i,"),
    "step: h_prev zero": edited("step", "lstm_gates(p, h_prev, x)", "lstm_gates(p, 0 * h_prev, x)"),
    "step: two steps": edited("step", "return lstm_state", "h_prev, c_prev = lstm_state(i, f, c_tilde, o, c_prev)\n    return lstm_state"),
    "state-backward: not through h": edited("state-backward", "dc = dc + dh * o * (1 - tanh_c**2)", "dc = dc + 0"),
    "state-backward: dc lost": edited("state-backward", "dc = dc + dh", "dc = dh"),
    "state-backward: tanh's derivative of c": edited("state-backward", "(1 - tanh_c**2)", "(1 - (f * c_prev + i * c_tilde)**2)"),
    "state-backward: no output gate": edited("state-backward", "dh * o * (1", "dh * (1"),
    "state-backward: do with c": edited("state-backward", "dh * tanh_c", "dh * (f * c_prev + i * c_tilde)"),
    "state-backward: dc_prev not scaled": edited("state-backward", "dc * f\n", "dc\n"),
    "state-backward: di and df swapped": edited("state-backward", "return dc * c_tilde, dc * c_prev", "return dc * c_prev, dc * c_tilde"),
    "state-backward: dc_tilde by f": edited("state-backward", "dc * i,", "dc * f,"),
    "step-backward: W_h for its transpose": edited("step-backward", "p.W_h.mT @ da", "p.W_h @ da"),
    "step-backward: sigma's derivative forgotten": edited("step-backward", "di * i * (1 - i)", "di"),
    "step-backward: sigma's derivative for tanh's": edited("step-backward", "(1 - c_tilde**2)", "c_tilde * (1 - c_tilde)"),
    "step-backward: bias not summed": edited("step-backward", "da.sum(axis=2, keepdims=True)", "da[:, :, :1]"),
    "step-backward: mean over columns": edited("step-backward", "da @ x.T", "da @ x.T / x.shape[1]"),
    "step-backward: dW_h with the new h": edited("step-backward", "da @ h_prev.T", "da @ lstm_step(p, h_prev, c_prev, x)[0].T"),
    "step-backward: rows in another order": edited("step-backward", "dp = Params(da @ x.T", "dp = Params(da[[1, 0, 2, 3]] @ x.T"),
    "step-backward: one gate's path missing": edited("step-backward", "(p.W_h.mT @ da).sum(axis=0)", "(p.W_h.mT @ da)[:3].sum(axis=0)"),
    "step-backward: dx missing": edited("step-backward", ", (p.W_x.mT @ da).sum(axis=0)", ""),
    "step-backward: dx of the first gate": edited("step-backward", "(p.W_x.mT @ da).sum(axis=0)", "(p.W_x.mT @ da)[0]"),
    "step-backward: db flat": edited("step-backward", "da.sum(axis=2, keepdims=True)", "da.sum(axis=2)"),
    "example: the notes' slips": Change(answers={"example": "f_t = i_t = o_t = 0.832\nc_tilde_t, c_t, h_t = 0.921, 0.932, 0.608"}),
    "example: bias forgotten": edited("example", "+ w * h_prev + b", "+ w * h_prev"),
    "example: h without o": edited("example", "o_t * np.tanh(c_t)", "np.tanh(c_t)"),
    "example: a name misspelt": edited("example", "c_t = f_t", "c_T = f_t"),
    "latch: leaks": edited("latch", "0.999)\n    i = ", "0.9)\n    i = "),
    "latch: writes noise": edited("latch", "len(c_tilde), 0.001", "len(c_tilde), 0.5"),
    "latch: exactly 1": edited("latch", "0.999)\n    i = ", "1.0)\n    i = "),
    "latch: never writes": edited("latch", "i[0] = 0.999", "i[0] = 0.001"),
    "latch: too few": edited("latch", "np.full(len(c_tilde), 0.999)", "np.full(3, 0.999)"),
}  # fmt: skip
