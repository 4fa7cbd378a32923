//! History: who changed what, and when.

use super::{App, AppError, Command, Permit};
use crate::domain::{AuditEvent, AuditFilter, Page, PageRequest, TenantId};
use crate::mapping::Resource;
use crate::policy::ActionUse;

/// List what was changed.
#[derive(Debug, Clone)]
pub struct ListAuditEvents {
    /// Whose things; `None`: everybody's, and the instance's own.
    pub tenant: Option<TenantId>,
    /// Which of the events.
    pub filter: AuditFilter,
    /// Which page of the list.
    pub page: PageRequest,
}

impl Command for ListAuditEvents {
    const ACTION: ActionUse =
        ActionUse { name: "ListAuditEvents", group: Some("read"), resources: &["Tenant", "Instance"], context: "" };

    fn resource(&self) -> Resource {
        self.tenant.map_or(Resource::Instance, Resource::Tenant)
    }

    fn example() -> Self {
        Self { tenant: None, filter: AuditFilter::default(), page: PageRequest { limit: 1, after: None } }
    }
}

impl App {
    /// Lists what was changed, the newest first.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is no such tenant, and never was.
    pub async fn list_audit_events(&self, permit: Permit<ListAuditEvents>) -> Result<Page<AuditEvent>, AppError> {
        let ListAuditEvents { tenant, filter, page } = permit.into_command();
        Ok(self.repositories.audit_events.list(tenant, filter, page).await?)
    }
}
