"""Which extras are asked for, and by whom."""

import pytest

from lanistr.evaluation.status import missing_extra
from lanistr.experiments import methods


@pytest.fixture
def installed(monkeypatch):
    """The modules that are found; none until a test adds some."""
    found = {}

    def find(name):
        if "." in name and name.split(".")[0] not in found:
            raise ModuleNotFoundError(f"No module named {name.split('.')[0]!r}")
        return found.get(name)

    monkeypatch.setattr(methods, "find_spec", find)
    return found


@pytest.mark.parametrize("there", [[], ["autogluon"]])
def test_a_method_without_its_library_names_the_extra(installed, there):
    installed |= dict.fromkeys(there, "a spec")
    assert missing_extra({"method": "autogluon"}) == "autogluon"


def test_a_method_with_its_library_has_all_it_needs(installed):
    installed |= dict.fromkeys(["autogluon", "autogluon.multimodal"], "a spec")
    assert missing_extra({"method": "autogluon"}) is None


@pytest.mark.parametrize("entry", [{}, {"method": "lanistr"}, {"method": "medfuse"}])
def test_other_methods_need_no_extra(installed, entry):
    assert missing_extra(entry) is None
