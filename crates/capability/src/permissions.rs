//! A token's permissions together.

use serde::{Deserialize, Serialize};

use crate::{
    host::Host,
    permission::{BadPermission, Permission},
};

/// The most permissions of one token.
pub const MOST_PERMISSIONS: usize = 64;

/// What a token permits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permissions(Vec<Permission>);

impl Permissions {
    /// Reads each; the first that is wrong is named.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, BadPermission> {
        texts.iter().map(|text| text.as_ref().parse()).collect::<Result<Vec<_>, _>>().map(Self::from_iter)
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Permission> {
        self.0.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is permitted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each as text.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Whether this permission is among them or narrower than one of them.
    pub fn covers(&self, permission: &Permission) -> bool {
        self.0.iter().any(|ours| ours.covers(permission))
    }

    /// The first of `others` that these do not cover.
    pub fn first_uncovered<'a>(&self, others: &'a Self) -> Option<&'a Permission> {
        others.iter().find(|other| !self.covers(other))
    }

    /// Whether a connection there is permitted.
    pub fn allows_net(&self, host: &Host, port: u16) -> bool {
        self.0.iter().any(|permission| permission.allows_net(host, port))
    }

    /// Whether any network is permitted.
    pub fn has_net(&self) -> bool {
        self.0.iter().any(|permission| matches!(permission, Permission::Net { .. }))
    }
}

impl FromIterator<Permission> for Permissions {
    /// In the order given, each once.
    fn from_iter<T: IntoIterator<Item = Permission>>(permissions: T) -> Self {
        let mut kept: Vec<Permission> = Vec::new();
        for permission in permissions {
            if !kept.contains(&permission) {
                kept.push(permission);
            }
        }
        Self(kept)
    }
}

impl<'a> IntoIterator for &'a Permissions {
    type Item = &'a Permission;
    type IntoIter = std::slice::Iter<'a, Permission>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
