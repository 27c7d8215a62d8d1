-- Hands leased deliveries back, unsent. They keep their place: due_at is untouched.
UPDATE queue q SET lease_node = NULL
FROM unnest($1::text[], $2::uuid[]) AS given(account_id, id)
WHERE q.account_id = given.account_id AND q.id = given.id AND q.lease_node = $3
