"""Raw dumps in the exact upstream layouts, for the locations that are left null."""


def generated(location):
    """Generated tables that the rules below read; text sources are compared with all notes."""
    both = ["note/radiology", "note/discharge"]
    tables = both if location == "notes" else RAW_TABLES[location]
    return [
        f"{results('raw')}/{GENERATED[location]}/{table}.csv.gz" for table in tables
    ]


if "generate" in config:

    rule generate_mimic:
        input:
            patients_of=(
                []
                if is_generated("root")
                else raw("root", "hosp/patients", "hosp/admissions", "icu/icustays")
            ),
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
            roots=" ".join(
                f"--{option} {raw_root(location)}"
                for option, location in [
                    ("mimic", "root"),
                    ("notes", "notes"),
                    ("cxr", "cxr"),
                ]
                if is_generated(location)
            ),
            population=(
                f"--stays {config['generate']['stays']}"
                if is_generated("root")
                else f"--patients-of {raw_root('root')}"
            ),
            images=config["generate"]["images"],
            seed=config["generate"]["seed"],
            source=source_digest("synthetic.release"),
        message:
            "Generating raw dumps"
        shell:
            "python -m preprocessing generate-mimic {params.roots} {params.population}"
            " --images {params.images} --seed {params.seed} --truth {output.truth} > {log} 2>&1"
