//! Gives `tests/published.rs` the test modules of the momento crate, from the unpacked package cargo builds it from.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Files of the package's `tests/cache/` that are about what this server does. Each exists a second time as `_v2`.
const COVERED: [&str; 6] = ["batch", "control", "item", "key_existence", "scalar", "ttl"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rerun-if-changed=later.txt");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo gives build scripts a directory"));
    let tests = momento().join("tests/cache");
    let later = fs::read_to_string("later.txt").expect("later.txt is beside build.rs");
    let later: Vec<Later> = later.lines().filter(|line| !line.starts_with('#')).map(Later::parse).collect();

    let mut source = format!("/// Lines of `later.txt`.\nconst LATER: usize = {};\n", later.len());
    for name in COVERED.iter().flat_map(|name| [name.to_string(), format!("{name}_v2")]) {
        let published = tests.join(&name).with_extension("rs");
        let later: Vec<&Later> = later.iter().filter(|later| later.file == name).collect();
        let file = if later.is_empty() { published } else { ignoring(&later, &published, &out) };
        source += &format!("#[path = {file:?}]\nmod {name};\n");
    }
    fs::write(out.join("published.rs"), source).expect("OUT_DIR can be written");
}

/// A line of `later.txt`.
struct Later<'a> {
    file: &'a str,
    function: &'a str,
    needs: &'a str,
}

impl<'a> Later<'a> {
    fn parse(line: &'a str) -> Self {
        let (file, rest) = line.split_once(' ').expect("later.txt: file, function, what it needs");
        let (function, needs) =
            rest.trim_start().split_once(' ').expect("later.txt: file, function, what it needs");
        Self { file, function, needs: needs.trim() }
    }
}

/// A copy of a published file with an `#[ignore]` line before the functions that are for later, and no other change.
fn ignoring(later: &[&Later], published: &Path, out: &Path) -> PathBuf {
    let mut source = fs::read_to_string(published).unwrap_or_else(|e| panic!("{}: {e}", published.display()));
    for Later { function, needs, .. } in later {
        let head = format!("    async fn {function}()");
        assert_eq!(source.matches(&head).count(), 1, "{function} in {}", published.display());
        source = source.replace(&head, &format!("    #[ignore = \"needs {needs}\"]\n{head}"));
    }
    let copy = out.join(published.file_name().expect("a test file has a name"));
    fs::write(&copy, source).expect("OUT_DIR can be written");
    copy
}

/// Where cargo unpacked the momento crate.
fn momento() -> PathBuf {
    let output = Command::new(env::var_os("CARGO").expect("cargo names itself"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform"])
        .arg(env::var_os("TARGET").expect("cargo names the target"))
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("cargo metadata lists packages");
    let momento =
        packages.iter().find(|package| package["name"] == "momento").expect("momento is a dependency");
    let manifest = momento["manifest_path"].as_str().expect("a package has a manifest");
    Path::new(manifest).parent().expect("a manifest is in a directory").to_owned()
}
