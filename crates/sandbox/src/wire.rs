//! Frames between whoever asks and the runner: four bytes of length, little end first, and JSON.

use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};

/// The longest frame, in bytes: two streams whose every byte JSON writes as six.
pub const LONGEST_FRAME: usize = 16 << 20;

/// A value as a frame.
pub fn frame(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, value)?;
    let length = bytes.len() - 4;
    if length > LONGEST_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the frame is too long"));
    }
    bytes[..4].copy_from_slice(&u32::try_from(length).map_err(io::Error::other)?.to_le_bytes());
    Ok(bytes)
}

/// Reads one frame of at most so many bytes.
pub(crate) fn read<T: DeserializeOwned>(stream: &mut impl Read, most: usize) -> io::Result<T> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the frame is too long"));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// Writes one frame.
pub(crate) fn write(stream: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    stream.write_all(&frame(value)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_whole_and_never_longer_than_asked() {
        let mut bytes = Vec::new();
        write(&mut bytes, &vec!["a", "b"]).unwrap();
        assert_eq!(read::<Vec<String>>(&mut bytes.as_slice(), 100).unwrap(), ["a", "b"]);
        assert!(read::<Vec<String>>(&mut bytes.as_slice(), 3).is_err());
        bytes.pop();
        assert!(read::<Vec<String>>(&mut bytes.as_slice(), 100).is_err());
        assert!(read::<Vec<String>>(&mut [255_u8; 4].as_slice(), 100).is_err());
    }
}
