//! Links the unwinder into the program where the linker has it as an archive.
//!
//! The shared libgcc_s asks the processor dozens of questions while it is loaded, each of which a virtual machine's host
//! answers: a fifth of what `agentctl --version` takes there.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" && has_unwinder() {
        println!("cargo::rustc-link-arg-bins=-Wl,--push-state,--whole-archive,-lgcc_eh,--pop-state");
    }
}

/// Whether the C compiler, which links, knows where the archive is: it answers with a bare name where it does not.
fn has_unwinder() -> bool {
    let is_native = env::var("HOST").ok() == env::var("TARGET").ok();
    let found = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    is_native && found.is_ok_and(|found| Path::new(String::from_utf8_lossy(&found.stdout).trim()).is_absolute())
}
