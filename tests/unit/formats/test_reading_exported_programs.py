"""`.pt2`: the network of a torch.export program, by our own reader, and what it refuses."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from secateur.errors import UserError
from secateur.formats.reading import open_model
from secateur.graph.lowering import lower
from secateur.graph.network import StoredModel, TorchModel
from secateur.model.description import ModelSource
from secateur.model.stored import read_values

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # torch.export, about its own insides

BATCH = torch.export.Dim("batch")


class Pictures(nn.Module):
    """Convolutions with a batch norm, dropout, a linear layer and a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.drop = nn.Dropout()
        self.fc = nn.Linear(8, 10)
        self.scale = nn.Parameter(torch.full((1,), 0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn(self.conv1(x))).mean((2, 3))
        return self.fc(self.drop(x).view(x.shape[0], -1)) * self.scale


class Segments(nn.Module):
    """A small U: strided and transposed convolutions, group norm, PReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.GroupNorm(2, 8), nn.PReLU(8))
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)
        self.out = nn.Conv2d(7, 1, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.cat([self.up(self.down(x)), x], 1))


class Words(nn.Module):
    """Embedding, LSTM, GRU and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.emb = nn.Embedding(50, 16)
        self.rnn = nn.LSTM(16, 12, 2, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(24, 8, batch_first=True)
        self.fc = nn.Linear(8, 50)

    def forward(self, words: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, _ = self.rnn(self.emb(words))
        x, state = self.gru(x)
        return self.fc(x), state[0]


class Attends(nn.Module):
    """Torch's own transformer layer, layer norms, and a region without gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.emb = nn.Embedding(50, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.head = nn.Linear(16, 5)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        x = self.layer(self.emb(words))
        with torch.no_grad():
            middle = x.mean(1, keepdim=True)
        return self.head(x - middle)


IMAGE, TEXT = torch.zeros(2, 3, 8, 8), torch.zeros(2, 5, dtype=torch.int64)
NETWORKS: dict[str, tuple[Callable[[], nn.Module], torch.Tensor]] = {
    "pictures": (Pictures, IMAGE),
    "segments": (Segments, IMAGE),
    "words": (Words, TEXT),
    "attends": (Attends, TEXT),
}


def saved(
    path: Path, network: nn.Module, example: torch.Tensor, *, free: bool = True, decomposed: bool = False
) -> Path:
    program = torch.export.export(network, (example,), dynamic_shapes=({0: BATCH},) if free else None)
    torch.export.save(program.run_decompositions() if decomposed else program, path)
    return path


def opened(path: Path) -> TorchModel:
    model = open_model(ModelSource(str(path)))
    assert isinstance(model, TorchModel), getattr(model, "reason", "")
    return model


def tensors(value: Any) -> tuple[torch.Tensor, ...]:
    return value if isinstance(value, tuple) else (value,)


FORMS = [*((name, "as exported") for name in NETWORKS), ("pictures", "decomposed"), ("attends", "decomposed")]


@pytest.fixture(scope="module", params=FORMS, ids=" ".join)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[nn.Module, TorchModel, torch.Tensor]:
    """A network, the model read from its program, and an input."""
    name, form = request.param
    make, example = NETWORKS[name]
    torch.manual_seed(0)
    network = make().eval()
    path = saved(tmp_path_factory.mktemp("pair") / "net.pt2", network, example, decomposed=form == "decomposed")
    return network, opened(path), example


def test_the_network_answers_as_the_one_that_was_exported(pair: tuple[nn.Module, TorchModel, torch.Tensor]) -> None:
    network, model, example = pair
    given = torch.rand(3, *example.shape[1:]) if example.is_floating_point() else torch.randint(0, 50, (3, 5))
    with torch.no_grad():
        for expected, result in zip(tensors(network(given)), tensors(model.module(given)), strict=True):
            torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)


def test_a_gradient_reaches_every_parameter(pair: tuple[nn.Module, TorchModel, torch.Tensor]) -> None:
    _, model, example = pair
    sum(output.square().sum() for output in tensors(model.module(example))).backward()  # type: ignore[union-attr]
    assert [name for name, value in model.module.named_parameters() if value.grad is None] == []


def test_the_weights_keep_the_names_that_the_program_has_for_them(
    pair: tuple[nn.Module, TorchModel, torch.Tensor],
) -> None:
    network, model, _ = pair
    plain = {name.replace("in_proj_", "in_proj.") for name, _ in network.named_parameters()}
    assert {name.replace("in_proj_", "in_proj.") for name, _ in model.module.named_parameters()} == plain


def test_layers_are_ordinary_torch_layers(tmp_path: Path) -> None:
    model = opened(saved(tmp_path / "net.pt2", Pictures().eval(), IMAGE))
    kinds = {name: type(layer) for name, layer in model.module.named_modules() if name}
    assert kinds == {"conv1": nn.Conv2d, "bn": nn.BatchNorm2d, "fc": nn.Linear}


def test_attention_projections_are_linear_layers(tmp_path: Path) -> None:
    model = opened(saved(tmp_path / "net.pt2", Attends().eval(), TEXT))
    assert type(model.module.get_submodule("layer.self_attn.in_proj")) is nn.Linear


def test_free_axes_stay_free_and_fixed_ones_fixed(tmp_path: Path) -> None:
    model = opened(saved(tmp_path / "net.pt2", Pictures().eval(), IMAGE))
    assert [port.shape for port in (*model.inputs, *model.outputs)] == [(None, 3, 8, 8), (None, 10)]
    fixed = opened(saved(tmp_path / "fixed.pt2", Words().eval(), TEXT, free=False))
    assert [port.shape for port in fixed.inputs] == [(2, 5)]


def test_a_program_for_one_sample_takes_batches_where_its_operators_do(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1)).eval()
    model = opened(saved(tmp_path / "net.pt2", network, IMAGE[:1], free=False))
    assert model.inputs[0].shape == (None, 3, 8, 8)
    assert any("takes batches" in note for note in model.notes)


def test_a_program_can_be_lowered_and_so_quantized_and_exported(tmp_path: Path) -> None:
    model = opened(saved(tmp_path / "net.pt2", Pictures().eval(), IMAGE))
    assert set(lower(model).weights()) == {"conv1", "fc"}


def test_tensors_lie_mapped_in_the_file(tmp_path: Path) -> None:
    from secateur.formats import format_named

    network = Pictures().eval()
    path = saved(tmp_path / "net.pt2", network, IMAGE)
    found = {tensor.name: tensor for tensor in format_named("pt2").tensors(path)}
    assert all(tensor.offset > 0 for tensor in found.values())
    for name, value in network.state_dict().items():
        assert (read_values(found[name]) == value.float().numpy()).all(), name


# ---------------------------------------------------------------------- what is refused


def changed(path: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """A copy of an archive with members changed; None leaves one out."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            data = change(entry.filename, old.read(entry))
            if data is not None:
                new.writestr(entry.filename, data)
    return target


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("programs") / "net.pt2", Pictures().eval(), IMAGE)


def with_json(program: Path, target: Path, edit: Callable[[Any], None]) -> Path:
    def change(name: str, data: bytes) -> bytes:
        if not name.endswith("models/model.json"):
            return data
        document = json.loads(data)
        edit(document)
        return json.dumps(document).encode()

    return changed(program, target, change)


def test_sample_inputs_are_never_unpickled(program: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    evil = f"cos\nsystem\n(S'touch {mark}'\ntR.".encode()
    path = changed(program, tmp_path / "evil.pt2", lambda name, data: evil if "sample_inputs" in name else data)
    assert opened(path).inputs[0].name == "x"
    assert not mark.exists()


def test_sizes_spelled_as_code_are_not_evaluated(program: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    code = f"__import__('os').system('touch {mark}')"

    def edit(value: Any) -> None:
        """Every size that is spelled out becomes code."""
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            edit(part)
        if isinstance(value, dict) and "expr_str" in value:
            value["expr_str"] = code

    with_code = with_json(program, tmp_path / "evil.pt2", edit)
    with zipfile.ZipFile(with_code) as archive:
        assert "__import__" in archive.read("net/models/model.json").decode()
    assert opened(with_code).inputs[0].shape == (None, 3, 8, 8)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("os.system", "not one of torch's own"),
        ("torch.ops.aten.from_file.default", "does more than compute"),
        ("torch.ops.aten.save.default", "does more than compute"),
        ("torch.ops.aten.no_such.default", "no operator"),
        ("torch.ops.mine.special.default", "not one of torch's own"),
        ("torch.ops.aten.relu.__class__", "does more than compute"),
    ],
)
def test_operators_that_do_more_than_compute_are_refused(program: Path, tmp_path: Path, target: str, said: str) -> None:
    def edit(document: Any) -> None:
        nodes = document["graph_module"]["graph"]["nodes"]
        next(node for node in nodes if "relu" in node["target"])["target"] = target

    model = open_model(ModelSource(str(with_json(program, tmp_path / "odd.pt2", edit))))
    assert isinstance(model, StoredModel)
    assert said in model.reason
    assert "conv1" in {layer.name for layer in model.layers}


def test_a_tensor_that_is_larger_than_its_bytes_is_refused(program: Path, tmp_path: Path) -> None:
    def change(name: str, data: bytes) -> bytes:
        if not name.endswith("model_weights_config.json"):
            return data
        config = json.loads(data)
        config["config"]["fc.weight"]["tensor_meta"]["sizes"] = [{"as_int": 1 << 40}, {"as_int": 8}]
        return json.dumps(config).encode()

    with pytest.raises(UserError, match=r"fc\.weight.*needs"):
        open_model(ModelSource(str(changed(program, tmp_path / "huge.pt2", change))))


@pytest.mark.parametrize("tenth", range(10))
def test_a_program_that_was_cut_short_is_one_sentence(program: Path, tmp_path: Path, tenth: int) -> None:
    data = program.read_bytes()
    cut = tmp_path / "cut.pt2"
    cut.write_bytes(data[: len(data) * tenth // 10])
    with pytest.raises(UserError) as raised:
        open_model(ModelSource(str(cut)))
    assert "\n" not in raised.value.sentence


def test_a_missing_weight_is_named(program: Path, tmp_path: Path) -> None:
    path = changed(program, tmp_path / "less.pt2", lambda name, data: None if name.endswith("weight_1") else data)
    with pytest.raises(UserError, match=r"conv1\.weight"):
        open_model(ModelSource(str(path)))


def test_a_program_under_another_suffix_is_opened_with_a_note(program: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(program.read_bytes())
    model = opened(path)
    assert model.notes[0] == "net.onnx is torch.export program by its content, though its name says ONNX."
    assert replace(model, notes=()).format == "pt2"
