-- What an endpoint may ask for where its contract allows it: fewer requests at a time; events without their payloads.
ALTER TABLE endpoints
  ADD COLUMN concurrency int CHECK (concurrency > 0),
  ADD COLUMN thin boolean NOT NULL DEFAULT false,
  -- The URL whose receiver wants its requests: it has echoed a challenge, or the contract asked for none when it was set. '': it
  -- is yet to be asked. NULL: from before anybody was asked.
  ADD COLUMN proven_url text;
