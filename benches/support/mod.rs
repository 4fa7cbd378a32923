//! The stores and questions that performance is measured with, of any size and always the same.
//!
//! Each policy permits a user or a group to do one or two things to what lies in one folder; every third
//! has a condition. Around it there are four entities of its own: a user, a group, a folder and a document.

#![allow(dead_code, clippy::allow_attributes, reason = "each of those who measure needs a part of it only")]

use std::fmt::Write;

/// A store of a size, and the questions to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload {
    /// How many policies there are.
    pub(crate) policies: usize,
    /// How many users there are, and groups, folders and documents: no fewer than policies.
    pub(crate) users: usize,
}

const SCHEMA: &str = r"entity Group;
entity User in [Group] = { name: String, level: Long, suspended: Bool };
entity Folder in [Folder];
entity Document in [Folder] = { owner: User, classified: Bool, size: Long };

type Part = { name: String, size: Long, owner: User, built: datetime, price: decimal };

action read, write, share appliesTo {
    principal: User,
    resource: Document,
    context: { mfa: Bool, network: ipaddr },
};

// Nobody may: it is there for what its context costs to read.
action inspect appliesTo {
    principal: User,
    resource: Document,
    context: { parts: Set<Part> },
};
";

impl Workload {
    /// With four entities for each policy.
    pub(crate) const fn of(policies: usize) -> Self {
        Self { policies, users: policies }
    }

    /// The store's files, by their names.
    pub(crate) fn files(&self) -> [(&'static str, String); 3] {
        [
            ("schema.cedarschema", SCHEMA.to_owned()),
            ("bench.cedar", self.policy_text()),
            ("entities.json", self.entities_text()),
        ]
    }

    fn policy_text(&self) -> String {
        let mut text = String::new();
        for n in 0..self.policies {
            let principal = if n.is_multiple_of(2) { "== User::\"u" } else { "in Group::\"g" };
            let action = match n % 3 {
                0 => r#"action == Action::"read""#,
                1 => r#"action in [Action::"read", Action::"write"]"#,
                _ => r#"action in [Action::"read", Action::"share"]"#,
            };
            let condition = match n % 6 {
                0 => " when { context.mfa || principal.level > 2 }",
                3 => " when { !resource.owner.suspended && context.network.isInRange(ip(\"192.0.2.0/24\")) }",
                _ => "",
            };
            let permit = format!("permit (principal {principal}{n}\", {action}, resource in Folder::\"f{n}\")");
            let _ = writeln!(text, "@id(\"p{n}\")\n{permit}{condition};");
        }
        text
    }

    fn entities_text(&self) -> String {
        let mut text = String::from("[");
        let last = self.users - 1;
        for n in 0..self.users {
            // Each user is in two groups, and each folder but the first in another one.
            let (other, above) = ((n * 7 + 1) % self.users, n / 10);
            let within = if n == 0 { String::new() } else { format!(r#"{{"type":"Folder","id":"f{above}"}}"#) };
            let _ = write!(
                text,
                r#"{{"uid":{{"type":"User","id":"u{n}"}},"attrs":{{"name":"User {n}","level":{},"suspended":false}},"parents":[{{"type":"Group","id":"g{n}"}},{{"type":"Group","id":"g{other}"}}]}},
{{"uid":{{"type":"Group","id":"g{n}"}},"attrs":{{}},"parents":[]}},
{{"uid":{{"type":"Folder","id":"f{n}"}},"attrs":{{}},"parents":[{within}]}},
{{"uid":{{"type":"Document","id":"d{n}"}},"attrs":{{"owner":{{"type":"User","id":"u{n}"}},"classified":false,"size":{n}}},"parents":[{{"type":"Folder","id":"f{n}"}}]}}{}
"#,
                n % 5,
                if n == last { "" } else { "," },
            );
        }
        text.push(']');
        text
    }

    /// User, action and document of a question. The users are those that policies name; every other document
    /// is one that a policy gives the user, and of the rest next to none is.
    fn asked(&self, nth: usize) -> (usize, &'static str, usize) {
        // A prime that divides no size leads through everything, and no two next to each other are asked in turn.
        let user = nth.wrapping_mul(7_919) % self.policies;
        let document = if nth.is_multiple_of(2) { user } else { nth.wrapping_mul(104_743) % self.users };
        (user, if nth % 5 == 4 { "write" } else { "read" }, document)
    }

    /// A question to the native API, as JSON.
    pub(crate) fn native(&self, nth: usize) -> String {
        let (user, action, document) = self.asked(nth);
        format!(
            r#"{{"principal":"User::\"u{user}\"","action":"Action::\"{action}\"","resource":"Document::\"d{document}\"","context":{{"mfa":true,"network":"192.0.2.7"}}}}"#
        )
    }

    /// The same question in AuthZEN's words.
    pub(crate) fn authzen(&self, nth: usize) -> String {
        let (user, action, document) = self.asked(nth);
        format!(
            r#"{{"subject":{{"type":"User","id":"u{user}"}},"action":{{"name":"{action}"}},"resource":{{"type":"Document","id":"d{document}"}},"context":{{"mfa":true,"network":"192.0.2.7"}}}}"#
        )
    }

    /// A question that brings its two entities along: nothing is stored of them.
    pub(crate) fn with_entities() -> String {
        r#"{"principal":"User::\"new\"","action":"Action::\"read\"","resource":"Document::\"draft\"","context":{"mfa":true,"network":"192.0.2.7"},
"entities":[{"uid":{"type":"User","id":"new"},"attrs":{"name":"New","level":1,"suspended":false},"parents":[{"type":"Group","id":"g1"}]},
{"uid":{"type":"Document","id":"draft"},"attrs":{"owner":{"type":"User","id":"new"},"classified":false,"size":7},"parents":[{"type":"Folder","id":"f1"}]}]}"#
            .to_owned()
    }

    /// A question with so many records of five attributes in its context.
    pub(crate) fn nested(records: usize) -> String {
        let part = |n: usize| {
            format!(
                r#"{{"name":"part {n}","size":{n},"owner":"User::\"u{n}\"","built":"2026-01-31T09:30:00Z","price":"1.{n:04}"}}"#,
                n = n % 10_000
            )
        };
        let parts = (0..records).map(part).collect::<Vec<_>>().join(",");
        format!(
            r#"{{"principal":"User::\"u1\"","action":"Action::\"inspect\"","resource":"Document::\"d1\"","context":{{"parts":[{parts}]}}}}"#
        )
    }
}
