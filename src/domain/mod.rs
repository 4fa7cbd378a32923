//! The vocabulary: ids, tenants, API keys, OIDC configurations, roles, callers, the clock.
//!
//! Nothing here does I/O or knows Diesel, Cedar or HTTP. A value of one of these types is valid:
//! the constructors are the only place where the rules about it are written.

pub mod api_key;
pub mod audit;
pub mod call;
pub mod caller;
pub mod clock;
pub mod database_url;
pub mod decision_log;
pub mod entropy;
pub mod id;
pub mod invalid;
pub mod mac_key;
pub mod name;
pub mod oidc_config;
pub mod oidc_settings;
pub mod oidc_trial;
pub mod page;
pub mod precondition;
pub mod revision;
pub mod role;
pub mod store_name;
pub mod tenant;
pub mod trusted_issuer;
pub mod user;
pub mod web_origin;

pub use api_key::{ApiKey, KeyDigest, KeyMaterial, KeyScope, StoredCredential};
pub use audit::{AuditEvent, AuditFilter, Origin};
pub use call::{Call, RequestFacts};
pub use caller::{Caller, KeyHolder};
pub use clock::{Clock, Timestamp};
pub use database_url::DatabaseUrl;
pub use decision_log::{ContextPath, Overflow};
pub use entropy::Entropy;
pub use id::{ApiKeyId, AuditEventId, InstanceId, OidcConfigId, TenantId};
pub use invalid::Invalid;
pub use mac_key::MacKey;
pub use name::Name;
pub use oidc_config::{IssuerUrl, OidcConfig, OidcConfigDraft};
pub use oidc_settings::{Lifetime, OidcSettings, TokenLifetimes};
pub use page::{Page, PageRequest};
pub use precondition::{Precondition, Versions};
pub use revision::ETag;
pub use role::{Role, Roles};
pub use store_name::StoreName;
pub use tenant::Tenant;
pub use trusted_issuer::{ClaimPath, SignatureAlgorithm, TenantIssuer, TrustedIssuer};
pub use user::{Identity, User, UserClaims};
pub use web_origin::WebOrigin;
