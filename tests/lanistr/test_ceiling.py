"""The ideal reader: right laws, right stays, and no reader of the same modalities above it."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from lanistr.data.cache import SAMPLE
from lanistr.errors import DataContractError
from lanistr.evaluation.ceiling import ideal_auroc, read_truth, risk_given
from lanistr.evaluation.metrics import weighted_auroc
from lanistr.modality import Modality
from tests.lanistr.made_predictions import MORTALITY
from tests.lanistr.shards import experiment

NOISE = {"text": 1.2, "image": 1.0, "timeseries": 0.8, "tabular": 2.0}
N = 4000


@pytest.fixture(scope="module")
def visits():
    rng = np.random.default_rng(0)
    z = rng.standard_normal(N)
    risk = 1 / (1 + np.exp(2 - 3 * z))
    seen = {f"z_{name}": z + noise * rng.standard_normal(N) for name, noise in NOISE.items()}
    columns = {"stay_id": np.arange(N), "z": z, "p_mortality": risk, **seen}
    return pl.DataFrame(columns).with_columns(died=pl.Series(rng.random(N) < risk))


@pytest.fixture(scope="module")
def truth(visits, tmp_path_factory):
    path = tmp_path_factory.mktemp("truth") / "truth.parquet"
    visits.write_parquet(path)
    return read_truth(path)


@pytest.fixture
def cache(visits):
    """Every third sample lacks a text, every second is a test sample."""
    samples = np.zeros(N, SAMPLE)
    samples["sample_id"] = visits["stay_id"]
    samples["stage"], samples["split"] = 1, 2 * (np.arange(N) % 2)
    samples["labels_row"] = np.arange(N)
    samples["text_row"] = np.where(np.arange(N) % 3 == 0, -1, 0)
    died = visits["died"].to_numpy()[:, None]
    return SimpleNamespace(
        samples=samples,
        task_of=lambda experiment: MORTALITY,
        targets=lambda records, task: died[records["labels_row"]].astype(np.float32),
    )


def ideal(truth, cache, *modalities, require=()):
    made = experiment(modalities=modalities, data={"require": list(require)})
    return ideal_auroc(truth, cache, made)


def test_the_laws_are_read_off_the_draws(truth):
    assert (truth.intercept, truth.slope) == pytest.approx((-2, 3))
    assert [truth.noise[m] for m in NOISE] == pytest.approx(list(NOISE.values()), rel=0.05)


def test_more_modalities_tell_more_and_the_severity_most(truth, cache):
    one, known = ideal(truth, cache, Modality.TIMESERIES)
    text, _ = ideal(truth, cache, Modality.TEXT)
    both, same = ideal(truth, cache, Modality.TEXT, Modality.TIMESERIES)
    assert 0.5 < text < one < both < known == same < 1
    with_text, _ = ideal(truth, cache, Modality.TEXT, require=[Modality.TEXT])
    assert with_text > text  # nobody lacks it


def test_no_other_reader_of_the_same_is_better(truth, cache, visits):
    test = cache.samples["split"] == 2
    seen = {m: visits[f"z_{m}"].to_numpy()[test] for m in (Modality.IMAGE, Modality.TIMESERIES)}
    best, _ = ideal(truth, cache, *seen)
    once, label = np.ones((1, test.sum())), visits["died"].to_numpy()[test]
    for weight in np.linspace(0, 1, 11):
        score = weight * seen[Modality.IMAGE] + (1 - weight) * seen[Modality.TIMESERIES]
        assert weighted_auroc(label, score, once)[0] < best + 0.005


def test_the_risk_is_the_frequency_of_death(truth, visits):
    z = visits["z_timeseries"].to_numpy()
    risk = risk_given(truth, {Modality.TIMESERIES: (z, np.ones(N, bool))}, prior=(0, 1))
    died = visits["died"].to_numpy()
    for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1)):
        within = (risk > low) & (risk <= high)
        assert died[within].mean() == pytest.approx(risk[within].mean(), abs=0.05)


def test_stays_that_were_not_generated_are_refused(truth, cache):
    cache.samples["sample_id"][1] = 10**7
    with pytest.raises(DataContractError, match="1 of 2000 samples are not in"):
        ideal(truth, cache, Modality.TEXT)


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "other.parquet"
    pl.DataFrame({"stay_id": [1]}).write_parquet(path)
    with pytest.raises(DataContractError, match="is not the truth"):
        read_truth(path)
