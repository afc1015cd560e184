//! A tunnel's first bytes against the host it was opened to.

use osmoda_capability::Host;

use super::hello::{BadHello, read};

/// What is asked of a tunnel's first bytes.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Whether nothing but TLS is spoken there.
    pub must_be_tls: bool,
    /// Whether a ClientHello may carry an encrypted one, whose name can't be checked.
    pub allow_ech: bool,
    /// Whether plain HTTP may be spoken, whose hosts are not checked.
    pub allow_plain_http: bool,
}

/// How a tunnel's first bytes stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstBytes {
    /// Not enough is there yet; nothing may leave.
    More,
    /// They may leave.
    Pass,
    /// They may not.
    Refused(Refused),
}

/// Why a tunnel ends before it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Something else than TLS on a port of TLS.
    NotTls,
    /// The ClientHello can't be read with certainty.
    Hello(BadHello),
    /// It names no server.
    NoName,
    /// It names another server than the one that the tunnel was opened to.
    OtherName,
    /// It hides the name.
    Encrypted,
    /// Plain HTTP inside a tunnel: its requests could name any host.
    PlainHttp,
}

/// Requests begin with one of these (RFC 9110, 5789, 4918 and their kin; PRI is HTTP/2 without TLS).
const METHODS: [&[u8]; 23] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"CONNECT ",
    b"OPTIONS ",
    b"TRACE ",
    b"PATCH ",
    b"PRI ",
    b"PROPFIND ",
    b"PROPPATCH ",
    b"MKCOL ",
    b"COPY ",
    b"MOVE ",
    b"LOCK ",
    b"UNLOCK ",
    b"REPORT ",
    b"SEARCH ",
    b"PURGE ",
    b"QUERY ",
    b"MERGE ",
    b"SUBSCRIBE ",
];

/// Judges what a client sent first in a tunnel to `host`.
pub fn judge(bytes: &[u8], host: &Host, rules: Rules) -> FirstBytes {
    match bytes {
        [] => FirstBytes::More,
        [22] => FirstBytes::More,
        [22, 3, ..] => hello(bytes, host, rules),
        [22, _, ..] if !rules.must_be_tls => FirstBytes::Pass,
        _ if rules.must_be_tls => FirstBytes::Refused(Refused::NotTls),
        _ if rules.allow_plain_http => FirstBytes::Pass,
        _ => plain(bytes),
    }
}

fn hello(bytes: &[u8], host: &Host, rules: Rules) -> FirstBytes {
    let hello = match read(bytes) {
        Ok(None) => return FirstBytes::More,
        Ok(Some(hello)) => hello,
        Err(why) => return FirstBytes::Refused(Refused::Hello(why)),
    };
    if hello.encrypted && !rules.allow_ech {
        return FirstBytes::Refused(Refused::Encrypted);
    }
    match (&hello.server_name, host) {
        // RFC 6066 has no addresses there; a client that writes one writes the right one.
        (None, Host::Address(_)) => FirstBytes::Pass,
        (None, Host::Name(_)) => FirstBytes::Refused(Refused::NoName),
        (Some(name), _) if !name.ends_with('.') && Host::parse(name).as_ref() == Ok(host) => FirstBytes::Pass,
        (Some(_), _) => FirstBytes::Refused(Refused::OtherName),
    }
}

/// Whether this is the start of an HTTP request. Servers skip empty lines before one (RFC 9112, 2.2).
fn plain(bytes: &[u8]) -> FirstBytes {
    let start = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(bytes.len());
    let bytes = bytes.get(start..).unwrap_or_default();
    if METHODS.iter().any(|method| bytes.starts_with(method)) {
        return FirstBytes::Refused(Refused::PlainHttp);
    }
    // Empty lines without end are nothing that anybody speaks.
    if METHODS.iter().any(|method| method.starts_with(bytes)) && start < 16 {
        FirstBytes::More
    } else {
        FirstBytes::Pass
    }
}

impl Refused {
    /// Its stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotTls => "not_tls",
            Self::Hello(_) => "bad_client_hello",
            Self::NoName => "server_name_missing",
            Self::OtherName => "server_name_mismatch",
            Self::Encrypted => "encrypted_client_hello",
            Self::PlainHttp => "plain_http_in_tunnel",
        }
    }

    /// The alert (RFC 8446, 6) that tells a TLS client what happened.
    pub const fn alert(self) -> Option<[u8; 7]> {
        let description = match self {
            Self::NotTls | Self::PlainHttp => return None,
            // decode_error, missing_extension, unrecognized_name, access_denied
            Self::Hello(_) => 50,
            Self::NoName => 109,
            Self::OtherName => 112,
            Self::Encrypted => 49,
        };
        Some([21, 3, 3, 0, 2, 2, description])
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::hello::tests::{extension, hello, record, server_name},
        *,
    };

    const TLS: Rules = Rules { must_be_tls: true, allow_ech: false, allow_plain_http: false };
    const ANY: Rules = Rules { must_be_tls: false, allow_ech: false, allow_plain_http: false };

    fn to(host: &str) -> Host {
        Host::parse(host).unwrap()
    }

    #[test]
    fn the_name_in_the_hello_is_the_host_that_was_asked_for() {
        use FirstBytes::{Pass, Refused as No};
        use Refused::*;
        let named = |name: &str| hello(&[server_name(name)]);
        let ech = hello(&[server_name("good.org"), extension(0xfe0d, &[0; 40])]);
        for (bytes, host, verdict) in [
            (named("good.org"), "good.org", Pass),
            (named("GOOD.org"), "good.org", Pass),
            (named("xn--bcher-kva.example"), "bücher.example", Pass),
            (named("evil.org"), "good.org", No(OtherName)),
            (named("good.org.evil.org"), "good.org", No(OtherName)),
            (named("www.good.org"), "good.org", No(OtherName)),
            (named("good.org."), "good.org", No(OtherName)),
            (named("good.org:443"), "good.org", No(OtherName)),
            (hello(&[]), "good.org", No(NoName)),
            (hello(&[]), "192.0.2.1", Pass),
            (named("192.0.2.1"), "192.0.2.1", Pass),
            (named("good.org"), "192.0.2.1", No(OtherName)),
            (ech, "good.org", No(Encrypted)),
            (record(&[2]), "good.org", No(Hello(BadHello::Record))),
        ] {
            for rules in [TLS, ANY] {
                assert_eq!(judge(&bytes, &to(host), rules), verdict, "{host} {bytes:?}");
            }
        }
        let ech = hello(&[server_name("good.org"), extension(0xfe0d, &[0; 40])]);
        assert_eq!(judge(&ech, &to("good.org"), Rules { allow_ech: true, ..TLS }), Pass);
    }

    #[test]
    fn nothing_leaves_before_it_is_known() {
        let bytes = hello(&[server_name("good.org")]);
        for cut in 0..bytes.len() {
            assert_eq!(judge(&bytes[..cut], &to("good.org"), TLS), FirstBytes::More, "{cut}");
        }
        for text in ["", "G", "GE", "GET", "\r\nGE", "P", "PROPF"] {
            assert_eq!(judge(text.as_bytes(), &to("good.org"), ANY), FirstBytes::More, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_tls_has_no_place_on_its_ports_and_http_in_no_tunnel() {
        use FirstBytes::{Pass, Refused as No};
        use Refused::*;
        for (text, rules, verdict) in [
            ("SSH-2.0-x\r\n", ANY, Pass),
            ("SSH-2.0-x\r\n", TLS, No(NotTls)),
            ("\u{16}\u{2}", ANY, Pass),
            ("\u{16}\u{2}", TLS, No(NotTls)),
            ("get / HTTP/1.1\r\n", ANY, Pass),
            ("GET / HTTP/1.1\r\n", ANY, No(PlainHttp)),
            ("\r\n\r\nPOST /", ANY, No(PlainHttp)),
            ("PRI * HTTP/2.0\r\n\r\nSM", ANY, No(PlainHttp)),
            ("GETTING", ANY, Pass),
            ("\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n", ANY, Pass),
            ("GET / HTTP/1.1\r\n", Rules { allow_plain_http: true, ..ANY }, Pass),
            ("GET / HTTP/1.1\r\n", Rules { allow_plain_http: true, ..TLS }, No(NotTls)),
        ] {
            assert_eq!(judge(text.as_bytes(), &to("good.org"), rules), verdict, "{text:?}");
        }
    }
}
