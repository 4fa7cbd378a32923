//! Integration tests: everything through the real server, on both databases.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::format_collect,
    reason = "a test that cannot go on fails, and tests read the ambient clock, variables and generator; how fast they build a text matters little"
)]

mod support;

mod api_keys;
mod architecture;
mod audit_events;
mod authorization_matrix;
mod authzen;
mod bad_input;
mod busy_issuers;
mod cli;
mod cors;
mod decide;
mod decision_log;
mod decision_parity;
mod decisions;
mod documentation;
mod faults;
mod grpc;
mod grpc_port;
mod issuers;
mod jwt;
mod licences;
mod metrics;
mod oidc_check;
mod oidc_config;
mod oidc_settings;
mod oidc_settings_parity;
mod photoflash;
mod policies;
mod repositories;
mod revisions;
mod secrets_never_show;
mod stores;
mod tenants;
mod tls;
mod traces;
