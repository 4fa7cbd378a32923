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
    /// Those of its ancestors that a policy can name.
    ancestors: SmallVec<[Node; 8]>,
}

impl Whole {
    /// # Errors
    /// When the schema does not have its type.
    pub(super) fn of(entity: Entity, snapshot: &Snapshot) -> Result<Self, MappingError> {
        let (types, known) = (snapshot.types(), snapshot.known());
        let of_type = types.id_of(entity.uid().entity_type());
        let of_type = of_type
            .ok_or_else(|| MappingError::Schema(format!("there is no entity type `{}`", entity.uid().entity_type())))?;
        let ancestors = entity.parents().filter_map(|parent| known.find_uid(types, parent)).collect();
        let id = SmolStr::new(entity.uid().eid());
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
