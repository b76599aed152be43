"""Record the runs of the chapter "Long memory": some twenty minutes on one thread, with a bar.

python tools/long_memory.py [--keep]      --keep goes on after an interruption

Every cell has about as many parameters as an LSTM of 32 units, and everything else alike: batches,
optimiser, clipping, updates, the rates that are tried. A rate is chosen for each cell and task on a
seed of its own (`SEARCH`), then three fresh seeds are run with it (`SEEDS`): both are recorded.
Training stops when 500 fixed sequences meet the task's goal; 1000 others are judged after that.
"""

import argparse
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: more threads cost time here

import numpy as np
from tqdm import tqdm

from unrolled import cells, tasks
from unrolled.initialisers import forget_bias
from unrolled.optimizers import adam
from unrolled.training import init_model, predict, train
from unrolled.tree import tree_leaves

FILE = Path(__file__).parents[1] / "book/practice/long-memory.json"
CELLS = ("rnn", "gru", "lstm")
LAGS = {"adding": (20, 50, 100), "copy": (5, 10)}
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
SEARCH, SEEDS = 100, (0, 1, 2)
BIASES = (0.0, 3.0)  # of the forget gate, beside the usual 1
EARLIER = 1e-2  # what a first search, over the three smaller rates, chose for the gated cells
SETTINGS = {
    "B": 32,
    "clip": 1.0,
    "dtype": "float32",
    "every": 100,
    "optimizer": "adam",
    "updates": 2500,
    "watched": 500,
    "judged": 1000,
}


def task_of(name: str, T: int) -> tasks.Task:
    """Return the adding or the copy task in the dtype of the runs."""
    return {"adding": tasks.adding, "copy": tasks.copy}[name](T, dtype=SETTINGS["dtype"])


def parameters(cell: str, D: int, H: int, K: int) -> int:
    """Return how many numbers a cell and its read-out learn."""
    model = init_model(getattr(cells, cell), np.random.default_rng(0), D, H, K)
    return sum(array.size for _, array in tree_leaves(model))


def units(cell: str, D: int, K: int) -> int:
    """Return the H with which a cell comes closest to an LSTM of 32 units, in parameters."""
    wanted = parameters("lstm", D, 32, K)
    return min(range(8, 129), key=lambda H: abs(parameters(cell, D, H, K) - wanted))


def run(name: str, T: int, cell: str, rate: float, seed: int, **more: Any) -> dict[str, Any]:
    """Train once; return what is recorded of it."""
    task, rng, one = task_of(name, T), np.random.default_rng(seed), getattr(cells, cell)
    H = more.get("H") or units(cell, task.D, task.K)
    model = init_model(one, rng, task.D, H, task.K, SETTINGS["dtype"])
    if "forget_bias" in more:
        model = model._replace(cell=forget_bias(one, model.cell, more["forget_bias"]))
    watched = task.test(np.random.default_rng([seed, 1]), SETTINGS["watched"])
    judged = task.test(np.random.default_rng([seed, 2]), SETTINGS["judged"])

    def look(model: Any, batch: tasks.Batch) -> tuple[float, Any]:
        y = predict(one, model, batch.xs)
        return task.loss(y if task.every_step else y[-1], batch.target)[0], y

    losses, solved = [look(model, watched)[0]], None
    batches = task.batches(rng, SETTINGS["B"], SETTINGS["updates"])
    for record in train(
        one, model, batches, task.loss, adam(rate), every_step=task.every_step,
        clip=SETTINGS["clip"], progress=False,
    ):  # fmt: skip
        if record.update % SETTINGS["every"] == 0:
            loss, y = look(record.model, watched)
            losses.append(loss)
            if task.solved(y, watched):
                solved = record.update
                break
    loss, y = look(record.model, judged)
    found: dict[str, Any] = {"task": name, "T": T, "cell": cell, "rate": rate, "seed": seed, **more}
    found |= {"solved": solved, "losses": [float(f"{v:.4g}") for v in losses]}
    found |= {"test": float(f"{loss:.4g}"), "right": round(float(task.right(y, judged).mean()), 3)}
    if name == "copy":
        share = np.mean((y.argmax(axis=1) == judged.target)[-10:])
        found["symbols"] = round(10 * float(share), 2)
    return found


def best_rate(runs: list[dict[str, Any]]) -> float:
    """Return the rate of the run that was solved first, or else ended with the least loss."""
    return min(runs, key=lambda r: (r["solved"] or np.inf, r["losses"][-1]))["rate"]


def key(r: dict[str, Any]) -> tuple[Any, ...]:
    """Return what makes a run the one it is."""
    return tuple(r.get(k) for k in ("task", "T", "cell", "rate", "seed", "forget_bias", "H"))


def all_runs(known: dict[tuple[Any, ...], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield every run, a search before the runs that use it; those known are not run again."""

    def one(name: str, T: int, cell: str, rate: float, seed: int, **more: Any) -> dict[str, Any]:
        wanted = {"task": name, "T": T, "cell": cell, "rate": rate, "seed": seed, **more}
        found = known.get(key(wanted)) or run(name, T, cell, rate, seed, **more)
        return found | more

    rates = {}
    for name, lags in LAGS.items():
        for T in lags:
            for cell in CELLS:
                search = []
                for rate in RATES:
                    search.append(one(name, T, cell, rate, SEARCH, part="search"))
                    yield search[-1]
                rates[name, T, cell] = rate = best_rate(search)
                yield from (one(name, T, cell, rate, seed, part="report") for seed in SEEDS)
    T = max(LAGS["adding"])
    for cell in ("gru", "lstm"):
        yield from (one("adding", T, cell, EARLIER, seed, part="earlier") for seed in SEEDS)
    for bias in BIASES:
        for seed in SEEDS:
            rate = rates["adding", T, "lstm"]
            yield one("adding", T, "lstm", rate, seed, part="bias", forget_bias=bias)
    T = min(LAGS["copy"])
    H = units("rnn", *task_of("copy", T)[1:3])
    for cell in ("gru", "lstm"):
        for seed in SEEDS:
            yield one("copy", T, cell, rates["copy", T, cell], seed, part="units", H=H)


def known_runs(head: dict[str, Any]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return the runs of the file by their keys, if they were made as `head` says."""
    if not FILE.exists():
        return {}
    found = json.loads(FILE.read_text())
    same = all(found["settings"].get(name) == value for name, value in SETTINGS.items())
    if not same or found["versions"] != head["versions"]:
        raise SystemExit(f"{FILE.name} was made with other settings or versions: leave out --keep")
    return {key(r): r for r in found["runs"]}


def main() -> None:
    """Record all runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="go on from the runs that are there")
    sizes: dict[str, Any] = {}
    for name, (T, *_) in LAGS.items():
        _, D, K, *_ = task_of(name, T)
        for cell in CELLS:
            H = units(cell, D, K)
            size = {"H": H, "parameters": parameters(cell, D, H, K)}
            sizes.setdefault(name, {})[cell] = size
    head = {
        "settings": {**SETTINGS, "rates": RATES, "search": SEARCH, "seeds": SEEDS, "lags": LAGS},
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "sizes": sizes,
    }
    known = known_runs(head) if parser.parse_args().keep else {}
    count = len(CELLS) * sum(map(len, LAGS.values())) * (len(RATES) + len(SEEDS))
    count += len(SEEDS) * (len(BIASES) + 4)
    runs: list[dict[str, Any]] = []
    with np.errstate(all="raise", under="ignore"):
        for r in tqdm(all_runs(known), total=count, desc="long memory"):
            runs.append(r)
            lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in runs)
            FILE.write_text(json.dumps(head, indent=1)[:-2] + f',\n "runs": [\n{lines}\n]\n}}\n')
    print(f"{len(runs)} runs, {FILE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
