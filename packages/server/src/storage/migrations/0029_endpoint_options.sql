-- What an endpoint may ask for where its contract allows it: fewer requests at a time; events without their payloads.
ALTER TABLE endpoints
  ADD COLUMN concurrency int CHECK (concurrency > 0),
  ADD COLUMN thin boolean NOT NULL DEFAULT false,
  -- The URL whose owner has echoed a challenge; another one than `url` is not proven.
  ADD COLUMN proven_url text;
