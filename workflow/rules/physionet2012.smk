"""From the text files of PhysioNet 2012 to shards, which are those of any rows."""

PHYSIONET2012 = config.get("physionet2012", {}).get("root") or "data/physionet-2012"


def challenge_set(name):
    """The folder or archive of a set; the folder where there is none."""
    forms = [f"{PHYSIONET2012}/set-{name}{end}" for end in ("", ".tar.gz", ".zip")]
    return next((form for form in forms if Path(form).exists()), forms[0])


def challenge_files():
    sets = [challenge_set(name) for name in "ab"]
    return [*sets, *(f"{PHYSIONET2012}/Outcomes-{name}.txt" for name in "ab")]


register(
    "physionet2012",
    data=["physionet2012"],
    missing=lambda *wanted: [f for f in challenge_files() if not Path(f).exists()],
    keys="physionet2012.root",
    page="docs/physionet-2012.md",
    tables=lambda data: parts_of_rows(data, ["tabular", "timeseries"]),
    modalities=["tabular", "timeseries"],
    tasks=["in_hospital_mortality", "length_of_stay"],
    subgroups=["sex", "age", "icu_type"],
)


def challenge(wildcards):
    """Input function: the files of the challenge, all of which must be there."""
    refuse_missing("physionet2012")
    return list(map(given, challenge_files()))


rule physionet2012_rows:
    input:
        challenge,
    output:
        rows=results("interim/physionet2012/rows.parquet"),
        series=results("interim/physionet2012/series.parquet"),
        description=results("interim/physionet2012/rows.yaml"),
        ledger=results("ledger/physionet2012_rows.json"),
    log:
        results("logs/physionet2012_rows.log"),
    params:
        root=PHYSIONET2012,
        folder=subpath(output.rows, parent=True),
        raw_contents=contents(challenge),
        source=source_digest("preprocessing.datasets.physionet2012.stays"),
    message:
        "Reading the records of PhysioNet 2012"
    shell:
        "python -m preprocessing physionet2012-rows --root {params.root:q}"
        " --output-dir {params.folder:q} --ledger {output.ledger:q} > {log:q} 2>&1"
