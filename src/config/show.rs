//! The configuration as text: what is in force, and what there is.

use std::fmt::Write;

use super::keys::KEYS;
use super::read::is_pem;
use super::{Layers, Origin};
use crate::domain::DatabaseUrl;

/// The effective configuration as a TOML file that could be used as it is, with who said each value,
/// and without its secrets.
#[must_use]
pub fn show(layers: &Layers) -> String {
    let mut text = String::new();
    let mut table = "";
    for key in KEYS {
        let (inner, name) = key.name.split_once('.').map_or(("", key.name), |(table, name)| (table, name));
        if inner != table {
            table = inner;
            // Writing into a String does not fail.
            let _ = writeln!(text, "\n[{table}]");
        }
        let line = match layers.0.get(key.name) {
            None => format!("# {name} is not set"),
            Some((value, origin)) if key.secret || is_pem(value) => {
                format!("# {name} is set, from {origin}, and not shown")
            }
            Some((value, origin)) => {
                let shown = if key.name == "database_url" { without_password(value) } else { value.clone() };
                let source = if *origin == Origin::Default { "default".to_owned() } else { format!("from {origin}") };
                format!("{name} = {} # {source}", toml::Value::String(shown))
            }
        };
        let _ = writeln!(text, "{line}");
    }
    text
}

fn without_password(url: &str) -> String {
    DatabaseUrl::parse("database_url", url).map_or_else(|_refused| "(not accepted)".to_owned(), |url| url.to_string())
}

/// Every key as a Markdown table, for `docs/configuration.md`.
#[must_use]
pub fn document() -> String {
    let mut text = "| key | flag | environment variable | default | accepted |\n|---|---|---|---|---|\n".to_owned();
    for key in KEYS {
        let flag = if key.flag { format!("`--{}`", key.name.replace('_', "-")) } else { String::new() };
        let default =
            key.default.filter(|default| !default.is_empty()).map(|default| format!("`{default}`")).unwrap_or_default();
        let _ = writeln!(text, "| `{}` | {flag} | `{}` | {default} | {} |", key.name, key.variable(), key.accepts);
    }
    text.push('\n');
    for key in KEYS {
        let _ = writeln!(text, "`{}`\n: {}\n", key.name, key.doc);
    }
    text.trim_end().to_owned() + "\n"
}
