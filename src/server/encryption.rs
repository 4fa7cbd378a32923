//! Where the keys that seal secrets come from.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use secrecy::{ExposeSecret, SecretString};

use super::StartError;
use super::private_file::{beside, create};
use crate::config::Config;
use crate::domain::Entropy;
use crate::persistence::{Database, KeyRing, OidcConfigs};

/// The configured keys; else, on SQLite, those of the file beside the database, which is made when
/// there is neither it nor anything sealed.
///
/// # Errors
/// When there is no key and none may be made, when a key cannot be read, and when something is
/// sealed under a key that is not there.
pub async fn key_ring(config: &Config, database: &Database, entropy: &Entropy) -> Result<KeyRing, StartError> {
    let used = OidcConfigs::sealing_keys(database).await?;
    let mut place = "`encryption_key`, or the file that `encryption_key_file` names,".to_owned();
    let text = match (&config.encryption_key, config.database_url.sqlite_file()) {
        (Some(text), _) => text.clone(),
        (None, None) => return Err(StartError::no_encryption_key("PostgreSQL is used without an encryption key")),
        (None, Some(file)) => {
            let path = beside(file, "encryption-key");
            place = path.display().to_string();
            match fs::read_to_string(&path) {
                Ok(text) => {
                    warn_if_readable(&path);
                    SecretString::from(text)
                }
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StartError::file(&path, &error));
                }
                Err(_not_there) if !used.is_empty() => {
                    let what = format!("there are sealed secrets, and {} is gone", path.display());
                    return Err(StartError::no_encryption_key(&what));
                }
                Err(_not_there) => {
                    let fresh = KeyRing::generate(entropy);
                    let mark = hex::encode(entropy.bytes::<8>());
                    let made = create(&path, &mark, fresh.expose_secret());
                    if made.map_err(|error| StartError::file(&path, &error))? {
                        tracing::info!(path = %path.display(), "made an encryption key; keep a copy of it apart from the database");
                    }
                    // What counts is what is in the file: another process may have been faster.
                    fs::read_to_string(&path).map_err(|error| StartError::file(&path, &error))?.into()
                }
            }
        }
    };
    let ring = KeyRing::parse(&text).map_err(|error| StartError::new(format!("{place} is not accepted: {error}")))?;
    let missing: Vec<String> = used.into_iter().filter(|id| !ring.has(id)).map(|id| format!("`{id}`")).collect();
    if !missing.is_empty() {
        let ids = missing.join(", ");
        return Err(StartError::new(format!(
            "secrets are sealed under keys that are not there: {ids}; add them after the primary key"
        )));
    }
    Ok(ring)
}

fn warn_if_readable(path: &std::path::Path) {
    const OTHERS: u32 = 0o077;
    if let Ok(found) = fs::metadata(path)
        && found.permissions().mode() & OTHERS != 0
    {
        tracing::warn!(path = %path.display(), "others than its owner may read the encryption key; make it mode 0600");
    }
}
