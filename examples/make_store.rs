//! Writes the store that `scripts/bench` measures with, and questions to it, one a line:
//! `make_store POLICIES STORE_FOLDER QUESTIONS_FOLDER`. The store's folder has to be there.

use std::io::{Error, Result};
use std::path::Path;
use std::{env, fs};

#[path = "../benches/support/mod.rs"]
mod support;

use support::Workload;

/// How many questions there are.
const QUESTIONS: usize = 10_000;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [policies, store, questions] = arguments.as_slice() else {
        return Err(Error::other("usage: make_store POLICIES STORE_FOLDER QUESTIONS_FOLDER"));
    };
    let workload = Workload::of(policies.parse().map_err(Error::other)?);
    let (store, questions) = (Path::new(store), Path::new(questions));
    for (name, text) in workload.files() {
        fs::write(store.join(name), text)?;
    }
    let lines = |of: fn(&Workload, usize) -> String| {
        (0..QUESTIONS).map(|nth| of(&workload, nth)).collect::<Vec<_>>().join("\n")
    };
    fs::write(questions.join("native"), lines(Workload::native))?;
    fs::write(questions.join("authzen"), lines(Workload::authzen))
}
