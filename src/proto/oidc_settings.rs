//! The messages about the lifetimes of tokens, and what they mean.

use prost_types::{Duration, Timestamp as ProtoTimestamp};

use super::zitadel::admin::v1 as admin;
use super::zitadel::settings::v1::OidcSettings as SettingsMessage;
use super::zitadel::v1::ObjectDetails;
use crate::domain::{InstanceId, Invalid, Lifetime, OidcSettings, Timestamp, TokenLifetimes};

macro_rules! request_of_lifetimes {
    ($request:ident) => {
        impl TryFrom<admin::$request> for TokenLifetimes {
            type Error = Invalid;

            fn try_from(sent: admin::$request) -> Result<Self, Invalid> {
                let sent = [
                    sent.access_token_lifetime,
                    sent.id_token_lifetime,
                    sent.refresh_token_idle_expiration,
                    sent.refresh_token_expiration,
                ];
                Self::parse(sent, |field, Duration { seconds, nanos }| Lifetime::parse(field, seconds, nanos))
            }
        }
    };
}

request_of_lifetimes!(AddOidcSettingsRequest);
request_of_lifetimes!(UpdateOidcSettingsRequest);

/// The answer to a reader.
#[must_use]
pub fn read(settings: &OidcSettings, owner: &InstanceId) -> admin::GetOidcSettingsResponse {
    let TokenLifetimes { access_token, id_token, refresh_token_idle, refresh_token } = settings.lifetimes;
    let settings = SettingsMessage {
        details: Some(details(settings, owner)),
        access_token_lifetime: Some(duration(access_token)),
        id_token_lifetime: Some(duration(id_token)),
        refresh_token_idle_expiration: Some(duration(refresh_token_idle)),
        refresh_token_expiration: Some(duration(refresh_token)),
    };
    admin::GetOidcSettingsResponse { settings: Some(settings) }
}

/// The answer to whoever made them.
#[must_use]
pub fn added(settings: &OidcSettings, owner: &InstanceId) -> admin::AddOidcSettingsResponse {
    admin::AddOidcSettingsResponse { details: Some(details(settings, owner)) }
}

/// The answer to whoever changed them.
#[must_use]
pub fn updated(settings: &OidcSettings, owner: &InstanceId) -> admin::UpdateOidcSettingsResponse {
    admin::UpdateOidcSettingsResponse { details: Some(details(settings, owner)) }
}

fn details(settings: &OidcSettings, owner: &InstanceId) -> ObjectDetails {
    ObjectDetails {
        sequence: settings.sequence,
        creation_date: Some(timestamp(settings.created_at)),
        change_date: Some(timestamp(settings.changed_at)),
        resource_owner: owner.as_str().to_owned(),
    }
}

fn duration(lifetime: Lifetime) -> Duration {
    let duration = lifetime.duration();
    // A lifetime has at most as many seconds as fit.
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Duration { seconds, nanos: duration.subsec_nanos().cast_signed() }
}

fn timestamp(at: Timestamp) -> ProtoTimestamp {
    ProtoTimestamp { seconds: at.timestamp(), nanos: at.timestamp_subsec_nanos().cast_signed() }
}
