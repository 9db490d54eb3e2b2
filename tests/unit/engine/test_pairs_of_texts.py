"""A network of tokens on pairs of sentences: opened, measured and compressed by the words of its own tokenizer."""

import csv
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch
from scipy.stats import spearmanr
from tokenizers import Tokenizer as Encoder
from tokenizers import models, pre_tokenizers, processors
from torch import nn

from secateur.analysis.evaluation import predict
from secateur.engine.events import Finished
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compare, Compress, DataSource, Evaluate, Export, OpenData, ScoreSensitivity
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.graph.context import Context
from secateur.model.description import ModelSource
from secateur.recipe.options import option
from secateur.recipe.reading import parse_recipe

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"a man dog cat barks dances sits eats sleeps runs".split()]  # noqa: SIM905
INPUTS = ["input_ids", "attention_mask"]


class Reader(nn.Module):
    """One attention over the words that the mask lets through, and a linear layer: (rows, tokens, 16)."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(len(WORDS), 16)
        self.query, self.key = nn.Linear(16, 16), nn.Linear(16, 16)
        self.out = nn.Linear(16, 16)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        read = self.words(ids)
        scores = self.query(read) @ self.key(read).transpose(1, 2) / 4
        scores = scores + (1.0 - mask[:, None].float()) * -1e4
        return self.out(torch.softmax(scores, dim=-1) @ read + read)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network as ONNX, its tokenizer, and pairs of sentences: a part to train on and one to judge by."""
    place = tmp_path_factory.mktemp("reader")
    encoder = Encoder(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    encoder.pre_tokenizer = pre_tokenizers.Whitespace()
    encoder.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    encoder.save(str(place / "tokenizer.json"))
    torch.manual_seed(0)
    example = torch.zeros(2, 5, dtype=torch.int64)
    axes = {name: {0: "batch", 1: "length"} for name in (*INPUTS, "tokens")}
    torch.onnx.export(
        Reader().eval(), (example, example + 1), place / "reader.onnx", input_names=INPUTS, output_names=["tokens"],
        dynamic_axes=axes, dynamo=False,
    )  # fmt: skip
    random = np.random.default_rng(0)
    for part, count in (("train", 40), ("dev", 30)):
        with (place / f"pairs-{part}.csv").open("w", newline="", encoding="utf-8") as file:
            for _ in range(count):
                texts = [" ".join(random.choice(WORDS[4:], random.integers(2, 7))) for _ in range(2)]
                csv.writer(file).writerow([*texts, f"{random.uniform(0, 5):.2f}"])
    return place


def by_hand(folder: Path) -> float:
    """Spearman of the cosines of mean-pooled tokens on the whole part to judge by: one text at a time, no padding."""
    session, encoder = ort.InferenceSession(folder / "reader.onnx"), Encoder.from_file(str(folder / "tokenizer.json"))

    def vector(text: str) -> Any:
        ids = np.array([encoder.encode(text).ids])
        pooled = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0].mean(axis=0)
        return pooled / np.linalg.norm(pooled)

    with (folder / "pairs-dev.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    return float(spearmanr([vector(a) @ vector(b) for a, b, _ in rows], [float(row[2]) for row in rows])[0])


def done(request: Any, workshop: Workshop) -> Any:
    end = run_job(request, Reporter(1, lambda event: None), workshop)
    assert isinstance(end, Finished), end
    return end.result


def test_the_spearman_is_that_of_a_few_lines_of_ones_own(folder: Path) -> None:
    source, data = ModelSource(str(folder / "reader.onnx")), DataSource(str(folder / "pairs-dev.csv"))
    workshop = Workshop(1)
    opened = done(OpenData(source, data), workshop)
    assert (opened.data.task, opened.data.test, opened.data.metric) == ("similarity", 30, "spearman")
    assert opened.previews[0].shown.tokens[0][0] == "[CLS]"
    evaluation = done(Evaluate(source, data), workshop).evaluation
    assert evaluation.samples == 30
    assert evaluation.metric.value == pytest.approx(by_hand(folder), abs=1e-6)


def test_its_layers_go_to_integers_and_the_file_is_proven(folder: Path, tmp_path: Path) -> None:
    source, data = ModelSource(str(folder / "reader.onnx")), DataSource(str(folder / "pairs-dev.csv"))
    recipe = parse_recipe({"schema": 1, "steps": [{"method": "static_int8", "layers": ["*"]}]})
    document = done(Compress(source, data, recipe, "run", folder=tmp_path / "out"), Workshop(1)).record.document
    assert document.files[0].verified
    result = ModelSource(document.files[0].path)  # the tokenizer lies beside it, and its texts are read as before
    assert (tmp_path / "out" / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()
    again = done(Evaluate(result, data), Workshop(1)).evaluation
    assert again.metric.value == pytest.approx(document.result.metric.value, abs=1e-6)
    assert done(Export(result, data, "onnx", tmp_path / "again.onnx"), Workshop(1)).file.verified
    assert abs(document.result.metric.value - document.original.metric.value) < 0.2


def test_a_result_far_from_its_tokenizer_is_compared_by_that_of_the_original(folder: Path, tmp_path: Path) -> None:
    source, data = ModelSource(str(folder / "reader.onnx")), DataSource(str(folder / "pairs-dev.csv"))
    shutil.copy(folder / "reader.onnx", tmp_path / "far.onnx")
    for a, b in (("reader", "far"), ("far", "reader")):
        places = {"reader": source, "far": ModelSource(str(tmp_path / "far.onnx"))}
        comparison = done(Compare(places[a], places[b], data), Workshop(1)).comparison
        assert comparison.agreement == 1.0
        assert comparison.a.metric.value == comparison.b.metric.value
        assert {layer.layer for layer in comparison.layers} >= {"out"}


@pytest.mark.parametrize("depth", ["free", "measure"])
def test_its_layers_are_scored_on_the_spearman_of_pairs(depth: str, folder: Path) -> None:
    source, data = ModelSource(str(folder / "reader.onnx")), DataSource(str(folder / "pairs-dev.csv"))
    workshop = Workshop(1)
    table = done(ScoreSensitivity(source, data, depth, ("int8", "int4"), samples=16), workshop).table
    assert {row.layer for row in table.rows} >= {"out"}
    assert any(row.damage for row in table.rows)


def opened(folder: Path) -> tuple[Any, Any]:
    """(bench, data) of the network on its pairs."""
    workshop = Workshop(1)
    bench = workshop.bench(ModelSource(str(folder / "reader.onnx")), Reporter(1, lambda event: None))
    return bench, workshop.data(bench, DataSource(str(folder / "pairs-dev.csv")), Reporter(1, lambda event: None))


def test_texts_of_one_length_go_through_the_network_together_and_answers_keep_their_order(folder: Path) -> None:
    bench, data = opened(folder)
    batches = list(data.batches("test", 8))
    assert sorted(np.concatenate([batch.targets for batch in batches])) == sorted(data.labels[data.splits["test"]])
    widths = [batch.first.shape[1] for batch in batches]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > widths[-1]
    made = predict(bench.model.run_all, data, lambda done, total, text: None, text="")
    assert np.array_equal(made.targets, data.labels[data.splits["test"]])
    whole = data.batch("test", range(30))
    expected = data.task.answers(data.task.scores(bench.model.run_all(*whole.arrays), whole))
    assert made.answers == pytest.approx(expected, abs=1e-6)


def test_a_cell_of_texts_of_any_length_is_the_damage_of_all_of_them_together(folder: Path) -> None:
    bench, data = opened(folder)
    table = done(
        ScoreSensitivity(bench.description.source, DataSource(str(folder / "pairs-dev.csv")), "measure", ("prune50",)),
        Workshop(1),
    ).table
    count = data.size("validation")
    whole = data.batch("validation", range(count))
    before = data.task.scores(bench.model.run_all(*whole.arrays), whole)
    for row in table.rows:
        changed = option("prune50").method.apply(bench.model, [row.layer], Context(data=data))
        after = data.task.scores(changed.run_all(*whole.arrays), whole)
        _, error, weight = data.task.damage(before, after)
        assert row.damage == pytest.approx(error / weight, rel=1e-3)


# ---------------------------------------------------------------------- what an exported file needs to be used

CONFIG = '{"model_type": "reader"}'


@pytest.fixture
def home(folder: Path, tmp_path: Path) -> Path:
    """The network in a folder with what Hugging Face's libraries look for."""
    place = tmp_path / "home"
    place.mkdir()
    for name in ("reader.onnx", "tokenizer.json", "pairs-dev.csv"):
        shutil.copy(folder / name, place / name)
    (place / "config.json").write_text(CONFIG)
    (place / "tokenizer_config.json").write_text('{"model_max_length": 12}')
    (place / "1_Pooling").mkdir()
    (place / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    return place


def exported(home: Path, path: Path, format_id: str = "onnx", data: bool = False) -> Any:
    source = DataSource(str(home / "pairs-dev.csv")) if data else None
    path.parent.mkdir(exist_ok=True)
    return done(Export(ModelSource(str(home / "reader.onnx")), source, format_id, path), Workshop(1)).file


def beside(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("with_data", [False, True])
def test_an_exported_network_has_its_tokenizer_and_settings_beside_it(
    home: Path, tmp_path: Path, with_data: bool
) -> None:
    file = exported(home, tmp_path / "out" / "small.onnx", data=with_data)
    settings = {"tokenizer.json", "tokenizer_config.json", "1_Pooling/config.json", "config.json"}
    assert beside(tmp_path / "out") == {"small.onnx", *settings}
    assert file.sentence.endswith(" and config.json lie beside it.")
    assert (tmp_path / "out" / "config.json").read_text() == CONFIG
    data = DataSource(str(home / "pairs-dev.csv"))
    ours, theirs = (
        done(Evaluate(ModelSource(str(place)), data), Workshop(1)).evaluation.metric.value
        for place in (tmp_path / "out" / "small.onnx", home / "reader.onnx")
    )
    assert ours == pytest.approx(theirs, abs=1e-6)
    again = exported(home, tmp_path / "out" / "again.onnx")  # the same bytes are there
    assert "beside it" not in again.sentence
    assert beside(tmp_path / "out") == {"small.onnx", "again.onnx", *settings}


def test_a_tokenizer_of_another_network_stays_and_this_one_takes_another_name(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "tokenizer.json").write_text("{}")
    file = exported(home, out / "small.onnx")
    assert "tokenizer.json beside it is that of another network and stays: this one's is tokenizer-2.json" in (
        file.sentence
    )
    assert (out / "tokenizer.json").read_text() == "{}"
    assert beside(out) == {"small.onnx", "tokenizer.json", "tokenizer-2.json"}
    assert (out / "tokenizer-2.json").read_bytes() == (home / "tokenizer.json").read_bytes()
    exported(home, out / "again.onnx")
    assert beside(out) == {"small.onnx", "again.onnx", "tokenizer.json", "tokenizer-2.json"}


def test_no_configuration_makes_a_network_of_weights_that_lie_there(home: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "weights.safetensors").write_bytes(b"")
    exported(home, tmp_path / "out" / "small.onnx")
    assert "tokenizer.json" in beside(tmp_path / "out")
    assert "config.json" not in beside(tmp_path / "out")


def test_a_result_of_a_run_brings_the_tokenizer_of_the_run(folder: Path, tmp_path: Path) -> None:
    source, data = ModelSource(str(folder / "reader.onnx")), DataSource(str(folder / "pairs-dev.csv"))
    recipe = parse_recipe({"schema": 1, "steps": [{"method": "weight_only", "layers": ["*"]}]})
    workshop = Workshop(1)
    done(Compress(source, data, recipe, "of-texts", folder=tmp_path / "run"), workshop)
    (tmp_path / "out").mkdir()
    for format_id, name in (("onnx", "small.onnx"), ("package", "small.zip")):
        done(Export(source, None, format_id, tmp_path / "out" / name, "of-texts"), workshop)
    assert beside(tmp_path / "out") == {"small.onnx", "small.zip", "tokenizer.json"}
    with zipfile.ZipFile(tmp_path / "out" / "small.zip") as packed:
        assert "tokenizer.json" in packed.namelist()
