//! The lifetimes of the instance's tokens.

use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::change::Change;
use super::connection::Db;
use super::instance::move_authn_epoch;
use super::schema::oidc_settings;
use super::{Database, StoreError};
use crate::domain::{InstanceId, Lifetime, OidcSettings, Origin, TokenLifetimes};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = oidc_settings)]
struct OidcSettingsRow {
    singleton: i32,
    access_token: String,
    id_token: String,
    refresh_token_idle: String,
    refresh_token: String,
    sequence: i64,
    created_at: NaiveDateTime,
    changed_at: NaiveDateTime,
}

impl OidcSettingsRow {
    fn of(settings: &OidcSettings) -> Result<Self, StoreError> {
        let TokenLifetimes { access_token, id_token, refresh_token_idle, refresh_token } = settings.lifetimes;
        Ok(Self {
            singleton: 1,
            access_token: access_token.to_string(),
            id_token: id_token.to_string(),
            refresh_token_idle: refresh_token_idle.to_string(),
            refresh_token: refresh_token.to_string(),
            sequence: i64::try_from(settings.sequence).map_err(|error| StoreError::Failed(error.to_string()))?,
            created_at: settings.created_at.naive_utc(),
            changed_at: settings.changed_at.naive_utc(),
        })
    }

    fn into_settings(self) -> Result<OidcSettings, StoreError> {
        Ok(OidcSettings {
            lifetimes: TokenLifetimes {
                access_token: stored(&self.access_token)?,
                id_token: stored(&self.id_token)?,
                refresh_token_idle: stored(&self.refresh_token_idle)?,
                refresh_token: stored(&self.refresh_token)?,
            },
            sequence: u64::try_from(self.sequence).map_err(|error| StoreError::Damaged(error.to_string()))?,
            created_at: self.created_at.and_utc(),
            changed_at: self.changed_at.and_utc(),
        })
    }
}

fn stored(text: &str) -> Result<Lifetime, StoreError> {
    Lifetime::from_stored(text).ok_or_else(|| StoreError::Damaged("a lifetime of oidc_settings".to_owned()))
}

/// The repository of the instance's OIDC settings.
#[derive(Clone)]
pub struct StoredOidcSettings {
    database: Database,
    instance: InstanceId,
}

impl StoredOidcSettings {
    /// What the errors call them.
    const WHAT: &'static str = "OIDC settings";

    /// The repository of this instance in this database.
    #[must_use]
    pub const fn new(database: Database, instance: InstanceId) -> Self {
        Self { database, instance }
    }

    /// The settings.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(&self) -> Result<Option<OidcSettings>, StoreError> {
        self.database.read(find).await
    }

    /// How long access tokens live, where there are settings.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn access_token_lifetime(&self) -> Result<Option<Duration>, StoreError> {
        let found = self.find().await?;
        Ok(found.map(|settings| settings.lifetimes.access_token.duration()))
    }

    /// Keeps the first settings.
    ///
    /// # Errors
    /// [`StoreError::AlreadyThere`] when there are some already.
    pub async fn add(&self, lifetimes: TokenLifetimes, origin: Origin) -> Result<OidcSettings, StoreError> {
        let (instance, now) = (self.instance.clone(), origin.at());
        self.database
            .change(origin, move |db| {
                // A lifetime ends tokens, so it takes rights away; this also makes writers wait for one another.
                move_authn_epoch(db)?;
                if find(db)?.is_some() {
                    return Err(StoreError::AlreadyThere(Self::WHAT));
                }
                let settings = OidcSettings { lifetimes, sequence: 1, created_at: now, changed_at: now };
                diesel::insert_into(oidc_settings::table).values(OidcSettingsRow::of(&settings)?).execute(db)?;
                Ok(change(&instance, None, lifetimes).giving(settings))
            })
            .await
    }

    /// Changes the settings.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there are none, [`StoreError::Unchanged`] when they say so already.
    pub async fn update(&self, lifetimes: TokenLifetimes, origin: Origin) -> Result<OidcSettings, StoreError> {
        let (instance, now) = (self.instance.clone(), origin.at());
        self.database
            .change(origin, move |db| {
                move_authn_epoch(db)?;
                let stored = find(db)?.ok_or(StoreError::Missing(Self::WHAT))?;
                if stored.lifetimes == lifetimes {
                    return Err(StoreError::Unchanged);
                }
                let change = change(&instance, Some(stored.lifetimes), lifetimes);
                let settings = OidcSettings { lifetimes, sequence: stored.sequence + 1, changed_at: now, ..stored };
                diesel::update(oidc_settings::table).set(OidcSettingsRow::of(&settings)?).execute(db)?;
                Ok(change.giving(settings))
            })
            .await
    }
}

/// What history keeps: each lifetime that is another one than before.
fn change(instance: &InstanceId, from: Option<TokenLifetimes>, to: TokenLifetimes) -> Change {
    let about = Change::about("OidcSettings", instance.as_str().to_owned(), None);
    let before = from.map(TokenLifetimes::named);
    to.named().into_iter().enumerate().fold(about, |change, (at, (name, lifetime))| {
        let before = before.and_then(|before| before.get(at).map(|(_, lifetime)| lifetime.to_string()));
        change.with(name, before, lifetime.to_string())
    })
}

fn find(db: &mut Db) -> Result<Option<OidcSettings>, StoreError> {
    let row = oidc_settings::table.select(OidcSettingsRow::as_select()).get_result(db).optional()?;
    row.map(OidcSettingsRow::into_settings).transpose()
}
