//! `POST /v1/api-keys`

use actix_web::HttpResponse;
use chrono::{DateTime, Datelike};
use serde::Deserialize;
use utoipa::ToSchema;

use super::IssuedKeyBody;
use crate::app::api_keys::CreateApiKey;
use crate::domain::{Invalid, KeyScope, Name, Role, Roles, Timestamp};
use crate::http::body::{Body, NameSchema, present};
use crate::http::{Decode, Parts, Permitted, Problem, TenantHeader, reply};

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[schema(as = ApiKeyInput)]
pub(in crate::http) struct ApiKeyInput {
    /// What to call it: printable characters, without white space at either end.
    #[schema(value_type = NameSchema, example = "gateway")]
    name: String,
    /// Its roles: `admin`, `editor`, `viewer`, `pep`, `security`, for an instance-level key also
    /// `root`. A tenant's key made without roles is an `admin`; an instance-level key names its roles.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, value_type = Option<HashSet<String>>, min_items = 1, max_items = 6,
        pattern = "^(root|admin|editor|pep|security|viewer)$", example = json!(["viewer"]))]
    roles: Option<Vec<String>>,
    /// From when on it will not work any more; RFC 3339, in the future. Never, when left out.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, value_type = Option<String>, format = DateTime)]
    expires_at: Option<String>,
}

impl Decode for CreateApiKey {
    const BODY: Body = Body::Json;
    const TENANT: TenantHeader = TenantHeader::RequiredOfTenants;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        let input: ApiKeyInput = parts.json()?;
        let scope = parts.scope();
        let name = Name::parse("name", &input.name)?;
        let roles = match (input.roles, scope) {
            (Some(names), _) => Roles::parse("roles", &names)?,
            (None, KeyScope::Tenant(_)) => Roles::only(Role::Admin),
            (None, KeyScope::Instance) => {
                return Err(Invalid::new("roles", "is missing; an instance-level key names its roles").into());
            }
        };
        let expires_at = input.expires_at.map(|text| expiry(&text, parts.now)).transpose()?;
        Ok(Self { scope, name, roles, expires_at })
    }
}

fn expiry(text: &str, now: Timestamp) -> Result<Timestamp, Invalid> {
    const FIELD: &str = "expires_at";
    const LAST_YEAR: i32 = 9999;
    let no_time = || Invalid::new(FIELD, "is not an RFC 3339 time");
    let at = DateTime::parse_from_rfc3339(text).map_err(|_not_a_time| no_time())?;
    // Counted in microseconds, which is what is stored, a leap second is the first second after it;
    // neither Cedar nor the databases have a 61st second in a minute.
    let at = DateTime::from_timestamp_micros(at.timestamp_micros()).ok_or_else(no_time)?;
    if at <= now {
        return Err(Invalid::new(FIELD, "is not in the future"));
    }
    if at.year() > LAST_YEAR {
        return Err(Invalid::new(FIELD, "is after the year 9999"));
    }
    Ok(at)
}

/// Makes a key. Its text is in the answer, this once.
#[utoipa::path(post, path = "/v1/api-keys", operation_id = "CreateApiKey", tag = "api-keys",
    request_body = ApiKeyInput,
    responses((status = 201, description = "The new key", body = IssuedKeyBody,
        headers(("Location" = String, description = "Where its record is")))))]
pub(in crate::http) async fn post(call: Permitted<CreateApiKey>) -> Result<HttpResponse, Problem> {
    let issued = call.app.create_api_key(call.permit).await?;
    let location = format!("/v1/api-keys/{}", issued.key.id);
    Ok(reply::created(&location, &IssuedKeyBody::from(issued)))
}
