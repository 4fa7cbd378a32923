//! The names of the schema's types, parsed once.

use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy_core::ast::{Eid, EntityType, EntityUID};

/// The entity types of the control plane's schema.
pub(super) struct Vocabulary {
    pub(super) action: EntityType,
    pub(super) role: EntityType,
    pub(super) api_key: EntityType,
    pub(super) user: EntityType,
    pub(super) group: EntityType,
    pub(super) anonymous: EntityType,
    pub(super) instance: EntityType,
    pub(super) tenant: EntityType,
    pub(super) oidc_config: EntityType,
    pub(super) oidc_settings: EntityType,
    pub(super) api_key_record: EntityType,
    pub(super) store: EntityType,
}

pub(super) static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary {
    action: name("Gatewood::Action"),
    role: name("Gatewood::Role"),
    api_key: name("Gatewood::ApiKey"),
    user: name("Gatewood::User"),
    group: name("Gatewood::Group"),
    anonymous: name("Gatewood::Anonymous"),
    instance: name("Gatewood::Instance"),
    tenant: name("Gatewood::Tenant"),
    oidc_config: name("Gatewood::OidcConfig"),
    oidc_settings: name("Gatewood::OidcSettings"),
    api_key_record: name("Gatewood::ApiKeyRecord"),
    store: name("Gatewood::Store"),
});

#[expect(clippy::expect_used, reason = "the names are literals of this file, and every start reads every one")]
fn name(text: &str) -> EntityType {
    EntityType::from_str(text).expect("a literal type name")
}

/// The entity `id` of a type.
pub(super) fn uid(of_type: &EntityType, id: impl AsRef<str>) -> EntityUID {
    EntityUID::from_components(of_type.clone(), Eid::new(id.as_ref()), None)
}
