"""The rules of the house: who may import whom, what stays out of the window, and that nothing is unlisted.

The rules are the tables below; every test goes over the source with `ast`, so that a module is judged before
anybody imports it. What can only be seen at run time is looked at in a fresh interpreter.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
APP = ROOT / "app"
MOST_LINES = 400

QT = ("PySide6", "shiboken6", "PyQt5", "PyQt6", "qtpy", "qtawesome", "pyqtgraph", "superqt")
HEAVY = ("torch", "onnx", "onnxruntime", "onnxscript", "accelerate", "scipy", "sklearn", "numba")

LEAVES = ("errors", "figures", "files", "installing", "layer_names", "privacy", "resources", "model.trust")
ORDER = ("model", "data", "graph", "targets", "training", "methods", "recipe", "analysis", "formats")
"""The packages below the engine, bottom-up: each may import those before it, and none of those after it."""
DEFINITIONS = ("recipe", "methods", "formats", "targets", "graph.context", "model.documents", "model.deviation")
DESCRIPTIONS = (
    *(
        "model.costs",
        "model.description",
        "model.spectrum",
        "model.encoding",
        "model.graph",
        "model.maps",
        "model.plan_check",
        "model.run_details",
        "model.device",
        "model.weight_views",
        "model.workload",
    ),
    *("data.source", "data.preview", "data.metrics", "data.presets", "training.curves"),
)
ENGINE_DOOR = (
    "engine.autopilot",
    "engine.timing",
    "engine.client",
    "engine.requests",
    "engine.events",
    "engine.places",
    "engine.protection",
)

# What each part may import besides itself and the leaves; the longest matching name counts. Imports inside
# functions and for type checkers are held to the same directions.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(LEAVES, ()),
    **{package: ORDER[:place] for place, package in enumerate(ORDER)},
    "formats": ("model", "data", "graph", "targets"),
    "engine": ORDER,
    "engine.timing": (*DEFINITIONS, *DESCRIPTIONS),
    "engine.requests": ("engine.timing", *DEFINITIONS, *DESCRIPTIONS),
    "engine.events": ("engine.timing", *DEFINITIONS, *DESCRIPTIONS),
    "engine.protection": (*DEFINITIONS, *DESCRIPTIONS),
    "session": (*ENGINE_DOOR, *DEFINITIONS, *DESCRIPTIONS),
    "ui": ("session", *ENGINE_DOOR, *DEFINITIONS, *DESCRIPTIONS),
    "cli": ("engine", "session", "ui", *ORDER),
    "__main__": ("cli", "ui"),
}


# ---------------------------------------------------------------------- reading the source


@cache
def modules() -> dict[str, Path]:
    """Dotted name → file of every module of the package; a package goes by its own name."""
    found = {}
    for path in sorted((APP / "secateur").rglob("*.py")):
        parts = path.relative_to(APP).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports_in(node: ast.AST, *, at_load: bool) -> Iterator[str]:
    """Full names that are imported below `node`; `at_load`: those alone that run when the module is loaded.

    `from a import b` counts as `a.b` where that is a module of ours, else as `a`.
    """
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            names = (f"{child.module}.{alias.name}" for alias in child.names)
            yield from (name if name in modules() else child.module for name in names)
        elif at_load and (
            isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or is_for_type_checkers(child)
        ):
            continue
        else:
            yield from imports_in(child, at_load=at_load)


def is_within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def rule_for(part: str) -> tuple[str, ...] | None:
    """The row of the table for a module (named without `secateur.`); None where there is none."""
    matching = [name for name in MAY_IMPORT if is_within(part, name)]
    return MAY_IMPORT[max(matching, key=len)] if matching else None


@cache
def loaded_with(module: str) -> frozenset[str]:
    """Every module of ours that runs when `module` is imported, by its module-level imports and packages."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in modules():
            continue
        seen.add(name)
        waiting += [name.rpartition(".")[0], *imports_in(tree(name), at_load=True)]
    return frozenset(seen)


def outside(names: Iterator[str], banned: tuple[str, ...]) -> list[str]:
    return sorted({name for name in names if name.partition(".")[0] in banned})


def in_fresh_python(code: str) -> str:
    """Run a program in a new interpreter; the last line that it printed."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


# ---------------------------------------------------------------------- who may import whom


@pytest.mark.parametrize("module", [name for name in modules() if name != "secateur"])
def test_imports_follow_the_table(module: str) -> None:
    part = module.removeprefix("secateur.")
    allowed = rule_for(part)
    assert allowed is not None, f"{module} stands in no row of MAY_IMPORT"
    own = part.partition(".")[0]
    ours = {name for name in imports_in(tree(module), at_load=False) if is_within(name, "secateur")}
    targets = {name.removeprefix("secateur.") for name in ours - {"secateur"}}
    wrong = sorted(t for t in targets if not any(is_within(t, name) for name in (own, *LEAVES, *allowed)))
    assert not wrong, f"{part} may not import {', '.join(wrong)}"


@pytest.mark.parametrize("module", modules())
def test_qt_stays_in_the_ui(module: str) -> None:
    if not is_within(module, "secateur.ui"):
        assert not outside(imports_in(tree(module), at_load=False), QT)


@pytest.mark.parametrize("module", ["secateur.cli", "secateur.__main__"])
def test_the_command_line_imports_the_window_only_when_it_is_wanted(module: str) -> None:
    loaded = loaded_with(module)
    assert not [name for name in loaded if is_within(name, "secateur.ui")]


def test_nothing_heavy_is_imported_at_load_by_what_the_window_or_the_command_line_loads() -> None:
    roots = [n for n in modules() if n in ("secateur.cli", "secateur.__main__") or is_within(n, "secateur.ui")]
    heavy = {
        f"{name} imports {', '.join(found)}"
        for root in roots
        for name in loaded_with(root)
        if (found := outside(imports_in(tree(name), at_load=True), HEAVY))
    }
    assert not heavy, sorted(heavy)


def test_help_loads_neither_torch_nor_qt_nor_onnx() -> None:
    loaded = in_fresh_python(
        "import sys\n"
        "sys.argv = ['secateur', '--help']\n"
        "from secateur.__main__ import main\n"
        "try:\n    main()\n"
        "except SystemExit as stopped: assert not stopped.code, stopped.code\n"
        f"print([name for name in {(*HEAVY, 'PySide6')} if name in sys.modules])"
    )
    assert loaded == "[]"


def test_the_window_and_all_that_it_loads_later_loads_nothing_heavy() -> None:
    """Every module of the window, not only those of the first frame: the others follow at once."""
    window = sorted(name for name in modules() if is_within(name, "secateur.ui"))
    loaded = in_fresh_python(
        "import importlib, sys\n"
        f"for name in {window}: importlib.import_module(name)\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    assert loaded == "[]"


def test_the_first_frame_waits_for_no_plots() -> None:
    loaded = in_fresh_python(
        "import sys\nimport secateur.ui.app\nprint([name for name in ('numpy', 'pyqtgraph') if name in sys.modules])"
    )
    assert loaded == "[]"


# ---------------------------------------------------------------------- registries and documents


def classes_with_id(package: str) -> set[str]:
    """`module.Class` of every class below a package that gives its `id` a value: the ones to be listed."""
    found = set()
    for module in modules():
        if not is_within(module, package):
            continue
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ClassDef) and any(_sets_id(line) for line in node.body):
                found.add(f"{module}.{node.name}")
    return found


def _sets_id(line: ast.stmt) -> bool:
    if isinstance(line, ast.AnnAssign):
        return line.value is not None and ast.unparse(line.target) == "id"
    return isinstance(line, ast.Assign) and any(ast.unparse(target) == "id" for target in line.targets)


def test_no_method_is_named_by_its_class_outside_the_methods() -> None:
    """What is asked of a method is asked of every method: nothing above switches on what it is."""
    from secateur.methods import METHODS

    classes = {method.__name__ for method in METHODS}
    naming = {
        module
        for module in modules()
        if not is_within(module, "secateur.methods")
        and any(isinstance(node, ast.Name | ast.alias) and _named(node) in classes for node in ast.walk(tree(module)))
    }
    assert not naming


def _named(node: ast.Name | ast.alias) -> str:
    return node.id if isinstance(node, ast.Name) else node.name


def test_every_method_is_listed_in_methods() -> None:
    from secateur.methods import METHODS

    assert {f"{method.__module__}.{method.__name__}" for method in METHODS} == classes_with_id("secateur.methods")


def test_every_format_is_listed_in_formats() -> None:
    from secateur.formats import FORMATS

    kinds = [entry if isinstance(entry, type) else type(entry) for entry in FORMATS]
    assert {f"{kind.__module__}.{kind.__name__}" for kind in kinds} == classes_with_id("secateur.formats")


def test_ids_of_methods_and_formats_are_used_once() -> None:
    from secateur.formats import FORMATS
    from secateur.methods import METHODS

    for ids in ([method.id for method in METHODS], [entry.id for entry in FORMATS]):
        assert len(ids) == len(set(ids))


def test_every_method_and_format_is_in_the_documentation() -> None:
    from secateur.formats import FORMATS
    from secateur.methods import METHODS

    pages = sorted((ROOT / "docs").rglob("*.md"))
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    ids = [*(method.id for method in METHODS), *(entry.id for entry in FORMATS)]
    absent = [name for name in ids if name not in text]
    assert not absent, f"docs/ does not mention {', '.join(absent)}"


# ---------------------------------------------------------------------- the files themselves


@pytest.mark.parametrize("module", modules())
def test_files_stay_readable_in_one_sitting(module: str) -> None:
    lines = len(modules()[module].read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{module} has {lines} lines: look for the second idea in it"


@pytest.mark.parametrize("module", modules())
def test_every_module_says_what_it_is(module: str) -> None:
    is_empty_marker = modules()[module].name == "__init__.py" and not tree(module).body
    assert is_empty_marker or ast.get_docstring(tree(module)), f"{module} has no docstring"


def test_the_tests_are_no_package() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_every_signal_leaves_the_reference_count_of_none_alone() -> None:
    """PySide6 6.12.0 on Python 3.11 lost one reference to None with every emit, until the process died."""
    growth = in_fresh_python(
        "import sys\n"
        "from PySide6.QtCore import QObject, Signal\n"
        "class Sender(QObject):\n    sent = Signal(int)\n"
        "sender, received = Sender(), [0]\n"
        "def slot(value): received[0] += 1\n"
        "sender.sent.connect(slot)\n"
        "before = sys.getrefcount(None)\n"
        "for value in range(2000): sender.sent.emit(value)\n"
        "assert received == [2000], received\n"
        "print(sys.getrefcount(None) - before)"
    )
    assert abs(int(growth)) < 200
