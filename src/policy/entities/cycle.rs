//! Entities that are their own ancestors.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::Node;

/// An entity that is its own ancestor, if one can be walked to from these. Takes no stack, however deep the hierarchy is.
pub(super) fn find_cycle(
    starts: impl IntoIterator<Item = Node>,
    parents_of: impl Fn(Node) -> Vec<Node>,
) -> Option<Node> {
    // Three colours: on the way, done, or neither.
    let mut done: HashMap<Node, bool, RandomState> = HashMap::default();
    for start in starts {
        if done.contains_key(&start) {
            continue;
        }
        done.insert(start, false);
        let mut way = vec![(start, parents_of(start))];
        while let Some((node, parents)) = way.last_mut() {
            let Some(parent) = parents.pop() else {
                done.insert(*node, true);
                way.pop();
                continue;
            };
            match done.get(&parent) {
                Some(false) => return Some(parent),
                Some(true) => {}
                None => {
                    done.insert(parent, false);
                    way.push((parent, parents_of(parent)));
                }
            }
        }
    }
    None
}
