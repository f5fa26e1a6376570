//! Writes the test crate `published`: the test modules of the momento crate, taken from its unpacked package.

use std::{env, fs, path::Path, process::Command};

/// Files of the package's `tests/cache/` that this server covers so far. Each exists a second time as `_v2`.
const COVERED: [&str; 6] = ["batch", "control", "item", "key_existence", "scalar", "ttl"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=Cargo.lock");

    let output = Command::new(env::var_os("CARGO").expect("cargo names itself"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let manifest = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == "momento")
        .and_then(|package| package["manifest_path"].as_str())
        .expect("momento is a dependency");
    let tests = Path::new(manifest).with_file_name("tests").join("cache");

    let mut source = String::new();
    for name in COVERED.iter().flat_map(|name| vec![name.to_string(), format!("{}_v2", name)]) {
        let file = tests.join(format!("{}.rs", name));
        assert!(file.is_file(), "{} is missing", file.display());
        source += &format!("#[path = {:?}]\nmod {};\n", file, name);
    }
    let out = env::var_os("OUT_DIR").expect("cargo gives build scripts a directory");
    fs::write(Path::new(&out).join("published.rs"), source).expect("the generated source can be written");
}
