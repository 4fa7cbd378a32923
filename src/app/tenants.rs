//! Tenants.

use super::{App, AppError, Command, Permit};
use crate::domain::{Name, Page, PageRequest, Tenant, TenantId};
use crate::mapping::{Attribute, Resource};
use crate::policy::ActionUse;

/// Make a tenant.
#[derive(Debug, Clone)]
pub struct CreateTenant {
    /// Its name.
    pub name: Name,
}

/// Read a tenant.
#[derive(Debug, Clone, Copy)]
pub struct ReadTenant {
    /// Which.
    pub id: TenantId,
}

/// List the tenants.
#[derive(Debug, Clone)]
pub struct ListTenants {
    /// Which page of the list.
    pub page: PageRequest,
}

/// Give a tenant another name.
#[derive(Debug, Clone)]
pub struct UpdateTenant {
    /// Which.
    pub id: TenantId,
    /// Its new name.
    pub name: Name,
}

/// Delete a tenant and all that is its own.
#[derive(Debug, Clone, Copy)]
pub struct DeleteTenant {
    /// Which.
    pub id: TenantId,
}

fn input(name: &Name) -> Vec<(&'static str, Attribute)> {
    let name = Attribute::Text(name.as_str().to_owned());
    vec![("input", Attribute::Record(vec![("name", name)]))]
}

impl Command for CreateTenant {
    const ACTION: ActionUse = ActionUse {
        name: "CreateTenant",
        group: Some("administer"),
        resources: &["Instance"],
        context: "input: { name: String }",
    };

    fn resource(&self) -> Resource {
        Resource::Instance
    }

    fn context(&self) -> Vec<(&'static str, Attribute)> {
        input(&self.name)
    }

    fn example() -> Self {
        Self { name: Name::from_stored("Example".to_owned()) }
    }
}

impl Command for ReadTenant {
    const ACTION: ActionUse =
        ActionUse { name: "ReadTenant", group: Some("read"), resources: &["Tenant"], context: "" };

    fn resource(&self) -> Resource {
        Resource::Tenant(self.id)
    }

    fn example() -> Self {
        Self { id: TenantId::new(uuid::Uuid::nil()) }
    }
}

impl Command for ListTenants {
    const ACTION: ActionUse =
        ActionUse { name: "ListTenants", group: Some("read"), resources: &["Instance"], context: "" };

    fn resource(&self) -> Resource {
        Resource::Instance
    }

    fn example() -> Self {
        Self { page: PageRequest { limit: 1, after: None } }
    }
}

impl Command for UpdateTenant {
    const ACTION: ActionUse = ActionUse {
        name: "UpdateTenant",
        group: Some("administer"),
        resources: &["Tenant"],
        context: "input: { name: String }",
    };

    fn resource(&self) -> Resource {
        Resource::Tenant(self.id)
    }

    fn context(&self) -> Vec<(&'static str, Attribute)> {
        input(&self.name)
    }

    fn example() -> Self {
        Self { id: TenantId::new(uuid::Uuid::nil()), name: Name::from_stored("Example".to_owned()) }
    }
}

impl Command for DeleteTenant {
    const ACTION: ActionUse =
        ActionUse { name: "DeleteTenant", group: Some("administer"), resources: &["Tenant"], context: "" };

    fn resource(&self) -> Resource {
        Resource::Tenant(self.id)
    }

    fn example() -> Self {
        Self { id: TenantId::new(uuid::Uuid::nil()) }
    }
}

impl App {
    /// Makes a tenant.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when another one has the name.
    pub async fn create_tenant(&self, permit: Permit<CreateTenant>) -> Result<Tenant, AppError> {
        let origin = self.origin(&permit);
        let now = origin.at();
        let id = TenantId::new(self.entropy.uuid_at(now));
        let tenant = Tenant { id, name: permit.into_command().name, created_at: now, updated_at: now };
        self.repositories.tenants.create(tenant.clone(), origin).await?;
        Ok(tenant)
    }

    /// Reads a tenant.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is none of this id.
    pub async fn read_tenant(&self, permit: Permit<ReadTenant>) -> Result<Tenant, AppError> {
        let found = self.repositories.tenants.find(permit.into_command().id).await?;
        found.ok_or(AppError::NotFound("tenant"))
    }

    /// Lists the tenants.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_tenants(&self, permit: Permit<ListTenants>) -> Result<Page<Tenant>, AppError> {
        Ok(self.repositories.tenants.list(permit.into_command().page).await?)
    }

    /// Gives a tenant another name.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is none of this id, [`AppError::Conflict`] when another one has the name.
    pub async fn update_tenant(&self, permit: Permit<UpdateTenant>) -> Result<Tenant, AppError> {
        let origin = self.origin(&permit);
        let UpdateTenant { id, name } = permit.into_command();
        Ok(self.repositories.tenants.rename(id, name, origin).await?)
    }

    /// Deletes a tenant and all that is its own. Its keys are dead when this returns.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is none of this id.
    pub async fn delete_tenant(&self, permit: Permit<DeleteTenant>) -> Result<(), AppError> {
        let origin = self.origin(&permit);
        let _forgetting = self.authenticator.forgetting();
        self.repositories.tenants.delete(permit.into_command().id, origin).await?;
        Ok(())
    }
}
