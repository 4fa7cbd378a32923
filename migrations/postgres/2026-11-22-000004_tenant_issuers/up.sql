-- The issuer without the slashes at its end: what the tokens of tenants' issuers are looked up by.
ALTER TABLE oidc_configs
    ADD COLUMN issuer_key TEXT NOT NULL GENERATED ALWAYS AS (rtrim(issuer_url, '/')) STORED;
CREATE INDEX oidc_configs_by_issuer ON oidc_configs (issuer_key);

-- What a token may name in place of the client.
ALTER TABLE oidc_configs ADD COLUMN audience TEXT;
ALTER TABLE oidc_configs ADD COLUMN accept_id_tokens BOOLEAN NOT NULL DEFAULT FALSE;
