//! The lifetimes of the instance's tokens.

use super::{App, AppError, Command, Permit};
use crate::domain::{Lifetime, OidcSettings, TokenLifetimes};
use crate::mapping::{Attribute, Resource};
use crate::policy::ActionUse;

/// Read the settings.
#[derive(Debug, Clone, Copy)]
pub struct ReadOidcSettings;

const fn on_settings(name: &'static str, group: &'static str, context: &'static str) -> ActionUse {
    ActionUse { name, group: Some(group), resources: &["OidcSettings"], context }
}

const INPUT: &str = "input: { access_token_lifetime: duration, id_token_lifetime: duration, \
                     refresh_token_idle_expiration: duration, refresh_token_expiration: duration }";

fn input(lifetimes: TokenLifetimes) -> Vec<(&'static str, Attribute)> {
    let millis = |(name, lifetime): (_, Lifetime)| (name, Attribute::Duration(lifetime.millis_rounded_up()));
    let fields = lifetimes.named().into_iter().map(millis).collect();
    vec![("input", Attribute::Record(fields))]
}

#[expect(clippy::expect_used, reason = "the example is a literal, and the check at start runs in every test")]
fn example() -> TokenLifetimes {
    let hour = Lifetime::parse("", 3600, 0).expect("a valid example");
    TokenLifetimes { access_token: hour, id_token: hour, refresh_token_idle: hour, refresh_token: hour }
}

impl Command for ReadOidcSettings {
    const ACTION: ActionUse = on_settings("ReadOidcSettings", "read", "");

    fn resource(&self) -> Resource {
        Resource::OidcSettings
    }

    fn example() -> Self {
        Self
    }
}

macro_rules! sets_lifetimes {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name(pub TokenLifetimes);

        impl Command for $name {
            const ACTION: ActionUse = on_settings(stringify!($name), "administer", INPUT);

            fn resource(&self) -> Resource {
                Resource::OidcSettings
            }

            fn context(&self) -> Vec<(&'static str, Attribute)> {
                input(self.0)
            }

            fn example() -> Self {
                Self(example())
            }
        }
    };
}

sets_lifetimes! {
    /// Make the settings.
    AddOidcSettings
}
sets_lifetimes! {
    /// Change the settings.
    UpdateOidcSettings
}

impl App {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there are none.
    pub async fn read_oidc_settings(&self, _permit: Permit<ReadOidcSettings>) -> Result<OidcSettings, AppError> {
        self.repositories.oidc_settings.find().await?.ok_or(AppError::NotFound("OIDC settings"))
    }

    /// Makes the settings. From now on tokens are held to them.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when there are some already.
    pub async fn add_oidc_settings(&self, permit: Permit<AddOidcSettings>) -> Result<OidcSettings, AppError> {
        let origin = self.origin(&permit);
        let AddOidcSettings(lifetimes) = permit.into_command();
        let _forgetting = self.authenticator.forgetting();
        Ok(self.repositories.oidc_settings.add(lifetimes, origin).await?)
    }

    /// Changes the settings. From now on tokens are held to them.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there are none, [`AppError::Unchanged`] when they say so already.
    pub async fn update_oidc_settings(&self, permit: Permit<UpdateOidcSettings>) -> Result<OidcSettings, AppError> {
        let origin = self.origin(&permit);
        let UpdateOidcSettings(lifetimes) = permit.into_command();
        let _forgetting = self.authenticator.forgetting();
        Ok(self.repositories.oidc_settings.update(lifetimes, origin).await?)
    }
}
