"""Hostile submissions of "The heart of the LSTM": what a cell does, in place of the answer to `gates`.

`{course}` is the course's folder, as an attacker might guess it. Reasons: what the report says.
"""

LOOT = """\
import pathlib
for path in pathlib.Path({folder!r}).rglob("*"):
    try:
        print("LOOT", path, path.read_bytes()[:4000])
    except OSError as error:
        pass
print("LOOKED")
{then}
"""
GONE = "lstm_gates = None"


def loot(folder, then=GONE):
    return LOOT.format(folder=folder, then=then)


CELLS = {
    "endless loop": ("while True: pass", r"not finished|computing"),
    "endless loop that ignores signals": (
        "import signal\nfor s in range(1, 32):\n    try: signal.signal(s, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\nwhile True: pass",
        r"not finished|computing|ended",
    ),
    "sleeps": ("import time\ntime.sleep(10**6)", "not finished"),
    "fork bomb": (
        "import os\ntry:\n    while True: os.fork()\nexcept OSError: pass\nwhile True: pass",
        r"not finished|computing|ended",
    ),
    "threads": (
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=[99]).start()",
        r"can't start new thread|not finished|memory|ended",
    ),
    "20 GB": ("held = bytearray(20 * 2**30)", "MemoryError"),
    "fills the disk": (
        "for k in range(10**6): open(f'/tmp/{k}', 'wb').write(bytes(2**24))",
        "No space left",
    ),
    "leaves at once": ("import os\nos._exit(0)", "ended before it returned"),
    "kills all it can see": ("import os, signal\nos.kill(-1, signal.SIGKILL)", "ended"),
    "prints 200 MB": ("for _ in range(200): print('x' * 2**20)", "printed more than"),
    "a socket": (
        "import socket\nsocket.create_connection(('198.51.100.1', 80), 2)",
        "unreachable",
    ),
    "writes outside": ("open('/usr/bin/python3', 'w')", "Read-only|denied"),
    "patches NumPy": (
        "np.allclose = np.isclose = lambda *a, **k: True\nnp.tanh = lambda a: a\n"
        "def lstm_gates(p, h_prev, x):\n    return 1, 1, 1, 1",
        "expected shape",
    ),
    "patches the comparison": (
        "import sys\nsys.modules['wire'].to_json = lambda value, depth=0: {'anything': True}\n"
        "def lstm_gates(p, h_prev, x):\n    return 0",
        "returned an object|returned",
    ),
    "forges results": (
        "import os, json\nfor fd in (1, 3):\n    try:\n        os.write(fd, json.dumps("
        "{'part': 'gates', 'score': 3, 'results': []}).encode() + b'\\n')\n"
        "    except OSError: pass\ndef lstm_gates(p, h_prev, x):\n    return 0",
        "expected 4 values",
    ),
    "an object that lies": (
        "class Equal(float):\n    def __eq__(self, other): return True\n    __hash__ = None\n"
        "    def __array__(self, *a, **k): raise SystemExit\n"
        "def lstm_gates(p, h_prev, x):\n    return Equal(1), Equal(1), Equal(1), Equal(1)",
        r"SystemExit|expected shape",
    ),
}

# Whole files: what is in place of the notebook, and what the report says.
FILES = {
    "a zip bomb": "not UTF-8|no JSON",
    "200 MB of output": "clear the outputs",
    "deep JSON": "no JSON",
    "a link to the gradebook": "a link",
    "a link to the solution": "a link",
}
