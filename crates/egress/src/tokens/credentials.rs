//! A token as HTTP clients send it: as a bearer's, or as the password of Basic.

use base64::{Engine, prelude::BASE64_STANDARD};
use osmoda_capability::LONGEST_TOKEN;

/// The token in a Proxy-Authorization field. Of Basic's two parts it is the password, or the user where that is empty:
/// `http://x:TOKEN@proxy` and `http://TOKEN@proxy` both come so.
pub(crate) fn credentials(field: &str) -> Option<String> {
    let (scheme, rest) = field.trim().split_once(' ')?;
    let rest = rest.trim();
    if rest.len() > 2 * LONGEST_TOKEN {
        return None;
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let both = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
    let (user, password) = both.split_once(':').unwrap_or((&both, ""));
    let token = if password.is_empty() { user } else { password };
    Some(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_where_clients_put_it() {
        let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        for (field, token) in [
            ("Bearer cap1.a.b".to_owned(), Some("cap1.a.b")),
            ("bearer   cap1.a.b ".to_owned(), Some("cap1.a.b")),
            (basic("x:cap1.a.b"), Some("cap1.a.b")),
            (basic("cap1.a.b:"), Some("cap1.a.b")),
            (basic("cap1.a.b"), Some("cap1.a.b")),
            (basic(":"), Some("")),
            ("Basic !!".to_owned(), None),
            ("Digest x".to_owned(), None),
            ("cap1.a.b".to_owned(), None),
            (String::new(), None),
            (format!("Bearer {}", "x".repeat(20_000)), None),
        ] {
            assert_eq!(credentials(&field).as_deref(), token, "{field}");
        }
    }
}
