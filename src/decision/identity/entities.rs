//! Random entities and values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Tree, json};

use super::schema::{ENUM, Fields, Kind, LISTED, RandomSchema, action_type};
use super::tape::Tape;

/// An entity: the number of its type, and its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Uid(pub(super) usize, pub(super) String);

/// What is said of an entity, in a store or in a request.
#[derive(Debug, Clone)]
pub(super) struct Thing {
    pub(super) uid: Uid,
    pub(super) attributes: Map<String, Tree>,
    pub(super) tags: Map<String, Tree>,
    pub(super) parents: BTreeSet<Uid>,
}

/// The first few are stored, the last ones never.
const IDS: [&str; 8] = ["a", "b", "", "q\"u::\"", "ü", "é", "ghost", "new"];
const STORED: usize = 5;
pub(super) const TAGS: [&str; 3] = ["k", "", "key 2"];
/// The deepest chain of parents.
const DEEPEST: usize = 30;

impl Uid {
    pub(super) fn text(&self, schema: &RandomSchema) -> String {
        format!("{}::\"{}\"", schema.types[self.0].name, self.1.escape_debug())
    }

    pub(super) fn json(&self, schema: &RandomSchema) -> Tree {
        json!({"type": schema.types[self.0].name, "id": self.1})
    }
}

impl Thing {
    pub(super) fn json(&self, schema: &RandomSchema) -> Tree {
        let parents: Vec<Tree> = self.parents.iter().map(|parent| parent.json(schema)).collect();
        let mut json = json!({"uid": self.uid.json(schema), "attrs": self.attributes, "parents": parents});
        if !self.tags.is_empty() {
            json["tags"] = json!(self.tags);
        }
        json
    }
}

/// Some entity of a type, stored or not.
pub(super) fn some_uid(tape: &mut Tape, of_type: usize) -> Uid {
    if of_type == ENUM {
        return Uid(of_type, tape.pick(&LISTED).to_owned());
    }
    let id = match tape.below(10) {
        0..7 => tape.pick(&IDS[..STORED]).to_owned(),
        7 => format!("chain{}", tape.below(DEEPEST)),
        _ => tape.pick(&IDS[STORED..]).to_owned(),
    };
    Uid(of_type, id)
}

/// A value of a type, in the explicit form of Cedar's JSON that needs no schema to be read.
pub(super) fn value(tape: &mut Tape, schema: &RandomSchema, kind: &Kind) -> Tree {
    let call = |name: &str, argument: &str| json!({"__extn": {"fn": name, "arg": argument}});
    match kind {
        Kind::Long => match tape.below(4) {
            0 => json!(0),
            1 => json!(i64::MAX),
            _ => json!(tape.below(4)),
        },
        Kind::Bool => json!(tape.chance(50)),
        Kind::Text => json!(tape.pick(&TAGS)),
        Kind::Ip => call("ip", tape.pick(&["10.0.0.1", "10.0.0.0/8", "::1"])),
        Kind::Decimal => call("decimal", tape.pick(&["0.0", "1.5", "-2.25"])),
        Kind::Time => call("datetime", tape.pick(&["1970-01-01", "2024-02-29T12:00:00.123Z"])),
        Kind::Action => {
            let of_type = action_type(&schema.actions[3].uid);
            let same: Vec<_> = schema.actions.iter().filter(|action| action_type(&action.uid) == of_type).collect();
            let id = tape.pick(&same).uid.split_once("::\"").unwrap().1.trim_end_matches('"');
            json!({"__entity": {"type": of_type, "id": id}})
        }
        Kind::Entity(of_type) => json!({"__entity": some_uid(tape, *of_type).json(schema)}),
        Kind::Set(element) => (0..tape.below(3)).map(|_| value(tape, schema, element)).collect(),
        Kind::Record(fields) => Tree::Object(record(tape, schema, fields, 100)),
    }
}

/// A record. `complete`: the chance that a required attribute is there.
pub(super) fn record(tape: &mut Tape, schema: &RandomSchema, fields: &Fields, complete: usize) -> Map<String, Tree> {
    let mut record = Map::new();
    for (name, (kind, required)) in fields {
        if tape.chance(if *required { complete } else { 50 }) {
            record.insert((*name).to_owned(), value(tape, schema, kind));
        }
    }
    record
}

fn thing(tape: &mut Tape, schema: &RandomSchema, uid: Uid, complete: usize) -> Thing {
    let of_type = &schema.types[uid.0];
    let attributes = record(tape, schema, &of_type.attributes, complete);
    let mut tags = Map::new();
    for (kind, tag) in of_type.tags.iter().flat_map(|kind| TAGS.iter().map(move |tag| (kind, tag))) {
        if tape.chance(60) {
            tags.insert((*tag).to_owned(), value(tape, schema, kind));
        }
    }
    Thing { uid, attributes, tags, parents: BTreeSet::new() }
}

/// What a store has: an entity only lies in later ones, or in such as are not stored.
pub(super) fn stored(tape: &mut Tape, schema: &RandomSchema) -> Vec<Thing> {
    let mut uids: Vec<Uid> = Vec::new();
    for of_type in 0..ENUM {
        for id in &IDS[..STORED] {
            if tape.chance(70) {
                uids.push(Uid(of_type, (*id).to_owned()));
            }
        }
    }
    let loose = uids.len();
    let chained = (0..ENUM).filter(|of_type| schema.types[*of_type].parents.contains(of_type)).collect::<Vec<_>>();
    if !chained.is_empty() && tape.chance(60) {
        let of_type = tape.pick(&chained);
        uids.extend((0..=tape.below(DEEPEST)).map(|at| Uid(of_type, format!("chain{at}"))));
    }
    if tape.chance(30) {
        uids.push(Uid(ENUM, LISTED[0].to_owned()));
    }
    let mut things = Vec::new();
    for (at, uid) in uids.iter().enumerate() {
        let mut thing = thing(tape, schema, uid.clone(), 100);
        let may_hold = &schema.types[uid.0].parents;
        let later: Vec<&Uid> = uids[at + 1..].iter().filter(|uid| may_hold.contains(&uid.0)).collect();
        if at >= loose {
            // The next of a chain.
            thing.parents.extend(later.first().map(|next| (*next).clone()));
        }
        if !later.is_empty() && tape.chance(70) {
            thing.parents.insert(tape.pick(&later).clone());
            if tape.chance(40) {
                thing.parents.insert(tape.pick(&later).clone());
            }
        }
        for of_type in may_hold {
            if tape.chance(15) {
                let id = if *of_type == ENUM { LISTED[1] } else { tape.pick(&IDS[STORED..]) };
                thing.parents.insert(Uid(*of_type, id.to_owned()));
            }
        }
        things.push(thing);
    }
    things
}

/// What a request says of some entities: of those that it is about, and of others.
pub(super) fn laid_over(tape: &mut Tape, schema: &RandomSchema, about: [&Uid; 2], parents: usize) -> Vec<Thing> {
    let mut things: BTreeMap<Uid, Thing> = BTreeMap::new();
    for _ in 0..tape.below(5) {
        let uid = match tape.below(3) {
            0 => about[0].clone(),
            1 => about[1].clone(),
            _ => {
                let of_type = tape.below(ENUM);
                some_uid(tape, of_type)
            }
        };
        let mut thing = thing(tape, schema, uid.clone(), 70);
        for of_type in &schema.types[uid.0].parents {
            if tape.chance(parents) {
                thing.parents.insert(some_uid(tape, *of_type));
            }
        }
        things.insert(uid, thing);
    }
    things.into_values().collect()
}
