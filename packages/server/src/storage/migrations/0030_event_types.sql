-- Event types that the product declares by the API, in contracts that leave triggers free.
CREATE TABLE event_types (
  contract    text COLLATE "C" NOT NULL,
  name        text COLLATE "C" NOT NULL,
  version     int NOT NULL,
  label       text NOT NULL,
  description text NOT NULL,
  -- JSON as it came: of the newest version, and NULL where payloads may be anything.
  schema      text,
  sample      text,
  deprecated  boolean NOT NULL,
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL,
  PRIMARY KEY (contract, name)
);

-- Every schema that a type has had, the newest too.
CREATE TABLE event_type_versions (
  contract   text COLLATE "C" NOT NULL,
  name       text COLLATE "C" NOT NULL,
  version    int NOT NULL,
  schema     text,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (contract, name, version),
  FOREIGN KEY (contract, name) REFERENCES event_types ON DELETE CASCADE
);

-- How strictly publishing is checked against the types of a contract; without a row, as the contract says.
CREATE TABLE event_type_checks (
  contract text COLLATE "C" PRIMARY KEY,
  mode     text NOT NULL CHECK (mode IN ('off', 'warn', 'reject'))
);
