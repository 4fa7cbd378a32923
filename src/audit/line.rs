//! A record as one line of JSON.

use std::time::Duration;

use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::record::{Channel, GuardRecord, Record, SearchRecord};
use super::{mask, value};
use crate::domain::ContextPath;

/// Turns records into lines, without what must not be shown.
#[derive(Debug)]
pub(super) struct Lines {
    /// The paths that the configuration hides.
    masked: Vec<ContextPath>,
}

/// The fields of a line, in their order.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    decision_id: Uuid,
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    channel: Channel,
    caller: String,
    store: &'a str,
    revision: &'a str,
    principal: String,
    action: &'a str,
    resource: String,
    context: Value,
    decision: &'static str,
    determining: &'a [String],
    errors: Vec<PolicyError>,
    notices: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    guard: Option<GuardLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<SearchLine<'a>>,
    evaluation_us: u64,
    total_us: u64,
}

#[derive(Serialize)]
struct PolicyError {
    policy: String,
    message: String,
}

#[derive(Serialize)]
struct GuardLine<'a> {
    decision_id: Uuid,
    decision: &'static str,
    determining: &'a [String],
}

#[derive(Serialize)]
struct SearchLine<'a> {
    store: &'a str,
    revision: &'a str,
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    resource: String,
    evaluated: usize,
    found: usize,
}

impl Lines {
    pub(super) const fn new(masked: Vec<ContextPath>) -> Self {
        Self { masked }
    }

    /// Appends the record's line, with its end.
    pub(super) fn write(&self, record: &Record, into: &mut Vec<u8>) {
        let action = record.action.to_string();
        let error =
            |(policy, message): &'_ (String, String)| PolicyError { policy: policy.clone(), message: clean(message) };
        let line = Line {
            time: record.at.to_rfc3339_opts(SecondsFormat::Micros, true),
            decision_id: record.decision_id,
            request_id: clean(&record.request_id),
            trace_id: record.trace_id.as_deref(),
            tenant: record.tenant.map(|tenant| tenant.to_string()),
            channel: record.channel,
            caller: clean(&record.caller),
            store: &record.store,
            revision: &record.revision,
            principal: clean(&record.principal.to_string()),
            action: &action,
            resource: clean(&record.resource.to_string()),
            context: self.context(record, &action),
            decision: word(record.allowed),
            determining: &record.determining,
            errors: record.errors.iter().map(error).collect(),
            notices: &record.notices,
            guard: record.guard.as_ref().map(GuardLine::of),
            search: record.search.as_ref().map(SearchLine::of),
            evaluation_us: micros(record.evaluation),
            total_us: micros(record.total),
        };
        let before = into.len();
        // Nothing in a line can fail to be written; half a line must not stand there if it did.
        if let Err(error) = serde_json::to_writer(&mut *into, &line) {
            into.truncate(before);
            tracing::error!(decision.id = %record.decision_id, %error, "a record of the decision log cannot be written");
            return;
        }
        into.push(b'\n');
    }

    fn context(&self, record: &Record, action: &str) -> Value {
        let mut context = value::context(&record.context);
        for path in self.masked.iter().chain(record.sensitive.of_action(action)) {
            mask::hide(&mut context, path);
        }
        mask::hide_credentials(&mut context);
        context
    }
}

impl<'a> GuardLine<'a> {
    fn of(guard: &'a GuardRecord) -> Self {
        Self { decision_id: guard.decision_id, decision: word(guard.allowed), determining: &guard.determining }
    }
}

impl<'a> SearchLine<'a> {
    fn of(search: &'a SearchRecord) -> Self {
        Self {
            store: &search.store,
            revision: &search.revision,
            subject: clean(&search.subject),
            action: search.action.as_deref(),
            resource: clean(&search.resource),
            evaluated: search.evaluated,
            found: search.found,
        }
    }
}

const fn word(allowed: bool) -> &'static str {
    if allowed { "allow" } else { "deny" }
}

fn clean(text: &str) -> String {
    mask::scrub(text).unwrap_or_else(|| text.to_owned())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::audit::Sensitive;
    use crate::audit::record::tests::{context, record};
    use crate::domain::TenantId;

    fn written(record: &Record, mask: &[&str]) -> Value {
        let masked = mask.iter().map(|path| ContextPath::parse("mask", path).unwrap()).collect();
        let mut line = Vec::new();
        Lines::new(masked).write(record, &mut line);
        assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
        serde_json::from_slice(&line).unwrap()
    }

    #[test]
    fn a_record_has_all_its_fields() {
        let mut full = record(1);
        full.trace_id = Some("0af7651916cd43dd8448eb211c80319c".to_owned());
        full.tenant = Some(TenantId::new(Uuid::nil()));
        full.channel = Channel::ExtAuthz;
        full.allowed = false;
        full.errors = vec![("p2".to_owned(), "it\noverflows".to_owned())];
        full.notices = vec!["not today".to_owned()];
        full.guard =
            Some(GuardRecord { decision_id: Uuid::from_u128(2), allowed: true, determining: vec!["g".to_owned()] });
        full.search = Some(SearchRecord {
            store: "other".into(),
            revision: "r2".into(),
            subject: "Shop::User".to_owned(),
            action: Some("Shop::Action::\"buy\"".to_owned()),
            resource: "Shop::Item::\"hat\"".to_owned(),
            evaluated: 5,
            found: 3,
        });
        let expected = json!({
            "time": "2026-01-02T03:04:05.000007Z",
            "decision_id": "00000000-0000-0000-0000-000000000001",
            "request_id": "request-1",
            "trace_id": "0af7651916cd43dd8448eb211c80319c",
            "tenant": "00000000-0000-0000-0000-000000000000",
            "channel": "ext_authz",
            "caller": "api_key:7",
            "store": "shop",
            "revision": "r1",
            "principal": "Shop::User::\"alice\"",
            "action": "Shop::Action::\"buy\"",
            "resource": "Shop::Item::\"a \\\"b\\\"\"",
            "context": {},
            "decision": "deny",
            "determining": ["p1"],
            "errors": [{ "policy": "p2", "message": "it\noverflows" }],
            "notices": ["not today"],
            "guard": {
                "decision_id": "00000000-0000-0000-0000-000000000002", "decision": "allow", "determining": ["g"],
            },
            "search": {
                "store": "other", "revision": "r2", "subject": "Shop::User", "action": "Shop::Action::\"buy\"",
                "resource": "Shop::Item::\"hat\"", "evaluated": 5, "found": 3,
            },
            "evaluation_us": 12,
            "total_us": 99,
        });
        assert_eq!(written(&full, &[]), expected);
    }

    #[test]
    fn what_there_is_not_is_left_out() {
        let bare = written(&record(1), &[]);
        assert!(["trace_id", "tenant", "guard", "search"].iter().all(|name| bare.get(name).is_none()), "{bare}");
    }

    #[test]
    fn values_are_written_as_people_read_them() {
        let mut record = record(1);
        record.context = context(&[
            ("text", r#""a \"b\" \n""#),
            ("yes", "true"),
            ("number", "-9223372036854775808"),
            ("who", r#"Shop::User::"bob""#),
            ("set", "[3, 1]"),
            ("inner", r#"{ "a.b": { c: "d" }, "__entity": "no escape" }"#),
            ("now", r#"datetime("2026-01-31").offset(duration("12h1ms"))"#),
            ("before", r#"datetime("1969-12-31")"#),
            ("grace", r#"duration("1m30s")"#),
            ("ip", r#"ip("192.0.2.0/24")"#),
            ("price", r#"decimal("1.5")"#),
        ]);
        let expected = json!({
            "text": "a \"b\" \n",
            "yes": true,
            "number": i64::MIN,
            "who": "Shop::User::\"bob\"",
            "set": [1, 3],
            "inner": { "a.b": { "c": "d" }, "__entity": "no escape" },
            "now": "2026-01-31T12:00:00.001Z",
            "before": "1969-12-31",
            "grace": "1m30s",
            "ip": "192.0.2.0/24",
            "price": "1.5",
        });
        let mut context = written(&record, &[])["context"].take();
        context["set"].as_array_mut().unwrap().sort_by_key(Value::as_i64);
        assert_eq!(context, expected);
    }

    #[test]
    fn what_is_masked_by_path_or_by_the_schema_is_not_shown() {
        let schema = r#"namespace Shop {
            entity User, Item;
            action "buy" appliesTo { principal: User, resource: Item, context: {
                card: { @sensitive number: String, brand: String }, agent: String, note: String,
            } };
        }"#;
        let mut record = record(1);
        record.sensitive = Arc::new(Sensitive::of_cedar(schema).unwrap());
        record.context =
            context(&[("card", r#"{ number: "4111", brand: "v" }"#), ("agent", r#""curl""#), ("note", r#""n""#)]);
        let expected = json!({ "card": { "number": "***", "brand": "v" }, "agent": "***", "note": "n" });
        assert_eq!(written(&record, &["agent"])["context"], expected);
        record.action = r#"Shop::Action::"look""#.parse().unwrap();
        assert_eq!(written(&record, &[])["context"]["card"]["number"], "4111");
        assert_eq!(written(&record, &["*"])["context"], json!({ "card": "***", "agent": "***", "note": "***" }));
    }

    #[test]
    fn a_credential_in_a_wrong_place_is_not_shown() {
        let mut record = record(1);
        record.resource = r#"Shop::Item::"gwk_0123456789""#.parse().unwrap();
        record.context = context(&[("path", r#""/v1/gwk_0123456789/x""#)]);
        record.errors = vec![("p".to_owned(), "cannot compare eyJhbGciOiJub25lIn0.eyJ9.c2ln".to_owned())];
        let text = written(&record, &[]).to_string();
        assert!(
            !text.contains("0123456789") && !text.contains("c2ln") && text.contains("cannot compare ***"),
            "{text}"
        );
    }
}
