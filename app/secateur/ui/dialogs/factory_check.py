"""Whether `package.module:factory` or `file.py:factory` can be found, without running any of it."""

import ast
import importlib.util
from pathlib import Path
from typing import NamedTuple


class Checked(NamedTuple):
    """`fits` and the sentence that stands under the field."""

    fits: bool
    sentence: str


def check_factory(text: str) -> Checked:
    """Look for the module or file and, in a file, for the function; nothing is imported or run."""
    place, colon, name = text.strip().rpartition(":")
    if not text.strip():
        return Checked(False, "A function that returns the network, for example models.py:resnet20.")
    if not colon or not name.isidentifier():
        return Checked(False, "Write the place, a colon, and the function's name: models.py:resnet20.")
    if place.endswith(".py"):
        return _check_file(Path(place).expanduser(), name)
    return _check_module(place, name)


def check_weights(text: str) -> Checked:
    """Whether the weights file is there; none at all means the factory's own weights."""
    if not text.strip():
        return Checked(True, "Without a file the network keeps the weights that the function gives it.")
    path = Path(text.strip()).expanduser()
    if not path.is_file():
        return Checked(False, f"There is no file at {path}.")
    return Checked(True, "")


def functions_in(path: Path) -> list[str]:
    """Names of the functions and classes at the top of a Python file; SyntaxError where it is not one."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [node.name for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]


def _check_file(path: Path, name: str) -> Checked:
    if not path.is_file():
        return Checked(False, f"There is no file {path}.")
    try:
        names = functions_in(path)
    except (SyntaxError, UnicodeDecodeError, OSError) as error:
        return Checked(False, f"{path.name} cannot be read as Python: {error}.")
    if name not in names:
        known = f" It has {', '.join(names[:5])}." if names else ""
        return Checked(False, f"{path.name} has no function {name}.{known}")
    return Checked(True, "")


def _check_module(module: str, name: str) -> Checked:
    if not all(part.isidentifier() for part in module.split(".")):
        return Checked(False, f"{module!r} is neither a Python file nor a module's name.")
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        return Checked(False, f"There is no package {module.partition('.')[0]} in this environment.")
    return Checked(True, f"{name} is looked up in {module} when it is opened.")
