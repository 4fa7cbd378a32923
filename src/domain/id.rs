//! Ids as types of their own, so that a tenant's id cannot be passed where a key's is meant.

use std::fmt;

use uuid::Uuid;

use super::invalid::{Invalid, quoted};

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// The id with this value.
            #[must_use]
            pub const fn new(value: Uuid) -> Self {
                Self(value)
            }

            /// Reads a hyphenated UUID of any version, in either case.
            ///
            /// # Errors
            /// Names `field` when `text` has another form; braces, `urn:` and unhyphenated
            /// spellings are refused, so that an id has one spelling everywhere.
            pub fn parse(field: &str, text: &str) -> Result<Self, Invalid> {
                parse_hyphenated(text)
                    .map(Self)
                    .ok_or_else(|| Invalid::new(field, format!("{} is not a hyphenated UUID", quoted(text))))
            }

            /// The bare value.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            /// Lower case, hyphenated: the one form in answers, logs, policies and tables.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }
    };
}

uuid_id! {
    /// Which customer of the platform.
    TenantId
}
uuid_id! {
    /// The public id of an API key; it is part of the key's text.
    ApiKeyId
}
uuid_id! {
    /// Which OIDC configuration; a new one each time a tenant's is made afresh.
    OidcConfigId
}

uuid_id! {
    /// Which event of history.
    AuditEventId
}

fn parse_hyphenated(text: &str) -> Option<Uuid> {
    const HYPHENATED: usize = 36;
    (text.len() == HYPHENATED).then(|| Uuid::try_parse(text).ok()).flatten()
}

/// The id of this deployment: a decimal number, made with the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceId(String);

impl InstanceId {
    /// The id that the database stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// A fresh one from 8 random bytes: at most 18 digits, so that it fits every signed 64-bit reader.
    #[must_use]
    pub fn from_random(bytes: [u8; 8]) -> Self {
        const BELOW: u64 = 1_000_000_000_000_000_000;
        Self((u64::from_le_bytes(bytes) % BELOW).to_string())
    }

    /// Its digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::TenantId;

    #[test]
    fn a_tenant_id_is_read_in_either_case_and_written_in_lower_case() {
        let id = TenantId::parse("id", "0190A5C2-7A3B-7C4D-8E5F-00112233AABB").unwrap();
        assert_eq!(id.to_string(), "0190a5c2-7a3b-7c4d-8e5f-00112233aabb");
    }

    #[test]
    fn other_spellings_of_a_uuid_are_refused_with_the_field_named() {
        for text in ["", "x", "0190a5c27a3b7c4d8e5f00112233aabb", "{0190a5c2-7a3b-7c4d-8e5f-00112233aabb}"] {
            let error = TenantId::parse("X-Tenant-ID", text).unwrap_err();
            assert_eq!(error.field, "X-Tenant-ID");
            assert!(error.reason.ends_with("is not a hyphenated UUID"), "{error}");
        }
    }
}
