"""Who may import whom, and that a command line answers without loading torch."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "duckdb", "sklearn", "pandera", "snakemake"}


def test_import_contracts_hold(repository):
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()"],
        cwd=repository,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("package", ["preprocessing", "lanistr"])
def test_command_lines_start_without_heavy_libraries(package):
    code = f"import sys, {package}.__main__; print(*sorted({HEAVY!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
