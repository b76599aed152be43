"""Record the training runs that TrainingReplay shows: some seconds each, with a progress bar.

python tools/record.py [rnn gru lstm]      all of them, if none is named
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: more threads cost time here

from unrolled import cells, tasks
from unrolled.explorables.recordings import ADDING, RUNS, record

FOLDER = Path(__file__).parents[1] / "lib/unrolled/explorables/recordings"


def main() -> None:
    """Record the runs named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cell", nargs="*", choices=[[], *RUNS])
    for cell in parser.parse_args().cell or RUNS:
        run = record(getattr(cells, cell), tasks.adding(50), RUNS[cell], **ADDING)
        run.save(FOLDER / f"{cell}.json")
        print(f"{run}: error {run.loss[-1]:.4f} after {run.settings['updates']} updates")


if __name__ == "__main__":
    main()
