"""MedFuse: each stage against its reference, with anything missing, and what it learns."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from lanistr.data.caching import build_cache
from lanistr.errors import ConfigError, WeightsError
from lanistr.evaluation.metrics import weighted_auroc
from lanistr.experiments.architecture import Encoders
from lanistr.experiments.recipes import load_experiment
from lanistr.methods.build import build, parameter_counts
from lanistr.methods.medfuse.model import carried_forward
from lanistr.methods.medfuse.resnet import ResNet, build_resnet
from lanistr.methods.medfuse.settings import ResNet as Settings
from lanistr.modality import Modality
from lanistr.training.run import train
from tests.lanistr import shards
from tests.lanistr.planted import shuffled

SIZES = {
    "image": {"blocks": [1, 1, 1, 1], "width": 4},
    "series_hidden": 12,
    "fusion_hidden": 20,
    "dropout": 0.0,
}
STAGES = {
    "findings": {"stage": "pretrain", "modalities": ["image"]},
    "series": {"stage": "finetune", "modalities": ["timeseries"]},
    "fusion": {"stage": "finetune", "modalities": ["image", "timeseries"]},
}
BOTH = "image timeseries"


@pytest.fixture
def spec(spec):
    return replace(spec, finding_names=("edema", "fracture", "pneumonia"))


@pytest.fixture
def make(experiment, spec):
    """The model of a stage, the same each time; keywords override its sizes."""

    def model(stage: str = "fusion", **sizes):
        torch.manual_seed(5)
        settings = experiment(method="medfuse", medfuse={**SIZES, **sizes}, **STAGES[stage])
        return build(settings, spec)

    return model


def statistics(model):
    return {name: value.clone() for name, value in model.named_buffers() if "running" in name}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_fusion_is_the_packed_lstm_and_each_length_alone(make):
    model = make()
    series, image = torch.randn(2, 5, 12)
    has_image = torch.tensor([True, False, True, False, False])
    fused = model.fused(series, image, torch.ones(5, dtype=torch.bool), has_image)
    steps = torch.stack([series, image], dim=1)
    packed = pack_padded_sequence(steps, 1 + has_image.long(), True, enforce_sorted=False)
    torch.testing.assert_close(fused, model.fusion(packed)[1][0][0])
    for row, length in enumerate(1 + has_image.long()):
        alone = model.fusion(steps[row : row + 1, :length])[1][0][0, 0]
        torch.testing.assert_close(fused[row], alone)


def test_a_stay_without_series_is_its_radiograph_alone(make, batch):
    model = make().eval()
    image = model.projection(model.encoders[Modality.IMAGE](samples := batch("image", BOTH, "")))
    alone = model.fusion(image[:1, None])[1][0][0]
    logits = model(samples)
    torch.testing.assert_close(logits[0], model.head(alone)[0])
    assert torch.equal(logits[2], model.head.bias)


def test_series_are_what_stacked_lstms_make_of_values_and_flags(make, batch, spec):
    encoder, samples = make("series").encoders[Modality.TIMESERIES], batch("timeseries", "text")
    values = carried_forward(samples.series, samples.observed[..., list(spec.variable_of_value)])
    states = torch.cat([values, samples.observed.float()], dim=-1)
    for layer in range(2):
        lstm = nn.LSTM(states.shape[-1], 12, batch_first=True)
        weights = encoder.lstm.state_dict()
        lstm.load_state_dict({k: weights[k.replace("l0", f"l{layer}")] for k in lstm.state_dict()})
        states, (last, _) = lstm(states)
    torch.testing.assert_close(encoder(samples)[0], last[0, 0])
    assert (encoder(samples)[1] == 0).all()


def test_values_are_carried_forward_as_one_by_one():
    values, observed = torch.randn(3, 6, 4), torch.rand(3, 6, 4) < 0.4
    expected = torch.zeros_like(values)
    for sample, hour, column in np.ndindex(values.shape):
        before = expected[sample, hour - 1, column] if hour else torch.tensor(0.0)
        seen = observed[sample, hour, column]
        expected[sample, hour, column] = values[sample, hour, column] if seen else before
    assert torch.equal(carried_forward(values, observed), expected)


@pytest.mark.parametrize("stage", STAGES)
def test_garbage_where_nothing_is_changes_nothing(stage, make, batch, assert_garbage_is_unseen):
    samples = replace(batch(BOTH, "timeseries", "image text", "text"), findings=torch.ones(4, 3))
    if stage == "findings":
        assert_garbage_is_unseen(
            make(stage), samples, lambda model, each: model(each, None)["findings"]
        )
    else:
        assert_garbage_is_unseen(make(stage), samples)


def test_a_missing_radiograph_never_enters_the_resnet(make, batch):
    entered = []
    model = make()
    model.encoders[Modality.IMAGE].resnet.register_forward_pre_hook(
        lambda _, inputs: entered.append(len(inputs[0]))
    )
    model(batch(BOTH, "timeseries", BOTH, "timeseries"))
    assert entered == [2]


@pytest.mark.parametrize("variant", ["skipped", "zeros"])
def test_official_zero_image_moves_the_statistics_and_nothing_else(variant, make, batch):
    samples = batch(BOTH, "timeseries", BOTH, "timeseries", BOTH)
    model, alone = make(missing_image=variant), make()
    before = statistics(model)
    assert torch.equal(model.eval()(samples), alone.eval()(samples))
    model.train()(samples)
    alone.train()(batch(BOTH, "timeseries", BOTH, "timeseries", BOTH))
    assert not same(statistics(model), before)
    assert same(statistics(model), statistics(alone)) == (variant == "skipped")
    if variant == "zeros":
        means = (statistics(each)["encoders.image.resnet.bn1.running_mean"] for each in
                 (model, alone))  # fmt: skip
        with_zeros, without = means
        torch.testing.assert_close(with_zeros, without * 3 / 5)  # zeros give zeros at conv1


@pytest.mark.parametrize("modalities", [("timeseries",), (BOTH,), ("timeseries",) * 3])
def test_a_batch_of_one_and_one_without_any_radiograph_can_be_learned(modalities, make, batch):
    model = make()
    before = statistics(model)
    samples = batch(*modalities)
    loss = nn.functional.cross_entropy(model(samples), samples.target[:, 0].long())
    loss.backward()
    assert loss.isfinite()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())
    assert all(value.isfinite().all() for value in statistics(model).values())
    if BOTH not in modalities:
        assert same(statistics(model), before)


def test_radiographs_without_labels_teach_nothing(make, batch):
    model = make("findings")
    samples = replace(batch("image", "image"), findings=torch.full((2, 3), -1))
    loss = model(samples, None)["findings"]
    loss.backward()
    assert loss == 0
    assert all((weight.grad == 0).all() for weight in model.parameters())


def test_fusion_starts_from_both_first_stages(make, experiment, spec):
    findings, series, fusion = (make(stage) for stage in STAGES)
    torch.manual_seed(6)
    other = build(experiment(method="medfuse", medfuse=SIZES, **STAGES["fusion"]), spec)
    weights = findings.state_dict() | series.state_dict()
    other.load_pretrained_part(weights)
    state = other.state_dict()
    assert all(torch.equal(state[k], v) for k, v in weights.items() if k.startswith("encoders."))
    assert not torch.equal(state["head.weight"], fusion.head.weight)
    with pytest.raises(WeightsError, match=r"encoders\.image\.resnet"):
        fusion.load_pretrained_part(series.state_dict())


def test_a_frozen_resnet_keeps_its_statistics(make, batch):
    model = make()
    model.freeze([Modality.IMAGE])
    before = statistics(model)
    model.train()(batch(BOTH, BOTH)).sum().backward()
    assert same(statistics(model), before)
    trained = {name for name, weight in model.named_parameters() if weight.grad is not None}
    assert not any(name.startswith("encoders.image") for name in trained) and trained


def planted(batch, spec, where: str, samples: int, seed: int):
    """Half of the stays have a radiograph; the label shows in `where`, or is shuffled."""
    made = batch(*[BOTH if n % 2 else "timeseries" for n in range(samples)], seed=seed)
    label = torch.from_numpy(np.random.default_rng(seed).integers(0, 2, samples))
    sign = 2.0 * label - 1
    made = replace(made, target=label[:, None].float())
    if where != "image":
        measured = made.observed[..., list(spec.variable_of_value)]
        made = replace(made, series=(made.series + sign[:, None, None]) * measured)
    if where != "series":
        made = replace(made, pixels=made.pixels + sign[:, None, None, None])
    if where == "shuffled":
        made = shuffled(made, seed)
    return replace(made, findings=made.target.long().expand(-1, 3))


@torch.no_grad()
def auroc_interval(model, stage, samples):
    """99 % interval of the AUROC over these samples."""
    model.eval()
    if stage == "findings":
        score = model.head(model.encoders[Modality.IMAGE](samples))[:, 0]
    else:
        score = model(samples).diff(dim=1)[:, 0]
    count = len(samples)
    weight = np.random.default_rng(0).multinomial(count, [1 / count] * count, 300)
    return np.quantile(
        weighted_auroc(samples.target[:, 0].numpy(), score.numpy(), weight), [0.005, 0.995]
    )


@pytest.mark.parametrize(
    ("stage", "where", "reached"),
    [
        ("findings", "image", 0.6),  # half of the samples have no radiograph to tell it
        ("series", "series", 0.9),
        ("fusion", "series", 0.9),
        ("fusion", "image", 0.6),
        *((stage, "shuffled", None) for stage in STAGES),
    ],
)
def test_each_stage_learns_what_the_label_shows_in(
    stage, where, reached, make, batch, spec, no_network
):
    learned, unseen = (planted(batch, spec, where, count, seed=count) for count in (64, 200))
    model, losses = make(stage), []
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(30):
        if stage == "findings":
            loss = model(learned, None)["findings"]
        else:
            loss = model.label_loss(model(learned), learned)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    interval = auroc_interval(model, stage, unseen)
    assert losses[-1] < losses[0]
    assert interval[0] > reached if reached else interval[0] < 0.5 < interval[1]


def test_resnet_is_torchvisions(tmp_path):
    from torchvision.models.resnet import BasicBlock
    from torchvision.models.resnet import ResNet as Reference

    torch.manual_seed(2)
    reference = Reference(BasicBlock, [1, 2, 1, 1], num_classes=3)
    torch.save(reference.state_dict(), tmp_path / "weights.pth")
    reference.fc = nn.Identity()
    blocks = (1, 2, 1, 1)
    ours = build_resnet(Settings(blocks=blocks, pretrained=str(tmp_path / "weights.pth")))
    assert ours.state_dict().keys() == reference.state_dict().keys()
    pixels = torch.randn(2, 3, 40, 40)
    for mode in (True, False):
        ours.train(mode), reference.train(mode)
        torch.testing.assert_close(ours(pixels), reference(pixels))
    assert same(statistics(ours), statistics(reference))
    with pytest.raises(WeightsError, match=r"medfuse\.image\.pretrained.*do not fit(?s:.*)missing"):
        build_resnet(Settings(pretrained=str(tmp_path / "weights.pth")))
    with pytest.raises(WeightsError, match="could not be read"):
        build_resnet(Settings(pretrained=str(tmp_path / "none.pth")))


def test_resnet_weights_come_from_a_folder_too(tmp_path):
    from safetensors.torch import save_file

    state = ResNet(Settings(blocks=(1, 1, 1, 1), width=4)).state_dict()
    save_file(state | {"fc.weight": torch.zeros(3, 32)}, tmp_path / "model.safetensors")
    settings = Settings(blocks=(1, 1, 1, 1), width=4, pretrained=str(tmp_path))
    assert same(state, build_resnet(settings).state_dict())


def test_a_saved_model_needs_its_first_weights_no_more(tmp_path, experiment, spec, batch):
    weights = tmp_path / "weights.pth"
    torch.save(ResNet(Settings(**SIZES["image"])).state_dict(), weights)
    sizes = {**SIZES, "image": {**SIZES["image"], "pretrained": str(weights)}}
    model = build(experiment(method="medfuse", medfuse=sizes, **STAGES["fusion"]), spec).eval()
    model.save_pretrained(tmp_path / "model")
    weights.unlink()
    again = type(model).from_pretrained(tmp_path / "model")
    samples = batch(BOTH, "timeseries")
    assert torch.equal(again(samples), model(samples))


def test_paper_size_has_medfuses_parameters(repository, spec):
    """0.87 M, 21.3 M and 23.9 M. Source: its code."""
    registry = repository / "config/experiments.yaml"
    recipe = repository / "config/recipes/mimic-paper.yaml"
    spec = replace(
        spec,
        series_values=59,
        series_variables=17,
        variable_of_value=(0,) * 59,
        finding_names=("finding",) * 14,
    )
    counts = {}
    for name in ("mimic-medfuse-ehr", "mimic-medfuse-cxr", "mimic-medfuse"):
        settings = load_experiment(registry, recipe, name)
        image = settings.medfuse.image.model_copy(update={"pretrained": None})
        sizes = settings.medfuse.model_copy(update={"image": image})
        with torch.device("meta"):
            model = build(settings.model_copy(update={"medfuse": sizes}), spec)
        counts[name] = sum(parameter_counts(model).values()) / 1e6
    assert [f"{count:.3g}" for count in counts.values()] == ["0.869", "21.3", "23.9"]


def stages(cache, folder, **settings):
    """Train the three stages and return their folders."""
    common = {"method": "medfuse", "medfuse": SIZES, "freeze": "none", **settings}
    runs, init = {}, []
    for name, stage in STAGES.items():
        first = tuple(runs) if name == "fusion" else ()
        made = shards.experiment(**{**stage, **common, "name": name, "init": first})
        init = [runs[each] / "checkpoint.safetensors" for each in first]
        runs[name] = folder / name
        train(made, 0, cache, runs[name], init=init, device="cpu", threads=1)
    return runs


def test_three_stages_train_from_a_cache(tmp_path, no_network):
    runs = stages(shards.write_cache(tmp_path), tmp_path / "runs")
    for folder in runs.values():
        assert "valid/loss" in (folder / "history.jsonl").read_text()
        assert (folder / "checkpoint.safetensors").is_file()


def test_findings_that_the_data_do_not_have_are_asked_for_before_training(tmp_path):
    manifest = shards.write_shards(tmp_path / "shards").manifest
    facts = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**facts, "image": {"px": shards.PX}}))
    encoders = Encoders.model_validate(shards.ENCODERS)
    build_cache(manifest, encoders, tmp_path / "cache", threads=1)
    with pytest.raises(ConfigError, match="holds no such findings"):
        stages(tmp_path / "cache", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
