"""Time the fused cells beside PyTorch's, in one process, on one thread; compare peak memory.

For rnn, gru_reset_after and lstm, in float64 and float32, at five sizes: PyTorch's time over ours,
forward (with what its gradients need kept) and forward and backward (gradients of parameters,
input and first state); the readable loop's time over ours, with its own products for every gate;
and the share of our time that the bare matrix products take. The contestants take turns, so that a
change in the machine's speed meets all of them; medians over the rounds are printed.

Peak resident memory above the level after imports is measured in a process of its own each.

What bounds the batched sizes is the matrix product. OpenBLAS names its kernels in the first lines:
where it does not know a new processor it falls back to Haswell's, without AVX-512, while PyTorch's
libraries ask the processor itself. OPENBLAS_CORETYPE=SkylakeX in the environment shows the
difference on such a machine.
"""

import argparse
import itertools
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from unrolled import bptt, fused
from unrolled.cells import gru_reset_after, lstm, rnn
from unrolled.fused.parts import CHUNK
from unrolled.interchange import to_pytorch

CELLS = {"rnn": rnn, "gru_reset_after": gru_reset_after, "lstm": lstm}
DTYPES = ("float64", "float32")
# (B, T, D, H)
SIZES = [
    (1, 100, 1, 16),
    (32, 100, 2, 64),
    (32, 100, 32, 128),
    (64, 50, 64, 256),
    (20, 400, 2, 128),
]
LARGEST = [(64, 50, 64, 256), (20, 400, 2, 128)]  # most weights; most states
Run = Callable[[], Any]


def case(name: str, dtype: str, size: tuple[int, ...]) -> tuple[Any, ...]:
    """Return parameters, first state, inputs and a gradient for every state."""
    (B, T, D, H), cell, rng = size, CELLS[name], np.random.default_rng(0)
    p, s0 = cell.init(rng, D, H, dtype), cell.zero_state(H, B, dtype)
    xs, dh = (rng.standard_normal((T, n, B)).astype(dtype) for n in (D, H))
    return p, s0, xs, cell.State(dh, *(np.zeros_like(dh) for _ in s0[1:]))


def ours(name: str, dtype: str, size: tuple[int, ...], loop: Any = fused) -> tuple[Run, Run]:
    """Return a forward run, and a forward and backward run, of one of our loops."""
    cell, (p, s0, xs, dstates) = CELLS[name], case(name, dtype, size)

    def forward() -> Any:
        return loop.unroll(cell, p, s0, xs)

    return forward, lambda: loop.backward(cell, p, forward()[1], dstates)


def theirs(name: str, dtype: str, size: tuple[int, ...]) -> tuple[Run, Run]:
    """Return the same of PyTorch's layer, on the same numbers."""
    import torch

    torch.set_num_threads(1)
    (B, _, D, H), (p, s0, xs, dstates) = size, case(name, dtype, size)
    kind = {"rnn": torch.nn.RNN, "gru_reset_after": torch.nn.GRU, "lstm": torch.nn.LSTM}[name]
    layer = kind(D, H, dtype=getattr(torch, dtype))
    weights = to_pytorch(CELLS[name], p)
    layer.load_state_dict({key: torch.tensor(value) for key, value in weights.items()})
    x = torch.tensor(xs.swapaxes(1, 2).copy(), requires_grad=True)
    start = tuple(torch.zeros(1, B, H, dtype=x.dtype, requires_grad=True) for _ in s0)
    up = torch.tensor(dstates.h.swapaxes(1, 2).copy())

    def forward() -> Any:
        return layer(x, start if len(start) > 1 else start[0])[0]

    def backward() -> Any:
        layer.zero_grad()
        x.grad = None
        for s in start:
            s.grad = None
        forward().backward(up)
        return x.grad.numpy().swapaxes(1, 2)

    return forward, backward


def products(name: str, dtype: str, size: tuple[int, ...]) -> Run:
    """Return a run of the matrix products of a forward and backward pass, and of nothing else."""
    (B, T, D, H), rng = size, np.random.default_rng(0)
    G = {"rnn": 1, "gru_reset_after": 3, "lstm": 4}[name] * H

    def matrix(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(dtype)

    W, W_T, a = matrix(G, D + H + 1), matrix(D + H, G), matrix(G, B)
    v, dv, out = matrix(D + H + 1, B), matrix(D + H, B), matrix(G, D + H + 1)
    das, vs = matrix(G, CHUNK * B), matrix(D + H + 1, CHUNK * B)

    def run() -> None:
        for _ in range(T):
            np.matmul(W, v, out=a)
            np.matmul(W_T, a, out=dv)
        for _ in range(T // CHUNK):
            np.matmul(das, vs.T, out=out)

    return run


def measure(name: str, dtype: str, size: tuple[int, ...], rounds: int) -> list[float]:
    """Return the medians in ms: ours and theirs forward, both whole, readable loop, products."""
    (f, fb), (torch_f, torch_fb) = ours(name, dtype, size), theirs(name, dtype, size)
    tolerance = 1e-10 if dtype == "float64" else 1e-3
    expected = torch_fb()
    assert np.abs(fb().xs - expected).max() <= tolerance * max(1, np.abs(expected).max())
    runs = [f, torch_f, fb, torch_fb, ours(name, dtype, size, bptt)[1], products(name, dtype, size)]
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for run, taken in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            taken.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(taken) for taken in times]


def resident(field: str) -> float:
    """Return VmRSS (now) or VmHWM (at most so far) of this process, in MiB; Linux only."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) / 1024


def print_peak(who: str, name: str, dtype: str, size: tuple[int, ...]) -> None:
    """Print how far forward and backward raise the resident memory of this process, in MiB."""
    import torch  # so that both begin alike

    torch.set_num_threads(1)
    run = (ours if who == "ours" else theirs)(name, dtype, size)[1]
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of the imports
    for _ in range(3):
        run()
    print(resident("VmHWM") - before)


def peak(who: str, name: str, dtype: str, size: tuple[int, ...]) -> float:
    """Return what `print_peak` prints in a process of its own."""
    command = [sys.executable, __file__, "--peak", who, name, dtype, *map(str, size)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def print_times(rounds: int) -> None:
    """Print the table of times and whether the bars are met."""
    import torch

    print(f"One thread, medians of {rounds} interleaved rounds; f: forward, f+b: with backward.")
    kernels = [info["architecture"] for info in threadpool_info() if "openblas" in info["prefix"]]
    print(f"numpy {np.__version__} (OpenBLAS: {kernels[0]}), torch {torch.__version__}\n")
    print(f"{'':24}{'':18}    ours, ms     torch / ours   readable  products")
    print(f"{'':24}   B   T  D   H       f    f+b        f   f+b   / ours    / ours")
    ratios: dict[tuple[str, str, tuple[int, ...]], float] = {}
    for name, dtype in itertools.product(CELLS, DTYPES):
        for B, T, D, H in SIZES:
            f, torch_f, fb, torch_fb, readable, bare = measure(name, dtype, (B, T, D, H), rounds)
            ratios[name, dtype, (B, T, D, H)] = torch_fb / fb
            print(
                f"{name:16}{dtype:8} {B:3} {T:3} {D:2} {H:3} {f:7.2f}{fb:7.2f}"
                f"  {torch_f / f:7.2f}{torch_fb / fb:6.2f}  {readable / fb:7.2f}  {bare / fb:8.2f}",
                flush=True,
            )
    kernel = {key: ratio for key, ratio in ratios.items() if key[:2] == ("lstm", "float32")}
    rest = [ratio for key, ratio in ratios.items() if key not in kernel]
    batched = [ratio for key, ratio in kernel.items() if key[2][0] >= 20]
    mean = math.exp(statistics.fmean(map(math.log, rest)))
    print("\nForward and backward, torch / ours:")
    print(f"  without float32 lstm: at least {min(rest):.2f} (bar 0.87), ", end="")
    print(f"geometric mean of {len(rest)}: {mean:.2f} (bar 2.0)")
    print(f"  float32 lstm, PyTorch's compiled kernel, B >= 20: {min(batched):.2f} (bar 0.6)")


def print_peaks() -> None:
    """Print the table of peak memory."""
    print("\nPeak resident memory above the level before, MiB, forward and backward")
    print(f"{'':24}   B   T  D   H      ours    torch")
    for name, dtype, size in itertools.product(CELLS, DTYPES, LARGEST):
        mine, other = (peak(who, name, dtype, size) for who in ("ours", "torch"))
        B, T, D, H = size
        print(f"{name:16}{dtype:8} {B:3} {T:3} {D:2} {H:3}  {mine:8.1f} {other:8.1f}", flush=True)


def main() -> None:
    """Print the tables, or one number for `peak`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--peak", nargs=7, metavar=("WHO", "CELL", "DTYPE", "B", "T", "D", "H"))
    arguments = parser.parse_args()
    if arguments.peak:
        who, name, dtype, *size = arguments.peak
        print_peak(who, name, dtype, tuple(map(int, size)))
    else:
        print_times(arguments.rounds)
        print_peaks()


if __name__ == "__main__":
    main()
