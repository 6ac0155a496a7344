"""Own rows to shards: read and checked in one step, encoded in another."""

import json

OWN_ROWS = config.get("rows", {})


def own_folder():
    """The folder of the configuration that describes the rows; their root is relative to it."""
    files = [
        path
        for path in map(Path, workflow.configfiles)
        if "rows" in told_once(read_mapping, path)
    ]
    return files[-1].parent if files else Path()


def own_files():
    """Every file of rows and of their series."""
    named = [
        OWN_ROWS.get("source", []),
        OWN_ROWS.get("unlabeled", []),
        OWN_ROWS.get("series", {}).get("source", []),
    ]
    return [
        str(own_folder() / OWN_ROWS.get("root", "") / name)
        for names in named
        for name in ([names] if isinstance(names, str) else names)
    ]


def missing_own(*_):
    """Every file of rows that is named and not there."""
    return [path for path in own_files() if not Path(path).exists()]


def own_raw(wildcards):
    """Input function: the files of the rows; checks all sources when first needed."""
    refuse_missing("rows")
    return list(map(given, own_files()))


def own_modalities():
    """The modalities that the columns of the rows make up."""
    columns = OWN_ROWS.get("columns", {}).values()
    types = {
        column if isinstance(column, str) else column["type"] for column in columns
    }
    there = {
        "text": "text" in types,
        "image": "image" in types,
        "tabular": bool(types & {"category", "number", "date"}),
        "timeseries": "series" in OWN_ROWS,
    }
    return [name for name, has in there.items() if has]


def parts_of_rows(data, modalities):
    """The Parquet files of all tables of rows, one each."""
    tables = ["images" if name == "image" else name for name in modalities]
    return [
        file
        for name in (*tables, "samples")
        for file in parts(f"shards/{data}/{name}", 1)
    ]


register(
    "rows",
    data=["rows"] if OWN_ROWS else [],
    missing=missing_own,
    keys="rows.root, rows.source",
    page="docs/own-data.md",
    tables=lambda data: parts_of_rows(data, own_modalities()),
    modalities=own_modalities(),
    tasks=[*OWN_ROWS.get("tasks", {})],
    subgroups=OWN_ROWS.get("subgroups", []),
    optional=True,
)


rule rows_read:
    input:
        files=own_raw,
    output:
        rows=results("interim/rows/rows.parquet"),
        contents=results("interim/rows/contents.json"),
        sightings=results("interim/rows/pictures.json"),
        ledger=results("ledger/rows_read.json"),
    log:
        results("logs/rows_read.log"),
    params:
        # A function: Snakemake would look for wildcards in a text.
        description=lambda wildcards: json.dumps(
            {"size": config.get("size", "tiny"), "rows": OWN_ROWS}
        ),
        base=own_folder(),
        raw_contents=contents(own_raw),
        pictures=pictures_of("rows/pictures", step="rows_read"),
        source=source_digest("preprocessing.datasets.rows.canonical"),
    message:
        "Reading and checking the rows"
    shell:
        "python -m preprocessing rows-read --description {params.description:q} --base {params.base:q}"
        " --sightings {output.sightings:q}"
        " --output {output.rows:q} --contents {output.contents:q} --ledger {output.ledger:q}"
        " > {log:q} 2>&1"


rule rows_shards:
    input:
        rows=rules.rows_read.output.rows,
        contents=rules.rows_read.output.contents,
    output:
        manifest=results("shards/rows/manifest.json"),
        parts=parts_of_rows("rows", own_modalities()),
        ledger=results("ledger/rows_shards.json"),
    log:
        results("logs/rows_shards.log"),
    benchmark:
        results("benchmarks/rows_shards.tsv")
    threads: ENGINE["threads"]
    params:
        folder=subpath(output.manifest, parent=True),
        scale=config["scale"],
        source=source_digest("preprocessing.datasets.rows.shards"),
    message:
        "Encoding the rows"
    shell:
        "python -m preprocessing rows-shards --rows {input.rows:q} --contents {input.contents:q}"
        " --scale {params.scale:q} --output-dir {params.folder:q} --ledger {output.ledger:q}"
        " --threads {threads:q} > {log:q} 2>&1"


# Data that a step of their own writes as rows with a description, such as those of a challenge.
DESCRIBED = r"physionet2012|control/[a-z]+"


rule described_read:
    input:
        rows=results("interim/{data}/rows.parquet"),
        series=results("interim/{data}/series.parquet"),
        description=results("interim/{data}/rows.yaml"),
    output:
        rows=results("interim/{data}/canonical.parquet"),
        contents=results("interim/{data}/contents.json"),
        ledger=results("ledger/{data}_read.json"),
    log:
        results("logs/{data}_read.log"),
    wildcard_constraints:
        data=DESCRIBED,
    params:
        source=source_digest("preprocessing.datasets.rows.canonical"),
    message:
        "Reading and checking the rows of {wildcards.data}"
    shell:
        "python -m preprocessing rows-read --description {input.description:q}"
        " --output {output.rows:q} --contents {output.contents:q} --ledger {output.ledger:q}"
        " > {log:q} 2>&1"


rule control_shards:
    input:
        rows=rules.described_read.output.rows,
        contents=rules.described_read.output.contents,
    output:
        manifest=results("shards/{data}/manifest.json"),
        parts=parts_of_rows("{data}", ["text", "image", "timeseries"]),
        ledger=results("ledger/{data}_shards.json"),
    log:
        results("logs/{data}_shards.log"),
    wildcard_constraints:
        data=r"control/[a-z]+",
    params:
        folder=subpath(output.manifest, parent=True),
        scale=config["scale"],
        source=source_digest("preprocessing.datasets.rows.shards"),
    message:
        "Writing the shards of {wildcards.data}"
    shell:
        "python -m preprocessing rows-shards --rows {input.rows:q} --contents {input.contents:q}"
        " --dataset {wildcards.data:q} --scale {params.scale:q} --output-dir {params.folder:q}"
        " --ledger {output.ledger:q} > {log:q} 2>&1"


use rule control_shards as physionet2012_shards with:
    output:
        manifest=results("shards/{data}/manifest.json"),
        parts=parts_of_rows("{data}", ["tabular", "timeseries"]),
        ledger=results("ledger/{data}_shards.json"),
    wildcard_constraints:
        data="physionet2012",
