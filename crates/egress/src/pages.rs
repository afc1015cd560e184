//! Memory that only the start needed, given back: most of a program's code runs once.
//!
//! Reading the command line, the settings and the schemas maps nearly all of the program's file. What the proxy itself
//! needs of it is a small part, and is mapped again by its first use.

use std::{ffi::c_void, fs, io, ptr::NonNull};

use nix::sys::mman::{MmapAdvise, madvise};

/// Lets go of the pages of this process's code. They come back from their files one by one, when they run.
pub(crate) fn give_back_code() -> io::Result<()> {
    for (start, length) in code(&fs::read_to_string("/proc/self/maps")?) {
        give_back(start, length)?;
    }
    Ok(())
}

/// A request for so many bytes or more gets a mapping of its own, which goes back to the system when it is freed.
#[cfg(target_env = "gnu")]
const LARGE: i32 = 131_072;

/// Keeps large buffers apart from the heap for good. glibc does so at first, and takes them from the heap once one was freed,
/// which then keeps up to twice its size (mallopt(3), `M_MMAP_THRESHOLD`).
#[cfg(target_env = "gnu")]
#[expect(unsafe_code)]
pub(crate) fn keep_large_apart() {
    // SAFETY: it sets a number of the allocator, under the allocator's own lock, and touches no memory that was given out.
    // Where it is refused all stays as it was.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
}

/// Other allocators give large buffers back by themselves.
#[cfg(not(target_env = "gnu"))]
pub(crate) const fn keep_large_apart() {}

#[expect(unsafe_code)]
fn give_back(start: usize, length: usize) -> io::Result<()> {
    let Some(start) = NonNull::new(start as *mut c_void) else { return Ok(()) };
    // SAFETY: `code` names whole mappings of files that are private, executable and not writable. Nothing was ever
    // written to them (what the loader relocates is mapped elsewhere), so the file holds what the pages hold, and the
    // kernel maps them again on the next access (madvise(2), MADV_DONTNEED).
    unsafe { madvise(start, length, MmapAdvise::MADV_DONTNEED) }.map_err(io::Error::from)
}

/// The mappings of code in `/proc/PID/maps` (proc_pid_maps(5)): start and length.
fn code(maps: &str) -> Vec<(usize, usize)> {
    let of_line = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let (range, rights, inode, path) = (fields.next()?, fields.next()?, fields.nth(2)?, fields.next()?);
        let (start, end) = range.split_once('-')?;
        let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        (rights == "r-xp" && inode != "0" && path.starts_with('/')).then(|| (start, end.saturating_sub(start)))
    };
    maps.lines().filter_map(of_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_what_is_private_executable_and_of_a_file() {
        let maps = "\
564aa19ce000-564aa1b74000 r--p 00000000 08:01 12 /usr/lib/osmoda/osmoda-egress
564aa1b74000-564aa2111000 r-xp 001a6000 08:01 12 /usr/lib/osmoda/osmoda-egress
564aa2111000-564aa2137000 r--p 00742000 08:01 12 /usr/lib/osmoda/osmoda-egress
564aa2137000-564aa213d000 rw-p 00768000 08:01 12 /usr/lib/osmoda/osmoda-egress
7f5976182000-7f59761b6000 rwxp 00000000 08:01 13 /usr/lib/strange.so
7f5976352000-7f59763a5000 r-xs 00000000 08:01 14 /usr/lib/shared.so
7ffdb29f0000-7ffdb29f2000 r-xp 00000000 00:00 0 [vdso]
7f0000000000-7f0000001000 r-xp 00000000 00:00 0 \n";
        assert_eq!(code(maps), [(0x564a_a1b7_4000, 0x59_d000)]);
    }

    #[test]
    fn what_was_given_back_runs_all_the_same() {
        assert!(!code(&fs::read_to_string("/proc/self/maps").unwrap()).is_empty());
        give_back_code().unwrap();
        assert_eq!(format!("{}", f64::from(2_u8).sqrt()), "1.4142135623730951");
    }
}
