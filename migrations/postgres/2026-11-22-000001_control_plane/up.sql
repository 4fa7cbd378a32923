-- Ids are hyphenated lower-case UUIDs, times are UTC. The same tables as for SQLite.

CREATE TABLE instance (
    singleton        INTEGER   NOT NULL PRIMARY KEY CHECK (singleton = 1),
    id               TEXT      NOT NULL,
    -- Where the control plane's policies came from when the database was last used: 'folder' or 'embedded'.
    control_policies TEXT      NOT NULL CHECK (control_policies IN ('folder', 'embedded')),
    -- Moves with every change that takes a right away, so that every replica forgets what it cached.
    authn_epoch      BIGINT    NOT NULL DEFAULT 0,
    created_at       TIMESTAMP NOT NULL
);

CREATE TABLE tenants (
    id         TEXT      NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    name       TEXT      NOT NULL UNIQUE,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);

CREATE TABLE oidc_configs (
    id            TEXT      NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    tenant_id     TEXT      NOT NULL UNIQUE REFERENCES tenants (id) ON DELETE CASCADE,
    issuer_url    TEXT      NOT NULL,
    client_id     TEXT      NOT NULL,
    -- With a space between; a scope has none in it.
    scopes        TEXT      NOT NULL,
    -- The client secret, sealed under the key of that id.
    secret_key_id TEXT      NOT NULL,
    secret_sealed BYTEA     NOT NULL,
    version       BIGINT    NOT NULL,
    created_at    TIMESTAMP NOT NULL,
    updated_at    TIMESTAMP NOT NULL
);
CREATE INDEX oidc_configs_by_secret_key ON oidc_configs (secret_key_id);

CREATE TABLE api_keys (
    id                   TEXT      NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    -- NULL: an instance-level key.
    tenant_id            TEXT      REFERENCES tenants (id) ON DELETE CASCADE,
    name                 TEXT      NOT NULL,
    roles                TEXT      NOT NULL CHECK (tenant_id IS NULL OR ' ' || roles || ' ' NOT LIKE '% root %'),
    -- SHA-256 of the key's text.
    digest               BYTEA     NOT NULL CHECK (octet_length(digest) = 32),
    previous_digest      BYTEA,
    previous_valid_until TIMESTAMP,
    created_at           TIMESTAMP NOT NULL,
    created_by           TEXT      NOT NULL,
    expires_at           TIMESTAMP,
    suspended_at         TIMESTAMP,
    -- A revoked key stays, so that it can never be made valid again by presetting it.
    revoked_at           TIMESTAMP,
    last_used_at         TIMESTAMP
);
CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id, id);
