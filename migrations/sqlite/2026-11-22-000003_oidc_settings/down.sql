DROP TABLE oidc_settings;
