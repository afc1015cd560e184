//! What is mounted where.

use super::record::record;
use crate::system::{
    SystemError,
    mounts::{self, Mount},
    text,
};

record! {
    /// A mount.
    Row {
        mount: String,
        source: String,
        fstype: String,
        options: String,
        /// Options of the file system, which all of its mounts share.
        super_options: String,
        /// The folder of the file system that is mounted; `/` is all of it.
        root: String,
        device: String,
        id: u64,
        parent_id: u64,
    }
}

pub(super) fn rows() -> Result<Vec<Row>, SystemError> {
    let row = |mount: Mount| {
        let Mount { id, parent, device, root, target, options, fstype, source, super_options } = mount;
        let mount = text::lossy(&target, text::LONGEST_PATH);
        Row { mount, source, fstype, options, super_options, root, device, id, parent_id: parent }
    };
    Ok(mounts::mounts()?.into_iter().map(row).collect())
}
