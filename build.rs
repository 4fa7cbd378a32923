//! Compiles `proto/` in pure Rust, so that a build needs no `protoc`.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

const FILES: [&str; 3] =
    ["zitadel/admin/v1/admin.proto", "zitadel/v1/error_detail.proto", "gatewood/v1/policy_notices.proto"];
/// Messages that travel inside others; what the service describes of itself leaves them out.
const INNER: [&str; 1] = ["google/rpc/status.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let described =
        protox::Compiler::new(["proto"])?.include_imports(true).open_files(FILES)?.encode_file_descriptor_set();
    fs::write(out.join("descriptors.bin"), described)?;
    let all = protox::compile(FILES.iter().chain(&INNER), ["proto"])?;
    let mut config = prost_build::Config::new();
    config.enable_type_names().include_file("messages.rs").compile_fds(all)?;
    Ok(())
}
