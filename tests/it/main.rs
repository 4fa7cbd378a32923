//! Integration tests: everything through the real server, on both databases.

mod support;

mod api_keys;
mod architecture;
mod authorization_matrix;
mod bad_input;
mod cli;
mod documentation;
mod faults;
mod licences;
mod oidc_config;
mod policies;
mod repositories;
mod secrets_never_show;
mod tenants;
