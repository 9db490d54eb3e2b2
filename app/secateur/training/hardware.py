"""Where and in what precision a training computes: Accelerate, memory format, evaluation."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch  # noqa: TID253 - imported by the training loop alone
from numpy.typing import NDArray
from torch import nn  # noqa: TID253

from secateur.errors import UserError
from secateur.graph.network import all_outputs
from secateur.model.device import torch_device
from secateur.training.quality import Fed, Run
from secateur.training.schedule import Precision


class Hardware:
    """The device of this machine through Accelerate. `example` is one batch as the network is fed."""

    def __init__(self, precision: Precision, module: nn.Module, example: Fed) -> None:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState

        # Accelerate keeps one precision for the life of the process unless its shared state is dropped.
        AcceleratorState._reset_state(True)
        try:
            self._accelerator = Accelerator(
                mixed_precision="bf16" if precision == "bf16" else "no", cpu=torch_device().type == "cpu"
            )
        except (ValueError, RuntimeError) as error:
            raise UserError(f"Training in {precision} is not possible here: {error}", "Choose fp32.") from error
        self.device: torch.device = self._accelerator.device
        self._format = _memory_format(module, example)

    def place(self, module: nn.Module) -> nn.Module:
        """`module` itself, moved to the device and memory format."""
        return module.to(device=self.device).to(memory_format=self._format)  # type: ignore[call-overload, no-any-return]

    def prepare(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        student, prepared = self._accelerator.prepare(module, optimizer)
        return student, prepared

    def autocast(self) -> Any:
        """The context in which a forward pass computes in the chosen precision."""
        return self._accelerator.autocast()

    def seed(self, seed: int) -> None:
        """Seed the generators that dropout draws from.

        `torch.manual_seed` would do, but it queues a call with a stack trace for every absent kind of device.
        """
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def backward(self, loss: torch.Tensor) -> None:
        self._accelerator.backward(loss)

    def tensor(self, values: NDArray[Any] | torch.Tensor) -> torch.Tensor:
        """`values` on the device, images in the memory format."""
        tensor = values if isinstance(values, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(values))
        if tensor.ndim == 4:
            return tensor.to(self.device).contiguous(memory_format=self._format)
        return tensor.to(self.device)

    def tensors(self, values: Iterable[NDArray[Any] | torch.Tensor]) -> Fed:
        """`tensor` of each."""
        return tuple(self.tensor(one) for one in values)

    def scorer(self, module: nn.Module) -> Run:
        """Inputs → all outputs of `module` as it stands (put it in evaluation mode first), float32 on the CPU."""

        def run(inputs: Fed) -> list[torch.Tensor]:
            with torch.inference_mode(), self.autocast():
                outputs = all_outputs(module(*self.tensors(inputs)))
            return [output.float().cpu() for output in outputs]

        return run


def _memory_format(module: nn.Module, example: Fed) -> torch.memory_format:
    """Channels-last for 2-D convolutions, unless the network cannot be run so (a `view` may forbid it)."""
    import copy

    if example[0].ndim != 4 or not any(isinstance(layer, nn.Conv2d) for layer in module.modules()):
        return torch.contiguous_format
    trial = copy.deepcopy(module).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    try:
        with torch.inference_mode():
            trial(
                *(
                    values.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else values
                    for values in example
                )
            )
    except RuntimeError:
        return torch.contiguous_format
    return torch.channels_last
