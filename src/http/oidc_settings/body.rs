//! The JSON of the messages, as grpc-gateway maps it (proto3's JSON mapping,
//! <https://protobuf.dev/programming-guides/json/>).

use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{InstanceId, Lifetime, OidcSettings, Timestamp, TokenLifetimes};
use crate::http::{Parts, Problem};

/// Four durations: decimal seconds with at most nine digits after the point and an `s`, greater than
/// zero, at most 315576000000 s. All must be set. Names in snake case are read, too; unknown fields
/// are ignored.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
pub(super) struct OidcSettingsInput {
    /// How long access tokens live. JWTs that are older are refused.
    #[serde(alias = "access_token_lifetime")]
    #[schema(required, nullable = false, pattern = "^[0-9]{1,11}(\\.[0-9]{1,9})?s$", example = "43200s")]
    access_token_lifetime: Option<String>,
    /// How long ID tokens live.
    #[serde(alias = "id_token_lifetime")]
    #[schema(required, nullable = false, pattern = "^[0-9]{1,11}(\\.[0-9]{1,9})?s$", example = "43200s")]
    id_token_lifetime: Option<String>,
    /// After how long without use a refresh token ends.
    #[serde(alias = "refresh_token_idle_expiration")]
    #[schema(required, nullable = false, pattern = "^[0-9]{1,11}(\\.[0-9]{1,9})?s$", example = "2592000s")]
    refresh_token_idle_expiration: Option<String>,
    /// After how long a refresh token ends in any case.
    #[serde(alias = "refresh_token_expiration")]
    #[schema(required, nullable = false, pattern = "^[0-9]{1,11}(\\.[0-9]{1,9})?s$", example = "7776000s")]
    refresh_token_expiration: Option<String>,
}

/// The lifetimes of a request's body. Nothing at all is a message in which nothing is set.
pub(super) fn lifetimes(parts: &Parts<'_>) -> Result<TokenLifetimes, Problem> {
    let sent: OidcSettingsInput = parts.optional_json()?.unwrap_or_default();
    let sent = [
        sent.access_token_lifetime,
        sent.id_token_lifetime,
        sent.refresh_token_idle_expiration,
        sent.refresh_token_expiration,
    ];
    Ok(TokenLifetimes::parse(sent, |field, text| Lifetime::parse_text(field, &text))?)
}

/// What is known about the settings besides what they say.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectDetails {
    /// Grows with every change; a 64-bit number, and therefore a text.
    #[schema(example = "2")]
    sequence: String,
    /// When they were made.
    #[schema(format = DateTime)]
    creation_date: String,
    /// When they were last changed.
    #[schema(format = DateTime)]
    change_date: String,
    /// The id of the instance.
    #[schema(example = "69629023906488334")]
    resource_owner: String,
}

/// The settings with their details.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OidcSettings)]
pub(super) struct OidcSettingsBody {
    details: ObjectDetails,
    #[schema(example = "43200s")]
    access_token_lifetime: String,
    id_token_lifetime: String,
    refresh_token_idle_expiration: String,
    refresh_token_expiration: String,
}

/// The answer to a reader.
#[derive(Serialize, ToSchema)]
pub(super) struct OidcSettingsAnswer {
    settings: OidcSettingsBody,
}

/// The answer to a change.
#[derive(Serialize, ToSchema)]
pub(super) struct OidcSettingsChange {
    details: ObjectDetails,
}

impl OidcSettingsAnswer {
    pub(super) fn new(settings: &OidcSettings, owner: &InstanceId) -> Self {
        let TokenLifetimes { access_token, id_token, refresh_token_idle, refresh_token } = settings.lifetimes;
        Self {
            settings: OidcSettingsBody {
                details: ObjectDetails::new(settings, owner),
                access_token_lifetime: duration(access_token),
                id_token_lifetime: duration(id_token),
                refresh_token_idle_expiration: duration(refresh_token_idle),
                refresh_token_expiration: duration(refresh_token),
            },
        }
    }
}

impl OidcSettingsChange {
    pub(super) fn new(settings: &OidcSettings, owner: &InstanceId) -> Self {
        Self { details: ObjectDetails::new(settings, owner) }
    }
}

impl ObjectDetails {
    fn new(settings: &OidcSettings, owner: &InstanceId) -> Self {
        let date = |at: Timestamp| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        Self {
            sequence: settings.sequence.to_string(),
            creation_date: date(settings.created_at),
            change_date: date(settings.changed_at),
            resource_owner: owner.as_str().to_owned(),
        }
    }
}

/// With no, three, six or nine digits after the point, as the mapping has it.
fn duration(lifetime: Lifetime) -> String {
    let (seconds, nanos) = (lifetime.duration().as_secs(), lifetime.duration().subsec_nanos());
    match nanos {
        0 => format!("{seconds}s"),
        _ if nanos % 1_000_000 == 0 => format!("{seconds}.{:03}s", nanos / 1_000_000),
        _ if nanos % 1_000 == 0 => format!("{seconds}.{:06}s", nanos / 1_000),
        _ => format!("{seconds}.{nanos:09}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_no_three_six_or_nine_digits_after_the_point() {
        for (nanos, text) in [(0, "1s"), (500_000_000, "1.500s"), (1_000, "1.000001s"), (1, "1.000000001s")] {
            assert_eq!(duration(Lifetime::parse("", 1, nanos).unwrap()), text);
        }
    }
}
