DROP TABLE api_keys;
DROP TABLE oidc_configs;
DROP TABLE tenants;
DROP TABLE instance;
