//! What a proved token says of its user.

use std::sync::Arc;

use serde_json::Value;

use super::Flaw;
use super::claims::Claims;
use crate::domain::name::printable;
use crate::domain::{ClaimPath, Identity, Role, Roles, TenantId, TrustedIssuer, User, UserClaims};

/// A user of an issuer that the instance trusts. Whoever belongs to a tenant is never root.
pub(super) fn of_instance(trusted: &TrustedIssuer, claims: &Claims<'_>) -> Result<User, Flaw> {
    let groups = claims.names_at(&trusted.groups_claim)?;
    let named = trusted.roles_claim.as_ref().map(|path| claims.names_at(path)).transpose()?.unwrap_or_default();
    let tenant = match &trusted.tenant_claim {
        Some(path) => tenant_at(path, trusted.tenantless, claims)?,
        None => None,
    };
    let given = groups.iter().chain(&named).filter_map(|name| trusted.roles.get(*name));
    let roles = Roles::known(named.iter().copied().chain(given.map(|role| role.as_str())));
    let roles = if tenant.is_some() { roles.without(Role::Root) } else { roles };
    let subject = subject(&trusted.subject_claim, claims)?;
    let identity = identity(Identity::new(trusted.issuer.key(), subject), &roles, &groups, claims)?;
    Ok(User::new(tenant, Arc::new(identity)))
}

/// What a token of a tenant's own issuer says, whichever tenant that is; nobody is root by it.
pub(super) fn of_tenant(
    issuer_key: &str,
    roles_claim: &ClaimPath,
    groups_claim: &ClaimPath,
    claims: &Claims<'_>,
) -> Result<Identity, Flaw> {
    let groups = claims.names_at(groups_claim)?;
    let roles = Roles::known(claims.names_at(roles_claim)?).without(Role::Root);
    let subject = subject_of(claims.text("sub")?, "sub")?;
    identity(Identity::new(issuer_key, subject), &roles, &groups, claims)
}

fn identity(bare: Identity, roles: &Roles, names: &[&str], claims: &Claims<'_>) -> Result<Identity, Flaw> {
    /// Of a group's name, which may be a whole distinguished name, and of an address.
    const LONGEST: usize = 1024;
    let owned = |text: Option<&str>| text.map(str::to_owned);
    // A group that is passed over could be one that a policy forbids something, so the token is refused.
    names.iter().try_for_each(|name| legible("the name of a group", name, LONGEST))?;
    let email = claims.text("email")?;
    email.map_or(Ok(()), |email| legible("its `email`", email, LONGEST))?;
    let mut groups: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    groups.sort_unstable();
    groups.dedup();
    let claims = UserClaims {
        scopes: claims.scopes()?.into_iter().map(str::to_owned).collect(),
        client_id: owned(claims.text("client_id")?.or(claims.text("azp")?)),
        email: owned(email),
        email_verified: claims.truth("email_verified")?,
        acr: owned(claims.text("acr")?),
        amr: claims.texts("amr")?.map(|methods| methods.into_iter().map(str::to_owned).collect()),
        auth_time: claims.time("auth_time")?,
    };
    Ok(Identity { roles: roles.closure(), groups, claims, ..bare })
}

fn subject<'a>(path: &ClaimPath, claims: &Claims<'a>) -> Result<&'a str, Flaw> {
    let name = path.names().join("/");
    match claims.at(path)? {
        None => subject_of(None, &name),
        Some(Value::String(text)) => subject_of(Some(text), &name),
        Some(_) => Err(Flaw::new(format!("its `{name}` is no text"))),
    }
}

/// What is shown to people has nothing in it that hides or reorders the rest.
fn legible(what: &str, text: &str, longest: usize) -> Result<(), Flaw> {
    printable(what, text, longest).map_err(|invalid| Flaw::new(format!("{what} {}", invalid.reason)))
}

/// 1 to 255 bytes (OpenID Connect Core 1.0, section 2, where they are ASCII), all of which can be printed.
/// What a user is called is kept in history and searched for there, so it has to fit into an index.
fn subject_of<'a>(text: Option<&'a str>, name: &str) -> Result<&'a str, Flaw> {
    let text = text.ok_or_else(|| Flaw::new(format!("it has no `{name}`")))?;
    legible(&format!("its `{name}`"), text, User::LONGEST_SUBJECT)?;
    if text.len() > User::LONGEST_SUBJECT {
        return Err(Flaw::new(format!("its `{name}` has more than {} bytes", User::LONGEST_SUBJECT)));
    }
    Ok(text)
}

/// A claim that is missing is often the choice of whoever asked for the token, and must not lift somebody
/// out of a tenant.
fn tenant_at(path: &ClaimPath, tenantless: bool, claims: &Claims<'_>) -> Result<Option<TenantId>, Flaw> {
    let name = path.names().join("/");
    match claims.at(path)? {
        None if tenantless => Ok(None),
        None => Err(Flaw::new(format!("it has no `{name}`, and its issuer may name no user without (`tenantless`)"))),
        Some(Value::String(text)) => match TenantId::parse(&name, text) {
            Ok(tenant) => Ok(Some(tenant)),
            Err(invalid) => Err(Flaw::new(invalid.to_string())),
        },
        Some(_) => Err(Flaw::new(format!("its `{name}` is no tenant's id"))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::domain::{IssuerUrl, SignatureAlgorithm};

    fn path(text: &str) -> ClaimPath {
        ClaimPath::parse("claim", text).unwrap()
    }

    fn trusted() -> TrustedIssuer {
        TrustedIssuer {
            issuer: IssuerUrl::parse("issuer", "https://h/").unwrap(),
            audiences: vec!["a".to_owned()],
            algorithms: SignatureAlgorithm::ALL.to_vec(),
            subject_claim: path("sub"),
            groups_claim: path("groups"),
            tenant_claim: Some(path("/org/tenant")),
            tenantless: true,
            roles_claim: Some(path("roles")),
            roles: BTreeMap::from([("ops".to_owned(), Role::Root), ("team".to_owned(), Role::Viewer)]),
            accept_id_tokens: false,
        }
    }

    fn of_trusted(claims: &Value) -> Result<User, Flaw> {
        of_instance(&trusted(), &Claims(claims.as_object().unwrap()))
    }

    fn of_tenants(claims: &Value) -> Result<Identity, Flaw> {
        of_tenant("https://h", &path("gatewood_roles"), &path("groups"), &Claims(claims.as_object().unwrap()))
    }

    fn roles(identity: &Identity) -> String {
        identity.roles.names().collect::<Vec<_>>().join(" ")
    }

    const ADMIN: &str = "admin editor pep security viewer";

    #[test]
    fn an_issuer_of_the_instance_gives_any_role_by_name_or_by_group() {
        let user = of_trusted(&json!({ "sub": "s", "roles": ["admin", "emperor"] })).unwrap();
        assert_eq!((user.id(), roles(user.identity()).as_str()), ("https://h#s", ADMIN));
        let user = of_trusted(&json!({ "sub": "s", "groups": ["team", "other"] })).unwrap();
        assert_eq!(
            (roles(user.identity()).as_str(), user.identity().groups.as_slice()),
            ("viewer", &["other".to_owned(), "team".to_owned()][..])
        );
        for root in [
            json!({ "sub": "s", "roles": "root" }),
            json!({ "sub": "s", "groups": ["ops"] }),
            json!({ "sub": "s", "roles": ["ops"] }),
        ] {
            assert!(of_trusted(&root).unwrap().identity().roles.contains(Role::Root), "{root}");
        }
    }

    #[test]
    fn whoever_belongs_to_a_tenant_is_never_root() {
        let tenant = uuid::Uuid::from_u128(7).to_string();
        let claims = json!({ "sub": "s", "roles": ["root", "pep"], "groups": ["ops"], "org": { "tenant": tenant } });
        let user = of_trusted(&claims).unwrap();
        assert_eq!((user.id(), roles(user.identity()).as_str()), (format!("{tenant}|https://h#s").as_str(), "pep"));
        let claims = json!({ "sub": "s", "gatewood_roles": ["root", "admin"], "roles": ["root"] });
        assert_eq!(roles(&of_tenants(&claims).unwrap()), ADMIN);
        assert_eq!(roles(&of_tenants(&json!({ "sub": "s", "gatewood_roles": "root" })).unwrap()), "");
    }

    #[test]
    fn a_malformed_tenant_refuses_the_token() {
        for tenant in [json!("x"), json!(""), json!(null), json!(7), json!(["x"]), json!({})] {
            let flaw = of_trusted(&json!({ "sub": "s", "roles": ["root"], "org": { "tenant": tenant } })).unwrap_err();
            assert!(flaw.to_string().contains("tenant"), "{flaw}");
        }
        for org in [json!(null), json!("x"), json!([])] {
            assert!(of_trusted(&json!({ "sub": "s", "org": org })).is_err(), "{org}");
        }
        for none in [json!({ "sub": "s", "org": {} }), json!({ "sub": "s" })] {
            assert!(of_trusted(&none).unwrap().tenant().is_none());
            let strict = TrustedIssuer { tenantless: false, ..trusted() };
            let flaw = of_instance(&strict, &Claims(none.as_object().unwrap())).unwrap_err();
            assert!(flaw.to_string().starts_with("it has no `org/tenant`"), "{flaw}");
        }
        let strict = TrustedIssuer { tenantless: false, tenant_claim: None, ..trusted() };
        assert!(of_instance(&strict, &Claims(json!({ "sub": "s" }).as_object().unwrap())).is_ok());
    }

    #[test]
    fn a_subject_is_there_and_fits_on_a_line() {
        let long = "ü".repeat(127);
        for subject in ["s", "a#b|c", "  ", long.as_str()] {
            assert_eq!(of_tenants(&json!({ "sub": subject })).unwrap().subject, subject);
        }
        let longer = "s".repeat(256);
        for subject in [
            json!(""),
            json!(longer),
            json!("ü".repeat(128)),
            json!("a\nb"),
            json!("a\u{85}b"),
            json!("a\u{202e}b"),
            json!("a\u{200b}b"),
            json!("a\u{2028}b"),
            json!("\u{0}"),
            json!(null),
            json!(7),
            json!(["s"]),
        ] {
            assert!(of_tenants(&json!({ "sub": subject })).is_err(), "{subject}");
            assert!(of_trusted(&json!({ "sub": subject })).is_err(), "{subject}");
        }
        assert_eq!(of_tenants(&json!({})).unwrap_err(), Flaw::new("it has no `sub`"));
    }

    #[test]
    fn a_group_or_an_address_that_cannot_be_read_refuses_the_token() {
        let long = "g".repeat(1025);
        for (name, text) in
            [("groups", "a\u{202e}b"), ("groups", ""), ("groups", &long), ("email", "a\u{200b}@b"), ("email", "a\n@b")]
        {
            let claims = json!({ "sub": "s", "groups": ["g"], name: text });
            assert!(of_tenants(&claims).is_err(), "{claims}");
            assert!(of_trusted(&claims).is_err(), "{claims}");
        }
        assert!(of_tenants(&json!({ "sub": "s", "groups": [&long[1..]], "email": "zoë@b" })).is_ok());
    }

    #[test]
    fn a_claim_of_another_type_refuses_the_token() {
        for (name, value) in [
            ("groups", json!(7)),
            ("groups", json!([["a"]])),
            ("gatewood_roles", json!(true)),
            ("scope", json!(["a"])),
            ("client_id", json!(7)),
            ("azp", json!(null)),
            ("email", json!(["a@b"])),
            ("email_verified", json!("true")),
            ("acr", json!(1)),
            ("amr", json!({ "pwd": true })),
            ("auth_time", json!("now")),
        ] {
            let mut claims = json!({ "sub": "s" });
            claims[name] = value;
            let flaw = of_tenants(&claims).unwrap_err().to_string();
            assert!(flaw.contains(name), "{flaw}");
        }
    }

    #[test]
    fn what_policies_can_ask_for_is_read() {
        let claims = json!({
            "sub": "s", "scope": "openid a:b", "azp": "client", "email": "a@b", "email_verified": false,
            "acr": "2", "amr": ["pwd", "otp"], "auth_time": 1_800_000_000,
        });
        let read = of_tenants(&claims).unwrap().claims;
        assert_eq!(read.scopes, ["openid", "a:b"]);
        assert_eq!((read.client_id.as_deref(), read.email.as_deref()), (Some("client"), Some("a@b")));
        assert_eq!((read.email_verified, read.acr.as_deref()), (Some(false), Some("2")));
        assert_eq!(read.amr.unwrap(), ["pwd", "otp"]);
        assert_eq!(read.auth_time.unwrap().timestamp(), 1_800_000_000);
    }
}
