"""The card of Amazon reviews: what their shards are called, and which question they answer."""

from preprocessing.card import Card, Noun, Phrase, Place, Task, Unit


def describe_reviews() -> Card:
    """The card of every category, and of all together."""
    return Card(
        name="amazon",
        title="Amazon reviews",
        unit=Unit(singular="product", plural="products", column="asin"),
        sample=Noun(singular="review", plural="reviews"),
        modalities={
            "text": Place(table="text", key="sample_id"),
            "image": Place(table="images", key="image_id"),
            "tabular": Place(table="tabular", key="sample_id"),
        },
        variants="category",
        tasks=(
            Task(
                name="stars",
                kind="multiclass",
                title="stars",
                classes=("1 star", "2 stars", "3 stars", "4 stars", "5 stars"),
            ),
        ),
        # What tells most comes first: a small budget leaves out the end.
        words=(
            Phrase(column="verified", name="verified purchase", form="flag"),
            Phrase(column="votes", name="votes"),
            Phrase(column="year", name="year"),
            Phrase(column="time", name="date", form="date"),
            Phrase(column="product", name="product"),
            Phrase(column="reviewer", name="reviewer"),
        ),
    )
