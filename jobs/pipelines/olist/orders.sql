-- One row an order, with what was ordered, paid and said of it. Items, payments and reviews are summed up before they
-- are joined: joined as they are, they would multiply each other.
WITH items AS (
    SELECT
        order_id,
        count(*) AS items,
        count(DISTINCT product_id) AS products,
        count(DISTINCT seller_id) AS sellers,
        sum(price) AS items_value,
        sum(freight_value) AS freight_value
    FROM staged_order_items
    GROUP BY order_id
),

payments AS (
    SELECT
        order_id,
        count(*) AS payments,
        sum(payment_value) AS paid_value,
        max(payment_installments) AS installments_max,
        sum(CASE WHEN payment_type = 'credit_card' THEN payment_value ELSE 0 END) AS paid_by_credit_card,
        sum(CASE WHEN payment_type = 'voucher' THEN payment_value ELSE 0 END) AS paid_by_voucher
    FROM staged_order_payments
    GROUP BY order_id
),

-- Of several reviews of an order the last one counts.
reviews AS (
    SELECT order_id, review_score, review_comment_title, review_comment_message
    FROM (
        SELECT
            *,
            row_number() OVER (PARTITION BY order_id ORDER BY review_answer_timestamp DESC, review_id) AS place
        FROM staged_order_reviews
    )
    WHERE place = 1
)

SELECT
    o.order_id,
    o.customer_id,
    c.customer_unique_id,
    c.customer_city,
    c.customer_state,
    o.order_status AS status,
    o.order_purchase_timestamp AS purchased_at,
    o.order_delivered_customer_date AS delivered_at,
    o.order_estimated_delivery_date AS promised_at,
    o.order_delivered_customer_date > o.order_estimated_delivery_date AS late,
    coalesce(i.items, 0) AS items,
    coalesce(i.products, 0) AS products,
    coalesce(i.sellers, 0) AS sellers,
    i.items_value,
    i.freight_value,
    coalesce(p.payments, 0) AS payments,
    p.paid_value,
    p.installments_max,
    p.paid_by_credit_card,
    p.paid_by_voucher,
    r.review_score,
    r.review_comment_title,
    r.review_comment_message,
    o.purchase_month
FROM staged_orders o
JOIN staged_customers c ON c.customer_id = o.customer_id
LEFT JOIN items i ON i.order_id = o.order_id
LEFT JOIN payments p ON p.order_id = o.order_id
LEFT JOIN reviews r ON r.order_id = o.order_id
