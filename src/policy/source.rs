//! Where a store's text comes from: a folder, or what the binary was built with.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Finding;
use super::places::Places;

/// One file of a store.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Its path relative to the store's folder, with `/` between the parts.
    pub name: String,
    /// Its content.
    pub text: String,
    /// For looking up lines and columns.
    pub(super) places: Places,
}

impl SourceFile {
    /// A file.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), places: Places::default() }
    }
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
    /// What is there and could not be read.
    pub unread: Vec<Finding>,
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

/// Whether a file of a store may be called this: a path in which no part is empty or begins with a dot.
fn is_path(name: &str) -> bool {
    name.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.contains('\0'))
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
                vec![$(SourceFile::new($name, include_str!(concat!("../../policies/gatewood/", $name)))),+]
            };
        }
        Self {
            store: super::snapshot::CONTROL_STORE.to_owned(),
            schemas: vec![SourceFile::new("schema.cedarschema", include_str!("../../schema.cedarschema"))],
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
    /// keep their history in such names), and so is whatever is none of a store's files. What cannot be read, is
    /// no UTF-8 or is too large is in `unread`, for the loader to tell of with all else.
    #[must_use]
    pub fn from_folder(store: &str, folder: &Path) -> Self {
        let source = Self { store: store.to_owned(), ..Self::default() };
        let mut reader = FolderReader { source, way: Vec::new() };
        reader.read(folder, "");
        let mut source = reader.source;
        source.schemas.sort_by(|a, b| a.name.cmp(&b.name));
        source.policies.sort_by(|a, b| a.name.cmp(&b.name));
        source
    }

    /// Whether a store's file of this name would be read for its policies.
    #[must_use]
    pub fn reads_policies_of(name: &str) -> bool {
        is_path(name) && Kind::of(name) == Some(Kind::Policies)
    }

    /// Whether a store's file of this name would be read as a fragment of the schema.
    #[must_use]
    pub fn reads_schema_of(name: &str) -> bool {
        is_path(name) && Kind::of(name) == Some(Kind::Schema)
    }

    /// Whether a part of the schema could not be read, or a folder in which there may be one.
    pub(super) fn misses_schema(&self) -> bool {
        self.unread.iter().any(|finding| matches!(Kind::of(&finding.file), None | Some(Kind::Schema)))
    }

    /// Every file, in an order that does not depend on the file system.
    pub(super) fn files(&self) -> impl Iterator<Item = &SourceFile> {
        let single = [&self.links, &self.entities, &self.settings];
        self.schemas.iter().chain(&self.policies).chain(single.into_iter().flatten())
    }
}

struct FolderReader {
    source: StoreSource,
    /// The folders that it is in. Symbolic links are followed, as mounts are made of them, so there may be loops.
    way: Vec<PathBuf>,
}

impl FolderReader {
    fn read(&mut self, folder: &Path, prefix: &str) {
        let opened = fs::canonicalize(folder).and_then(|place| Ok((place, fs::read_dir(folder)?)));
        let (place, entries) = match opened {
            Ok(opened) => opened,
            Err(error) => return self.find(&folder.display().to_string(), &format!("cannot be read: {error}")),
        };
        if self.way.contains(&place) {
            return self.find(prefix, "is a loop of symbolic links");
        }
        self.way.push(place);
        self.entries(folder, prefix, entries);
        self.way.pop();
    }

    fn entries(&mut self, folder: &Path, prefix: &str, entries: fs::ReadDir) {
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
                Ok(found) if found.is_dir() => self.read(&entry.path(), &name),
                Ok(found) if found.is_file() => self.file(&entry.path(), name, found.len()),
                // A pipe would be waited for, and a device has no end.
                Ok(_) if Kind::of(&name).is_some() => self.find(&name, "is no regular file"),
                Ok(_) => {}
                Err(error) => self.find(&name, &format!("cannot be read: {error}")),
            }
        }
    }

    fn file(&mut self, path: &Path, name: String, length: u64) {
        let Some(kind) = Kind::of(&name) else { return };
        let too_large = |length: u64| format!("has {length} bytes; at most {} are read", kind.most());
        if length > kind.most() {
            return self.find(&name, &too_large(length));
        }
        let mut text = String::new();
        // It may grow while it is read.
        let read = fs::File::open(path).and_then(|file| file.take(kind.most() + 1).read_to_string(&mut text));
        match read {
            Ok(length) if length as u64 > kind.most() => return self.find(&name, &too_large(length as u64)),
            Ok(_) => {}
            Err(error) => return self.find(&name, &format!("cannot be read: {error}")),
        }
        let file = SourceFile::new(name, text);
        match kind {
            Kind::Schema => self.source.schemas.push(file),
            Kind::Policies => self.source.policies.push(file),
            Kind::Links => self.source.links = Some(file),
            Kind::Entities => self.source.entities = Some(file),
            Kind::Settings => self.source.settings = Some(file),
        }
    }

    fn find(&mut self, file: &str, message: &str) {
        self.source.unread.push(Finding::of_file(file, message));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn read(prepare: impl Fn(&Path)) -> Result<StoreSource, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let read = StoreSource::from_folder("s", folder.path());
        let mut unread: Vec<String> = read.unread.iter().map(ToString::to_string).collect();
        unread.sort();
        if unread.is_empty() { Ok(read) } else { Err(unread) }
    }

    #[test]
    fn a_file_that_is_too_large_is_refused_without_being_read() {
        let found = read(|folder| {
            // Sparse: it takes no room, and reading it would take a terabyte of memory.
            fs::File::create(folder.join("p.cedar")).unwrap().set_len(1 << 40).unwrap();
        });
        assert_eq!(found.unwrap_err(), ["p.cedar: has 1099511627776 bytes; at most 67108864 are read"]);
    }

    #[test]
    fn what_cannot_be_read_is_found_with_all_else_that_cannot() {
        let found = read(|folder| {
            fs::write(folder.join("p.cedar"), b"// \xff").unwrap();
            fs::write(folder.join("s.cedarschema"), b"\xc3").unwrap();
            symlink("nowhere", folder.join("q.cedar")).unwrap();
            fs::write(folder.join("passed over.txt"), b"\xff").unwrap();
        });
        let found = found.unwrap_err();
        assert_eq!(found.len(), 3, "{found:?}");
        for (found, name) in found.iter().zip(["p.cedar: cannot be read", "q.cedar: cannot", "s.cedarschema: cannot"]) {
            assert!(found.starts_with(name), "{found}");
        }
        let missing = StoreSource::from_folder("s", Path::new("/no/such/folder")).unread;
        assert!(missing[0].to_string().contains("/no/such/folder: cannot be read"), "{missing:?}");
    }

    #[test]
    fn a_pipe_is_not_waited_for_and_a_device_is_not_read() {
        let found = read(|folder| {
            let made = std::process::Command::new("mkfifo").arg(folder.join("p.cedar")).status().unwrap();
            assert!(made.success());
            symlink("/dev/zero", folder.join("entities.json")).unwrap();
            symlink("/dev/zero", folder.join("passed over")).unwrap();
        });
        assert_eq!(found.unwrap_err(), ["entities.json: is no regular file", "p.cedar: is no regular file"]);
    }

    #[test]
    fn a_loop_of_symbolic_links_ends() {
        let found = read(|folder| symlink(".", folder.join("again")).unwrap()).unwrap_err();
        assert!(found.len() == 1 && found[0].contains("loop of symbolic links"), "{found:?}");
        // Two of them would be 2 to the power of the depth, if each way were taken.
        let found = read(|folder| {
            symlink(".", folder.join("one")).unwrap();
            symlink(".", folder.join("two")).unwrap();
        });
        assert!(found.unwrap_err()[0].contains("loop of symbolic links"));
    }

    #[test]
    fn a_mounted_configuration_map_is_read_once() {
        let read = read(|folder| {
            fs::create_dir_all(folder.join("..2026/deep")).unwrap();
            fs::write(folder.join("..2026/p.cedar"), "p").unwrap();
            fs::write(folder.join("..2026/deep/q.cedar"), "q").unwrap();
            fs::write(folder.join("..2026/deep/store.toml"), "not the store's").unwrap();
            symlink("..2026", folder.join("..data")).unwrap();
            symlink("..data/p.cedar", folder.join("p.cedar")).unwrap();
            symlink("..data/deep", folder.join("deep")).unwrap();
        });
        let read = read.unwrap();
        let names: Vec<&str> = read.policies.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["deep/q.cedar", "p.cedar"]);
        assert!(read.settings.is_none());
    }
}
