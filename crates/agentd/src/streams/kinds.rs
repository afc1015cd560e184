//! Which types a subscriber wants.

use osmoda_ipc::Fault;

/// Types and prefixes in one filter.
const MOST: usize = 16;
/// Bytes of one of them.
const LONGEST: usize = 128;

/// Types, and prefixes that end in a dot or star; all of them where there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds(Vec<String>);

impl Kinds {
    /// Reads `a.,b*,c.d`.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, Fault> {
        let kinds: Vec<String> =
            text.into_iter().flat_map(|text| text.split(',')).map(|kind| kind.trim().to_owned()).collect();
        if kinds.len() > MOST || kinds.iter().any(|kind| kind.is_empty() || kind.len() > LONGEST) {
            return Err(Fault::bad_request(
                "invalid_request",
                format!("type takes 1 to {MOST} types or prefixes such as request. between commas"),
            ));
        }
        Ok(Self(kinds))
    }

    /// Whether it is wanted.
    pub(crate) fn want(&self, kind: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|wanted| matches(wanted, kind))
    }
}

fn matches(wanted: &str, kind: &str) -> bool {
    match wanted.strip_suffix('*').or_else(|| wanted.ends_with('.').then_some(wanted)) {
        Some(prefix) => kind.starts_with(prefix),
        None => kind == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_prefixes_choose() {
        let table = [
            (None, "anything", true),
            (Some("request."), "request.failed", true),
            (Some("request."), "requests", false),
            (Some("shell*"), "shell_exec.intent", true),
            (Some("shell_exec"), "shell_exec.intent", false),
            (Some("a.b, request."), "request.failed", true),
            (Some("*"), "anything", true),
        ];
        for (text, kind, wanted) in table {
            assert_eq!(Kinds::parse(text).unwrap().want(kind), wanted, "{text:?} {kind}");
        }
        for text in ["", "a,,b", &"x".repeat(129), &"a,".repeat(17)] {
            assert!(Kinds::parse(Some(text)).is_err(), "{text}");
        }
    }
}
