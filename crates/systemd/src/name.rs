//! Names of units.

use crate::SystemdError;

/// Unit types (systemd.unit(5)).
const TYPES: [&str; 11] =
    ["service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"];

/// The name of one unit; `.service` is added where it has no type. Never a pattern, never a flag.
pub fn unit_name(text: &str) -> Result<String, SystemdError> {
    let bad = || SystemdError::BadName(text.chars().take(256).collect());
    let fits = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    let typed = text.rsplit_once('.').is_some_and(|(_, kind)| TYPES.contains(&kind));
    let name = if typed { text.to_owned() } else { format!("{text}.service") };
    let prefix = name.rsplit_once('.').map_or("", |(prefix, _)| prefix);
    // `-.mount` and `-.slice` are the only names of the root of the trees.
    let is_flag = name.starts_with('-') && prefix != "-" || prefix.is_empty() || prefix.starts_with('@');
    if is_flag || name.len() > 255 || !name.chars().all(fits) { Err(bad()) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_units_and_never_a_pattern_or_a_flag() {
        for (text, name) in [
            ("nginx", "nginx.service"),
            ("nginx.service", "nginx.service"),
            ("getty@tty1", "getty@tty1.service"),
            ("dev-disk-by\\x2duuid.swap", "dev-disk-by\\x2duuid.swap"),
            ("-.mount", "-.mount"),
            ("a.b", "a.b.service"),
            ("logrotate.timer", "logrotate.timer"),
        ] {
            assert_eq!(unit_name(text).unwrap(), name);
        }
        for text in ["", "*", "ng?nx.service", "--help", "-x", ".service", "@.service", "a/b", "a b", "a\n", "ü", "[a]"]
        {
            assert!(unit_name(text).is_err(), "{text:?}");
        }
        assert!(unit_name(&"x".repeat(248)).is_err());
    }
}
