"""Contracts of the Amazon tables, one set of them per review category."""

import pandera.polars as pa
import polars as pl

from preprocessing.contracts import Table, declare_code

SPLITS = ["train", "valid", "test"]


class Reviews(Table):
    """One row per review, each review once; between the raw dump and the shards."""

    sample_id: pl.Int64 = pa.Field(
        unique=True, ge=0, description="63 bits of the MD5 of the line: the same in every subset."
    )
    asin: pl.String = pa.Field(description="Product, the unit of the split.")
    reviewer_id: pl.String
    label: pl.Int8 = pa.Field(ge=0, le=4, description="Stars less one.")
    verified: pl.Boolean = pa.Field(nullable=True, description="Bought at Amazon.")
    unix_time: pl.Int64 = pa.Field(nullable=True, description="Seconds, midnight UTC.")
    votes: pl.Int32 = pa.Field(nullable=True, ge=0, description="Null = none or unknown.")
    summary: pl.String = pa.Field(nullable=True)
    review: pl.String = pa.Field(nullable=True)
    in_metadata: pl.Boolean = pa.Field(description="The product has a row in the metadata.")
    split: pl.String = pa.Field(isin=SPLITS)


class Products(Table):
    """One row per product of the metadata, markup removed; not an input of the paper's model."""

    asin: pl.String = pa.Field(unique=True)
    title: pl.String = pa.Field(nullable=True)
    brand: pl.String = pa.Field(nullable=True)
    category: pl.String = pa.Field(nullable=True, description="The most specific one.")
    price_low: pl.Float64 = pa.Field(nullable=True, description="US dollars.")
    price_high: pl.Float64 = pa.Field(nullable=True, description="Equals price_low if not a range.")


class Links(Table):
    """Wanted pictures: one row per review or product that has any address."""

    sample_id: pl.Int64 = pa.Field(nullable=True, description="Of a reviewer's picture, else null.")
    asin: pl.String = pa.Field(nullable=True, description="Of a product's picture, else null.")
    urls: pl.List(pl.String) = pa.Field(description="Best first; see image_paths.candidates.")


class Text(Table):
    """One row per review that has words."""

    sample_id: pl.Int64 = pa.Field(unique=True)
    split: pl.String = pa.Field(isin=SPLITS)
    text: pl.String


class Tabular(Table):
    """The six features of every review: as they are, and encoded for the model."""

    sample_id: pl.Int64 = pa.Field(unique=True)
    split: pl.String = pa.Field(isin=SPLITS)
    product: pl.String
    reviewer: pl.String
    verified: pl.Boolean = pa.Field(nullable=True)
    year: pl.Int16 = pa.Field(nullable=True)
    votes: pl.Int32 = pa.Field(nullable=True)
    time: pl.Int64 = pa.Field(nullable=True, description="Unix seconds.")
    product_code: pl.Int32 = pa.Field(ge=0, description="Row of an embedding table.")
    reviewer_code: pl.Int32 = pa.Field(ge=0, description="Row of an embedding table.")
    verified_code: pl.Int32 = declare_code()
    year_code: pl.Int32 = declare_code()
    votes_scaled: pl.Float32 = pa.Field(description="Standardised; 0 = mean = missing.")
    time_scaled: pl.Float32 = pa.Field(description="Standardised; 0 = mean = missing.")


class Identifiers(Table):
    """The vocabularies of product and reviewer; codes 0 and 1 stand for none and unseen."""

    feature: pl.String = pa.Field(isin=["product", "reviewer"])
    value: pl.String
    code: pl.Int32 = pa.Field(ge=2)


class Images(Table):
    """One row per picture that could be decoded; several reviews may share one."""

    image_id: pl.String = pa.Field(unique=True, description="Digest of the address.")
    jpeg: pl.Binary = pa.Field(description="RGB, square, `image.px` wide, already resized.")


class Samples(Table):
    """Which rows of the other tables make up a sample."""

    sample_id: pl.Int64 = pa.Field(unique=True)
    stage: pl.String = pa.Field(isin=["pretrain", "finetune"])
    asin: pl.String
    image_id: pl.String = pa.Field(nullable=True)
    split: pl.String = pa.Field(isin=SPLITS)
    stars: pl.Int8 = pa.Field(
        ge=0, le=4, nullable=True, description="Less one; null in pretraining."
    )
    has_image: pl.Boolean
    has_text: pl.Boolean
    has_tabular: pl.Boolean
    image_absence: pl.String = pa.Field(nullable=True, description="Why not; null = present.")
    text_absence: pl.String = pa.Field(nullable=True)
    tabular_absence: pl.String = pa.Field(nullable=True)
