//! The names of the schema's types, parsed once.

use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{EntityId, EntityTypeName, EntityUid};

/// The entity types of the control plane's schema.
pub(super) struct Vocabulary {
    pub(super) action: EntityTypeName,
    pub(super) role: EntityTypeName,
    pub(super) api_key: EntityTypeName,
    pub(super) anonymous: EntityTypeName,
    pub(super) instance: EntityTypeName,
    pub(super) tenant: EntityTypeName,
    pub(super) oidc_config: EntityTypeName,
    pub(super) api_key_record: EntityTypeName,
}

pub(super) static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary {
    action: name("Gatewood::Action"),
    role: name("Gatewood::Role"),
    api_key: name("Gatewood::ApiKey"),
    anonymous: name("Gatewood::Anonymous"),
    instance: name("Gatewood::Instance"),
    tenant: name("Gatewood::Tenant"),
    oidc_config: name("Gatewood::OidcConfig"),
    api_key_record: name("Gatewood::ApiKeyRecord"),
});

#[expect(clippy::expect_used, reason = "the names are literals of this file, and a test reads every one")]
fn name(text: &str) -> EntityTypeName {
    EntityTypeName::from_str(text).expect("a literal type name")
}

/// The entity `id` of a type.
pub(super) fn uid(of_type: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(of_type.clone(), EntityId::new(id))
}
