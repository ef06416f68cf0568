-- Every event once, with what is known of its user and its product. Spark runs this very text.
SELECT
    e.event_id,
    e.type,
    e.ts,
    e.user_id,
    u.tier,
    e.session_id,
    e.device.kind AS device,
    e.geo.country AS country,
    e.geo.city AS city,
    e.product_id,
    p.category,
    p.brand,
    p.list_price,
    e.quantity,
    e.amount,
    e.currency,
    e.duration_ms,
    e.campaign
FROM (
    SELECT *, row_number() OVER (PARTITION BY event_id ORDER BY ts) AS place
    FROM events
) e
LEFT JOIN users u ON u.user_id = e.user_id
LEFT JOIN products p ON p.product_id = e.product_id
WHERE e.place = 1
