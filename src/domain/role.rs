//! The roles of the control plane and which role holds which.

use std::collections::BTreeSet;

use super::invalid::{Invalid, quoted};

/// A role of the control plane. What it may do is said by the policies, not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The instance's own administrator; holds every role.
    Root,
    /// A tenant's administrator.
    Admin,
    /// Changes a tenant's entities and policies.
    Editor,
    /// A policy enforcement point: asks for decisions.
    Pep,
    /// Reads policies, explanations and audit events.
    Security,
    /// Reads.
    Viewer,
}

impl Role {
    /// Every role, in the order in which they are listed to people.
    pub const ALL: [Self; 6] = [Self::Root, Self::Admin, Self::Editor, Self::Pep, Self::Security, Self::Viewer];

    /// Its name in bodies, policies and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Admin => "admin",
            Self::Editor => "editor",
            Self::Pep => "pep",
            Self::Security => "security",
            Self::Viewer => "viewer",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// The roles that this one holds directly.
    const fn holds(self) -> &'static [Self] {
        match self {
            Self::Root => &[Self::Admin],
            Self::Admin => &[Self::Editor, Self::Pep, Self::Security],
            Self::Editor | Self::Security => &[Self::Viewer],
            Self::Pep | Self::Viewer => &[],
        }
    }
}

/// A set of roles, without repeats and in a fixed order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles(BTreeSet<Role>);

impl Roles {
    /// Just `role`.
    #[must_use]
    pub fn only(role: Role) -> Self {
        Self(BTreeSet::from([role]))
    }

    /// Reads a list of role names.
    ///
    /// # Errors
    /// Names `field` when the list is empty, repeats itself or has a name that is no role.
    pub fn parse(field: &str, names: &[String]) -> Result<Self, Invalid> {
        if names.is_empty() {
            return Err(Invalid::new(field, "is empty; leave it out or name at least one role"));
        }
        let mut roles = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            let role = Role::from_name(name).ok_or_else(|| {
                let known = Role::ALL.map(Role::as_str).join(", ");
                Invalid::new(
                    format!("{field}[{index}]"),
                    format!("{} is not a role; the roles are {known}", quoted(name)),
                )
            })?;
            if !roles.insert(role) {
                return Err(Invalid::new(format!("{field}[{index}]"), format!("{} is there twice", quoted(name))));
            }
        }
        Ok(Self(roles))
    }

    /// The roles among these names. A name that is no role gives no right.
    pub fn known<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().filter_map(Role::from_name).collect())
    }

    /// These roles and those.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        self.0.extend(others.0.iter().copied());
        self
    }

    /// These roles but for `role`.
    #[must_use]
    pub fn without(mut self, role: Role) -> Self {
        self.0.remove(&role);
        self
    }

    /// Reads the form that the database stores; a name that is no role any more is dropped, which
    /// can only take rights away.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self::known(text.split(' '))
    }

    /// The form that the database stores: names with a space between.
    #[must_use]
    pub fn to_stored(&self) -> String {
        self.names().collect::<Vec<_>>().join(" ")
    }

    /// These roles and all that they hold, transitively.
    #[must_use]
    pub fn closure(&self) -> Self {
        let mut all = BTreeSet::new();
        let mut open: Vec<Role> = self.0.iter().copied().collect();
        while let Some(role) = open.pop() {
            if all.insert(role) {
                open.extend(role.holds());
            }
        }
        Self(all)
    }

    /// Whether `role` itself is in the set.
    #[must_use]
    pub fn contains(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// The names, in a fixed order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|role| role.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{Role, Roles};

    fn closure(role: Role) -> Vec<&'static str> {
        Roles::only(role).closure().names().collect()
    }

    #[test]
    fn the_role_table_of_the_specification_holds() {
        assert_eq!(closure(Role::Root), ["root", "admin", "editor", "pep", "security", "viewer"]);
        assert_eq!(closure(Role::Admin), ["admin", "editor", "pep", "security", "viewer"]);
        assert_eq!(closure(Role::Editor), ["editor", "viewer"]);
        assert_eq!(closure(Role::Security), ["security", "viewer"]);
        assert_eq!(closure(Role::Pep), ["pep"]);
        assert_eq!(closure(Role::Viewer), ["viewer"]);
    }

    #[test]
    fn a_list_of_roles_that_is_empty_repeats_itself_or_misspells_is_refused() {
        let refused = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&n| n.to_owned()).collect();
            Roles::parse("roles", &names).unwrap_err().field
        };
        assert_eq!(refused(&[]), "roles");
        assert_eq!(refused(&["viewer", "viewer"]), "roles[1]");
        assert_eq!(refused(&["Viewer"]), "roles[0]");
    }

    #[test]
    fn stored_roles_come_back_and_unknown_ones_give_no_right() {
        let roles = Roles::parse("roles", &["viewer".into(), "pep".into()]).unwrap();
        assert_eq!(Roles::from_stored(&roles.to_stored()), roles);
        assert_eq!(Roles::from_stored("emperor viewer"), Roles::only(Role::Viewer));
    }
}
