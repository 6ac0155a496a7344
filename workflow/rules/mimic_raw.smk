"""Where each raw table of MIMIC lies: the user's file, or the one that is generated here."""

ENDINGS = (".csv.gz", ".csv", ".parquet")
# Where a root has a table that another release keeps elsewhere.
V1_FOLDERS = {
    "hosp/patients": "core/patients",
    "hosp/admissions": "core/admissions",
    "hosp/transfers": "core/transfers",
}
RAW_TABLES = {
    "root": [
        "hosp/patients",
        "hosp/admissions",
        "hosp/d_labitems",
        "hosp/d_icd_diagnoses",
        "hosp/diagnoses_icd",
        "hosp/labevents",
        "icu/d_items",
        "icu/icustays",
        "icu/chartevents",
        "icu/outputevents",
    ],
    "notes": [TEXT_TABLES[MIMIC["text_source"]]],
    "cxr": ["mimic-cxr-2.0.0-metadata", "mimic-cxr-2.0.0-chexpert"],
}
COHORT_TABLES = (
    "hosp/patients",
    "hosp/admissions",
    "hosp/diagnoses_icd",
    "hosp/d_icd_diagnoses",
    "icu/icustays",
)
SUBJECT_LISTS = [given(path) for path in MIMIC["subject_lists"].values()]
# Only MedFuse needs the labels of radiographs, and only the task phenotypes the diagnoses; where
# these are missing, training says so.
OPTIONAL = {"mimic-cxr-2.0.0-chexpert", "hosp/diagnoses_icd", "hosp/d_icd_diagnoses"}
# Whose notes and radiographs are generated where the root is the user's.
POPULATION = ("hosp/patients", "hosp/admissions", "icu/icustays")
GENERATED = {"root": "mimic-iv", "notes": "mimic-iv-note", "cxr": "mimic-cxr-jpg"}


def is_generated(location):
    return config["mimic"][location] is None


def raw_root(location):
    """Folder of `mimic.root`, `mimic.notes` or `mimic.cxr`."""
    return (
        results(f"raw/{GENERATED[location]}")
        if is_generated(location)
        else config["mimic"][location]
    )


def found_table(location, table):
    """The file of a table in the user's root, or None."""
    names = [table, *filter(None, [V1_FOLDERS.get(table)])]
    paths = [
        f"{raw_root(location)}/{name}{ending}" for name in names for ending in ENDINGS
    ]
    return next(filter(os.path.exists, paths), None)


def missing_mimic(*notes):
    """Every raw MIMIC table and folder that is named, or among `notes`, and not there."""
    missing = []
    wanted = {**RAW_TABLES, "notes": sorted({*RAW_TABLES["notes"], *notes})}
    for location, tables in wanted.items():
        if is_generated(location):
            if "generate" not in config:
                missing.append(f"mimic.{location} is null and there is no `generate`")
            continue
        missing += [
            f"{raw_root(location)}/{table}.csv.gz (or .csv, .parquet)"
            for table in tables
            if table not in OPTIONAL and not found_table(location, table)
        ]
        if location == "cxr" and not os.path.isdir(f"{raw_root('cxr')}/files"):
            missing.append(f"{raw_root('cxr')}/files/")
    return missing


def raw(location, *tables):
    """Input function: the files of some tables; checks all sources when first needed."""

    def paths(wildcards):
        refuse_missing("mimic")
        if is_generated(location):
            return [f"{raw_root(location)}/{table}.csv.gz" for table in tables]
        found = (found_table(location, table) for table in tables)
        return [given(path) for path in found if path]

    return paths


def raw_notes(wildcards):
    """The table of a text source; where variants are asked for, those of all must be there."""
    if "/" in wildcards.data:
        refuse_missing("mimic", *TEXT_TABLES.values())
    return raw("notes", TEXT_TABLES[text_source(wildcards)])(wildcards)


def raw_tables(wildcards):
    """Input function: the files of every table that is read."""
    return [
        path
        for location, tables in RAW_TABLES.items()
        for path in raw(location, *tables)(wildcards)
    ]


def radiograph_folder(wildcards):
    refuse_missing("mimic")
    folder = f"{raw_root('cxr')}/files"
    return folder if is_generated("cxr") else given(folder)


def generated(location):
    """Generated tables that are read; text sources are compared with all notes."""
    both = sorted({*TEXT_TABLES.values()})
    tables = both if location == "notes" else RAW_TABLES[location]
    return [
        f"{results('raw')}/{GENERATED[location]}/{table}.csv.gz" for table in tables
    ]


if "generate" in config:

    rule generate_mimic:
        input:
            patients_of=([] if is_generated("root") else raw("root", *POPULATION)),
        output:
            mimic=generated("root") if is_generated("root") else [],
            notes=generated("notes") if is_generated("notes") else [],
            cxr=generated("cxr") if is_generated("cxr") else [],
            radiographs=(
                directory(results("raw/mimic-cxr-jpg/files"))
                if is_generated("cxr")
                else []
            ),
            truth=results("raw/truth.parquet"),
        log:
            results("logs/generate_mimic.log"),
        params:
            roots=options(
                **{
                    option: raw_root(location)
                    for option, location in [
                        ("mimic", "root"),
                        ("notes", "notes"),
                        ("cxr", "cxr"),
                    ]
                    if is_generated(location)
                }
            ),
            population=(
                options(stays=config["generate"]["stays"])
                if is_generated("root")
                else options(patients_of=raw_root("root"))
            ),
            images=config["generate"]["images"],
            seed=config["generate"]["seed"],
            raw=contents(*([] if is_generated("root") else [raw("root", *POPULATION)])),
            source=source_digest("synthetic.release"),
        message:
            "Generating raw dumps"
        shell:
            "python -m preprocessing generate-mimic {params.roots:q} {params.population:q}"
            " --images {params.images:q} --seed {params.seed:q} --truth {output.truth:q} > {log:q} 2>&1"
