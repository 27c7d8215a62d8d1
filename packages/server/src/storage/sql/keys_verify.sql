-- The keys behind these digests, several callers' at a time.
SELECT d.digest, k.id, k.account_id, a.contract, k.scopes, k.enabled, k.networks, least(k.expires_at, d.expires_at) AS expires_at
FROM api_key_digests d
JOIN api_keys k ON k.id = d.key_id
JOIN accounts a ON a.id = k.account_id
WHERE d.digest = ANY ($1::bytea[]) AND a.closed_at IS NULL
