//! API keys.

use chrono::Duration;

use super::{App, AppError, Command, Gathered, Permit};
use crate::domain::{
    ApiKey, ApiKeyId, Call, Invalid, KeyMaterial, KeyScope, Name, Page, PageRequest, Role, Roles, Timestamp,
};
use crate::mapping::{Attribute, Resource};
use crate::persistence::NewApiKey;
use crate::policy::ActionUse;

/// Make a key.
#[derive(Debug, Clone)]
pub struct CreateApiKey {
    /// Whose it will be.
    pub scope: KeyScope,
    /// What to call it.
    pub name: Name,
    /// Its roles.
    pub roles: Roles,
    /// From when on it will not work any more.
    pub expires_at: Option<Timestamp>,
}

/// List the keys of a tenant, or of the instance.
#[derive(Debug, Clone)]
pub struct ListApiKeys {
    /// Whose.
    pub scope: KeyScope,
    /// Which page of the list.
    pub page: PageRequest,
}

/// Which key, for the commands that need no more.
#[derive(Debug, Clone, Copy)]
pub struct KeyRef {
    /// Whose it is.
    pub scope: KeyScope,
    /// Its id.
    pub id: ApiKeyId,
}

/// Read a key's record.
#[derive(Debug, Clone, Copy)]
pub struct ReadApiKey(pub KeyRef);

/// Give a key a new secret.
#[derive(Debug, Clone, Copy)]
pub struct RotateApiKey {
    /// Which.
    pub key: KeyRef,
    /// How long the old secret goes on working.
    pub grace: Duration,
}

/// A command after which a key works no more.
macro_rules! stops_a_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name {
            /// Which.
            pub key: KeyRef,
            /// Whether it is the last root key that works.
            pub last_root: bool,
        }

        impl Command for $name {
            const ACTION: ActionUse = on_record(stringify!($name), "administer", "last_root: Bool");

            fn resource(&self) -> Resource {
                self.key.record()
            }

            fn context(&self) -> Vec<(&'static str, Attribute)> {
                vec![("last_root", Attribute::Bool(self.last_root))]
            }

            async fn gather(self, app: &App, call: &Call) -> Gathered<Self> {
                Ok(Self { last_root: self.key.is_last_root(app, call).await?, ..self })
            }

            fn example() -> Self {
                Self { key: KeyRef::EXAMPLE, last_root: true }
            }
        }
    };
}

stops_a_key! {
    /// Revoke a key for good.
    RevokeApiKey
}
stops_a_key! {
    /// Suspend a key until it is resumed.
    SuspendApiKey
}

/// Let a suspended key work again.
#[derive(Debug, Clone, Copy)]
pub struct ResumeApiKey(pub KeyRef);

impl KeyRef {
    const EXAMPLE: Self = Self { scope: KeyScope::Instance, id: ApiKeyId::new(uuid::Uuid::nil()) };

    const fn record(self) -> Resource {
        Resource::ApiKeyRecord(self.id, self.scope)
    }

    /// Whether it is the last root key that works. Only an instance-level key can be one, and only
    /// root may learn which one is: it is not looked up for anybody else.
    async fn is_last_root(self, app: &App, call: &Call) -> Result<bool, AppError> {
        let by_root = call.caller.has_role(Role::Root);
        match self.scope {
            KeyScope::Instance if by_root => Ok(app.repositories.api_keys.is_last_root(self.id, call.at).await?),
            KeyScope::Instance | KeyScope::Tenant(_) => Ok(false),
        }
    }
}

/// How the code uses an action on one key's record.
const fn on_record(name: &'static str, group: &'static str, context: &'static str) -> ActionUse {
    ActionUse { name, group: Some(group), resources: &["ApiKeyRecord"], context }
}

impl Command for CreateApiKey {
    const ACTION: ActionUse = ActionUse {
        name: "CreateApiKey",
        group: Some("administer"),
        resources: &["Tenant", "Instance"],
        context: "input: { name: String, roles: Set<String>, expires_at?: datetime }",
    };

    fn resource(&self) -> Resource {
        Resource::holder_of_keys(self.scope)
    }

    fn context(&self) -> Vec<(&'static str, Attribute)> {
        let roles = self.roles.names().map(str::to_owned).collect();
        let mut input =
            vec![("name", Attribute::Text(self.name.as_str().to_owned())), ("roles", Attribute::Texts(roles))];
        input.extend(self.expires_at.map(|at| ("expires_at", Attribute::Time(at))));
        vec![("input", Attribute::Record(input))]
    }

    fn example() -> Self {
        Self {
            scope: KeyScope::Instance,
            name: Name::from_stored("example".to_owned()),
            roles: Roles::only(Role::Viewer),
            expires_at: Some(Timestamp::UNIX_EPOCH),
        }
    }
}

impl Command for ListApiKeys {
    const ACTION: ActionUse =
        ActionUse { name: "ListApiKeys", group: Some("read"), resources: &["Tenant", "Instance"], context: "" };

    fn resource(&self) -> Resource {
        Resource::holder_of_keys(self.scope)
    }

    fn example() -> Self {
        Self { scope: KeyScope::Instance, page: PageRequest { limit: 1, after: None } }
    }
}

impl Command for ReadApiKey {
    const ACTION: ActionUse = on_record("ReadApiKey", "read", "");

    fn resource(&self) -> Resource {
        self.0.record()
    }

    fn example() -> Self {
        Self(KeyRef::EXAMPLE)
    }
}

impl Command for RotateApiKey {
    const ACTION: ActionUse = on_record("RotateApiKey", "administer", "input: { grace: duration }");

    fn resource(&self) -> Resource {
        self.key.record()
    }

    fn context(&self) -> Vec<(&'static str, Attribute)> {
        let grace = Attribute::Duration(self.grace.num_milliseconds());
        vec![("input", Attribute::Record(vec![("grace", grace)]))]
    }

    fn example() -> Self {
        Self { key: KeyRef::EXAMPLE, grace: Duration::zero() }
    }
}

impl Command for ResumeApiKey {
    const ACTION: ActionUse = on_record("ResumeApiKey", "administer", "");

    fn resource(&self) -> Resource {
        self.0.record()
    }

    fn example() -> Self {
        Self(KeyRef::EXAMPLE)
    }
}

/// A key's record with its text, which is shown this once.
pub struct IssuedKey {
    /// The record.
    pub key: ApiKey,
    /// The text.
    pub material: KeyMaterial,
}

impl App {
    /// Makes a key.
    ///
    /// # Errors
    /// [`AppError::Invalid`] when a tenant's key is to be root, [`AppError::NotFound`] when there is no such tenant.
    pub async fn create_api_key(&self, permit: Permit<CreateApiKey>) -> Result<IssuedKey, AppError> {
        let origin = self.origin(&permit);
        let CreateApiKey { scope, name, roles, expires_at } = permit.into_command();
        if scope.tenant().is_some() && roles.contains(Role::Root) {
            return Err(Invalid::new("roles", "`root` is a role of the instance; a tenant's key cannot have it").into());
        }
        let now = origin.at();
        let material = KeyMaterial::generate(&self.entropy, now);
        let key = ApiKey {
            id: material.id(),
            scope,
            name,
            roles,
            created_at: now,
            created_by: origin.actor().to_owned(),
            expires_at,
            suspended_at: None,
            last_used_at: None,
            previous_valid_until: None,
        };
        let new = NewApiKey { key: key.clone(), digest: material.digest() };
        self.repositories.api_keys.create(new, origin).await?;
        Ok(IssuedKey { key, material })
    }

    /// Lists the keys of a tenant, or of the instance.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is no such tenant.
    pub async fn list_api_keys(&self, permit: Permit<ListApiKeys>) -> Result<Page<ApiKey>, AppError> {
        let ListApiKeys { scope, page } = permit.into_command();
        Ok(self.repositories.api_keys.list(scope, page).await?)
    }

    /// Reads a key's record.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is none of this id in the scope.
    pub async fn read_api_key(&self, permit: Permit<ReadApiKey>) -> Result<ApiKey, AppError> {
        let KeyRef { scope, id } = permit.into_command().0;
        let found = self.repositories.api_keys.find(scope, id).await?;
        found.ok_or(AppError::NotFound("API key"))
    }

    /// Gives a key a new secret. The old one works until the grace is over.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is none of this id in the scope.
    pub async fn rotate_api_key(&self, permit: Permit<RotateApiKey>) -> Result<IssuedKey, AppError> {
        let origin = self.origin(&permit);
        let RotateApiKey { key: KeyRef { scope, id }, grace } = permit.into_command();
        let material = KeyMaterial::generate_for(id, &self.entropy);
        let until = origin.at() + grace;
        let _forgetting = self.authenticator.forgetting();
        let key = self.repositories.api_keys.rotate(scope, id, material.digest(), until, origin).await?;
        Ok(IssuedKey { key, material })
    }

    /// Revokes a key for good. It is dead when this returns.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is none of this id in the scope, [`AppError::Conflict`] when
    /// it became the last root key that works while the policies were asked.
    pub async fn revoke_api_key(&self, permit: Permit<RevokeApiKey>) -> Result<(), AppError> {
        let origin = self.origin(&permit);
        let KeyRef { scope, id } = permit.into_command().key;
        let _forgetting = self.authenticator.forgetting();
        self.repositories.api_keys.revoke(scope, id, origin).await?;
        Ok(())
    }

    /// Suspends a key. It does not work when this returns.
    ///
    /// # Errors
    /// As for [`App::revoke_api_key`].
    pub async fn suspend_api_key(&self, permit: Permit<SuspendApiKey>) -> Result<ApiKey, AppError> {
        let origin = self.origin(&permit);
        let KeyRef { scope, id } = permit.into_command().key;
        let _forgetting = self.authenticator.forgetting();
        let key = self.repositories.api_keys.suspend(scope, id, origin).await?;
        Ok(key)
    }

    /// Lets a suspended key work again.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is none of this id in the scope.
    pub async fn resume_api_key(&self, permit: Permit<ResumeApiKey>) -> Result<ApiKey, AppError> {
        let origin = self.origin(&permit);
        let KeyRef { scope, id } = permit.into_command().0;
        let _forgetting = self.authenticator.forgetting();
        let key = self.repositories.api_keys.resume(scope, id, origin).await?;
        Ok(key)
    }
}
