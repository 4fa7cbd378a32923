//! `POST /v1/api-keys/{id}/rotate`

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use chrono::Duration;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{IssuedKeyBody, key_ref};
use crate::app::api_keys::RotateApiKey;
use crate::domain::Invalid;
use crate::http::body::{Body, present};
use crate::http::{Decode, Parts, Permitted, Problem, TenantHeader, reply};

/// How to rotate. Nothing need be sent.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[schema(as = RotationInput)]
pub(in crate::http) struct RotationInput {
    /// How many seconds the old secret goes on working: one hour when left out.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, minimum = 0, maximum = 604_800, default = 3600)]
    grace_seconds: Option<i64>,
}

impl RotationInput {
    const USUAL: i64 = 3600;
    const LONGEST: i64 = 7 * 24 * 3600;

    fn grace(&self) -> Result<Duration, Invalid> {
        let seconds = self.grace_seconds.unwrap_or(Self::USUAL);
        if !(0..=Self::LONGEST).contains(&seconds) {
            return Err(Invalid::new("grace_seconds", format!("is not a number from 0 to {}", Self::LONGEST)));
        }
        Ok(Duration::seconds(seconds))
    }
}

impl Decode for RotateApiKey {
    const BODY: Body = Body::OptionalJson;
    const TENANT: TenantHeader = TenantHeader::RequiredOfTenants;

    fn decode(parts: &Parts<'_>) -> Result<Self, Problem> {
        let input: RotationInput = parts.optional_json()?.unwrap_or_default();
        Ok(Self { key: key_ref(parts)?, grace: input.grace()? })
    }
}

/// Gives a key a new secret, which is in the answer, this once. The old one goes on working for the
/// stated grace.
#[utoipa::path(post, path = "/v1/api-keys/{id}/rotate", operation_id = "RotateApiKey", tag = "api-keys",
    params(("id" = Uuid, Path, description = "The key's id")),
    request_body = Option<RotationInput>,
    responses((status = 200, description = "The key with its new text", body = IssuedKeyBody)))]
pub(in crate::http) async fn post(call: Permitted<RotateApiKey>) -> Result<HttpResponse, Problem> {
    let issued = call.app.rotate_api_key(call.permit).await?;
    Ok(reply::json(StatusCode::OK, &IssuedKeyBody::from(issued)))
}
