"""What of the library is public, by which names, and what a name in a docstring means."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

# Helpers of the library's own, and this package: they are not described.
INTERNAL = ("unrolled.checks", "unrolled.course", "unrolled.sphinxext", "unrolled.tree")
# A cell's names in the order of use, as a cell may import some from another.
CELL = ("Params", "State", "Cache", "init", "zero_state", "step", "step_backward")


def public_modules(package: str = "unrolled") -> Iterator[ModuleType]:
    """Yield the modules whose names are public, in the order of the alphabet.

    A package that exports functions or classes is yielded, not what it is made of.
    """
    found = import_module(package)
    for info in pkgutil.iter_modules(found.__path__, f"{package}."):
        if info.name in INTERNAL or info.name.rpartition(".")[2].startswith("_"):
            continue
        module = import_module(info.name)
        yield module
        exported = [getattr(module, name) for name in getattr(module, "__all__", [])]
        if info.ispkg and all(isinstance(value, ModuleType) for value in exported):
            yield from public_modules(info.name)


def public_names(module: ModuleType) -> list[str]:
    """Return a module's public functions and classes, in the order of its source."""
    own = [
        name
        for name, value in vars(module).items()
        if isinstance(value, FunctionType | type)
        and (
            name in module.__all__
            if hasattr(module, "__all__")
            else not name.startswith("_") and value.__module__ == module.__name__
        )
    ]
    return sorted(own, key=CELL.index) if set(own) == set(CELL) else own


@lru_cache
def library() -> dict[str, dict[str, Any]]:
    """Return the public modules: their functions and classes by the names that users import."""
    top = import_module("unrolled")
    found = {}
    for module in public_modules():
        values = {name: getattr(module, name) for name in public_names(module)}
        found[module.__name__] = {
            f"{'unrolled' if vars(top).get(name) is value else module.__name__}.{name}": value
            for name, value in values.items()
        }
    return dict(sorted(found.items(), key=lambda item: not is_exported(item[1])))


def all_names() -> dict[str, Any]:
    """Return all public functions and classes."""
    return {name: value for names in library().values() for name, value in names.items()}


def is_exported(names: dict[str, Any]) -> bool:
    """Tell whether a module's names are the package's own, so that none imports the module."""
    return any(name.count(".") == 1 for name in names)


def is_cell(names: dict[str, Any]) -> bool:
    """Tell whether a module's names are those of a cell."""
    return [name.rpartition(".")[2] for name in names] == list(CELL)


def import_line(module: str) -> str:
    """Return the line that imports a module, or its names where they are the package's own."""
    exported = [name for name in library()[module] if name.count(".") == 1]
    package, _, short = module.rpartition(".")
    names = [name.rpartition(".")[2] for name in exported] or [short]
    return f"from {'unrolled' if exported else package} import {', '.join(names)}"


def methods(cls: Any) -> list[str]:
    """Return the public methods and properties that a class itself defines and explains."""
    return [
        name
        for name, value in vars(cls).items()
        if not name.startswith("_")
        and isinstance(value, FunctionType | property | classmethod | staticmethod)
        and value.__doc__
    ]


def described(text: str, inside: str) -> str | None:
    """Return the full name of what `text` means in a docstring of the module or object `inside`.

    None where that is nothing that the pages describe.
    """
    names = all_names()
    modules = [name for name, each in library().items() if not is_exported(each)]
    scopes = [inside]
    while "." in scopes[-1]:
        scopes.append(scopes[-1].rpartition(".")[0])
    if inside in names:  # a function of unrolled speaks of the module that defines it, too
        scopes.insert(1, names[inside].__module__)
    for full in [f"{scope}.{text}" for scope in scopes] + [text] * text.startswith("unrolled."):
        if full in names or full in modules:
            return full
        try:
            found = pkgutil.resolve_name(full)
        except (AttributeError, ImportError, ValueError):
            continue
        if isinstance(found, ModuleType) and found.__name__ in modules:
            return found.__name__
        if same := [name for name, value in names.items() if value is found]:
            return same[0]
        owner = full.rpartition(".")[0]
        if owner in names and full.rpartition(".")[2] in methods(names[owner]):
            return full
    return None
