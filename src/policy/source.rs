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
#[derive(Debug, Clone)]
pub struct StoreSource {
    /// The store's name.
    pub store: String,
    /// The schema.
    pub schema: SourceFile,
    /// The policy files, in the order of their names.
    pub policies: Vec<SourceFile>,
}

impl StoreSource {
    /// A policy file that is larger than this is a mistake, not a policy.
    const LARGEST_FILE: u64 = 8 * 1024 * 1024;

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
            schema: SourceFile {
                name: "schema.cedarschema".to_owned(),
                text: include_str!("../../schema.cedarschema").to_owned(),
            },
            policies: shipped!(
                "api-keys.cedar",
                "guardrails.cedar",
                "public.cedar",
                "roles.cedar",
                "tenant-isolation.cedar"
            ),
        }
    }

    /// Reads the `*.cedar` files of `folder`, at any depth. Names that start with a dot are passed
    /// over (mounted configuration maps keep their history in such names).
    ///
    /// # Errors
    /// Every file or folder that cannot be read, is no UTF-8 or is too large; a folder without policies.
    pub fn from_folder(store: &str, folder: &Path, schema: SourceFile) -> Result<Self, Findings> {
        let mut reader = FolderReader::default();
        reader.read(folder, "", 0);
        if reader.policies.is_empty() && reader.findings.is_empty() {
            reader.findings.push(Finding::of_file(&folder.display().to_string(), "has no *.cedar file"));
        }
        if !reader.findings.is_empty() {
            return Err(Findings { store: store.to_owned(), findings: reader.findings });
        }
        reader.policies.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { store: store.to_owned(), schema, policies: reader.policies })
    }
}

#[derive(Default)]
struct FolderReader {
    policies: Vec<SourceFile>,
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
            let name = if prefix.is_empty() { file_name.clone() } else { format!("{prefix}/{file_name}") };
            let path = entry.path();
            let is_policy = path.extension().is_some_and(|extension| extension == "cedar");
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() => self.read(&path, &name, depth + 1),
                Ok(found) if is_policy && found.len() > StoreSource::LARGEST_FILE => {
                    self.find(&name, &format!("has more than {} bytes", StoreSource::LARGEST_FILE));
                }
                Ok(_) if is_policy => match fs::read_to_string(&path) {
                    Ok(text) => self.policies.push(SourceFile { name, text }),
                    Err(error) => self.find(&name, &format!("cannot be read: {error}")),
                },
                Ok(_) => {}
                Err(error) => self.find(&name, &format!("cannot be read: {error}")),
            }
        }
    }

    fn find(&mut self, file: &str, message: &str) {
        self.findings.push(Finding::of_file(file, message));
    }
}
