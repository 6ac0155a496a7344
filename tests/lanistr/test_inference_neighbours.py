"""Embeddings, and what is found by them."""

import numpy as np
import polars as pl
import pytest

from lanistr.errors import ConfigError, DataContractError, WeightsError
from lanistr.inference.files import embed_rows
from lanistr.inference.neighbours import neighbours
from lanistr.inference.predictor import Predictor
from lanistr.methods.lanistr.model import LANISTR
from lanistr.methods.latefusion.model import LateFusion
from lanistr.modality import Modality
from tests.lanistr.new_rows import exported


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
