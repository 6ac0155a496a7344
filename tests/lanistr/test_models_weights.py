"""Weights that come from folders, as users have them: written by save_pretrained."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    FlavaConfig,
    FlavaForPreTraining,
    FlavaModel,
    ViTConfig,
    ViTForImageClassification,
)

from lanistr.errors import ConfigError, WeightsError
from lanistr.methods.build import build

SIZE = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
}
RECIPE = {"hidden": 16, "layers": 2, "heads": 2, "intermediate": 24, "dropout": 0.3}


@pytest.fixture
def bert(tmp_path, spec) -> tuple[Path, BertForMaskedLM]:
    torch.manual_seed(11)
    sizes = BertConfig(vocab_size=spec.vocab_size, max_position_embeddings=32, **SIZE)
    model = BertForMaskedLM(sizes)
    model.save_pretrained(tmp_path / "bert")
    return tmp_path / "bert", model


@pytest.fixture
def vit(tmp_path, spec) -> tuple[Path, ViTForImageClassification]:
    torch.manual_seed(12)
    model = ViTForImageClassification(ViTConfig(image_size=spec.image_px, patch_size=4, **SIZE))
    model.save_pretrained(tmp_path / "vit")
    return tmp_path / "vit", model


@pytest.fixture
def text_from(experiment, spec):
    def make(source: Path | str, stage: str = "finetune", **changes):
        sizes = {**RECIPE, "pretrained": str(source), **changes}
        return build(experiment(stage, modalities=["text"], encoders={"text": sizes}), spec)

    return make


@pytest.fixture
def image_from(experiment, spec):
    def make(source: Path, stage: str = "finetune", **changes):
        sizes = {**RECIPE, "pretrained": str(source), "patch_px": 4, **changes}
        return build(experiment(stage, modalities=["image"], encoders={"image": sizes}), spec)

    return make


@pytest.fixture
def fusion_from(experiment, spec):
    def make(source: Path):
        settings = {**RECIPE, "pretrained": str(source)}
        return build(experiment("finetune", modalities=["text"], fusion=settings), spec)

    return make


def test_bert_comes_from_a_folder_with_the_dropout_of_the_recipe(bert, text_from):
    folder, saved = bert
    model = text_from(folder)
    loaded = model.encoders["text"].bert
    for name, value in saved.bert.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    assert loaded.embeddings.dropout.p == 0.3
    assert loaded.training and loaded.dtype == torch.float32


@pytest.mark.parametrize("stage", ["finetune", "pretrain"])
def test_vit_comes_from_a_folder_and_only_pretraining_adds_a_mask_token(vit, image_from, stage):
    folder, saved = vit
    loaded = image_from(folder, stage).encoders["image"].vit
    for name, value in saved.vit.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    assert (loaded.embeddings.mask_token is not None) == (stage == "pretrain")


def test_a_half_precision_folder_gives_a_float32_model(bert, text_from):
    folder, saved = bert
    saved.half().save_pretrained(folder)
    assert text_from(folder).encoders["text"].bert.dtype == torch.float32


def flava_config() -> FlavaConfig:
    part = dict(SIZE)
    return FlavaConfig(
        text_config=part,
        image_config={**part, "image_size": 16, "patch_size": 8},
        multimodal_config=part,
        image_codebook_config={"hidden_size": 4, "vocab_size": 8},
        hidden_size=16,
        projection_dim=16,
        init_codebook=False,
    )


def test_the_fusion_comes_from_a_flava_folder(tmp_path, fusion_from):
    torch.manual_seed(13)
    flava = FlavaForPreTraining(flava_config())
    flava.save_pretrained(tmp_path / "flava")
    loaded = fusion_from(tmp_path / "flava").fusion.transformer.state_dict()
    saved = flava.flava.multimodal_model.state_dict()
    assert loaded.keys() == {name for name in saved if not name.startswith("pooler")}
    assert all(torch.equal(loaded[name], saved[name]) for name in loaded)


def test_a_flava_folder_that_the_library_would_leave_random_is_refused(tmp_path, fusion_from):
    FlavaModel(flava_config()).save_pretrained(tmp_path / "flava")
    with pytest.raises(WeightsError, match=r"fusion\.pretrained.*\n.*missing"):
        fusion_from(tmp_path / "flava")


def test_a_missing_folder_says_which_and_what_to_do(text_from):
    with pytest.raises(WeightsError, match=r"encoders\.text\.pretrained: there is no folder \./no"):
        text_from("./no/such/folder")


def test_a_missing_file_is_named(bert, text_from):
    folder, _ = bert
    (folder / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"encoders\.text\.pretrained.*model\.safetensors"):
        text_from(folder)


def test_a_truncated_file_is_refused(bert, text_from):
    file = bert[0] / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="could not be loaded"):
        text_from(bert[0])


def test_other_sizes_name_what_was_found_and_expected(bert, text_from):
    with pytest.raises(WeightsError, match=r"num_hidden_layers: found 2, expected 3"):
        text_from(bert[0], layers=3)


def test_another_vocabulary_is_refused(bert, text_from):
    settings = json.loads((bert[0] / "config.json").read_text())
    (bert[0] / "config.json").write_text(json.dumps({**settings, "vocab_size": 60}))
    with pytest.raises(WeightsError, match=r"vocab_size: found 60, expected 50"):
        text_from(bert[0])


def test_texts_longer_than_the_positions_are_refused(bert, experiment, spec):
    sizes = {**RECIPE, "pretrained": str(bert[0])}
    with pytest.raises(ConfigError, match=r"up to 40 tokens.*takes 32"):
        build(
            experiment(modalities=["text"], encoders={"text": sizes}), replace(spec, max_tokens=40)
        )


def test_another_image_size_is_refused(vit, experiment, spec):
    sizes = {**RECIPE, "pretrained": str(vit[0]), "patch_px": 4}
    with pytest.raises(WeightsError, match=r"image_size: found 16, expected 32"):
        build(
            experiment(modalities=["image"], encoders={"image": sizes}), replace(spec, image_px=32)
        )


def test_a_tensor_of_another_shape_than_the_config_says_is_named(bert, text_from):
    file = bert[0] / "model.safetensors"
    tensors = load_file(file)
    name = "bert.embeddings.position_embeddings.weight"
    save_file({**tensors, name: tensors[name][:20].clone()}, file, {"format": "pt"})
    with pytest.raises(
        WeightsError, match=r"position_embeddings\.weight: found \(20, 16\), expected \(32, 16\)"
    ):
        text_from(bert[0])


def test_a_missing_tensor_is_named(vit, image_from):
    file = vit[0] / "model.safetensors"
    tensors = load_file(file)
    del tensors["vit.layernorm.weight"]
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(WeightsError, match=r"layernorm\.weight: missing"):
        image_from(vit[0])


def test_weights_of_another_architecture_are_refused(vit, tmp_path, text_from):
    shutil.copytree(vit[0], tmp_path / "other")
    with pytest.raises(WeightsError, match=r"encoders\.text\.pretrained"):
        text_from(tmp_path / "other")


def test_a_checkpoint_of_other_sizes_names_tensor_and_shapes(experiment, spec):
    small = build(experiment("pretrain"), spec)
    size = {"hidden": 8, "layers": 2, "heads": 2, "intermediate": 24}
    model = build(experiment("finetune", encoders={"timeseries": size}), spec)
    with pytest.raises(
        WeightsError, match=r"encoders\.timeseries\.position: found \(10, 12\), expected \(10, 8\)"
    ):
        model.load_pretrained_part(small.state_dict())


def test_a_checkpoint_without_a_modality_is_refused_and_with_more_is_not(experiment, spec):
    text = build(experiment("pretrain", modalities=["text"]), spec).state_dict()
    both = build(experiment("pretrain", modalities=["text", "image"]), spec).state_dict()
    build(experiment("finetune", modalities=["text"]), spec).load_pretrained_part(both)
    model = build(experiment("finetune", modalities=["text", "image"]), spec)
    with pytest.raises(WeightsError, match=r"encoders\.image\..*: missing\n(.*\n)+  and \d+ more"):
        model.load_pretrained_part(text)
