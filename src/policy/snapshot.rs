//! One immutable, validated, indexed version of a store.

use std::fmt;
use std::sync::Arc;

use cedar_policy::{Effect, Schema};
use cedar_policy_core::ast::{Entity, EntityUID, Expr};
use cedar_policy_core::validator::ValidatorSchema;
use sha2::{Digest, Sha256};

use super::entities::Known;
use super::index::{Party, ScopeIndex};
use super::pace::{Breath, Pace};
use super::reach::Reach;
use super::{Annotations, Sensitive, SourceFile, StoreSettings, StoreSource};
use crate::values::Types;

/// The name of the store that guards Gatewood's own API.
pub const CONTROL_STORE: &str = "gatewood";

/// One policy of a snapshot.
#[derive(Debug)]
pub struct Policy {
    /// Its id: what its `@id` says, else its file's name and its number within, as in `albums.cedar#2`.
    pub id: String,
    /// Whether it permits or forbids.
    pub effect: Effect,
    /// Its annotations.
    pub annotations: Annotations,
    /// The file that it stands in, relative to the store's folder; that of the template for a linked one.
    pub file: String,
    /// The line of that file, from 1; `None` in Cedar's JSON format, which has no places.
    pub line: Option<usize>,
    /// The template that it was made of.
    pub template: Option<String>,
    /// Where in the file it stands, in bytes.
    pub(super) span: Option<(usize, usize)>,
    /// In Cedar's syntax, where the file has it in another.
    pub(super) text: Option<String>,
    /// What is to be evaluated once the scope matches; `None`: nothing, it holds.
    pub(crate) condition: Option<Arc<Expr>>,
    /// How far the condition looks into entities.
    pub(crate) reach: Reach,
}

/// A hash over everything that a store's decisions depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRevision(Arc<str>);

impl PolicyRevision {
    /// SHA-256 over the store's files with their names, each with its length before it, so that text
    /// cannot move from one file to the next unnoticed. The schema's name is not in it where there is
    /// just one: the control plane's lies in different places.
    #[must_use]
    pub fn of(source: &StoreSource) -> Self {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        let anonymous =
            |file: &SourceFile| source.schemas.len() == 1 && source.schemas.iter().any(|only| only.name == file.name);
        for file in source.files() {
            part(if anonymous(file) { "schema" } else { &file.name });
            part(&file.text);
        }
        Self(hex::encode(hash.finalize()).into())
    }

    /// Its 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, to be kept.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
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
    pub(super) store: Arc<str>,
    pub(super) revision: PolicyRevision,
    pub(super) schema: Schema,
    pub(super) types: Types,
    pub(super) settings: StoreSettings,
    pub(super) sensitive: Arc<Sensitive>,
    pub(super) policies: Vec<Policy>,
    pub(super) templates: usize,
    pub(super) index: ScopeIndex,
    pub(super) known: Known,
    /// Each of the schema's actions, with its groups.
    pub(super) actions: hashbrown::HashMap<EntityUID, Arc<Entity>, foldhash::fast::RandomState>,
    /// What it was made of; without the entities where they are many.
    pub(super) source: StoreSource,
}

impl Snapshot {
    /// Longer texts of entities are not kept, in bytes: the entities themselves are there.
    pub const LONGEST_ENTITIES: usize = 4 * 1024 * 1024;

    /// Frees it beside requests: a large one takes some time.
    pub fn free(self) {
        let breath = Breath::of(Pace::BesideRequests);
        for policy in self.policies {
            drop(policy);
            breath.take();
        }
        self.known.free(&breath);
    }

    /// The store's name.
    #[must_use]
    pub fn store(&self) -> &Arc<str> {
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

    /// The store's settings.
    #[must_use]
    pub const fn settings(&self) -> &StoreSettings {
        &self.settings
    }

    /// What the schema marks with `@sensitive`.
    #[must_use]
    pub const fn sensitive(&self) -> &Arc<Sensitive> {
        &self.sensitive
    }

    /// Every policy, in the order of the ids; those that links made of templates among them.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The policy of this id.
    #[must_use]
    pub fn policy(&self, id: &str) -> Option<&Policy> {
        let position = self.policies.binary_search_by(|policy| policy.id.as_str().cmp(id)).ok()?;
        self.policies.get(position)
    }

    /// A policy's text in Cedar's syntax; that of the template for a linked one.
    #[must_use]
    pub fn text<'a>(&'a self, policy: &'a Policy) -> Option<&'a str> {
        let in_file = || {
            let files = &self.source.policies;
            let file = files.get(files.binary_search_by(|file| file.name.cmp(&policy.file)).ok()?)?;
            file.text.get(policy.span?.0..policy.span?.1)
        };
        policy.text.as_deref().or_else(in_file)
    }

    /// How many templates there are.
    #[must_use]
    pub const fn templates(&self) -> usize {
        self.templates
    }

    /// How many entities are stored.
    #[must_use]
    pub fn stored_entities(&self) -> usize {
        self.known.stored()
    }

    /// How many policies name no principal and no resource in their scope: every request visits them.
    #[must_use]
    pub fn unscoped_policies(&self) -> usize {
        self.index.unscoped()
    }

    /// What it was made of; without the entities where their text is longer than [`Self::LONGEST_ENTITIES`].
    #[must_use]
    pub const fn source(&self) -> &StoreSource {
        &self.source
    }

    /// The schema's types.
    #[must_use]
    pub const fn types(&self) -> &Types {
        &self.types
    }

    /// The schema, as the engine's parts take it.
    pub(crate) fn core_schema(&self) -> &ValidatorSchema {
        self.schema.as_ref()
    }

    /// The numbered entities.
    pub(crate) const fn known(&self) -> &Known {
        &self.known
    }

    /// The action with the groups that the schema puts it in.
    pub(crate) fn action_entity(&self, action: &EntityUID) -> Option<&Arc<Entity>> {
        self.actions.get(action)
    }

    /// The positions of the policies whose scope matches, in the order of the ids.
    pub(crate) fn candidates(&self, principal: &Party<'_>, action: &EntityUID, resource: &Party<'_>) -> Vec<u32> {
        self.index.candidates(principal, action, resource)
    }

    /// Whether the scope of any permit matches. Where none does, nothing is allowed, whatever else is asked.
    pub(crate) fn can_permit(&self, principal: &Party<'_>, action: &EntityUID, resource: &Party<'_>) -> bool {
        let candidates = self.candidates(principal, action, resource);
        let mut policies = candidates.into_iter().filter_map(|at| self.policies.get(at as usize));
        policies.any(|policy| policy.effect == Effect::Permit)
    }
}
