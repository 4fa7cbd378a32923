//! Folders of policy stores that a test may change.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Backend, TestServer, Tweaks};

/// A root with stores. It is gone when this is dropped.
pub(crate) struct StoreFolder {
    root: TempDir,
}

/// The schema of [`StoreFolder::shop`].
pub(crate) const SHOP_SCHEMA: &str = "namespace Shop {
    entity Group in [Group];
    entity User in [Group] { level?: Long, boss?: User };
    entity Item { owner: User, price?: decimal };
    type Ask = { ip?: ipaddr, note?: String };
    action \"buy\", \"see\" appliesTo { principal: [User], resource: [Item], context: Ask };
}";

/// The policies of [`StoreFolder::shop`].
pub(crate) const SHOP_POLICIES: &str = "@id(\"see\")
@notice(\"Everything can be seen.\")
permit (principal, action == Shop::Action::\"see\", resource);

@id(\"staff\")
permit (principal in Shop::Group::\"staff\", action, resource);

@id(\"owner-too-low\")
@notice(\"The owner is too low.\")
forbid (principal, action == Shop::Action::\"buy\", resource)
when { resource.owner.boss.level < 3 };
";

impl StoreFolder {
    /// A root without stores.
    pub(crate) fn empty() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    /// One store, `shop`, with these lines in its `store.toml`.
    pub(crate) fn shop(settings: &str) -> Self {
        let folder = Self::empty();
        folder.write(
            "shop/schema.cedarschema",
            &SHOP_SCHEMA.replace("boss?: User", "boss: User").replace("level?: Long", "level: Long"),
        );
        folder.write("shop/shop.cedar", SHOP_POLICIES);
        folder.write(
            "shop/entities.json",
            r#"[{ "uid": "Shop::User::\"ann\"", "attrs": { "level": 5, "boss": "User::\"ann\"" }, "parents": ["Shop::Group::\"night\""] },
                { "uid": "Shop::User::\"bob\"", "attrs": { "level": 1, "boss": "User::\"gone\"" }, "parents": [] },
                { "uid": "Shop::Group::\"night\"", "attrs": {}, "parents": ["Shop::Group::\"staff\""] },
                { "uid": "Shop::Item::\"hat\"", "attrs": { "owner": "User::\"ann\"" }, "parents": [] },
                { "uid": "Shop::Item::\"cap\"", "attrs": { "owner": "User::\"bob\"" }, "parents": [] }]"#,
        );
        if !settings.is_empty() {
            folder.write("shop/store.toml", settings);
        }
        folder
    }

    /// The shop, and a server that has it.
    pub(crate) async fn served_shop(settings: &str) -> (Self, TestServer) {
        let folder = Self::shop(settings);
        let app = TestServer::start_with(Backend::Sqlite, folder.tweaks()).await;
        (folder, app)
    }

    /// Adds the store `second`, in which everything is permitted.
    pub(crate) fn add_second(&self) {
        self.write("second/schema.cedarschema", "entity U, R; action a appliesTo { principal: U, resource: R };");
        self.write("second/p.cedar", "permit (principal, action, resource);");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Writes a file as an editor does: beside it, and then in its place.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let beside = path.with_extension("new~");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, path).unwrap();
    }

    /// A server with these stores.
    pub(crate) fn tweaks(&self) -> Tweaks {
        let mut tweaks = Tweaks::default();
        tweaks.flags.push(("policies", self.root().display().to_string()));
        tweaks
    }
}
