-- What was delivered of each day. Of several deliveries of one day the last refreshed is kept: see `key` and `order_by`
-- in the job file.
SELECT
    symbol,
    date,
    open,
    high,
    low,
    close,
    volume,
    last_refreshed,
    _hw_file AS delivery,
    CAST(date_part('year', date) AS INT) AS year
FROM daily
