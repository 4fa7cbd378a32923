//! One immutable, validated, indexed version of a store.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use cedar_policy::{Effect, Schema};
use cedar_policy_core::ast::{EntityType, EntityUID, Expr, SlotEnv};
use cedar_policy_core::entities::Entities;
use cedar_policy_core::validator::ValidatorSchema;
use sha2::{Digest, Sha256};

use super::index::ScopeIndex;
use super::{Annotations, Sensitive, StoreSource};

/// The name of the store that guards Gatewood's own API.
pub(super) const CONTROL_STORE: &str = "gatewood";

/// One policy of a snapshot.
#[derive(Debug)]
pub struct Policy {
    /// Its id: what its `@id` says.
    pub id: String,
    /// Whether it permits or forbids.
    pub effect: Effect,
    /// Its annotations.
    pub annotations: Annotations,
    /// The file it stands in, relative to the store's folder, and the line, from 1.
    pub place: (String, usize),
    /// Scope and conditions as one expression, put together once.
    pub(crate) condition: Expr,
    /// What the slots of a linked template stand for.
    pub(crate) slots: SlotEnv,
}

/// A hash over everything that a store's decisions depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRevision(String);

impl PolicyRevision {
    /// SHA-256 over the schema and the policy files with their names, each with its length before
    /// it, so that text cannot move from one file to the next unnoticed. The schema's own name is
    /// not in it: replicas may keep it in different places.
    pub(super) fn of(source: &StoreSource) -> Self {
        let mut hash = Sha256::new();
        let files = source.policies.iter().flat_map(|file| [file.name.as_str(), file.text.as_str()]);
        for part in std::iter::once(source.schema.text.as_str()).chain(files) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hex::encode(hash.finalize()))
    }

    /// Its 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyRevision {
    /// The first 12 digits, as people quote it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get(..12).unwrap_or(&self.0))
    }
}

/// One version of a store. It never changes; a new version is a new snapshot.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) store: String,
    pub(super) revision: PolicyRevision,
    pub(super) schema: Schema,
    pub(super) sensitive: Arc<Sensitive>,
    pub(super) policies: Vec<Policy>,
    pub(super) index: ScopeIndex,
    /// For each of the schema's actions, a set of entities with it and its groups alone.
    pub(super) actions: HashMap<EntityUID, Entities>,
}

impl Snapshot {
    /// The store's name.
    #[must_use]
    pub fn store(&self) -> &str {
        &self.store
    }

    /// Which version this is.
    #[must_use]
    pub const fn revision(&self) -> &PolicyRevision {
        &self.revision
    }

    /// The schema that every request is checked against.
    #[must_use]
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// What the schema marks with `@sensitive`.
    #[must_use]
    pub const fn sensitive(&self) -> &Arc<Sensitive> {
        &self.sensitive
    }

    /// Every policy, in the order of the ids.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The same, as the engine's parts take it.
    pub(crate) fn core_schema(&self) -> &ValidatorSchema {
        self.schema.as_ref()
    }

    /// The action with the groups that the schema puts it in, for the entities of a request.
    pub(crate) fn entities_of_action(&self, action: &EntityUID) -> Entities {
        self.actions.get(action).cloned().unwrap_or_default()
    }

    /// The policies whose scope can match, in the order of the ids. A policy whose scope does not
    /// match is false before its conditions run, so leaving it out changes no decision.
    ///
    /// `principal_line` is the principal and all its ancestors.
    pub(crate) fn candidates<'a>(
        &'a self,
        principal_line: &[EntityUID],
        action: &EntityUID,
        resource_type: &EntityType,
    ) -> impl Iterator<Item = &'a Policy> + use<'a> {
        let found = self.index.candidates(principal_line, action, resource_type);
        found.into_iter().filter_map(|position| self.policies.get(position))
    }
}
