"""From rows to arrays: what is not observed, never seen in training, or of another size."""

import io
import logging

import numpy as np
import polars as pl
import pytest
from PIL import Image

from lanistr.data.cache import open_cache
from lanistr.errors import DataContractError
from lanistr.inference.encode import fitted, grid
from lanistr.inference.predictor import Predictor
from tests.lanistr.new_rows import exported
from tests.lanistr.review_shards import BEAUTY
from tests.lanistr.shards import HOURS, VALUES


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


def test_a_picture_of_the_shards_stays_as_it_is():
    square = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(square).save(file, "JPEG", quality=95)
    stored = np.asarray(Image.open(io.BytesIO(file.getvalue())))
    assert np.array_equal(fitted(file.getvalue(), 32, 3), stored)
