//! Which policies guard the control plane, and whether they fit the code.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StartError;
use crate::app::Rehearsal;
use crate::config::{Config, ControlPolicyChoice};
use crate::domain::Clock;
use crate::grpc::Methods;
use crate::http::Routes;
use crate::persistence::{ControlPolicies, Instance, InstanceRow};
use crate::policy::{CONTROL_STORE, Differences, SourceFile};
use crate::stores::{
    ControlCheck, ControlSource, Observer, OpenError, PolicyFolders, PolicyStore, PolicyStores, Stores,
};

/// The policy stores, loaded, and where those of the control plane are from.
pub(super) struct ControlPlane {
    pub(super) stores: PolicyStores,
    /// The control plane's own.
    pub(super) store: Arc<PolicyStore>,
    pub(super) origin: ControlPolicies,
    /// Where they are from, in words.
    pub(super) place: String,
}

impl ControlPlane {
    /// Loads every store. The control plane's is held against the routes and methods, now and whenever
    /// it is loaded again.
    pub(super) fn load(
        config: &Config,
        routes: &Routes,
        methods: &Methods,
        clock: &Clock,
        observer: Observer,
    ) -> Result<Self, StartError> {
        let folder = match config.control_policies {
            ControlPolicyChoice::Embedded => None,
            ControlPolicyChoice::Auto => folder_of(config)?,
        };
        let (control, origin, place) = match folder {
            None => {
                let schema = config.schema.as_deref().map(read_schema).transpose()?;
                (ControlSource::Embedded(schema), ControlPolicies::Embedded, "embedded".to_owned())
            }
            Some(folder) => {
                let place = folder.display().to_string();
                (ControlSource::Folder(folder, schema_for(config)), ControlPolicies::Folder, place)
            }
        };
        let root = root(config);
        let folders =
            PolicyFolders { root: root.is_dir().then_some(root), control, control_check: fits(routes, methods) };
        let stores = Stores::open(folders, clock.clone(), observer).map_err(|error| match error {
            OpenError::Root(text) => StartError::new(text),
            OpenError::Stores(findings) => StartError::Stores(findings),
        })?;
        let store = stores.get(CONTROL_STORE).ok_or_else(|| StartError::new("the control plane has no policies"))?;
        if let Some(name) = config.default_store.as_ref().filter(|name| stores.get(name.as_str()).is_none()) {
            return Err(StartError::new(format!(
                "decision.default_store `{name}` is no store below the policies folder"
            )));
        }
        if config.default_store.as_ref().is_some_and(|name| name.as_str() == CONTROL_STORE) {
            return Err(StartError::new(format!(
                "decision.default_store `{CONTROL_STORE}` guards Gatewood itself and is never asked"
            )));
        }
        let stores = PolicyStores::new(Arc::new(stores), config.default_store.clone());
        Ok(Self { stores, store, origin, place })
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
                "this database was used with a folder of control-plane policies, and there is none now; \
                 bring `gatewood` back below the policies folder, or say `--control-policies embedded`",
            ));
        }
        // That there was a folder is never forgotten: a start that says `embedded` says so for itself alone.
        if row.control_policies != self.origin && self.origin == ControlPolicies::Folder {
            instance.remember(self.origin).await?;
        }
        Ok(())
    }
}

/// Whether a version of the control plane's policies fits the code.
fn fits(routes: &Routes, methods: &Methods) -> ControlCheck {
    let (routes, methods) = (routes.clone(), methods.clone());
    Arc::new(move |snapshot| {
        let mut actions = routes.actions();
        actions.extend(methods.actions());
        Differences::check(snapshot.schema(), &actions).map_err(|differences| differences.to_string())?;
        let rehearsal = Rehearsal::of(snapshot);
        let rehearsed = routes.rehearse(&rehearsal).and_then(|()| methods.rehearse(&rehearsal));
        rehearsed.map_err(|error| format!("the schema and the service do not fit together: {error}"))
    })
}

fn root(config: &Config) -> PathBuf {
    config.policies.clone().unwrap_or_else(|| PathBuf::from("policies"))
}

/// The folder of the control plane's policies, where there is one. One that cannot be looked at is
/// an error, and not the same as none.
fn folder_of(config: &Config) -> Result<Option<PathBuf>, StartError> {
    let folder = root(config).join(CONTROL_STORE);
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
fn schema_for(config: &Config) -> Option<PathBuf> {
    let beside = Path::new("schema.cedarschema");
    let beside = || (config.policies.is_none() && beside.is_file()).then(|| beside.to_owned());
    config.schema.clone().or_else(beside)
}

fn read_schema(path: &Path) -> Result<SourceFile, StartError> {
    let text = fs::read_to_string(path).map_err(|error| StartError::file(path, &error))?;
    Ok(SourceFile::new(path.display().to_string(), text))
}
