"""Time the library's LSTM beside torch.nn.LSTM, in one process, on one thread.

Forward and backward pass (gradients of parameters, input and first state), float64. The two take
turns, so that a change in the machine's speed meets both; medians over the rounds are printed.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from unrolled import backward, unroll
from unrolled.cells import lstm

SIZES = [(1, 100, 1, 16), (32, 100, 2, 64), (32, 100, 32, 128)]  # (B, T, D, H)


def contestants(B: int, T: int, D: int, H: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return one run of ours and one of PyTorch's, on the same numbers; check that they agree."""
    rng = np.random.default_rng(0)
    p = lstm.init(rng, D, H)
    xs, upstream = rng.standard_normal((T, D, B)), rng.standard_normal((T, H, B))
    s0, zeros = lstm.zero_state(H, B), np.zeros((T, H, B))
    ours = []

    def run_ours() -> None:
        _, caches = unroll(lstm, p, s0, xs)
        ours[:] = backward(lstm, p, caches, lstm.State(upstream, zeros)).p

    theirs = torch.nn.LSTM(D, H, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight_ih_l0[:] = torch.tensor(p.W_x.reshape(4 * H, D))
        theirs.weight_hh_l0[:] = torch.tensor(p.W_h.reshape(4 * H, H))
        theirs.bias_ih_l0[:] = torch.tensor(p.b.reshape(4 * H))
        theirs.bias_hh_l0[:] = 0
    rows = torch.tensor(xs.transpose(0, 2, 1).copy(), requires_grad=True)
    start = [torch.zeros(1, B, H, dtype=torch.float64, requires_grad=True) for _ in "hc"]
    up = torch.tensor(upstream.transpose(0, 2, 1).copy())

    def run_theirs() -> None:
        theirs.zero_grad()
        rows.grad = start[0].grad = start[1].grad = None
        y, _ = theirs(rows, tuple(start))
        y.backward(up)

    run_ours()
    run_theirs()
    grad = theirs.weight_hh_l0.grad.numpy().reshape(4, H, H)
    assert np.abs(grad - ours[1]).max() <= 1e-10 * max(1, np.abs(grad).max())
    return run_ours, run_theirs


def main() -> None:
    """Print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    print(
        f"LSTM, forward and backward, float64, one thread, medians of {rounds} interleaved rounds"
    )
    print(f"numpy {np.__version__}, torch {torch.__version__}\n")
    print("   B    T    D    H   unrolled ms   torch ms   torch / unrolled")
    for B, T, D, H in SIZES:
        times: tuple[list[float], list[float]] = ([], [])
        pair = contestants(B, T, D, H)
        for _ in range(rounds):
            for run, taken in zip(pair, times, strict=True):
                start = time.perf_counter()
                run()
                taken.append(1e3 * (time.perf_counter() - start))
        ours, theirs = map(statistics.median, times)
        print(f"{B:4} {T:4} {D:4} {H:4} {ours:13.2f} {theirs:10.2f} {theirs / ours:18.2f}")


if __name__ == "__main__":
    main()
