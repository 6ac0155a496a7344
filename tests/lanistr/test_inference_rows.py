"""Which rows are read, and which are refused."""

import numpy as np
import polars as pl
import pytest

from lanistr.errors import DataContractError
from lanistr.inference.predictor import Predictor
from lanistr.modality import Modality
from tests.lanistr.new_rows import exported
from tests.lanistr.review_shards import BEAUTY
from tests.lanistr.shards import HOURS, VALUES


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
        ({"text": ["a"], "age": [3]}, r"unknown columns, .*: \[2\];.*sample_id.*, observed"),
        ({"timeseries": [[1.0]]}, r"missing columns: \['observed'\]"),
        ({"sample_id": [1]}, r"unknown columns, .*: \[\]; missing columns: \[\]"),
        ({"text": [3]}, r"text is of type Int64, allowed is String"),
        ({"timeseries": [[1.0]], "observed": [[1]]}, r"has lists of \[1\] values, .*2832"),
        ({"timeseries": ["a"], "observed": [[1]]}, r"timeseries has lists of String values"),
        ({"image": ["patient.jpg"]}, r"image of row 0 .*: file missing on disk"),
        ({"image": ["a.jpg", "/patient.jpg"]}, r"1 paths of pictures lead out of .* row 1 "),
        ({"image": ["../patient.jpg", None]}, r"1 paths .* row 0 .*\. Give .* --pictures"),
        ({"image": [b"no image"]}, r"image of row 0 .*: not a picture file"),
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
    with pytest.raises(DataContractError, match=r"missing columns: \['year'\]"):
        predictor.predict(rows.drop("year"))
    with pytest.raises(DataContractError, match=r"another type than in training, votes: String"):
        predictor.predict(rows.with_columns(votes=pl.lit("many")))
    tab2txt = {"modalities": ["text"], "data": {"columns_as_text": True}}
    _, model = exported(folder, tmp_path / "b", **{**BEAUTY, **tab2txt})
    with pytest.raises(DataContractError, match=r"verified: String"):
        told = rows.drop("image").with_columns(verified=pl.lit("certainly"))
        Predictor.from_pretrained(model).predict(told)
