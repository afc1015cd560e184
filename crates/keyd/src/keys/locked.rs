//! A page of memory that is never swapped out, never in a core and never in a child: where the master key lives.

use std::{num::NonZeroUsize, ptr::NonNull};

use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mlock, mmap_anonymous, munmap};
use zeroize::Zeroize;

/// One page; every kernel's page is at least this large, and locking rounds up.
const PAGE: NonZeroUsize = match NonZeroUsize::new(4096) {
    Some(page) => page,
    None => unreachable!(),
};

/// 32 bytes in a page of their own.
#[derive(Debug)]
pub(super) struct Locked {
    page: NonNull<[u8; 32]>,
    is_locked: bool,
}

// SAFETY: the page is owned by this value alone, is only written before the value is shared (`new` holds it
// exclusively) and when it is dropped (`&mut`), and is plain bytes, so that reads from several threads are fine.
#[expect(unsafe_code)]
unsafe impl Send for Locked {}
// SAFETY: as above: `&Locked` only reads.
#[expect(unsafe_code)]
unsafe impl Sync for Locked {}

impl Locked {
    /// Moves the bytes in and wipes where they were.
    #[expect(unsafe_code)]
    pub(super) fn new(bytes: &mut [u8; 32]) -> nix::Result<Self> {
        // SAFETY: an anonymous private mapping at an address of the kernel's choice touches no other memory.
        let page =
            unsafe { mmap_anonymous(None, PAGE, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_PRIVATE)? };
        // SAFETY: the range is the mapping made above; neither advice changes what the memory holds.
        let is_locked = unsafe {
            madvise(page, PAGE.get(), MmapAdvise::MADV_DONTDUMP)?;
            madvise(page, PAGE.get(), MmapAdvise::MADV_WIPEONFORK)?;
            mlock(page, PAGE.get()).is_ok()
        };
        let page = page.cast::<[u8; 32]>();
        // SAFETY: the page is mapped, writable, page-aligned, larger than 32 bytes, and known to nobody else.
        unsafe { page.write(*bytes) };
        bytes.zeroize();
        Ok(Self { page, is_locked })
    }

    #[expect(unsafe_code)]
    pub(super) fn bytes(&self) -> &[u8; 32] {
        // SAFETY: the page was initialised in `new`, stays mapped until drop, and is never written while shared.
        unsafe { self.page.as_ref() }
    }

    /// Whether the system agreed to keep it out of the swap.
    pub(super) fn is_locked(&self) -> bool {
        self.is_locked
    }
}

impl Drop for Locked {
    #[expect(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: `&mut self` is the only access, the page is mapped and writable until the next statement.
        unsafe { self.page.as_mut() }.zeroize();
        // SAFETY: the mapping was made in `new` with this length, and no reference to it outlives `self`.
        let _ = unsafe { munmap(self.page.cast(), PAGE.get()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_move_in_and_are_wiped_where_they_were() {
        let mut bytes = [7; 32];
        let locked = Locked::new(&mut bytes).unwrap();
        assert_eq!((bytes, *locked.bytes()), ([0; 32], [7; 32]));
    }
}
