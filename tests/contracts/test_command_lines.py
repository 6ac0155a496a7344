"""Every command answers, says what its options are, and is what the outside world relies on."""

import re
import sys
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

import lanistr.__main__
import preprocessing.__main__
from commandline import Made, command_line

LINES = {"lanistr": lanistr.__main__, "preprocessing": preprocessing.__main__}
COMMANDS = [(package, name) for package, line in LINES.items() for name in line.STEPS]
CONTRACT = {
    "preprocessing": "mimic-cohort mimic-timeseries mimic-images mimic-notes mimic-tabular "
    "mimic-samples mimic-manifest mimic-text-sources amazon-fetch amazon-reviews amazon-text "
    "amazon-tabular amazon-images amazon-samples amazon-manifest generate-mimic generate-amazon "
    "switches gates audit-leakage audit-selection audit-missingness merge-leakage",
    "lanistr": "cache train export predict embed nearest evaluate table trace cost parameters "
    "presence shapley removal audit-vocabulary leakage-page missingness-page figures report",
}
"""Names that stay, whatever becomes of the code."""


def options(package, name):
    """The options of a command, by their first name."""
    app = typer.main.get_command(LINES[package].app)
    context = app.make_context(package, [name, "--help"], resilient_parsing=True)
    command = app.resolve_command(context, [name])[1]
    return {option.opts[0]: option for option in command.params}


@pytest.mark.parametrize(("package", "name"), COMMANDS)
def test_a_command_says_what_each_option_is(package, name):
    for option, found in options(package, name).items():
        assert found.help, option
        # A phrase that stands alone: it begins as a sentence does, or with the name of a file.
        assert not re.match(r"[a-z]+(?![\w./=<])|(Of|That|In|With|For|By)\b", found.help), (
            found.help
        )


@pytest.mark.parametrize(("package", "name"), COMMANDS)
def test_a_command_helps(package, name):
    told = CliRunner().invoke(LINES[package].app, [name, "--help"])
    assert told.exit_code == 0, told.output
    assert LINES[package].STEPS[name][1].split()[0] in told.output


@pytest.mark.parametrize("package", LINES)
def test_names_stay(package):
    assert set(CONTRACT[package].split()) <= set(LINES[package].STEPS)


def make_factor(base: int = 2, amount: int = 0) -> int:
    """A maker that shares an option with the step."""
    return base + amount


def tell(
    amount: Annotated[int, typer.Option()],
    factor: Annotated[int, Made(make_factor)],
    doubled: bool = False,
) -> str:
    """A step with a parameter that is made of options."""
    return str(amount * factor * (1 + doubled))


def test_a_parameter_can_be_made_of_options(monkeypatch):
    monkeypatch.setitem(sys.modules, "told", sys.modules[__name__])
    app = command_line({"tell": ("told:tell", "Tell")}, "Words")
    told = CliRunner().invoke(app, ["tell", "--amount", "3", "--base", "4", "--doubled"])
    assert told.output.strip() == str(3 * (4 + 3) * 2)


def test_the_version_is_told():
    told = CliRunner().invoke(lanistr.__main__.app, ["--version"])
    assert re.fullmatch(r"lanistr \d+\.\d+\.\d+\S*\n", told.output)


def test_a_file_that_an_earlier_step_left_out_is_told_in_one_message(tmp_path, monkeypatch, capsys):
    links = tmp_path / "links.parquet"
    outputs = [f"--{name}={tmp_path / name}" for name in ("output", "facts", "ledger", "sightings")]
    words = [f"--links={links}", f"--images={tmp_path}", "--px=32", *outputs]
    monkeypatch.setattr(sys, "argv", ["preprocessing", "amazon-images", *words])
    assert preprocessing.__main__.main() == 1
    assert f"error: {links}: there is no such file. " in capsys.readouterr().err
