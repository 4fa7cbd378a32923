ALTER TABLE oidc_configs DROP COLUMN accept_id_tokens;
ALTER TABLE oidc_configs DROP COLUMN audience;
DROP INDEX oidc_configs_by_issuer;
ALTER TABLE oidc_configs DROP COLUMN issuer_key;
