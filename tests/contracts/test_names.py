"""lanistr knows data sets by their cards alone."""

import pytest


@pytest.mark.parametrize("name", ["mimic", "amazon"])
def test_no_module_names_a_data_set(repository, name):
    files = sorted((repository / "lanistr").rglob("*.py"))
    assert files
    named = [str(path) for path in files if name in path.read_text().lower()]
    assert not named, f"{named}: take what is known of {name} from the card or from config/"
