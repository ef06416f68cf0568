-- The orders as they are, with the month of purchase, by which they are kept.
SELECT *, to_char(order_purchase_timestamp, '%Y-%m') AS purchase_month
FROM csv_orders
