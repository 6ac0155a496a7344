"""Shapley values and curves of removal, without torch, on answers made up by hand."""

import csv
import json
import subprocess
import sys
from dataclasses import asdict
from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from lanistr.analysis.answers import Answers, read_answers
from lanistr.analysis.games import shapley_values
from lanistr.analysis.patterns import by_pattern
from lanistr.analysis.removal import PERCENT, removal, without
from lanistr.analysis.shapley import shapley
from lanistr.errors import DataContractError
from lanistr.modality import Modality, sort_modalities, subset_names
from lanistr.task import Task
from tests.lanistr.made_predictions import MORTALITY, SIGNS, STARS, STAY
from tests.lanistr.shards import experiment

ALL = sort_modalities([Modality.TIMESERIES, Modality.IMAGE, Modality.TEXT])
NAMES = subset_names(ALL)
SAMPLES, RESAMPLES = 80, 60


def games(players: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((2**players, 5))


@pytest.mark.parametrize("players", [1, 2, 3, 4])
def test_the_shares_are_the_mean_gain_over_all_orders(players):
    worth = games(players)
    expected = np.zeros((players, 5))
    orders = list(permutations(range(players)))
    for order in orders:
        there = 0
        for player in order:
            expected[player] += worth[there | 1 << player] - worth[there]
            there |= 1 << player
    np.testing.assert_allclose(shapley_values(worth), expected / len(orders))


@pytest.mark.parametrize("players", [1, 2, 3, 4])
def test_the_shares_add_up(players):
    worth = games(players)
    np.testing.assert_allclose(shapley_values(worth).sum(axis=0), worth[-1] - worth[0])


def test_players_that_add_the_same_get_the_same():
    worth = games(3)
    worth[0b010], worth[0b110] = worth[0b001], worth[0b101]
    first, second, third = shapley_values(worth)
    np.testing.assert_allclose(first, second)
    assert not np.allclose(first, third)


def test_a_player_that_adds_nothing_gets_nothing_and_one_that_adds_a_constant_that():
    worth = games(3)
    worth[0b100:] = worth[:0b100]
    np.testing.assert_allclose(shapley_values(worth)[2], 0, atol=1e-15)
    worth[0b100:] = worth[:0b100] + 0.25
    np.testing.assert_allclose(shapley_values(worth)[2], 0.25)


def test_shares_of_a_sum_of_games_are_sums_of_shares():
    one, other = games(3, 1), games(3, 2)
    both = shapley_values(one + 2 * other)
    np.testing.assert_allclose(both, shapley_values(one) + 2 * shapley_values(other))


def made_up(folder: Path, seed: int = 0, image: float = 0.0, **settings) -> Path:
    """Answers of a model that adds up a hint per modality; two in three samples have a text."""
    rng = np.random.default_rng(5)
    label = (rng.random(SAMPLES) < 0.4).astype(np.int8)
    weight = {Modality.TEXT: 1.0, Modality.IMAGE: image, Modality.TIMESERIES: 2.0}
    has = {m: np.arange(SAMPLES) % 3 > 0 if m == Modality.TEXT else label >= 0 for m in ALL}
    hints = {m: has[m] * weight[m] * (label - 0.4 + rng.normal(size=SAMPLES)) for m in ALL}
    columns = {}
    for number, name in enumerate(NAMES):
        logit = sum(hints[m] for bit, m in enumerate(ALL) if number >> bit & 1) + np.zeros(SAMPLES)
        positive = 1 / (1 + np.exp(-(1 + seed / 9) * logit))
        columns[name] = pl.Series(np.stack([1 - positive, positive], axis=1), dtype=PAIR)
    table = pl.DataFrame(
        {
            "seed": [seed] * SAMPLES,
            "sample_id": np.arange(SAMPLES) + 500,
            "subject_id": np.arange(SAMPLES) // 2,
            "label": pl.Series(label[:, None], dtype=pl.Array(pl.Float32, 1)),
            "present": ["text+image+timeseries" if t else "image+timeseries" for t in has[ALL[0]]],
            **columns,
        }
    )
    made = experiment(modalities=list(ALL), **settings)
    path = folder / made.name / f"seed{seed}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "experiment": made.model_dump_json(),
        "task": json.dumps(asdict(MORTALITY)),
        "data": json.dumps({"scale": "smoke"}),
        "seen": json.dumps({"image+timeseries": 12, "text+image+timeseries": 90}),
    }
    table.sample(fraction=1, shuffle=True, seed=seed).write_parquet(path, metadata=about)
    return path


PAIR = pl.Array(pl.Float64, 2)


def attributed(folder: Path, files: list[Path]) -> tuple[list[dict], dict]:
    shapley(files, csv=folder / "s.csv", json=folder / "s.json", resamples=RESAMPLES)
    return list(csv.DictReader((folder / "s.csv").open())), json.loads(
        (folder / "s.json").read_text()
    )


def test_modalities_share_what_the_model_reaches(tmp_path):
    files = [made_up(tmp_path, seed) for seed in (0, 1)]
    rows, document = attributed(tmp_path, files)
    found = {row["modality"]: row for row in rows}
    assert list(found) == ["text", "image", "timeseries", "total"]
    subsets = document["experiments"][0]["subsets"]
    assert list(subsets) == NAMES
    assert subsets["none"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    values = {name: float(row["value"]) for name, row in found.items()}
    parts = [values[name] for name in ("text", "image", "timeseries")]
    assert sum(parts) == pytest.approx(values["total"])
    assert values["total"] == pytest.approx(subsets["text+image+timeseries"]["value"] - 0.5)
    assert values["image"] == 0 and values["timeseries"] > values["text"] > 0
    assert float(found["image"]["low"]) == float(found["image"]["high"]) == 0
    assert float(found["text"]["low"]) < values["text"] < float(found["text"]["high"])
    assert found["text"]["n_absent"] == "27" and found["image"]["n_absent"] == "0"
    assert {row["n_runs"] for row in rows} == {"2"} and rows[0]["n_subjects"] == "40"
    assert rows[0]["metric"] == "auroc" and rows[0]["scale"] == "smoke"


def test_experiments_are_told_apart(tmp_path):
    files = [made_up(tmp_path), made_up(tmp_path, image=3.0, name="other")]
    rows, _ = attributed(tmp_path, files)
    image = {row["experiment"]: float(row["value"]) for row in rows if row["modality"] == "image"}
    assert image["made-up-finetune"] == 0 and abs(image["other"]) > 1e-3


def test_one_class_alone_has_no_auroc(tmp_path):
    path = made_up(tmp_path)
    about = pl.read_parquet_metadata(path)
    kept = {name: about[name] for name in ("experiment", "task", "data", "seen")}
    pl.read_parquet(path).filter(pl.col("label").arr.first() == 0).write_parquet(
        path, metadata=kept
    )
    rows, document = attributed(tmp_path, [path])
    assert {row["value"] for row in rows} == {""}
    assert document["experiments"][0]["subsets"]["none"]["value"] is None


def test_removal_starts_at_everything_and_ends_at_nothing(tmp_path):
    files = [made_up(tmp_path, seed) for seed in (0, 1)]
    _, document = attributed(tmp_path, files)
    removal(files, csv=tmp_path / "r.csv", json=tmp_path / "r.json", resamples=RESAMPLES)
    points = json.loads((tmp_path / "r.json").read_text())["points"]
    assert len(points) == 4 * len(PERCENT) == len(list(csv.DictReader((tmp_path / "r.csv").open())))
    subsets = document["experiments"][0]["subsets"]
    by = {(p["modality"], p["percent_removed"]): p for p in points}
    for name in (*ALL, "every"):
        whole = {key: by[name, 0][key] for key in ("value", "low", "high")}
        assert whole == pytest.approx(subsets["text+image+timeseries"])
    assert by["every", 100]["value"] == 0.5
    assert by["text", 100]["value"] == pytest.approx(subsets["image+timeseries"]["value"])
    assert by["timeseries", 100]["value"] < by["timeseries", 0]["value"]
    assert by["text", 50]["n_removed"] == round(53 / 2) and by["text", 50]["n_present"] == 53


def test_patterns_are_measured_on_the_samples_that_have_them(tmp_path):
    files = [made_up(tmp_path, seed) for seed in (0, 1)]
    (answers,) = read_answers(files)
    found = {each["pattern"]: each for each in by_pattern(answers, RESAMPLES)}
    assert list(found) == NAMES[1:]
    assert {name: each["seen"] for name, each in found.items() if each["seen"] != "never"} == {
        "image+timeseries": "rarely",
        "text+image+timeseries": "often",
    }
    text = answers.has(Modality.TEXT)
    assert (found["text"]["n"], found["text"]["n_of_themselves"]) == (text.sum(), 0)
    assert found["timeseries"]["n"] == SAMPLES
    assert found["image+timeseries"]["n_of_themselves"] == SAMPLES - text.sum()
    for name in ("text", "text+image+timeseries"):
        label = answers.label[text, 0]
        chances = answers.answers[:, NAMES.index(name), text, 1]
        areas = [roc_auc_score(label, chance) for chance in chances]
        assert found[name]["value"] == pytest.approx(np.mean(areas))
        surprise = [log_loss(label, chance) for chance in chances]
        assert found[name]["nll"]["value"] == pytest.approx(np.mean(surprise))
    assert found["text"]["low"] < found["text"]["value"] < found["text"]["high"]
    removal(files, csv=tmp_path / "r.csv", json=tmp_path / "r.json", resamples=RESAMPLES)
    told = json.loads((tmp_path / "r.json").read_text())["patterns"]
    assert [each["pattern"] for each in told] == NAMES[1:] and told[0]["n_runs"] == 2


def test_numbers_have_no_likelihood(tmp_path):
    path = written(tmp_path, STAY, [[10.0], [30.0]], {"none": [[20.0]] * 2, "text": [[11.0]] * 2})
    (one,) = by_pattern(read_answers([path])[0], RESAMPLES)
    assert "nll" not in one and (one["value"], one["seen"]) == (10, "often")


def test_a_larger_share_removes_what_a_smaller_one_does(tmp_path):
    (answers,) = read_answers([made_up(tmp_path)])
    for modalities in ([Modality.TEXT], ALL):
        left = [without(answers, modalities, percent) for percent in PERCENT]
        assert np.array_equal(left[0], answers.present)
        assert all((less & more == less).all() for more, less in pairwise(left))
        assert all((less != more).any() for more, less in pairwise(left))
    assert (left[-1] == 0).all()
    text, image = (without(answers, [m], 50) for m in (Modality.TEXT, Modality.IMAGE))
    assert not np.array_equal(text != answers.present, image != answers.present)


def test_what_is_no_file_of_presence_is_refused(tmp_path):
    path = made_up(tmp_path)
    with pytest.raises(DataContractError, match=r"found seeds \(0, 0\); give each once"):
        read_answers([path, path])
    other = made_up(tmp_path, seed=1)
    about = pl.read_parquet_metadata(other)
    kept = {name: about[name] for name in ("experiment", "task", "data", "seen")}
    pl.read_parquet(other).with_columns(label=1 - pl.col("label")).write_parquet(
        other, metadata=kept
    )
    with pytest.raises(DataContractError, match="is of other samples than"):
        read_answers([path, other])
    pl.DataFrame({"a": [1]}).write_parquet(path)
    with pytest.raises(DataContractError, match="not a file of `python -m lanistr presence`"):
        read_answers([path])


def written(folder: Path, task: Task, label: list, answers: dict[str, list], seed: int = 0) -> Path:
    """Answers given by hand, of samples that have a text, each of its own subject."""
    made = experiment(modalities=["text"], task=task.name)
    kind = pl.Array(pl.Float64, task.outputs)
    pl.DataFrame(
        {
            "seed": [seed] * len(label),
            "sample_id": range(len(label)),
            "subject_id": range(len(label)),
            "label": pl.Series(label, dtype=pl.Array(pl.Float32, task.targets)),
            "present": ["text"] * len(label),
            **{name: pl.Series(values, dtype=kind) for name, values in answers.items()},
        }
    ).write_parquet(
        folder / "p.parquet",
        metadata={
            "experiment": made.model_dump_json(),
            "task": json.dumps(asdict(task)),
            "data": "{}",
            "seen": '{"text": 50}',
        },
    )
    return folder / "p.parquet"


def test_several_classes_are_compared_by_the_one_predicted(tmp_path):
    chances = [[0, 0.2, 0.5, 0.3, 0], [0, 0.6, 0.3, 0.1, 0]]
    path = written(tmp_path, STARS, [[2], [3]], {"none": [chances[1]] * 2, "text": chances})
    (answers,) = read_answers([path])
    assert isinstance(answers, Answers) and answers.metric.name == "accuracy"
    assert answers.performance(answers.present, np.ones((1, 2))).tolist() == [0.5]


def test_a_modality_that_takes_error_away_has_a_positive_share(tmp_path):
    answers = {"none": [[20.0], [20.0]], "text": [[11.0], [29.0]]}
    path = written(tmp_path, STAY, [[10.0], [30.0]], answers)
    rows, document = attributed(tmp_path, [path])
    subsets = document["experiments"][0]["subsets"]
    assert (subsets["none"]["value"], subsets["text"]["value"]) == (10, 1)  # hours of error
    assert {row["modality"]: float(row["value"]) for row in rows} == {"text": 9, "total": 9}
    assert {(row["metric"], row["unit"]) for row in rows} == {("mae", "hours")}
    removal([path], csv=tmp_path / "r.csv", json=tmp_path / "r.json", resamples=RESAMPLES)
    points = json.loads((tmp_path / "r.json").read_text())["points"]
    assert [p["value"] for p in points[:: len(PERCENT) - 1][:2]] == [1, 10]


def test_labels_that_are_not_known_count_for_nothing(tmp_path):
    nan = np.nan
    label = [[0.0, 1.0, nan], [1.0, 0.0, nan], [1.0, nan, 1.0], [0.0, 0.0, 0.0]]
    text = [[0.1, 0.9, 0.5], [0.9, 0.1, 0.5], [0.8, 0.5, 0.6], [0.2, 0.2, 0.4]]
    path = written(tmp_path, SIGNS, label, {"none": [[0.5] * 3] * 4, "text": text})
    (answers,) = read_answers([path])
    once = np.ones((1, 4))
    assert answers.performance(answers.present, once).tolist() == [1]
    assert answers.performance(0 * answers.present, once).tolist() == [0.5]


def test_an_interval_holds_the_luck_of_training(tmp_path):
    """Two runs of which one knows nothing: the mean of other seeds may be that of either."""
    label, none = [[0], [1]] * 20, [[0.5, 0.5]] * 40
    told = [[1.0 - each, each] for (each,) in label]
    paths = []
    for seed, text in enumerate((told, none)):
        (folder := tmp_path / str(seed)).mkdir()
        paths.append(written(folder, MORTALITY, label, {"none": none, "text": text}, seed))
    _, document = attributed(tmp_path, paths)
    every = document["experiments"][0]["subsets"]["text"]
    assert [every[name] for name in ("low", "value", "high")] == [0.5, 0.75, 1.0]


def test_what_comes_after_the_model_needs_no_torch():
    modules = "lanistr.analysis.shapley, lanistr.analysis.removal"
    code = f"import {modules}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
