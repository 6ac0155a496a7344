"""Bad inputs: refused with one clear message, counted, or read as they are meant; never a cell."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.faults.bad_input import ANY, BadInput
from tests.faults.cells import of_cells, of_values
from tests.faults.files import of_files
from tests.faults.judging import Bench, outcomes, told
from tests.faults.parquet import of_parquet
from tests.field.loaders import LOADERS


def bad_inputs() -> Iterator[BadInput]:
    """The cross product of loaders, their tables and what can be done to each."""
    for loader in LOADERS:
        for table in loader.tables:
            kinds = [of_files, of_values if table.is_json else of_cells]
            kinds += [of_parquet] if table.parquet else []
            for make in kinds:
                for change in make(table):
                    # A guess is a person's to read, and the next step's to hold to.
                    promise = change.promise | ANY if loader.guesses else change.promise
                    yield BadInput(loader, table, replace(change, promise=promise))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All of them take ten minutes of a core: the suite has every 61st."""
    if "bad" in metafunc.fixturenames:
        whole = metafunc.config.getoption("--faults", default=False)
        some = list(bad_inputs())[:: 1 if whole else 61]
        metafunc.parametrize("bad", some, ids=lambda bad: bad.name)


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


def test_the_promise_is_kept(
    bad: BadInput,
    bench: Bench,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    record_property,
) -> None:
    valid = bench.valid(bad.loader)
    if bad.change.meant:
        place = bench.place(bad.loader)
        bad.change.meant(place / bad.table.file)
        meant = bench.read(bad.loader, place)
        valid = valid if meant.message else meant
    place = bench.place(bad.loader)
    bad.change.apply(place / bad.table.file)
    caplog.clear()
    capfd.readouterr()
    made = bench.read(bad.loader, place, bad.table)
    said = [made.message or "", caplog.text, *capfd.readouterr(), *made.ledgers.values()]
    flaw = made.flaw or told("\n".join(said))
    seen = flaw or sorted(outcomes(made, valid, bad)) or "silence"
    promised = sorted(bad.change.promise)
    verdict = "ugly" if flaw else "right" if set(seen) & bad.change.promise else "wrong"
    record_property(
        "bad input",
        {
            "family": bad.change.family,
            "step": bad.loader.name,
            "table": bad.table.file,
            "input": bad.change.what,
            "promised": promised,
            "seen": seen,
            "verdict": verdict,
        },
    )
    assert verdict == "right", f"{bad.name}: promised {promised}, seen {seen}: {made.message}"
