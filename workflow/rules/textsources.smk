"""One model on three kinds of text, from the same stays: what a text is worth, and what leaks."""


def text_parts(table, source="{source}"):
    """The Parquet files of the notes or samples of a text source."""
    return parts(f"shards/mimic_text/{source}/{table}", MIMIC["parts"])


def raw_note(wildcards):
    """The table of a text source; those of all sources must be there."""
    refuse_missing("mimic", *TEXT_TABLES.values())
    return raw("notes", TEXT_TABLES[wildcards.source])(wildcards)


wildcard_constraints:
    source="|".join(TEXT_TABLES),


use rule mimic_notes as text_notes with:
    input:
        raw=raw_note,
        cohort=rules.mimic_cohort.output.cohort,
        lists=list(MIMIC["subject_lists"].values()),
    output:
        parts=text_parts("notes"),
        facts=results("interim/mimic_text/{source}/notes.json"),
        ledger=results("ledger/mimic_text_{source}_notes.json"),
    log:
        results("logs/mimic_text_{source}_notes.log"),
    benchmark:
        results("benchmarks/mimic_text_{source}_notes.tsv")
    params:
        root=raw_root("notes"),
        split=split_options,
        text_source="{source}",
        outputs=lambda wildcards, output: each("--output", output.parts),
        source=source_digest("preprocessing.datasets.mimic.notes"),
    message:
        "Reading notes: {wildcards.source}"


use rule mimic_samples as text_samples with:
    input:
        cohort=rules.mimic_cohort.output.cohort,
        timeseries=rules.mimic_timeseries.output.parts,
        images=rules.mimic_images.output.parts,
        notes=rules.text_notes.output.parts,
        tabular=rules.mimic_tabular.output.parts,
    output:
        parts=text_parts("samples"),
        facts=results("interim/mimic_text/{source}/samples.json"),
        ledger=results("ledger/mimic_text_{source}_samples.json"),
    log:
        results("logs/mimic_text_{source}_samples.log"),
    params:
        text_source="{source}",
        inputs=lambda wildcards, input: " ".join(
            each(f"--{table}", input[table])
            for table in ("timeseries", "images", "notes", "tabular")
        ),
        outputs=lambda wildcards, output: each("--output", output.parts),
        source=source_digest("preprocessing.datasets.mimic.samples"),
    message:
        "Pairing the modalities with {wildcards.source}"


rule text_manifest:
    input:
        mimic=rules.mimic_manifest.output.manifest,
        parts=[
            text_parts(table, source)
            for table in ("notes", "samples")
            for source in TEXT_TABLES
        ],
        facts=expand(
            results("interim/mimic_text/{source}/{table}.json"),
            source=TEXT_TABLES,
            table=["notes", "samples"],
        ),
    output:
        manifest=results("shards/mimic_text/manifest.json"),
    log:
        results("logs/mimic_text_manifest.log"),
    params:
        mimic=subpath(input.mimic, parent=True),
        shards=results("shards/mimic_text"),
        facts=results("interim/mimic_text"),
        sources=each("--source", TEXT_TABLES),
        source=source_digest("preprocessing.datasets.mimic.text_sources"),
    message:
        "Writing the manifest of the text sources"
    shell:
        "python -m preprocessing mimic-text-sources --mimic {params.mimic}"
        " --shards {params.shards} --facts {params.facts} {params.sources}"
        " --output {output.manifest} > {log} 2>&1"
