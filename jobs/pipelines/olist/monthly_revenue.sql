-- What was sold in each month, by the customers' state and the products' category, in English where it is translated.
-- Orders that were canceled or could not be met are left out.
SELECT
    o.purchase_month,
    o.customer_state,
    coalesce(t.product_category_name_english, p.product_category_name, 'unknown') AS category,
    count(DISTINCT o.order_id) AS orders,
    count(*) AS items,
    sum(i.price) AS revenue,
    sum(i.freight_value) AS freight
FROM orders o
JOIN staged_order_items i ON i.order_id = o.order_id
LEFT JOIN staged_products p ON p.product_id = i.product_id
LEFT JOIN staged_categories t ON t.product_category_name = p.product_category_name
WHERE o.status NOT IN ('canceled', 'unavailable')
GROUP BY o.purchase_month, o.customer_state, coalesce(t.product_category_name_english, p.product_category_name, 'unknown')
