//! `store.toml`: how a store wants to be asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Finding, SourceFile};
use crate::domain::{Invalid, TenantId};
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
    default_namespace: Option<Spanned<String>>,
    on_forbid_error: OnForbidError,
    request_attributes: RequestAttributes,
    tenants: Tenants,
    types: BTreeMap<String, Spanned<String>>,
    actions: BTreeMap<String, Spanned<String>>,
    search: Option<Spanned<SearchLimits>>,
    token: TokenFile,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct TokenFile {
    principal: Option<Spanned<String>>,
    group: Option<Spanned<String>>,
    ids: TokenIds,
}

#[derive(Default)]
enum Tenants {
    #[default]
    Nobody,
    Every,
    List(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for Tenants {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyOrList;

        impl<'de> Visitor<'de> for AnyOrList {
            type Value = Tenants;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"any\" or a list of tenants' ids")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Tenants, E> {
                if word == "any" { Ok(Tenants::Every) } else { Err(E::invalid_value(Unexpected::Str(word), &self)) }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut ids: A) -> Result<Tenants, A::Error> {
                let mut all = Vec::new();
                while let Some(id) = ids.next_element()? {
                    all.push(id);
                }
                Ok(Tenants::List(all))
            }
        }

        deserializer.deserialize_any(AnyOrList)
    }
}

/// The file as far as it can be used, with what is wrong with it.
#[derive(Default)]
pub(super) struct ReadSettings {
    /// The settings; what is wrong is as if it was not there.
    pub(super) settings: StoreSettings,
    /// What the file names, to be held against the schema.
    named: Vec<Named>,
    /// What is wrong with the file itself.
    pub(super) findings: Vec<Finding>,
}

/// A name of the schema in the file.
struct Named {
    what: What,
    /// The key that it stands at.
    key: String,
    name: String,
    /// The byte that it stands at.
    at: usize,
}

#[derive(Clone, Copy)]
enum What {
    Namespace,
    Type,
    Action,
}

impl ReadSettings {
    /// More findings than this help nobody.
    const MOST_FINDINGS: usize = 100;

    /// Reads the file, where there is one. `only_namespace`: the schema's, when it has just one.
    pub(super) fn of(file: Option<&SourceFile>, only_namespace: Option<&str>) -> Self {
        let mut read = Self::default();
        only_namespace.unwrap_or_default().clone_into(&mut read.settings.default_namespace);
        if let Some(source) = file {
            let file = read.file(source);
            read.take(source, file);
        }
        read
    }

    /// The file, without what cannot be read of it.
    fn file(&mut self, source: &SourceFile) -> File {
        let finding = |error: &toml::de::Error| match error.span() {
            Some(span) => Finding::at(source, span.start, error.message()),
            None => Finding::of_file(&source.name, error.message()),
        };
        let (mut table, errors) = DeTable::parse_recoverable(&source.text);
        if !errors.is_empty() {
            self.findings.extend(errors.iter().map(finding));
            return File::default();
        }
        // An error is about one key. Without that, the next one is found.
        for _ in 0..Self::MOST_FINDINGS {
            match File::deserialize(toml::Deserializer::from(table.clone())) {
                Ok(file) => return file,
                Err(error) => {
                    self.findings.push(finding(&error));
                    if !error.span().is_some_and(|span| remove(table.get_mut(), span.start)) {
                        break;
                    }
                }
            }
        }
        File::default()
    }

    fn take(&mut self, source: &SourceFile, file: File) {
        let (settings, named) = (&mut self.settings, &mut self.named);
        let mut name = |what, key: String, name: &Spanned<String>| {
            named.push(Named { what, key, name: name.get_ref().clone(), at: name.span().start });
            name.get_ref().clone()
        };
        if let Some(namespace) = &file.default_namespace {
            settings.default_namespace = name(What::Namespace, "default_namespace".to_owned(), namespace);
        }
        let mut renames = |what, table: &str, all: BTreeMap<String, Spanned<String>>| {
            let each = |(from, to): (String, Spanned<String>)| {
                let to = name(what, format!("[{table}] {from}"), &to);
                (from, to)
            };
            all.into_iter().map(each).collect()
        };
        settings.types = renames(What::Type, "types", file.types);
        settings.actions = renames(What::Action, "actions", file.actions);
        if let Some(principal) = &file.token.principal {
            settings.token.principal = name(What::Type, "[token] principal".to_owned(), principal);
        }
        if let Some(group) = &file.token.group {
            settings.token.group = name(What::Type, "[token] group".to_owned(), group);
        }
        settings.token.ids = file.token.ids;
        settings.on_forbid_error = file.on_forbid_error;
        settings.request_attributes = file.request_attributes;
        settings.open_to = match file.tenants {
            Tenants::Nobody => OpenTo::Nobody,
            Tenants::Every => OpenTo::Every,
            Tenants::List(ids) => {
                let mut tenants = BTreeSet::new();
                for id in &ids {
                    match TenantId::parse("tenants", id.get_ref()) {
                        Ok(tenant) => drop(tenants.insert(tenant)),
                        Err(Invalid { reason, .. }) => {
                            self.findings.push(Finding::at(source, id.span().start, format!("tenants: {reason}")));
                        }
                    }
                }
                OpenTo::Tenants(tenants)
            }
        };
        if let Some(search) = file.search {
            settings.search = *search.get_ref();
            let SearchLimits { default_limit, max_limit, max_candidates } = settings.search;
            if default_limit == 0 || max_candidates == 0 || default_limit > max_limit {
                let rule = "[search]: default_limit and max_candidates must be at least 1, and default_limit at most \
                            max_limit";
                self.findings.push(Finding::at(source, search.span().start, rule));
            }
        }
    }

    /// What the schema does not have of what is named.
    pub(super) fn unknown(&self, file: &SourceFile, types: &Types, namespaces: &[String]) -> Vec<Finding> {
        let missing = |named: &&Named| match named.what {
            What::Namespace => !namespaces.contains(&named.name),
            What::Type => types.find(&named.name).is_none(),
            What::Action => types.action(&named.name).is_none(),
        };
        let finding = |Named { what, key, name, at }: &Named| {
            let what = match what {
                What::Namespace => "namespace",
                What::Type => "entity type",
                What::Action => "action",
            };
            Finding::at(file, *at, format!("{key}: the schema has no {what} `{name}`"))
        };
        self.named.iter().filter(missing).map(finding).collect()
    }
}

/// Removes the innermost entry of which key or value is at a byte of the file; false where there is none.
fn remove(table: &mut DeTable<'_>, at: usize) -> bool {
    let inner = |value: &mut DeValue<'_>| if let DeValue::Table(inner) = value { remove(inner, at) } else { false };
    if table.iter_mut().any(|(_, value)| inner(value.get_mut())) {
        return true;
    }
    let found = table.iter().find(|(key, value)| key.span().contains(&at) || value.span().contains(&at));
    found.map(|(key, _)| key.clone()).is_some_and(|key| table.remove(&key).is_some())
}
