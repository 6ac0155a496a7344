-- The kept reviews with their split, their part and whether the metadata knows their product.
SELECT
    (lines.content >> 65)::BIGINT AS sample_id,
    lines.asin,
    lines.reviewer_id,
    (lines.stars - 1)::TINYINT AS label,
    lines.verified,
    lines.unix_time,
    lines.votes,
    lines.summary,
    lines.review,
    products.asin IS NOT NULL AS in_metadata,
    sides.split,
    sides.part
FROM lines
SEMI JOIN kept ON lines.rowid = kept.line
JOIN sides ON lines.asin = sides.asin
LEFT JOIN products ON lines.asin = products.asin
