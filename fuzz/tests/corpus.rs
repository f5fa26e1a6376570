//! Every stored input holds: the seeds, and what was found and mended before.

use kura_fuzz::{Seen, corpus_of, execute, targets};

// One test, because memory is counted for the whole process.
#[test]
fn every_stored_input_holds() {
    let targets = targets::all();
    let mut found = Vec::new();
    for target in &targets {
        for (name, input) in corpus_of(target).unwrap() {
            if let Err(what) = execute(target, &input, &mut Seen::new()) {
                found.push(format!("{}/{name}: {what}", target.name));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    let folders = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus")).unwrap().count();
    assert_eq!(folders, targets.len(), "a folder of the corpus belongs to no target");
}
