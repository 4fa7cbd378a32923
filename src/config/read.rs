//! Texts into values.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use ipnet::IpNet;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::SecretString;
use tracing_subscriber::filter::{LevelFilter, Targets};
use url::Url;

use super::keys::Key;
use super::{
    Config, ConfigError, ControlPolicyChoice, DatabaseConfig, DecisionLogConfig, DecisionSink, Layers, LogConfig,
    LogFormat, OidcIssuersConfig, Origin, ServerConfig, TlsConfig, TokenConfig, TracingConfig, issuers,
};
use crate::domain::invalid::quoted;
use crate::domain::name::printable;
use crate::domain::{
    ClaimPath, ContextPath, DatabaseUrl, Invalid, KeyMaterial, Overflow, StoreName, TrustedIssuer, WebOrigin,
};

impl Config {
    /// Reads and checks every value.
    ///
    /// # Errors
    /// The first value that is not accepted: its key, who said it, and what is accepted. A secret is not repeated.
    pub fn read(layers: &Layers) -> Result<Self, ConfigError> {
        let reader = Reader(layers);
        Ok(Self {
            listen: reader.parsed("listen")?,
            grpc_listen: reader.parsed("grpc_listen")?,
            database_url: reader.value("database_url", |text| DatabaseUrl::parse("database_url", text).ok())?,
            policies: reader.optional("policies", |text| existing(text, Path::is_dir))?,
            schema: reader.optional("schema", |text| existing(text, Path::is_file))?,
            control_policies: reader.value("control_policies", |text| match text {
                "auto" => Some(ControlPolicyChoice::Auto),
                "embedded" => Some(ControlPolicyChoice::Embedded),
                _ => None,
            })?,
            root_api_key: reader
                .secret("root_api_key", "root_api_key_file", |text| KeyMaterial::parse(text).is_some())?,
            encryption_key: reader.secret("encryption_key", "encryption_key_file", |text| !text.is_empty())?,
            database: DatabaseConfig {
                connections: reader.number("database.connections", 1, 500)?,
                wait: reader.duration("database.wait")?,
            },
            server: ServerConfig {
                workers: match reader.number("server.workers", 0, 256)? {
                    0 => std::thread::available_parallelism().map_or(1, usize::from),
                    workers => usize::try_from(workers).unwrap_or(1),
                },
                body_timeout: reader.duration("server.body_timeout")?,
                drain_timeout: reader.duration("server.drain_timeout")?,
                public_url: reader.optional("server.public_url", plain_url)?,
                trusted_proxies: reader.value("server.trusted_proxies", networks)?,
                cors_origins: reader.list("server.cors_origins", WebOrigin::parse)?,
            },
            tls: reader.tls()?,
            oidc: oidc(&reader)?,
            issuers: reader.issuers()?,
            tokens: TokenConfig {
                clock_skew: reader.value("oidc.clock_skew", clock_skew)?,
                tenant_roles_claim: reader.claim("oidc.tenant_roles_claim")?,
                tenant_groups_claim: reader.claim("oidc.tenant_groups_claim")?,
            },
            decision_log: decision_log(&reader)?,
            tracing: tracing(&reader)?,
            default_store: reader.optional("decision.default_store", |text| StoreName::parse("", text).ok())?,
            log: LogConfig {
                format: reader.value("log.format", |text| match text {
                    "auto" => Some(LogFormat::Auto),
                    "human" => Some(LogFormat::Human),
                    "json" => Some(LogFormat::Json),
                    _ => None,
                })?,
                level: reader.value("log.level", |text| is_filter(text).then(|| text.to_owned()))?,
            },
        })
    }
}

fn oidc(reader: &Reader<'_>) -> Result<OidcIssuersConfig, ConfigError> {
    let keys_fresh_for = reader.duration("oidc.keys_fresh_for")?;
    Ok(OidcIssuersConfig {
        allowed_networks: reader.value("oidc.allowed_networks", networks)?,
        tenant_allowed_networks: reader.value("oidc.tenant_allowed_networks", networks)?,
        ca_certificates: reader.certificates("oidc.ca_certificates")?,
        timeout: reader.duration("oidc.timeout")?,
        keys_fresh_for,
        // From three quarters of their time on keys are fetched anew; the cooldown must be over by then,
        // and once more before they are old.
        keys_cooldown: reader.value("oidc.keys_cooldown", |text| {
            let cooldown = humantime::parse_duration(text).ok().filter(|cooldown| !cooldown.is_zero());
            cooldown.filter(|cooldown| *cooldown <= keys_fresh_for / 4)
        })?,
        keys_stale_bound: reader.value("oidc.keys_stale_bound", |text| {
            humantime::parse_duration(text).ok().filter(|bound| *bound >= keys_fresh_for)
        })?,
    })
}

fn decision_log(reader: &Reader<'_>) -> Result<DecisionLogConfig, ConfigError> {
    let count = |name, least, most| Ok(usize::try_from(reader.number(name, least, most)?).unwrap_or(usize::MAX));
    Ok(DecisionLogConfig {
        sink: reader.value("decision_log.sink", |text| match text {
            "auto" => Some(DecisionSink::Auto),
            "file" => Some(DecisionSink::File),
            "stdout" => Some(DecisionSink::Stdout),
            "off" => Some(DecisionSink::Off),
            _ => None,
        })?,
        path: reader.optional("decision_log.path", in_a_folder)?,
        overflow: reader.value("decision_log.overflow", |text| match text {
            "drop" => Some(Overflow::Drop),
            "block" => Some(Overflow::Block),
            "spill" => Some(Overflow::Spill),
            _ => None,
        })?,
        queue: count("decision_log.queue", 1, 1_000_000)?,
        rotate_size: reader.bytes("decision_log.rotate_size")?,
        rotate_after: reader.duration("decision_log.rotate_after")?,
        keep: count("decision_log.keep", 0, 10_000)?,
        spill_size: reader.bytes("decision_log.spill_size")?,
        mask: reader.list("decision_log.mask", ContextPath::parse)?,
    })
}

/// All of it is read, so that a mistake is found before it matters.
fn tracing(reader: &Reader<'_>) -> Result<Option<TracingConfig>, ConfigError> {
    let ratio = |text: &str| text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    let name = |text: &str| printable("", text, 255).is_ok().then(|| text.to_owned());
    let otlp_endpoint = reader.optional("tracing.otlp_endpoint", plain_url)?;
    let sample_ratio = reader.value("tracing.sample_ratio", ratio)?;
    let service_name = reader.value("tracing.service_name", name)?;
    Ok(otlp_endpoint.map(|otlp_endpoint| TracingConfig { otlp_endpoint, sample_ratio, service_name }))
}

/// A URL below which there can be a path.
fn plain_url(text: &str) -> Option<Url> {
    let plain = |url: &Url| {
        let is_http = matches!(url.scheme(), "http" | "https");
        let credentials = !url.username().is_empty() || url.password().is_some();
        is_http && url.has_host() && !credentials && url.query().is_none() && url.fragment().is_none()
    };
    Url::parse(text).ok().filter(plain)
}

struct Reader<'a>(&'a Layers);

impl Reader<'_> {
    fn optional<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ConfigError> {
        let Some((text, origin)) = self.0.0.get(name) else { return Ok(None) };
        read(text).map(Some).ok_or_else(|| refused(name, text, origin))
    }

    fn value<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, ConfigError> {
        self.optional(name, read)?.ok_or_else(|| ConfigError(format!("`{name}` is missing")))
    }

    fn parsed<T: FromStr>(&self, name: &str) -> Result<T, ConfigError> {
        self.value(name, |text| text.parse().ok())
    }

    fn number(&self, name: &str, least: u32, most: u32) -> Result<u32, ConfigError> {
        self.value(name, |text| text.parse().ok().filter(|number| (least..=most).contains(number)))
    }

    fn duration(&self, name: &str) -> Result<Duration, ConfigError> {
        self.value(name, |text| humantime::parse_duration(text).ok().filter(|duration| !duration.is_zero()))
    }

    fn bytes(&self, name: &str) -> Result<u64, ConfigError> {
        self.value(name, |text| text.parse::<ByteSize>().ok().map(|size| size.as_u64()).filter(|bytes| *bytes > 0))
    }

    /// A list of which each item is refused in words of its own.
    fn list<T>(&self, name: &str, parse: impl Fn(&str, &str) -> Result<T, Invalid>) -> Result<Vec<T>, ConfigError> {
        let Some((text, origin)) = self.0.0.get(name) else { return Ok(Vec::new()) };
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let read = items.map(|item| parse(name, item));
        read.collect::<Result<_, _>>().map_err(|invalid| {
            let accepts = Key::find(name).map_or("another value", |key| key.accepts);
            ConfigError(format!("`{name}` (from {origin}) {}; accepted is {accepts}", invalid.reason))
        })
    }

    /// The files of TLS: certificate and key together or not at all, and authorities only with them.
    fn tls(&self) -> Result<Option<TlsConfig>, ConfigError> {
        let file = |name| self.optional(name, |text| existing(text, Path::is_file));
        let alone = |there: &str, missing: &str| {
            let origin = self.0.0.get(there).map_or(&Origin::Default, |(_, origin)| origin);
            ConfigError(format!("`{there}` (from {origin}) is set and `{missing}` is not; set both, or neither"))
        };
        match (file("tls.cert")?, file("tls.key")?, file("tls.client_ca")?) {
            (Some(cert), Some(key), client_ca) => Ok(Some(TlsConfig { cert, key, client_ca })),
            (Some(_), None, _) => Err(alone("tls.cert", "tls.key")),
            (None, Some(_), _) => Err(alone("tls.key", "tls.cert")),
            (None, None, Some(_)) => Err(alone("tls.client_ca", "tls.cert")),
            (None, None, None) => Ok(None),
        }
    }

    /// The certificates of a file, in DER.
    fn certificates(&self, name: &str) -> Result<Vec<Vec<u8>>, ConfigError> {
        let Some((path, origin)) = self.0.0.get(name) else { return Ok(Vec::new()) };
        let accepts = Key::find(name).map_or("another file", |key| key.accepts);
        let unusable = |what: &str| {
            let named = quoted(path);
            ConfigError(format!("`{name}` (from {origin}) names {named}, which {what}; accepted is {accepts}"))
        };
        let text = fs::read(path).map_err(|error| unusable(&format!("cannot be read: {error}")))?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        match certificates {
            Ok(certificates) if !certificates.is_empty() => {
                Ok(certificates.into_iter().map(|certificate| certificate.to_vec()).collect())
            }
            Ok(_none) => Err(unusable("has no certificate in PEM in it")),
            Err(error) => Err(unusable(&format!("is not PEM that can be read: {error}"))),
        }
    }

    fn claim(&self, name: &str) -> Result<ClaimPath, ConfigError> {
        self.value(name, |text| ClaimPath::parse(name, text).ok())
    }

    fn issuers(&self) -> Result<Vec<TrustedIssuer>, ConfigError> {
        const NAME: &str = "issuers";
        let Some((text, origin)) = self.0.0.get(NAME) else { return Ok(Vec::new()) };
        issuers::read(text).map_err(|what| {
            let accepts = Key::find(NAME).map_or("another value", |key| key.accepts);
            ConfigError(format!("`{NAME}` (from {origin}): {what}; accepted is {accepts}"))
        })
    }

    /// A secret that is said itself or stands in a file, but not both.
    fn secret(&self, name: &str, file: &str, accepted: fn(&str) -> bool) -> Result<Option<SecretString>, ConfigError> {
        match (self.0.0.get(name), self.0.0.get(file)) {
            (Some((_, one)), Some((_, other))) => {
                Err(ConfigError(format!("both `{name}` ({one}) and `{file}` ({other}) are set; set one")))
            }
            (Some((text, origin)), None) if !accepted(text.trim()) => Err(refused(name, text, origin)),
            (Some((text, _)), None) => Ok(Some(text.trim().to_owned().into())),
            (None, Some((path, origin))) => {
                let text = fs::read_to_string(path).map_err(|error| {
                    ConfigError(format!(
                        "`{file}` (from {origin}) names {}, which cannot be read: {error}",
                        quoted_path(path)
                    ))
                })?;
                if !accepted(text.trim()) {
                    let accepts = Key::find(name).map_or("another text", |key| key.accepts);
                    return Err(ConfigError(format!(
                        "`{file}` (from {origin}) names {}, which does not hold what is accepted: {accepts}",
                        quoted_path(path)
                    )));
                }
                Ok(Some(text.trim().to_owned().into()))
            }
            (None, None) => Ok(None),
        }
    }
}

fn refused(name: &str, text: &str, origin: &Origin) -> ConfigError {
    let key = Key::find(name);
    let accepts = key.map_or("another value", |key| key.accepts);
    // A URL may have a password in it, and a private key may stand where its file's path belongs.
    let has_credentials = text.contains("://") && text.contains('@');
    let hidden = name == "database_url" || has_credentials || is_pem(text) || key.is_none_or(|key| key.secret);
    let value = if hidden { "not accepted".to_owned() } else { quoted(text) };
    ConfigError(format!("`{name}` (from {origin}) is {value}; accepted is {accepts}"))
}

/// A path for an error text, unless it looks like the secret itself in the place of the path to it.
fn quoted_path(path: &str) -> String {
    let is_secret = path.trim_end().ends_with('=') || path.contains("gwk_");
    if is_secret { "something that looks like the secret itself".to_owned() } else { quoted(path) }
}

/// Whether a text is what a PEM file holds, and not the path of one.
pub(super) fn is_pem(text: &str) -> bool {
    text.contains("-----BEGIN")
}

fn existing(text: &str, exists: fn(&Path) -> bool) -> Option<PathBuf> {
    Some(PathBuf::from(text)).filter(|path| exists(path))
}

/// A file that is there or can be made: not a folder, and in one that exists.
fn in_a_folder(text: &str) -> Option<PathBuf> {
    let path = PathBuf::from(text);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let printable = !text.chars().any(char::is_control);
    (printable && path.file_name().is_some() && !path.is_dir() && folder.is_dir()).then_some(path)
}

/// `info`, or `info,gatewood=debug`. A name alone would be a filter too, one that silences everything
/// else: a misspelt level would be taken for one.
fn is_filter(text: &str) -> bool {
    let is_level = |text: &str| !text.is_empty() && text.parse::<LevelFilter>().is_ok();
    let is_directive = |part: &str| part.split_once('=').map_or_else(|| is_level(part), |(_, level)| is_level(level));
    text.split(',').all(is_directive) && text.parse::<Targets>().is_ok()
}

fn clock_skew(text: &str) -> Option<Duration> {
    const MOST: Duration = Duration::from_mins(5);
    humantime::parse_duration(text).ok().filter(|skew| *skew <= MOST)
}

fn networks(text: &str) -> Option<Vec<IpNet>> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| item.parse::<IpNet>().ok().or_else(|| item.parse::<IpAddr>().ok().map(IpNet::from))).collect()
}
