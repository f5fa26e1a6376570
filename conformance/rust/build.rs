//! Gives `tests/published.rs` the test modules of the momento crate, from the unpacked package cargo builds it from.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=Cargo.lock");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo gives build scripts a directory"));
    let tests = momento().join("tests");
    let source = modules(&tests);
    for area in ["auth", "cache", "leaderboard", "topics"] {
        assert!(source.contains(&format!("mod {area} ")), "the package has no tests in tests/{area}");
    }
    fs::write(out.join("published.rs"), source).expect("OUT_DIR can be written");
}

/// Every file and directory of tests as a module. A directory's own file is one if it has tests.
fn modules(folder: &Path) -> String {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.expect("a directory can be read").path())
        .collect();
    entries.sort();
    let mut source = String::new();
    for path in entries {
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        if path.is_dir() {
            source += &format!("mod {name} {{\n{}}}\n", modules(&path));
        } else if name != "mod" {
            source += &format!("#[path = {path:?}]\nmod {name};\n");
        } else if fs::read_to_string(&path).expect("a test file can be read").contains("::test]") {
            source += &format!("#[path = {path:?}]\nmod itself;\n");
        }
    }
    source
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
