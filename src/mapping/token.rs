//! A question about somebody whom a token names.

use smol_str::SmolStr;

use super::access::{Members, Name, Refusal, Statement};
use super::request::Mapped;
use crate::domain::{Invalid, Timestamp, User};
use crate::policy::{Snapshot, TokenIds};
use crate::values::{EntityRead, Json, Missing, Reader, TypeId, Unknown};

/// A question of the native API in which a token says who asks:
/// `{token, action, resource, context?, entities?}`. What the token has proved stands: the request's
/// entities can add attributes that the token does not have, and nothing else.
///
/// # Errors
/// The member that is wrong, and why; that the store has no type for people with tokens.
pub fn with_token(snapshot: &Snapshot, body: &Json, user: &User, now: Timestamp) -> Result<Mapped, Invalid> {
    let members = Members::of(body, "token")?;
    let reader = Reader { types: snapshot.types(), unknown: Unknown::Refuse, missing: Missing::Allow };
    let proved = Proved::of(snapshot, user)?;
    let mut asked = members.asked(&reader, proved.entity.uid.clone())?;
    let EntityRead { uid, mut attributes, tags: _, parents } = proved.entity;
    let mut tags = std::collections::BTreeMap::new();
    if let Some(place) = asked.entities.iter().position(|said| said.entity.uid == uid) {
        let Statement { at, entity, .. } = asked.entities.remove(place);
        if !entity.parents.is_empty() {
            return Err(Invalid::new(
                format!("{at}.parents"),
                "cannot be given: the token says which groups these are",
            ));
        }
        for (name, value) in entity.attributes {
            attributes.entry(name).or_insert(value);
        }
        tags = entity.tags;
    }
    let known = snapshot.known();
    // Everything that the token's person is in, by the token and by what is stored.
    let named = std::iter::once(&uid).chain(&parents);
    let line = known.line_below(named.filter_map(|(of_type, id)| known.find(*of_type, id)));
    let is_in =
        |name: &Name| parents.contains(name) || known.find(name.0, &name.1).is_some_and(|node| line.contains(node));
    let widened = asked.entities.iter().find(|said| !said.entity.parents.is_empty() && is_in(&said.entity.uid));
    if let Some(Statement { at, .. }) = widened {
        let reason = "cannot be given: whom the token names is in this group, and what that is in is stored";
        return Err(Invalid::new(format!("{at}.parents"), reason));
    }
    let entity = EntityRead { uid, attributes, tags, parents };
    asked.entities.push(Statement { at: "token".to_owned(), entity, proved: true });
    asked.place(snapshot, &reader, now).map_err(Refusal::into_invalid)
}

/// What a token says, in the store's words.
struct Proved {
    entity: EntityRead,
}

impl Proved {
    fn of(snapshot: &Snapshot, user: &User) -> Result<Self, Invalid> {
        let (types, settings) = (snapshot.types(), &snapshot.settings().token);
        let principal = types.find(&settings.principal).ok_or_else(|| {
            let reason =
                format!("cannot be used: the store has no entity type `{}` for people with tokens", settings.principal);
            Invalid::new("token", reason)
        })?;
        let shape = types.entity(principal);
        let identity = user.identity();
        let plain = settings.ids == TokenIds::Plain;
        let id = if plain { SmolStr::new(&identity.subject) } else { SmolStr::new(user.id()) };
        // What the schema has no attribute for is not wanted.
        let reader = Reader { types, unknown: Unknown::Ignore, missing: Missing::Allow };
        let attributes = reader.record(&shape.attributes, &claims(user), "token")?;
        let group = types.find(&settings.group).filter(|group| shape.ancestors.contains(group));
        let parents = group.into_iter().flat_map(|group: TypeId| {
            let id = move |name: &String| if plain { SmolStr::new(name) } else { SmolStr::new(user.group_id(name)) };
            identity.groups.iter().map(move |name| -> Name { (group, id(name)) })
        });
        let parents: Vec<Name> = parents.collect();
        Ok(Self { entity: EntityRead { attributes, parents, ..EntityRead::bare((principal, id)) } })
    }
}

/// The claims by the names of the attributes that they become.
fn claims(user: &User) -> Json {
    let identity = user.identity();
    let text = |text: &str| Json::Text(SmolStr::new(text));
    let texts = |texts: &[String]| Json::List(texts.iter().map(|it| text(it)).collect());
    let claims = &identity.claims;
    let mut members = vec![
        ("issuer", text(&identity.issuer)),
        ("subject", text(&identity.subject)),
        ("groups", texts(&identity.groups)),
        ("scopes", texts(&claims.scopes)),
    ];
    let named = [("client_id", &claims.client_id), ("email", &claims.email), ("acr", &claims.acr)];
    members.extend(named.into_iter().filter_map(|(name, value)| Some((name, text(value.as_deref()?)))));
    members.extend(claims.email_verified.map(|verified| ("email_verified", Json::Bool(verified))));
    members.extend(claims.amr.as_deref().map(|methods| ("amr", texts(methods))));
    members.extend(claims.auth_time.map(|at| ("auth_time", text(&at.to_rfc3339()))));
    members.extend(user.tenant().map(|tenant| ("tenant", text(&tenant.to_string()))));
    Json::Object(members.into_iter().map(|(name, value)| (SmolStr::new(name), value)).collect())
}
