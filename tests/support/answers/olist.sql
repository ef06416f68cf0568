-- DuckDB's own answer to the questions of jobs/pipelines/olist, over the same files. Written apart from that job's
-- SQL: where the two differ, one of them is wrong.
create macro csv(file, types) as table
select * from read_csv('$DATA/' || file || '.csv', header = true, delim = ',', quote = '"', escape = '"',
    allow_quoted_nulls = false, columns = types);

create view expected_staged_customers as from csv('olist_customers_dataset', {
    customer_id: 'varchar', customer_unique_id: 'varchar', customer_zip_code_prefix: 'varchar',
    customer_city: 'varchar', customer_state: 'varchar'});

create view expected_staged_geolocation as from csv('olist_geolocation_dataset', {
    geolocation_zip_code_prefix: 'varchar', geolocation_lat: 'double', geolocation_lng: 'double',
    geolocation_city: 'varchar', geolocation_state: 'varchar'});

create view expected_staged_order_items as from csv('olist_order_items_dataset', {
    order_id: 'varchar', order_item_id: 'bigint', product_id: 'varchar', seller_id: 'varchar',
    shipping_limit_date: 'timestamp', price: 'decimal(12,2)', freight_value: 'decimal(12,2)'});

create view expected_staged_order_payments as from csv('olist_order_payments_dataset', {
    order_id: 'varchar', payment_sequential: 'bigint', payment_type: 'varchar', payment_installments: 'bigint',
    payment_value: 'decimal(12,2)'});

create view expected_staged_order_reviews as from csv('olist_order_reviews_dataset', {
    review_id: 'varchar', order_id: 'varchar', review_score: 'bigint', review_comment_title: 'varchar',
    review_comment_message: 'varchar', review_creation_date: 'timestamp', review_answer_timestamp: 'timestamp'});

create view expected_staged_orders as
select *, strftime(order_purchase_timestamp, '%Y-%m') as purchase_month from csv('olist_orders_dataset', {
    order_id: 'varchar', customer_id: 'varchar', order_status: 'varchar', order_purchase_timestamp: 'timestamp',
    order_approved_at: 'timestamp', order_delivered_carrier_date: 'timestamp',
    order_delivered_customer_date: 'timestamp', order_estimated_delivery_date: 'timestamp'});

create view expected_staged_products as from csv('olist_products_dataset', {
    product_id: 'varchar', product_category_name: 'varchar', product_name_length: 'bigint',
    product_description_length: 'bigint', product_photos_qty: 'bigint', product_weight_g: 'bigint',
    product_length_cm: 'bigint', product_height_cm: 'bigint', product_width_cm: 'bigint'});

create view expected_staged_sellers as from csv('olist_sellers_dataset', {
    seller_id: 'varchar', seller_zip_code_prefix: 'varchar', seller_city: 'varchar', seller_state: 'varchar'});

create view expected_staged_categories as from csv('product_category_name_translation', {
    product_category_name: 'varchar', product_category_name_english: 'varchar'});

create view last_reviews as
from expected_staged_order_reviews
qualify row_number() over (partition by order_id order by review_answer_timestamp desc, review_id) = 1;

create view expected_orders as
select o.order_id, o.customer_id, c.customer_unique_id, c.customer_city, c.customer_state, o.order_status as status,
    o.order_purchase_timestamp as purchased_at, o.order_delivered_customer_date as delivered_at,
    o.order_estimated_delivery_date as promised_at,
    o.order_delivered_customer_date > o.order_estimated_delivery_date as late,
    (select count(*) from expected_staged_order_items i where i.order_id = o.order_id) as items,
    (select count(distinct product_id) from expected_staged_order_items i where i.order_id = o.order_id) as products,
    (select count(distinct seller_id) from expected_staged_order_items i where i.order_id = o.order_id) as sellers,
    (select sum(price) from expected_staged_order_items i where i.order_id = o.order_id) as items_value,
    (select sum(freight_value) from expected_staged_order_items i where i.order_id = o.order_id) as freight_value,
    (select count(*) from expected_staged_order_payments p where p.order_id = o.order_id) as payments,
    (select sum(payment_value) from expected_staged_order_payments p where p.order_id = o.order_id) as paid_value,
    (select max(payment_installments) from expected_staged_order_payments p where p.order_id = o.order_id)
        as installments_max,
    (select sum(if(payment_type = 'credit_card', payment_value, 0)) from expected_staged_order_payments p
        where p.order_id = o.order_id) as paid_by_credit_card,
    (select sum(if(payment_type = 'voucher', payment_value, 0)) from expected_staged_order_payments p
        where p.order_id = o.order_id) as paid_by_voucher,
    r.review_score, r.review_comment_title, r.review_comment_message, o.purchase_month
from expected_staged_orders o
join expected_staged_customers c using (customer_id)
left join last_reviews r on r.order_id = o.order_id;

create view expected_customers as
select customer_unique_id, arg_max(customer_city, (purchased_at, order_id)) as city,
    arg_max(customer_state, (purchased_at, order_id)) as state, count(*) as orders,
    count(*) filter (status = 'delivered') as delivered_orders, count(*) filter (late) as late_orders,
    sum(items)::bigint as items, sum(paid_value) as paid_value, min(purchased_at) as first_purchase_at,
    max(purchased_at) as last_purchase_at, min(review_score) as lowest_score
from expected_orders group by customer_unique_id;

create view expected_monthly_revenue as
select purchase_month, customer_state,
    coalesce(product_category_name_english, product_category_name, 'unknown') as category,
    count(distinct order_id) as orders, count(*) as items, sum(price) as revenue, sum(i.freight_value) as freight
from expected_staged_order_items i
join expected_orders o using (order_id)
left join expected_staged_products p using (product_id)
left join expected_staged_categories t using (product_category_name)
where status not in ('canceled', 'unavailable')
group by all;
