"""What the makers of reference vectors share: random cases in the library's layout, and files.

T steps, B sequences side by side, D inputs, H hidden units: xs (T, D, B), states (H, B).
"""

from pathlib import Path

import numpy as np

Case = dict[str, np.ndarray]
HERE = Path(__file__).parent


def fields_of(name: str) -> list[str]:
    """Return the letters of the cell's state."""
    return ["h", "c"] if name.startswith("lstm") else ["h"]


def random_sizes(rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Return T, B, D and H."""
    T, B, D, H = (int(rng.integers(1, most + 1)) for most in (8, 4, 5, 6))
    return T, B, D, H


def random_sequences(name: str, rng: np.random.Generator, T: int, B: int, D: int, H: int) -> Case:
    """Return s_0, xs, and a gradient on every state."""
    given = {f"s0_{field}": rng.normal(0, 0.5, (H, B)) for field in fields_of(name)}
    given |= {"xs": rng.normal(0, 1, (T, D, B))}
    return given | {f"up_{field}": rng.normal(0, 1, (T, H, B)) for field in fields_of(name)}


def random_layer_case(name: str, rng: np.random.Generator, T: int, B: int, D: int, H: int) -> Case:
    """Return sequences with lengths, and a gradient on every h and on the last valid c.

    A framework's layer shows no other c.
    """
    given = random_sequences(name, rng, T, B, D, H)
    if "up_c" in given:
        given["up_c"] = given["up_c"][-1]
    return given | {"lengths": rng.integers(1, T + 1, B)}


def write(path: Path, cases: list[Case], provenance: str) -> None:
    """Write the cases to one file, with where they come from."""
    arrays = {f"{n}/{key}": value for n, case in enumerate(cases) for key, value in case.items()}
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, provenance=provenance, **arrays)
    print(f"{path.relative_to(HERE)}: {len(cases)} cases, {provenance}")
