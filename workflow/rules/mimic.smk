"""Raw MIMIC tables to shards, one rule per table."""

MIMIC = config["mimic"]

# A text source is a variant: the same stays with other notes, and so with other samples.
TEXT_TABLES = {
    "radiology_48h": "note/radiology",
    "discharge": "note/discharge",
    "discharge_admission_sections": "note/discharge",
}
# Whoever asks for these rows knows: they are written when the outcome is known.
TEXT_LEAKS = {"discharge": ["note-after-horizon", "outcome-words", "duplicate-texts"]}
TEXT_LEAKS["discharge_admission_sections"] = TEXT_LEAKS["discharge"]


OF_MIMIC = f"mimic(?:/(?:{'|'.join(TEXT_TABLES)}))?"


include: "mimic_raw.smk"


def mimic_parts(table, data="mimic"):
    """The Parquet files of one table, which may be those of a variant."""
    return parts(f"shards/{data}/{table}", MIMIC["parts"])


def shards_of_stays(data):
    """The Parquet files of the stays, with the notes and samples of a variant."""
    shared = [mimic_parts(table) for table in ("timeseries", "images", "tabular")]
    own = [mimic_parts(table, data) for table in ("notes", "samples")]
    cohort = results("shards/mimic/cohort.parquet")
    return [cohort, *(file for files in (*shared, *own) for file in files)]


def text_source(wildcards):
    """The text source of a variant, or that of the configuration."""
    return wildcards.data.partition("/")[2] or MIMIC["text_source"]


def split_options(wildcards):
    lists = {f"{name}_subjects": path for name, path in MIMIC["subject_lists"].items()}
    split = MIMIC["split"]
    return options(
        **lists,
        split_seed=split["seed"],
        valid_share=split["valid"],
        test_share=split["test"],
    )


def switch_options(wildcards):
    single = (f"{name}={value}" for name, value in config["switches"].items())
    return [*options(profile=config["profile"]), *each("--switch", single)]


register(
    "mimic",
    data=["mimic"],
    extra=[f"mimic/{source}" for source in TEXT_TABLES],
    missing=missing_mimic,
    keys="mimic.root, mimic.notes and mimic.cxr",
    page="docs/mimic.md",
    tables=shards_of_stays,
    modalities=["text", "image", "tabular", "timeseries"],
    tasks=[
        "in_hospital_mortality",
        "length_of_stay",
        "readmission_30d",
        "phenotypes",
    ],
    subgroups=["gender", "age", "race", "insurance", "careunit"],
    acknowledge=lambda data: TEXT_LEAKS.get(data.partition("/")[2], []),
    audit=raw("root", "hosp/patients", "hosp/admissions"),
    audit_options=each("--mimic-root", [raw_root("root")]),
    truth=lambda: (
        [results("raw/truth.parquet")]
        if all(map(is_generated, ("root", "notes", "cxr")))
        else []
    ),
)


rule mimic_cohort:
    input:
        raw=raw("root", *COHORT_TABLES),
        lists=SUBJECT_LISTS,
    output:
        cohort=results("shards/mimic/cohort.parquet"),
        ledger=results("ledger/mimic_cohort.json"),
    log:
        results("logs/mimic_cohort.log"),
    benchmark:
        results("benchmarks/mimic_cohort.tsv")
    resources:
        mem_mb=memory_of_step,
        limit_mb=limit_of_step,
        tmpdir=ENGINE["temp_dir"] or results("tmp"),
    params:
        root=raw_root("root"),
        split=split_options,
        switches=switch_options,
        raw_contents=contents(raw("root", *COHORT_TABLES), SUBJECT_LISTS),
        source=source_digest("preprocessing.datasets.mimic.cohort"),
    message:
        "Selecting the ICU stays of the cohort"
    shell:
        "python -m preprocessing mimic-cohort --root {params.root:q} {params.split:q} {params.switches:q}"
        " --memory-limit {resources.limit_mb:q}MB --temp-dir {resources.tmpdir:q}"
        " --output {output.cohort:q} --ledger {output.ledger:q} > {log:q} 2>&1"


rule mimic_timeseries:
    input:
        raw=raw("root", *RAW_TABLES["root"]),
        cohort=rules.mimic_cohort.output.cohort,
    output:
        parts=mimic_parts("timeseries"),
        facts=results("interim/mimic/timeseries.json"),
        ledger=results("ledger/mimic_timeseries.json"),
    log:
        results("logs/mimic_timeseries.log"),
    benchmark:
        results("benchmarks/mimic_timeseries.tsv")
    threads: ENGINE["threads"]
    resources:
        mem_mb=memory_of_step,
        limit_mb=limit_of_step,
        tmpdir=ENGINE["temp_dir"] or results("tmp"),
    params:
        root=raw_root("root"),
        switches=switch_options,
        outputs=lambda wildcards, output: each("--output", output.parts),
        parts=MIMIC["parts"],
        raw_contents=contents(raw("root", *RAW_TABLES["root"])),
        source=source_digest("preprocessing.datasets.mimic.timeseries"),
    message:
        "Extracting the 48-hour time series"
    shell:
        "python -m preprocessing mimic-timeseries --root {params.root:q} --cohort {input.cohort:q}"
        " {params.switches:q}"
        " --memory-limit {resources.limit_mb:q}MB --temp-dir {resources.tmpdir:q} --threads {threads:q} {params.outputs:q}"
        " --facts {output.facts:q} --ledger {output.ledger:q} > {log:q} 2>&1"


# A job for each part, which knows nothing of the others: cut off, only its own is lost.
rule mimic_radiographs:
    input:
        raw=raw("cxr", *RAW_TABLES["cxr"]),
        files=radiograph_folder,
        cohort=rules.mimic_cohort.output.cohort,
        lists=SUBJECT_LISTS,
    output:
        part=results("shards/mimic/images/part-{part}.parquet"),
        tally=results("interim/mimic/images/part-{part}.json"),
    log:
        results("logs/mimic_radiographs/part-{part}.log"),
    benchmark:
        results("benchmarks/mimic_radiographs/part-{part}.tsv")
    wildcard_constraints:
        part=r"\d{5}",
    threads: ENGINE["threads"]
    params:
        root=raw_root("cxr"),
        split=split_options,
        px=MIMIC["image_px"],
        piece=lambda wildcards: options(
            piece=int(wildcards.part), pieces=MIMIC["parts"]
        ),
        raw_contents=contents(raw("cxr", *RAW_TABLES["cxr"]), SUBJECT_LISTS),
        pictures=pictures_of("mimic/radiographs", step="mimic_images"),
        source=source_digest("preprocessing.datasets.mimic.image_pieces"),
    message:
        "Resizing radiographs, part {wildcards.part}"
    shell:
        "python -m preprocessing mimic-radiographs --cxr {params.root:q} --cohort {input.cohort:q}"
        " {params.split:q} --px {params.px:q} --threads {threads:q} {params.piece:q}"
        " --output {output.part:q} --tally {output.tally:q} > {log:q} 2>&1"


rule mimic_images:
    input:
        raw=raw("cxr", *RAW_TABLES["cxr"]),
        files=radiograph_folder,
        cohort=rules.mimic_cohort.output.cohort,
        lists=SUBJECT_LISTS,
        tallies=[
            results(f"interim/mimic/images/{name.removesuffix('.parquet')}.json")
            for name in part_names(MIMIC["parts"])
        ],
    output:
        facts=results("interim/mimic/images.json"),
        sightings=results("interim/mimic/radiographs.json"),
        ledger=results("ledger/mimic_images.json"),
    log:
        results("logs/mimic_images.log"),
    params:
        root=raw_root("cxr"),
        split=split_options,
        px=MIMIC["image_px"],
        tallies=lambda wildcards, input: each("--tally", input.tallies),
        raw_contents=contents(raw("cxr", *RAW_TABLES["cxr"]), SUBJECT_LISTS),
        pictures=pictures_of("mimic/radiographs", step="mimic_images"),
        source=source_digest("preprocessing.datasets.mimic.image_pieces"),
    message:
        "Putting together what was seen of radiographs"
    shell:
        "python -m preprocessing mimic-gather-images --cxr {params.root:q} --cohort {input.cohort:q}"
        " {params.split:q} --px {params.px:q} {params.tallies:q} --sightings {output.sightings:q}"
        " --facts {output.facts:q} --ledger {output.ledger:q} > {log:q} 2>&1"


rule mimic_notes:
    input:
        raw=raw_notes,
        cohort=rules.mimic_cohort.output.cohort,
        lists=SUBJECT_LISTS,
    output:
        parts=mimic_parts("notes", "{data}"),
        facts=results("interim/{data}/notes.json"),
        ledger=results("ledger/{data}_notes.json"),
    log:
        results("logs/{data}_notes.log"),
    benchmark:
        results("benchmarks/{data}_notes.tsv")
    wildcard_constraints:
        data=OF_MIMIC,
    threads: ENGINE["threads"]
    resources:
        mem_mb=memory_of_step,
        limit_mb=limit_of_step,
        tmpdir=ENGINE["temp_dir"] or results("tmp"),
    params:
        root=raw_root("notes"),
        split=split_options,
        text_source=text_source,
        outputs=lambda wildcards, output: each("--output", output.parts),
        parts=MIMIC["parts"],
        raw_contents=contents(raw_notes, SUBJECT_LISTS),
        source=source_digest("preprocessing.datasets.mimic.notes"),
    message:
        "Reading notes of {wildcards.data}"
    shell:
        "python -m preprocessing mimic-notes --notes {params.root:q} --cohort {input.cohort:q}"
        " --source {params.text_source:q} {params.split:q}"
        " --memory-limit {resources.limit_mb:q}MB --temp-dir {resources.tmpdir:q} --threads {threads:q} {params.outputs:q}"
        " --facts {output.facts:q} --ledger {output.ledger:q} > {log:q} 2>&1"


rule mimic_tabular:
    input:
        raw=raw("root", "hosp/patients", "hosp/admissions"),
        cohort=rules.mimic_cohort.output.cohort,
    output:
        parts=mimic_parts("tabular"),
        facts=results("interim/mimic/tabular.json"),
        ledger=results("ledger/mimic_tabular.json"),
    log:
        results("logs/mimic_tabular.log"),
    benchmark:
        results("benchmarks/mimic_tabular.tsv")
    resources:
        mem_mb=memory_of_step,
        limit_mb=limit_of_step,
        tmpdir=ENGINE["temp_dir"] or results("tmp"),
    params:
        root=raw_root("root"),
        outputs=lambda wildcards, output: each("--output", output.parts),
        parts=MIMIC["parts"],
        raw_contents=contents(raw("root", "hosp/patients", "hosp/admissions")),
        source=source_digest("preprocessing.datasets.mimic.tabular"),
    message:
        "Reading demographics"
    shell:
        "python -m preprocessing mimic-tabular --root {params.root:q} --cohort {input.cohort:q}"
        " --memory-limit {resources.limit_mb:q}MB --temp-dir {resources.tmpdir:q}"
        " {params.outputs:q} --facts {output.facts:q} --ledger {output.ledger:q} > {log:q} 2>&1"


rule mimic_samples:
    input:
        cohort=rules.mimic_cohort.output.cohort,
        timeseries=rules.mimic_timeseries.output.parts,
        images=mimic_parts("images"),
        notes=mimic_parts("notes", "{data}"),
        tabular=rules.mimic_tabular.output.parts,
    output:
        parts=mimic_parts("samples", "{data}"),
        facts=results("interim/{data}/samples.json"),
        ledger=results("ledger/{data}_samples.json"),
    log:
        results("logs/{data}_samples.log"),
    benchmark:
        results("benchmarks/{data}_samples.tsv")
    wildcard_constraints:
        data=OF_MIMIC,
    threads: ENGINE["threads"]
    resources:
        mem_mb=memory_of_step,
        limit_mb=limit_of_step,
        tmpdir=ENGINE["temp_dir"] or results("tmp"),
    params:
        text_source=text_source,
        pairing_rounds=MIMIC["pairing_rounds"],
        inputs=lambda wildcards, input: [
            word
            for table in ("timeseries", "images", "notes", "tabular")
            for word in each(f"--{table}", input[table])
        ],
        outputs=lambda wildcards, output: each("--output", output.parts),
        parts=MIMIC["parts"],
        source=source_digest("preprocessing.datasets.mimic.samples"),
    message:
        "Pairing the modalities of {wildcards.data} into samples"
    shell:
        "python -m preprocessing mimic-samples --cohort {input.cohort:q} {params.inputs:q}"
        " --source {params.text_source:q} --pairing-rounds {params.pairing_rounds:q}"
        " --memory-limit {resources.limit_mb:q}MB --temp-dir {resources.tmpdir:q} --threads {threads:q} {params.outputs:q}"
        " --facts {output.facts:q} --ledger {output.ledger:q} > {log:q} 2>&1"


MIMIC_TABLES = ("timeseries", "images", "notes", "tabular", "samples")


rule mimic_manifest:
    input:
        tables=shards_of_stays("mimic"),
        facts=expand(results("interim/mimic/{table}.json"), table=MIMIC_TABLES),
        raw=raw_tables,
    output:
        manifest=results("shards/mimic/manifest.json"),
    log:
        results("logs/mimic_manifest.log"),
    benchmark:
        results("benchmarks/mimic_manifest.tsv")
    localrule: True
    params:
        shards=subpath(output.manifest, parent=True),
        facts=lambda wildcards, input: Path(input.facts[0]).parent,
        raw=lambda wildcards, input: each("--raw", input.raw),
        scale=config["scale"],
        raw_contents=contents(raw_tables),
        source=source_digest("preprocessing.datasets.mimic.manifest"),
    message:
        "Writing the manifest"
    shell:
        "python -m preprocessing mimic-manifest --shards {params.shards:q} --facts {params.facts:q}"
        " {params.raw:q} --scale {params.scale:q} --output {output.manifest:q} > {log:q} 2>&1"


rule mimic_text_sources:
    input:
        mimic=rules.mimic_manifest.output.manifest,
        notes=mimic_parts("notes", "mimic/{source}"),
        samples=mimic_parts("samples", "mimic/{source}"),
        facts=[
            results(f"interim/mimic/{{source}}/{table}.json")
            for table in ("notes", "samples")
        ],
    output:
        manifest=results("shards/mimic/{source}/manifest.json"),
    log:
        results("logs/mimic/{source}_manifest.log"),
    wildcard_constraints:
        source="|".join(TEXT_TABLES),
    localrule: True
    params:
        mimic=subpath(input.mimic, parent=True),
        facts=lambda wildcards, input: Path(input.facts[0]).parents[1],
        source=source_digest("preprocessing.datasets.mimic.text_sources"),
    message:
        "Writing the manifest of {wildcards.source}"
    shell:
        "python -m preprocessing mimic-text-sources --mimic {params.mimic:q} --facts {params.facts:q}"
        " --variant {wildcards.source:q} --output {output.manifest:q} > {log:q} 2>&1"
