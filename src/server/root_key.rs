//! The key that opens everything: preset, or made once.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::StartError;
use super::private_file::{beside, replace};
use crate::config::Config;
use crate::domain::{ApiKey, Entropy, KeyMaterial, KeyScope, Name, Origin, Role, Roles, Timestamp};
use crate::persistence::{ApiKeys, NewApiKey, RootKeyOutcome};

/// A root key that was made just now and has to reach its owner.
pub struct FirstKey {
    material: KeyMaterial,
    /// Where it goes when there is no terminal.
    file: PathBuf,
}

impl FirstKey {
    /// Shows the key on the terminal; where there is none, writes it to a file that only its owner
    /// may read, and logs the path. It never goes through the log.
    ///
    /// # Errors
    /// When neither can be done.
    pub fn deliver(&self) -> Result<(), StartError> {
        let text = self.material.reveal().expose_secret();
        let mut terminal = io::stdout();
        if terminal.is_terminal() {
            let told = writeln!(terminal, "\nThe root API key, shown this once:\n\n    {text}\n")
                .and_then(|()| terminal.flush());
            return told.map_err(|error| StartError::new(format!("the root key cannot be shown: {error}")));
        }
        replace(&self.file, &format!("{text}\n")).map_err(|error| StartError::file(&self.file, &error))?;
        tracing::info!(path = %self.file.display(), "made the root API key; move it from this file to where you keep secrets");
        Ok(())
    }
}

/// Sees to it that there is a root key: the preset one, or a fresh one when there has never been any.
///
/// # Errors
/// When the preset key is malformed, or another key has its id.
pub(super) async fn ensure(
    config: &Config,
    keys: &ApiKeys,
    entropy: &Entropy,
    now: Timestamp,
) -> Result<Option<FirstKey>, StartError> {
    if let Some(text) = &config.root_api_key {
        return ensure_preset(text, keys, entropy, now).await.map(|()| None);
    }
    let material = KeyMaterial::generate(entropy, now);
    let new = root_record(&material, "root", "system:first-start", now);
    let origin = origin(&new, entropy);
    match keys.ensure_root(new, false, origin).await? {
        RootKeyOutcome::Added => Ok(Some(FirstKey { material, file: file_for(config) })),
        RootKeyOutcome::Known
        | RootKeyOutcome::Revoked
        | RootKeyOutcome::Idle
        | RootKeyOutcome::Rotated
        | RootKeyOutcome::NotNeeded
        | RootKeyOutcome::Different => Ok(None),
    }
}

async fn ensure_preset(
    text: &SecretString,
    keys: &ApiKeys,
    entropy: &Entropy,
    now: Timestamp,
) -> Result<(), StartError> {
    let malformed =
        || StartError::new("the preset root API key is malformed; `gatewood keys generate` prints a well-formed one");
    let material = KeyMaterial::parse(text.expose_secret()).ok_or_else(malformed)?;
    let new = root_record(&material, "preset root", "system:preset", now);
    let (id, origin) = (material.id(), origin(&new, entropy));
    match keys.ensure_root(new, true, origin).await? {
        RootKeyOutcome::Added => tracing::info!(api_key.id = %id, "added the preset root API key"),
        RootKeyOutcome::Revoked => {
            tracing::warn!(api_key.id = %id, "the preset root API key was revoked, and stays so; preset another one");
        }
        RootKeyOutcome::Idle => {
            tracing::warn!(api_key.id = %id, "the preset root API key is suspended or has expired, and stays so");
        }
        RootKeyOutcome::Rotated => {
            tracing::warn!(api_key.id = %id, "the preset root API key was rotated; preset its new text");
        }
        RootKeyOutcome::Different => {
            return Err(StartError::new(format!(
                "the preset root API key has the id {id}, which a key has that is no root key"
            )));
        }
        RootKeyOutcome::Known | RootKeyOutcome::NotNeeded => {}
    }
    Ok(())
}

/// Makes a root key on a database whose own was lost.
///
/// # Errors
/// When the database does not answer.
pub async fn issue_root_key(keys: &ApiKeys, entropy: &Entropy, now: Timestamp) -> Result<KeyMaterial, StartError> {
    let material = KeyMaterial::generate(entropy, now);
    let new = root_record(&material, "re-issued root", "system:command-line", now);
    let origin = origin(&new, entropy);
    keys.create(new, origin).await?;
    Ok(material)
}

fn root_record(material: &KeyMaterial, name: &str, created_by: &str, now: Timestamp) -> NewApiKey {
    let key = ApiKey {
        id: material.id(),
        scope: KeyScope::Instance,
        name: Name::from_stored(name.to_owned()),
        roles: Roles::only(Role::Root),
        created_at: now,
        created_by: created_by.to_owned(),
        expires_at: None,
        suspended_at: None,
        last_used_at: None,
        previous_valid_until: None,
    };
    NewApiKey { key, digest: material.digest() }
}

/// Its maker is the service or its command line, without a request.
fn origin(new: &NewApiKey, entropy: &Entropy) -> Origin {
    Origin::by_system(new.key.created_by.as_str(), "CreateApiKey", new.key.created_at, entropy)
}

fn file_for(config: &Config) -> PathBuf {
    let beside_what = config.database_url.sqlite_file().unwrap_or(Path::new("gatewood"));
    beside(beside_what, "root-key")
}
