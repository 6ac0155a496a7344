"""Manifests of data sets and variants: preprocessing writes them, lanistr reads each as a whole."""

import json

import pytest

from lanistr.data.manifest import read_manifest
from lanistr.errors import ConfigError
from lanistr.modality import Modality
from preprocessing.datasets.mimic import manifest
from preprocessing.datasets.mimic.schemas import HOURS, VALUES, VARIABLES, Notes, Samples
from preprocessing.datasets.mimic.text_sources import write_variant
from tests.preprocessing.test_mimic_manifest import COUNTS, blank, made, tell

SERIES = {
    "hours": HOURS,
    "variable_names": [f"variable {n}" for n in range(VARIABLES)],
    "variable_of_value": [n % VARIABLES for n in range(VALUES)],
    "mean": [0.0] * VALUES,
    "std": [1.0] * VALUES,
}
TABULAR = {"identifiers": {}, "categorical": {"gender": ["a", "b", "F"]}, "numeric": {"age": {}}}


@pytest.fixture
def shards(tmp_path):
    """MIMIC with one text source beside it."""
    facts = made(tmp_path)
    facts["timeseries"] |= SERIES
    facts["tabular"] = TABULAR
    tell(tmp_path, facts)
    folder, told = tmp_path / "shards", tmp_path / "facts"
    manifest.write_manifest(folder, told, [], scale="smoke", output=folder / "manifest.json")
    (told / "discharge").mkdir()
    for table, schema in (("notes", Notes), ("samples", Samples)):
        (folder / "discharge" / table).mkdir(parents=True)
        blank(schema, 1).write_parquet(folder / "discharge" / table / "part-00000.parquet")
        entry = {"rows": 1, "source": "discharge", "leaky": True, "counts": COUNTS}
        (told / "discharge" / f"{table}.json").write_text(json.dumps(entry))
    write_variant(folder, told, "discharge", output=folder / "discharge/manifest.json")
    return folder


def test_a_variant_shares_tables_and_has_its_own(shards):
    whole = read_manifest(shards / "manifest.json")
    own = read_manifest(shards / "manifest.json", "discharge")
    assert (own.dataset, own.text_source, own.leaky_text) == ("mimic/discharge", "discharge", True)
    assert own.card == whole.card and own.timeseries == whole.timeseries
    for table in ("images", "timeseries", "tabular"):
        shared, here = whole.parts(table), own.parts(table)
        assert [path.resolve() for path in here] == [path.resolve() for path in shared]
    assert own.parts("notes") != whole.parts("notes")
    assert own.digest != whole.digest


def test_all_four_modalities_of_mimic_are_where_the_card_says(shards):
    told = read_manifest(shards / "manifest.json")
    assert set(told.card.modalities) == set(Modality)
    assert told.columns.sizes == {"gender": 3}
    # Demographics are no words: Tab2Txt is of the reviews.
    assert not told.has_described_texts


def test_another_variant_is_refused(shards):
    with pytest.raises(ConfigError, match=r"poems.*discharge"):
        read_manifest(shards / "manifest.json", "poems")
