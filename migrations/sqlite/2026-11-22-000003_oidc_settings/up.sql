-- How long the tokens of the instance live: one row, or none. Lifetimes are decimal seconds with an
-- 's', like '43200s' or '0.5s', exact to the nanosecond.

CREATE TABLE oidc_settings (
    singleton          INTEGER   NOT NULL PRIMARY KEY CHECK (singleton = 1),
    access_token       TEXT      NOT NULL,
    id_token           TEXT      NOT NULL,
    refresh_token_idle TEXT      NOT NULL,
    refresh_token      TEXT      NOT NULL,
    -- Grows with every change.
    sequence           BIGINT    NOT NULL CHECK (sequence >= 1),
    created_at         TIMESTAMP NOT NULL,
    changed_at         TIMESTAMP NOT NULL
);
