-- One row a share and month: where it opened and closed, how far it swung, and what it gained on the month before.
WITH days AS (
    SELECT
        symbol,
        date_trunc('month', date) AS month,
        date,
        open,
        high,
        low,
        close,
        volume,
        row_number() OVER (PARTITION BY symbol, date_trunc('month', date) ORDER BY date) AS from_start,
        row_number() OVER (PARTITION BY symbol, date_trunc('month', date) ORDER BY date DESC) AS from_end
    FROM daily_prices
),

months AS (
    SELECT
        symbol,
        CAST(month AS DATE) AS month,
        count(*) AS trading_days,
        max(CASE WHEN from_start = 1 THEN open END) AS open,
        max(high) AS high,
        min(low) AS low,
        max(CASE WHEN from_end = 1 THEN close END) AS close,
        sum(volume) AS volume
    FROM days
    GROUP BY symbol, month
)

SELECT
    symbol,
    month,
    trading_days,
    open,
    high,
    low,
    close,
    volume,
    -- 0.05 is five in a hundred; NULL in a share's first month.
    CAST(close AS DOUBLE) / lag(CAST(close AS DOUBLE)) OVER (PARTITION BY symbol ORDER BY month) - 1 AS gain
FROM months
