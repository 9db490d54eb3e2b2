"""safetensors and architecture: weights without pickle, and the network as plain torch code that needs no Secateur.

A pruned network has sizes that its factory never made, so the weights alone could not be opened again. The code is the
graph that was traced or imported, with every layer's real sizes, and is tried before it is published.
"""

import importlib.util
import inspect
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.formats.base import Runner

if TYPE_CHECKING:
    from torch import fx, nn

    from secateur.graph.network import Model, TorchModel

_TEMPLATE: Final = '''"""{title}: the network whose weights are in {weights}.

    from safetensors.torch import load_file
    network = make()
    network.load_state_dict(load_file("{weights}"){strictly})
"""

{imports}
{helpers}

def _attach(root, path, part):
    """Put a layer, parameter or buffer at a dotted path."""
    *parents, leaf = path.split(".")
    for name in parents:
        if name not in root._modules:
            root.add_module(name, nn.Module())
        root = root._modules[name]
    if isinstance(part, nn.Parameter):
        root.register_parameter(leaf, part)
    elif isinstance(part, torch.Tensor):
        root.register_buffer(leaf, part)
    else:
        for name, child in root._modules[leaf].named_children() if leaf in root._modules else ():
            part.add_module(name, child)
        root.add_module(leaf, part)


def _tie(root, path, first):
    """Let a parameter be another one, as tied weights are."""
    holder, _, leaf = path.rpartition(".")
    setattr(root.get_submodule(holder), leaf, root.get_parameter(first))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
{layers}

{forward}

def make():
    """The network with random weights, in evaluation mode."""
    return Network().eval()
'''


def why_not(model: "Model") -> str | None:
    """Why a model cannot be stored this way, as a sentence; None where it can."""
    from secateur.graph.network import OnnxModel, StoredModel

    if isinstance(model, StoredModel):
        return None
    if isinstance(model, OnnxModel):
        return f"{model.name} is not a torch network: {model.reason or 'it was opened as a file'} Export it as ONNX."
    if model.encodings:
        return "safetensors + architecture stores float networks, and this one is quantized: export it as ONNX."
    return None


def architecture_path(weights: Path) -> Path:
    """Where the code of a weights file stands: `net.safetensors` → `net_network.py`."""
    return weights.with_name(f"{re.sub(r'[^0-9A-Za-z_]', '_', weights.stem)}_network.py")


def write_safetensors(model: "Model", path: Path) -> tuple[Path, ...]:
    """Write weights to `path` and the code beside it; UserError where the network's code cannot be written down."""
    from safetensors.torch import save_file

    from secateur.formats.weight_files.safetensors_stored import write_stored
    from secateur.graph.network import StoredModel, TorchModel

    if isinstance(model, StoredModel):
        return write_stored(model, path)
    if not isinstance(model, TorchModel):
        raise TypeError("only torch networks and weights alone are written as safetensors")
    module, source = _written_down(model, path.name)
    architecture = architecture_path(path)
    architecture.write_text(source, encoding="utf-8")
    again = _shared_names(module)
    tensors = {
        name: value.detach().cpu().clone().contiguous()
        for name, value in module.state_dict().items()
        if name not in again
    }
    save_file(tensors, str(path), metadata={"format": "pt", "architecture": architecture.name})
    return path, architecture


def run_safetensors(path: Path) -> Runner:
    """Make the network from its code, load the weights strictly, and run it in torch."""
    import torch
    from safetensors.torch import load_file

    from secateur.graph.network import all_outputs

    network = _load_code(architecture_path(path)).make()
    told = network.load_state_dict(load_file(str(path)), strict=False)
    missing = set(told.missing_keys) - set(_shared_names(network))
    if missing or told.unexpected_keys:
        raise RuntimeError(f"the weights do not fit the code: {min(missing | set(told.unexpected_keys))}")

    def run(*inputs: NDArray[Any]) -> list[NDArray[Any]]:
        with torch.inference_mode():
            output = network(*(torch.from_numpy(np.ascontiguousarray(value)) for value in inputs))
        return [value.float().numpy() for value in all_outputs(output)]

    return Runner(run)


def _load_code(path: Path) -> Any:
    """The module at `path`, run anew (this is code that we have just written, never a stranger's)."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{path} is not a Python file")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def _written_down(model: "TorchModel", weights: str) -> tuple["nn.Module", str]:
    """The graph of the network and its code: traced by torch.fx, else by way of ONNX."""
    from torch import fx

    from secateur.graph.lowering import lower

    module = model.module
    if not isinstance(module, fx.GraphModule):
        try:
            module = fx.symbolic_trace(module.eval())
        except Exception:  # noqa: BLE001 - a network runs any code while it is traced; the other way is left
            module = lower(model).module
    for attempt in (module, None):
        graph = attempt if attempt is not None else lower(model).module
        if isinstance(graph, fx.GraphModule):
            try:
                return graph, network_code(graph, model.name, weights)
            except NotImplementedError as refusal:
                reason = str(refusal)
    raise UserError(f"The code of {model.name} cannot be written down: {reason}.", "Export it as ONNX.")


def network_code(graph: "fx.GraphModule", title: str, weights: str) -> str:
    """Python source of a module with `Network` and `make`; NotImplementedError names what has no plain code."""
    code = graph.graph.python_code("self")
    imports, helpers = ["import torch", "from torch import nn"], []
    for name, value in sorted(code.globals.items()):
        if getattr(value, "__module__", "").startswith("secateur.") and inspect.isfunction(value):
            helpers.append(_helper(name, value))
        else:
            line = _import_line(name, value)
            if line not in imports:
                imports.append(line)
    return _TEMPLATE.format(
        title=title.replace('"', "'").replace("\\", "/"),
        strictly=", strict=False" if _shared_names(graph) else "",
        weights=weights,
        imports="\n".join(sorted(imports)),
        helpers="".join(f"\n\n{helper}" for helper in [*_classes(graph), *helpers]),
        layers=textwrap.indent("\n".join(_constructors(graph)) or "pass", " " * 8),
        forward=textwrap.indent(code.fn_code.strip() if hasattr(code, "fn_code") else code.src.strip(), " " * 4) + "\n",
    )


def _constructors(graph: "fx.GraphModule") -> list[str]:
    """One line for each layer, parameter and buffer that the graph uses."""
    import torch
    from torch import nn

    lines, done = [], set()
    for node in graph.graph.nodes:
        path = str(node.target)
        if node.op not in ("call_module", "get_attr") or path in done:
            continue
        done.add(path)
        if node.op == "call_module":
            lines.append(f'_attach(self, "{path}", {_constructor(graph.get_submodule(path))})')
            continue
        value = _attribute(graph, path)
        empty = f"torch.zeros({tuple(value.shape)}, dtype={value.dtype})"
        is_parameter = isinstance(value, nn.Parameter) and value.dtype in (torch.float32, torch.float64, torch.float16)
        lines.append(f'_attach(self, "{path}", {f"nn.Parameter({empty})" if is_parameter else empty})')
    missing = set(graph.state_dict()) - _covered(graph, done)
    if missing:
        raise NotImplementedError(f"the tensor {min(missing)} belongs to no layer of the graph")
    lines += [f'_tie(self, "{name}", "{first}")' for name, first in _shared_names(graph).items()]
    return lines


def _shared_names(module: "nn.Module") -> dict[str, str]:
    """Name of a parameter → the name under which it came before: tied weights are written once."""
    first: dict[int, str] = {}
    again = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        if id(parameter) in first:
            again[name] = first[id(parameter)]
        first.setdefault(id(parameter), name)
    return again


def _classes(graph: "fx.GraphModule") -> list[str]:
    """The code of the layers of our own that the graph uses."""
    from secateur.graph.products import MatrixProduct

    is_used = any(isinstance(part, MatrixProduct) for part in graph.modules())
    return [inspect.getsource(MatrixProduct).rstrip()] if is_used else []


def _covered(graph: "fx.GraphModule", paths: set[str]) -> set[str]:
    return {name for name in graph.state_dict() if name in paths or name.rpartition(".")[0] in paths}


def _attribute(graph: "fx.GraphModule", path: str) -> Any:
    holder, _, leaf = path.rpartition(".")
    return getattr(graph.get_submodule(holder), leaf)


def _constructor(layer: "nn.Module") -> str:
    """The call that makes a layer of the same class and sizes: torch's own description of it, tried out."""
    import torch
    from torch import nn

    from secateur.graph.products import MatrixProduct

    if isinstance(layer, MatrixProduct):
        weight = f"nn.Parameter(torch.zeros({tuple(layer.weight.shape)}))"
        bias = "None" if layer.bias is None else f"torch.zeros({tuple(layer.bias.shape)})"
        return f"MatrixProduct({weight}, {layer.order}, {layer.channel_axis}, is_left={layer.is_left}, bias={bias})"
    if not type(layer).__module__.startswith("torch.nn.") or list(layer.children()):
        raise NotImplementedError(f"{type(layer).__name__} is not one of torch's plain layers")
    call = f"nn.{_described(layer)}"
    try:
        made = eval(call, {"nn": nn, "torch": torch, "None": None})  # noqa: S307 - torch's description of its own layer
    except Exception as error:
        raise NotImplementedError(f"{call} does not make the layer") from error
    shapes = {name: tuple(value.shape) for name, value in layer.state_dict().items()}
    if {name: tuple(value.shape) for name, value in made.state_dict().items()} != shapes:
        raise NotImplementedError(f"{call} makes other tensors than the layer has")
    return call


def _described(layer: "nn.Module") -> str:
    """`repr`, with the bias that norm layers do not mention."""
    text = repr(layer)
    takes_bias = "bias" in inspect.signature(type(layer).__init__).parameters
    if (
        takes_bias
        and "bias=" not in text
        and getattr(layer, "bias", None) is None
        and "weight" in dict(layer.named_parameters())
    ):
        text = f"{text[:-1]}, bias=False)"
    return text


def _helper(name: str, function: Any) -> str:
    """A small function of the importer, under the name that the graph's code calls it by."""
    source = textwrap.dedent(inspect.getsource(function))
    unknown = set(inspect.getclosurevars(function).globals) - {"torch", "Any", "nn", "F"}
    if unknown or function.__closure__:
        raise NotImplementedError(f"{function.__name__} needs {min(unknown, default='a closure')}")
    return re.sub(rf"def {re.escape(function.__name__)}\(", f"def {name}(", source, count=1).rstrip()


def _import_line(name: str, value: Any) -> str:
    """The import that gives `name` in the generated file."""
    if name == "torch":
        return "import torch"
    if name in ("inf", "nan"):
        return f"from math import {name}"
    if name == "NoneType":
        return "NoneType = type(None)"
    if name == "Any":
        return "from typing import Any"
    module = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", "")
    if inspect.ismodule(value) and module.split(".")[0] in ("torch", "math", "operator"):
        return f"import {module} as {name}"
    if str(module).split(".")[0] in ("torch", "_operator", "operator", "math", "builtins"):
        original = value.__name__
        return f"from {module} import {original}" + (f" as {name}" if original != name else "")
    raise NotImplementedError(f"{name} is not a function of torch")
