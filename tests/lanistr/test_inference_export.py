"""The folder of an exported model."""

import json

import pytest

from lanistr.errors import DataContractError
from lanistr.inference.predictor import Predictor
from tests.lanistr.new_rows import exported
from tests.lanistr.review_shards import BEAUTY


def test_an_exported_folder_needs_nothing_else_and_holds_no_pickle(reviews, tmp_path):
    _, model = exported(reviews[0], tmp_path, **BEAUTY)
    assert sorted(path.name for path in model.iterdir()) == [
        *("config.json", "finetuned.json", "identifiers.parquet", "model.safetensors"),
        *("processor.json", "tokenizer.json", "tokenizer_config.json"),
    ]
    settings = json.loads((model / "processor.json").read_text())
    assert settings["image"]["px"] == 16
    assert settings["columns"]["numeric"]["votes"] == {"mean": 9.0, "std": 4.0}
    assert settings["provenance"]["digest"] == "00112233445566ff"
    (model / "processor.json").unlink()
    with pytest.raises(DataContractError, match=r"processor\.json is not there"):
        Predictor.from_pretrained(model)
