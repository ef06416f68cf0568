-- What was earned on each day, by category, tier and country. Spark runs this very text.
SELECT
    CAST(ts AS DATE) AS day,
    category,
    tier,
    country,
    count(*) AS purchases,
    count(DISTINCT user_id) AS buyers,
    sum(quantity) AS pieces,
    sum(amount) AS revenue
FROM purchases_and_views
WHERE type = 'purchase'
GROUP BY CAST(ts AS DATE), category, tier, country
