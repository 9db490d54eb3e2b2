"""Every action of the window, as data: toolbar, shortcuts, the search box and the help are derived from it."""

from dataclasses import dataclass
from typing import Literal

Where = Literal["window", "layers"]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done.

    `keys` are shortcuts in Qt's portable text, the first is the one shown. `why_not` is the name by which the
    session is asked for the reason why it cannot be done now; empty where it always can. `where` says which
    part of the window must have the focus for the shortcut.
    """

    id: str
    text: str
    keys: tuple[str, ...]
    icon: str
    tooltip: str
    why_not: str = ""
    where: Where = "window"


ACTIONS: tuple[Action, ...] = (
    Action("open", "Open…", ("Ctrl+O",), "folder-open", "Open a model file; the file itself is never changed"),
    Action(
        "open_folder",
        "Open folder…",
        ("Ctrl+Alt+O",),
        "folder",
        "Open a folder with a model: of Hugging Face, or with one model file",
    ),
    Action(
        "open_sample",
        "Open sample",
        ("Ctrl+Shift+O",),
        "flask",
        "Open the bundled network and digits, to try everything out",
    ),
    Action(
        "open_code", "From Python code…", (), "file", "Open a network that a Python function builds, with its weights"
    ),
    Action(
        "install",
        "Copy command",
        (),
        "terminal-window",
        "Copy the one command that installs what the open model lacks to be a network",
        "install",
    ),
    Action("data", "Data…", ("Ctrl+D",), "image", "Choose the samples that the model is measured on", "data"),
    Action(
        "use_data",
        "Use this data",
        (),
        "image",
        "Prepare the data of the model that was open before for this one",
        "use_data",
    ),
    Action(
        "analyse",
        "Analyse",
        ("Ctrl+M",),
        "activity",
        "Find what every option costs in accuracy: an estimate in seconds, then all samples; the model stays as it is",
        "measure",
    ),
    Action(
        "record_activations",
        "Record activations",
        (),
        "waves",
        "Run calibration samples through the model and count every layer's outputs",
        "record",
    ),
    Action(
        "budget",
        "Size budget",
        ("Ctrl+B",),
        "sliders-horizontal",
        "Go to the budget slider: the plan follows it",
        "budget",
    ),
    Action(
        "autopilot",
        "Autopilot…",
        ("Ctrl+Shift+P",),
        "compass",
        "Let plans be tried one after the other, to the smallest and fastest model that loses no more than you allow",
        "autopilot",
    ),
    Action(
        "resume_autopilot",
        "Resume autopilot",
        (),
        "compass",
        "Go on with the search of plans that was stopped or broke off: what was tried counts",
        "resume_autopilot",
    ),
    Action(
        "run",
        "Run plan",
        ("Ctrl+Return", "Ctrl+Enter"),
        "play",
        "Compress a copy of the model as planned, then measure it",
        "run",
    ),
    Action("stop", "Stop job", ("Esc",), "stop", "Stop the running job; what was there before it stays", "stop"),
    Action("resume", "Resume run", (), "play", "Go on with the run that broke off, from its checkpoint", "resume"),
    Action(
        "export", "Export…", ("Ctrl+E",), "export", "Write the model to a file, run that file and compare it", "export"
    ),
    Action(
        "open_recipe",
        "Load recipe…",
        ("Ctrl+L",),
        "file-arrow-up",
        "Take over a saved plan; what does not fit this model is told layer by layer",
        "load_recipe",
    ),
    Action(
        "preset_iterative_pruning",
        "Plan iterative pruning",
        (),
        "repeat",
        "Four rounds, each takes channels and trains what is left; takes the place of the plan, and can be undone",
        "load_recipe",
    ),
    Action(
        "save_recipe", "Save plan as recipe…", ("Ctrl+S",), "floppy-disk", "Write the plan to a recipe file", "recipe"
    ),
    Action(
        "show_command",
        "Show as command…",
        ("Ctrl+Shift+K",),
        "terminal-window",
        "The command that carries out this plan without the window, to be copied",
        "recipe",
    ),
    Action(
        "bring_back",
        "Bring back run",
        (),
        "arrow-counter-clockwise",
        "Take the run that was deleted last out of the trash",
        "bring_back",
    ),
    Action("undo", "Undo", ("Ctrl+Z",), "arrow-counter-clockwise", "Take back the last change of the plan", "undo"),
    Action(
        "redo",
        "Redo",
        ("Ctrl+Shift+Z", "Ctrl+Y"),
        "arrow-clockwise",
        "Make the change again that was taken back",
        "redo",
    ),
    Action("reset_plan", "Reset plan", (), "eraser", "Put every layer back to float; can be undone", "reset"),
    Action(
        "int8", "Quantize to 8 bits", ("8",), "stack", "8-bit static for the selected layers", "selection", "layers"
    ),
    *(
        Action(
            f"int{bits}",
            f"Quantize to {bits} bits",
            (str(bits),),
            "stack",
            f"{bits}-bit weights for the selected layers",
            "selection",
            "layers",
        )
        for bits in (7, 6, 5, 4, 3, 2)
    ),
    Action(
        "float", "Back to float", ("Del",), "x", "Take every step out of the selected layers", "selection", "layers"
    ),
    Action(
        "select_alike",
        "Layers like this one",
        ("Ctrl+Shift+A",),
        "selection-all",
        "Select the layers of the same kind, kernel and shape",
        "selection",
    ),
    Action(
        "pin",
        "Pin or unpin",
        ("Ctrl+P",),
        "push-pin",
        "Keep the selected layers at the top of the table, or let them go",
        "selection",
        "layers",
    ),
    Action(
        "keep",
        "Keep this choice, or let the budget choose",
        ("K",),
        "lock-simple",
        "Leave the selected layers as they are planned, in float too, while the budget chooses for the others",
        "selection",
        "layers",
    ),
    Action(
        "free",
        "Let the budget choose",
        (),
        "lock-simple-open",
        "Let the budget choose for the layers again whose choice is kept",
        "free",
    ),
    Action(
        "front",
        "The best plans",
        ("Ctrl+Shift+B",),
        "chart-line",
        "Show the best plan of every size or latency, and what a little more damage would buy; a click takes one",
        "budget",
    ),
    Action(
        "check",
        "Check plan",
        ("Ctrl+Shift+M",),
        "ruler",
        "Measure the plan as a whole, and solve its budget again with what was found: a better plan is taken",
        "check",
    ),
    Action(
        "nearest",
        "Take the nearest plan",
        (),
        "crosshair",
        "Plan what exceeds the budget least; can be undone",
        "nearest",
    ),
    Action("copy_names", "Copy names", (), "copy", "Copy the names of the selected layers", "selection"),
    Action(
        "copy_table",
        "Copy table as CSV",
        ("Ctrl+C",),
        "copy",
        "Copy the selected rows, or all of them, as CSV",
        "filter",
        "layers",
    ),
    Action(
        "filter",
        "Filter layers",
        ("Ctrl+F", "/"),
        "funnel",
        "Show only some layers: a name, a kind, size>50k",
        "filter",
    ),
    Action(
        "tab_weights",
        "Weights",
        ("Ctrl+1",),
        "chart-bar",
        "Histogram, channels and bit widths of the selection",
        "filter",
    ),
    Action(
        "tab_activations",
        "Activations",
        ("Ctrl+2",),
        "waves",
        "What the selected layer puts out on real samples",
        "filter",
    ),
    Action(
        "tab_sensitivity",
        "Sensitivity",
        ("Ctrl+3",),
        "target",
        "What every option does to the model, layer by layer",
        "filter",
    ),
    Action("tab_graph", "Graph", ("Ctrl+4",), "graph", "How layers are connected, coloured by any number", "filter"),
    Action("tab_compare", "Compare", ("Ctrl+5",), "columns", "Original and result side by side", "filter"),
    Action(
        "tab_distil",
        "Distil",
        ("Ctrl+6",),
        "graduation-cap",
        "Let the smaller network learn the original's answers",
        "filter",
    ),
    Action(
        "tab_netron", "Netron", ("Ctrl+7",), "flow-arrow", "The whole graph, operator by operator, in Netron", "filter"
    ),
    Action(
        "weights_distribution",
        "Weights: distribution",
        ("Alt+1",),
        "chart-bar",
        "Histogram, ranges and SQNR of the selected layer's weights",
        "filter",
    ),
    Action(
        "weights_kernels",
        "Weights: kernels",
        ("Alt+2",),
        "squares-four",
        "The filters of the selected convolution as pictures",
        "filter",
    ),
    Action(
        "weights_matrix",
        "Weights: matrix",
        ("Alt+3",),
        "grid-four",
        "Every weight of the selected layer as a heat map, before and after the plan",
        "filter",
    ),
    Action(
        "weights_channels",
        "Weights: channels",
        ("Alt+4",),
        "table",
        "The figures of each output channel of the selected layer",
        "filter",
    ),
    Action(
        "weights_rank",
        "Weights: rank",
        ("Alt+5",),
        "arrows-in-line-horizontal",
        "The singular values of the selected layer's weight, with the cut that low rank makes",
        "filter",
    ),
    Action("jobs", "Jobs and runs", ("Ctrl+J",), "list", "Open or close the jobs and runs below", "filter"),
    Action("next_panel", "Next panel", ("F6",), "arrow-right", "Move the keyboard to the next panel"),
    Action("previous_panel", "Previous panel", ("Shift+F6",), "arrow-left", "Move the keyboard to the panel before"),
    Action("copy_picture", "Copy picture", ("Ctrl+Shift+C",), "copy", "Copy the shown plot as a picture", "filter"),
    Action(
        "save_picture",
        "Save picture…",
        ("Ctrl+Shift+S",),
        "download-simple",
        "Save the shown plot as PNG or SVG",
        "filter",
    ),
    Action("theme", "Light or dark", (), "sun", "Switch between the light and the dark look"),
    Action("find", "Find an action…", ("Ctrl+K",), "magnifying-glass", "Search everything that Secateur can do"),
    Action("help", "What this panel does", ("F1",), "question", "Explain the panel that has the keyboard"),
    Action(
        "engine",
        "Device and threads…",
        (),
        "gear",
        "Choose what the engine computes on, and with how many threads; the session is kept",
    ),
    Action(
        "target",
        "Target runtime…",
        ("Ctrl+Shift+T",),
        "cpu",
        "Choose the runtime that the plan is made for: what is faster, and how many milliseconds, is told for it",
        "filter",
    ),
    Action("restart_engine", "Restart engine", (), "lightning", "Start the engine process again; the session is kept"),
    Action("quit", "Quit", ("Ctrl+Q",), "sign-out", "Close the window; runs and plans are kept"),
)

TABS: tuple[tuple[str, str], ...] = tuple(
    (action.id.removeprefix("tab_"), action.text) for action in ACTIONS if action.id.startswith("tab_")
)
"""(key, title) of the detail tabs, in order."""

WEIGHT_VIEWS = tuple(action.id.removeprefix("weights_") for action in ACTIONS if action.id.startswith("weights_"))
"""Keys of the ways to look at a layer's weights."""

PRESETS = tuple(action.id.removeprefix("preset_") for action in ACTIONS if action.id.startswith("preset_"))
"""Bundled recipes that can be taken over as the plan."""

TABS_ON_DEMAND = frozenset({"netron"})
"""Tabs that are built when they are first shown: not everybody wants what they need."""


def action(name: str) -> Action:
    """The action of this id; KeyError where there is none."""
    for candidate in ACTIONS:
        if candidate.id == name:
            return candidate
    raise KeyError(name)


_REMEDIES = {"compare": "tab_compare", "measure": "analyse"}


def remedy(name: str) -> Action:
    """The action that a notice's remedy stands for: `data`, `compare`, `resume:RUN`; KeyError where none does."""
    plain = name.partition(":")[0]
    return action(_REMEDIES.get(plain, plain))
