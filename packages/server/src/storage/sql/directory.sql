-- Everything that fanning out and sending need to know about one account, in one round trip.
SELECT a.id, a.name, a.contract, a.metadata, a.version::text, EXISTS (SELECT FROM feeds f WHERE f.account_id = a.id) AS has_feed,
  coalesce((
    SELECT json_agg(json_build_object(
      'id', e.id, 'url', e.url, 'status', e.status, 'subscriptions', e.subscriptions, 'headers', e.headers,
      'sealed_headers', (
        SELECT json_build_object('id', h.id::text, 'key_id', h.key_id, 'ciphertext', encode(h.ciphertext, 'base64'))
        FROM endpoint_headers h WHERE h.id = e.headers_id),
      'sealed_auth', (
        SELECT json_build_object('key_id', h.key_id, 'ciphertext', encode(h.ciphertext, 'base64'))
        FROM endpoint_auth h WHERE h.endpoint_id = e.id),
      'sealed_tls', (
        SELECT json_build_object('key_id', h.key_id, 'ciphertext', encode(h.ciphertext, 'base64'))
        FROM endpoint_tls h WHERE h.endpoint_id = e.id),
      'sealed_transformation', (
        SELECT json_build_object('key_id', h.key_id, 'ciphertext', encode(h.ciphertext, 'base64'))
        FROM endpoint_transformations h WHERE h.endpoint_id = e.id),
      'version', e.version, 'rate_limit', e.rate_limit, 'concurrency', e.concurrency, 'thin', e.thin, 'proven_url', e.proven_url,
      'testing_until', e.testing_until, 'recovering_at', e.recovering_at,
      'secrets', (
        SELECT json_agg(json_build_object('number', s.number, 'key_id', s.key_id, 'ciphertext', encode(s.ciphertext, 'base64'),
                                          'expires_at', s.expires_at) ORDER BY s.number DESC)
        FROM endpoint_secrets s WHERE s.endpoint_id = e.id)
    ) ORDER BY e.id)
    FROM endpoints e WHERE e.account_id = a.id
  ), '[]') AS endpoints
FROM accounts a WHERE a.id = $1 AND a.closed_at IS NULL
