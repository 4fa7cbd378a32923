//! What there is to say about one decision.

use std::sync::Arc;
use std::time::Duration;

use cedar_policy_core::ast::{Context, EntityUID};
use serde::Serialize;
use uuid::Uuid;

use super::Sensitive;
use crate::domain::{TenantId, Timestamp};

/// What there is to say about one decision. It is made where the request is answered, of parts that
/// are cheap to make, and turned into text by the log's thread.
#[derive(Debug)]
pub struct Record {
    /// When the request came in.
    pub at: Timestamp,
    /// The decision's id.
    pub decision_id: Uuid,
    /// The request's id.
    pub request_id: String,
    /// The trace that the request is a part of (W3C Trace Context): 32 hexadecimal digits.
    pub trace_id: Option<String>,
    /// The tenant that the request said it is about.
    pub tenant: Option<TenantId>,
    /// By which door the question came.
    pub channel: Channel,
    /// Who asked, in the form of [`crate::domain::Caller::label`].
    pub caller: String,
    /// The store that decided.
    pub store: Arc<str>,
    /// The version of the store: 64 hexadecimal digits.
    pub revision: Arc<str>,
    /// Who is to do it.
    pub principal: EntityUID,
    /// What is to be done.
    pub action: EntityUID,
    /// To what.
    pub resource: EntityUID,
    /// Under which circumstances.
    pub context: Context,
    /// What of the context the store's schema marks as sensitive.
    pub sensitive: Arc<Sensitive>,
    /// Whether it is allowed.
    pub allowed: bool,
    /// The ids of the determining policies.
    pub determining: Vec<String>,
    /// The policies that could not be evaluated, with what the engine said.
    pub errors: Vec<(String, String)>,
    /// The notices of the determining policies.
    pub notices: Vec<String>,
    /// The decision that the caller may ask at all, where this one is not that.
    pub guard: Option<GuardRecord>,
    /// What was searched for, where the decision is that the caller may search.
    pub search: Option<SearchRecord>,
    /// How long mapping and evaluation took.
    pub evaluation: Duration,
    /// How long it took from the request until its answer was known.
    pub total: Duration,
}

/// By which door a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The native API.
    Rest,
    /// The `AuthZEN` API.
    Authzen,
    /// A candidate of one of its searches. These are counted, and not recorded.
    Search,
    /// Envoy's external authorization.
    ExtAuthz,
    /// `/v1/forward-auth`
    ForwardAuth,
    /// Gatewood's own API: what is asked for is done, or not, by Gatewood itself.
    Control,
}

impl Channel {
    /// Its name in records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Authzen => "authzen",
            Self::Search => "search",
            Self::ExtAuthz => "ext_authz",
            Self::ForwardAuth => "forward_auth",
            Self::Control => "control",
        }
    }
}

/// The guard's own decision about a question that was put to another store.
#[derive(Debug, Clone)]
pub struct GuardRecord {
    /// The decision's id.
    pub decision_id: Uuid,
    /// Whether it was allowed to ask.
    pub allowed: bool,
    /// The ids of the determining policies.
    pub determining: Vec<String>,
}

/// A search of a store, and what came of it.
#[derive(Debug, Clone)]
pub struct SearchRecord {
    /// The store that was searched.
    pub store: Arc<str>,
    /// The version of the store: 64 hexadecimal digits.
    pub revision: Arc<str>,
    /// Who is to do it; a type alone, where the search is for that.
    pub subject: String,
    /// What is to be done, unless the search is for that.
    pub action: Option<String>,
    /// To what; a type alone, where the search is for that.
    pub resource: String,
    /// How many candidates were evaluated.
    pub evaluated: usize,
    /// How many of them the caller was told.
    pub found: usize,
}

#[cfg(test)]
pub(super) mod tests {
    use cedar_policy_core::ast::{Context, Value};
    use cedar_policy_core::extensions::Extensions;

    use super::*;

    /// A record of which the decision's id is `n`.
    pub(crate) fn record(n: u128) -> Record {
        Record {
            at: Timestamp::from_timestamp_micros(1_767_323_045_000_007).unwrap(),
            decision_id: Uuid::from_u128(n),
            request_id: format!("request-{n}"),
            trace_id: None,
            tenant: None,
            channel: Channel::Rest,
            caller: "api_key:7".to_owned(),
            store: "shop".into(),
            revision: "r1".into(),
            principal: r#"Shop::User::"alice""#.parse().unwrap(),
            action: r#"Shop::Action::"buy""#.parse().unwrap(),
            resource: r#"Shop::Item::"a \"b\"""#.parse().unwrap(),
            context: Context::empty(),
            sensitive: Arc::new(Sensitive::none()),
            allowed: true,
            determining: vec!["p1".to_owned()],
            errors: Vec::new(),
            notices: Vec::new(),
            guard: None,
            search: None,
            evaluation: Duration::from_micros(12),
            total: Duration::from_micros(99),
        }
    }

    /// A context of attributes that are written as in policies.
    pub(crate) fn context(attributes: &[(&str, &str)]) -> Context {
        let pairs = attributes.iter().map(|(name, value)| ((*name).into(), value.parse().unwrap()));
        Context::from_pairs(pairs, Extensions::all_available()).unwrap()
    }

    /// The decisions' ids of lines.
    pub(crate) fn ids(lines: &str) -> Vec<u128> {
        let id = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            line["decision_id"].as_str().unwrap().parse::<Uuid>().unwrap().as_u128()
        };
        lines.lines().map(id).collect()
    }

    #[test]
    fn a_context_of_the_tests_has_values() {
        let Context::Value(values) = context(&[("a", "7")]) else { panic!("it has unknown parts") };
        assert_eq!(values.get("a"), Some(&Value::from(7)));
    }
}
