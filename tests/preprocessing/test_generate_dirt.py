"""The generated rows have the slips and gaps of real ones, each about as often as planted."""

import polars as pl
import pytest
from PIL import Image

from synthetic import dirt
from tests.preprocessing.generated_dump import IMAGES


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


def test_notes_span_lines_and_quote(dump):
    for table in ("note/discharge", "note/radiology"):
        text = dump.read(table)["text"]
        assert text.str.contains("\n", literal=True).all()
        assert text.str.contains('"', literal=True).any()
        assert text.str.contains("___", literal=True).any()
        assert text.str.contains("Synthetic").all()


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
