"""Who has which modalities: the missingness audit, and the target of both audits."""


def audited(wildcards):
    """Input function: what the missingness audit reads, of the datasets that there are."""
    found = {}
    if "mimic" in config["recipes"]:
        found["mimic"] = results("shards/mimic/manifest.json")
        found["raw"] = raw("root", "hosp/patients", "hosp/admissions")(wildcards)
    if "amazon" in config["recipes"]:
        found["amazon"] = results("shards/amazon/manifest.json")
        found["reviews"] = [
            path
            for category in CATEGORIES
            for path in [
                *amazon_parts("interim/amazon/{category}/reviews", category),
                results(f"interim/amazon/{category}/links.parquet"),
            ]
        ]
    return found


def audited_options(wildcards):
    options = {
        "mimic": f"--mimic {results('shards/mimic')} --mimic-root {raw_root('root')}",
        "amazon": f"--amazon {results('shards/amazon')}"
        f" --amazon-interim {results('interim/amazon')}",
    }
    return " ".join(options[name] for name in config["recipes"])


rule missingness:
    input:
        unpack(audited),
    output:
        csv=results("audit/missingness.csv"),
        json=results("audit/missingness.json"),
    log:
        results("logs/missingness.log"),
    benchmark:
        results("benchmarks/missingness.tsv")
    threads: 64
    resources:
        mem_mb=config["engine"]["memory_mb"],
        tmpdir=config["engine"]["temp_dir"] or results("tmp"),
    params:
        options=audited_options,
        source=source_digest("preprocessing.audit.missingness.run"),
    message:
        "Counting who has which modalities"
    shell:
        "python -m preprocessing audit-missingness {params.options}"
        " --memory-limit {resources.mem_mb}MB --temp-dir {resources.tmpdir} --threads {threads}"
        " --output-csv {output.csv} --output-json {output.json} > {log} 2>&1"


rule missingness_page:
    input:
        audit=rules.missingness.output.json,
    output:
        html=results("audit/missingness.html"),
    log:
        results("logs/missingness_page.log"),
    params:
        source=source_digest("lanistr.report.missingness"),
    message:
        "Writing the page of the missingness audit"
    shell:
        "python -m lanistr missingness-page --audit {input.audit} --output {output.html}"
        " > {log} 2>&1"


rule audit:
    input:
        rules.missingness.output,
        rules.missingness_page.output,
        rules.leakage_audit.output,
        rules.leakage_page.output,
