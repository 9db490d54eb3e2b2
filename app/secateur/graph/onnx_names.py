"""What a layer of an ONNX graph is called: after its weight, else after its node, always a module path."""

import re
from typing import Final

_TAKEN: Final = """
add_module add_submodule apply bfloat16 bias buffers call_super_init children code compile cpu cuda
delete_all_unused_submodules delete_submodule double dump_patches eval extra_repr float forward get_buffer
get_extra_state get_parameter get_submodule graph half ipu load_state_dict meta modules mtia named_buffers
named_children named_modules named_parameters parameters print_readable recompile register_backward_hook
register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
set_extra_state set_submodule share_memory state_dict to to_empty to_folder train training type weight xpu
zero_grad T_destination dump_patches
"""

RESERVED: Final = frozenset(_TAKEN.split())
"""What every torch module already calls something of its own: a layer in it cannot have these names."""


def layer_name(weight: str, bias: str | None, node_name: str, operator: str, used: set[str]) -> str:
    """A unique module path for a layer, entered into `used`.

    `layer1.0.conv1.weight` gives `layer1.0.conv1`; failing that the bias `…\u200b.bias` does, then the node's name
    (`/layer1/layer1.0/conv1/Conv` gives `layer1.0.conv1`), then the operator.
    """
    stem = weight.removesuffix("_quantized")
    recurrent = re.fullmatch(r"(?P<path>.+?)(\.cell)?\.weight_ih(_l0)?", stem)
    if stem.endswith(".weight"):
        path = stem.removesuffix(".weight")
    elif recurrent is not None:
        path = recurrent["path"]
    elif bias is not None and bias.endswith(".bias"):
        path = bias.removesuffix(".bias")
    else:
        path = _scope(node_name, operator)
    return unique(module_path(path) or operator.lower(), used)


def module_path(name: str) -> str:
    """`name` with every segment a word that a torch module can have as a child; may be empty."""
    segments = [re.sub(r"\W", "_", segment, flags=re.ASCII) for segment in name.split(".") if segment]
    return ".".join(
        f"{segment}_" if segment in RESERVED or segment.startswith("__") else segment for segment in segments
    )


def unique(name: str, used: set[str]) -> str:
    """`name`, or the first of `name_1`, `name_2`, … that is not in `used`; entered into `used`."""
    candidate, number = name, 0
    while candidate in used:
        number += 1
        candidate = f"{name}_{number}"
    used.add(candidate)
    return candidate


def _scope(node_name: str, operator: str) -> str:
    """The module path in a node name: torch's older exporter repeats each container in its children's segment."""
    segments = [segment for segment in node_name.split("/") if segment]
    if len(segments) > 1 and re.fullmatch(rf"{re.escape(operator)}(_\d+)?", segments[-1]):
        segments.pop()
    path: list[str] = []
    for segment in segments:
        if path and segment.startswith(path[-1] + "."):
            path.pop()
        path.append(segment)
    return ".".join(path)
