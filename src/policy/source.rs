//! Where a store's text comes from: a folder, or what the binary was built with.

use std::fs;
use std::path::Path;

use super::{Finding, Findings};

/// One file of a store.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Its path relative to the store's folder, with `/` between the parts.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// The text of a store, before anything was made of it.
#[derive(Debug, Clone, Default)]
pub struct StoreSource {
    /// The store's name.
    pub store: String,
    /// The fragments of the schema, in the order of their names.
    pub schemas: Vec<SourceFile>,
    /// The policy files, in the order of their names.
    pub policies: Vec<SourceFile>,
    /// `links.json`: what the templates are linked to.
    pub links: Option<SourceFile>,
    /// `entities.json`: what is stored with the policies.
    pub entities: Option<SourceFile>,
    /// `store.toml`: the store's settings.
    pub settings: Option<SourceFile>,
}

/// What a file of a store is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Schema,
    Policies,
    Links,
    Entities,
    Settings,
}

impl Kind {
    /// `name` is relative to the store's folder: the last three are read from the folder itself only.
    fn of(name: &str) -> Option<Self> {
        match name {
            "links.json" => Some(Self::Links),
            "entities.json" => Some(Self::Entities),
            "store.toml" => Some(Self::Settings),
            _ if name.ends_with(".cedarschema") => Some(Self::Schema),
            _ if is_policy_file(name) => Some(Self::Policies),
            _ => None,
        }
    }

    /// How many bytes such a file may have. More is a mistake, and would be read again at every reload.
    const fn most(self) -> u64 {
        const MIB: u64 = 1024 * 1024;
        match self {
            Self::Entities => 2048 * MIB,
            Self::Policies => 64 * MIB,
            Self::Schema | Self::Links | Self::Settings => 16 * MIB,
        }
    }
}

/// Whether a file of this name holds policies: `*.cedar`, or `*.cedar.json` for Cedar's JSON format.
pub(super) fn is_policy_file(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "cedar") || is_json_policy_file(name)
}

/// Whether a file of this name holds policies in Cedar's JSON format.
pub(super) fn is_json_policy_file(name: &str) -> bool {
    name.ends_with(".cedar.json")
}

impl StoreSource {
    /// The control plane's store as it was shipped with this binary.
    #[must_use]
    pub fn embedded_control_plane() -> Self {
        macro_rules! shipped {
            ($($name:literal),+) => {
                vec![$(SourceFile {
                    name: $name.to_owned(),
                    text: include_str!(concat!("../../policies/gatewood/", $name)).to_owned(),
                }),+]
            };
        }
        Self {
            store: super::snapshot::CONTROL_STORE.to_owned(),
            schemas: vec![SourceFile {
                name: "schema.cedarschema".to_owned(),
                text: include_str!("../../schema.cedarschema").to_owned(),
            }],
            policies: shipped!(
                "api-keys.cedar",
                "guardrails.cedar",
                "public.cedar",
                "roles.cedar",
                "tenant-isolation.cedar"
            ),
            ..Self::default()
        }
    }

    /// Reads a store's files from `folder`: policies and fragments of the schema at any depth, the rest
    /// from the folder itself. Names that start with a dot are passed over (mounted configuration maps
    /// keep their history in such names), and so is whatever is none of a store's files.
    ///
    /// # Errors
    /// Every file or folder that cannot be read, is no UTF-8 or is too large.
    pub fn from_folder(store: &str, folder: &Path) -> Result<Self, Findings> {
        let source = Self { store: store.to_owned(), ..Self::default() };
        let mut reader = FolderReader { source, findings: Vec::new() };
        reader.read(folder, "", 0);
        let FolderReader { mut source, findings } = reader;
        if !findings.is_empty() {
            return Err(Findings::new(store, findings));
        }
        source.schemas.sort_by(|a, b| a.name.cmp(&b.name));
        source.policies.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(source)
    }

    /// Every file, in an order that does not depend on the file system.
    pub(super) fn files(&self) -> impl Iterator<Item = &SourceFile> {
        let single = [&self.links, &self.entities, &self.settings];
        self.schemas.iter().chain(&self.policies).chain(single.into_iter().flatten())
    }
}

struct FolderReader {
    source: StoreSource,
    findings: Vec<Finding>,
}

impl FolderReader {
    /// Symbolic links are followed (mounts are made of them), so a loop of them ends here.
    const DEEPEST: usize = 32;

    fn read(&mut self, folder: &Path, prefix: &str, depth: usize) {
        if depth > Self::DEEPEST {
            return self.find(prefix, "lies too deep; is there a loop of symbolic links?");
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.find(&folder.display().to_string(), &format!("cannot be read: {error}")),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.find(&folder.display().to_string(), &format!("cannot be read: {error}")),
            };
            let Ok(file_name) = entry.file_name().into_string() else {
                self.find(prefix, "has a file whose name is not UTF-8");
                continue;
            };
            if file_name.starts_with('.') {
                continue;
            }
            let name = if prefix.is_empty() { file_name } else { format!("{prefix}/{file_name}") };
            match fs::metadata(entry.path()) {
                Ok(found) if found.is_dir() => self.read(&entry.path(), &name, depth + 1),
                Ok(found) => self.file(&entry.path(), name, found.len()),
                Err(error) => self.find(&name, &format!("cannot be read: {error}")),
            }
        }
    }

    fn file(&mut self, path: &Path, name: String, length: u64) {
        let Some(kind) = Kind::of(&name) else { return };
        if length > kind.most() {
            return self.find(&name, &format!("has {length} bytes; at most {} are read", kind.most()));
        }
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.find(&name, &format!("cannot be read: {error}")),
        };
        let file = SourceFile { name, text };
        match kind {
            Kind::Schema => self.source.schemas.push(file),
            Kind::Policies => self.source.policies.push(file),
            Kind::Links => self.source.links = Some(file),
            Kind::Entities => self.source.entities = Some(file),
            Kind::Settings => self.source.settings = Some(file),
        }
    }

    fn find(&mut self, file: &str, message: &str) {
        self.findings.push(Finding::of_file(file, message));
    }
}
