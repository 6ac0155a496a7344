import csv
import functools
import gzip
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from preprocessing.errors import ConfigError, DataContractError, SourceMissingError
from synthetic import dirt
from synthetic.model import NOISE, SLOPE, mortality, severity_given_outcome, stream
from synthetic.release import generate
from synthetic.write import MARKER, TableWriter, layout, prepare_root

STAYS, IMAGES = 200, 400
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
PATTERNS = {"timestamp[s]": TIME.pattern, "date32": r"\d{4}-\d\d-\d\d"}
PATTERNS |= {"int16": r"-?\d+", "int32": r"-?\d+", "float64": r"-?\d+(\.\d+)?(e[+-]?\d+)?"}


class Dump:
    """The three generated releases and their truth, tables read as text."""

    def __init__(self, root: Path):
        self.roots = {"mimic": root / "mimic", "notes": root / "notes", "cxr": root / "cxr"}
        self.truth_path = root / "truth.parquet"

    def tables(self) -> dict[str, Path]:
        return {
            path.relative_to(root).as_posix().removesuffix(".csv.gz"): path
            for root in self.roots.values()
            for path in sorted(root.rglob("*.csv.gz"))
        }

    @functools.cache  # noqa: B019
    def read(self, table: str) -> pl.DataFrame:
        return pl.read_csv(self.tables()[table], infer_schema=False)

    @functools.cache  # noqa: B019
    def numbers(self, table: str) -> pl.DataFrame:
        def typed(name: str, kind: str) -> pl.Expr:
            if kind == "timestamp[s]":
                return pl.col(name).str.to_datetime()
            types = {"int16": pl.Int64, "int32": pl.Int64, "float64": pl.Float64}
            return pl.col(name).cast(types.get(kind, pl.String))

        return self.read(table).select(typed(*column) for column in layout(table).items())

    @property
    def truth(self) -> pl.DataFrame:
        return pl.read_parquet(self.truth_path)

    def radiographs(self) -> dict[str, Path]:
        return {path.stem: path for path in (self.roots["cxr"] / "files").rglob("*.jpg")}


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Dump:
    root = tmp_path_factory.mktemp("generated")
    made = Dump(root)
    generate(**made.roots, stays=STAYS, images=IMAGES, seed=3, truth=made.truth_path)
    return made


def files_below(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != MARKER
    }


def small(root: Path, **options: object) -> dict[str, bytes]:
    roots = {name: root / name for name in ("mimic", "notes", "cxr")}
    generate(**{"stays": 30, "images": 40, "seed": 1} | roots | options)
    return files_below(root)


# --- layout -------------------------------------------------------------------------------------


def test_every_table_that_the_pipeline_reads_is_there(dump):
    hosp = "patients admissions transfers services diagnoses_icd d_icd_diagnoses procedures_icd"
    hosp += " drgcodes omr labevents d_labitems"
    icu = "icustays chartevents outputevents d_items"
    note = "discharge radiology discharge_detail radiology_detail"
    expected = {f"hosp/{name}" for name in hosp.split()} | {f"icu/{name}" for name in icu.split()}
    expected |= {f"note/{name}" for name in note.split()}
    expected |= {f"mimic-cxr-2.0.0-{n}" for n in ("metadata", "split", "chexpert", "negbio")}
    assert expected <= set(dump.tables())


def test_headers_types_and_nulls_are_those_of_the_layout(dump):
    for table in dump.tables():
        columns = layout(table)
        frame = dump.read(table)
        assert frame.columns == list(columns), table
        assert frame.height > 0, table
        for name, kind in columns.items():
            if kind in PATTERNS:
                fits = frame[name].drop_nulls().str.contains(f"^{PATTERNS[kind]}$")
                assert fits.all(), (table, name, kind)


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("hosp/patients", "subject_id gender anchor_age anchor_year anchor_year_group"),
        ("hosp/admissions", "subject_id hadm_id admittime dischtime admission_type race"),
        ("hosp/labevents", "labevent_id subject_id specimen_id itemid charttime"),
        ("icu/icustays", "subject_id hadm_id stay_id first_careunit last_careunit los"),
        ("icu/chartevents", "subject_id hadm_id stay_id charttime itemid"),
        ("icu/outputevents", "subject_id hadm_id stay_id charttime storetime itemid value"),
        ("note/radiology", "note_id subject_id note_type note_seq charttime text"),
        ("note/discharge", "note_id subject_id hadm_id note_type note_seq charttime text"),
        ("mimic-cxr-2.0.0-metadata", "dicom_id subject_id study_id Rows Columns StudyDate"),
    ],
)
def test_what_must_not_be_null_is_not(dump, table, columns):
    assert dump.read(table).select(columns.split()).null_count().row(0) == (0,) * len(
        columns.split()
    )


@pytest.mark.parametrize("table", ["note/discharge", "note/radiology", "hosp/labevents"])
def test_rows_are_valid_by_rfc_4180(dump, table):
    text = gzip.decompress(dump.tables()[table].read_bytes()).decode()
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert {len(row) for row in rows} == {len(layout(table))}
    assert len(rows) - 1 == dump.read(table).height


def test_identifiers_are_distinct_and_of_their_range(dump):
    for table, column, leading in (
        ("hosp/patients", "subject_id", "1"),
        ("hosp/admissions", "hadm_id", "2"),
        ("icu/icustays", "stay_id", "3"),
        ("note/discharge", "note_id", "1"),
        ("note/radiology", "note_id", "1"),
        ("hosp/labevents", "labevent_id", ""),
        ("mimic-cxr-2.0.0-metadata", "dicom_id", ""),
    ):
        ids = dump.read(table)[column]
        assert ids.is_unique().all(), table
        assert ids.str.starts_with(leading).all(), table
    assert dump.read("icu/icustays").height == STAYS
    studies = dump.read("mimic-cxr-2.0.0-metadata")["study_id"]
    assert studies.str.contains(r"^5\d{7}$").all()


def test_foreign_keys_hold(dump):
    patients = dump.read("hosp/patients")["subject_id"]
    admissions = dump.read("hosp/admissions")["hadm_id"]
    for table in dump.tables():
        frame = dump.read(table)
        if "subject_id" in frame.columns:
            assert frame["subject_id"].is_in(patients.implode()).all(), table
        if "hadm_id" in frame.columns:
            assert frame["hadm_id"].drop_nulls().is_in(admissions.implode()).all(), table
    for events, names in (("icu/chartevents", "d_items"), ("hosp/labevents", "d_labitems")):
        known = dump.read(f"{events.split('/')[0]}/{names}")["itemid"]
        assert dump.read(events)["itemid"].is_in(known.implode()).all(), events


def test_item_names_are_those_of_the_open_demo(dump, shared):
    for table, columns in (
        ("icu/d_items", ["itemid", "label", "linksto", "category"]),
        ("hosp/d_labitems", ["itemid", "label", "fluid", "category"]),
    ):
        real = pl.read_csv(shared / f"data/mimic-iv-demo/{table}.csv.gz", infer_schema=False)
        ours = dump.read(table).select(columns)
        assert ours.join(real, on=columns, how="anti").height == 0


# --- radiographs --------------------------------------------------------------------------------


def test_radiographs_lie_where_the_release_has_them(dump):
    metadata = dump.read("mimic-cxr-2.0.0-metadata")
    assert metadata.height == IMAGES
    expected = {
        f"files/p{subject[:2]}/p{subject}/s{study}/{dicom}.jpg"
        for subject, study, dicom in metadata.select(
            "subject_id", "study_id", "dicom_id"
        ).iter_rows()
    }
    root = dump.roots["cxr"]
    found = {path.relative_to(root).as_posix() for path in (root / "files").rglob("*.jpg")}
    assert found <= expected
    assert len(expected - found) == 1  # the one that is not on disk
    assert all(re.fullmatch(r"([0-9a-f]{8}-){4}[0-9a-f]{8}", Path(p).stem) for p in expected)


def test_radiographs_decode_to_their_size_but_for_the_truncated(dump):
    paths = dump.radiographs()
    broken, sizes = 0, set()
    for dicom, rows, columns in (
        dump.read("mimic-cxr-2.0.0-metadata").select("dicom_id", "Rows", "Columns").iter_rows()
    ):
        if dicom not in paths:
            continue
        with Image.open(paths[dicom]) as image:
            try:
                image.load()
            except OSError:
                broken += 1
                continue
            assert image.size == (int(columns), int(rows))
            assert image.mode == "L"
            assert b"Synthetic" in image.info["comment"]
            sizes.add(image.size)
    assert broken == max(1, round(dirt.UNDECODABLE * IMAGES))
    assert len(sizes) > 50
    assert min(min(size) for size in sizes) < 120 < 250 < max(map(max, sizes))


def test_study_times_lose_their_leading_zeros(dump):
    times = dump.read("mimic-cxr-2.0.0-metadata")["StudyTime"]
    whole = times.str.extract(r"^(\d+)(?:\.\d{1,3})?$", 1)
    assert whole.null_count() == 0
    assert 0.2 < (whole.str.len_chars() < 6).mean() < 0.6
    padded = whole.str.zfill(6)
    assert (padded.str.slice(0, 2).cast(int) < 24).all()
    assert (padded.str.slice(2, 2).cast(int) < 60).all()
    assert (padded.str.slice(4, 2).cast(int) < 60).all()


def test_views_are_mixed_and_some_unknown(dump):
    views = dump.read("mimic-cxr-2.0.0-metadata")["ViewPosition"]
    assert views.null_count() == round(dirt.WITHOUT_VIEW * IMAGES)
    assert set(views.drop_nulls()) == {"AP", "PA", "LATERAL", "LL"}


def test_labels_are_of_the_release(dump):
    labels = dump.read("mimic-cxr-2.0.0-chexpert").drop("subject_id", "study_id")
    assert set(labels.unpivot()["value"].unique()) <= {"1.0", "0.0", "-1.0", None}


# --- dirt ---------------------------------------------------------------------------------------


def test_half_of_the_labs_have_no_admission(dump):
    labs = dump.read("hosp/labevents")
    assert labs["hadm_id"].null_count() / labs.height == pytest.approx(0.5, abs=0.005)


def test_some_labs_without_admission_lie_within_one(dump):
    labs = dump.numbers("hosp/labevents").filter(pl.col("hadm_id").is_null())
    stays = dump.numbers("icu/icustays").select("subject_id", "intime", "outtime")
    inside = labs.join(stays, on="subject_id").filter(
        pl.col("charttime").is_between("intime", "outtime")
    )
    assert inside.height > 100


def test_labs_have_words_and_other_fluids(dump):
    labs = dump.read("hosp/labevents")
    assert {">500", "NEG", "___", "ERROR"} <= set(labs["value"].unique())
    words = labs.filter(pl.col("value").is_in([">500", "NEG", "___", "ERROR"]))
    assert words["valuenum"].null_count() == words.height
    assert {"51491", "51094", "51478", "50820", "50831"} <= set(labs["itemid"])
    later = dump.numbers("hosp/labevents").select((pl.col("storetime") > pl.col("charttime")).all())
    assert later.item()


def test_chart_rows_have_their_slips(dump):
    chart = dump.numbers("icu/chartevents")
    n = chart.height
    again = chart.select(pl.struct("stay_id", "charttime", "itemid").is_duplicated().mean()).item()
    assert again == pytest.approx(2 * dirt.CHARTED_TWICE, rel=0.2)
    assert chart["value"].null_count() / n == pytest.approx(dirt.CHARTED_NOTHING, rel=0.3)
    wild = chart["valuenum"].is_in([999999.0, 1e6, 1e5, 9999.0]).sum()
    assert wild / n == pytest.approx(dirt.CHARTED_OUT_OF_RANGE * 4 / 6, rel=0.3)
    late = (pl.col("storetime") - pl.col("charttime")).dt.total_hours()
    assert chart.select((late >= 1).mean()).item() > dirt.STORED_LATE
    assert chart.select((late > 24).mean()).item() < 2 * dirt.STORED_LATE
    assert chart.select((pl.col("storetime") > pl.col("charttime")).all()).item()


def test_chart_rows_lie_outside_their_stay_a_year_off_or_on_the_other_stay(dump):
    stays = dump.numbers("icu/icustays").filter(pl.col("outtime") > pl.col("intime"))
    chart = dump.numbers("icu/chartevents").join(stays, on="stay_id")
    before = pl.col("charttime") < pl.col("intime")
    after = pl.col("charttime") > pl.col("outtime")
    assert chart.select((before | after).mean()).item() > dirt.CHARTED_OUTSIDE
    year = (pl.col("charttime") - pl.col("intime")).dt.total_days().abs() > 300
    assert chart.select(year.mean()).item() == pytest.approx(dirt.CHARTED_YEAR_OFF, rel=0.3)
    other = stays.join(stays, on="hadm_id").filter(pl.col("stay_id") != pl.col("stay_id_right"))
    other = other.select("stay_id", other_in="intime_right", other_out="outtime_right")
    on_other = chart.join(other, on="stay_id").filter(
        pl.col("charttime").is_between("other_in", "other_out")
    )
    assert on_other.height > 20


def test_units_are_mixed(dump):
    chart = dump.numbers("icu/chartevents").with_columns(pl.col("valuenum").alias("x"))
    values = {key[0]: part["x"].drop_nulls() for key, part in chart.group_by("itemid")}
    assert values[223761].median() == pytest.approx(98.5, abs=1)
    assert values[223762].median() == pytest.approx(36.9, abs=0.5)
    assert (values[223762].is_between(90, 110)).sum() + (values[223761].is_between(30, 45)).sum()
    assert (values[223835] <= 1).mean() == pytest.approx(dirt.FIO2_AS_FRACTION, abs=0.03)
    assert values[226707].median() == pytest.approx(66.5, abs=2)
    assert values[226730].median() == pytest.approx(169, abs=4)
    assert values[226531].median() == pytest.approx(181, abs=15)
    assert len(values[226730]) < len(values[226707])


def test_words_of_the_coma_scale_and_of_refill_are_metavisions(dump):
    chart = dump.read("icu/chartevents").drop_nulls("value")
    words = {
        key[0]: set(part["value"].unique())
        for key, part in chart.filter(
            pl.col("itemid").is_in(["220739", "223900", "223901", "223951", "224308"])
        ).group_by("itemid")
    }
    assert words["220739"] == {"None", "To Pain", "To Speech", "Spontaneously"}
    assert {"No Response-ETT", "Oriented", "Confused"} < words["223900"]
    assert {"Obeys Commands", "Localizes Pain"} < words["223901"]
    assert words["223951"] == words["224308"] == {"Normal <3 Seconds", "Abnormal >3 Seconds"}
    tube = chart.filter(pl.col("value") == "No Response-ETT")
    assert set(tube["valuenum"]) == {"1"}


def test_several_items_of_one_variable_share_a_charttime(dump):
    chart = dump.read("icu/chartevents")
    for some, others in ((["220210"], ["224690"]), (["220050"], ["220179"])):
        pair = [chart.filter(pl.col("itemid").is_in(items)) for items in (some, others)]
        assert pair[0].join(pair[1], on=["stay_id", "charttime"]).height > 50


def test_stays_are_transferred_doubled_short_and_reversed(dump):
    stays = dump.numbers("icu/icustays")
    moved = (stays["first_careunit"] != stays["last_careunit"]).mean()
    assert moved == pytest.approx(dirt.TRANSFERRED_STAYS, abs=0.005)
    assert stays["hadm_id"].is_duplicated().sum() > 10
    assert (stays["outtime"] < stays["intime"]).sum() == 1
    assert (stays["los"] >= 2).mean() == pytest.approx(0.6, abs=0.08)
    days = (stays["outtime"] - stays["intime"]).dt.total_seconds() / 86400
    assert (days - stays["los"]).abs().max() < 1e-9


def test_deaths_are_dated_as_in_mimic(dump):
    admissions = dump.numbers("hosp/admissions").join(
        dump.numbers("hosp/patients").with_columns(pl.col("dod").str.to_date()), on="subject_id"
    )
    died = admissions.filter(pl.col("hospital_expire_flag") == 1)
    assert died.height > 20
    assert (died["deathtime"].dt.date() == died["dod"]).all()
    assert (died["discharge_location"] == "DIED").all()
    assert (died["dischtime"] < died["deathtime"]).any()
    lived = admissions.filter(pl.col("hospital_expire_flag") == 0)
    assert lived["deathtime"].null_count() == lived.height
    assert (lived["dischtime"].dt.date() == lived["dod"]).any()
    assert (lived["dod"] > lived["dischtime"].dt.date()).sum() > 20
    dead_again = admissions.join(died.select("subject_id", end="deathtime"), on="subject_id")
    assert (dead_again["admittime"] <= dead_again["end"]).all()


def test_admissions_overlap_and_a_minor_is_admitted(dump):
    admissions = dump.numbers("hosp/admissions").sort("subject_id", "admittime")
    overlap = (pl.col("admittime") < pl.col("dischtime").shift(1)).over("subject_id")
    assert admissions.select(overlap.sum()).item() >= 1
    ages = dump.numbers("hosp/patients")["anchor_age"]
    assert (ages < 18).sum() == 1
    assert ages.max() == 91
    assert 90 not in ages


# --- notes --------------------------------------------------------------------------------------


def test_notes_span_lines_and_quote(dump):
    for table in ("note/discharge", "note/radiology"):
        text = dump.read(table)["text"]
        assert text.str.contains("\n", literal=True).all()
        assert text.str.contains('"', literal=True).any()
        assert text.str.contains("___", literal=True).any()
        assert text.str.contains("Synthetic").all()


def test_reports_never_state_the_outcome(dump):
    words = r"(?i)\b(expired|deceased|died|death|dead|pronounced|passed away|comfort)"
    assert not dump.read("note/radiology")["text"].str.contains(words).any()


def test_summaries_of_the_dead_say_so(dump):
    notes = dump.read("note/discharge").join(
        dump.read("hosp/admissions").select("hadm_id", "hospital_expire_flag"), on="hadm_id"
    )
    says = notes["text"].str.contains("Discharge Disposition:\nExpired", literal=True)
    assert (says == (notes["hospital_expire_flag"] == "1")).all()
    assert notes["charttime"].str.ends_with("00:00:00").all()
    assert (notes["storetime"] < notes["charttime"]).sum() >= 1


def test_report_identifiers_and_links(dump):
    notes = dump.read("note/radiology")
    parts = notes.select(pl.concat_str("subject_id", "note_type", "note_seq", separator="-"))
    assert (parts.to_series() == notes["note_id"]).all()
    assert set(notes["note_type"]) == {"RR", "AR"}
    assert 0.1 < notes["hadm_id"].null_count() / notes.height < 0.6


def test_most_stays_lack_a_modality(dump):
    stays = dump.numbers("icu/icustays").filter(pl.col("los") >= 2)
    window = pl.col("time").is_between("intime", pl.col("intime") + pl.duration(hours=48))
    metadata = dump.read("mimic-cxr-2.0.0-metadata").filter(pl.col("ViewPosition") == "AP")
    taken = metadata.select(
        pl.col("subject_id").cast(int),
        time=pl.concat_str(
            "StudyDate", pl.col("StudyTime").str.extract(r"^(\d+)").str.zfill(6)
        ).str.to_datetime("%Y%m%d%H%M%S"),
    )
    written = dump.numbers("note/radiology").select("subject_id", time="charttime")
    has = {}
    for name, rows in (("image", taken), ("text", written)):
        paired = stays.join(rows, on="subject_id").filter(window)
        has[name] = stays["stay_id"].is_in(paired["stay_id"].implode())
    assert 0.1 < has["image"].mean() < 0.4
    assert 0.5 < has["text"].mean() < 0.85
    assert (has["image"] & has["text"]).any()
    assert (~has["image"] & ~has["text"]).any()
    elsewhere = dump.read("hosp/patients").join(dump.read("icu/icustays"), "subject_id", how="anti")
    assert metadata.join(elsewhere, on="subject_id", how="semi").height > 20


# --- severity -----------------------------------------------------------------------------------


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1])


def test_severity_drives_mortality_and_nothing_else_does():
    rng = np.random.default_rng(0)
    z = rng.standard_normal(200_000)
    risk = mortality(z, np.ones(len(z), dtype=bool))
    assert 0.12 < risk.mean() < 0.15
    assert SLOPE > 2
    assert mortality(np.zeros(1), np.zeros(1, dtype=bool)) < 0.001


def test_modalities_are_weak_and_independent_given_severity(dump):
    truth = dump.truth
    rest = {name: (truth[f"z_{name}"] - truth["z"]).to_numpy() for name in NOISE}
    for name, noise in NOISE.items():
        assert rest[name].std() == pytest.approx(noise, rel=0.12)
        assert abs(correlation(rest[name], truth["z"].to_numpy())) < 0.12
        for other in NOISE:
            if other != name:
                assert abs(correlation(rest[name], rest[other])) < 0.12


def test_time_series_show_their_severity(dump):
    chart = dump.numbers("icu/chartevents").filter(pl.col("valuenum").is_between(1, 300))
    truth = dump.truth.drop_nulls("stay_id").with_columns(pl.col("stay_id").cast(pl.Int64))
    for itemid, least in ((220045, 0.3), (220210, 0.3), (220277, -0.3), (220739, -0.2)):
        median = chart.filter(pl.col("itemid") == itemid).group_by("stay_id")
        both = median.agg(pl.col("valuenum").mean()).join(truth, on="stay_id")
        found = correlation(both["valuenum"].to_numpy(), both["z_timeseries"].to_numpy())
        assert found * np.sign(least) > abs(least), itemid
        # Given z, the monitor knows nothing of what the image and the text see.
        for other in ("z_image", "z_text"):
            rest = (both[other] - both["z"]).to_numpy()
            assert abs(correlation(both["valuenum"].to_numpy(), rest)) < 0.2


def test_reports_show_their_severity(dump):
    notes = dump.numbers("note/radiology").drop_nulls("hadm_id")
    truth = dump.truth.unique("hadm_id").with_columns(pl.col("hadm_id").cast(pl.Int64))
    notes = notes.join(truth.drop("subject_id"), on="hadm_id")
    bad = notes["text"].str.count_matches(r"(?i)severe|large|dense|worsen|progress|increased|edema")
    good = notes["text"].str.count_matches(r"(?i)clear|normal|no |unremarkable|within")
    score = (bad.cast(int) - good.cast(int)).to_numpy()
    assert correlation(score, notes["z_text"].to_numpy()) > 0.5
    # No phrase gives the outcome away: each sentence occurs for those who live, too.
    sentence = pl.col("text").str.extract_all(r"[A-Z][^.]+\.")
    sentences = notes.select("died", sentence).explode("text")
    often = sentences.group_by("text").agg(pl.len(), pl.col("died").mean())
    assert often.filter(pl.col("len") >= 15)["died"].max() < 0.8


def test_radiographs_show_their_severity(dump):
    metadata = dump.read("mimic-cxr-2.0.0-metadata").filter(pl.col("ViewPosition") != "LATERAL")
    truth = dump.truth.unique("subject_id", keep="none").with_columns(
        pl.col("subject_id").cast(pl.String)
    )
    paths, density, seen = dump.radiographs(), [], []
    for dicom, severity in (
        metadata.join(truth, on="subject_id").select("dicom_id", "z_image").iter_rows()
    ):
        try:
            image = np.asarray(Image.open(paths[dicom]).resize((32, 32)), dtype=float)
        except (OSError, KeyError):
            continue
        # The bases of both lungs against the rest of the picture.
        density.append(image[17:21, [7, 8, 9, 10, 22, 23, 24, 25]].mean() - image.mean())
        seen.append(severity)
    assert len(seen) > 80
    assert correlation(np.array(density), np.array(seen)) > 0.35


def test_severity_given_the_outcome_has_the_distribution_of_the_model():
    rng = np.random.default_rng(0)
    in_icu = np.ones(40_000, dtype=bool)
    z = rng.standard_normal(len(in_icu))
    died = rng.random(len(z)) < mortality(z, in_icu)
    again = severity_given_outcome(stream(5, "test"), died, in_icu)
    for outcome in (True, False):
        rows = died == outcome
        assert again[rows].mean() == pytest.approx(z[rows].mean(), abs=0.03)
        assert again[rows].std() == pytest.approx(z[rows].std(), abs=0.03)


# --- same seed, same bytes ----------------------------------------------------------------------


def test_same_seed_same_bytes_in_another_process(tmp_path):
    first = small(tmp_path / "a", truth=tmp_path / "a" / "truth.parquet")
    assert len(first) > 40
    roots = [f"--{name}={tmp_path / 'b' / name}" for name in ("mimic", "notes", "cxr")]
    command = [sys.executable, "-m", "preprocessing", "generate-mimic", *roots]
    command += ["--stays=30", "--images=40", "--seed=1", f"--truth={tmp_path}/b/truth.parquet"]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": "77"})
    assert files_below(tmp_path / "b") == first


def test_what_is_written_does_not_depend_on_what_else_is(tmp_path):
    together = small(tmp_path / "a")
    alone = small(tmp_path / "b", mimic=None, cxr=None)
    assert alone == {name: data for name, data in together.items() if name.startswith("notes/")}


def test_another_seed_another_population(tmp_path):
    one, two = (
        small(tmp_path / str(seed), seed=seed, notes=None, cxr=None)["mimic/hosp/patients.csv.gz"]
        for seed in (1, 2)
    )
    assert one != two


# --- a real root --------------------------------------------------------------------------------


def made_root(root: Path, patients: int = 40) -> Path:
    """A little MIMIC-IV: one admission and one ICU stay each, every fourth patient dies."""
    number = pl.int_range(patients, eager=True)
    ids = {"subject_id": number + 10_000_100, "hadm_id": number + 20_000_100}
    dead = number % 4 == 0
    lines = pl.DataFrame(ids | {"n": number})
    end = pl.when(pl.Series(dead)).then(pl.lit("2150-01-06 12:00:00"))
    tables = {
        "hosp/patients": lines.with_columns(
            gender=pl.lit("F"), anchor_age=60, anchor_year=2150,
            anchor_year_group=pl.lit("2011 - 2013"), dod=end.str.slice(0, 10),
        ),
        "hosp/admissions": lines.with_columns(
            admittime=pl.lit("2150-01-01 10:00:00"), dischtime=pl.lit("2150-01-06 12:00:00"),
            deathtime=end, admission_type=pl.lit("EW EMER."), race=pl.lit("WHITE"),
            discharge_location=pl.when(pl.Series(dead)).then(pl.lit("DIED")),
            edregtime=pl.lit("2150-01-01 06:00:00"), edouttime=pl.lit("2150-01-01 11:00:00"),
            hospital_expire_flag=dead.cast(int),
        ),
        "icu/icustays": lines.with_columns(
            stay_id=pl.col("n") + 30_000_100, first_careunit=pl.lit("MICU"),
            last_careunit=pl.lit("MICU"), intime=pl.lit("2150-01-01 12:00:00"),
            outtime=pl.lit("2150-01-05 12:00:00"), los=4.0,
        ),
    }  # fmt: skip
    for table, frame in tables.items():
        path = root / f"{table}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        absent = [name for name in layout(table) if name not in frame.columns]
        frame.with_columns(pl.lit(None).alias(name) for name in absent).select(
            list(layout(table))
        ).write_csv(path)
    return root


def test_patients_of_a_root_get_notes_and_radiographs(tmp_path):
    root = made_root(tmp_path / "real")
    before = files_below(root)
    made = Dump(tmp_path)
    generate(
        notes=made.roots["notes"],
        cxr=made.roots["cxr"],
        truth=made.truth_path,
        patients_of=root,
    )
    assert files_below(root) == before
    admissions = pl.read_csv(root / "hosp/admissions.csv", infer_schema=False)
    for table in ("note/radiology", "note/discharge", "mimic-cxr-2.0.0-metadata"):
        subjects = made.read(table)["subject_id"]
        assert subjects.is_in(admissions["subject_id"].implode()).all(), table
        assert subjects.n_unique() > 20, table
    notes = made.read("note/discharge").join(admissions, on="hadm_id")
    expired = notes["text"].str.contains("Expired", literal=True)
    assert (expired == (notes["hospital_expire_flag"] == "1")).all()
    truth = made.truth
    assert truth["died"].sum() == 10
    assert truth.filter("died")["z"].mean() > truth.filter(~pl.col("died"))["z"].mean() + 1
    assert "existing MIMIC-IV root" in (made.roots["cxr"] / MARKER).read_text()


def test_images_limit_the_radiographs_of_a_root(tmp_path):
    made = Dump(tmp_path)
    generate(cxr=made.roots["cxr"], patients_of=made_root(tmp_path / "real"), images=7)
    assert made.read("mimic-cxr-2.0.0-metadata").height == 7


def test_all_missing_tables_of_a_root_are_named(tmp_path):
    root = made_root(tmp_path / "real", 4)
    (root / "hosp/patients.csv").unlink()
    (root / "icu/icustays.csv").unlink()
    with pytest.raises(SourceMissingError, match=r"(?s)hosp/patients .*icu/icustays "):
        generate(notes=tmp_path / "notes", patients_of=root)
    assert not (tmp_path / "notes").exists()


def test_a_missing_column_of_a_root_is_named(tmp_path):
    root = made_root(tmp_path / "real", 4)
    path = root / "hosp/admissions.csv"
    pl.read_csv(path).drop("edregtime").write_csv(path)
    with pytest.raises(DataContractError, match=r"missing: edregtime"):
        generate(notes=tmp_path / "notes", patients_of=root)


# --- the folder ---------------------------------------------------------------------------------


def test_real_data_are_never_overwritten(tmp_path):
    (tmp_path / "hosp").mkdir()
    (tmp_path / "hosp/patients.csv.gz").write_bytes(b"precious")
    with pytest.raises(ConfigError, match="hosp but no GENERATED"):
        generate(mimic=tmp_path, stays=3, images=3)
    assert (tmp_path / "hosp/patients.csv.gz").read_bytes() == b"precious"


def test_generated_data_are_replaced_and_nothing_else(tmp_path):
    prepare_root(tmp_path, "generated\n")
    (tmp_path / "files").mkdir()
    (tmp_path / "files/old.jpg").touch()
    (tmp_path / "my notes").touch()
    prepare_root(tmp_path, "again\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == [MARKER, "my notes"]
    assert (tmp_path / MARKER).read_text() == "again\n"


def test_every_root_is_marked(dump):
    for root in dump.roots.values():
        assert "synthetic" in (root / MARKER).read_text()


def test_contradicting_options_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="Nothing to write"):
        generate(stays=3)
    with pytest.raises(ConfigError, match="--patients-of"):
        generate(mimic=tmp_path / "mimic", patients_of=made_root(tmp_path / "real", 4))


def test_sizes_of_one_and_none(tmp_path):
    files = small(tmp_path, stays=1, images=0)
    assert not [name for name in files if name.endswith(".jpg")]
    assert pl.read_csv(tmp_path / "mimic/icu/icustays.csv.gz").height == 1
    assert pl.read_csv(tmp_path / "cxr/mimic-cxr-2.0.0-metadata.csv.gz").height == 0


def test_a_table_is_written_in_chunks_without_a_second_header(tmp_path):
    with TableWriter(tmp_path, "hosp/d_labitems") as writer:
        for itemid in (1, 2):
            writer.append(pl.DataFrame({"fluid": ["Blood"], "itemid": [itemid], "other": ["x"]}))
    text = gzip.decompress((tmp_path / "hosp/d_labitems.csv.gz").read_bytes()).decode()
    assert text == "itemid,label,fluid,category\n1,,Blood,\n2,,Blood,\n"
