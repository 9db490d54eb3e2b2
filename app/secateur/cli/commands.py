"""The commands. Each builds a request, lets the engine do it, and prints the result as a table or as JSON."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.models import OptionInfo

from secateur import __version__

app = typer.Typer(
    name="secateur",
    help="See, shrink and prove neural networks. Without a command the window opens, with MODEL if one is named.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def place(text: str) -> Path:
    """A path to write to; an empty one, which would mean the folder at hand, is a slip."""
    if not str(text).strip():
        raise typer.BadParameter("the path is empty")
    return Path(text)


def written_to(help_text: str) -> OptionInfo:
    """Where a command writes to: `-o PATH`."""
    made: OptionInfo = typer.Option("-o", "--output", parser=place, metavar="PATH", help=help_text)
    return made


MODEL_HELP = "sample:model, a file, or package.module:factory / file.py:factory with --weights."
DATA_HELP = "sample:mnist, an image folder or zip, an .npz, file.py:dataset, random, or a data.yaml."

Model = Annotated[str, typer.Argument(help=MODEL_HELP, metavar="MODEL")]
Weights = Annotated[str, typer.Option("--weights", help="State dict for a factory (safetensors, .pt, .pth, .th).")]
Trust = Annotated[bool, typer.Option("--trust", help="Run the code of a pickled network in a confined process.")]
Force = Annotated[
    bool,
    typer.Option(
        "--force", help="Write over files that are there already; never over the model or what a run is made of."
    ),
]
Data = Annotated[str, typer.Option("--data", help=DATA_HELP, metavar="D")]
Device = Annotated[
    str,
    typer.Option("--device", help="Train, measure and simulate on auto, cpu, cuda or mps; files are timed on the CPU."),
]
Threads = Annotated[int, typer.Option("--threads", min=0, help="Threads to compute with; 0: as many as suit.")]
Target = Annotated[
    str, typer.Option(help="Runtime whose milliseconds count: onnxruntime, or openvino where it is installed.")
]
Samples = Annotated[int, typer.Option(min=1, help="Validation samples for measuring.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Debug = Annotated[bool, typer.Option("--debug", help="Print the traceback of a bug.")]


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(__version__)
    elif context.invoked_subcommand is None:
        open_window()


@app.command()
def sample() -> None:
    """Open the window on the bundled sample."""
    open_window("sample:model", "sample:mnist")


@app.command()
def inspect(
    model: Model, weights: Weights = "", json: AsJson = False, trust: Trust = False, debug: Debug = False
) -> None:
    """Layers, statistics and totals of a model."""
    from secateur.cli import inspection

    inspection.inspect(model, weights, as_json=json, trust=trust, debug=debug)


@app.command()
def evaluate(
    model: Model,
    data: Data,
    weights: Weights = "",
    json: AsJson = False,
    trust: Trust = False,
    debug: Debug = False,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Metric, loss, latency and size of a model on data."""
    from secateur.cli import answers, hardware

    hardware.use(device, threads)
    answers.evaluate(model, weights, data, as_json=json, trust=trust, debug=debug)


@app.command()
def sensitivity(
    model: Model,
    data: Data = "",
    weights: Weights = "",
    depth: Annotated[
        str,
        typer.Option(
            help="free (from the weights alone), estimate (few samples, more where it is uncertain) or measure (all)."
        ),
    ] = "",
    options: Annotated[
        str,
        typer.Option(
            help="Comma-separated: int8, w7a8 … w2a8 (static), w8, int6 … int2 (weights alone), prune50, prune75, "
            "prune90, rank25, rank10, channels25, channels50."
        ),
    ] = "",
    samples: Samples = 512,
    seconds: Annotated[float, typer.Option(min=0, help="How long an estimate may take, once the model is open.")] = 60,
    target: Annotated[
        str,
        typer.Option(
            help="Runtime whose milliseconds and verdicts stand in the table; where none is named they are those of "
            "onnxruntime, and milliseconds are measured along with the damage only."
        ),
    ] = "",
    json: AsJson = False,
    trust: Trust = False,
    debug: Debug = False,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Expected damage of every option of every layer, and what the layer would cost."""
    from secateur.cli import hardware, scoring

    hardware.use(device, threads)
    scoring.sensitivity(
        model, weights, data, depth, options, samples, target, seconds, as_json=json, trust=trust, debug=debug
    )


@app.command()
def plan(
    model: Model,
    data: Data = "",
    budget: Annotated[
        list[str],
        typer.Option(
            help="size=0.25 (a share; the budget where none is named) or 150kB, latency=0.6, macs=0.5, memory=0.5, "
            "drop=0.01; size=least within a drop."
        ),
    ] = [],  # noqa: B006 - Typer copies it
    out: Annotated[Path, written_to("Where the recipe goes.")] = Path("recipe.yaml"),
    weights: Weights = "",
    target: Target = "onnxruntime",
    samples: Samples = 512,
    pin: Annotated[
        list[str], typer.Option(help="Layers (glob) with the option that they have to have: --pin 'layer1.*=int8'.")
    ] = [],  # noqa: B006 - Typer copies it
    keep: Annotated[list[str], typer.Option(help="Layers (glob) that stay in float.")] = [],  # noqa: B006
    front: Annotated[bool, typer.Option("--front", help="Tell the plans of all sizes beside it.")] = False,
    why: Annotated[list[str], typer.Option(help="A layer whose choice is told why.")] = [],  # noqa: B006
    check: Annotated[
        bool, typer.Option("--check", help="Measure the plan as a whole, and solve again around what was measured.")
    ] = False,
    json: AsJson = False,
    trust: Trust = False,
    force: Force = False,
    debug: Debug = False,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """The recipe with the least damage within a budget."""
    from secateur.cli import hardware, planning

    hardware.use(device, threads)
    asked = planning.Asked(budget, samples, target, pin, keep, front, why, check)
    planning.plan(model, weights, data, asked, out, as_json=json, debug=debug, force=force, trust=trust)


@app.command()
def compress(
    out: Annotated[Path, written_to("Folder for model, recipe, report and result.")],
    model: Model = "",
    recipe: Annotated[
        Path | None, typer.Option(help="The recipe to carry out: a file, or preset:iterative_pruning.")
    ] = None,
    export: Annotated[str, typer.Option(help="Comma-separated formats besides ONNX.")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in the folder.")] = False,
    data: Data = "",
    weights: Weights = "",
    target: Annotated[str, typer.Option(help="Runtime that the verdicts on speed come from.")] = "onnxruntime",
    json: AsJson = False,
    trust: Trust = False,
    force: Force = False,
    debug: Debug = False,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Carry out a recipe, export the result, prove it and compare it with the original.

    --data may be left out for weights without a network. With --resume the model, its data, the recipe and the formats
    are those of the run in the folder, unless they are named.
    """
    from secateur.cli import answers, hardware

    hardware.use(device, threads)
    consent = {"force": force, "trust": trust}
    answers.compress(
        model, weights, data, recipe, out, export, target=target, resume=resume, as_json=json, debug=debug, **consent
    )


@app.command()
def autopilot(
    model: Model,
    data: Data,
    out: Annotated[Path, written_to("Folder for the best model and all trials.")],
    drop: Annotated[
        float,
        typer.Option(min=0.0, help="How much of the metric may be lost, in its own unit (0.01: a point of a share)."),
    ] = 0.01,
    size: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Share of the file size that is wanted at most.")
    ] = None,
    latency: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Share of the milliseconds that is wanted at most.")
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Plans that are tried at most.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the search in the folder.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all trainings.")] = 0,
    samples: Samples = 512,
    weights: Weights = "",
    target: Target = "onnxruntime",
    json: AsJson = False,
    trust: Trust = False,
    force: Force = False,
    debug: Debug = False,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """The smallest and fastest verified model that loses no more than --drop.

    Plans are tried one after the other, each a run of the history; Ctrl+C keeps the best so far.
    """
    from secateur.cli import hardware, piloting

    hardware.use(device, threads)
    asked = piloting.Asked(drop, size, latency, trials, samples, target, seed)
    consent = {"force": force, "trust": trust}
    piloting.autopilot(model, weights, data, out, asked, resume=resume, as_json=json, debug=debug, **consent)


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help=MODEL_HELP)],
    b: Annotated[str, typer.Argument(help=MODEL_HELP)],
    data: Data,
    weights: Weights = "",
    weights_b: Annotated[str, typer.Option("--weights-b", help="State dict for a factory given as B.")] = "",
    json: AsJson = False,
    trust: Trust = False,
    debug: Debug = False,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Size, speed, metric and per-layer error of two models."""
    from secateur.cli import answers, hardware

    hardware.use(device, threads)
    answers.compare(a, weights, b, weights_b, data, as_json=json, trust=trust, debug=debug)


@app.command()
def runs(
    run: Annotated[str, typer.Argument(help="One run: its number, its name or its folder.", metavar="[RUN]")] = "",
    find: Annotated[str, typer.Option(help="Only runs that all of these words are in; tag:WORD looks at tags.")] = "",
    csv: Annotated[bool, typer.Option("--csv", help="Print a table of plain numbers as CSV.")] = False,
    report: Annotated[
        Path | None, typer.Option(parser=place, metavar="PATH", help="Write the run's report, one HTML file.")
    ] = None,
    card: Annotated[
        Path | None, typer.Option(parser=place, metavar="PATH", help="Write the run's model card, in Markdown.")
    ] = None,
    json: AsJson = False,
    force: Force = False,
) -> None:
    """What was run, with its numbers; one run whole."""
    from secateur.cli import history

    history.runs(run, find, as_json=json, as_csv=csv, report=report, card=card, force=force)


@app.command()
def export(
    model: Model,
    to: Annotated[str, typer.Option(help="Format to write; see secateur formats.")],
    out: Annotated[Path, written_to("The file to write.")],
    data: Data = "",
    settings: Annotated[
        list[str], typer.Option("--set", help="An option of the format, name=value; see secateur formats.")
    ] = [],  # noqa: B006 - Typer copies it
    weights: Weights = "",
    json: AsJson = False,
    trust: Trust = False,
    force: Force = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Give a file that runs its name also where it differs from the simulation.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Write a model in another format, re-open it, run it and compare it."""
    from secateur.cli import answers

    consent = {"force": force, "accept": accept, "trust": trust}
    answers.export(model, weights, data, to, out, settings, as_json=json, debug=debug, **consent)


@app.command()
def methods(json: AsJson = False) -> None:
    """The compression methods with their parameters."""
    from secateur.cli import catalogue

    catalogue.methods(as_json=json)


@app.command()
def formats(json: AsJson = False) -> None:
    """The formats and what each can do here."""
    from secateur.cli import catalogue

    catalogue.formats(as_json=json)


@app.command()
def demo(
    out: Annotated[Path, written_to("Folder for the results.")] = Path("out/demo"),
    force: Force = False,
    debug: Debug = False,
) -> None:
    """The whole way on the bundled sample, without a screen: score, plan, compress, verify, export, picture."""
    from secateur.cli import demonstration

    demonstration.demo(out, force=force, debug=debug)


def open_window(model: str = "", data: str = "") -> None:
    """Start the window; where there is no display, one sentence says so."""
    from secateur.ui.app import main

    raise SystemExit(main(model=model, data=data))


def command_names() -> set[str]:
    return {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}


def run(arguments: list[str] | None = None) -> None:
    """The `secateur` command: a first word that is no command is a model to open in the window."""
    words = sys.argv[1:] if arguments is None else arguments
    if words and not words[0].startswith("-") and words[0] not in command_names():
        if len(words) > 1:
            sys.stderr.write(f"There is no command {words[0]!r}. Known: {', '.join(sorted(command_names()))}.\n")
            raise SystemExit(2)
        open_window(words[0])
    app(args=words, prog_name="secateur")
