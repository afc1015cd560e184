//! Zstandard on every core: a stream is cut into chunks, each of which becomes a frame of its own, with its sum. Frames
//! that follow one another are one stream to every decoder (RFC 8878, 3).

use std::{
    io::{self, Read, Write},
    num::NonZero,
    sync::{
        Mutex,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

use structured_zstd::{
    decoding::{ContentChecksum, StreamingDecoder},
    encoding::{CompressionContext, CompressionLevel},
};

/// What one frame holds.
const CHUNK: usize = 4 << 20;
/// Bytes read at once from the decoder.
const PIECE: usize = 1 << 20;
/// Pieces that wait for their reader.
const AHEAD: usize = 8;
/// zstd's level 1.
const LEVEL: i32 = 1;
/// More threads than this gain nothing: what is compressed is read and summed by one.
const MOST_THREADS: usize = 4;

struct Job {
    chunk: Vec<u8>,
    done: Sender<io::Result<Vec<u8>>>,
}

/// Where a producer writes: what is written is cut, and waits for a thread that compresses it.
pub(crate) struct Chunks {
    chunk: Vec<u8>,
    jobs: SyncSender<Job>,
    order: SyncSender<Receiver<io::Result<Vec<u8>>>>,
}

impl Chunks {
    fn cut(&mut self) -> io::Result<()> {
        let (done, frame) = channel();
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.order.send(frame).map_err(gone)?;
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        self.jobs.send(Job { chunk, done }).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend(bytes.iter().take(taken));
        if self.chunk.len() == CHUNK {
            self.cut()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes what a producer produces, compressed.
pub(crate) fn compressed<T: Send>(
    to: &mut impl Write,
    produce: impl FnOnce(&mut Chunks) -> io::Result<T> + Send,
) -> io::Result<T> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    let (jobs, waiting) = sync_channel(threads);
    let (order, frames) = sync_channel::<Receiver<io::Result<Vec<u8>>>>(threads * 2);
    let waiting = Mutex::new(waiting);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| compress(&waiting));
        }
        let producing = scope.spawn(move || {
            let mut chunks = Chunks { chunk: Vec::with_capacity(CHUNK), jobs, order };
            let produced = produce(&mut chunks)?;
            chunks.cut()?;
            Ok(produced)
        });
        let written = write(frames, to);
        let produced = producing.join().unwrap_or_else(|_| Err(io::Error::other("what is compressed can't be made")));
        written.and(produced)
    })
}

/// Frames in their order. The producer's failure is its own to tell: here, its frames end.
fn write(frames: Receiver<Receiver<io::Result<Vec<u8>>>>, to: &mut impl Write) -> io::Result<()> {
    for frame in frames {
        match frame.recv() {
            Ok(frame) => to.write_all(&frame?)?,
            Err(_) => return Err(io::Error::other("a thread that compresses has ended")),
        }
    }
    Ok(())
}

fn compress(waiting: &Mutex<Receiver<Job>>) {
    let mut context = CompressionContext::new(CompressionLevel::from_level(LEVEL));
    loop {
        let job = waiting.lock().map_err(drop).and_then(|jobs| jobs.recv().map_err(drop));
        let Ok(Job { chunk, done }) = job else { return };
        // Nobody waits where writing has failed.
        let _gone = done.send(frame(&mut context, &chunk));
    }
}

fn frame(context: &mut CompressionContext, chunk: &[u8]) -> io::Result<Vec<u8>> {
    let mut frame = Vec::new();
    context.set_content_checksum(true)?;
    context.set_pledged_content_size(chunk.len() as u64)?;
    context.write(&mut frame, chunk)?;
    context.finish_frame(&mut frame)?;
    Ok(frame)
}

/// What a stream holds, decompressed on a thread of its own.
pub(crate) struct Decompressed {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: io::Cursor<Vec<u8>>,
}

impl Read for Decompressed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.piece.read(into)? {
                0 if !into.is_empty() => match self.pieces.recv() {
                    Ok(piece) => self.piece = io::Cursor::new(piece?),
                    Err(_) => return Ok(0),
                },
                read => return Ok(read),
            }
        }
    }
}

/// Reads a compressed stream.
pub(crate) fn decompressed<T>(from: impl Read + Send, consume: impl FnOnce(Decompressed) -> T) -> T {
    let (sender, pieces) = sync_channel(AHEAD);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut decoder = StreamingDecoder::new(from);
            // Without it sums are computed and not compared.
            decoder.decoder.set_content_checksum(ContentChecksum::Verify);
            loop {
                let mut piece = Vec::with_capacity(PIECE);
                let read = Read::take(&mut decoder, PIECE as u64).read_to_end(&mut piece);
                let over = !matches!(read, Ok(1..));
                if sender.send(read.map(|_| piece)).is_err() || over {
                    return;
                }
            }
        });
        consume(Decompressed { pieces, piece: io::Cursor::default() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that neither compress to nothing nor not at all.
    fn sample(length: usize) -> Vec<u8> {
        (0..length).map(|n| ((n * n / 7) % 251) as u8).collect()
    }

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        compressed(&mut packed, |to| to.write_all(bytes)).unwrap();
        packed
    }

    fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
        decompressed(packed, |mut from| {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).map(|_| bytes)
        })
    }

    #[test]
    fn what_is_compressed_comes_back_in_its_order() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 12345] {
            let bytes = sample(length);
            let packed = pack(&bytes);
            assert!(unpack(&packed).unwrap() == bytes, "{length} bytes");
            assert!(packed.len() < length / 2 + 64, "{length} bytes became {}", packed.len());
        }
    }

    #[test]
    fn a_frame_that_is_cut_or_changed_is_found() {
        let bytes = sample(CHUNK + 1000);
        let packed = pack(&bytes);
        for place in (0..packed.len()).step_by(packed.len() / 50) {
            let mut changed = packed.clone();
            changed[place] ^= 0x10;
            // A few bits may be either way, such as one of a match that is as good elsewhere.
            assert!(unpack(&changed).is_ok_and(|read| read == bytes) || unpack(&changed).is_err(), "byte {place}");
            // What ends between two frames is whole to a decoder; the archive's own end is tar's to find.
            assert!(place == 0 || unpack(&packed[..place]).is_err(), "cut at {place}");
        }
    }

    #[test]
    fn a_full_disk_and_a_producer_that_fails_end_it() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let bytes = sample(20 * CHUNK);
        let full = compressed(&mut Full, |to| to.write_all(&bytes));
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
        let failed = compressed(&mut io::sink(), |to| {
            to.write_all(&bytes)?;
            Err::<(), _>(io::Error::from(io::ErrorKind::PermissionDenied))
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_reader_that_stops_early_ends_the_decoder() {
        let packed = pack(&sample(20 * CHUNK));
        let first = decompressed(packed.as_slice(), |mut from| {
            let mut byte = [9];
            from.read_exact(&mut byte).map(|()| byte)
        });
        assert_eq!(first.unwrap(), [0]);
    }
}
