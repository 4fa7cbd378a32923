//! The licences of everything that is linked in, held against `deny.toml`, which `cargo deny` reads too.

use std::collections::BTreeSet;

use cargo_metadata::MetadataCommand;
use spdx::{Expression, ParseMode};

/// The licences that `deny.toml` allows.
fn allowed() -> BTreeSet<String> {
    let text = std::fs::read_to_string("deny.toml").unwrap();
    let table: toml::Table = text.parse().unwrap();
    let allow = table["licenses"]["allow"].as_array().unwrap();
    allow.iter().map(|licence| licence.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_dependency_has_a_licence_that_is_allowed_and_every_allowed_one_is_needed() {
    // Of other platforms' packages nothing need be there, so nothing is fetched here.
    let platform = format!("--filter-platform={}-unknown-linux-gnu", std::env::consts::ARCH);
    let options = ["--locked".to_owned(), "--offline".to_owned(), platform];
    let metadata = MetadataCommand::new().other_options(options).exec().unwrap();
    let allowed = allowed();
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    for package in &metadata.packages {
        let licence = package.license.clone().unwrap_or_default();
        let Ok(expression) = Expression::parse_mode(&licence, ParseMode::LAX) else {
            wrong.push(format!("{}: `{licence}` is no licence expression", package.name));
            continue;
        };
        let mut accepted = Vec::new();
        let fits = expression.evaluate(|requirement| {
            let name = requirement.to_string();
            let fits = allowed.contains(&name);
            if fits {
                accepted.push(name);
            }
            fits
        });
        used.extend(accepted);
        if !fits {
            wrong.push(format!("{}: `{licence}`", package.name));
        }
    }
    assert!(wrong.is_empty(), "not allowed by deny.toml: {wrong:#?}");
    let unneeded: Vec<&String> = allowed.difference(&used).collect();
    assert!(unneeded.is_empty(), "allowed by deny.toml and needed by nothing: {unneeded:?}");
}
