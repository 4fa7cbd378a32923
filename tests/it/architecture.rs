//! The arrows of `ARCHITECTURE.md`: which module may use which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each module may use besides itself. A module that is missing here fails the test.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("config", &["domain"]),
    ("values", &["domain"]),
    ("policy", &["domain", "values"]),
    ("mapping", &["domain", "policy", "values"]),
    ("decision", &["domain", "policy", "mapping", "values"]),
    ("telemetry", &["domain"]),
    ("stores", &["domain", "policy"]),
    ("audit", &["domain", "policy"]),
    ("persistence", &["domain"]),
    ("authn", &["domain", "persistence"]),
    (
        "app",
        &["domain", "values", "policy", "stores", "mapping", "decision", "audit", "persistence", "authn", "telemetry"],
    ),
    // What the transports share names a decision's status and code to encode them; it decides nothing.
    ("transport", &["domain", "app", "authn", "policy", "decision", "telemetry"]),
    ("proto", &["domain", "transport"]),
    ("grpc", &["domain", "app", "policy", "transport", "proto", "telemetry"]),
    (
        "http",
        &["domain", "values", "app", "authn", "policy", "mapping", "stores", "transport", "proto", "grpc", "telemetry"],
    ),
    (
        "server",
        &[
            "domain",
            "config",
            "telemetry",
            "policy",
            "stores",
            "mapping",
            "decision",
            "stores",
            "audit",
            "persistence",
            "authn",
            "app",
            "transport",
            "grpc",
            "http",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "config",
            "policy",
            "mapping",
            "decision",
            "persistence",
            "authn",
            "app",
            "http",
            "server",
            "telemetry",
            "values",
        ],
    ),
];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn module_of(path: &Path) -> Option<String> {
    let inner = path.strip_prefix("src").unwrap();
    let mut parts = inner.components();
    let first = parts.next()?.as_os_str().to_str()?.to_owned();
    parts.next().map(|_| first)
}

/// Every `crate::<module>` of a file.
fn used_modules(text: &str) -> BTreeSet<String> {
    let after = text.split("crate::").skip(1);
    let name = |rest: &str| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>();
    after.map(name).filter(|name| !name.is_empty()).collect()
}

#[test]
fn no_module_uses_what_it_may_not() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ALLOWED.iter().map(|(module, uses)| (*module, uses.iter().copied().collect())).collect();
    let mut files = Vec::new();
    rust_files(Path::new("src"), &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let Some(module) = module_of(&file) else { continue };
        let may = allowed.get(module.as_str()).unwrap_or_else(|| panic!("{module} has no row in the table of arrows"));
        for used in used_modules(&fs::read_to_string(&file).unwrap()) {
            if used != module && !may.contains(used.as_str()) {
                wrong.push(format!("{}: uses `{used}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_library_is_named_in_its_own_module_only() {
    let mut files = Vec::new();
    rust_files(Path::new("src"), &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let module = module_of(&file).unwrap_or_default();
        let text = fs::read_to_string(&file).unwrap();
        if text.contains("diesel::") && module != "persistence" {
            wrong.push(format!("{}: names Diesel", file.display()));
        }
        if text.contains("cedar_policy")
            && !["values", "policy", "mapping", "decision", "audit"].contains(&module.as_str())
        {
            wrong.push(format!("{}: names Cedar's types", file.display()));
        }
        if (text.contains("opentelemetry") || text.contains("prometheus_client")) && module != "telemetry" {
            wrong.push(format!("{}: names what telemetry is made with", file.display()));
        }
        if text.contains("actix_web") && !["http", "server"].contains(&module.as_str()) {
            wrong.push(format!("{}: names actix", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_file_has_grown_beyond_what_one_can_read() {
    const MOST: usize = 500;
    let mut files = Vec::new();
    rust_files(Path::new("src"), &mut files);
    let long: Vec<String> = files
        .iter()
        .filter_map(|file| {
            let text = fs::read_to_string(file).unwrap();
            let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
            (lines > MOST).then(|| format!("{}: {lines} lines", file.display()))
        })
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}
