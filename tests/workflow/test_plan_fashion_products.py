"""What the workflow would do with the fashion products, and what it says without them."""

import json

from tests.workflow.test_plan import trained

CONFIG = "config/fashion-products.yaml"


def test_few_labels_are_planned_from_one_pretraining(snakemake, tmp_path):
    (tmp_path / "products.csv").touch()
    section = json.dumps({"root": str(tmp_path)})
    run = snakemake("own_labels", "-n", "--configfile", CONFIG, "--config", f"rows={section}")
    assert run.returncode == 0, run.stdout
    named = trained(run.stdout)
    assert {name for name in named if "pretrain" in name} == {"rows-pretrain"}
    assert {f"rows-{method}-512" for method in ("lanistr", "lanistr-scratch", "logistic")} <= named


def test_files_that_are_missing_are_named_with_the_key(snakemake):
    run = snakemake("own_labels", "-n", "--configfile", CONFIG)
    assert run.returncode != 0 and "Traceback" not in run.stdout
    assert "data/fashion-products/products.csv" in run.stdout
    assert "rows.root" in run.stdout
