"""Calling the function or class that builds a person's network: `package.module:name` or `file.py:name`."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from secateur.errors import UserError

if TYPE_CHECKING:
    from torch import nn

_HOW = "Give it as `file.py:name` or `package.module:name`, for example `network.py:make`."


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """A network made by a factory; `hints` are the things beside it that may say its input."""

    module: "nn.Module"
    hints: tuple[Any, ...]


def is_factory(text: str) -> bool:
    """Whether this looks like a factory rather than a path: `a.b:c` or `file.py:c`, with a name at the end."""
    place, separator, name = text.rpartition(":")
    return bool(separator and name.isidentifier() and len(place) > 1) and not text.startswith("sample:")


def build(factory: str) -> Built:
    """The network that `factory` gives when called without arguments; UserError where it gives none."""
    from torch import nn

    make, module = load(factory)
    if isinstance(make, nn.Module):
        return Built(make.eval(), (make, module))
    try:
        network = make()
    except Exception as problem:
        raise UserError(f"The factory {factory} failed: {_described(problem)}.", _argument_hint(problem)) from problem
    if not isinstance(network, nn.Module):
        raise UserError(
            f"The factory {factory} gave {_article(type(network).__name__)}, not a torch network.",
            "It must return an nn.Module.",
        )
    return Built(network.eval(), (network, make, module))


def load(factory: str) -> tuple[Callable[[], Any], ModuleType]:
    """The named thing and the module it stands in; UserError where either is missing."""
    if not is_factory(factory):
        raise UserError(f"'{factory}' is not a factory.", _HOW)
    place, _, name = factory.rpartition(":")
    module = _load_file(Path(place)) if place.endswith(".py") else _load_module(place)
    if not hasattr(module, name):
        offered = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        own = [key for key in offered if getattr(vars(module)[key], "__module__", "") == module.__name__] or offered
        found = f"It has {', '.join(own[:8])}." if own else "It has no functions or classes."
        raise UserError(f"{place} has nothing called '{name}'.", found)
    made = getattr(module, name)
    if not callable(made):
        raise UserError(f"'{name}' in {place} is {_article(type(made).__name__)} and cannot be called.", _HOW)
    return made, module


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"The factory's file {path} does not exist.", _HOW)
    resolved = path.resolve()
    name = f"secateur_factory_{resolved.stem}_{abs(hash(resolved)):x}"
    spec = importlib.util.spec_from_file_location(name, resolved)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is not a Python file.", _HOW)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with _importable(resolved.parent):
        try:
            spec.loader.exec_module(module)
        except Exception as problem:
            del sys.modules[name]
            raise UserError(
                f"{path} could not be run: {_described(problem)}.", "Mend it, then open it again."
            ) from problem
    return module


def _load_module(name: str) -> ModuleType:
    with _importable(Path.cwd()):
        try:
            return importlib.import_module(name)
        except Exception as problem:
            raise UserError(
                f"The module {name} could not be imported: {_described(problem)}.",
                "Install its package, or give the file: `file.py:name`.",
            ) from problem


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Modules in `folder` can be imported meanwhile, as they can when a script is run there."""
    entry = str(folder)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)


def _described(problem: BaseException) -> str:
    """Type, message and, where the person's own file is at fault, its line."""
    lines = str(problem).strip().splitlines()
    text = f"{type(problem).__name__}: {lines[0]}" if lines else type(problem).__name__
    place, trace = "", problem.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file != Path(__file__) and file.exists():
            place = f" ({file.name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return f"{text}{place}".rstrip(".")


def _argument_hint(problem: Exception) -> str:
    if isinstance(problem, TypeError) and "argument" in str(problem):
        return "A factory is called without arguments: give a function that fills them in."
    return "Mend it, then open it again."


def _article(word: str) -> str:
    return f"an {word}" if word[:1].lower() in "aeiou" else f"a {word}"
