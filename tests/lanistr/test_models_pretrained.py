import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

from lanistr.errors import WeightsError
from lanistr.methods.build import build
from lanistr.methods.lanistr.model import LANISTR, LANISTRForPrediction, LANISTRForPretraining

EVERYTHING = ["text", "image", "tabular", "timeseries"]
MIXED = ("text image timeseries tabular", "text", "image tabular", "tabular")


@pytest.fixture
def model(experiment, spec):
    torch.manual_seed(4)
    return build(experiment("finetune", modalities=EVERYTHING), spec).eval()


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_a_model_comes_back_as_it_was(model, batch, tmp_path):
    model.save_pretrained(tmp_path / "model")
    loaded = LANISTR.from_pretrained(tmp_path / "model")
    assert type(loaded) is LANISTRForPrediction and not loaded.training
    assert loaded.task == model.task
    assert loaded.origin.spec == model.origin.spec
    assert loaded.origin.experiment == model.origin.experiment
    assert torch.equal(loaded(batch(*MIXED)), model(batch(*MIXED)))
    assert {file.name for file in (tmp_path / "model").iterdir()} == {
        "config.json",
        "model.safetensors",
    }


@pytest.mark.parametrize(
    "overrides",
    [{}, {"fusion": {"kind": "perceiver", "hidden": 20, "intermediate": 40}}],
    ids=["transformer", "perceiver"],
)
def test_a_pretraining_model_comes_back_with_its_losses(
    experiment, spec, batch, rng, tmp_path, overrides
):
    settings = {"modalities": EVERYTHING, "objectives": {"mfm": 0.01}, **overrides}
    model = build(experiment("pretrain", **settings), spec)
    model.save_pretrained(tmp_path)
    loaded = LANISTRForPretraining.from_pretrained(str(tmp_path)).train()
    first, second = (m.losses(batch(*MIXED), rng()) for m in (model, loaded))
    assert list(first) == ["mlm", "mim", "mfm", "mtm", "mmm"]
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_pretrained_encoders_are_not_needed_again(experiment, spec, batch, tmp_path):
    size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    odd = {"max_position_embeddings": 40, "hidden_act": "relu", "intermediate_size": 24}
    config = BertConfig(vocab_size=spec.vocab_size, **size, **odd)
    BertModel(config).save_pretrained(tmp_path / "bert")
    text = {"hidden": 16, "layers": 2, "heads": 2, "intermediate": 24}
    encoders = {"text": {**text, "pretrained": str(tmp_path / "bert")}}
    model = build(experiment("finetune", modalities=["text"], encoders=encoders), spec).eval()
    model.save_pretrained(tmp_path / "model")
    (tmp_path / "bert" / "config.json").unlink()
    loaded = LANISTR.from_pretrained(tmp_path / "model")
    assert loaded.encoders["text"].bert.config.hidden_act == "relu"
    assert torch.equal(loaded(batch("text")), model(batch("text")))


def test_another_kind_of_model_is_refused(model, tmp_path):
    model.save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match=r"holds a LANISTRForPrediction, asked for is a"):
        LANISTRForPretraining.from_pretrained(tmp_path)


def test_what_is_missing_or_broken_is_named(model, tmp_path):
    with pytest.raises(WeightsError, match=r"no folder \./none"):
        LANISTR.from_pretrained("./none")
    model.save_pretrained(tmp_path)
    weights, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    tensors = load_file(weights)
    del tensors["head.0.weight"]
    save_file(tensors, weights)
    with pytest.raises(WeightsError, match=r"head\.0\.weight: missing"):
        LANISTR.from_pretrained(tmp_path)
    weights.write_bytes(weights.read_bytes()[:-50])
    with pytest.raises(WeightsError, match=r"model\.safetensors could not be read"):
        LANISTR.from_pretrained(tmp_path)
    config.write_text(json.dumps({"format": 0}))
    with pytest.raises(WeightsError, match=r"has format 0, allowed is 2"):
        LANISTR.from_pretrained(tmp_path)
    config.unlink()
    with pytest.raises(WeightsError, match=r"config\.json could not be read"):
        LANISTR.from_pretrained(tmp_path)


def test_a_name_that_the_hub_does_not_give_is_named(monkeypatch, tmp_path):
    def unreachable(*_, **__):
        from huggingface_hub.errors import LocalEntryNotFoundError

        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    with pytest.raises(WeightsError, match=r"someone/lanistr is no folder, and the hub did not"):
        LANISTR.from_pretrained("someone/lanistr")


def test_a_hub_name_loads_what_the_hub_fetched(model, batch, monkeypatch, tmp_path):
    model.save_pretrained(tmp_path)
    asked = []
    monkeypatch.setattr(
        "huggingface_hub.snapshot_download",
        lambda name, **how: asked.append((name, how["revision"])) or str(tmp_path),
    )
    loaded = LANISTR.from_pretrained("someone/lanistr", revision="v1")
    assert asked == [("someone/lanistr", "v1")]
    assert torch.equal(loaded(batch("text")), model(batch("text")))


def test_weights_of_another_dataset_leave_its_columns_at_random_and_say_so(
    experiment, spec, model, caplog
):
    other = replace(spec, category_names=("reviewer", "shop"), category_sizes=(30, 7))
    torch.manual_seed(8)
    target = build(experiment("finetune", modalities=EVERYTHING), other)
    before = {name: value.clone() for name, value in target.state_dict().items()}
    anew = target.load_pretrained_part(model.state_dict())
    assert "encoders.tabular.embeddings.reviewer.weight" in anew
    assert "encoders.tabular.tabnet.initial_bn.weight" in anew
    assert all(name.startswith("encoders.tabular.") and name in caplog.text for name in anew)
    after, source = target.state_dict(), model.state_dict()
    for name, value in after.items():
        stays = name in anew or name.startswith("head.")
        assert torch.equal(value, before[name] if stays else source[name])


def test_new_identifiers_alone_leave_the_rest_of_tabnet_as_trained(experiment, spec, model):
    target = build(
        experiment("finetune", modalities=EVERYTHING), replace(spec, category_sizes=(30, 5))
    )
    anew = target.load_pretrained_part(model.state_dict())
    assert anew == ("encoders.tabular.embeddings.reviewer.weight",)


def test_the_same_columns_leave_nothing_at_random(experiment, spec, model, caplog):
    target = build(experiment("finetune", modalities=EVERYTHING), spec)
    assert target.load_pretrained_part(model.state_dict()) == () and not caplog.records


def test_a_checkpoint_without_tabular_data_is_refused(experiment, spec, model):
    without = build(experiment("finetune"), spec).state_dict()
    with pytest.raises(WeightsError, match=r"encoders\.tabular\..*: missing"):
        model.load_pretrained_part(without)
