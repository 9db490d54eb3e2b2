"""The network of a Hugging Face folder, by transformers: its layers keep the checkpoint's names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch  # noqa: TID253 - imported lazily by the reader
from torch import nn  # noqa: TID253

from secateur.errors import UserError
from secateur.formats.hugging_face.folder import configuration, stored_tensors
from secateur.model.description import Port

_TEXT: Final = ("input_ids", "attention_mask", "token_type_ids")
_MOST_MADE_UP: Final = 4
"""How many times more numbers a network may have than its file: heads that are not in the checkpoint."""


def build(path: Path) -> tuple[nn.Module, tuple[str, ...]]:
    """(network with the folder's weights as float32, notes); it takes its inputs in the order of `input_ports`.

    Only classes that transformers itself brings are used, only safetensors are read, nothing is downloaded.
    """
    import transformers

    logging: Any = transformers.utils.logging
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    configuration(path)
    config = transformers.AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    for name, value in (("return_dict", True), ("use_cache", False)):
        if hasattr(config, name):
            setattr(config, name, value)
    kind = _class_of(transformers, config)
    _refuse_larger_than_its_file(kind, config, path)
    network, told = kind.from_pretrained(
        path,
        config=config,
        local_files_only=True,
        use_safetensors=True,
        dtype=torch.float32,
        attn_implementation="eager",
        output_loading_info=True,
    )
    missing = sorted(told.get("missing_keys", ()))
    return network.eval(), _notes(missing)


def _notes(missing: list[str]) -> tuple[str, ...]:
    if not missing:
        return ()
    names = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
    have = "tensor is not in the folder and has" if len(missing) == 1 else "tensors are not in the folder and have"
    return (f"{len(missing)} {have} random values: {names}.",)


def _class_of(transformers: Any, config: Any) -> Any:
    """The class that the configuration names, where transformers has it, else the plain network of its type."""
    for name in getattr(config, "architectures", None) or ():
        found = getattr(transformers, str(name), None)
        if isinstance(found, type) and issubclass(found, transformers.PreTrainedModel):
            return found
    found = transformers.AutoModel._model_mapping[type(config)]
    return found[0] if isinstance(found, tuple) else found


def _refuse_larger_than_its_file(kind: Any, config: Any, path: Path) -> None:
    """Guard against a small folder that asks for gigabytes: the network is first made without numbers."""
    with torch.device("meta"):
        wanted = sum(value.numel() for value in kind(config).parameters())
    held = sum(tensor.count for tensor in stored_tensors(path))
    if wanted > _MOST_MADE_UP * held + (1 << 24):
        raise UserError(
            f"The network that config.json in {path.name} describes has {wanted:,} numbers, its files {held:,}.",
            "Copy or download the folder again.",
        )


# ---------------------------------------------------------------------- inputs and outputs


def input_ports(network: Any) -> tuple[Port, ...]:
    """What the network takes, by its class and configuration: texts, pictures or sound; batch and length are free."""
    import inspect

    config, accepted = network.config, inspect.signature(network.forward).parameters
    main = str(network.main_input_name)
    if main in ("pixel_values", "input_values", "input_features"):
        return (Port(main, "float32", _shape_of(main, config)),)
    names = [name for name in _TEXT if name in accepted]
    if getattr(config, "type_vocab_size", 2) < 1:
        names = [name for name in names if name != "token_type_ids"]
    if getattr(config, "is_encoder_decoder", False):
        names.append("decoder_input_ids")
    return tuple(Port(name, "int64", (None, None)) for name in names)


def _shape_of(name: str, config: Any) -> tuple[int | None, ...]:
    if name == "pixel_values":
        size = getattr(config, "image_size", 224) or 224
        height, width = size if isinstance(size, list | tuple) else (size, size)
        return (None, int(getattr(config, "num_channels", 3)), int(height), int(width))
    if name == "input_features":
        return (None, int(getattr(config, "num_mel_bins", 80)), 2 * int(getattr(config, "max_source_positions", 1500)))
    return (None, None)


def taking_tensors(network: nn.Module, inputs: tuple[Port, ...]) -> nn.Module:
    """The same network, called with tensors in order instead of by name, and giving a tuple of tensors.

    Its class is exchanged for one derived from it, so that layers and weights keep their names.
    """
    names = tuple(port.name for port in inputs)
    base = type(network)
    network.__class__ = type(base.__name__, (base,), {"forward": _forward(base, names), "__module__": base.__module__})
    return network


def _forward(base: Any, names: tuple[str, ...]) -> Callable[..., Any]:
    """`forward` with as many arguments as there are inputs: torch.export goes by their count."""

    def tensors(network: Any, *values: torch.Tensor) -> Any:
        result = base.forward(network, **dict(zip(names, values, strict=True)))
        found = tuple(value for value in result.to_tuple() if isinstance(value, torch.Tensor))
        return found if len(found) > 1 else found[0]

    def one(self: Any, first: torch.Tensor) -> Any:
        return tensors(self, first)

    def two(self: Any, first: torch.Tensor, second: torch.Tensor) -> Any:
        return tensors(self, first, second)

    def three(self: Any, first: torch.Tensor, second: torch.Tensor, third: torch.Tensor) -> Any:
        return tensors(self, first, second, third)

    def four(self: Any, first: torch.Tensor, second: torch.Tensor, third: torch.Tensor, fourth: torch.Tensor) -> Any:
        return tensors(self, first, second, third, fourth)

    return (one, two, three, four)[len(names) - 1]


def output_ports(network: Any, inputs: tuple[Port, ...]) -> tuple[Port, ...]:
    """Names and shapes of what the network gives, from one run; call it before `taking_tensors`."""
    from secateur.graph.layers import example_input

    given = {port.name: torch.from_numpy(example_input(port, 1, seed)) for seed, port in enumerate(inputs)}
    with torch.inference_mode():
        result = network(**given)
    lengths = {int(value.shape[1]) for value in given.values() if value.ndim == 2}
    return tuple(
        Port(name, str(value.dtype).removeprefix("torch."), (None, *(_free(size, lengths) for size in value.shape[1:])))
        for name, value in result.items()
        if isinstance(value, torch.Tensor)
    )


def _free(size: int, lengths: set[int]) -> int | None:
    """A length that is that of the text given is as free as that."""
    return None if size in lengths else int(size)
