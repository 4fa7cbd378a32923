//! Where the data is kept.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::invalid::{Invalid, quoted};

/// The URL of a database. It always has a scheme, so that a typo is an error and not an empty file.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// `sqlite:///abs/path` or `sqlite://relative.db`: a file on this machine.
    Sqlite(PathBuf),
    /// `postgres://...` as libpq reads it; it may have a password in it.
    Postgres(SecretString),
}

impl DatabaseUrl {
    /// What is accepted, for error texts and documentation.
    pub const ACCEPTED: &'static str = "sqlite:///abs/path.db, sqlite://relative.db or postgres://user@host/database";

    /// Reads a URL.
    ///
    /// # Errors
    /// Says what is accepted. The text itself is repeated only as far as its scheme: there may be a password in it.
    pub fn parse(field: &str, text: &str) -> Result<Self, Invalid> {
        let refused = |what: &str| Invalid::new(field, format!("{what}; accepted are {}", Self::ACCEPTED));
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(refused("is not a URL with a scheme"));
        };
        match scheme {
            "sqlite" if rest.is_empty() || rest.ends_with('/') => Err(refused("names no file")),
            "sqlite" if rest.contains(['?', '#']) => Err(refused("has parameters, which SQLite URLs do not take here")),
            "sqlite" => Ok(Self::Sqlite(PathBuf::from(rest))),
            "postgres" | "postgresql" => Ok(Self::Postgres(text.to_owned().into())),
            other => Err(refused(&format!("has the scheme {}", quoted(other)))),
        }
    }

    /// The database file of an SQLite database.
    #[must_use]
    pub fn sqlite_file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

impl fmt::Display for DatabaseUrl {
    /// The URL without user, password and parameters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => match Url::parse(url.expose_secret()) {
                Ok(url) => {
                    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                    write!(f, "postgres://{}{port}{}", url.host_str().unwrap_or_default(), url.path())
                }
                Err(_) => f.write_str("postgres://..."),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DatabaseUrl;

    #[test]
    fn a_url_without_a_known_scheme_is_refused_with_what_is_accepted() {
        for text in ["gatewood.db", "/var/lib/gatewood.db", "mysql://h/d", "sqlite:x.db", "sqlite://", "sqlite:///x/"] {
            let reason = DatabaseUrl::parse("database_url", text).unwrap_err().reason;
            assert!(reason.contains("sqlite:///abs/path.db"), "{reason}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let url = DatabaseUrl::parse("database_url", "postgres://me:hunter2@db:5433/gw?password=hunter2").unwrap();
        assert_eq!(url.to_string(), "postgres://db:5433/gw");
        assert!(!format!("{url:?}").contains("hunter2"));
        let error = DatabaseUrl::parse("database_url", "postgre://me:hunter2@db/gw").unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}
