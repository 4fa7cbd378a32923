//! What is kept, and how. The only module that names Diesel.
//!
//! One repository per aggregate, written once for both backends. Row structs stay in here, secrets are
//! hashed or sealed in here, and a database that is away is an error of its own, never "not found".
//!
//! A lookup by a unique key is `get_result`, not `first`: the bound `LIMIT ?` of `first` makes SQLite
//! prepare the statement anew each time a value is bound to it.

mod api_keys;
mod audit_events;
mod change;
mod connection;
mod database;
mod error;
mod instance;
mod key_ring;
mod migrations;
mod oidc_configs;
mod oidc_settings;
mod readable;
mod reseal;
mod schema;
mod tenants;

pub use api_keys::{ApiKeys, NewApiKey, RootKeyOutcome};
pub use audit_events::AuditEvents;
pub use database::{Database, PoolSettings, PoolState};
pub use error::StoreError;
pub use instance::{ControlPolicies, Instance, InstanceRow};
pub use key_ring::{KeyRing, KeyRingError, Sealed};
pub use oidc_configs::{OidcConfigs, Upserted};
pub use oidc_settings::StoredOidcSettings;
pub use reseal::{Resealed, count_rows, reseal};
pub use tenants::Tenants;
