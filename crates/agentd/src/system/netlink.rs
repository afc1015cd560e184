//! Dumps over netlink: one question to the kernel, all of its answers, within a deadline.

use std::{
    io,
    time::{Duration, Instant},
};

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkBuffer, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NetlinkSerializable,
};
use netlink_sys::{Socket, SocketAddr};
use nix::sys::{
    socket::{setsockopt, sockopt::ReceiveTimeout},
    time::{TimeVal, TimeValLike},
};

/// The kernel never sends more at once unless one single message is larger.
const BUFFER: usize = 64 << 10;
/// How long the kernel may take for all of its answers.
const DEADLINE: Duration = Duration::from_secs(5);
/// How often a dump is asked for again because what it tells changed in between.
const TRIES: u32 = 3;
/// Messages are padded to multiples of so many bytes.
const ALIGNMENT: usize = 4;

/// All of the kernel's answers to `request`, at most `most`. A message that can't be decoded is left out.
pub(crate) fn dump<Q, A>(protocol: isize, request: &Q, most: usize) -> io::Result<Vec<A>>
where
    Q: NetlinkSerializable + Clone,
    A: NetlinkDeserializable,
{
    let mut tries = 0;
    loop {
        tries += 1;
        let (answers, consistent) = dump_once(protocol, request, most)?;
        if consistent || tries == TRIES {
            return Ok(answers);
        }
    }
}

fn dump_once<Q, A>(protocol: isize, request: &Q, most: usize) -> io::Result<(Vec<A>, bool)>
where
    Q: NetlinkSerializable + Clone,
    A: NetlinkDeserializable,
{
    let ends = Instant::now() + DEADLINE;
    // Connected to the kernel, so that no other program's message arrives here.
    let socket = Socket::new(protocol)?;
    socket.connect(&SocketAddr::new(0, 0))?;
    setsockopt(&socket, ReceiveTimeout, &TimeVal::milliseconds(DEADLINE.as_millis() as i64))?;
    socket.send(&packet(request), 0)?;

    let mut dump = Dump { answers: Vec::new(), most, consistent: true, ended: false };
    let mut buffer = Vec::with_capacity(BUFFER);
    while !dump.ended {
        if Instant::now() > ends {
            return Err(io::ErrorKind::TimedOut.into());
        }
        buffer.clear();
        let size = match socket.recv(&mut buffer, libc::MSG_TRUNC) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(io::ErrorKind::TimedOut.into()),
            received => received?,
        };
        if size > buffer.len() {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a netlink message is larger than 64 KiB"));
        }
        dump.take(&buffer)?;
    }
    Ok((dump.answers, dump.consistent))
}

fn packet<Q: NetlinkSerializable + Clone>(request: &Q) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(request.clone()));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// What has been received of a dump.
struct Dump<A> {
    answers: Vec<A>,
    most: usize,
    consistent: bool,
    ended: bool,
}

impl<A: NetlinkDeserializable> Dump<A> {
    /// Takes all messages of one datagram.
    fn take(&mut self, datagram: &[u8]) -> io::Result<()> {
        let mut rest = datagram;
        while !rest.is_empty() && !self.ended {
            let framed = NetlinkBuffer::new_checked(rest).map_err(invalid)?;
            let length = framed.length() as usize;
            self.consistent &= framed.flags() & NLM_F_DUMP_INTR == 0;
            match NetlinkMessage::<A>::deserialize(&rest[..length]) {
                Ok(message) => self.take_one(message.payload)?,
                Err(error) => tracing::debug!(%error, "a netlink message is left out"),
            }
            rest = rest.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        }
        Ok(())
    }

    fn take_one(&mut self, payload: NetlinkPayload<A>) -> io::Result<()> {
        match payload {
            NetlinkPayload::InnerMessage(answer) => {
                self.answers.push(answer);
                self.ended = self.answers.len() >= self.most;
            }
            NetlinkPayload::Done(done) if done.code < 0 => return Err(io::Error::from_raw_os_error(-done.code)),
            NetlinkPayload::Done(_) => self.ended = true,
            NetlinkPayload::Error(error) => return Err(error.to_io()),
            NetlinkPayload::Overrun(_) => return Err(invalid("the kernel lost a part of the answer")),
            _ => {}
        }
        Ok(())
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// A payload of any bytes.
    #[derive(Debug, PartialEq)]
    struct Raw(Vec<u8>);

    impl NetlinkDeserializable for Raw {
        type Error = Infallible;
        fn deserialize(_: &NetlinkHeader, payload: &[u8]) -> Result<Self, Infallible> {
            Ok(Self(payload.to_vec()))
        }
    }

    fn message(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = (16 + payload.len() as u32).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        bytes
    }

    fn taken(datagram: &[u8], most: usize) -> io::Result<Dump<Raw>> {
        let mut dump = Dump { answers: Vec::new(), most, consistent: true, ended: false };
        dump.take(datagram)?;
        Ok(dump)
    }

    #[test]
    fn messages_are_parted_and_the_end_is_seen() {
        let datagram = [message(20, 2, b"abcde"), message(20, 2, b""), message(3, 2, &[0; 4])].concat();
        let dump = taken(&datagram, 9).unwrap();
        assert_eq!(dump.answers, [Raw(b"abcde".to_vec()), Raw(vec![])]);
        assert!(dump.ended && dump.consistent);

        assert!(!taken(&datagram[..24], 9).unwrap().ended);
        let bounded = taken(&datagram, 1).unwrap();
        assert!(bounded.ended && bounded.answers.len() == 1);
        assert!(!taken(&message(20, NLM_F_DUMP_INTR, b"x"), 9).unwrap().consistent);
    }

    #[test]
    fn refusals_and_garbage_are_errors() {
        let refused = [&(-13_i32).to_ne_bytes()[..], &[0; 16]].concat();
        assert_eq!(taken(&message(2, 0, &refused), 9).err().unwrap().raw_os_error(), Some(13));
        assert_eq!(taken(&message(3, 0, &(-1_i32).to_ne_bytes()), 9).err().unwrap().raw_os_error(), Some(1));
        for garbage in [&b"short"[..], &[0; 16], &[0xff; 40]] {
            assert_eq!(taken(garbage, 9).err().unwrap().kind(), io::ErrorKind::InvalidData, "{garbage:?}");
        }
    }
}
