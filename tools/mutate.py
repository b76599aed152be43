"""Mutate the library, one small fault at a time, and see whether a test turns red.

    python tools/mutate.py                  modules whose code has changed since tests/mutants.md
    python tools/mutate.py --all            every module
    python tools/mutate.py --list rnn.py    print the mutants of matching modules, run nothing

Works on a copy of lib/ and tests/ in a temporary folder, puts each mutant into a forked process in
memory, and runs the tests there until the first failure, those first that found the module's last
mutants. What is done is kept in _build/mutation/, so that a run that was stopped goes on where it
was. The result is tests/mutants.md: counts, and every survivor with the reason why it is the same
function; reasons are written there by hand and kept. Exits with 1 if a survivor has none.

What is mutated: arithmetic and comparison operators exchanged; terms and factors dropped;
operands, neighbouring arguments, elements, unpacked names and fields exchanged; transposes dropped;
numbers ± 1 (in indices, axes and defaults too), truth values turned; indices and slices shifted;
keywords and last arguments dropped; sigmoid and tanh, zeros and ones, sum and mean, maximum and
minimum, h and c, TypeError and ValueError exchanged; conditions turned, statements deleted.
What is not: texts, docstrings, annotations, protocols, imports, __all__, the order of what commutes
(np.add, np.multiply, np.maximum, np.minimum), and zip's strict=, which guards against slips inside
the library.
"""

import argparse
import ast
import gc
import hashlib
import importlib
import importlib.abc
import importlib.util
import io
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import tokenize
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tqdm.auto import tqdm

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "tests" / "mutants.md"
STATE = ROOT / "_build" / "mutation"
SUBJECTS = ("lib/unrolled/cells/*.py", "lib/unrolled/bptt.py", "lib/unrolled/fused/*.py")
# The quick ones first; of the gradients what is about cells and loops.
TESTS = [
    "tests/test_reference.py",
    "tests/test_fused.py",
    "tests/test_bptt.py",
    "tests/test_bad_input.py",
    "tests/test_cells.py",
    "tests/test_layers.py",
    "tests/test_gradients.py::test_every_state",
    "tests/test_gradients.py::test_parameters_first_state_and_input",
]
SWAPS = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div, ast.Add],
    ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.MatMult: [ast.Mult],
    ast.FloorDiv: [ast.Div],
    ast.Mod: [ast.FloorDiv],
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
}
PAIRS = [
    ("zeros", "ones"),
    ("maximum", "minimum"),
    ("max", "min"),
    ("add", "subtract"),
    ("h", "c"),
    ("TypeError", "ValueError"),
    ("floating", "integer"),
    ("int", "float"),
]
NAMES = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}
NAMES |= {"zeros_like": "ones_like", "sum": "mean", "multiply": "divide"}


class Mutant(NamedTuple):
    """One fault: where it is, the line before and after, and the whole mutated source."""

    function: str
    before: str
    after: str
    source: str

    @property
    def key(self) -> str:
        """What stays when lines move."""
        return f"`{self.function}`: `{self.before}` → `{self.after}`"


# Making mutants


def normal_form(source: str) -> str:
    """Return the source without comments, docstrings and empty lines: what a fingerprint is of."""
    lines = [line.encode() for line in source.splitlines()]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            text = lines[row - 1].decode()
            lines[row - 1] = (text[:column] + " " * len(token.string)).encode()
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and is_text(body[0]):
            for row in range(body[0].lineno - 1, body[0].end_lineno):
                lines[row] = b""
    return "\n".join(text for line in lines if (text := line.decode().rstrip()))


def fingerprint(source: str) -> str:
    """Return a hash of the code, deaf to comments and docstrings."""
    return hashlib.sha256(normal_form(source).encode()).hexdigest()[:16]


def is_text(node: ast.stmt) -> bool:
    """Tell whether a statement is a bare text, such as a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def number(value: int | float) -> ast.expr:
    """Return the expression of a number."""
    return ast.parse(repr(value), mode="eval").body


def shifted(node: ast.expr, by: int) -> ast.expr:
    """Return node ± 1."""
    return ast.BinOp(node, ast.Add() if by > 0 else ast.Sub(), number(abs(by)))


def short(*versions: list[str]) -> list[str]:
    """Return versions of lines as one line each, without comments, cut to where they differ."""
    texts = []
    for lines in versions:
        text = " ".join(" ".join(re.sub(r"\s#\s.*", "", line) for line in lines).split())
        texts.append(re.sub(r",? ([)\]])", r"\1", re.sub(r"([(\[]) ", r"\1", text)))
    start = 0
    if max(map(len, texts)) > 120:
        differ = (k for k, letters in enumerate(zip(*texts, strict=False)) if len({*letters}) > 1)
        start = max(0, next(differ, 0) - 50)
    ends = [" …" if len(text) > start + 120 else "" for text in texts]
    head = "… " if start else ""
    return [head + text[start : start + 120] + end for text, end in zip(texts, ends, strict=True)]


def exchanged(items: list, at: int) -> list:
    """Return the list with two neighbours exchanged."""
    return [*items[:at], items[at + 1], items[at], *items[at + 2 :]]


def changed(node: ast.AST, **fields: object) -> ast.AST:
    """Return a copy of the node with other fields."""
    return type(node)(**{**dict(ast.iter_fields(node)), **fields})


def expressions(node: ast.expr) -> Iterator[ast.expr]:
    """Yield what an expression could be mistaken for."""
    match node:
        case ast.BinOp(left, op, right):
            for other in SWAPS.get(type(op), ()):
                yield changed(node, op=other())
            if isinstance(op, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.Pow):
                yield left
            if isinstance(op, ast.Add | ast.Sub | ast.Mult):
                yield right
            if isinstance(op, ast.Sub | ast.Div | ast.MatMult):
                yield changed(node, left=right, right=left)
        case ast.Compare(left, [op], [right]):
            for other in SWAPS.get(type(op), ()):
                yield changed(node, ops=[other()])
        case ast.BoolOp(op, values):
            yield changed(node, op=SWAPS[type(op)][0]())
            for k in range(len(values)):
                rest = values[:k] + values[k + 1 :]
                yield changed(node, values=rest) if len(rest) > 1 else rest[0]
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield operand
        case ast.IfExp(_, body, orelse):
            yield body
            yield orelse
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            yield number(value + 1)
            yield number(value - 1)
        case ast.Tuple(elts) | ast.List(elts) if len(elts) > 1:
            for k in range(len(elts) - 1):
                yield changed(node, elts=exchanged(elts, k))
        case ast.Attribute(value, name):
            if name in ("T", "mT"):
                yield value
            if name in NAMES:
                yield changed(node, attr=NAMES[name])
            if isinstance(value, ast.Name) and (value.id, name) == ("np", "tanh"):
                yield ast.Name("sigmoid", ast.Load())
        case ast.Name(name):
            if name == "sigmoid":
                yield ast.parse("np.tanh", mode="eval").body
            elif name in NAMES and name not in ("h", "c"):
                yield ast.Name(NAMES[name], ast.Load())
        case ast.Subscript(value, index):
            parts = index.elts if isinstance(index, ast.Tuple) else [index]
            for k, part in enumerate(parts):
                for other in indices(part):
                    new = [*parts[:k], other, *parts[k + 1 :]]
                    whole = ast.Tuple(new, ast.Load()) if isinstance(index, ast.Tuple) else new[0]
                    yield changed(node, slice=whole)
        case ast.Call(func, args, keywords):
            for k in range(len(args) - 1):
                if k not in commuting(func, args):
                    yield changed(node, args=exchanged(args, k))
            if len(args) > 1:
                yield changed(node, args=args[:-1])
            for k, keyword in enumerate(keywords):
                if keyword.arg != "strict":
                    yield changed(node, keywords=keywords[:k] + keywords[k + 1 :])
            if isinstance(func, ast.Name) and func.id == "reversed":
                yield args[0]


def commuting(func: ast.expr, args: list[ast.expr]) -> list[int]:
    """Return which neighbours of a call's arguments may change places: a + b is b + a."""
    name = ast.unparse(func)
    if name in ("np.add", "np.multiply", "np.maximum", "np.minimum"):
        return [0]
    return [1] if name == "tree_map" and ast.unparse(args[0]) == "np.add" else []


def indices(node: ast.expr) -> Iterator[ast.expr]:
    """Yield what an index could be mistaken for; numbers are changed where they stand."""
    match node:
        case ast.Slice(lower, upper, step):
            if not isinstance(lower, ast.Constant):
                yield ast.Slice(number(1) if lower is None else shifted(lower, 1), upper, step)
            if not isinstance(upper, ast.Constant):
                yield ast.Slice(lower, number(-1) if upper is None else shifted(upper, -1), step)
        case ast.Name() | ast.BinOp() | ast.Attribute():
            yield shifted(node, 1)
            yield shifted(node, -1)


def statements(node: ast.stmt) -> Iterator[ast.stmt]:
    """Yield what a statement could be mistaken for."""
    match node:
        case ast.Expr() | ast.Assign() | ast.AugAssign() | ast.Return() | ast.Raise():
            yield ast.Pass()
        case ast.For() | ast.If() | ast.While() | ast.With():
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()
    match node:
        case ast.AugAssign(target, op, value):
            for other in SWAPS.get(type(op), ()):
                yield changed(node, op=other())
            yield ast.Assign([target], value, lineno=0)
        case ast.If(test):
            yield changed(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.Assign([ast.Tuple(elts) as target], value):
            values = [ast.dump(v) for v in value.elts] if isinstance(value, ast.Tuple) else []
            for k in range(len(elts) - 1):
                if not values or values[k] != values[k + 1]:
                    yield changed(node, targets=[changed(target, elts=exchanged(elts, k))])
            for k, inner in enumerate(elts):
                if isinstance(inner, ast.Tuple):
                    for m in range(len(inner.elts) - 1):
                        new = changed(inner, elts=exchanged(inner.elts, m))
                        yield changed(
                            node, targets=[changed(target, elts=[*elts[:k], new, *elts[k + 1 :]])]
                        )


class Maker:
    """Walks a module and collects its mutants."""

    def __init__(self, source: str):
        self.source = source
        self.bytes = source.encode()
        self.starts = [0]
        for line in self.bytes.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        body = ast.parse(source).body
        self.top: ast.stmt = body[0]
        self.seen = {(top.lineno, ast.dump(top)) for top in body}
        self.found: list[Mutant] = []

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return where the node's text begins and ends, in bytes."""
        return (
            self.starts[node.lineno - 1] + node.col_offset,
            self.starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def add(self, function: str, node: ast.AST, texts: list[str]) -> None:
        """Add the mutant whose node reads as the first of the texts that means the last of them."""
        (start, end), (first, last) = self.span(node), self.span(self.top)
        wanted = None
        for text in reversed(texts):
            around = self.bytes[first:start], text.encode(), self.bytes[end:last]
            part = b"".join(around).decode()
            try:
                tree = ast.dump(ast.parse(part).body[0])
            except SyntaxError:
                continue
            wanted = wanted or tree
            if tree == wanted:
                best = self.bytes[:first].decode() + part + self.bytes[last:].decode()
        if wanted is None or (self.top.lineno, wanted) in self.seen:
            return
        self.seen.add((self.top.lineno, wanted))
        old, new = self.source.splitlines(), best.splitlines()
        first = next(k for k, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
        same = 0
        while same < min(len(old), len(new)) - first and old[-1 - same] == new[-1 - same]:
            same += 1
        before, after = short(*(lines[first : len(lines) - same] for lines in (old, new)))
        self.found.append(Mutant(function, before, after, best))

    def replace(self, function: str, node: ast.AST, other: ast.AST) -> None:
        """Add the mutant that has `other` in the place of the node."""
        text = ast.unparse(ast.fix_missing_locations(other))
        if isinstance(node, ast.stmt):
            text = text.replace("\n", "\n" + " " * node.col_offset)
            self.add(function, node, [text])
        else:
            self.add(function, node, [text, f"({text})"])

    def walk(self, node: ast.AST, function: str = "module") -> None:
        """Collect the mutants of a node and of what is inside it."""
        match node:
            case ast.Import() | ast.ImportFrom() | ast.JoinedStr():
                return
            case ast.Assign([ast.Name("__all__")]) | ast.ClassDef(bases=[ast.Name("Protocol")]):
                return
            case ast.FunctionDef(name) | ast.ClassDef(name):
                function = name if function == "module" else f"{function}.{name}"
        if isinstance(node, ast.ClassDef):
            fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
            for one, two in pairwise(fields):
                both = ast.Module([], [])
                both.lineno, both.col_offset = one.lineno, one.col_offset
                both.end_lineno, both.end_col_offset = two.end_lineno, two.end_col_offset
                gap = self.bytes[self.span(one)[1] : self.span(two)[0]].decode()
                self.add(function, both, [ast.unparse(two) + gap + ast.unparse(one)])
        if isinstance(node, ast.stmt) and not is_text(node):
            for other in statements(node):
                self.replace(function, node, other)
        if isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            for other in expressions(node):
                self.replace(function, node, other)
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "bases", "decorator_list"):
                continue
            if isinstance(node, ast.keyword) and node.arg == "strict":
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    self.walk(child, function)


def mutants_of(source: str) -> list[Mutant]:
    """Return all mutants of a module's source, none twice."""
    maker = Maker(source)
    for maker.top in ast.parse(source).body:
        maker.walk(maker.top)
    return maker.found


# Running tests on them


class Loader(importlib.machinery.SourceFileLoader):
    """Loads a module from another text than its file's."""

    def __init__(self, name: str, path: str, source: str):
        super().__init__(name, path)
        self.source = source

    def get_code(self, fullname: str) -> object:
        """Compile that text."""
        return compile(self.source, self.path, "exec")


class Finder(importlib.abc.MetaPathFinder):
    """Finds the mutated module before its file is found."""

    def __init__(self, name: str, path: Path, source: str):
        self.name, self.path, self.source = name, path, source

    def find_spec(self, fullname, path, target=None):
        """Answer for the one module."""
        if fullname != self.name:
            return None
        inside = [str(self.path.parent)] if self.path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            fullname,
            self.path,
            loader=Loader(fullname, str(self.path), self.source),
            submodule_search_locations=inside,
        )


class FirstFailure:
    """A pytest plugin that keeps the name of the first test that failed."""

    def __init__(self):
        self.name = ""

    def pytest_runtest_logreport(self, report):
        """Keep a test's failure."""
        if report.failed:
            self.name = self.name or report.nodeid

    def pytest_collectreport(self, report):
        """Keep a failure to import."""
        if report.failed:
            self.name = self.name or f"import of {report.nodeid}"


def in_child(copy: Path, name: str, path: Path, source: str, stages: list[list[str]], answer: Path):
    """In a forked process: load the mutant, run the tests in stages, write who failed, end."""
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    import pytest

    sys.dont_write_bytecode = name != ""
    if name:
        sys.meta_path.insert(0, Finder(name, path, source))
    os.chdir(copy)
    first, code = FirstFailure(), 0
    for tests in stages:
        if tests and not code:
            options = ["-x", "-q", "-m", "not slow", "-p", "no:cacheprovider"]
            code = int(pytest.main([*options, *tests], [first]))
    answer.write_text(first.name or (f"pytest's exit code {code}" if code else ""))


class Runner:
    """A copy of the checkout, and forked processes that run its tests."""

    def __init__(self, jobs: int):
        self.jobs = jobs
        self.copy = Path(tempfile.mkdtemp(prefix="mutation-"))
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        for part in ("lib", "tests"):
            shutil.copytree(ROOT / part, self.copy / part, ignore=ignore)
        shutil.copy(ROOT / "pyproject.toml", self.copy)
        for part in ("book", "Makefile", "README.md", "tools", "requirements.txt"):
            (self.copy / part).symlink_to(ROOT / part)
        self.running: dict[int, tuple[object, float]] = {}
        self.timeout = 600.0

    def warm_up(self) -> float:
        """Import what tests import, so that forks have it, and run them once unmutated."""
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        os.environ["TQDM_DISABLE"] = "1"
        sys.path[:0] = [str(self.copy / "lib"), str(self.copy / "tests")]
        from hypothesis import Phase, settings

        settings.register_profile(
            "mutation", derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
        )
        settings.load_profile("mutation")
        for name in ("unrolled", "unrolled.training", "conftest"):
            path = importlib.import_module(name).__file__
            assert Path(path).is_relative_to(self.copy), f"{path} is not in the copy"
        for name in list(sys.modules):
            if name.split(".")[0] in ("unrolled", "conftest", "helpers"):
                del sys.modules[name]
        gc.freeze()
        begin = time.monotonic()
        self.start("", "", Path(), "", [TESTS[:1], TESTS])
        ((_, failed),) = self.wait()
        if failed:
            raise SystemExit(f"The tests must pass before anything is mutated: {failed}")
        took = time.monotonic() - begin
        self.timeout = 30 + 4 * took
        return took

    def start(self, label: object, name: str, path: Path, source: str, stages) -> None:
        """Start one process."""
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                in_child(self.copy, name, path, source, stages, self.copy / f"answer-{os.getpid()}")
                code = 0
            finally:
                os._exit(code)
        self.running[pid] = (label, time.monotonic() + self.timeout)

    def wait(self) -> list[tuple[object, str]]:
        """Wait until some processes have ended; return their labels and first failures."""
        done = []
        while not done:
            for pid, (label, deadline) in list(self.running.items()):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if not ended and time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                    done.append((label, "timeout"))
                elif ended:
                    answer = self.copy / f"answer-{pid}"
                    text = answer.read_text() if answer.exists() else f"ended with {status}"
                    answer.unlink(missing_ok=True)
                    done.append((label, text))
                else:
                    continue
                del self.running[pid]
            if not done:
                time.sleep(0.005)
        return done

    def close(self) -> None:
        """End what runs and remove the copy."""
        for pid in self.running:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        shutil.rmtree(self.copy, ignore_errors=True)

    def judge(self, module: str, mutants: list[Mutant]) -> dict[str, str]:
        """Return for every mutant of a module its first failed test, or "" if it survived."""
        source = (self.copy / module).read_text(encoding="utf-8")
        inside = Path(module).relative_to("lib").with_suffix("")
        name = ".".join(inside.parts).removesuffix(".__init__")
        kept = STATE / f"{name}.jsonl"
        killers: Counter[str] = Counter()
        verdicts: dict[str, str] = {}
        if kept.exists():
            for line in kept.read_text(encoding="utf-8").splitlines():
                old = json.loads(line)
                if old["of"] == fingerprint(source) and old["failed"]:
                    verdicts[old["mutant"]] = old["failed"]
                    killers[old["failed"]] += 1
        STATE.mkdir(parents=True, exist_ok=True)
        labels = keys(mutants)
        waiting = [(k, m) for k, m in zip(labels, mutants, strict=True) if k not in verdicts]
        bar = tqdm(total=len(mutants), initial=len(mutants) - len(waiting), desc=name)
        with kept.open("a", encoding="utf-8") as log, bar:
            while waiting or self.running:
                while waiting and len(self.running) < self.jobs:
                    key, mutant = waiting.pop(0)
                    quick = [test for test, _ in killers.most_common(6) if "::" in test]
                    path = self.copy / module
                    self.start(key, name, path, mutant.source, [quick, TESTS])
                for key, failed in self.wait():
                    verdicts[key] = failed
                    killers[failed] += 1
                    line = {"of": fingerprint(source), "mutant": key, "failed": failed}
                    log.write(json.dumps(line, ensure_ascii=False) + "\n")
                    log.flush()
                    bar.update()
                    survived = sum(not verdicts.get(k, "-") for k in labels)
                    bar.set_postfix(survived=survived, refresh=False)
        return {key: verdicts[key] for key in labels}


def keys(mutants: list[Mutant]) -> list[str]:
    """Return the mutants' keys, numbered where two have one key."""
    seen: Counter[str] = Counter()
    labels = []
    for mutant in mutants:
        seen[mutant.key] += 1
        times = seen[mutant.key]
        labels.append(mutant.key if times == 1 else f"{mutant.key} ({times})")
    return labels


# The result


class Part(NamedTuple):
    """The result of one module; survivors and their reasons ("" if there is none yet)."""

    fingerprint: str
    mutants: int
    timeouts: int
    survivors: dict[str, str]


INTRODUCTION = """# Mutants

`make mutation` puts one small fault at a time into the code of the cells and of the loops over
time, and runs the tests. A mutant that no test notices is listed here with the reason why it is
the same function as the original: there is no other kind. `tools/mutate.py` says what is mutated
and what is not; it runs again only what has changed, and keeps the reasons, which are written by
hand under each survivor.
"""


def parse(text: str) -> dict[str, Part]:
    """Read a result: by module."""
    parts = {}
    for section in re.split(r"(?m)^## ", text)[1:]:
        head, _, body = section.partition("\n")
        counts = re.search(
            r"(\d+) mutants, .*?(\d+) by time.*?Code ([0-9a-f]{16})", body, re.DOTALL
        )
        survivors = {}
        for item in re.split(r"(?m)^- ", body)[1:]:
            key, _, reason = item.partition("\n")
            survivors[key] = " ".join(reason.split())
        parts[head.strip()] = Part(counts[3], int(counts[1]), int(counts[2]), survivors)
    return parts


def written(parts: dict[str, Part]) -> str:
    """Write a result."""
    everything = sum(part.mutants for part in parts.values())
    survivors = sum(len(part.survivors) for part in parts.values())
    lines = [INTRODUCTION, f"In all: {everything} mutants, {everything - survivors} noticed by a"]
    lines[-1] += f" test, {survivors} the same function."
    for module, part in sorted(parts.items()):
        noticed = part.mutants - len(part.survivors)
        lines += ["", f"## {module}", ""]
        lines += [
            f"{part.mutants} mutants, {noticed} noticed ({part.timeouts} by time), "
            f"{len(part.survivors)} the same function. Code {part.fingerprint}."
        ]
        for key, reason in part.survivors.items():
            lines += ["", f"- {key}"] + ([f"  {reason}"] if reason else [])
    return "\n".join(lines) + "\n"


def stale(parts: dict[str, Part]) -> list[str]:
    """Return the modules whose code is not what a result is about, and those that are gone."""
    return [
        module
        for module in sorted({*parts, *subjects()})
        if module not in parts
        or not (ROOT / module).exists()
        or parts[module].fingerprint != fingerprint((ROOT / module).read_text(encoding="utf-8"))
    ]


def subjects() -> list[str]:
    """Return the modules to mutate: those that define anything."""
    found = [path for pattern in SUBJECTS for path in sorted(ROOT.glob(pattern))]
    return [
        path.relative_to(ROOT).as_posix()
        for path in found
        if re.search(r"(?m)^(def|class) ", path.read_text(encoding="utf-8"))
    ]


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="every module, from the start")
    parser.add_argument("--list", metavar="TEXT", help="print mutants of matching modules")
    parser.add_argument("--only", metavar="TEXT", default="", help="matching modules alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes side by side")
    options = parser.parse_args()
    if options.list is not None:
        for module in subjects():
            if options.list in module:
                for key in keys(mutants_of((ROOT / module).read_text(encoding="utf-8"))):
                    print(f"{module}: {key}")
        return 0
    parts = parse(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    unexplained = {module for module, part in parts.items() if not all(part.survivors.values())}
    wanted = (
        subjects() if options.all else [m for m in subjects() if m in {*stale(parts), *unexplained}]
    )
    wanted = [module for module in wanted if options.only in module]
    if options.all:
        shutil.rmtree(STATE, ignore_errors=True)
    parts = {module: part for module, part in parts.items() if module in subjects()}
    if wanted:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by way of `finally`
        runner = Runner(options.jobs)
        try:
            print(f"The tests pass, in {runner.warm_up():.0f} s; modules: {len(wanted)}.")
            for module in wanted:
                source = (runner.copy / module).read_text(encoding="utf-8")
                verdicts = runner.judge(module, mutants_of(source))
                if RESULT.exists():  # a reason may have been written meanwhile
                    found = parse(RESULT.read_text(encoding="utf-8"))
                    parts |= {name: part for name, part in found.items() if name in parts}
                reasons = parts[module].survivors if module in parts else {}
                survivors = {
                    key: reasons.get(key, "") for key, failed in verdicts.items() if not failed
                }
                timeouts = list(verdicts.values()).count("timeout")
                parts[module] = Part(fingerprint(source), len(verdicts), timeouts, survivors)
                RESULT.write_text(written(parts), encoding="utf-8")
        finally:
            runner.close()
    RESULT.write_text(written(parts), encoding="utf-8")
    bare = [(m, key) for m, part in parts.items() for key, why in part.survivors.items() if not why]
    for module, key in bare:
        print(f"{module}: {key}: no test notices; add one, or write the reason in {RESULT.name}")
    return 1 if bare else 0


if __name__ == "__main__":
    sys.exit(main())
