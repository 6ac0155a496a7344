"""One named switch for each quirk of the reference extraction, and the two profiles made of them.

Source: shared/docs/timeseries-reference.md, whose rules (2.x) and quirks (Qn) are quoted.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typer import Option

from commandline import Made
from preprocessing.errors import ConfigError


def _quirk(meaning: str, *, corrected: str, faithful: str) -> Any:
    return Field(corrected, description=meaning, json_schema_extra={"faithful": faithful})


class Switches(BaseModel):
    """What is in force; the defaults are the profile `corrected`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # The cohort.
    repeated_stays: Literal["twice", "once"] = _quirk(
        "A stay that icustays lists twice, word for word, counts as two stays, so that its "
        "admission is dropped (2.1.3) | is read once.",
        corrected="once",
        faithful="twice",
    )
    reversed_stays: Literal["keep", "drop"] = _quirk(
        "A stay whose outtime is before its intime is kept (its los decides) | is dropped.",
        corrected="drop",
        faithful="keep",
    )
    selection: Literal["transfers_first", "single_first"] = _quirk(
        "Stays with a change of unit are dropped before admissions with several stays, so that "
        "some of those survive (2.1.3) | after.",
        corrected="single_first",
        faithful="transfers_first",
    )
    age: Literal["anchor", "admission"] = _quirk(
        "anchor_age as it is (2.1.4) | plus the years from anchor_year to admission.",
        corrected="admission",
        faithful="anchor",
    )
    label: Literal["death_dates", "expire_flag"] = _quirk(
        "Died if dod (a date, read as midnight) or deathtime lies within the admission (2.1.5) | "
        "hospital_expire_flag.",
        corrected="expire_flag",
        faithful="death_dates",
    )
    stay_length: Literal["los", "times"] = _quirk(
        "The length of the stay is the column los | outtime minus intime.",
        corrected="times",
        faithful="los",
    )
    # Which stays have a time series.
    diagnosis: Literal["required", "ignored"] = _quirk(
        "A stay whose admission has no billed diagnosis of d_icd_diagnoses is dropped (2.4.9) | "
        "is kept: diagnoses are billed after discharge.",
        corrected="ignored",
        faithful="required",
    )
    early_deaths: Literal["keep", "drop"] = _quirk(
        "A patient who died before hour 48 is kept, because only the length of stay is looked "
        "at (2.5) | is dropped: there is nothing left to predict.",
        corrected="drop",
        faithful="keep",
    )
    # Which rows belong to a stay.
    lab_link: Literal["admission", "subject_and_time"] = _quirk(
        "A laboratory row needs the hadm_id of the admission (2.3) | belongs to the stay of its "
        "patient in whose first 48 hours it was drawn, hadm_id or not.",
        corrected="subject_and_time",
        faithful="admission",
    )
    window: Literal["shared", "own_stay"] = _quirk(
        "A stay takes rows of other stays and admissions that fall into it (2.4.7) | only its own.",
        corrected="own_stay",
        faithful="shared",
    )
    boundary: Literal["closed", "half_open"] = _quirk(
        "Hour k is (k, k+1], and hours 0.0 and 48.0 count (2.5, 2.6) | [k, k+1), without 48.0.",
        corrected="half_open",
        faithful="closed",
    )
    horizon: Literal["charttime", "storetime"] = _quirk(
        "A value counts if it was taken before hour 48 | if clinicians could also read it by "
        "then; a row without storetime is then dropped. Off in both profiles.",
        corrected="charttime",
        faithful="charttime",
    )
    # Which values count, and in which unit.
    item_labels: Literal["believed", "left_out", "refused"] = _quirk(
        "An item counts by its number, whatever d_items or d_labitems call it | one whose label, "
        "fluid or unit there is another than in items.tsv is left out | stops the run.",
        corrected="refused",
        faithful="believed",
    )
    redacted: Literal["lost", "valuenum"] = _quirk(
        "A value that is hidden as '___' is lost | is read from valuenum, where that has it.",
        corrected="valuenum",
        faithful="lost",
    )
    nulls: Literal["pandas", "empty"] = _quirk(
        "Text such as NA, n/a, null is a missing value, as in pandas 1.x (2.4.1) | empty alone is.",
        corrected="empty",
        faithful="pandas",
    )
    fluids: Literal["any", "blood"] = _quirk(
        "pH and glucose of urine and other fluids are merged with those of blood (Q6) | left out.",
        corrected="blood",
        faithful="any",
    )
    refill: Literal["unmapped", "metavision"] = _quirk(
        "Capillary refill has no item in MIMIC-IV (Q10) | has 223951 and 224308 where d_items "
        "says so, with their texts.",
        corrected="metavision",
        faithful="unmapped",
    )
    value_types: Literal["by_file", "text"] = _quirk(
        "Values are text, but numbers where a patient's file, or 131,072 rows of it, has nothing "
        "else: then HR, RR and MBP have a numeric maximum and 2.4.4 wants no digits (2.4.3) | are "
        "text, whatever else was charted. Without effect but for duplicates=text_maximum and "
        "numbers=digits.",
        corrected="text",
        faithful="by_file",
    )
    numbers: Literal["digits", "any"] = _quirk(
        "Glucose, pH and saturation must be plain digits, so that ' 110' and '1e2' are lost "
        "(2.4.4) | any finite number counts.",
        corrected="any",
        faithful="digits",
    )
    temperature: Literal["guess", "item"] = _quirk(
        "79 and above is taken for Fahrenheit (Q3) | the item tells the unit.",
        corrected="item",
        faithful="guess",
    )
    height: Literal["stored", "item"] = _quirk(
        "Inches stay inches (Q9) | are converted to cm by item.",
        corrected="item",
        faithful="stored",
    )
    fio2: Literal["always_percent", "fraction"] = _quirk(
        "Inspired oxygen is always divided by 100, even 0.4 (Q4) | only if above 1.",
        corrected="fraction",
        faithful="always_percent",
    )
    saturation: Literal["guess", "percent"] = _quirk(
        "A saturation of at most 1 is taken for a fraction (2.4.4) | all are per cent.",
        corrected="percent",
        faithful="guess",
    )
    valid_ranges: Literal["none", "physiologic"] = _quirk(
        "Every number counts, 999999 too (2.4.4) | only within the limits of variables.tsv.",
        corrected="physiologic",
        faithful="none",
    )
    gcs_categories: Literal["verbatim", "merged"] = _quirk(
        "'To Pain' and '2 To pain' are two categories (Q11) | texts of one score are one.",
        corrected="merged",
        faithful="verbatim",
    )
    gcs_total: Literal["item", "sum"] = _quirk(
        "The total has an item that MIMIC-IV lacks (Q10) | is summed where eye, verbal and motor "
        "were charted at one time.",
        corrected="sum",
        faithful="item",
    )
    gcs_intubated: Literal["one", "missing", "normal"] = _quirk(
        "In that sum an intubated verbal score is one, as its valuenum says, with the verbal "
        "column still telling of the tube | makes the total missing | makes it 15, as "
        "mimic-code does. Without effect where the total is not summed.",
        corrected="one",
        faithful="one",
    )
    duplicates: Literal["text_maximum", "numeric_maximum", "preferred_item"] = _quirk(
        "Of several values at one time the largest counts, HR, RR, MBP and GCS compared as text: "
        "'9' above '24' (Q5) | the largest number | the item that items.tsv prefers (arterial "
        "line before cuff, monitor before ventilator, laboratory before finger stick), and of "
        "several values of one item the middle one, of two the lower.",
        corrected="preferred_item",
        faithful="text_maximum",
    )
    # What is written.
    imputation: Literal["zero", "previous"] = _quirk(
        "What is stored where nothing was observed: zero | the last value, or a normal one "
        "before the first (2.6).",
        corrected="zero",
        faithful="zero",
    )
    statistics: Literal["reference_shifted", "reference", "train"] = _quirk(
        "Means and deviations of the reference's normalizer.csv, which include sentinels (Q2), "
        "FiO2 and pH left out by the shifted header (Q1) | the same on the twelve right columns "
        "| of the training split, observed hours, after cleaning.",
        corrected="train",
        faithful="reference_shifted",
    )

    @model_validator(mode="after")
    def _horizon_needs_a_stay(self) -> Self:
        if self.horizon == "storetime" and self.window == "shared":
            raise ValueError("horizon=storetime needs window=own_stay: hour 48 is that of one stay")
        return self


PROFILES = {
    "faithful": Switches(
        **{
            name: field.json_schema_extra["faithful"]  # type: ignore[index]
            for name, field in Switches.model_fields.items()
        }
    ),
    "corrected": Switches(),
}
FAITHFUL, CORRECTED = PROFILES["faithful"], PROFILES["corrected"]


def switches_of(profile: str, overrides: Mapping[str, str] | None = None) -> Switches:
    """The switches of a profile, some of them turned.

    Raises:
        ConfigError: an unknown profile, switch or value.

    >>> switches_of("faithful", {"imputation": "previous"}).imputation
    'previous'
    """
    if profile not in PROFILES:
        raise ConfigError(f"profile={profile!r} is unknown. Allowed: {', '.join(PROFILES)}.")
    try:
        return Switches(**{**PROFILES[profile].model_dump(), **(overrides or {})})
    except ValidationError as error:
        problems = [
            f"  {e['loc'][0]}={e['input']!r}: {e['msg']}" if e["loc"] else f"  {e['msg']}"
            for e in error.errors()
        ]
        raise ConfigError(
            "\n".join(["switches that do not exist as given:", *problems])
            + "\n`python -m preprocessing switches` lists them all."
        ) from None


def parse_overrides(options: Iterable[str]) -> dict[str, str]:
    """From `name=value`, as given on the command line.

    >>> parse_overrides(["age=anchor"])
    {'age': 'anchor'}
    """
    pairs = [option.partition("=") for option in options]
    broken = [name for name, equals, _ in pairs if not equals]
    if broken:
        raise ConfigError(f"--switch {', '.join(broken)}: expected name=value, such as age=anchor.")
    return {name: value for name, _, value in pairs}


Profile = Annotated[str, Option("--profile", help="Set of switches: corrected or faithful")]


def chosen_switches(
    profile: Profile = "corrected",
    switch: Annotated[
        list[str] | None,
        Option(help="Switch of its own, as name=value; the subcommand switches lists them"),
    ] = None,
) -> Switches:
    """The switches of a profile, those turned that are named as `name=value`.

    Raises:
        ConfigError: an unknown profile, switch or value.
    """
    return switches_of(profile, parse_overrides(switch or ()))


ChosenSwitches = Annotated[Switches, Made(chosen_switches)]
"""On the command line, the options of `chosen_switches`."""


def table() -> str:
    """Every switch with its values in both profiles and its meaning, as Markdown."""
    rows = ["| switch | faithful | corrected | meaning |", "|---|---|---|---|"]
    for name, field in Switches.model_fields.items():
        meaning = (field.description or "").replace("|", "/")
        values = [getattr(profile, name) for profile in (FAITHFUL, CORRECTED)]
        rows.append(f"| {name} | {values[0]} | {values[1]} | {meaning} |")
    return "\n".join(rows)
