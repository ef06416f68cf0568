-- One row a person: each order has a customer of its own, and `customer_unique_id` says which of them are one. The
-- place is that of the last order.
SELECT
    customer_unique_id,
    max(CASE WHEN place = 1 THEN customer_city END) AS city,
    max(CASE WHEN place = 1 THEN customer_state END) AS state,
    count(*) AS orders,
    sum(CASE WHEN status = 'delivered' THEN 1 ELSE 0 END) AS delivered_orders,
    sum(CASE WHEN late THEN 1 ELSE 0 END) AS late_orders,
    sum(items) AS items,
    sum(paid_value) AS paid_value,
    min(purchased_at) AS first_purchase_at,
    max(purchased_at) AS last_purchase_at,
    min(review_score) AS lowest_score
FROM (
    SELECT
        *,
        row_number() OVER (PARTITION BY customer_unique_id ORDER BY purchased_at DESC, order_id) AS place
    FROM orders
)
GROUP BY customer_unique_id
