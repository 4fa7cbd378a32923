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
            // SQLite has meanings of its own for these, and none of them is a file that lasts.
            "sqlite" if rest.starts_with(':') || rest.starts_with("file:") => Err(refused("names no file")),
            "sqlite" => Ok(Self::Sqlite(PathBuf::from(rest))),
            "postgres" | "postgresql" => match unreadable(rest) {
                Some(what) => Err(refused(what)),
                None => Ok(Self::Postgres(text.to_owned().into())),
            },
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

/// Why libpq could misread the part after `postgres://`. It tells of such a URL by repeating it, or by
/// naming as a host what was meant to be a password.
fn unreadable(rest: &str) -> Option<&'static str> {
    const ENCODE: &str = "has a character in its user or password that must be percent-encoded";
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = before.split_once('/').unwrap_or((before, ""));
    let (user, hosts) = authority.split_once('@').unwrap_or(("", authority));
    if hosts.contains('@') || path.contains('@') {
        return Some(ENCODE);
    }
    // A host is a name, an address in brackets or an encoded path; a port is a number.
    let port_is_number = |host: &str| match host.rsplit_once(']').map_or(host, |(_, after)| after).rsplit_once(':') {
        Some((_, port)) => port.bytes().all(|b| b.is_ascii_digit()),
        None => true,
    };
    if !hosts.split(',').all(port_is_number) {
        return Some("has a port that is no number");
    }
    let parameter = |pair: &str| {
        pair.split_once('=').is_some_and(|(name, value)| {
            let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            named && !value.contains('=')
        })
    };
    if !query.is_empty() && !query.split('&').all(parameter) {
        return Some("has a parameter that is not name=value, or an unencoded `?` before its parameters");
    }
    let encoded = |text: &str| {
        text.split('%').skip(1).all(|after| {
            after.get(..2).is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()) && digits != "00")
        })
    };
    (![user, hosts, path, query].into_iter().all(encoded)).then_some(ENCODE)
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
    fn a_postgres_url_that_libpq_would_misread_is_refused() {
        for url in [
            "postgres://me:hunter2",
            "postgres://me:a/b@h/d",
            "postgres://me:a@b@h/d",
            "postgres://me:a?b@h/d",
            "postgres://me:a%zz@h/d",
            "postgres://me:a%@h/d",
            "postgres://me:a%00@h/d",
            "postgres://h/d?hunter2",
            "postgres://h/d?a=b=c",
        ] {
            assert!(DatabaseUrl::parse("database_url", url).is_err(), "{url}");
        }
        for url in [
            "postgres://",
            "postgres:///d",
            "postgres://h",
            "postgresql://me:a%40b%2F@h:5433/d",
            "postgres://me@h1:1,h2:2/d?target_session_attrs=read-write",
            "postgres://me@[::1]:5432/d?sslmode=require&application_name=a%20b",
            "postgres://%2Fvar%2Frun%2Fpostgresql/d",
            "postgres:///d?host=/run/postgresql&user=me@realm",
        ] {
            assert!(DatabaseUrl::parse("database_url", url).is_ok(), "{url}");
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
