//! What the JSON of the messages looks like, for the API's description. Only these descriptions are
//! used; the messages themselves are read and written by the mapping of proto3.

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

/// Four durations: decimal seconds with at most nine digits after the point and an `s`, greater than
/// zero, at most 315576000000 s. Names in snake case are read, too; unknown fields are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is the description that is of use")]
pub(super) struct OidcSettingsInput {
    /// How long access tokens live. JWTs that are older are refused.
    #[schema(rename = "accessTokenLifetime", pattern = "^[0-9]{1,12}(\\.[0-9]{1,9})?s$", example = "43200s")]
    access_token_lifetime: String,
    /// How long ID tokens live.
    #[schema(rename = "idTokenLifetime", pattern = "^[0-9]{1,12}(\\.[0-9]{1,9})?s$", example = "43200s")]
    id_token_lifetime: String,
    /// After how long without use a refresh token ends.
    #[schema(rename = "refreshTokenIdleExpiration", pattern = "^[0-9]{1,12}(\\.[0-9]{1,9})?s$", example = "2592000s")]
    refresh_token_idle_expiration: String,
    /// After how long a refresh token ends in any case.
    #[schema(rename = "refreshTokenExpiration", pattern = "^[0-9]{1,12}(\\.[0-9]{1,9})?s$", example = "7776000s")]
    refresh_token_expiration: String,
}

/// What is known about the settings besides what they say.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is the description that is of use")]
pub(super) struct ObjectDetails {
    /// Grows with every change; a 64-bit number, and therefore a text.
    #[schema(example = "2")]
    sequence: String,
    /// When they were made.
    #[schema(rename = "creationDate")]
    creation_date: DateTime<Utc>,
    /// When they were last changed.
    #[schema(rename = "changeDate")]
    change_date: DateTime<Utc>,
    /// The id of the instance.
    #[schema(rename = "resourceOwner", example = "69629023906488334")]
    resource_owner: String,
}

/// The settings with their details.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is the description that is of use")]
pub(super) struct OidcSettings {
    details: ObjectDetails,
    #[schema(rename = "accessTokenLifetime")]
    access_token_lifetime: String,
    #[schema(rename = "idTokenLifetime")]
    id_token_lifetime: String,
    #[schema(rename = "refreshTokenIdleExpiration")]
    refresh_token_idle_expiration: String,
    #[schema(rename = "refreshTokenExpiration")]
    refresh_token_expiration: String,
}

/// The answer to a reader.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is the description that is of use")]
pub(super) struct OidcSettingsAnswer {
    settings: OidcSettings,
}

/// The answer to a change.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is the description that is of use")]
pub(super) struct OidcSettingsChange {
    details: ObjectDetails,
}
