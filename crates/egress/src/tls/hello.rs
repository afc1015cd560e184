//! A ClientHello (RFC 8446, 6066), however it is cut into records and packets. Whatever is odd is refused: what two
//! readers could read differently must not reach the second one.

/// The largest ClientHello that is looked at, in bytes. Post-quantum ones have about 2000.
pub const LARGEST_HELLO: usize = 16_384;

/// More extensions than any client sends.
const MOST_EXTENSIONS: usize = 128;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
/// encrypted_client_hello, its drafts and its forerunner; what hides the name the server really serves.
const ENCRYPTED: [u16; 9] = [0xfe0d, 0xfe0c, 0xfe0b, 0xfe0a, 0xfe09, 0xfe08, 0xfd00, 0xffce, 0xff02];

/// What a ClientHello says of its server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The server's name; none where the client gave none.
    pub server_name: Option<String>,
    /// Whether it carries an encrypted ClientHello, or pretends to (GREASE).
    pub encrypted: bool,
}

/// No ClientHello that anybody should answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHello {
    /// The records are not those of a handshake.
    Record,
    /// It is larger than [`LARGEST_HELLO`].
    Large,
    /// It is not put together as it should be.
    Malformed,
    /// More than one server name, an extension twice, or something behind the hello in its record.
    Ambiguous,
}

/// Reads a ClientHello from the start of a stream; nothing where it is not whole yet.
pub fn read(stream: &[u8]) -> Result<Option<ClientHello>, BadHello> {
    let mut records = Reader(stream);
    let mut message = Vec::new();
    loop {
        let Some((kind, version, length)) = records.head() else { return Ok(None) };
        if kind != HANDSHAKE || version != 3 || length == 0 {
            return Err(BadHello::Record);
        }
        if length > LARGEST_HELLO || message.len() + length > LARGEST_HELLO + 4 {
            return Err(BadHello::Large);
        }
        let Some(fragment) = records.take(length) else {
            // What is there of a record that is cut short still says what it is.
            return check_kind(message.first().or(records.0.first())).map(|()| None);
        };
        message.extend_from_slice(fragment);
        check_kind(message.first())?;
        if let [_, a, b, c, body @ ..] = message.as_slice() {
            let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
            if length > LARGEST_HELLO {
                return Err(BadHello::Large);
            }
            if body.len() > length {
                return Err(BadHello::Ambiguous);
            }
            if body.len() == length {
                return body_of(body).map(Some);
            }
        }
    }
}

fn check_kind(first: Option<&u8>) -> Result<(), BadHello> {
    if first.is_none_or(|kind| *kind == CLIENT_HELLO) { Ok(()) } else { Err(BadHello::Record) }
}

fn body_of(body: &[u8]) -> Result<ClientHello, BadHello> {
    let mut body = Reader(body);
    let malformed = BadHello::Malformed;
    body.take(2 + 32).ok_or(malformed)?;
    let session = body.short_vector().ok_or(malformed)?;
    let suites = body.vector().ok_or(malformed)?;
    let compression = body.short_vector().ok_or(malformed)?;
    if session.len() > 32 || suites.is_empty() || suites.len() % 2 != 0 || compression.is_empty() {
        return Err(malformed);
    }
    let mut hello = ClientHello::default();
    if body.0.is_empty() {
        return Ok(hello);
    }
    let mut extensions = Reader(body.vector().ok_or(malformed)?);
    if !body.0.is_empty() {
        return Err(malformed);
    }
    let mut seen = Vec::new();
    while !extensions.0.is_empty() {
        let kind = extensions.number().ok_or(malformed)?;
        let data = extensions.vector().ok_or(malformed)?;
        if seen.contains(&kind) || seen.len() >= MOST_EXTENSIONS {
            return Err(BadHello::Ambiguous);
        }
        seen.push(kind);
        if kind == SERVER_NAME {
            hello.server_name = Some(name_of(data)?);
        }
        hello.encrypted |= ENCRYPTED.contains(&kind);
    }
    Ok(hello)
}

/// One name of type host_name, and nothing else.
fn name_of(data: &[u8]) -> Result<String, BadHello> {
    let mut data = Reader(data);
    let mut list = Reader(data.vector().ok_or(BadHello::Malformed)?);
    let kind = list.take(1).ok_or(BadHello::Malformed)?;
    let name = list.vector().ok_or(BadHello::Malformed)?;
    if !data.0.is_empty() || !list.0.is_empty() || kind != [0] {
        return Err(BadHello::Ambiguous);
    }
    let plain = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(name).ok().filter(|_| plain).map(str::to_owned).ok_or(BadHello::Malformed)
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// A vector with a length of two bytes.
    fn vector(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(length.into())
    }

    /// A vector with a length of one byte.
    fn short_vector(&mut self) -> Option<&'a [u8]> {
        let length = *self.take(1)?.first()?;
        self.take(length.into())
    }

    /// A record's type, its version's first byte and its length. What is there of it must fit already.
    fn head(&mut self) -> Option<(u8, u8, usize)> {
        let head: [u8; 5] = self.take(5)?.try_into().ok()?;
        Some((head[0], head[1], usize::from(u16::from_be_bytes([head[3], head[4]]))))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vector(data: &[u8]) -> Vec<u8> {
        [&u16::try_from(data.len()).unwrap().to_be_bytes(), data].concat()
    }

    pub(crate) fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
        [kind.to_be_bytes().to_vec(), vector(data)].concat()
    }

    pub(crate) fn server_name(name: &str) -> Vec<u8> {
        extension(0, &vector(&[vec![0], vector(name.as_bytes())].concat()))
    }

    /// The handshake message.
    fn message(extensions: &[Vec<u8>]) -> Vec<u8> {
        let body = [vec![3, 3], vec![7; 32], vec![0], vector(&[0x13, 0x01]), vec![1, 0], vector(&extensions.concat())]
            .concat();
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&[1], &length[1..], &body].concat()
    }

    pub(crate) fn record(fragment: &[u8]) -> Vec<u8> {
        [vec![22, 3, 1], vector(fragment)].concat()
    }

    pub(crate) fn hello(extensions: &[Vec<u8>]) -> Vec<u8> {
        record(&message(extensions))
    }

    fn named(name: &str) -> ClientHello {
        ClientHello { server_name: Some(name.into()), encrypted: false }
    }

    #[test]
    fn a_hello_is_read_however_it_is_cut() {
        let extensions = [extension(10, &[0, 2, 0, 29]), server_name("example.org"), extension(43, &[2, 3, 4])];
        let whole = hello(&extensions);
        assert_eq!(read(&whole), Ok(Some(named("example.org"))));
        for cut in 0..whole.len() {
            assert_eq!(read(&whole[..cut]), Ok(None), "{cut} bytes");
        }
        for size in [1, 2, 3, 5, 64] {
            let records: Vec<u8> = message(&extensions).chunks(size).flat_map(record).collect();
            assert_eq!(read(&records), Ok(Some(named("example.org"))), "fragments of {size}");
        }
        // What follows in a record of its own, such as early data, is not the hello's.
        let followed = [whole, vec![23, 3, 3, 0, 1, 9]].concat();
        assert_eq!(read(&followed), Ok(Some(named("example.org"))));
    }

    #[test]
    fn a_missing_name_and_an_encrypted_hello_are_told() {
        assert_eq!(read(&hello(&[extension(43, &[2, 3, 4])])), Ok(Some(ClientHello::default())));
        for kind in ENCRYPTED {
            let encrypted = hello(&[server_name("example.org"), extension(kind, &[0; 40])]);
            assert_eq!(read(&encrypted), Ok(Some(ClientHello { encrypted: true, ..named("example.org") })));
        }
        let mut without = message(&[]);
        // No extensions at all, as TLS 1.0 allows.
        without.truncate(without.len() - 2);
        without[3] -= 2;
        assert_eq!(read(&record(&without)), Ok(Some(ClientHello::default())));
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        use BadHello::*;
        let name = |entries: &[Vec<u8>]| hello(&[extension(0, &vector(&entries.concat()))]);
        let entry = |kind: u8, name: &str| [vec![kind], vector(name.as_bytes())].concat();
        let good = message(&[server_name("example.org")]);
        let mut longer = good.clone();
        longer.push(0);
        let mut shorter = good.clone();
        shorter[3] -= 1;
        let mut odd = good.clone();
        odd[40] = 1;
        for (stream, why) in [
            (hello(&[server_name("a.org"), server_name("b.org")]), Ambiguous),
            (hello(&[extension(9, &[]), extension(9, &[])]), Ambiguous),
            (name(&[entry(0, "a.org"), entry(0, "b.org")]), Ambiguous),
            (name(&[entry(1, "a.org")]), Ambiguous),
            (name(&[]), Malformed),
            (name(&[entry(0, "")]), Malformed),
            (name(&[entry(0, "a.org\0b.org")]), Malformed),
            (name(&[entry(0, "bücher.example")]), Malformed),
            (hello(&[extension(0, &[0, 9, 0])]), Malformed),
            (record(&longer), Ambiguous),
            (record(&shorter), Ambiguous),
            (record(&odd), Malformed),
            (record(&[2, 0, 0, 0]), Record),
            (record(&[]), Record),
            (vec![22, 2, 0, 0, 5, 1], Record),
            (vec![23, 3, 1, 0, 5, 1], Record),
            ([record(&good[..9]), vec![23, 3, 3, 0, 1, 0]].concat(), Record),
            ([record(&good[..9]), vec![21, 3, 3, 0, 2, 1, 0]].concat(), Record),
            (record(&[1, 1, 0, 0]), Large),
            (vec![22, 3, 1, 0xff, 0xff, 1], Large),
        ] {
            assert_eq!(read(&stream), Err(why), "{stream:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fall(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = read(&bytes);
            let _ = read(&record(&bytes));
            let message = [vec![1, 0], vector(&bytes)].concat();
            let _ = read(&record(&message));
        }

        #[test]
        fn a_changed_byte_never_yields_another_name_silently(at in 0_usize..100, to in any::<u8>()) {
            let mut changed = hello(&[server_name("example.org"), extension(43, &[2, 3, 4])]);
            let at = at % changed.len();
            changed[at] = to;
            if let Ok(Some(hello)) = read(&changed) {
                let name = hello.server_name.unwrap_or_default();
                prop_assert!(name.is_empty() || name.len() == "example.org".len());
            }
        }
    }
}
