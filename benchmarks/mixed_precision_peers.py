r"""Other tools' mixed precision on the same network, samples and bytes: what `mixed_precision.py --peers` runs.

    python -m venv peers
    peers/bin/pip install torch torchvision onnx onnxruntime model-compression-toolkit==2.6.1 nvidia-modelopt==0.47.0 \
        aimet-torch==2.42.0
    python benchmarks/mixed_precision.py MODEL DATA --peers peers/bin/python

An environment of its own, for these tools pin other versions than this program; nothing of it is imported here. What a
peer needs and the environment lacks is said in one line, and the peer left out.

    python benchmarks/mixed_precision_peers.py MODEL.onnx SAMPLES.npz --shares 0.15,0.125

MODEL is a ResNet for CIFAR with shortcuts without weights (slice and pad), its norms folded: it is built here in torch
and given the weights of the file in their order; that both answer the same is checked. SAMPLES holds `calibration`,
`validation` and `test` (float32 NCHW, as the network is fed) and their labels (`…_labels`, int64). Standard output is
a JSON object a line: of a peer at a share (`peer`, `version`, `asked`, `share`, `top1`, `seconds`), or of a peer that
is left out (`peer`, `left_out`).

All peers: weights alone in 8, 6, 5, 4, 3 or 2 bits, symmetric per output channel, activations in float, nothing
trained. What counts are the codes, bits × weights ÷ 8. Each as its documentation advises for accuracy:

- model-compression-toolkit: a limit of the weights' memory; distances of activations on 64 calibration samples;
  thresholds of least squared error; biases corrected;
- nvidia-modelopt: AutoQuantize by gradients of the loss on the labelled validation samples; scales of least squared
  error, searched more finely than the default (it corrects no biases);
- aimet-torch: the list that AMP makes of (layer, bits), by the noise in the answers on the calibration samples, is
  followed until the bytes fit; scales by its tf-enhanced scheme (its version 2 corrects no biases). Not its best:
  its sequential MSE, which is not run here, finds better scales at the end.
"""

import argparse
import copy
import importlib.metadata
import json
import logging
import os
import pickle
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx  # noqa: TID253 a script of an environment of its own
import torch  # noqa: TID253
from torch import nn  # noqa: TID253

WIDTHS = (8, 6, 5, 4, 3, 2)
BATCH = 64
MCT_IMAGES = 64
"""Calibration samples that distances are taken on; its default are 32, and its time grows in step."""


class Block(nn.Module):
    """Two convolutions and a shortcut that takes every other pixel and pads channels with zeros where shapes differ."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1)
        self.relu2 = nn.ReLU()
        self.stride, self.more = stride, after - before

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.conv2(self.relu1(self.conv1(x)))
        if self.more:
            half = self.more // 2
            x = nn.functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, self.more - half))
        return self.relu2(out + x)


class ResNet(nn.Module):
    """A convolution, three stages of `depth` blocks with 16, 32 and 64 channels, their means and a linear layer."""

    def __init__(self, depth: int, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, 1, 1)
        self.relu = nn.ReLU()
        sizes = [(16, 16, 1), (16, 32, 2), (32, 64, 2)]
        self.blocks = nn.Sequential(
            *(
                Block(before if number == 0 else after, after, stride if number == 0 else 1)
                for before, after, stride in sizes
                for number in range(depth)
            )
        )
        self.pool = nn.AvgPool2d(8)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(64, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.flatten(self.pool(self.blocks(self.relu(self.conv(x))))))


def weighted(model: nn.Module) -> dict[str, nn.Module]:
    return {name: part for name, part in model.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)}


def loaded(path: str, samples: np.ndarray) -> ResNet:
    """The network with the weights of the file; SystemExit where it is another network than this one."""
    graph = onnx.load(path).graph
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    pairs = [(values[node.input[1]], values[node.input[2]]) for node in graph.node if node.op_type in ("Conv", "Gemm")]
    model = ResNet((len(pairs) - 2) // 6, len(pairs[-1][1])).eval()
    try:
        for layer, (weight, bias) in zip(weighted(model).values(), pairs, strict=True):
            layer.load_state_dict({"weight": torch.from_numpy(weight.copy()), "bias": torch.from_numpy(bias.copy())})
    except (ValueError, RuntimeError) as error:
        raise SystemExit(f"{path} is no ResNet for CIFAR with folded norms: {error}") from error
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {session.get_inputs()[0].name: samples[:BATCH]})
    with torch.no_grad():
        off = float(np.abs(model(torch.from_numpy(samples[:BATCH])).numpy() - wanted).max())
    if off > 1e-3 * float(np.abs(wanted).max()):
        raise SystemExit(f"{path} answers otherwise than the network that was built of its weights, by {off:.3g}.")
    return model


@dataclass(frozen=True)
class Contest:
    """The network, samples with labels by their split, and the bytes of its float weights."""

    model: ResNet
    samples: Mapping[str, torch.Tensor]

    @property
    def counts(self) -> dict[str, int]:
        return {name: layer.weight.numel() for name, layer in weighted(self.model).items()}

    def copied(self) -> ResNet:
        return copy.deepcopy(self.model)

    def batches(self, split: str, size: int = BATCH) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        yield from zip(self.samples[split].split(size), self.samples[f"{split}_labels"].split(size), strict=True)

    def share(self, bits: Mapping[str, int]) -> float:
        """Bytes of the codes, of those that the float weights take."""
        counts = self.counts
        return sum(bits[name] * count for name, count in counts.items()) / (32 * sum(counts.values()))

    def top1(self, model: Callable[[torch.Tensor], torch.Tensor], split: str = "test") -> float:
        with torch.no_grad():
            right = sum(int((model(x).argmax(1) == y).sum()) for x, y in self.batches(split, 250))
        return right / len(self.samples[split])


Found = tuple[float, float, float, float]
"""Share asked for, share taken, top-1 on the test samples, seconds without judging."""


def mct(contest: Contest, shares: Sequence[float]) -> Iterator[Found]:
    import model_compression_toolkit as toolkit

    core = toolkit.core
    calibration = [batch.numpy() for batch, _ in contest.batches("calibration")]
    for share in shares:
        begun = time.perf_counter()
        config = core.CoreConfig(
            quantization_config=core.QuantizationConfig(
                weights_error_method=core.QuantizationErrorMethod.MSE, weights_bias_correction=True
            ),
            mixed_precision_config=core.MixedPrecisionQuantizationConfig(num_of_images=MCT_IMAGES),
        )
        quantized, _ = toolkit.ptq.pytorch_post_training_quantization(
            contest.copied(),
            lambda: ([batch] for batch in calibration),
            core.ResourceUtilization(weights_memory=share * 4 * sum(contest.counts.values())),
            config,
            _platform(),
        )
        seconds = time.perf_counter() - begun
        yield share, contest.share(_mct_bits(contest, quantized)), contest.top1(quantized.eval()), seconds


def _platform() -> Any:
    """What MCT may choose: weights of convolutions and linear layers in any of the widths, all else in float."""
    import model_compression_toolkit.target_platform_capabilities.schema.mct_current_schema as schema
    from mct_quantizers import QuantizationMethod

    def attribute(bits: int, enabled: bool) -> Any:
        return schema.AttributeQuantizationConfig(
            weights_quantization_method=QuantizationMethod.SYMMETRIC,
            weights_n_bits=bits,
            weights_per_channel_threshold=enabled,
            enable_weights_quantization=enabled,
        )

    def operation(kernel: dict[str, Any]) -> Any:
        return schema.OpQuantizationConfig(
            default_weight_attr_config=attribute(8, False),
            attr_weights_configs_mapping=kernel,
            activation_quantization_method=QuantizationMethod.POWER_OF_TWO,
            activation_n_bits=8,
            supported_input_activation_n_bits=8,
            enable_activation_quantization=False,
            quantization_preserving=False,
            signedness=schema.Signedness.AUTO,
        )

    widths = tuple(operation({"kernel_attr": attribute(bits, True)}) for bits in WIDTHS)
    mixed = schema.QuantizationConfigOptions(quantization_configurations=widths, base_config=widths[0])
    plain = schema.QuantizationConfigOptions(quantization_configurations=(operation({}),))
    names = schema.OperatorSetNames
    return schema.TargetPlatformCapabilities(
        default_qco=plain,
        operator_set=tuple(
            schema.OperatorsSet(name=name, qc_options=mixed) for name in (names.CONV, names.FULLY_CONNECTED)
        ),
        tpc_minor_version=1,
        tpc_patch_version=0,
        tpc_platform_type="own",
        add_metadata=False,
        is_simd_padding=False,
    )


def _mct_bits(contest: Contest, quantized: nn.Module) -> dict[str, int]:
    """Widths as the quantized network has them: its layers come in the order in which they run."""
    bits = [
        part.weights_quantizers["weight"].num_bits
        for part in quantized.modules()
        if "weight" in getattr(part, "weights_quantizers", {})
    ]
    return dict(zip(contest.counts, bits, strict=True))


def modelopt(contest: Contest, shares: Sequence[float]) -> Iterator[Found]:
    import modelopt.torch.quantization as mtq

    formats = [
        {
            "quant_cfg": [
                {"quantizer_name": "*", "enable": False},
                {"quantizer_name": "*weight_quantizer", "cfg": {"num_bits": bits, "axis": 0}},
            ],
            "algorithm": {"method": "mse", "step_size": 0.02, "start_multiplier": 0.2, "stop_multiplier": 1.0},
        }
        for bits in WIDTHS
    ]
    data = list(contest.batches("validation", 32))
    for share in shares:
        begun = time.perf_counter()
        model, _ = mtq.auto_quantize(
            contest.copied(),
            constraints={"effective_bits": 32 * share},
            module_search_spaces=[
                {"module_name_patterns": "*", "quantization_formats": formats, "allow_no_quant": False}
            ],
            quantization_formats=formats,
            data_loader=data,
            forward_step=lambda model, batch: model(batch[0]),
            loss_func=lambda output, batch: nn.functional.cross_entropy(output, batch[1]),
            num_calib_steps=1,
            num_score_steps=len(data),
        )
        seconds = time.perf_counter() - begun
        bits = {name: model.get_submodule(name).weight_quantizer.num_bits for name in contest.counts}
        yield share, contest.share(bits), contest.top1(model.eval()), seconds


AIMET_CONFIG = {
    "defaults": {
        "ops": {},
        "params": {"is_quantized": "True", "is_symmetric": "True"},
        "strict_symmetric": "False",
        "per_channel_quantization": "True",
    },
    "params": {"bias": {"is_quantized": "False"}},
    "op_type": {},
    "supergroups": [],
    "model_input": {},
    "model_output": {},
}


def _simulated(contest: Contest, folder: str) -> Any:
    """AIMET's simulation of the network with all weights in 8 bits and nothing else quantized."""
    from aimet_torch.common.defs import QuantScheme
    from aimet_torch.quantsim import QuantizationSimModel

    path = Path(folder) / "config.json"
    path.write_text(json.dumps(AIMET_CONFIG))
    return QuantizationSimModel(
        contest.copied(),
        contest.samples["calibration"][:1],
        quant_scheme=QuantScheme.post_training_tf_enhanced,
        default_output_bw=16,  # of no output: none is quantized
        default_param_bw=WIDTHS[0],
        config_file=str(path),
    )


def aimet(contest: Contest, shares: Sequence[float]) -> Iterator[Found]:
    """AMP orders all (layer, bits) by the harm that each does alone; its order is followed until the bytes fit."""
    from aimet_torch.common.amp.utils import AMPSearchAlgo
    from aimet_torch.common.defs import CallbackFunc, QuantizationDataType
    from aimet_torch.mixed_precision import choose_mixed_precision

    begun = time.perf_counter()
    images = contest.samples["calibration"]
    dummy = images[:1]
    with torch.no_grad():
        wanted = contest.model(images)

    def quality(model: nn.Module, *_: Any) -> float:
        """Signal to noise of the answers on the calibration samples, in dB."""
        with torch.no_grad():
            noise = (torch.cat([model(x) for x in images.split(BATCH)]) - wanted).square().mean()
        return float(10 * torch.log10(wanted.square().mean() / (noise + 1e-12)))

    with tempfile.TemporaryDirectory() as folder:
        kind = QuantizationDataType.int
        choose_mixed_precision(
            _simulated(contest, folder),
            dummy,
            [((16, kind), (bits, kind)) for bits in WIDTHS],
            eval_callback_for_phase1=CallbackFunc(quality),
            # only the order is needed: the bytes say where to stop
            eval_callback_for_phase2=CallbackFunc(lambda *_: 1.0),
            allowed_accuracy_drop=None,
            results_dir=folder,
            clean_start=True,
            forward_pass_callback=CallbackFunc(lambda model, *_: model(dummy)),
            amp_search_algo=AMPSearchAlgo.Binary,
        )
        with (Path(folder) / ".cache" / "accuracy_list.pkl").open("rb") as kept:
            ordered = pickle.load(kept)
        shared = time.perf_counter() - begun
        for share in shares:
            begun = time.perf_counter()
            bits = dict.fromkeys(contest.counts, WIDTHS[0])
            for group, candidate, _, _ in ordered:
                if contest.share(bits) <= share:
                    break
                bits |= dict.fromkeys(group.parameter_quantizers, candidate[1][0])
            sim = _simulated(contest, folder)
            for name, width in bits.items():
                sim.model.get_submodule(name).param_quantizers["weight"].bitwidth = width
            sim.compute_encodings(lambda model, _: model(dummy), None)
            seconds = shared + time.perf_counter() - begun
            yield share, contest.share(bits), contest.top1(sim.model.eval()), seconds


PEERS: dict[str, Callable[[Contest, Sequence[float]], Iterator[Found]]] = {
    "model-compression-toolkit": mct,
    "nvidia-modelopt": modelopt,
    "aimet-torch": aimet,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("samples")
    parser.add_argument("--shares", default="0.15,0.125,0.1,0.094")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    # the peers and what they import write to standard output as they like: the lines keep it, all else goes to errors
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    with np.load(given.samples) as kept:
        samples = {name: torch.from_numpy(kept[name]) for name in kept.files}
    contest = Contest(loaded(given.model, samples["test"].numpy()), samples)
    shares = [float(text) for text in given.shares.split(",")]
    for name in given.peers.split(","):
        try:
            for asked, share, top1, seconds in PEERS[name](contest, shares):
                row = {"peer": name, "version": importlib.metadata.version(name), "asked": asked, "share": share}
                print(json.dumps(row | {"top1": top1, "seconds": seconds}), file=lines, flush=True)
        except Exception as error:
            logging.exception(name)  # another tool's failure, whatever it is, leaves that one out and not the others
            said = " ".join(f"{type(error).__name__}: {error}".split())
            print(json.dumps({"peer": name, "left_out": said}), file=lines, flush=True)


if __name__ == "__main__":
    main()
