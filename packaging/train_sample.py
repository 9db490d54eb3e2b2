"""Trains the bundled sample network and writes `resources/sample/model.safetensors` and `model.onnx`.

    OMP_NUM_THREADS=1 python packaging/train_sample.py

The data are the bundled MNIST-5k in the very split that `sample:mnist` opens (seed 0): what is tested here is
what the program tests. A few minutes on one core; the same machine and versions give the same weights.
"""

import secateur  # noqa: F401 - first: it switches off the telemetry of what is loaded below

# isort: split
import argparse
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import onnx
import onnx_ir
import onnxruntime
import torch
from onnxscript import optimizer
from safetensors.torch import save_file
from torch import nn

from secateur.data.dataset import Dataset
from secateur.data.source import DataSource
from secateur.data.sources import SAMPLE, open_data
from secateur.model.description import Port

SAMPLE_FOLDER = Path(__file__).parents[1] / "resources" / "sample"
SEED, EPOCHS, BATCH_SIZE, PEAK_RATE, WEIGHT_DECAY = 0, 18, 64, 0.15, 5e-4
WANTED_ACCURACY, TOLERANCE, OPSET = 0.98, 1e-4, 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--folder", type=Path, default=SAMPLE_FOLDER, help="where the two files go")
    arguments = parser.parse_args()
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    network = load_network()
    dataset = open_data(DataSource(SAMPLE), (Port("image", "float32", (None, *network.input_shape)),), seed=SEED)
    module = network.sample_net()
    train(module, dataset, arguments.epochs)
    accuracy = share_right(lambda inputs: module(torch.from_numpy(inputs)).numpy(), dataset)
    print(f"{accuracy:.2%} of {dataset.size('test')} test images, {count(module):,} parameters")
    if accuracy < WANTED_ACCURACY:
        print(f"That is below {WANTED_ACCURACY:.0%}: nothing is written.", file=sys.stderr)
        return 1
    write(module, dataset, arguments.folder)
    return 0


def load_network() -> Any:
    """The module `network.py` beside the weights: the file that users are shown as the factory."""
    spec = spec_from_file_location("sample_network", SAMPLE_FOLDER / "network.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"there is no network.py in {SAMPLE_FOLDER}")
    network = module_from_spec(spec)
    spec.loader.exec_module(network)
    return network


def train(module: nn.Module, dataset: Dataset, epochs: int) -> None:
    """One cycle of SGD with momentum; digits are shifted, not mirrored. Ends in evaluation mode."""
    generator = np.random.default_rng(SEED)
    steps = epochs * (dataset.size("train") // BATCH_SIZE)
    optimizer_ = torch.optim.SGD(
        module.parameters(), lr=PEAK_RATE, momentum=0.9, weight_decay=WEIGHT_DECAY, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer_, PEAK_RATE, total_steps=steps, pct_start=0.25)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    for epoch in range(epochs):
        module.train()
        started, total = perf_counter(), 0.0
        order = generator.permutation(dataset.size("train"))
        batches = order[: len(order) // BATCH_SIZE * BATCH_SIZE].reshape(-1, BATCH_SIZE)
        for indices in batches:
            batch = dataset.training_batch(indices, generator)
            inputs, labels = batch.first, batch.targets
            loss = loss_of(module(torch.from_numpy(inputs)), torch.from_numpy(labels))
            optimizer_.zero_grad()
            loss.backward()
            optimizer_.step()
            schedule.step()
            total += loss.item()
        print(
            f"epoch {epoch + 1}/{epochs}  loss {total / len(batches):.4f}  {perf_counter() - started:.1f} s",
            flush=True,
        )
    module.eval()


@torch.inference_mode()
def share_right(run: Any, dataset: Dataset) -> float:
    """Fraction of the test images whose largest output is their class."""
    right = [run(batch.first).argmax(1) == batch.targets for batch in dataset.batches("test", 250)]
    return float(np.concatenate(right).mean())


def write(module: nn.Module, dataset: Dataset, folder: Path) -> None:
    """Both files, under temporary names first; the ONNX file is run and compared before it gets its name."""
    weights, graph = folder / "model.safetensors", folder / "model.onnx"
    save_file(module.state_dict(), f"{weights}.part")
    onnx.save(export(module), f"{graph}.part")
    inputs = dataset.batch("test", range(64)).first
    session = onnxruntime.InferenceSession(f"{graph}.part", providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = module(torch.from_numpy(inputs)).numpy()
    deviation = np.abs(session.run(None, {"image": inputs})[0] - expected).max() / np.abs(expected).max()
    if deviation > TOLERANCE:
        raise RuntimeError(f"the ONNX file deviates from the network by {deviation:.1e}")
    accuracy = share_right(lambda batch: session.run(None, {"image": batch})[0], dataset)
    for path in (weights, graph):
        Path(f"{path}.part").replace(path)
        print(f"{path.name}: {path.stat().st_size:,} bytes")
    print(f"ONNX Runtime: {accuracy:.2%}, relative deviation {deviation:.1e}")


def export(module: nn.Module) -> onnx.ModelProto:
    """The network as ONNX: batch norm kept, tensors named as in the state dict, no trace of this machine."""
    example = torch.zeros(2, 1, 28, 28)
    program = torch.onnx.export(
        module,
        (example,),
        dynamo=True,
        opset_version=OPSET,
        input_names=["image"],
        output_names=["logits"],
        dynamic_shapes=({0: "batch"},),
        optimize=False,  # the optimizer would fold batch norm into the convolutions
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch exported nothing")
    optimizer.fold_constants(program.model)
    without_zero_biases(program.model)
    onnx_ir.passes.common.LiftConstantsToInitializersPass()(program.model)
    optimizer.remove_unused_nodes(program.model)
    proto = stripped(onnx_ir.to_proto(program.model))
    onnx.checker.check_model(proto, full_check=True)
    # counters of training steps are the one thing that evaluation does not read
    names = {name for name in module.state_dict() if not name.endswith("num_batches_tracked")}
    missing = names - {tensor.name for tensor in proto.graph.initializer}
    if missing:
        raise RuntimeError(f"the export renamed {', '.join(sorted(missing))}")
    return proto


def without_zero_biases(model: onnx_ir.Model) -> None:
    """Takes out the bias of zeros that the exporter gives to every convolution without one."""
    for node in model.graph:
        bias = node.inputs[2] if node.op_type == "Conv" and len(node.inputs) > 2 else None
        value = bias.const_value if bias is not None else None
        if value is not None and not value.numpy().any():
            node.replace_input_with(2, None)


def stripped(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The file without stack traces, paths, documentation strings and guessed shapes of inner tensors."""
    clean = onnx.ModelProto()
    clean.CopyFrom(proto)
    for part in (
        clean,
        clean.graph,
        *clean.graph.node,
        *clean.graph.input,
        *clean.graph.output,
        *clean.graph.initializer,
    ):
        part.doc_string = ""
        del part.metadata_props[:]
    clean.graph.name = "sample"
    del clean.graph.value_info[:]
    return clean


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


if __name__ == "__main__":
    sys.exit(main())
