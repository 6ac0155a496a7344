-- One value per owner, time and variable: the largest; source: the table it comes from.
--
-- text_maximum: rows that have a text are compared by it, '9' above '24' (Q5), and lie above those
-- that have none (2.4.3). DuckDB compares bytes, which for UTF-8 is the order of Python.
CREATE OR REPLACE TEMP TABLE single AS
SELECT owner, charttime, variable, best.source, best.number, best.text
FROM (
    SELECT
        owner,
        charttime,
        variable,
        max({
            'is_text': getvariable('duplicates') = 'text_maximum' AND text IS NOT NULL,
            'key': CASE WHEN getvariable('duplicates') = 'text_maximum' THEN text END,
            'number': number,
            'text': text,
            'source': source
        }) AS best
    FROM cleaned
    WHERE reason IS NULL
    GROUP BY owner, charttime, variable
);
