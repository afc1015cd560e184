//! Which rule judges a program: by its name, where it is found where programs are.

use std::{collections::HashMap, path::Path, sync::LazyLock};

use super::{
    output,
    state::{Flow, State},
    tables,
    tool::{Tool, Verbs},
    value::Value,
    walk::Judge,
};
use crate::guard::resolve;

/// A program that is about to be judged.
pub(super) struct Call<'c> {
    /// Its name, without a folder.
    pub(super) name: &'c str,
    /// What follows the name.
    pub(super) arguments: &'c [Value],
    pub(super) state: State,
}

/// How a program is judged.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// It is ordinary whatever its arguments.
    Plain,
    /// By its options and operands.
    Tool(&'static Tool),
    /// By its subcommand.
    Verbs(&'static Verbs),
    /// It always asks.
    Asks(&'static str, &'static str),
    /// In its own way.
    Own(fn(&mut Judge<'_>, Call<'_>) -> Flow),
}

/// Folders whose programs are known by their name; all of them are guarded.
const FOLDERS: &[&str] = &["/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/local/bin", "/run/current-system/sw/bin"];
/// Where a link in such a folder may lead.
const HOMES: &[&str] =
    &["/bin", "/sbin", "/lib", "/usr", "/nix/store", "/etc/alternatives", "/run/current-system", "/snap/bin"];
/// Programs that are many, by the name they are called by.
const MANY: &[&str] = &["busybox", "toybox", "coreutils", "systemctl", "gnu-coreutils"];

/// Programs that say their version to a short question, and do nothing else then.
const ASK_SHORTLY: &[&str] = &[
    "python", "python2", "python3", "node", "npm", "go", "cargo", "rustc", "docker", "pip", "pip3", "make", "nix",
    "ssh",
];

static TABLE: LazyLock<HashMap<&'static str, Kind>> = LazyLock::new(tables::table);

impl Judge<'_> {
    /// Judges a program and says what it leaves behind.
    pub(super) fn program(&mut self, name: &str, arguments: &[Value], state: State, external: bool) -> Flow {
        let base = if name.contains('/') {
            match self.known_by_name(name, &state) {
                Some(base) => base,
                None => {
                    self.ask("unknown_program", format!("{name} is no program that is known"));
                    return Flow::plain(state);
                }
            }
        } else {
            name.to_owned()
        };
        let listed = |names: &[String]| names.iter().any(|listed| *listed == base || *listed == name);
        if listed(&self.scene.config.always_ask) {
            self.ask("always_asks", format!("{base} always asks: the configuration says so"));
        }
        if !external && !name.contains('/') && self.is_builtin(&base) {
            return self.builtin(&base, arguments, state);
        }
        if listed(&self.scene.config.ordinary_programs) {
            return Flow::plain(state);
        }
        let call = Call { name: &base, arguments, state };
        // mkfs.ext4, fsck.vfat, python3.12.
        let family = base.split_once('.').map_or(base.as_str(), |(family, _)| family);
        let Some(kind) = TABLE
            .get(base.as_str())
            .or_else(|| TABLE.get(family).filter(|kind| matches!(kind, Kind::Asks(..))))
            .copied()
        else {
            self.ask("unknown_program", format!("{base} is no program that is known"));
            return Flow::plain(call.state);
        };
        if let [only] = arguments
            && let Some(question) = only.known()
            && (matches!(question, "--version" | "--help")
                || (ASK_SHORTLY.contains(&base.as_str()) && matches!(question, "-V" | "-v" | "version")))
            && !matches!(kind, Kind::Plain)
        {
            return Flow::plain(call.state);
        }
        match kind {
            Kind::Plain => {
                let out = output::of(self, &call);
                Flow::both(call.state, out)
            }
            Kind::Tool(tool) => {
                self.tool(tool, &call);
                let out = output::of(self, &call);
                Flow::both(call.state, out)
            }
            Kind::Verbs(verbs) => {
                self.verbs(verbs, &call);
                let out = output::of(self, &call);
                Flow::both(call.state, out)
            }
            Kind::Asks(code, text) => {
                self.ask(code, format!("{base} {text}"));
                Flow::plain(call.state)
            }
            Kind::Own(judge) => judge(self, call),
        }
    }

    /// The name of a program that is given by its path.
    fn known_by_name(&mut self, path: &str, state: &State) -> Option<String> {
        let value = Value::text(path);
        let [pattern] = self.patterns(&value, state)?.try_into().ok()?;
        let path = pattern.plain()?.path()?;
        let (folder, base) = (path.parent()?, path.file_name()?.to_str()?);
        if !FOLDERS.iter().any(|known| folder == Path::new(known)) {
            return None;
        }
        let real = resolve::follow(&path)?;
        if !HOMES.iter().any(|home| real.starts_with(home)) {
            return None;
        }
        // A link to another program is that program.
        let real_base = real.file_name()?.to_str()?;
        let other = TABLE.contains_key(real_base) && real_base != base && !MANY.contains(&real_base);
        Some(if other && !TABLE.contains_key(base) { real_base.to_owned() } else { base.to_owned() })
    }
}
