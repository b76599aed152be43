"""One unit, fifty steps, two parameters: the wall in the error surface, and descent on it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from unrolled.cells.protocol import sigmoid
from unrolled.explorables.error_wall_picture import describe, picture
from unrolled.explorables.explorable import Explorable
from unrolled.explorables.traits import ChoiceTrait, IntegerTrait, NumberTrait
from unrolled.optimizers import clip_by_norm, clip_by_value, sgd

T = 50
X_0 = 0.5
TARGET = 0.7
CLIPS = ("none", "norm", "value")
# The ranges of the handles; those of w and b are the map.
RANGES = {
    "w": (3.0, 6.5),
    "b": (-3.5, -1.0),
    "threshold": (0.01, 3.0),
    "learning_rate": (0.01, 2.0),
    "updates": (0, 200),
}
FAR = 1e6  # a path ends where w or b is farther out: nothing can be seen or learnt there
LEVELS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4)
COLUMNS, ROWS = 112, 80  # cells of the grid on which contour lines are looked for
STEEP = 0.03  # a difference in σ(x_50) between neighbours on that grid that needs a closer look
_WALL = {"w": 5.5, "b": -2.5, "threshold": 0.5, "learning_rate": 1.0, "updates": 60}
_PRESETS: dict[str, dict[str, Any]] = {
    "over the wall": {**_WALL, "clip": "none"},
    "clipped": {**_WALL, "clip": "norm"},
    "turned": {**_WALL, "clip": "value"},
    "valley": {**_WALL, "w": 3.3, "b": -3.0, "threshold": 1.0, "clip": "norm"},
    "plateau": {**_WALL, "w": 6.3, "b": -1.3, "clip": "norm"},
}
PRESETS = tuple(_PRESETS)

Path = dict[str, Any]
Ring = list[tuple[float, float]]
Corner = tuple[int, int]
Edge = tuple[Corner, Corner]


class Steepness(NamedTuple):
    """The loss E at (w, b), ∂E/∂w and ∂E/∂b: floats or arrays, as w and b are."""

    loss: Any
    d_w: Any
    d_b: Any


# The same functions, by the same names, in JavaScript: js/error-wall/math.js


def step(w: Any, b: Any, x: Any) -> tuple[Any, Any]:
    """Return the next state w σ(x) + b, and σ(x), which the step backwards needs."""
    s = sigmoid(x)
    return w * s + b, s


def step_backward(w: Any, s: Any, dx: Any) -> tuple[Any, Any, Any]:
    """Take the step backwards: dE/d(state after) gives its share in dE/dw, in dE/db, and dE/dx."""
    return dx * s, dx, dx * w * s * (1 - s)


def residual(w: Any, b: Any) -> Any:
    """Return σ(x_50) - 0.7; w and b are floats, or arrays that broadcast."""
    x = X_0 + 0 * w + 0 * b
    for _ in range(T):
        x, _s = step(w, b, x)
    return sigmoid(x) - TARGET


def loss(w: Any, b: Any) -> Any:
    """Return E = (σ(x_50) - 0.7)²; w and b are floats, or arrays that broadcast."""
    return residual(w, b) ** 2


def loss_and_gradient(w: Any, b: Any) -> Steepness:
    """Return E, ∂E/∂w and ∂E/∂b, by backpropagation through all fifty steps."""
    x, kept = X_0 + 0 * w + 0 * b, []
    for _ in range(T):
        x, s = step(w, b, x)
        kept.append(s)
    y = sigmoid(x)
    dx = 2 * (y - TARGET) * y * (1 - y)
    d_w = d_b = 0.0
    for s in reversed(kept):
        share_w, share_b, dx = step_backward(w, s, dx)
        d_w, d_b = d_w + share_w, d_b + share_b  # the weights are the same at every step
    return Steepness((y - TARGET) ** 2, d_w, d_b)


def descend(
    w: float, b: float, clip: str, threshold: float, learning_rate: float, updates: int
) -> Path:
    """Return a path of gradient descent on the surface.

    Every list but ``turn`` has one item more than there were updates: item k is what holds after k
    of them.  ``w`` and ``b`` are the points, ``loss`` the E there, ``gradient`` the pairs ∂E/∂w,
    ∂E/∂b, ``norm`` their norms, ``clipped`` the gradients after clipping, of which the first
    `updates` were followed.  ``turn`` is the angle in degrees between the two, by which clipping
    turned the step; it is one shorter.  ``left`` is the number of the first update that leads off
    the map, or None.  A path ends early where w or b is beyond a million.
    """
    theta = np.array([float(w), float(b)])
    optimizer = sgd(learning_rate)
    memory = optimizer.init(theta)
    path: Path = {
        name: [] for name in ("w", "b", "loss", "gradient", "norm", "clipped", "turn", "left")
    }
    path["left"] = None
    for k in range(updates + 1):
        w, b = theta.tolist()
        if path["left"] is None and not on_map(w, b):
            path["left"] = k
        here = loss_and_gradient(w, b)
        gradient = np.array([float(here.d_w), float(here.d_b)])
        by_norm, norm = clip_by_norm(gradient, threshold)
        if clip == "norm":
            clipped = by_norm
        else:
            clipped = clip_by_value(gradient, threshold) if clip == "value" else gradient
        for name, value in (("w", w), ("b", b), ("loss", float(here.loss)), ("norm", norm)):
            path[name].append(value)
        path["gradient"].append(gradient.tolist())
        path["clipped"].append(clipped.tolist())
        if k == updates or max(abs(w), abs(b)) > FAR:
            break
        path["turn"].append(angle(*gradient.tolist(), *clipped.tolist()))
        theta, memory = optimizer.update(theta, clipped, memory)
    return path


def angle(a: float, b: float, c: float, d: float) -> float:
    """Return the angle between the vectors (a, b) and (c, d), in degrees; 0 if one is 0."""
    return math.degrees(math.atan2(abs(a * d - b * c), a * c + b * d))


def on_map(w: float, b: float) -> bool:
    """Return whether a point is on the map that is drawn."""
    (west, east), (south, north) = RANGES["w"], RANGES["b"]
    return west <= w <= east and south <= b <= north


@cache
def contours(level: float) -> list[Ring]:
    """Return the borders of the region of the map where E ≥ level: closed rings of points (w, b).

    Marching squares on a grid with a frame of lower ground around it, so that every ring closes.
    Where a ring crosses an edge of the grid is interpolated, or looked for by bisection if the
    surface falls down the wall there.
    """
    high = np.zeros((COLUMNS + 3, ROWS + 3), dtype=bool)  # with a frame of lower ground
    high[1:-1, 1:-1] = _grid()[2][1:-1, 1:-1] ** 2 >= level
    above = high[:-1, :-1] + 0 + high[1:, :-1] + high[1:, 1:] + high[:-1, 1:]
    follows: dict[Edge, Edge] = {}
    ends: dict[Edge, Edge] = {}
    for i, j in np.argwhere((above > 0) & (above < 4)).tolist():
        walk = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)]  # the corners, to the left
        up: list[tuple[int, Edge]] = []
        down: list[tuple[int, Edge]] = []
        for k, (here, there) in enumerate(zip(walk, walk[1:] + walk[:1], strict=True)):
            if high[here] != high[there]:
                edge = min(here, there), max(here, there)
                (down if high[here] else up).append((k, edge))
                ends[edge] = (here, there) if high[here] else (there, here)
        for k, edge in down:  # from where the walk goes down, along the border to where it is up
            follows[edge] = min(up, key=lambda rise, k=k: (rise[0] - k) % 4)[1]  # type: ignore[misc]
    points = dict(zip(ends, _crossings(list(ends.values()), level), strict=True))
    rings = []
    while follows:
        edge = next(iter(follows))
        ring: Ring = []
        while edge in follows:
            ring.append(points[edge])
            edge = follows.pop(edge)
        # On its way down the wall the surface passes every level, and back, within less than a
        # cell: what the grid catches of that are grains of a few points.
        if len(ring) > 12:
            rings.append(_straightened(ring))
    return rings


@cache
def _grid() -> tuple[Any, Any, Any]:
    """Return w, b and σ(x_50) - 0.7 at the corners of the grid; its frame is the map's edge."""
    w, b = (
        np.linspace(*RANGES[name], n + 1)[[0, *range(n + 1), n]]
        for name, n in (("w", COLUMNS), ("b", ROWS))
    )
    return w, b, residual(w[:, None], b[None])


def _crossings(edges: list[Edge], level: float) -> Ring:
    """Return where E passes the level on edges of the grid, each given as (higher, lower) end."""
    w, b, values = _grid()
    top, low = np.moveaxis(np.array(edges), 1, 0)
    (w_1, w_0), (b_1, b_0) = (w[top[:, 0]], w[low[:, 0]]), (b[top[:, 1]], b[low[:, 1]])
    above, below = values[tuple(top.T)], values[tuple(low.T)]
    # The residual is nearer to linear than its square; between an edge and its frame all is one.
    rise = above - below
    flat = np.abs(rise) < 1e-12
    share = (np.copysign(math.sqrt(level), above) - below) / np.where(flat, 1, rise)  # of the way
    start, end = np.zeros(len(edges)), np.ones(len(edges))
    for _ in range(6):
        middle = (start + end) / 2
        is_high = loss(w_0 + middle * (w_1 - w_0), b_0 + middle * (b_1 - b_0)) >= level
        start, end = np.where(is_high, start, middle), np.where(is_high, middle, end)
    share = np.where(np.abs(rise) > STEEP, middle, np.where(flat, 0, share))
    pairs = zip(w_0 + share * (w_1 - w_0), b_0 + share * (b_1 - b_0), strict=True)
    return [(float(w_k), float(b_k)) for w_k, b_k in pairs]


def _straightened(ring: Ring) -> Ring:
    """Return a ring without the points that lie within 0.002 of the line through their like."""
    kept = ring[:1]
    for (w, b), (w_next, b_next) in zip(ring[1:], ring[2:] + ring[:1], strict=True):
        u, v = w_next - kept[-1][0], b_next - kept[-1][1]
        off = abs((w - kept[-1][0]) * v - (b - kept[-1][1]) * u)
        if off > 0.002 * math.hypot(u, v):
            kept.append((w, b))
    return kept


class ErrorWall(Explorable):
    """The error surface of one recurrent unit over fifty steps, and gradient descent on it.

    The unit has no input: x_t = w σ(x_{t-1}) + b, from x_0 = 0.5, with the logistic σ.  After 50
    steps the loss is E = (σ(x_50) - 0.7)².  The two parameters w and b are the map, E the height.
    Where x_0 comes to lie on the unstable one of three fixed points, b = 0.5 - w σ(0.5) for
    w > 1 / σ'(0.5) = 4.26, the unit falls to one side or to the other, and E has a wall.  A valley
    leads up to it, and its bed runs along the wall's foot.

    Descent is plain: the gradient by backpropagation through all 50 steps, clipped or not, times
    the learning rate.  Clipping by norm keeps the gradient's direction, by value it does not, and
    neither helps where the gradient vanishes.

    Source: R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural
    networks" (ICML 2013): the unit, x_0, the steps, the loss and the surface are those of equation
    (8) and figure 6 in section 2.3, clipping by norm that of section 3.2.  The paper sketches its
    paths, and its text does not give the ranges of its axes: ours are chosen so that the foot of
    the wall is in the middle, and every path here is computed.  Clipping by value goes back, as
    the paper says, to T. Mikolov's thesis (2012); here the whole gradient's entries are cut, there
    those of its parts from each step.

    Parameters
    ----------
    preset : {'over the wall', 'clipped', 'turned', 'valley', 'plateau'}, optional
        Where the descent begins, and how; what is given below replaces its own.
    w, b : float, optional
        The point to begin at: w from 3 to 6.5, b from -3.5 to -1.
    clip : {'none', 'norm', 'value'}, optional
        How a gradient is clipped before it is followed.
    threshold : float, optional
        The largest norm, or the largest size of an entry: 0.01 to 3.
    learning_rate : float, optional
        From 0.01 to 2.
    updates : int, optional
        How many updates are made: 0 to 200.
    lock : iterable of str
        The handles that the reader cannot move.
    challenge : str or bool
        A task in a teacher's words, shown above the picture.

    The handles, that is, every parameter but `lock`, are traits, in sync with the picture both
    ways.  `preset` becomes None when one is changed.

    Attributes
    ----------
    path : dict
        The path drawn, as `descend` returns it: lists ``w``, ``b``, ``loss``, ``gradient``,
        ``norm``, ``clipped`` and ``turn``, and ``left``.
    paths : dict
        The paths from the same point with each way of clipping, by its name.

    Both are computed when they are asked for.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.
    """

    kind = "error-wall"
    handles = ("w", "b", "clip", "threshold", "learning_rate", "updates")
    presets = PRESETS

    w = NumberTrait(*RANGES["w"], default_value=_WALL["w"]).tag(sync=True)
    b = NumberTrait(*RANGES["b"], default_value=_WALL["b"]).tag(sync=True)
    clip = ChoiceTrait(*CLIPS).tag(sync=True)
    threshold = NumberTrait(*RANGES["threshold"], default_value=_WALL["threshold"]).tag(sync=True)
    learning_rate = NumberTrait(*RANGES["learning_rate"], default_value=_WALL["learning_rate"]).tag(
        sync=True
    )
    updates = IntegerTrait(0, 200, default_value=_WALL["updates"]).tag(sync=True)

    def __init__(
        self,
        preset: str | None = None,
        *,
        w: float | None = None,
        b: float | None = None,
        clip: str | None = None,
        threshold: float | None = None,
        learning_rate: float | None = None,
        updates: int | None = None,
        lock: Iterable[str] = (),
        challenge: bool | str = False,
        **kwargs: Any,
    ) -> None:
        given: dict[str, Any] = {
            "w": w,
            "b": b,
            "clip": clip,
            "threshold": threshold,
            "learning_rate": learning_rate,
            "updates": updates,
        }
        super().__init__(given, preset=preset, lock=lock, challenge=challenge, **kwargs)

    @property
    def path(self) -> Path:
        """The path with the present clipping."""
        return self._descend(self.clip)

    @property
    def paths(self) -> dict[str, Path]:
        """The paths from the present point, by the way of clipping."""
        return {clip: self._descend(clip) for clip in CLIPS}

    def preset_values(self, name: str) -> dict[str, Any]:
        """Return the handles of a preset."""
        return dict(_PRESETS[name])

    def picture(self) -> tuple[str, str]:
        """Return a static picture of the present state: an SVG document, and its alt text."""
        state, paths = self.state(), self.paths
        says = describe(state, paths[self.clip])
        return picture(state, paths, contours_by_level(), says), (
            "The error surface of one recurrent unit over 50 steps, as a map of w and b, and "
            f"gradient descent on it. {says}"
        )

    def described(self) -> list[str]:
        """Return the arguments that `repr` shows."""
        handles = [f"{name}={getattr(self, name)!r}" for name in self.handles]
        return ([] if self.preset is not None else handles) + super().described()

    def _descend(self, clip: str) -> Path:
        rest = {name: getattr(self, name) for name in ("threshold", "learning_rate", "updates")}
        return descend(self.w, self.b, clip, **rest)


def contours_by_level() -> dict[float, list[Ring]]:
    """Return the contours of the map at all levels."""
    return {level: contours(level) for level in LEVELS}
