"""The dirt of generated Amazon dumps: spoiled review lines, and metadata as it was scraped."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthetic.model import stream

HOST = "https://images-na.ssl-images-amazon.com/images/I/"
SCRAPED = "var aPageStart = (new Date()).getTime();\nvar ue_t0=ue_t0||+new Date();"


@dataclass(frozen=True)
class Product:
    """A product that is reviewed, and the names of its pictures at the host."""

    asin: str
    noun: str
    pictures: tuple[str, ...]


def spoiled(seed: int, category: str, reviews: Sequence[dict[str, Any]]) -> list[str]:
    """The lines, some of them replaced: repetitions, copies under a variant, malformed ones."""
    rng = stream(seed, "dirt", category)
    lines = [json.dumps(review) for review in reviews]
    asins = [review["asin"] for review in reviews]
    fate = rng.random(len(lines))
    for row in np.flatnonzero(fate < 0.06).tolist():
        other = int(rng.integers(len(lines)))
        variant = {**reviews[other], "asin": asins[row]}
        lines[row] = json.dumps(variant) if fate[row] < 0.03 else json.dumps(reviews[other])
    # Half of what is skipped without complaint.
    broken = rng.choice(len(lines), size=len(lines) // 2000, replace=False).tolist()
    for kind, row in enumerate(broken):
        review = reviews[row]
        lines[row] = (
            json.dumps(review)[: len(lines[row]) // 2],
            json.dumps({**review, "overall": float("nan")}),
            json.dumps({**review, "image": "none"}),
        )[kind % 3]
    return lines


def metadata(seed: int, category: str, products: Sequence[Product]) -> list[str]:
    """One row per product but for a few; some twice, some with markup, some scraped wrongly."""
    rng = stream(seed, "metadata", category)
    lines = []
    for product in products:
        fate = rng.random()
        if fate < 0.02:
            continue
        row = _product_row(rng, category, product, products)
        lines.append(json.dumps(row))
        if fate > 0.97:
            lines.append(json.dumps({**row, "imageURL": [], "imageURLHighRes": []}))
        elif fate > 0.95:
            lines.append(json.dumps({**row, "title": SCRAPED}))
    return lines


def _product_row(
    rng: np.random.Generator, category: str, product: Product, products: Sequence[Product]
) -> dict[str, Any]:
    cents = int(rng.integers(199, 9999))
    price = (
        f"${cents / 100:.2f}",
        f"${cents / 100:.2f} - ${cents / 50:.2f}",
        ".a-box-inner{background-color:#fff}#alohaBuyBoxWidget .selected",
        "",
    )[rng.choice(4, p=(0.6, 0.2, 0.1, 0.1))]
    rank = f"{int(rng.integers(1, 900_000)):,} in {category.replace('_', ' ')} ("
    text = f"A {product.noun} &amp; more. <b>New</b>"
    also = [products[k].asin for k in rng.integers(len(products), size=3).tolist()]
    maker = f"Maker {int(rng.integers(40))}"
    as_list = bool(rng.random() < 0.8)
    return {
        "category": [category.replace("_", " "), f"<span>{product.noun.title()}s</span>"],
        "tech1": "<table><tr><td>weight</td></tr></table>",
        "description": [text] if as_list else text,
        "fit": "",
        "title": f"{maker} {product.noun} <i>No. {cents}</i>",
        "also_buy": also,
        "tech2": "",
        "brand": f"by\n    \n    {maker}" if as_list else maker,
        "feature": [text, "<div class='a-row'>Warranty</div>"],
        "rank": [f">#{rank}"] if as_list else rank,
        "also_view": also[:1],
        "main_cat": category.replace("_", " ") if as_list else '<img src="x.png" alt="Store"/>',
        "similar_item": "<div>none</div>",
        "date": "" if as_list else "<div class='a-fixed-left-grid'>5 star</div>",
        "price": price,
        "asin": product.asin,
        "imageURL": [f"{HOST}{name}._SX38_SY50_CR,0,0,38,50_.jpg" for name in product.pictures],
        "imageURLHighRes": [f"{HOST}{name}.jpg" for name in product.pictures],
        "details": {"ASIN: ": product.asin},
    }
