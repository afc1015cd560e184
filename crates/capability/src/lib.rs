//! Capability tokens: what sandboxed code may do, signed by agentd, expiring, and only ever narrower. No I/O.
//!
//! A token says who holds it, what it permits and until when. Whoever has agentd's public key and its list of revoked
//! tokens (both stand in one [`Feed`]) can check one without asking anybody.

mod claims;
mod feed;
mod host;
mod id;
mod key;
mod permission;
mod permissions;
mod token;

pub use self::{
    claims::{Ancestor, Claims, LONGEST_TTL_SECS, Limits, MOST_ANCESTORS, NewClaims, NotGranted},
    feed::{BadFeed, FEED_FILE, Feed, Revocations},
    host::{Authority, BadHost, Host},
    id::{BadTokenId, TokenId},
    key::{BadKey, PublicKey, SigningKey},
    permission::{BadPermission, HostPattern, Permission},
    permissions::{MOST_PERMISSIONS, Permissions},
    token::{LONGEST_TOKEN, Refused, TooLong, Verifier, sign},
};
