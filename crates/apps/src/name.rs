//! Names of apps.

use std::fmt;

use crate::AppError;

/// What the unit of every app begins with.
pub const PREFIX: &str = "osmoda-app-";
const LONGEST: usize = 48;

/// The name of an app: whole or refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppName(String);

impl AppName {
    /// The name that is this text.
    pub fn parse(text: &str) -> Result<Self, AppError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_name = text.len() <= LONGEST
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && text.chars().all(fits);
        if is_name { Ok(Self(text.to_owned())) } else { Err(AppError::BadName(text.chars().take(100).collect())) }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its systemd unit.
    pub fn unit(&self) -> String {
        format!("{PREFIX}{}.service", self.0)
    }

    /// Its folder below /var/lib.
    pub fn folder(&self) -> String {
        format!("{PREFIX}{}", self.0)
    }

    /// The name of the app whose unit this is.
    pub fn of_unit(unit: &str) -> Option<Self> {
        Self::parse(unit.strip_prefix(PREFIX)?.strip_suffix(".service")?).ok()
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_refused_and_never_cleaned() {
        let long = "x".repeat(48);
        for text in ["a", "shop", "shop-2", "a1b2", &long] {
            let name = AppName::parse(text).unwrap();
            assert_eq!(AppName::of_unit(&name.unit()), Some(name));
        }
        let longer = "x".repeat(49);
        for text in [
            "", "-a", "a-", "1a", "A", "shop_2", "shop.2", "shop 2", "../x", "shop;ls", "shöp", "a\n", "a%i", "a@b",
            "a/b", "a\\x2d", &longer,
        ] {
            assert!(AppName::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(AppName::of_unit("nginx.service"), None);
    }
}
