//! Integration tests: everything through the real server, on both databases.

mod support;

mod api_keys;
mod authorization_matrix;
mod oidc_config;
mod tenants;
