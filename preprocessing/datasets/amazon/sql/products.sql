-- One row per asin of a metadata dump. Of several rows the one with the most pictures is kept.
-- $dump has every key as a column of JSON text.
CREATE OR REPLACE TEMP TABLE product_lines AS
SELECT
    coalesce(
        CASE
            WHEN coalesce(asin, title, brand, price, imageURL, imageURLHighRes) IS NULL
                THEN $unreadable
        END,
        misfit('asin', asin, is_string(asin), 'text'),
        misfit('title', title, is_string(title), 'text'),
        misfit('brand', brand, is_string(brand), 'text'),
        misfit('price', price, is_string(price), 'text'),
        misfit('category', category, is_listed(category), 'text or a list'),
        misfit('imageURL', imageURL, is_listed(imageURL), 'text or a list'),
        misfit('imageURLHighRes', imageURLHighRes, is_listed(imageURLHighRes), 'text or a list'),
        CASE WHEN text_of(asin) IS NULL THEN 'asin is missing' END
    ) AS malformed,
    text_of(asin) AS asin,
    without_markup(text_of(title)) AS title,
    -- The page's script instead of its title.
    coalesce(contains(text_of(title), 'getTime'), false) AS scraped_script,
    regexp_replace(without_markup(text_of(brand)), '^by\s+', '') AS brand,
    without_markup(list_of(category)[-1]) AS category,
    text_of(price) AS price,
    -- "$5.49" or "$5 - $9"; style sheets and the like are no price.
    regexp_extract(text_of(price), '^\$([\d,]+(?:\.\d+)?)(?: - \$([\d,]+(?:\.\d+)?))?$', ['low', 'high'])
        AS range,
    list_of(imageURLHighRes) AS pictures_high,
    list_of(imageURL) AS pictures
FROM $dump;

CREATE OR REPLACE TEMP TABLE products AS
WITH best AS (
    SELECT asin, max({
        'pictures': len(pictures_high) + len(pictures),
        'row': {
            'title': title, 'brand': brand, 'category': category, 'price': price, 'range': range,
            'pictures_high': pictures_high, 'pictures': pictures
        }
    }).row AS kept
    FROM product_lines
    WHERE malformed IS NULL AND NOT scraped_script
    GROUP BY asin
)
SELECT
    asin,
    kept.title AS title,
    kept.brand AS brand,
    kept.category AS category,
    try_cast(replace(kept.range.low, ',', '') AS DOUBLE) AS price_low,
    coalesce(
        try_cast(replace(kept.range.high, ',', '') AS DOUBLE),
        try_cast(replace(kept.range.low, ',', '') AS DOUBLE)
    ) AS price_high,
    kept.price AS price_written,
    kept.pictures_high AS pictures_high,
    kept.pictures AS pictures
FROM best;
