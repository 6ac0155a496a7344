"""Raw dumps made up in the exact layouts."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command("generate-mimic")
def generate_mimic(
    mimic: Annotated[Path | None, typer.Option(help="where to write hosp/ and icu/")] = None,
    notes: Annotated[Path | None, typer.Option(help="where to write note/")] = None,
    cxr: Annotated[Path | None, typer.Option(help="where to write files/ and its tables")] = None,
    stays: Annotated[int | None, typer.Option(help="ICU stays; 900 if not given", min=1)] = None,
    images: Annotated[
        int | None,
        typer.Option(
            help="radiographs; if not given 3000, or what the patients of --patients-of need",
            min=0,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="another seed, another population", min=0)] = 0,
    truth: Annotated[
        Path | None, typer.Option(help="Parquet file for the planted severities")
    ] = None,
    patients_of: Annotated[
        Path | None,
        typer.Option(help="a MIMIC-IV root whose patients get notes and radiographs"),
    ] = None,
) -> None:
    """Generate synthetic raw dumps in the exact layouts; what is not named is not written."""
    from synthetic.release import generate

    generate(
        mimic=mimic,
        notes=notes,
        cxr=cxr,
        stays=stays,
        images=images,
        seed=seed,
        truth=truth,
        patients_of=patients_of,
    )


@app.command("generate-amazon")
def generate_amazon(
    output: Annotated[Path, typer.Option(help="where to write reviews, metadata and images/")],
    seed: Annotated[int, typer.Option(help="another seed, other reviews", min=0)] = 0,
    office: Annotated[int, typer.Option(help="reviews of Office_Products", min=1)] = 3000,
    beauty: Annotated[int, typer.Option(help="reviews of All_Beauty", min=1)] = 2000,
    fashion: Annotated[int, typer.Option(help="reviews of AMAZON_FASHION", min=1)] = 2000,
    image_share: Annotated[
        float, typer.Option(help="of reviews with a picture; about 0.02 in reality", min=0, max=1)
    ] = 0.6,
    image_px: Annotated[int, typer.Option(help="shorter side of a picture", min=16)] = 96,
) -> None:
    """Generate synthetic reviews, metadata and pictures in the exact layouts."""
    from synthetic import amazon

    sizes = {"Office_Products": office, "All_Beauty": beauty, "AMAZON_FASHION": fashion}
    amazon.generate(output, sizes, seed=seed, image_share=image_share, px=image_px)
