//! Flags over environment over file over defaults.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::ConfigError;
use super::keys::{KEYS, Key};

/// Who said a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody: it is the default.
    Default,
    /// The file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default"),
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Environment(variable) => write!(f, "the environment variable {variable}"),
            Self::Flag(flag) => write!(f, "the flag {flag}"),
        }
    }
}

/// For every key that has a value: the value, and who said it.
#[derive(Clone, Default)]
pub struct Layers(pub(super) BTreeMap<&'static str, (String, Origin)>);

impl fmt::Debug for Layers {
    /// Who said which key. The values are left out: there are secrets among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(key, (_, origin))| (key, origin))).finish()
    }
}

impl Layers {
    /// How the names of our variables begin.
    pub(crate) const PREFIX: &'static str = "GATEWOOD_";
    /// The variable that names the file.
    const FILE_VARIABLE: &'static str = "GATEWOOD_CONFIG";

    /// Puts the layers together. `flags` are by key; `file` is what `--config` says.
    ///
    /// # Errors
    /// A file that cannot be read; a key or variable that is unknown, with those that there are.
    pub fn collect(
        file: Option<&Path>,
        flags: &[(&'static str, String)],
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut layers = Self::default();
        for key in KEYS {
            if let Some(default) = key.default {
                layers.0.insert(key.name, (default.to_owned(), Origin::Default));
            }
        }
        let environment: BTreeMap<String, String> =
            environment.into_iter().filter(|(name, _)| name.starts_with(Self::PREFIX)).collect();
        let named = environment.get(Self::FILE_VARIABLE).map(PathBuf::from);
        if let Some(path) = file.map(Path::to_path_buf).or(named) {
            layers.add_file(&path)?;
        }
        layers.add_environment(environment)?;
        for (name, value) in flags {
            let flag = format!("--{}", name.replace(['_', '.'], "-"));
            layers.0.insert(name, (value.clone(), Origin::Flag(flag)));
        }
        Ok(layers)
    }

    fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let at = path.display();
        let text = fs::read_to_string(path)
            .map_err(|error| ConfigError(format!("the configuration file {at} cannot be read: {error}")))?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            // The error's own text repeats the line, and there may be a secret on it.
            let offset = error.span().map_or(0, |span| span.start);
            let line = text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
            ConfigError(format!("{at}, line {line}: {}", error.message()))
        })?;
        let mut found = Vec::new();
        flatten("", table, &mut found);
        for (name, value) in found {
            let key = Key::find(&name).ok_or_else(|| {
                unknown(&format!("the key `{name}` in {at}"), KEYS.iter().map(|key| key.name.to_owned()))
            })?;
            let value = as_text(&value).ok_or_else(|| {
                ConfigError(format!("`{name}` in {at} has a type that no key takes; accepted is {}", key.accepts))
            })?;
            self.0.insert(key.name, (value, Origin::File(path.to_path_buf())));
        }
        Ok(())
    }

    fn add_environment(&mut self, environment: BTreeMap<String, String>) -> Result<(), ConfigError> {
        for (variable, value) in environment {
            if variable == Self::FILE_VARIABLE || is_service_link(&variable, &value) {
                continue;
            }
            let key = KEYS.iter().find(|key| key.variable() == variable);
            let key = key.ok_or_else(|| {
                unknown(&format!("the environment variable {variable}"), KEYS.iter().map(Key::variable))
            })?;
            self.0.insert(key.name, (value, Origin::Environment(variable)));
        }
        Ok(())
    }
}

/// Kubernetes sets such variables in every container when there is a service called "gatewood", or
/// one whose name begins with "gatewood-".
fn is_service_link(variable: &str, value: &str) -> bool {
    let of_a_port =
        variable.rsplit_once("_PORT_").is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
    let address = variable.ends_with("_PORT") && value.contains("://");
    variable.ends_with("_SERVICE_HOST") || variable.contains("_SERVICE_PORT") || of_a_port || address
}

fn unknown(what: &str, known: impl Iterator<Item = String>) -> ConfigError {
    let known: Vec<String> = known.collect();
    ConfigError(format!("{what} is not known; known are {}", known.join(", ")))
}

fn flatten(prefix: &str, table: toml::Table, found: &mut Vec<(String, toml::Value)>) {
    for (name, value) in table {
        let name = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        if let toml::Value::Table(table) = value {
            flatten(&name, table, found);
        } else {
            found.push((name, value));
        }
    }
}

/// A value as a variable would have it; a list with commas between, a list of tables in JSON.
fn as_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(value) => Some(value.to_string()),
        toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => serde_json::to_string(value).ok(),
        toml::Value::Array(items) => items.iter().map(as_text).collect::<Option<Vec<_>>>().map(|items| items.join(",")),
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}
