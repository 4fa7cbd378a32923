//! Which policies guard the control plane, and whether they fit the code.

use std::fs;
use std::path::{Path, PathBuf};

use super::StartError;
use crate::config::{Config, ControlPolicyChoice};
use crate::grpc::Methods;
use crate::http::Routes;
use crate::persistence::{ControlPolicies, Instance, InstanceRow};
use crate::policy::{CONTROL_STORE, Differences, Snapshot, SourceFile, StoreSource, load};

/// The control plane's policies, loaded.
pub(super) struct ControlPlane {
    pub(super) snapshot: Snapshot,
    pub(super) origin: ControlPolicies,
    /// Where they are from, in words.
    pub(super) place: String,
}

impl ControlPlane {
    /// Loads the policies and holds their schema against the routes and methods.
    pub(super) fn load(config: &Config, routes: &Routes, methods: &Methods) -> Result<Self, StartError> {
        let folder = match config.control_policies {
            ControlPolicyChoice::Embedded => None,
            ControlPolicyChoice::Auto => folder_of(config)?,
        };
        let mut source = StoreSource::embedded_control_plane();
        let (origin, place) = match folder {
            None => {
                if let Some(path) = &config.schema {
                    source.schemas = vec![read_schema(path)?];
                }
                (ControlPolicies::Embedded, "embedded".to_owned())
            }
            Some(folder) => {
                let schemas = schema_for(config, source.schemas)?;
                source = StoreSource { schemas, ..StoreSource::from_folder(CONTROL_STORE, &folder)? };
                (ControlPolicies::Folder, folder.display().to_string())
            }
        };
        let snapshot = load(&source)?;
        let mut actions = routes.actions();
        actions.extend(methods.actions());
        Differences::check(snapshot.schema(), &actions)
            .map_err(|differences| StartError::new(differences.to_string()))?;
        Ok(Self { snapshot, origin, place })
    }

    /// A mount that failed must not bring weaker policies back.
    pub(super) async fn check_against(
        &self,
        row: &InstanceRow,
        config: &Config,
        instance: &Instance,
    ) -> Result<(), StartError> {
        let fell_back = row.control_policies == ControlPolicies::Folder && self.origin == ControlPolicies::Embedded;
        if fell_back && config.control_policies == ControlPolicyChoice::Auto {
            return Err(StartError::new(
                "this database was last used with a folder of control-plane policies, and there is none now; \
                 bring `gatewood` back below the policies folder, or say `--control-policies embedded`",
            ));
        }
        if row.control_policies != self.origin {
            instance.remember(self.origin).await?;
        }
        Ok(())
    }
}

/// The folder of the control plane's policies, where there is one. One that cannot be looked at is
/// an error, and not the same as none.
fn folder_of(config: &Config) -> Result<Option<PathBuf>, StartError> {
    let root = config.policies.clone().unwrap_or_else(|| PathBuf::from("policies"));
    let folder = root.join(CONTROL_STORE);
    match fs::metadata(&folder) {
        Ok(found) if found.is_dir() => Ok(Some(folder)),
        Ok(_) => Err(StartError::new(format!("{} is no folder", folder.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if config.policies.is_some() {
                tracing::warn!(folder = %folder.display(), "is not there; the built-in policies guard the control plane");
            }
            Ok(None)
        }
        Err(error) => Err(StartError::file(&folder, &error)),
    }
}

/// `--schema`; else the one beside a default `./policies`; else the embedded one.
fn schema_for(config: &Config, embedded: Vec<SourceFile>) -> Result<Vec<SourceFile>, StartError> {
    let beside = Path::new("schema.cedarschema");
    match &config.schema {
        Some(path) => Ok(vec![read_schema(path)?]),
        None if config.policies.is_none() && beside.is_file() => Ok(vec![read_schema(beside)?]),
        None => Ok(embedded),
    }
}

fn read_schema(path: &Path) -> Result<SourceFile, StartError> {
    let text = fs::read_to_string(path).map_err(|error| StartError::file(path, &error))?;
    Ok(SourceFile { name: path.display().to_string(), text })
}
