//! Who is asking.

use std::sync::Arc;

use super::{ApiKeyId, IssuerUrl, KeyScope, Name, Role, Roles, TenantId, User};

/// Who is asking Gatewood. It becomes the Cedar principal of the control plane.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Nobody that is known: no credential was presented.
    Anonymous,
    /// The holder of an API key.
    ApiKey(Arc<KeyHolder>),
    /// Somebody with a JWT of a trusted issuer.
    User(Arc<User>),
}

/// The holder of an API key.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyHolder {
    /// The key's id.
    pub id: ApiKeyId,
    /// The key's name.
    pub name: Name,
    /// Whose key it is.
    pub scope: KeyScope,
    /// Its roles and all that they hold.
    pub roles: Roles,
}

impl Caller {
    /// The most characters that a [`Self::label`] has: `user:<tenant>|<issuer>#<subject>`.
    pub const LONGEST_LABEL: usize = "user:".len() + 36 + 1 + IssuerUrl::LONGEST + 1 + User::LONGEST_SUBJECT;

    /// Whether nobody is known to be asking.
    #[must_use]
    pub const fn is_anonymous(&self) -> bool {
        matches!(self, Self::Anonymous)
    }

    /// The tenant that the caller belongs to.
    #[must_use]
    pub fn tenant(&self) -> Option<TenantId> {
        match self {
            Self::Anonymous => None,
            Self::ApiKey(key) => key.scope.tenant(),
            Self::User(user) => user.tenant(),
        }
    }

    /// Whether the caller has a role, or one that holds it.
    #[must_use]
    pub fn has_role(&self, role: Role) -> bool {
        match self {
            Self::Anonymous => false,
            Self::ApiKey(key) => key.roles.contains(role),
            Self::User(user) => user.identity().roles.contains(role),
        }
    }

    /// The caller in a log line or a `created_by`: `api_key:<id>`, `user:<id>` or `anonymous`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::ApiKey(key) => format!("api_key:{}", key.id),
            Self::User(user) => format!("user:{}", user.id()),
        }
    }
}
