//! What a token says, and the one way from it to another: narrower.

use serde::{Deserialize, Serialize};

use crate::{
    id::TokenId,
    permission::Permission,
    permissions::{MOST_PERMISSIONS, Permissions},
};

/// The most tokens above another.
pub const MOST_ANCESTORS: usize = 8;
/// The longest life of a token: 30 days.
pub const LONGEST_TTL_SECS: u64 = 30 * 86_400;
/// The longest name of a holder, in characters.
const LONGEST_HOLDER: usize = 128;

/// What a signed token says. Times are seconds since 1970.
///
/// Unknown fields are refused: a later version may add one that takes something away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// Its name, for lists and for revoking.
    pub id: TokenId,
    /// Whom it was given to.
    pub holder: String,
    /// What it permits.
    pub permissions: Permissions,
    /// How much of it.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
    /// When it was signed.
    pub issued: u64,
    /// From when on it permits nothing.
    pub expires: u64,
    /// The tokens it was narrowed from, the first one first. It falls with each of them, and what is done with it
    /// counts against the limits of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<Ancestor>,
}

/// How much may be done with a token; none is as much as the daemon that honours it allows by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Connections open at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// Bytes in both directions over its whole life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Bytes a second in both directions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_sec: Option<u64>,
}

/// A token above another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ancestor {
    /// Its name.
    pub id: TokenId,
    /// Its limits.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct NewClaims {
    /// Whom it is for.
    pub holder: String,
    /// What it permits.
    pub permissions: Permissions,
    /// How much of it.
    pub limits: Limits,
    /// When it expires.
    pub expires: u64,
}

/// Such a token is not given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotGranted {
    /// The holder's name.
    #[error("a holder's name has 1 to {LONGEST_HOLDER} visible characters without |")]
    Holder,
    /// Nothing is permitted, or too much.
    #[error("a token has 1 to {MOST_PERMISSIONS} permissions")]
    Count,
    /// It would be over before it began, or never.
    #[error("a token expires within 30 days, and not before it begins")]
    Expiry,
    /// A limit of nothing.
    #[error("a limit is at least 1; leave it out for none")]
    Limit,
    /// It permits what its parent does not.
    #[error("{0} is not within what the parent permits; a token made from another is only ever narrower")]
    Wider(Permission),
    /// It lives longer.
    #[error("it would outlive its parent; a token made from another is only ever narrower")]
    Longer,
    /// It may do more.
    #[error("its limits are wider than its parent's; a token made from another is only ever narrower")]
    More,
    /// There are too many above it.
    #[error("{MOST_ANCESTORS} tokens stand above it already; narrow one of those instead")]
    Deep,
}

impl Limits {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }

    fn is_within(&self, wider: &Self) -> bool {
        fn within<T: Ord>(ours: Option<T>, theirs: Option<T>) -> bool {
            match (ours, theirs) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some(ours), Some(theirs)) => ours <= theirs,
            }
        }
        within(self.connections, wider.connections)
            && within(self.bytes, wider.bytes)
            && within(self.bytes_per_sec, wider.bytes_per_sec)
    }

    /// The parent's where nothing was asked for.
    fn or(self, wider: &Self) -> Self {
        Self {
            connections: self.connections.or(wider.connections),
            bytes: self.bytes.or(wider.bytes),
            bytes_per_sec: self.bytes_per_sec.or(wider.bytes_per_sec),
        }
    }
}

impl Claims {
    /// A token of its own, from `now` on.
    pub fn new(id: TokenId, asked: NewClaims, now: u64) -> Result<Self, NotGranted> {
        let NewClaims { holder, permissions, limits, expires } = asked;
        let visible = |c: char| !c.is_control() && c != '|';
        if holder.trim().is_empty() || holder.chars().count() > LONGEST_HOLDER || !holder.chars().all(visible) {
            return Err(NotGranted::Holder);
        }
        if permissions.is_empty() || permissions.len() > MOST_PERMISSIONS {
            return Err(NotGranted::Count);
        }
        if expires <= now || expires - now > LONGEST_TTL_SECS {
            return Err(NotGranted::Expiry);
        }
        if limits.connections == Some(0) || limits.bytes == Some(0) || limits.bytes_per_sec == Some(0) {
            return Err(NotGranted::Limit);
        }
        Ok(Self { id, holder, permissions, limits, issued: now, expires, parents: Vec::new() })
    }

    /// A narrower token made from this one, which the caller has verified. Limits that are left out are this one's.
    pub fn narrow(&self, id: TokenId, mut asked: NewClaims, now: u64) -> Result<Self, NotGranted> {
        asked.limits = asked.limits.or(&self.limits);
        let mut child = Self::new(id, asked, now)?;
        if let Some(wider) = self.permissions.first_uncovered(&child.permissions) {
            return Err(NotGranted::Wider(wider.clone()));
        }
        if child.expires > self.expires {
            return Err(NotGranted::Longer);
        }
        if !child.limits.is_within(&self.limits) {
            return Err(NotGranted::More);
        }
        if self.parents.len() >= MOST_ANCESTORS {
            return Err(NotGranted::Deep);
        }
        child.parents.clone_from(&self.parents);
        child.parents.push(Ancestor { id: self.id.clone(), limits: self.limits });
        Ok(child)
    }

    /// Itself and every token above it: what it falls with.
    pub fn line(&self) -> impl Iterator<Item = &TokenId> {
        self.parents.iter().map(|parent| &parent.id).chain([&self.id])
    }

    /// The limits that hold for it, with the token whose they are: those above it and its own.
    pub fn limits_in_line(&self) -> impl Iterator<Item = (&TokenId, &Limits)> {
        self.parents.iter().map(|parent| (&parent.id, &parent.limits)).chain([(&self.id, &self.limits)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(permissions: &[&str], expires: u64) -> NewClaims {
        NewClaims {
            holder: "build".into(),
            permissions: Permissions::parse(permissions).unwrap(),
            limits: Limits::default(),
            expires,
        }
    }

    fn root() -> Claims {
        let limits = Limits { connections: Some(10), bytes: None, bytes_per_sec: Some(1000) };
        let asked = NewClaims { limits, ..asked(&["net:*.example.org", "fs.read:/srv"], 1000) };
        Claims::new(TokenId::generate(), asked, 100).unwrap()
    }

    #[test]
    fn a_child_is_narrower_in_everything_or_is_not_made() {
        let root = root();
        let narrow = |asked| root.narrow(TokenId::generate(), asked, 200);
        let child = narrow(asked(&["net:www.example.org:443"], 500)).unwrap();
        assert_eq!(child.limits, root.limits, "what is left out is the parent's");
        assert_eq!(child.line().collect::<Vec<_>>(), [&root.id, &child.id]);
        let same = narrow(asked(&["net:*.example.org", "fs.read:/srv"], 1000)).unwrap();
        assert_eq!(same.permissions, root.permissions);
        for (wrong, why) in [
            (asked(&["net:example.org"], 500), NotGranted::Wider("net:example.org".parse().unwrap())),
            (asked(&["fs.read:/srv", "fs.read:/"], 500), NotGranted::Wider("fs.read:/".parse().unwrap())),
            (asked(&["fs.write:/srv"], 500), NotGranted::Wider("fs.write:/srv".parse().unwrap())),
            (asked(&["fs.read:/srv"], 1001), NotGranted::Longer),
            (asked(&["fs.read:/srv"], 200), NotGranted::Expiry),
            (asked(&[], 500), NotGranted::Count),
        ] {
            assert_eq!(narrow(wrong), Err(why));
        }
        for limits in [
            Limits { connections: Some(11), ..Limits::default() },
            Limits { bytes_per_sec: Some(1001), ..Limits::default() },
        ] {
            let asked = NewClaims { limits, ..asked(&["fs.read:/srv"], 500) };
            assert_eq!(narrow(asked), Err(NotGranted::More));
        }
        let tighter = Limits { connections: Some(2), bytes: Some(5), bytes_per_sec: Some(1000) };
        let child = narrow(NewClaims { limits: tighter, ..asked(&["fs.read:/srv/x"], 500) }).unwrap();
        assert_eq!(child.limits, tighter);
        assert_eq!(child.limits_in_line().map(|(_, limits)| *limits).collect::<Vec<_>>(), [root.limits, tighter]);
    }

    #[test]
    fn a_line_of_tokens_ends() {
        let mut claims = root();
        for _ in 0..MOST_ANCESTORS {
            claims = claims.narrow(TokenId::generate(), asked(&["fs.read:/srv"], 1000), 200).unwrap();
        }
        let deeper = claims.narrow(TokenId::generate(), asked(&["fs.read:/srv"], 1000), 200);
        assert_eq!(deeper, Err(NotGranted::Deep));
    }

    #[test]
    fn what_no_token_may_say_is_refused() {
        let new = |asked| Claims::new(TokenId::generate(), asked, 100);
        let good = || asked(&["fs.read:/srv"], 200);
        for holder in ["", "  ", "a|b", "a\nb", &"x".repeat(129)] {
            assert_eq!(new(NewClaims { holder: holder.into(), ..good() }), Err(NotGranted::Holder), "{holder:?}");
        }
        assert_eq!(new(asked(&["fs.read:/srv"], 100 + LONGEST_TTL_SECS + 1)), Err(NotGranted::Expiry));
        assert_eq!(new(asked(&["fs.read:/srv"], 100)), Err(NotGranted::Expiry));
        let many: Vec<String> = (0..65).map(|n| format!("fs.read:/srv/{n}")).collect();
        let many = NewClaims { permissions: Permissions::parse(&many).unwrap(), ..good() };
        assert_eq!(new(many), Err(NotGranted::Count));
        let none = Limits { bytes: Some(0), ..Limits::default() };
        assert_eq!(new(NewClaims { limits: none, ..good() }), Err(NotGranted::Limit));
    }
}
