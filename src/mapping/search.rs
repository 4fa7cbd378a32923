//! A search in AuthZEN's words, mapped into a store's vocabulary.
//!
//! AuthZEN Authorization API 1.0, section 8. A search is an evaluation with one part left out; what is
//! found are the values of that part with which the same request, as an evaluation, would be permitted.

use std::sync::Arc;

use cedar_policy_core::ast::Context;
use smol_str::SmolStr;

use super::access::{Name, Refusal, applies, is_supplied, object, overlay, place, read_context};
use super::authzen::{
    Action, AuthzenQuestion, Party, Said, as_entities, reader, where_it_was_sent, with_action_properties,
};
use super::request::Mapped;
use crate::domain::Timestamp;
use crate::policy::{self, Line, Node, Overlay, Snapshot, World};
use crate::values::{ActionShape, Json, RecordShape, TypeId};

/// The part that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sought {
    /// Who may do that to this?
    Subject,
    /// What may they do that to?
    Resource,
    /// What may they do to this?
    Action,
}

impl Sought {
    /// Its name in requests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Resource => "resource",
            Self::Action => "action",
        }
    }
}

/// What was found, in the words of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A subject or a resource.
    Entity {
        /// Its type, as the request has it.
        of_type: String,
        /// Its id.
        id: String,
    },
    /// An action
    Action {
        /// Its name: the one of `[actions]` in `store.toml`, else its id.
        name: String,
    },
}

/// A search whose parts were read. Its candidates are numbered from 0, in the order of their ids, the same
/// for each search of a version of a store.
pub struct Search<'s> {
    snapshot: &'s Snapshot,
    subject: Side,
    resource: Side,
    candidates: Candidates<'s>,
}

/// A subject or a resource.
struct Side {
    of_type: TypeId,
    /// Its type, as the request has it.
    called: String,
    /// Empty where it is what is sought.
    id: SmolStr,
    said: Option<Said>,
}

enum Candidates<'s> {
    Entities { sought: Sought, action: &'s ActionShape, context: Context, ids: Ids<'s>, fixed: Line },
    Actions(Vec<(&'s ActionShape, Context)>),
}

/// The entities of a type.
enum Ids<'s> {
    Stored(&'s [Node]),
    /// The schema lists them.
    Listed(Vec<&'s SmolStr>),
}

impl Ids<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Stored(nodes) => nodes.len(),
            Self::Listed(ids) => ids.len(),
        }
    }
}

impl<'s> Search<'s> {
    /// Reads a search.
    ///
    /// # Errors
    /// As for an evaluation: [`Refusal::Unknown`] means that nothing is found.
    pub fn read(
        snapshot: &'s Snapshot,
        sought: Sought,
        question: AuthzenQuestion<'_>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let read = |json, at, is_sought| if is_sought { Party::of_a_search(json, at) } else { Party::read(json, at) };
        let subject = read(question.subject, "subject", sought == Sought::Subject)?;
        let resource = read(question.resource, "resource", sought == Sought::Resource)?;
        let action = match sought {
            Sought::Action => None,
            Sought::Subject | Sought::Resource => Some(Action::read(question.action)?),
        };
        let context = object(question.context, "context")?;
        let subject = Side::of(snapshot, subject, sought == Sought::Subject)?;
        let resource = Side::of(snapshot, resource, sought == Sought::Resource)?;
        let candidates = match action {
            None => actions(snapshot, &subject, &resource, &with_action_properties(context, None), now)?,
            Some(action) => {
                let shape = action.shape(snapshot)?;
                applies(snapshot, shape, "principal", subject.of_type)?;
                applies(snapshot, shape, "resource", resource.of_type)?;
                let context = with_action_properties(context, action.properties);
                let context = read_context(&reader(snapshot), shape.context(), &context, now);
                let context = context.map_err(where_it_was_sent)?;
                let (open, fixed) =
                    if sought == Sought::Subject { (&subject, &resource) } else { (&resource, &subject) };
                let context = Context::Value(Arc::new(context));
                let (ids, fixed) = (Ids::of(snapshot, open.of_type), line(snapshot, fixed.of_type, &fixed.id));
                Candidates::Entities { sought, action: shape, context, ids, fixed }
            }
        };
        Ok(Self { snapshot, subject, resource, candidates })
    }

    /// How many candidates there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.candidates {
            Candidates::Entities { ids, .. } => ids.len(),
            Candidates::Actions(actions) => actions.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The evaluation with the candidate in its place; `None` where no permit has a scope that matches, so
    /// that there is nothing to evaluate.
    ///
    /// # Errors
    /// When the request's entities do not go together.
    pub fn candidate(&self, at: usize) -> Result<Option<Mapped>, Refusal> {
        let (subject, resource) = (self.subject.name(), self.resource.name());
        match &self.candidates {
            Candidates::Actions(actions) => match actions.get(at) {
                Some((action, context)) => self.place(&subject, action, &resource, context.clone()).map(Some),
                None => Ok(None),
            },
            Candidates::Entities { sought, action, context, .. } => {
                let Some(id) = self.id(at).filter(|id| self.can_be_permitted(id)) else { return Ok(None) };
                let (subject, resource) = match sought {
                    Sought::Subject => ((subject.0, id.clone()), resource),
                    Sought::Resource | Sought::Action => (subject, (resource.0, id.clone())),
                };
                self.place(&subject, action, &resource, context.clone()).map(Some)
            }
        }
    }

    /// A candidate in the words of the request.
    #[must_use]
    pub fn found(&self, at: usize) -> Option<Found> {
        match &self.candidates {
            Candidates::Actions(actions) => {
                Some(Found::Action { name: action_name(self.snapshot, actions.get(at)?.0) })
            }
            Candidates::Entities { sought, .. } => {
                let open = if *sought == Sought::Subject { &self.subject } else { &self.resource };
                Some(Found::Entity { of_type: open.called.clone(), id: self.id(at)?.to_string() })
            }
        }
    }

    /// The subject, the action and the resource as policies write them; of what is sought its type alone, and no
    /// action.
    #[must_use]
    pub fn parts(&self) -> (String, Option<String>, String) {
        let types = self.snapshot.types();
        let text = |side: &Side, is_sought| {
            if is_sought {
                types.name(side.of_type).to_owned()
            } else {
                types.uid(side.of_type, side.id.clone()).to_string()
            }
        };
        let (sought, action) = match &self.candidates {
            Candidates::Actions(_) => (Sought::Action, None),
            Candidates::Entities { sought, action, .. } => (*sought, Some(action.uid().to_string())),
        };
        let subject = text(&self.subject, sought == Sought::Subject);
        (subject, action, text(&self.resource, sought == Sought::Resource))
    }

    fn id(&self, at: usize) -> Option<&SmolStr> {
        let Candidates::Entities { ids, .. } = &self.candidates else { return None };
        match ids {
            Ids::Stored(nodes) => self.snapshot.known().name(*nodes.get(at)?).map(|(_, id)| id),
            Ids::Listed(ids) => ids.get(at).copied(),
        }
    }

    /// Whether a permit's scope matches a candidate. What a request says of entities has no say in scopes.
    fn can_be_permitted(&self, id: &SmolStr) -> bool {
        let Candidates::Entities { sought, action, fixed, .. } = &self.candidates else { return true };
        let party = |of_type, line| policy::Party { of_type, line };
        let open = if *sought == Sought::Subject { &self.subject } else { &self.resource };
        let line = line(self.snapshot, open.of_type, id);
        let (principal, resource) = match sought {
            Sought::Subject => (&line, fixed),
            Sought::Resource | Sought::Action => (fixed, &line),
        };
        let (principal, resource) = (party(self.subject.of_type, principal), party(self.resource.of_type, resource));
        self.snapshot.can_permit(&principal, action.uid(), &resource)
    }

    fn place(
        &self,
        subject: &Name,
        action: &ActionShape,
        resource: &Name,
        context: Context,
    ) -> Result<Mapped, Refusal> {
        let said =
            [("subject", subject, self.subject.said.clone()), ("resource", resource, self.resource.said.clone())];
        let overlay = overlay(self.snapshot, as_entities(said))?;
        Ok(place(self.snapshot, overlay, subject, action, resource, context))
    }
}

impl Side {
    fn of(snapshot: &Snapshot, party: Party<'_>, is_sought: bool) -> Result<Self, Refusal> {
        let (of_type, id) =
            if is_sought { (party.of_type(snapshot)?, SmolStr::default()) } else { party.name(snapshot)? };
        let said = party.said(&reader(snapshot), of_type)?;
        Ok(Self { of_type, called: party.called().to_owned(), id, said })
    }

    fn name(&self) -> Name {
        (self.of_type, self.id.clone())
    }
}

impl<'s> Ids<'s> {
    fn of(snapshot: &'s Snapshot, of_type: TypeId) -> Self {
        match &snapshot.types().entity(of_type).listed {
            Some(listed) => Self::Listed(listed.iter().collect()),
            None => Self::Stored(snapshot.known().of_type(of_type)),
        }
    }
}

/// The actions that apply to these types and whose context is complete, each with its context: what an
/// action needs and was not sent cannot be evaluated, and so is not found.
fn actions<'s>(
    snapshot: &'s Snapshot,
    subject: &Side,
    resource: &Side,
    context: &[(&str, &Json)],
    now: Timestamp,
) -> Result<Candidates<'s>, Refusal> {
    let of_both = |action: &&ActionShape| {
        action.principals().contains(&subject.of_type) && action.resources().contains(&resource.of_type)
    };
    let complete = |action: &&ActionShape| !lacks(action.context(), context);
    let actions = snapshot.types().actions().filter(of_both).filter(complete).map(|action| {
        let context = read_context(&reader(snapshot), action.context(), context, now)?;
        Ok((action, Context::Value(Arc::new(context))))
    });
    Ok(Candidates::Actions(actions.collect::<Result<_, Refusal>>()?))
}

fn lacks(shape: &RecordShape, context: &[(&str, &Json)]) -> bool {
    let sent = |name: &str| context.iter().any(|(sent, _)| *sent == name);
    shape.fields().any(|field| field.required && !is_supplied(field) && !sent(&field.name))
}

/// An entity with what it is in, as it is stored.
fn line(snapshot: &Snapshot, of_type: TypeId, id: &SmolStr) -> Line {
    let mut overlay = Overlay::over(snapshot.known());
    let node = overlay.number(snapshot.known(), of_type, id);
    World { types: snapshot.types(), known: snapshot.known(), overlay: &overlay }.line(node)
}

/// What a request calls an action: a name of `[actions]`, else its id, else, where that is not enough, the
/// whole of it.
fn action_name(snapshot: &Snapshot, action: &ActionShape) -> String {
    let (renames, types) = (&snapshot.settings().actions, snapshot.types());
    let is_it = |name: &str| types.action(name).is_some_and(|found| found.uid() == action.uid());
    if let Some((from, _)) = renames.iter().find(|(_, to)| is_it(to)) {
        return from.clone();
    }
    let id: &str = action.uid().eid().as_ref();
    if is_it(id) && !renames.contains_key(id) { id.to_owned() } else { action.uid().to_string() }
}
