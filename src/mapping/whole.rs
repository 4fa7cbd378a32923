//! An entity that Gatewood itself makes, ready to be laid over a snapshot's.

use std::sync::Arc;

use cedar_policy_core::ast::Entity;
use smallvec::SmallVec;
use smol_str::SmolStr;

use super::MappingError;
use super::request::Placed;
use crate::policy::{Laid, Line, Node, Overlay, Snapshot};
use crate::values::TypeId;

/// An entity with every ancestor as a parent, so that the hierarchy needs no further entity; numbered for
/// one snapshot.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) entity: Arc<Entity>,
    of_type: TypeId,
    id: SmolStr,
    /// Those of its ancestors that a policy or an entity that is stored can name.
    ancestors: SmallVec<[Node; 8]>,
}

impl Whole {
    /// # Errors
    /// When the schema does not have its type.
    pub(super) fn of(mut entity: Entity, snapshot: &Snapshot) -> Result<Self, MappingError> {
        let (types, known) = (snapshot.types(), snapshot.known());
        let of_type = types.id_of(entity.uid().entity_type());
        let of_type = of_type
            .ok_or_else(|| MappingError::Schema(format!("there is no entity type `{}`", entity.uid().entity_type())))?;
        let id = SmolStr::new(entity.uid().eid());
        // The entity itself has a number in the overlay of each call only.
        let parents = entity.parents().filter_map(|parent| known.find_uid(types, parent));
        let stored = known.find(of_type, &id).into_iter().flat_map(|own| known.parents(own)).copied();
        let line = known.line_below(parents.chain(stored));
        let ancestors: SmallVec<[Node; 8]> = line.nodes().iter().skip(1).copied().collect();
        if known.stored() > 0 {
            // What is stored may put its parents, or itself, into more than this code knows of.
            let above = ancestors.iter().filter_map(|node| known.name(*node));
            above.for_each(|(of_type, id)| entity.add_parent(types.uid(of_type, id.clone())));
        }
        Ok(Self { entity: Arc::new(entity), of_type, id, ancestors })
    }

    /// Lays it over what the snapshot knows.
    pub(super) fn lay(&self, overlay: &mut Overlay, snapshot: &Snapshot) -> Placed {
        let node = overlay.number(snapshot.known(), self.of_type, &self.id);
        overlay.lay(node, Laid::Whole(Arc::clone(&self.entity)));
        let line = Line::of(std::iter::once(node).chain(self.ancestors.iter().copied()).collect());
        Placed { of_type: self.of_type, line }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use cedar_policy_core::ast::EntityUID;

    use super::*;
    use crate::policy::{SourceFile, StoreSource, load};

    #[test]
    fn what_lies_in_a_stored_entity_lies_in_all_that_this_lies_in() {
        let mut source = StoreSource::embedded_control_plane();
        let stored = r#"[{"uid":"Gatewood::Tenant::\"t\"","parents":["Gatewood::Instance::\"i\""]}]"#;
        source.entities = Some(SourceFile::new("entities.json", stored));
        let snapshot = load(&source).unwrap();
        let uid = |text: &str| -> EntityUID { text.parse().unwrap() };
        let bare = |text: &str, parents: &[&str]| {
            let parents: HashSet<EntityUID> = parents.iter().map(|parent| uid(parent)).collect();
            Entity::new_with_attr_partial_value(uid(text), [], HashSet::new(), parents, [])
        };
        for entity in
            [bare("Gatewood::OidcConfig::\"t\"", &["Gatewood::Tenant::\"t\""]), bare("Gatewood::Tenant::\"t\"", &[])]
        {
            let whole = Whole::of(entity, &snapshot).unwrap();
            assert!(whole.entity.is_descendant_of(&uid("Gatewood::Instance::\"i\"")));
            let instance = snapshot.known().find_uid(snapshot.types(), &uid("Gatewood::Instance::\"i\"")).unwrap();
            assert!(whole.ancestors.contains(&instance));
        }
    }
}
