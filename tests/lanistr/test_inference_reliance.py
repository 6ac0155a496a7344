"""What a model says beside its answers: how often fine-tuning saw such rows, and calibration."""

import json
import logging

import numpy as np
import pytest

from lanistr.data.cache import open_cache, pattern_names
from lanistr.data.selection import select
from lanistr.errors import DataContractError
from lanistr.evaluation.finetuned import FILE, RARE
from lanistr.evaluation.temperature import temper
from lanistr.inference.predictor import Predictor
from tests.lanistr.new_rows import exported
from tests.lanistr.shards import experiment

PROBABILITIES = ["survived", "died"]


@pytest.fixture(scope="module")
def model(stays, tmp_path_factory):
    return exported(stays[0], tmp_path_factory.mktemp("model"))[1]


def changed(model, to, **facts):
    """The model with other facts of its fine-tuning."""
    to.mkdir()
    for file in model.iterdir():
        (to / file.name).symlink_to(file)
    told = json.loads((model / FILE).read_text()) | facts
    (to / FILE).unlink()
    (to / FILE).write_text(json.dumps(told))
    return to


def test_the_folder_counts_the_patterns_of_the_training_samples(stays, model):
    told = json.loads((model / FILE).read_text())
    made = experiment()
    train = select(open_cache(stays[0] / "cache"), made, "train")
    names = pattern_names(train.records, made.modalities)
    assert told["patterns"] == {name: names.count(name) for name in set(names)}
    assert told["patterns"]["text+image+timeseries"] > 5 and "text" not in told["patterns"]
    assert told["temperature"]["value"] == 1
    assert told["temperature"]["why_kept"].startswith("12 validation samples, of which ")


def warnings(caplog):
    return [record.message for record in caplog.records if record.levelno == logging.WARNING]


def test_one_warning_names_each_pattern_that_training_hardly_saw(stays, model, tmp_path, caplog):
    whole = "text+image+timeseries"
    known = {whole: RARE - 1, "timeseries": RARE, "text+timeseries": RARE, "image+timeseries": 99}
    predictor = Predictor.from_pretrained(changed(model, tmp_path / "m", patterns=known))
    answers = predictor.predict(stays[1])
    expected = ["rarely" if name == whole else "often" for name in answers["modalities"]]
    assert answers["modalities_seen"].to_list() == expected and "often" in expected
    (warning,) = warnings(caplog)
    assert warning.splitlines()[1:] == [
        f"  {whole}: {expected.count('rarely')} rows, seen in {RARE - 1} samples"
    ]
    caplog.clear()
    answers = predictor.predict([{"text": "lungs clear"}, {"text": "small effusion"}])
    assert answers["modalities_seen"].to_list() == ["never", "never"]
    (warning,) = warnings(caplog)
    assert "  text: 2 rows, never seen" in warning and "clear" not in warning
    caplog.clear()
    often = changed(model, tmp_path / "often", patterns={**known, whole: RARE})
    Predictor.from_pretrained(often).predict(stays[1])
    assert not warnings(caplog)


def test_probabilities_are_under_the_temperature_unless_asked_raw(stays, model, tmp_path):
    warm = {"value": 3.0, "samples": 500, "why_kept": None}
    predictor = Predictor.from_pretrained(changed(model, tmp_path / "m", temperature=warm))
    cold = Predictor.from_pretrained(model).predict(stays[1])
    raw, told = (predictor.predict(stays[1], calibrated=flag) for flag in (False, True))
    assert raw.equals(cold)
    expected = temper(predictor.model.task, raw.select(PROBABILITIES).to_numpy(), 3.0)
    np.testing.assert_array_equal(told.select(PROBABILITIES).to_numpy(), expected)
    assert abs(expected - 0.5).max() < abs(raw.select(PROBABILITIES).to_numpy() - 0.5).max()
    assert told["prediction"].equals(raw["prediction"])


def test_a_folder_exported_before_answers_and_says_what_it_lacks(stays, model, tmp_path, caplog):
    for file in model.iterdir():
        if file.name != FILE:
            (tmp_path / file.name).symlink_to(file)
    answers = Predictor.from_pretrained(tmp_path).predict(stays[1])
    assert answers["modalities_seen"].to_list() == [None] * len(answers)
    (warning,) = warnings(caplog)
    assert "Export the run again" in warning
    now = Predictor.from_pretrained(model).predict(stays[1])
    assert answers.drop("modalities_seen").equals(now.drop("modalities_seen"))
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(DataContractError, match=r"finetuned\.json is not what"):
        Predictor.from_pretrained(tmp_path)
