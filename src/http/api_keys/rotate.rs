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
    // To JSON Schema `60.0` is an integer too, so any number is read.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, value_type = Option<i64>, minimum = 0, maximum = 604_800, default = 3600)]
    grace_seconds: Option<f64>,
}

impl RotationInput {
    const USUAL: f64 = 3600.0;
    const LONGEST: f64 = 7.0 * 24.0 * 3600.0;

    fn grace(&self) -> Result<Duration, Invalid> {
        let seconds = self.grace_seconds.unwrap_or(Self::USUAL);
        let invalid = || Invalid::new("grace_seconds", format!("is not a whole number from 0 to {}", Self::LONGEST));
        if !(0.0..=Self::LONGEST).contains(&seconds) || seconds.fract() != 0.0 {
            return Err(invalid());
        }
        let grace = std::time::Duration::try_from_secs_f64(seconds).map_err(|_out_of_range| invalid())?;
        Duration::from_std(grace).map_err(|_out_of_range| invalid())
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
    request_body = RotationInput,
    responses((status = 200, description = "The key with its new text", body = IssuedKeyBody)))]
pub(in crate::http) async fn post(call: Permitted<RotateApiKey>) -> Result<HttpResponse, Problem> {
    let issued = call.app.rotate_api_key(call.permit).await?;
    Ok(reply::json(StatusCode::OK, &IssuedKeyBody::from(issued)))
}
