"""The positive control: rows on which pretraining must help; docs/control.md says why."""

ARMS = ["all", "placebo", "text", "image", "timeseries", "apart"]


register(
    "control",
    data=[],
    extra=[f"control/{arm}" for arm in ARMS],
    missing=lambda *wanted: [],
    keys="control",
    page="docs/control.md",
    tables=lambda data: parts_of_rows(data, ["text", "image", "timeseries"]),
    modalities=["text", "image", "timeseries"],
    tasks=["positive"],
)


rule control_rows:
    output:
        rows=results("interim/control/{arm}/rows.parquet"),
        series=results("interim/control/{arm}/series.parquet"),
        description=results("interim/control/{arm}/rows.yaml"),
        truth=results("interim/control/{arm}/classes.parquet"),
        pictures=directory(results("interim/control/{arm}/pictures")),
    log:
        results("logs/control_{arm}_rows.log"),
    wildcard_constraints:
        arm="|".join(ARMS),
    params:
        folder=subpath(output.rows, parent=True),
        counts=options(**config["control"]),
        source=source_digest("synthetic.control"),
    message:
        "Generating the control {wildcards.arm}"
    shell:
        "python -m preprocessing generate-control --arm {wildcards.arm:q} {params.counts:q}"
        " --output-dir {params.folder:q} > {log:q} 2>&1"


rule control_effects:
    input:
        table=results("tables/control.csv"),
    output:
        effects=results("control/control.json"),
    log:
        results("logs/control_effects.log"),
    params:
        source=source_digest("lanistr.evaluation.effects"),
    message:
        "Telling what pretraining and its parts gain on the control"
    shell:
        "python -m lanistr effects --table {input.table:q} --output {output.effects:q} > {log:q} 2>&1"
