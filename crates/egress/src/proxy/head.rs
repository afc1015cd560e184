//! A CONNECT request's head. What two readers could read differently is refused.

use osmoda_capability::Authority;

use crate::{refusal::Refusal, tokens::credentials};

/// The largest head, in bytes.
pub(super) const LARGEST_HEAD: usize = 16_384;

/// More fields than any client sends.
const MOST_FIELDS: usize = 64;

/// What a CONNECT request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConnectHead {
    pub(super) authority: Authority,
    pub(super) token: Option<String>,
}

/// Where the head in this buffer ends; `from` is how much of it was looked at before.
pub(super) fn end_of_head(buffer: &[u8], from: usize) -> Option<usize> {
    let start = from.saturating_sub(3);
    let tail = buffer.get(start..)?;
    tail.windows(4).position(|four| four == b"\r\n\r\n").map(|at| start + at + 4)
}

/// Reads a whole head.
pub(super) fn parse_connect(head: &[u8]) -> Result<ConnectHead, Refusal> {
    let bad = Refusal::BadRequest;
    // Readers that end a line at a bare line feed see more fields than readers that don't.
    if head.iter().enumerate().any(|(at, byte)| *byte == b'\n' && (at == 0 || head.get(at - 1) != Some(&b'\r'))) {
        return Err(bad("a line ends without a carriage return"));
    }
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(head) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(bad("its head is not whole")),
        Err(_) => return Err(bad("its head is not HTTP/1")),
    }
    if request.method != Some("CONNECT") {
        return Err(bad("its method is not CONNECT"));
    }
    let authority = Authority::parse(request.path.unwrap_or_default())?;
    if authority.port.is_none() {
        return Err(bad("CONNECT needs a port, such as example.org:443"));
    }
    let mut token = None;
    let mut host: Option<Authority> = None;
    for field in request.headers.iter() {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        let value = || std::str::from_utf8(field.value).map_err(|_| bad("a field is not UTF-8"));
        if is("proxy-authorization") {
            if token.is_some() {
                return Err(bad("Proxy-Authorization stands twice"));
            }
            let none = || bad("Proxy-Authorization is neither Basic nor Bearer");
            token = Some(credentials(value()?).ok_or_else(none)?);
        } else if is("host") {
            if host.is_some() {
                return Err(bad("Host stands twice"));
            }
            host = Some(Authority::parse(value()?.trim())?);
        } else if is("transfer-encoding") || (is("content-length") && field.value.trim_ascii() != b"0") {
            return Err(bad("CONNECT has no body"));
        }
    }
    if let Some(host) = host
        && (host.host != authority.host || host.port.is_some_and(|port| Some(port) != authority.port))
    {
        return Err(bad("Host names another host than CONNECT does"));
    }
    Ok(ConnectHead { authority, token })
}

/// The token in a head that was refused, where one field shows one: for the record of the refusal and nothing else.
pub(super) fn token_in(head: &[u8]) -> Option<String> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    request.parse(head).ok()?;
    let mut shown = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case("proxy-authorization"));
    match (shown.next(), shown.next()) {
        (Some(field), None) => credentials(std::str::from_utf8(field.value).ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<ConnectHead, &'static str> {
        parse_connect(text.as_bytes()).map_err(|why| why.code())
    }

    #[test]
    fn a_refused_head_still_says_whose_it_was() {
        let head = |fields: &str| format!("CONNECT 0x7f.1:443 HTTP/1.1\r\n{fields}\r\n");
        for (head, token) in [
            (head("Proxy-Authorization: Bearer cap1.a.b\r\n"), Some("cap1.a.b")),
            (head("Proxy-Authorization: Bearer a\r\nproxy-authorization: Bearer b\r\n"), None),
            (head("Host: a.org\r\n"), None),
            ("nonsense\r\n\r\n".to_owned(), None),
        ] {
            assert!(parse_connect(head.as_bytes()).is_err(), "{head}");
            assert_eq!(token_in(head.as_bytes()).as_deref(), token, "{head}");
        }
    }

    #[test]
    fn a_head_says_where_to_and_with_which_token() {
        for (text, to, token) in [
            ("CONNECT a.org:443 HTTP/1.1\r\nHost: a.org:443\r\n\r\n", "a.org", None),
            ("CONNECT A.org.:443 HTTP/1.1\r\nhost: a.ORG\r\n\r\n", "a.org", None),
            ("CONNECT a.org:443 HTTP/1.0\r\n\r\n", "a.org", None),
            ("CONNECT a.org:443 HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "a.org", None),
            ("CONNECT a.org:443 HTTP/1.1\r\nProxy-Authorization: Bearer t\r\n\r\n", "a.org", Some("t")),
            ("CONNECT a.org:443 HTTP/1.1\r\nPROXY-authorization: Basic eDp0\r\n\r\n", "a.org", Some("t")),
            ("CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:DB8::1]:443\r\n\r\n", "[2001:db8::1]", None),
        ] {
            let head = parse(text).unwrap();
            assert_eq!((head.authority.host.to_string().as_str(), head.token.as_deref()), (to, token), "{text}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (text, code) in [
            ("CONNECT a.org HTTP/1.1\r\n\r\n", "bad_request"),
            ("CONNECT a.org: HTTP/1.1\r\n\r\n", "bad_host"),
            ("CONNECT user@a.org:443 HTTP/1.1\r\n\r\n", "bad_host"),
            ("CONNECT user:b.org@a.org:443 HTTP/1.1\r\n\r\n", "bad_host"),
            ("CONNECT http://a.org:443 HTTP/1.1\r\n\r\n", "bad_host"),
            ("CONNECT 0x7f.1:443 HTTP/1.1\r\n\r\n", "bad_host"),
            ("CONNECT 2130706433:443 HTTP/1.1\r\n\r\n", "bad_host"),
            ("CONNECT a.org:443 HTTP/1.1\r\nHost: b.org\r\n\r\n", "bad_request"),
            ("CONNECT a.org:443 HTTP/1.1\r\nHost: a.org:80\r\n\r\n", "bad_request"),
            ("CONNECT a.org:443 HTTP/1.1\r\nHost: a.org\r\nHost: a.org\r\n\r\n", "bad_request"),
            ("CONNECT a.org:443 HTTP/1.1\r\nHost: a.org, b.org\r\n\r\n", "bad_host"),
            ("CONNECT a.org:443 HTTP/1.1\r\nHost : b.org\r\n\r\n", "bad_request"),
            ("CONNECT a.org:443 HTTP/1.1\r\n Host: b.org\r\n\r\n", "bad_request"),
            ("CONNECT a.org:443 HTTP/1.1\r\nX: y\r\n folded\r\n\r\n", "bad_request"),
            ("CONNECT a.org:443 HTTP/1.1\r\nX: y\nHost: b.org\r\n\r\n", "bad_request"),
            ("CONNECT a.org:443 HTTP/1.1\r\nX: y\rHost: b.org\r\n\r\n", "bad_request"),
            ("CONNECT a.org:443 HTTP/1.1\r\nX: \0\r\n\r\n", "bad_request"),
            ("CONNECT a.org:443 HTTP/1.1\r\nContent-Length: 5\r\n\r\n", "bad_request"),
            ("CONNECT a.org:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "bad_request"),
            (
                "CONNECT a.org:443 HTTP/1.1\r\nProxy-Authorization: Bearer a\r\nProxy-Authorization: Bearer b\r\n\r\n",
                "bad_request",
            ),
            ("CONNECT a.org:443 HTTP/1.1\r\nProxy-Authorization: Digest a\r\n\r\n", "bad_request"),
            ("CONNECT a.org:443 HTTP/2.0\r\n\r\n", "bad_request"),
            ("CONNECT a.org:443\r\n\r\n", "bad_request"),
            ("CONNECT  a.org:443 HTTP/1.1\r\n\r\n", "bad_request"),
            ("CONNECT a.org:443 b.org:443 HTTP/1.1\r\n\r\n", "bad_request"),
            ("connect a.org:443 HTTP/1.1\r\n\r\n", "bad_request"),
        ] {
            assert_eq!(parse(text), Err(code), "{text:?}");
        }
    }

    #[test]
    fn a_head_ends_at_its_empty_line_however_it_arrives() {
        let text = b"CONNECT a.org:443 HTTP/1.1\r\nX: y\r\n\r\n\x16\x03";
        for cut in 0..=text.len() {
            for from in 0..=cut {
                let found = end_of_head(&text[..cut], from);
                let end = text.len() - 2;
                // What was looked at before did not hold the end.
                if from < end {
                    assert_eq!(found, (cut >= end).then_some(end), "{from}..{cut}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_fall(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_connect(&bytes);
            let _ = parse_connect(&[b"CONNECT a.org:443 HTTP/1.1\r\n", bytes.as_slice(), b"\r\n\r\n"].concat());
        }
    }
}
