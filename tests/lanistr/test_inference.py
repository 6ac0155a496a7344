"""An exported model asked about new rows: the same answers as about its cached test split."""

import io
import json
import logging

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from lanistr.__main__ import app
from lanistr.data.cache import build_cache, open_cache
from lanistr.data.processor import copy_processor
from lanistr.errors import ConfigError, DataContractError, WeightsError
from lanistr.experiments.architecture import Encoders
from lanistr.experiments.config import Modality
from lanistr.inference.encode import fitted, grid
from lanistr.inference.export import export
from lanistr.inference.files import embed_rows, predict_rows
from lanistr.inference.neighbours import neighbours
from lanistr.inference.predictor import Predictor
from lanistr.inference.rows import read_table
from lanistr.methods.build import build
from lanistr.methods.lanistr.model import LANISTR
from lanistr.methods.latefusion.model import LateFusion
from lanistr.training import checkpoint
from lanistr.training.predict import predict
from tests.lanistr.review_shards import write_reviews
from tests.lanistr.shards import ENCODERS, HOURS, TINY, VALUES, experiment, write_shards

WORDS = {**TINY, "max_tokens": 48, "vocab_size": 90}
REVIEWS = Encoders.model_validate({**ENCODERS, "text": WORDS})
COLUMNS = ["product", "reviewer", "verified", "year", "votes", "time"]
BEAUTY = {
    "dataset": "amazon/All_Beauty",
    "classes": 5,
    "modalities": ["text", "image", "tabular"],
    "encoders": REVIEWS.model_dump(),
}


@pytest.fixture(scope="module")
def stays(tmp_path_factory):
    """A folder with a cache of stays, and its test split as new rows."""
    folder = tmp_path_factory.mktemp("stays")
    shards = write_shards(folder / "shards")
    build_cache(shards.manifest, Encoders.model_validate(ENCODERS), folder / "cache", threads=1)
    tables = shards.tables
    samples = tables["samples"].filter(stage="finetune", split="test").sort("sample_id")
    rows = (
        samples.join(tables["notes"].select("note_id", "text"), on="note_id", how="left")
        .join(tables["images"].select("dicom_id", image="jpeg"), on="dicom_id", how="left")
        .join(tables["timeseries"].drop("subject_id", "split", "label"), on="stay_id", how="left")
        .sort("sample_id")
        .select("sample_id", "text", "image", "observed", timeseries="values")
    )
    return folder, rows


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """A folder with a cache of reviews, and its test split as new rows."""
    folder = tmp_path_factory.mktemp("reviews")
    tables = write_reviews(folder / "shards")["All_Beauty"]
    build_cache(
        folder / "shards/manifest.json", REVIEWS, folder / "cache", 1, category="All_Beauty"
    )
    rows = (
        tables["samples"]
        .filter(split="test")
        .join(tables["images"].rename({"jpeg": "image"}), on="image_id", how="left")
        .join(tables["text"].select("sample_id", "text"), on="sample_id")
        .join(tables["tabular"].select("sample_id", *COLUMNS), on="sample_id")
        .sort("sample_id")
        .select("sample_id", "text", "image", *COLUMNS)
    )
    return folder, rows


def exported(folder, to, **settings):
    """A run with random weights, exported; returns the run's folder and the model's."""
    made, cache = experiment(**settings), open_cache(folder / "cache")
    torch.manual_seed(6)
    model = build(made, cache.spec)
    identity = checkpoint.run_identity(made, 0, cache.digest, [])
    weights = checkpoint.detached(model.state_dict())
    checkpoint.write_checkpoint(to / "run/checkpoint.safetensors", weights, identity)
    export(to / "run", folder / "cache", to / "model")
    return to / "run", to / "model"


def predicted(folder, run):
    """What the run says of the cached test split."""
    predict(run, folder / "cache", run / "p.parquet", device="cpu", threads=1)
    return pl.read_parquet(run / "p.parquet")


@pytest.mark.parametrize("method", ["lanistr", "latefusion"])
def test_new_stays_get_the_probabilities_of_the_cached_ones(stays, tmp_path, method):
    folder, rows = stays
    run, model = exported(folder, tmp_path, method=method, optim={"epochs": 1, "batch_size": 5})
    known, new = predicted(folder, run), Predictor.from_pretrained(model).predict(rows)
    assert new.columns == ["sample_id", "modalities", "survived", "died"]
    assert new["sample_id"].to_list() == known["sample_id"].to_list()
    assert set(new["modalities"]) >= {"timeseries", "text+image+timeseries"}
    asked = new.select("survived", "died").to_numpy()
    np.testing.assert_allclose(asked, known["probabilities"].to_numpy(), atol=1e-7)
    assert np.ptp(asked[:, 1]) > 1e-4


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"method": "latefusion"},
        {"modalities": ["text", "image"], "data": {"columns_as_text": True}},
    ],
    ids=["lanistr", "latefusion", "tab2txt"],
)
def test_new_reviews_get_the_probabilities_of_the_cached_ones(reviews, tmp_path, settings):
    folder, rows = reviews
    run, model = exported(folder, tmp_path, **{**BEAUTY, **settings})
    known, new = predicted(folder, run), Predictor.from_pretrained(model).predict(rows)
    stars = ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"]
    assert new.columns == ["sample_id", "modalities", *stars]
    asked = new.select(stars).to_numpy()
    np.testing.assert_allclose(asked, known["probabilities"].to_numpy(), atol=1e-7)
    assert np.ptp(asked, axis=0).max() > 1e-4


def test_a_csv_with_paths_gives_what_the_parquet_with_bytes_gives(reviews, tmp_path):
    folder, rows = reviews
    _, model = exported(folder, tmp_path, **BEAUTY)
    paths = []
    for number, jpeg in enumerate(rows["image"]):
        paths.append(jpeg and str(tmp_path / f"{number}.jpg"))
        if jpeg:
            (tmp_path / f"{number}.jpg").write_bytes(jpeg)
    # As pandas writes it: True and False, and floats where a column has gaps.
    written = rows.with_columns(
        pl.Series("image", paths),
        pl.col("verified").replace_strict({True: "True", False: "False"}),
        pl.col("votes").cast(pl.Float64),
    )
    written.write_csv(tmp_path / "rows.csv")
    rows.write_parquet(tmp_path / "rows.parquet")
    answers = []
    for name in ("rows.csv", "rows.parquet"):
        predict_rows(str(model), tmp_path / name, tmp_path / f"of_{name}", device="cpu")
        answers.append(read_table(tmp_path / f"of_{name}"))
    assert answers[0].columns == answers[1].columns
    for one, other in zip(*answers, strict=True):
        assert one.to_list() == pytest.approx(other.to_list()) if one.dtype.is_float() else True


def test_mappings_with_arrays_and_only_what_there_is(stays, tmp_path):
    folder, rows = stays
    _, model = exported(folder, tmp_path)
    predictor = Predictor.from_pretrained(model)
    row = rows.row(0, named=True)
    array = np.asarray(row["timeseries"]).reshape(HOURS, VALUES)
    series = {"timeseries": array, "observed": np.asarray(row["observed"]).reshape(HOURS, -1)}
    new = predictor.predict([series, {"text": "lungs clear"}])
    assert new["modalities"].to_list() == ["timeseries", "text"]
    alone = predictor.predict(rows[:1].select("timeseries", "observed"))
    assert new["died"][0] == pytest.approx(alone["died"][0], abs=1e-7)


def test_what_is_not_observed_does_not_matter(stays, tmp_path):
    folder, rows = stays
    _, model = exported(folder, tmp_path)
    predictor = Predictor.from_pretrained(model)
    variable_of_value = open_cache(folder / "cache").spec.variable_of_value
    observed = grid(rows["observed"], HOURS, 17)[:, :, variable_of_value] == 1
    values = np.where(observed, grid(rows["timeseries"], HOURS, VALUES), np.nan)
    spoiled = rows.with_columns(timeseries=pl.Series(values.reshape(len(rows), -1)))
    assert predictor.predict(spoiled).equals(predictor.predict(rows))
    values[0][observed[0]] = np.nan
    spoiled = rows.with_columns(timeseries=pl.Series(values.reshape(len(rows), -1)))
    with pytest.raises(DataContractError, match=r"1 time series have .* such as row 0"):
        predictor.predict(spoiled)


def test_many_rows_are_read_in_parts(stays, tmp_path, monkeypatch):
    folder, rows = stays
    _, model = exported(folder, tmp_path)
    predictor = Predictor.from_pretrained(model)
    whole = predictor.predict(rows)
    monkeypatch.setattr("lanistr.inference.predictor.ROWS_AT_ONCE", 5)
    parts = predictor.predict(rows)
    assert parts.drop("died", "survived").equals(whole.drop("died", "survived"))
    np.testing.assert_allclose(parts["died"], whole["died"], atol=1e-6)


def test_rows_without_anything_are_refused(stays, tmp_path):
    folder, rows = stays
    _, model = exported(folder, tmp_path)
    predictor = Predictor.from_pretrained(model)
    nothing = {"text": " ", "image": None}
    with pytest.raises(DataContractError, match=r"rows: 2 have none of text, .* such as row 1 "):
        predictor.predict([{"text": "edema"}, nothing, nothing])
    with pytest.raises(DataContractError, match=r"rows: \d+ have none of image"):
        predictor.embed(rows, [Modality.IMAGE])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"text": ["a"], "age": [3]}, r"unknown columns \['age'\].*sample_id.*, observed"),
        ({"timeseries": [[1.0]]}, r"missing columns \['observed'\]"),
        ({"sample_id": [1]}, r"unknown columns \[\], missing columns \[\]"),
        ({"text": [3]}, r"text is of type Int64, allowed is String"),
        ({"timeseries": [[1.0]], "observed": [[1]]}, r"has lists of \[1\] values, .*2832"),
        ({"timeseries": ["a"], "observed": [[1]]}, r"timeseries has lists of String values"),
        ({"image": ["/nowhere/patient.jpg"]}, r"image of row 0 .* \(FileNotFoundError\)"),
        ({"image": [b"no image"]}, r"image of row 0 .* \(UnidentifiedImageError\)"),
    ],
)
def test_what_the_model_cannot_read_is_refused(stays, tmp_path, table, message):
    _, model = exported(stays[0], tmp_path)
    with pytest.raises(DataContractError, match=message) as caught:
        Predictor.from_pretrained(model).predict(pl.DataFrame(table))
    assert "patient" not in str(caught.value)


def test_columns_of_a_table_are_all_there_and_of_their_type(reviews, tmp_path):
    folder, rows = reviews
    _, model = exported(folder, tmp_path / "a", **BEAUTY)
    predictor = Predictor.from_pretrained(model)
    with pytest.raises(DataContractError, match=r"missing columns \['year'\]"):
        predictor.predict(rows.drop("year"))
    with pytest.raises(DataContractError, match=r"another type than in training, votes: String"):
        predictor.predict(rows.with_columns(votes=pl.lit("many")))
    tab2txt = {"modalities": ["text"], "data": {"columns_as_text": True}}
    _, model = exported(folder, tmp_path / "b", **{**BEAUTY, **tab2txt})
    with pytest.raises(DataContractError, match=r"verified: String"):
        told = rows.drop("image").with_columns(verified=pl.lit("certainly"))
        Predictor.from_pretrained(model).predict(told)


def test_unseen_values_take_the_slot_of_unseen_ones_and_are_counted(reviews, tmp_path, caplog):
    folder, rows = reviews
    _, model = exported(folder, tmp_path, **BEAUTY)
    predictor = Predictor.from_pretrained(model)
    caplog.set_level(logging.INFO)
    odd = rows.with_columns(
        reviewer=pl.lit("A999"), year=pl.lit(1999), product=pl.lit(None, pl.String)
    )
    some = predictor.read(odd)
    cache = predictor.encoder.cache(some)
    names = list(cache.spec.category_names)
    assert (cache.categories[:, names.index("reviewer")] == 1).all()
    assert (cache.categories[:, names.index("year")] == 1).all()
    assert (cache.categories[:, names.index("product")] == 0).all()
    text = "\n".join(caplog.messages)
    assert f"reviewer: {len(rows)} values were never seen in training" in text
    assert "product:" not in text and "A999" not in text
    assert f"{len(rows)} rows: text in {len(rows)}" in text


def test_images_of_any_size_are_fitted_as_for_the_shards(tmp_path):
    from preprocessing.images import grey_square

    grey = np.add.outer(np.arange(300), np.arange(500)) % 256
    Image.fromarray(grey.astype(np.uint8)).save(tmp_path / "big.jpg", quality=95)
    ours = fitted(str(tmp_path / "big.jpg"), 32, "L")
    theirs = np.asarray(Image.open(io.BytesIO(grey_square(tmp_path / "big.jpg", 32).jpeg)))
    assert ours.shape == (32, 32)
    assert np.abs(ours.astype(int) - theirs).max() <= 12  # theirs is a JPEG once more
    square = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(square).save(file, "PNG")
    assert np.array_equal(fitted(file.getvalue(), 32, "RGB"), square)


def test_a_regression_gives_numbers(stays, tmp_path):
    folder, rows = stays
    torch.manual_seed(2)
    model = build(experiment(task="regression"), open_cache(folder / "cache").spec)
    model.save_pretrained(tmp_path)
    copy_processor(folder / "cache", tmp_path)
    new = Predictor.from_pretrained(tmp_path).predict(rows)
    assert new.columns == ["sample_id", "modalities", "prediction"]
    assert new["prediction"].n_unique() > 5 and new["prediction"].min() < 0


def test_any_modality_finds_any_other(stays, tmp_path):
    folder, rows = stays
    _, model = exported(folder, tmp_path, stage="pretrain")
    rows = rows.filter(pl.col("text").is_not_null() & pl.col("image").is_not_null())
    rows.write_parquet(tmp_path / "rows.parquet")
    for name in ("text", "image"):
        output = tmp_path / f"{name}.parquet"
        embed_rows(str(model), tmp_path / "rows.parquet", output, [Modality(name)], device="cpu")
    embedded = pl.read_parquet(tmp_path / "text.parquet")
    assert embedded["modalities"].unique().to_list() == ["text"]
    lengths = np.linalg.norm(embedded["embedding"].to_numpy(), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)
    found = neighbours(tmp_path / "text.parquet", tmp_path / "text.parquet", 1)
    assert found["query"].to_list() == found["neighbour"].to_list() == rows["sample_id"].to_list()
    across = neighbours(tmp_path / "text.parquet", tmp_path / "image.parquet", 99)
    assert across.height == len(rows) ** 2 and across["rank"].max() == len(rows)
    assert set(across["neighbour"]) == set(rows["sample_id"])
    with pytest.raises(ConfigError, match="was only pretrained"):
        Predictor.from_pretrained(model).predict(rows)
    with pytest.raises(DataContractError, match="not a file of `python -m lanistr embed`"):
        neighbours(tmp_path / "rows.parquet", tmp_path / "text.parquet", 1)


def test_only_lanistr_embeds_and_a_late_fusion_says_what_it_is(stays, tmp_path):
    folder, rows = stays
    _, model = exported(folder, tmp_path, method="latefusion")
    with pytest.raises(ConfigError, match="is a LateFusion; only LANISTR embeds"):
        Predictor.from_pretrained(model).embed(rows)
    assert isinstance(LateFusion.from_pretrained(model), LateFusion)
    with pytest.raises(WeightsError, match=r"holds a LateFusion.*Use LateFusion\.from_pretrained"):
        LANISTR.from_pretrained(model)


def test_an_exported_folder_needs_nothing_else_and_holds_no_pickle(reviews, tmp_path):
    _, model = exported(reviews[0], tmp_path, **BEAUTY)
    assert sorted(path.name for path in model.iterdir()) == [
        *("config.json", "identifiers.parquet", "model.safetensors", "processor.json"),
        *("tokenizer.json", "tokenizer_config.json"),
    ]
    settings = json.loads((model / "processor.json").read_text())
    assert settings["image"]["px"] == 16
    assert settings["columns"]["numeric"]["votes"] == {"mean": 9.0, "std": 4.0}
    assert settings["provenance"]["digest"] == "00112233445566ff"
    (model / "processor.json").unlink()
    with pytest.raises(DataContractError, match=r"processor\.json is not there"):
        Predictor.from_pretrained(model)


def test_the_command_line(stays, tmp_path):
    folder, rows = stays
    run, model = exported(folder, tmp_path)
    rows.write_parquet(tmp_path / "rows.parquet")

    def call(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output

    call("export", "--run", run, "--cache", folder / "cache", "--output-dir", tmp_path / "again")
    same = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("model", "again")]
    assert same[0] == same[1]
    new = ["--model", model, "--rows", tmp_path / "rows.parquet", "--device", "cpu"]
    call("predict", *new, "--output", tmp_path / "answers.csv")
    assert pl.read_csv(tmp_path / "answers.csv").columns[-1] == "died"
    call("embed", *new, "--modality", "timeseries", "--output", tmp_path / "e.parquet")
    call(
        *("nearest", "--queries", tmp_path / "e.parquet", "--gallery", tmp_path / "e.parquet"),
        *("--count", 2, "--output", tmp_path / "n.csv"),
    )
    assert pl.read_csv(tmp_path / "n.csv").height == 2 * len(rows)
    with pytest.raises(ConfigError, match="give --run and --cache"):
        call("predict", "--run", run, "--output", tmp_path / "x.parquet")
    with pytest.raises(DataContractError, match=r"ending '\.csv', allowed are \['\.parquet'\]"):
        call("embed", *new, "--output", tmp_path / "e.csv")
