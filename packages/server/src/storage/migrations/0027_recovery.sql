-- When an endpoint was switched on again that had been switched off for its failures: it is sent to gently at first.
ALTER TABLE endpoints ADD COLUMN recovering_at timestamptz;
