//! `store.toml`: how a store wants to be asked.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Finding, SourceFile};
use crate::domain::TenantId;
use crate::values::Types;

/// What a `forbid` that cannot be evaluated does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnForbidError {
    /// It denies, and is determining: a policy that was meant to close a door must not open it by failing.
    #[default]
    Deny,
    /// It is skipped, as the engine itself does.
    Cedar,
}

/// What a request may say of entities that are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestAttributes {
    /// It may add attributes and tags; those that are stored win, and so does where the entity is in.
    #[default]
    Add,
    /// Its attributes and tags win, and it may put a stored entity into others: the callers are the source of truth.
    Override,
}

/// Which tenants may ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum OpenTo {
    /// None: instance-level callers only.
    #[default]
    Nobody,
    /// These.
    Tenants(BTreeSet<TenantId>),
    /// Every one.
    Every,
}

impl OpenTo {
    /// Whether this tenant may ask.
    #[must_use]
    pub fn includes(&self, tenant: TenantId) -> bool {
        match self {
            Self::Nobody => false,
            Self::Tenants(tenants) => tenants.contains(&tenant),
            Self::Every => true,
        }
    }
}

/// `[search]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchLimits {
    /// How many results a page has when the request does not say.
    pub default_limit: usize,
    /// How many results a page has at most.
    pub max_limit: usize,
    /// How many candidates one request evaluates at most; what is left is on the next page.
    pub max_candidates: usize,
}

impl Default for SearchLimits {
    fn default() -> Self {
        Self { default_limit: 100, max_limit: 1000, max_candidates: 10_000 }
    }
}

/// What the ids of people and groups from tokens are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenIds {
    /// `<issuer>#<subject>`, with `<tenant>|` before it for the users of tenants, and `<issuer>#<group>`: no
    /// issuer can speak for the people of another.
    #[default]
    Qualified,
    /// The subject and the group's name as they are, where all tokens come from one issuer.
    Plain,
}

/// `[token]`: what the people are in the store whom tokens name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSettings {
    /// The entity type of people.
    pub principal: String,
    /// The entity type of their groups. Where the schema does not put people into it, groups are no parents.
    pub group: String,
    /// What their ids are.
    pub ids: TokenIds,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self { principal: "User".to_owned(), group: "Group".to_owned(), ids: TokenIds::default() }
    }
}

/// The settings of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreSettings {
    /// Where names without a namespace are looked up.
    pub default_namespace: String,
    /// What a `forbid` that cannot be evaluated does.
    pub on_forbid_error: OnForbidError,
    /// What a request may say of stored entities.
    pub request_attributes: RequestAttributes,
    /// Which tenants may ask.
    pub open_to: OpenTo,
    /// What AuthZEN's types are called in the schema.
    pub types: BTreeMap<String, String>,
    /// What AuthZEN's actions are called in the schema.
    pub actions: BTreeMap<String, String>,
    /// The limits of searches.
    pub search: SearchLimits,
    /// What people with tokens are.
    pub token: TokenSettings,
}

/// The file.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct File {
    default_namespace: Option<String>,
    on_forbid_error: OnForbidError,
    request_attributes: RequestAttributes,
    tenants: Option<Tenants>,
    types: BTreeMap<String, String>,
    actions: BTreeMap<String, String>,
    search: SearchLimits,
    token: Option<TokenSettings>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`tenants` must be \"any\" or a list of tenants' ids")]
enum Tenants {
    Word(String),
    List(Vec<String>),
}

impl StoreSettings {
    /// Reads the file, where there is one. `only_namespace`: the schema's, when it has just one.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn read(file: Option<&SourceFile>, only_namespace: Option<&str>) -> Result<Self, Vec<Finding>> {
        let only = only_namespace.unwrap_or_default();
        let Some(source) = file else {
            return Ok(Self { default_namespace: only.to_owned(), ..Self::default() });
        };
        let file: File = toml::from_str(&source.text).map_err(|error| {
            let (message, span) = (error.message().to_owned(), error.span());
            vec![match span {
                Some(span) => Finding::at(&source.name, &source.text, span.start, message),
                None => Finding::of_file(&source.name, message),
            }]
        })?;
        let mut wrong = Vec::new();
        let open_to = match file.tenants {
            None => OpenTo::Nobody,
            Some(Tenants::Word(word)) if word == "any" => OpenTo::Every,
            Some(Tenants::Word(word)) => {
                wrong.push(format!("tenants `{word}` is neither \"any\" nor a list of tenants' ids"));
                OpenTo::Nobody
            }
            Some(Tenants::List(ids)) => {
                let mut tenants = BTreeSet::new();
                for id in &ids {
                    match TenantId::parse("tenants", id) {
                        Ok(tenant) => drop(tenants.insert(tenant)),
                        Err(invalid) => wrong.push(format!("tenants: `{id}` {}", invalid.reason)),
                    }
                }
                OpenTo::Tenants(tenants)
            }
        };
        let search = file.search;
        if search.default_limit == 0 || search.max_candidates == 0 || search.default_limit > search.max_limit {
            wrong.push(
                "[search]: default_limit and max_candidates must be at least 1, and default_limit at most max_limit"
                    .to_owned(),
            );
        }
        if !wrong.is_empty() {
            return Err(wrong.into_iter().map(|message| Finding::of_file(&source.name, message)).collect());
        }
        Ok(Self {
            default_namespace: file.default_namespace.unwrap_or_else(|| only.to_owned()),
            on_forbid_error: file.on_forbid_error,
            request_attributes: file.request_attributes,
            open_to,
            types: file.types,
            actions: file.actions,
            search,
            token: file.token.unwrap_or_default(),
        })
    }

    /// Whether everything that is named is there.
    ///
    /// # Errors
    /// What the schema does not have.
    pub(super) fn check(&self, file: &SourceFile, types: &Types) -> Vec<Finding> {
        let of_types = self.types.iter().filter(|(_, name)| types.find(name).is_none());
        let of_types = of_types.map(|(from, name)| format!("[types] {from}: the schema has no entity type `{name}`"));
        let of_actions = self.actions.iter().filter(|(_, name)| types.action(name).is_none());
        let of_actions = of_actions.map(|(from, name)| format!("[actions] {from}: the schema has no action `{name}`"));
        let default = TokenSettings::default();
        let said =
            [("principal", &self.token.principal, &default.principal), ("group", &self.token.group, &default.group)];
        let of_tokens = said.into_iter().filter(|(_, name, default)| name != default && types.find(name).is_none());
        let of_tokens =
            of_tokens.map(|(key, name, _)| format!("[token] {key}: the schema has no entity type `{name}`"));
        of_types.chain(of_actions).chain(of_tokens).map(|message| Finding::of_file(&file.name, message)).collect()
    }
}
