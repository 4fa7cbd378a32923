//! `[[issuers]]`: the issuers that the instance trusts.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::domain::invalid::quoted;
use crate::domain::name::printable;
use crate::domain::{ClaimPath, Invalid, IssuerUrl, Role, SignatureAlgorithm, TrustedIssuer};

/// One table, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct IssuerTable {
    issuer: String,
    audience: Audience,
    algorithms: Option<Vec<String>>,
    subject_claim: Option<String>,
    groups_claim: Option<String>,
    tenant_claim: Option<String>,
    #[serde(default)]
    tenantless: bool,
    roles_claim: Option<String>,
    roles: Option<Roles>,
    #[serde(default)]
    accept_id_tokens: bool,
}

/// The roles that groups give.
struct Roles(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RolesVisitor)
    }
}

struct RolesVisitor;

impl<'de> Visitor<'de> for RolesVisitor {
    type Value = Roles;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Roles, A::Error> {
        let mut roles = BTreeMap::new();
        while let Some((group, role)) = entries.next_entry::<String, String>()? {
            if roles.contains_key(&group) {
                return Err(A::Error::custom(format!("{} is there twice", quoted(&group))));
            }
            roles.insert(group, role);
        }
        Ok(Roles(roles))
    }
}

/// One audience or several.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts")]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Reads the JSON of a list of tables: what the environment variable has, and what the tables of the
/// file are turned into.
///
/// # Errors
/// Which issuer, which of its fields, and what would be right.
pub(super) fn read(text: &str) -> Result<Vec<TrustedIssuer>, String> {
    let tables: Vec<Value> =
        serde_json::from_str(text).map_err(|error| format!("is no list of tables in JSON: {error}"))?;
    let mut issuers: Vec<TrustedIssuer> = Vec::new();
    // A name that stands twice is lost in a table that was read as any JSON, so the text itself is asked.
    let as_written = serde_json::from_str::<Vec<IssuerTable>>(text);
    let twice = as_written.map(|_tables| ()).map_err(|error| error.to_string());
    for (index, table) in tables.into_iter().enumerate() {
        let which = which(index, &table);
        let issuer = one(table).map_err(|what| format!("{which}: {what}"))?;
        if let Some(first) = issuers.iter().position(|known| known.issuer.same_place(&issuer.issuer)) {
            return Err(format!("{which}: issuer: is that of issuer {} already", first + 1));
        }
        issuers.push(issuer);
    }
    twice.map(|()| issuers)
}

/// The issuer in an error text: its place in the list, counted from 1, and its URL where that can be shown.
fn which(index: usize, table: &Value) -> String {
    let url = table.get("issuer").and_then(Value::as_str).filter(|url| !url.contains(['@', '?', '#']));
    let url = url.map(|url| format!(" ({})", quoted(url))).unwrap_or_default();
    format!("issuer {}{url}", index + 1)
}

fn one(table: Value) -> Result<TrustedIssuer, String> {
    let table: IssuerTable = serde_path_to_error::deserialize(table).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.inner().to_string());
        if path == "." { inner } else { format!("{path}: {inner}") }
    })?;
    checked(table).map_err(|invalid| invalid.to_string())
}

fn checked(table: IssuerTable) -> Result<TrustedIssuer, Invalid> {
    let claim = |field: &str, text: Option<String>| text.map(|text| ClaimPath::parse(field, &text)).transpose();
    let usual =
        |field: &str, text: Option<String>, usual: &str| ClaimPath::parse(field, text.as_deref().unwrap_or(usual));
    if table.tenantless && table.tenant_claim.is_none() {
        let what = "is true without `tenant_claim`; no user of the issuer has a tenant then anyway";
        return Err(Invalid::new("tenantless", what));
    }
    Ok(TrustedIssuer {
        issuer: IssuerUrl::parse("issuer", &table.issuer)?,
        audiences: audiences(table.audience)?,
        algorithms: match table.algorithms {
            Some(names) => SignatureAlgorithm::parse_all("algorithms", &names)?,
            None => SignatureAlgorithm::ALL.to_vec(),
        },
        subject_claim: usual("subject_claim", table.subject_claim, "sub")?,
        groups_claim: usual("groups_claim", table.groups_claim, "groups")?,
        tenant_claim: claim("tenant_claim", table.tenant_claim)?,
        tenantless: table.tenantless,
        roles_claim: claim("roles_claim", table.roles_claim)?,
        roles: roles(table.roles.map(|Roles(roles)| roles).unwrap_or_default())?,
        accept_id_tokens: table.accept_id_tokens,
    })
}

fn audiences(written: Audience) -> Result<Vec<String>, Invalid> {
    let audiences = match written {
        Audience::One(audience) => vec![audience],
        Audience::Several(audiences) => audiences,
    };
    if audiences.is_empty() || audiences.iter().any(String::is_empty) {
        return Err(Invalid::new("audience", "is empty; a token has to say that it is meant for this service"));
    }
    audiences.iter().try_for_each(|audience| printable("audience", audience, 255))?;
    Ok(audiences)
}

fn roles(written: BTreeMap<String, String>) -> Result<BTreeMap<String, Role>, Invalid> {
    let one = |(value, name): (String, String)| {
        let role = Role::from_name(&name).ok_or_else(|| {
            let known = Role::ALL.map(Role::as_str).join(", ");
            Invalid::new(format!("roles.{value}"), format!("{} is not a role; the roles are {known}", quoted(&name)))
        })?;
        Ok((value, role))
    };
    written.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(issuers: &Value) -> String {
        read(&issuers.to_string()).map(|_| ()).unwrap_err()
    }

    #[test]
    fn an_issuer_needs_its_url_and_an_audience_and_no_more() {
        let issuers = read(r#"[{"issuer":"https://h/","audience":"a"}]"#).unwrap();
        let issuer = &issuers[0];
        assert_eq!((issuer.issuer.key(), issuer.audiences.as_slice()), ("https://h", &["a".to_owned()][..]));
        assert_eq!(issuer.algorithms, SignatureAlgorithm::ALL);
        assert_eq!(
            (issuer.subject_claim.names(), issuer.groups_claim.names()),
            (&["sub".to_owned()][..], &["groups".to_owned()][..])
        );
        assert!(issuer.tenant_claim.is_none() && issuer.roles_claim.is_none() && issuer.roles.is_empty());
        assert!(!issuer.accept_id_tokens && !issuer.tenantless);
        assert!(read("[]").unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_issuer_and_field() {
        let good = json!({ "issuer": "https://good", "audience": ["a", "b"] });
        let with = |field: &str, value: Value| {
            let mut table = json!({ "issuer": "https://h", "audience": "a" });
            table[field] = value;
            refused(&json!([good, table]))
        };
        for (field, value, what) in [
            ("issuer", json!("http://h"), "issuer 2 (`http://h`): issuer: `http://h` is not an https URL"),
            ("issuer", json!("https://u:hunter2@h"), "issuer 2: issuer: has credentials in it"),
            ("issuer", json!(7), "issuer 2: issuer: invalid type: integer `7`"),
            ("audience", json!([]), "issuer 2 (`https://h`): audience: is empty"),
            ("audience", json!(""), "issuer 2 (`https://h`): audience: is empty"),
            ("audience", json!(["a", "b\u{200b}"]), "audience: has a character that cannot be printed"),
            ("audience", json!("a".repeat(256)), "audience: has 256 characters"),
            ("audience", json!(7), "audience: a text or a list of texts"),
            ("algorithms", json!([]), "algorithms: is empty"),
            ("algorithms", json!(["RS256", "HS256"]), "algorithms[1]: `HS256` is no asymmetric algorithm"),
            ("algorithms", json!(["none"]), "algorithms[0]: `none` is no asymmetric algorithm"),
            ("subject_claim", json!(""), "subject_claim: has 0 characters"),
            ("groups_claim", json!("/a//b"), "groups_claim: `/a//b` is no JSON pointer"),
            ("tenant_claim", json!(["t"]), "tenant_claim: invalid type"),
            ("tenantless", json!("yes"), "tenantless: invalid type"),
            ("tenantless", json!(true), "tenantless: is true without `tenant_claim`"),
            ("roles", json!({ "ops": "emperor" }), "roles.ops: `emperor` is not a role"),
            ("accept_id_tokens", json!("yes"), "accept_id_tokens: invalid type"),
            ("audiences", json!("a"), "unknown field `audiences`"),
        ] {
            let said = with(field, value);
            assert!(said.contains(what), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        assert!(refused(&json!([{ "issuer": "https://h" }])).contains("missing field `audience`"));
        assert!(refused(&json!(["https://h"])).contains("expected a table"));
        assert!(refused(&json!({})).contains("no list of tables"));
    }

    #[test]
    fn a_field_or_a_group_that_stands_twice_is_refused() {
        for (more, named) in [
            (r#""audience":"b""#, "audience"),
            (r#""roles":{"a":"viewer","a":"root"}"#, "`a` is there twice"),
            (r#""issuer":"https://other""#, "issuer"),
        ] {
            let text = format!(r#"[{{"issuer":"https://h","audience":"a",{more}}}]"#);
            let said = read(&text).map(|_| ()).unwrap_err();
            assert!(said.contains(named), "{said}");
        }
    }

    #[test]
    fn the_same_issuer_twice_is_refused_however_it_is_spelt() {
        let table = |url: &str| json!({ "issuer": url, "audience": "a" });
        for again in ["https://h", "https://h/", "https://H", "https://h:443/"] {
            let said = refused(&json!([table("https://h"), table("https://other"), table(again)]));
            assert!(said.contains("issuer 3 ") && said.ends_with("is that of issuer 1 already"), "{said}");
        }
    }
}
