"""The hidden severity drives mortality, and each modality shows it, weakly and by itself."""

import numpy as np
import polars as pl
import pytest
from PIL import Image

from synthetic.model import NOISE, SLOPE, mortality, severity_given_outcome, stream


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1])


def test_severity_drives_mortality_and_nothing_else_does():
    rng = np.random.default_rng(0)
    z = rng.standard_normal(200_000)
    risk = mortality(z, np.ones(len(z), dtype=bool))
    assert 0.12 < risk.mean() < 0.15
    assert SLOPE > 2
    assert mortality(np.zeros(1), np.zeros(1, dtype=bool)) < 0.001


def test_modalities_are_weak_and_independent_given_severity(dump):
    truth = dump.truth
    rest = {name: (truth[f"z_{name}"] - truth["z"]).to_numpy() for name in NOISE}
    for name, noise in NOISE.items():
        assert rest[name].std() == pytest.approx(noise, rel=0.12)
        assert abs(correlation(rest[name], truth["z"].to_numpy())) < 0.12
        for other in NOISE:
            if other != name:
                assert abs(correlation(rest[name], rest[other])) < 0.12


def test_time_series_show_their_severity(dump):
    chart = dump.numbers("icu/chartevents").filter(pl.col("valuenum").is_between(1, 300))
    truth = dump.truth.drop_nulls("stay_id").with_columns(pl.col("stay_id").cast(pl.Int64))
    for itemid, least in ((220045, 0.3), (220210, 0.3), (220277, -0.3), (220739, -0.2)):
        median = chart.filter(pl.col("itemid") == itemid).group_by("stay_id")
        both = median.agg(pl.col("valuenum").mean()).join(truth, on="stay_id")
        found = correlation(both["valuenum"].to_numpy(), both["z_timeseries"].to_numpy())
        assert found * np.sign(least) > abs(least), itemid
        # Given z, the monitor knows nothing of what the image and the text see.
        for other in ("z_image", "z_text"):
            rest = (both[other] - both["z"]).to_numpy()
            assert abs(correlation(both["valuenum"].to_numpy(), rest)) < 0.2


def test_reports_show_their_severity(dump):
    notes = dump.numbers("note/radiology").drop_nulls("hadm_id")
    truth = dump.truth.unique("hadm_id").with_columns(pl.col("hadm_id").cast(pl.Int64))
    notes = notes.join(truth.drop("subject_id"), on="hadm_id")
    bad = notes["text"].str.count_matches(r"(?i)severe|large|dense|worsen|progress|increased|edema")
    good = notes["text"].str.count_matches(r"(?i)clear|normal|no |unremarkable|within")
    score = (bad.cast(int) - good.cast(int)).to_numpy()
    assert correlation(score, notes["z_text"].to_numpy()) > 0.5
    # No phrase gives the outcome away: each sentence occurs for those who live, too.
    sentence = pl.col("text").str.extract_all(r"[A-Z][^.]+\.")
    sentences = notes.select("died", sentence).explode("text")
    often = sentences.group_by("text").agg(pl.len(), pl.col("died").mean())
    assert often.filter(pl.col("len") >= 15)["died"].max() < 0.8


def test_reports_never_state_the_outcome(dump):
    words = r"(?i)\b(expired|deceased|died|death|dead|pronounced|passed away|comfort)"
    assert not dump.read("note/radiology")["text"].str.contains(words).any()


def test_summaries_of_the_dead_say_so(dump):
    notes = dump.read("note/discharge").join(
        dump.read("hosp/admissions").select("hadm_id", "hospital_expire_flag"), on="hadm_id"
    )
    says = notes["text"].str.contains("Discharge Disposition:\nExpired", literal=True)
    assert (says == (notes["hospital_expire_flag"] == "1")).all()
    assert notes["charttime"].str.ends_with("00:00:00").all()
    assert (notes["storetime"] < notes["charttime"]).sum() >= 1


def test_radiographs_show_their_severity(dump):
    metadata = dump.read("mimic-cxr-2.0.0-metadata").filter(pl.col("ViewPosition") != "LATERAL")
    truth = dump.truth.unique("subject_id", keep="none").with_columns(
        pl.col("subject_id").cast(pl.String)
    )
    paths, density, seen = dump.radiographs(), [], []
    for dicom, severity in (
        metadata.join(truth, on="subject_id").select("dicom_id", "z_image").iter_rows()
    ):
        try:
            image = np.asarray(Image.open(paths[dicom]).resize((32, 32)), dtype=float)
        except (OSError, KeyError):
            continue
        # The bases of both lungs against the rest of the picture.
        density.append(image[17:21, [7, 8, 9, 10, 22, 23, 24, 25]].mean() - image.mean())
        seen.append(severity)
    assert len(seen) > 80
    assert correlation(np.array(density), np.array(seen)) > 0.35


def test_severity_given_the_outcome_has_the_distribution_of_the_model():
    rng = np.random.default_rng(0)
    in_icu = np.ones(40_000, dtype=bool)
    z = rng.standard_normal(len(in_icu))
    died = rng.random(len(z)) < mortality(z, in_icu)
    again = severity_given_outcome(stream(5, "test"), died, in_icu)
    for outcome in (True, False):
        rows = died == outcome
        assert again[rows].mean() == pytest.approx(z[rows].mean(), abs=0.03)
        assert again[rows].std() == pytest.approx(z[rows].std(), abs=0.03)
